//! Which hierarchies of control groups the host has mounted: version 1, version 2, or both (hybrid). Reads
//! `/proc/self/mountinfo`; makes no group and moves no process.

use std::fs;
use std::io;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::directory::Directory;

/// The controllers that containers use, as cgroups(7) names them.
pub(crate) const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "devices", "memory", "pids"];

/// The version of a hierarchy's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy per set of controllers (Documentation/admin-guide/cgroup-v1).
    V1,
    /// The unified hierarchy (Documentation/admin-guide/cgroup-v2.rst).
    V2,
}

/// One mounted hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(crate) root: PathBuf,
    /// Its interface.
    pub(crate) version: Version,
    /// Those of its controllers that containers use.
    pub(crate) controllers: Vec<String>,
    /// What keeps `root` valid where it is `/proc/self/fd/N`.
    pin: Option<Arc<Directory>>,
}

/// The hierarchies of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hierarchies(pub(crate) Vec<Hierarchy>);

impl Hierarchies {
    /// Those of this host.
    ///
    /// # Errors
    /// Those of reading `/proc/self/mountinfo` and `cgroup.controllers`.
    pub(crate) fn detect() -> io::Result<Self> {
        let mut hierarchies = Self::parse(&fs::read_to_string("/proc/self/mountinfo")?);
        for hierarchy in hierarchies
            .0
            .iter_mut()
            .filter(|hierarchy| hierarchy.version == Version::V2)
        {
            let available = fs::read_to_string(hierarchy.root.join("cgroup.controllers"))?;
            hierarchy.controllers = used(available.split_ascii_whitespace());
        }
        Ok(hierarchies)
    }

    /// Those in the text of a mountinfo (`proc_pid_mountinfo(5)`); version 2 comes first, without its controllers.
    pub(crate) fn parse(mountinfo: &str) -> Self {
        let mut found: Vec<Hierarchy> = Vec::new();
        for hierarchy in mountinfo.lines().filter_map(parse_line) {
            // The same hierarchy is often mounted again, inside containers and chroots.
            let known = |other: &Hierarchy| {
                other.version == hierarchy.version && other.controllers == hierarchy.controllers
            };
            if !found.iter().any(known) {
                found.push(hierarchy);
            }
        }
        found.sort_by_key(|hierarchy| hierarchy.version == Version::V1);
        Self(found)
    }

    /// The hierarchy in which processes are found and killed: version 2 where there is one, since `cgroup.kill` leaves
    /// no process a moment to fork in.
    pub(crate) fn tracking(&self) -> Option<&Hierarchy> {
        self.0.first()
    }

    /// The hierarchy that a controller is in.
    pub(crate) fn of(&self, controller: &str) -> Option<&Hierarchy> {
        self.0
            .iter()
            .find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }

    /// The version 2 hierarchy.
    pub(crate) fn unified(&self) -> Option<&Hierarchy> {
        self.0
            .first()
            .filter(|hierarchy| hierarchy.version == Version::V2)
    }

    /// The same hierarchies through open directories, so that they stay reachable for this process after their mounts
    /// are gone from its namespace.
    ///
    /// # Errors
    /// Those of open(2).
    pub(crate) fn pinned(mut self) -> io::Result<Self> {
        for hierarchy in &mut self.0 {
            let directory = Directory::open(&hierarchy.root)?;
            hierarchy.root = directory.path();
            hierarchy.pin = Some(Arc::new(directory));
        }
        Ok(self)
    }

    /// Hierarchies at given directories, for tests.
    #[cfg(test)]
    pub(crate) fn at(roots: &[(&Path, Version, &[&str])]) -> Self {
        let hierarchy = |&(root, version, controllers): &(&Path, Version, &[&str])| Hierarchy {
            root: root.to_owned(),
            version,
            controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
            pin: None,
        };
        Self(roots.iter().map(hierarchy).collect())
    }
}

/// The hierarchy of one line, `None` for other filesystems and for hierarchies that containers do not use.
fn parse_line(line: &str) -> Option<Hierarchy> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let root = PathBuf::from(unescape(mount.split(' ').nth(4)?));
    let mut filesystem = filesystem.split(' ');
    let version = match filesystem.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let controllers = match version {
        Version::V1 => used(filesystem.nth(1)?.split(',')),
        Version::V2 => Vec::new(),
    };
    (version == Version::V2 || !controllers.is_empty()).then_some(Hierarchy {
        root,
        version,
        controllers,
        pin: None,
    })
}

fn used<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names
        .filter(|name| CONTROLLERS.contains(name))
        .map(str::to_owned)
        .collect()
}

/// Undoes the octal escapes of mountinfo: space, tab, newline and backslash.
pub(crate) fn unescape(text: &str) -> String {
    [
        (r"\040", " "),
        (r"\011", "\t"),
        (r"\012", "\n"),
        (r"\134", r"\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (escape, character)| {
        text.replace(escape, character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
55 31 0:32 /x /srv/a\\040b/memory rw,relatime - cgroup cgroup rw,memory
";

    #[test]
    fn a_hybrid_host_is_read() {
        let hierarchies = Hierarchies::parse(HYBRID);
        let roots: Vec<_> = hierarchies
            .0
            .iter()
            .map(|hierarchy| hierarchy.root.to_str().unwrap())
            .collect();
        assert_eq!(
            roots,
            [
                "/sys/fs/cgroup/unified",
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/memory"
            ]
        );
        assert_eq!(hierarchies.tracking().unwrap().version, Version::V2);
        assert_eq!(
            hierarchies.of("cpuacct").unwrap().root,
            Path::new("/sys/fs/cgroup/cpu,cpuacct")
        );
        assert!(hierarchies.of("pids").is_none());
    }

    #[test]
    fn escapes_of_mount_points_are_undone() {
        assert_eq!(unescape(r"/a\040b\134c"), r"/a b\c");
    }
}
