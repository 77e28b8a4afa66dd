//! The control groups of a topology, below `/pinwire/TOPOLOGY` of every hierarchy: makes them, puts processes in, kills
//! all that is in them and removes them. Cleaning up after a killed command rests on this file alone, so it believes no
//! record but the kernel's. Limits and readings
//! have files of their own.

mod device;
mod error;
mod hierarchy;
mod limit;
mod tree;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use tree::{collect_processes, delegate, enter, make, remove_tree, subdirectories, write};

pub(crate) use device::{DeviceLimit, DeviceNumber};
pub use error::CgroupError;
pub(crate) use hierarchy::unescape;
pub(crate) use hierarchy::{Hierarchies, Hierarchy, Version};
pub use usage::Usage;

/// The group that holds those of all topologies.
const PARENT: &str = "/pinwire";

/// A control group: the same path in every hierarchy. That one is held says nothing of its existence.
#[derive(Clone, Debug)]
pub struct Cgroup {
    hierarchies: Hierarchies,
    /// Relative to the root of a hierarchy.
    path: PathBuf,
}

impl Cgroup {
    /// The group of a topology on this host, `/pinwire/NAME`.
    ///
    /// # Errors
    /// [`CgroupError::Detect`], [`CgroupError::None`], [`CgroupError::Name`].
    pub fn topology(name: &str) -> Result<Self, CgroupError> {
        Self::at(PARENT)?.child(name)
    }

    /// The group at a path of this host, such as `/pinwire/TOPOLOGY`, from the root of every hierarchy.
    ///
    /// # Errors
    /// [`CgroupError::Detect`], [`CgroupError::None`], [`CgroupError::Name`].
    pub fn at(path: &str) -> Result<Self, CgroupError> {
        let hierarchies = Hierarchies::detect().map_err(CgroupError::Detect)?;
        Self::within(hierarchies, path)
    }

    /// The group at a path of these hierarchies.
    pub(crate) fn within(hierarchies: Hierarchies, path: &str) -> Result<Self, CgroupError> {
        if hierarchies.tracking().is_none() {
            return Err(CgroupError::None);
        }
        let root = Self {
            hierarchies,
            path: PathBuf::new(),
        };
        path.trim_matches('/')
            .split('/')
            .try_fold(root, |group, name| group.child(name))
    }

    /// The group `name` within this one: that of a container of this topology, which is named by its id.
    ///
    /// # Errors
    /// [`CgroupError::Name`].
    pub fn child(&self, name: &str) -> Result<Self, CgroupError> {
        if name.is_empty() || name.contains(['/', '\0', '\n']) || matches!(name, "." | "..") {
            return Err(CgroupError::Name(name.to_owned()));
        }
        Ok(Self {
            hierarchies: self.hierarchies.clone(),
            path: self.path.join(name),
        })
    }

    /// Makes the group and those above it, and gives groups within it their controllers.
    ///
    /// # Errors
    /// [`CgroupError::Create`], [`CgroupError::Write`]; nothing is undone.
    pub fn create_inner(&self) -> Result<(), CgroupError> {
        for hierarchy in &self.hierarchies.0 {
            make(hierarchy, &self.path)?;
            if hierarchy.version == Version::V2 {
                delegate(hierarchy, &self.path)?;
            }
        }
        Ok(())
    }

    /// Makes the group for processes; the one that it is in exists already ([`Self::create_inner`]).
    ///
    /// # Errors
    /// [`CgroupError::Create`]; nothing is undone.
    pub fn create(&self) -> Result<(), CgroupError> {
        self.hierarchies
            .0
            .iter()
            .try_for_each(|hierarchy| make(hierarchy, &self.path))
    }

    /// Moves a process in, in every hierarchy that has the group, the one that processes are found by among them. Its
    /// children to come will be born there, those that it has stay.
    ///
    /// # Errors
    /// [`CgroupError::Write`].
    pub fn add(&self, pid: i32) -> Result<(), CgroupError> {
        let mut directories = self.directories();
        directories
            .next()
            .map_or(Err(CgroupError::None), |tracking| enter(&tracking, pid))?;
        directories
            .filter(|directory| directory.exists())
            .try_for_each(|directory| enter(&directory, pid))
    }

    /// Moves a process in, in the hierarchies of version 1 alone: it was born in the right group of version 2.
    ///
    /// # Errors
    /// [`CgroupError::Write`].
    pub(crate) fn add_to_controllers(&self, pid: i32) -> Result<(), CgroupError> {
        let first = self
            .hierarchies
            .0
            .iter()
            .filter(|hierarchy| hierarchy.version == Version::V1);
        first
            .map(|hierarchy| self.directory(hierarchy))
            .try_for_each(|directory| enter(&directory, pid))
    }

