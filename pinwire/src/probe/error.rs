//! What keeps a probe from running.

use std::io;

/// Why a probe could not run.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ProbeError {
    /// No interface of that name in this network namespace.
    #[error("there is no interface `{name}` in this network namespace")]
    NoSuchInterface { name: String },
    /// The interface is administratively down.
    #[error("interface `{name}` is down")]
    Down { name: String },
    /// The interface is up, but what it is connected to is not.
    #[error("interface `{name}` has no carrier: its other end is down")]
    NoCarrier { name: String },
    /// Packet sockets are not allowed.
    #[error("packet sockets are not permitted: run as root, or with CAP_NET_RAW")]
    NotPermitted,
    /// A system call failed.
    #[error("{call} on interface `{interface}`")]
    Socket {
        call: &'static str,
        interface: String,
        source: io::Error,
    },
    /// A clock cannot be read or waited for.
    #[error("{call} failed")]
    Clock {
        call: &'static str,
        source: io::Error,
    },
    /// Count or rate is zero.
    #[error("a probe needs at least one frame, and one frame per second")]
    NothingToSend,
    /// More frames than there are ids.
    #[error("{total} frames are too many: the packet format numbers {max}")]
    TooMany {
        /// Frames asked for, warm-up included.
        total: u64,
        /// Frames that can be numbered.
        max: u32,
    },
    /// The frame has no room for its id.
    #[error("a frame of {size} bytes is too short: it needs {min}")]
    Short { size: usize, min: usize },
    /// The frame is longer than the first interface's maximum transmission unit allows.
    #[error("a frame of {size} bytes is too long for interface `{interface}`")]
    Long { size: usize, interface: String },
    /// The kernel did not stamp the frames where they arrived.
    #[error("the kernel stamped no frame on arrival at `{interface}`: latencies would be wrong")]
    NoStamps { interface: String },
    /// The histogram cannot hold the latencies.
    #[error("latencies cannot be recorded")]
    Histogram(#[from] hdrhistogram::RecordError),
    /// No histogram has such bounds.
    #[error("latencies are beyond what a histogram can hold")]
    Bounds(#[source] hdrhistogram::CreationError),
}
