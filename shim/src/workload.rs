//! What a container is asked to run and within which limits: the typed, validated part of a pod that concerns one
//! container. Pure data: [`crate::spec`] turns it into an OCI runtime configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One container's process, identity, mounts and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Replaces the image's entrypoint (`command` of a Kubernetes container).
    pub command: Option<Vec<String>>,
    /// Replaces the image's arguments (`args` of a Kubernetes container).
    pub args: Option<Vec<String>>,
    /// Added to the image's environment, later entries win; names hold no `=` and no NUL.
    pub env: Vec<(String, String)>,
    /// Absolute path; the image's, or `/`, where absent.
    pub working_dir: Option<String>,
    /// Who runs it; the image's user, or root, where absent.
    pub user: Option<User>,
    /// Full capabilities, no seccomp filter, all devices.
    pub privileged: bool,
    /// Capabilities added to the default set, named as in capabilities(7) without `CAP_`; `ALL` is allowed.
    pub add_capabilities: Vec<String>,
    /// Capabilities removed after the additions; `ALL` is allowed.
    pub drop_capabilities: Vec<String>,
    /// Whether the root filesystem is mounted read-only.
    pub read_only_root: bool,
    /// `allowPrivilegeEscalation: false`: sets `no_new_privs` (prctl(2)).
    pub no_new_privileges: bool,
    /// Mounts besides the standard ones, in order.
    pub mounts: Vec<Mount>,
    /// Limits of its control group.
    pub resources: Resources,
    /// Character devices of the host that it may use besides those of every container, by their paths below `/dev`.
    #[serde(default)]
    pub devices: Vec<PathBuf>,
    /// Whether it may lock any amount of memory (`RLIMIT_MEMLOCK`), as a process does that drives a device by VFIO.
    #[serde(default)]
    pub locks_memory: bool,
}

/// The user of a container's process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id; the image's, or 0, where absent.
    pub uid: Option<u32>,
    /// Group id; the image's, or 0, where absent.
    pub gid: Option<u32>,
    /// Supplementary groups.
    pub additional_gids: Vec<u32>,
}

/// A mount of a pod's volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the container.
    pub destination: PathBuf,
    /// Whether the container may only read it.
    pub read_only: bool,
    /// Where its files are.
    pub source: MountSource,
}

/// Where the files of a mount are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A path of the host.
    Host {
        /// Absolute path.
        path: PathBuf,
        /// What must be there, or is made there.
        kind: HostPath,
    },
    /// A directory that lives as long as the pod and is shared by its containers.
    Empty {
        /// The volume's name within the pod.
        volume: String,
        /// In memory (tmpfs) rather than on disk.
        memory: bool,
    },
}

/// `type` of a Kubernetes hostPath volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostPath {
    /// Nothing is checked.
    #[default]
    Any,
    /// A directory, made with mode 0755 where absent.
    DirectoryOrCreate,
    /// A directory must exist.
    Directory,
    /// A file, made with mode 0644 where absent.
    FileOrCreate,
    /// A file must exist.
    File,
    /// A UNIX socket must exist.
    Socket,
    /// A character device must exist.
    CharDevice,
    /// A block device must exist.
    BlockDevice,
}

/// Limits of a container's control group; absent is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// CPU time limit in thousandths of a CPU (`limits.cpu`).
    pub cpu_limit_millis: Option<u64>,
    /// CPU weight in thousandths of a CPU (`requests.cpu`).
    pub cpu_request_millis: Option<u64>,
    /// Memory limit in bytes (`limits.memory`).
    pub memory_limit_bytes: Option<u64>,
    /// Limit of the number of processes and threads.
    pub pids_limit: Option<u64>,
}

/// What an image says of the process to run (OCI image specification, config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// Default arguments of the entrypoint.
    pub cmd: Vec<String>,
    /// `NAME=VALUE` pairs.
    pub env: Vec<String>,
    /// Working directory; empty for `/`.
    pub working_dir: String,
    /// `user`, `uid`, `user:group`, `uid:gid` and the mixed forms; empty for root.
    pub user: String,
}