    /// Whether the group exists in any hierarchy.
    pub fn exists(&self) -> bool {
        self.directories().any(|directory| directory.exists())
    }

    /// The names of the groups right within it, of all hierarchies, sorted.
    ///
    /// # Errors
    /// [`CgroupError::Read`].
    pub fn children(&self) -> Result<Vec<String>, CgroupError> {
        let mut names = Vec::new();
        for directory in self.directories() {
            let children = subdirectories(&directory)?;
            names.extend(
                children
                    .iter()
                    .filter_map(|path| path.file_name()?.to_str().map(str::to_owned)),
            );
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The processes in it and in the groups within it, of all hierarchies, sorted; zombies are left out.
    ///
    /// # Errors
    /// [`CgroupError::Read`].
    pub fn processes(&self) -> Result<Vec<i32>, CgroupError> {
        let mut pids = Vec::new();
        for directory in self.directories() {
            collect_processes(&directory, &mut pids)?;
        }
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Kills every process in it and in the groups within it with SIGKILL, again and again until there is none.
    ///
    /// # Errors
    /// [`CgroupError::Alive`] after `patience`, [`CgroupError::Kill`], [`CgroupError::Read`].
    pub fn kill(&self, patience: Duration) -> Result<(), CgroupError> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            self.kill_at_once();
            let pids = self.processes()?;
            if pids.is_empty() {
                return Ok(());
            }
            for &pid in &pids {
                self.kill_process(pid)?;
            }
            if start.elapsed() > patience {
                return Err(CgroupError::Alive {
                    path: self.path.clone(),
                    pids,
                    after: patience,
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// `cgroup.kill` of version 2, since Linux 5.14; where there is none, processes are killed one by one.
    fn kill_at_once(&self) {
        if let Some(hierarchy) = self.hierarchies.unified() {
            let _ = fs::write(hierarchy.root.join(&self.path).join("cgroup.kill"), "1");
        }
    }

    fn kill_process(&self, pid: i32) -> Result<(), CgroupError> {
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(CgroupError::Kill {
                pid,
                path: self.path.clone(),
                source: errno.into(),
            }),
        }
    }

    /// Removes it and the groups within it from every hierarchy, and the group of all topologies if that is empty then.
    /// Goes on after errors; that there is none is not one.
    ///
    /// # Errors
    /// The first [`CgroupError::Remove`] or [`CgroupError::Read`].
    pub fn remove(&self) -> Result<(), CgroupError> {
        let mut result = Ok(());
        for hierarchy in &self.hierarchies.0 {
            result = result.and(remove_tree(&hierarchy.root.join(&self.path)));
            if let Some(parent) = self
                .path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                // Others may be in it.
                let _ = fs::remove_dir(hierarchy.root.join(parent));
            }
        }
        result
    }

    pub(crate) fn hierarchies(&self) -> &Hierarchies {
        &self.hierarchies
    }

    /// The same group without the hierarchies that have this controller alone: they cost time for nothing.
    pub(crate) fn without(mut self, controller: &str) -> Self {
        self.hierarchies
            .0
            .retain(|hierarchy| hierarchy.controllers != [controller]);
        self
    }

    /// The same group, reachable by this process after the hierarchies' mounts are gone from its namespace.
    pub(crate) fn pinned(self) -> Result<Self, CgroupError> {
        let hierarchies = self.hierarchies.pinned().map_err(CgroupError::Detect)?;
        Ok(Self {
            hierarchies,
            path: self.path,
        })
    }

    /// Its directory in a hierarchy.
    pub(crate) fn directory(&self, hierarchy: &Hierarchy) -> PathBuf {
        hierarchy.root.join(&self.path)
    }

    /// Whether version 2 is all there is.
    pub(crate) fn is_unified(&self) -> bool {
        self.hierarchies
            .0
            .iter()
            .all(|hierarchy| hierarchy.version == Version::V2)
    }

    /// Its directory in the hierarchy of version 2, if there is one.
    pub(crate) fn unified_directory(&self) -> Option<PathBuf> {
        self.hierarchies
            .unified()
            .map(|hierarchy| self.directory(hierarchy))
    }

    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies
            .0
            .iter()
            .map(|hierarchy| self.directory(hierarchy))
    }
}
