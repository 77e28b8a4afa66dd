//! Why a zygote does not start a container, or not even itself.

use std::io;
use std::path::PathBuf;

use crate::capability::UnknownCapability;
use crate::cgroup::CgroupError;
use crate::container::ContainerError;
use crate::device::DeviceError;
use crate::rootfs::RootfsError;
use crate::spec::SpecError;
use crate::step::StepError;
use crate::user::UserError;
use crate::volume::VolumeError;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("`{0}` cannot be the id of a container")]
    Id(String),
    #[error("there is a container `{0}` already: its control group exists")]
    Exists(String),
    #[error("no network namespace came with the request")]
    NoNetwork,
    #[error("failed to make the directory {} (mkdir)", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("failed to open the log {} (open)", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error("failed to open /dev/null (open)")]
    Null(#[source] io::Error),
    #[error("failed to make a pipe (pipe2)")]
    Recorder(#[source] io::Error),
    #[error("failed to read this process's own capabilities (capget)")]
    OwnCapabilities(#[source] caps::errors::CapsError),
    #[error(
        "the container is to lock memory without a limit, which takes the capability SYS_RESOURCE"
    )]
    MemoryLimit,
    #[error("failed to write {}", path.display())]
    Confinement { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Capability(#[from] UnknownCapability),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Rootfs(#[from] RootfsError),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// Why a zygote cannot prepare itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("the command has ended")]
    Orphan,
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Start(#[from] StartError),
}
