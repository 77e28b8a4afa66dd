//! All that a test could leave over, a line each, put together of what a suite has: two snapshots are equal, or their
//! difference says what is left over and what is gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;

/// What there is at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Adds lines of a kind.
    #[must_use]
    pub fn with(mut self, kind: &str, lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter().map(|line| format!("{kind} {line}"));
        self.0.extend(lines);
        self
    }

    /// Adds the links, addresses and routes of a network namespace. Link-local addresses come and go by themselves.
    #[must_use]
    pub fn network(self, name: &str, netns: &Netns) -> Self {
        let found = observe(netns).unwrap();
        let links = found.links.iter().map(|link| {
            let (name, altnames, index) = (&link.name, &link.altnames, link.index);
            let (mac, mtu, master, up) = (link.mac, link.mtu, link.master, link.up);
            format!("{name} {altnames:?} {index} {mac:?} {mtu} {master:?} {up}")
        });
        let addresses = found.addresses.iter().map(|one| format!("{one:?}"));
        let routes = found.routes.iter().map(|route| format!("{route:?}"));
        self.with(&format!("{name}: link"), links)
            .with(
                &format!("{name}: address"),
                addresses.filter(|address| !address.contains(" fe80:")),
            )
            .with(
                &format!("{name}: route"),
                routes.filter(|route| !route.contains("(fe80:")),
            )
    }

    /// Adds what the directories of a state hold.
    #[must_use]
    pub fn state(self, root: &Path) -> Self {
        let held = held(root).into_iter();
        self.with("file", held.map(|path| path.display().to_string()))
    }

    /// Adds all files and directories below a directory but for some that stay.
    #[must_use]
    pub fn tree(self, root: &Path, stays: impl Fn(&Path) -> bool) -> Self {
        let paths = walk(root).into_iter().filter(|path| !stays(path));
        self.with("file", paths.map(|path| path.display().to_string()))
    }

    /// Adds the control groups below one, in every hierarchy, and the processes in it and them.
    #[must_use]
    pub fn control_groups(self, name: &str) -> Self {
        let groups = control_groups(name).into_iter();
        let below = groups.filter(|path| !path.ends_with(name));
        self.with("cgroup", below.map(|path| path.display().to_string()))
            .with("process", processes(name))
    }

    /// What is there and was not before.
    pub fn left_over(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// Fails unless all is as it was before.
    ///
    /// # Panics
    /// Where it is not.
    pub fn assert_same(&self, before: &Self, what: &str) {
        let (left, gone) = (self.left_over(before), before.left_over(self));
        assert!(
            left.is_empty(),
            "{what}: left over: {left:#?}, gone: {gone:#?}"
        );
        assert!(gone.is_empty(), "{what}: gone: {gone:#?}");
    }
}

/// What is mounted in the thread's namespace, a line of mountinfo each.
pub fn mounts() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    mounts.lines().map(str::to_owned).collect()
}

/// The processes in a control group and in all below it, in every hierarchy.
pub fn processes(group: &str) -> BTreeSet<String> {
    let groups = control_groups(group);
    let lists = groups.iter().map(|path| path.join("cgroup.procs"));
    let lists = lists.filter_map(|path| fs::read_to_string(path).ok());
    lists
        .flat_map(|list| list.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The directories of a control group and of all below it, in every hierarchy that is mounted.
pub fn control_groups(name: &str) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/thread-self/mounts").unwrap();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        matches!(kind, "cgroup" | "cgroup2").then(|| Path::new(path).to_owned())
    });
    let groups = hierarchies.flat_map(|root| walk(&root.join(name)));
    groups.filter(|path| is_directory(path)).collect()
}

/// Everything below a directory but the directories in it, whichever they are: those of a state stay for the next record.
pub fn held(directory: &Path) -> Vec<PathBuf> {
    let mut paths = walk(directory);
    let is_top = |path: &Path| path.parent() == Some(directory) && is_directory(path);
    paths.retain(|path| path != directory && !is_top(path));
    paths
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// A directory with every directory and file below it, parents first; nothing where it does not exist.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        if is_directory(&path) {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()));
        } else if fs::symlink_metadata(&path).is_err() {
            continue;
        }
        found.push(path);
    }
    found
}
