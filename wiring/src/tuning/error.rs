//! What can go wrong with the tuning of an interface.

use crate::annotation::tuning::Number;
use crate::kernel::netlink::NetlinkError;
use crate::machine::InterruptError;
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
    /// Something about its interrupts or CPUs could not be read.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
}
