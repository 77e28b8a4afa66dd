//! What can go wrong with the tuning of an interface.

use std::io;
use std::path::PathBuf;

use crate::annotation::tuning::Number;
use crate::kernel::netlink::NetlinkError;
use crate::machine::SysfsError;
use crate::machine::cpu::Cpus;

/// Why an interface was not tuned.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum TuningError {
    /// There is no socket.
    #[error("cannot open an ethtool socket for `{interface}`")]
    Socket {
        interface: String,
        source: NetlinkError,
    },
    /// Something of it could not be read.
    #[error("cannot read {what} of `{interface}` (ETHTOOL_MSG_{message}_GET)")]
    Read {
        what: &'static str,
        message: &'static str,
        interface: String,
        source: NetlinkError,
    },
    /// The driver refused something.
    #[error("cannot set {what} of `{interface}` (ETHTOOL_MSG_{message}_SET)")]
    Set {
        what: String,
        message: &'static str,
        interface: String,
        source: NetlinkError,
    },
    /// More than the driver has.
    #[error(
        "`{interface}` cannot have {wanted} as `tuning.{number}`: its driver has {maximum} at most"
    )]
    TooMuch {
        number: Number,
        wanted: u32,
        maximum: u32,
        interface: String,
    },
    /// The driver made something else of it.
    #[error(
        "`{interface}` has {found} instead of {wanted} as `tuning.{key}`, which its driver took"
    )]
    NotKept {
        key: String,
        wanted: String,
        found: String,
        interface: String,
    },
    /// The kernel has no such feature.
    #[error("this kernel knows no offload `{offload}`: `ethtool -k {interface}` lists them")]
    UnknownOffload { offload: String, interface: String },
    /// The driver lacks something, and nothing may be lacking.
    #[error("the driver of `{interface}` does not support {}", what.iter().map(|key| format!("`tuning.{key}`")).collect::<Vec<_>>().join(", "))]
    Unsupported {
        what: Vec<String>,
        interface: String,
    },
    /// CPUs that are not there.
    #[error("`tuning.interrupts` names the CPUs {missing}, which are not online: {online} are")]
    Offline { missing: Cpus, online: Cpus },
    /// Which vectors or CPUs there are could not be read.
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    /// A file about CPUs or interrupts could not be read.
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file does not hold a list of CPUs.
    #[error("{} holds `{text}`, which is no list of CPUs", path.display())]
    List { path: PathBuf, text: String },
    /// An interrupt could not be moved.
    #[error("cannot move interrupt {interrupt} to the CPUs {cpus} ({})", path.display())]
    Move {
        interrupt: u32,
        cpus: String,
        path: PathBuf,
        source: io::Error,
    },
}
