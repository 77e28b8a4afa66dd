//! What pods can leave behind on a machine, outside of containerd's own records.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;

/// Directories in which nothing may stay: network namespaces, state of the plugin, leases, the library's cache.
const EMPTIED: [&str; 6] = [
    "/run/netns",
    "/run/pinwire/cni/attachments",
    "/run/pinwire/cni/nodes",
    "/run/pinwire/cni/locks",
    "/var/lib/cni/networks/pods",
    "/var/lib/cni/results",
];

/// What there is on the machine with this process 1, and in this thread's network, a line each.
pub(crate) fn of(init: Pid) -> BTreeSet<String> {
    let links = observe(&Netns::current().unwrap()).unwrap().links;
    let root = PathBuf::from(format!("/proc/{init}/root"));
    let links = links.into_iter().map(|link| format!("link {}", link.name));
    let mounts = mounts(init)
        .into_iter()
        .map(|mount| format!("mount {mount}"));
    let processes = processes(&root.join("proc"));
    let processes = processes.into_iter().map(|name| format!("process {name}"));
    let files = EMPTIED.iter().flat_map(|directory| files(&root, directory));
    links.chain(mounts).chain(processes).chain(files).collect()
}

fn mounts(init: Pid) -> Vec<String> {
    let mounts = fs::read_to_string(format!("/proc/{init}/mountinfo")).unwrap();
    let point = |line: &str| line.split(' ').nth(4).unwrap().to_owned();
    mounts.lines().map(point).collect()
}

/// The names of all processes but those that ended and wait to be reaped.
fn processes(proc: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let is_zombie = status.lines().any(|line| line.starts_with("State:\tZ"));
        (!is_zombie).then(|| status.lines().next().unwrap().replace("Name:\t", ""))
    };
    fs::read_dir(proc)
        .unwrap()
        .flatten()
        .filter_map(name)
        .collect()
}

fn files(root: &Path, directory: &str) -> Vec<String> {
    let path = root.join(directory.trim_start_matches('/'));
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    // host-local's own: which address it gave last, and its lock.
    let stay = |name: &String| name.starts_with("last_reserved_ip") || name == "lock";
    names
        .filter(|name| !stay(name))
        .map(|name| format!("file {directory}/{name}"))
        .collect()
}

/// Removes a control group from every hierarchy, and all below it; what was below it, which nobody else removed.
pub(crate) fn remove_cgroups(name: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        matches!(kind, "cgroup" | "cgroup2").then(|| format!("{path}{name}"))
    });
    let mut left = Vec::new();
    for group in hierarchies {
        remove_below(Path::new(&group), &mut left);
    }
    left
}

fn remove_below(group: &Path, left: &mut Vec<String>) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            left.push(entry.path().display().to_string());
            remove_below(&entry.path(), left);
        }
    }
    let _ = fs::remove_dir(group);
}
