//! A test's own directory, with the network namespaces of its containers in it.

use std::path::{Path, PathBuf};

use pinwire_wiring::kernel::netns::Netns;

/// The directory.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Takes a directory, which is made unless it is there.
    pub fn at(path: &Path) -> Self {
        std::fs::create_dir_all(path.join("netns")).unwrap();
        Self(path.to_owned())
    }

    /// A path below it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where the network namespace of a container is mounted.
    pub fn netns_path(&self, container: &str) -> PathBuf {
        self.path("netns").join(container)
    }

    /// Makes the network namespace of a container.
    pub fn netns(&self, container: &str) -> Netns {
        Netns::create(&self.netns_path(container)).unwrap()
    }

    /// Removes the network namespace of a container.
    pub fn remove(&self, container: &str) {
        Netns::remove(&self.netns_path(container)).unwrap();
    }

    /// The containers that have a network namespace, in order.
    pub fn containers(&self) -> Vec<String> {
        names(&self.path("netns"))
    }

    /// Removes the network namespaces of all containers.
    pub fn remove_all(&self) {
        for container in self.containers() {
            self.remove(&container);
        }
    }
}

/// The names in a directory, in order; none if it is missing.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}
