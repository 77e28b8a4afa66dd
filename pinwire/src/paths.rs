//! Where Pinwire keeps what it must remember. State lives on a tmpfs and dies with the namespaces it describes; data
//! (images, writable layers, logs) lives on disk.

use std::path::{Path, PathBuf};

use pinwire_wiring::name::{NodeName, TopologyName};

use crate::image::Digest;

/// The default directory of state.
pub const STATE: &str = "/run/pinwire";
/// The default directory of data.
pub const DATA: &str = "/var/lib/pinwire";

/// The two roots that everything of one installation is below.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Directory of state, on a tmpfs.
    pub state: PathBuf,
    /// Directory of data, on a file system that overlayfs can write to.
    pub data: PathBuf,
}

impl Roots {
    /// The directory that holds one directory for each topology.
    pub fn topologies(&self) -> PathBuf {
        self.state.join("topologies")
    }

    /// The directory that holds the disk part of each topology.
    pub fn topology_data(&self) -> PathBuf {
        self.data.join("topologies")
    }

    /// The directory that the CNI plugin keeps its state in, unless a variable says another one.
    pub fn plugin(&self) -> PathBuf {
        let other = std::env::var_os(pinwire_wiring::ledger::VARIABLE);
        let other = other.filter(|path| !path.is_empty());
        other.map_or_else(|| self.state.join("cni"), PathBuf::from)
    }

    /// The directory that holds one lock file for each topology.
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// The control group that all topologies of this installation are below, such as `/pinwire`. Installations with
    /// other roots get a name of their own, so that one never cleans up after the other.
    pub fn cgroup(&self) -> String {
        if self.state == Path::new(STATE) {
            return "/pinwire".to_owned();
        }
        let digest = Digest::of(self.state.as_os_str().as_encoded_bytes());
        format!("/pinwire-{}", &digest.hex()[..8])
    }

    /// The places of one topology.
    pub fn topology(&self, name: &TopologyName) -> TopologyPaths {
        TopologyPaths {
            name: name.clone(),
            state: self.topologies().join(name.as_str()),
            data: self.topology_data().join(name.as_str()),
            lock: self.locks().join(name.as_str()),
            cgroup: format!("{}/{name}", self.cgroup()),
            plugin: self.plugin(),
        }
    }
}

/// The places of one topology.
#[derive(Clone, Debug)]
pub struct TopologyPaths {
    /// Its name.
    pub name: TopologyName,
    /// Its directory of state, a tmpfs while there is anything in it.
    pub state: PathBuf,
    /// Its directory of data.
    pub data: PathBuf,
    /// Its lock file.
    pub lock: PathBuf,
    /// Its control group, the root of one subtree in every hierarchy.
    pub cgroup: String,
    /// The directory of the CNI plugin's state, where all topologies and pods share this host's virtual functions.
    pub plugin: PathBuf,
}

impl TopologyPaths {
    /// The record of what the topology consists of.
    pub fn record(&self) -> PathBuf {
        self.state.join("record.json")
    }

    /// The directory that the nodes' network namespaces are mounted in.
    pub fn namespaces(&self) -> PathBuf {
        self.state.join("netns")
    }

    /// The network namespace of a node.
    pub fn namespace(&self, node: &NodeName) -> PathBuf {
        self.namespaces().join(node.as_str())
    }

    /// The directory that holds one directory for each container.
    pub fn containers(&self) -> PathBuf {
        self.state.join("containers")
    }

    /// A container's own directory: its configuration and who its first process is.
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    /// Volumes in memory of a node.
    pub fn memory_volumes(&self, node: &NodeName) -> PathBuf {
        self.state.join("volumes").join(node.as_str())
    }

    /// Volumes on disk of a node.
    pub fn disk_volumes(&self, node: &NodeName) -> PathBuf {
        self.data.join("volumes").join(node.as_str())
    }

    /// The writable layer of a container; in memory, since nothing on a node's path should wait for a disk.
    pub fn writable(&self, id: &str) -> PathBuf {
        self.state.join("writable").join(id)
    }

    /// What a container wrote to its standard output and error.
    pub fn log(&self, id: &str) -> PathBuf {
        self.data.join("logs").join(format!("{id}.log"))
    }
}
