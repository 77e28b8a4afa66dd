//! What can go wrong with control groups.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What can go wrong with control groups.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum CgroupError {
    /// The mounted hierarchies cannot be read.
    #[error("failed to read which control group hierarchies are mounted")]
    Detect(#[source] io::Error),
    /// There is none.
    #[error(
        "no control group hierarchy is mounted (neither cgroup2 nor cgroup with cpu, memory, devices or pids)"
    )]
    None,
    /// A controller that something is to be limited by is missing.
    #[error("the control group controller `{0}` is not available, but a limit asks for it")]
    Missing(&'static str),
    /// A name is no directory name of its own.
    #[error("`{0}` cannot be the name of a control group")]
    Name(String),
    /// A group cannot be made.
    #[error("failed to make the control group {} (mkdir)", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// A file of a group cannot be written.
    #[error("failed to write `{value}` to {}", path.display())]
    Write {
        path: PathBuf,
        value: String,
        source: io::Error,
    },
    /// The devices of a group cannot be limited.
    #[error("failed to limit the devices of the control group {} (bpf)", path.display())]
    Devices { path: PathBuf, source: io::Error },
    /// A file of a group cannot be read.
    #[error("failed to read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A process cannot be killed.
    #[error("failed to kill process {pid} of the control group {} (kill)", path.display())]
    Kill {
        pid: i32,
        path: PathBuf,
        source: io::Error,
    },
    /// Processes outlive SIGKILL.
    #[error("the control group {} still holds the processes {pids:?} after {} s of SIGKILL", path.display(), after.as_secs())]
    Alive {
        path: PathBuf,
        pids: Vec<i32>,
        /// For how long they were killed.
        after: Duration,
    },
    /// A group cannot be removed.
    #[error("failed to remove the control group {} (rmdir)", path.display())]
    Remove { path: PathBuf, source: io::Error },
}
