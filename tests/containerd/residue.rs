//! What pods can leave behind on a machine, outside of containerd's own records.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use pinwire_support::snapshot::{Snapshot, control_groups, held};
use pinwire_wiring::kernel::netns::Netns;

/// Directories which may hold nothing: network namespaces, state of the plugin, leases and the library's cache.
const EMPTIED: [&str; 3] = ["run/netns", "run/pinwire/cni", "var/lib/cni"];

/// What there is on the machine with this process 1, and in this thread's network.
pub(crate) fn of(init: Pid) -> Snapshot {
    let root = PathBuf::from(format!("/proc/{init}/root"));
    Snapshot::default()
        .network("host", &Netns::current().unwrap())
        .with("mount", mounts(init))
        .with("process", processes(&root.join("proc")))
        .with("file", EMPTIED.iter().flat_map(|name| kept(&root, name)))
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

fn kept(root: &Path, directory: &str) -> Vec<String> {
    let files = held(&root.join(directory)).into_iter();
    let names = files.map(|path| path.strip_prefix(root).unwrap().display().to_string());
    // host-local's own: the network's directory, which address it gave last, and its lock.
    let stay = |name: &String| {
        name.ends_with("/pods") || name.contains("/last_reserved_ip") || name.ends_with("/lock")
    };
    names.filter(|name| !stay(name)).collect()
}

/// Removes a control group from every hierarchy, and all below it; what was below it, which nobody else removed.
pub(crate) fn remove_cgroups(name: &str) -> Vec<String> {
    let name = name.trim_start_matches('/');
    let groups = control_groups(name);
    for group in groups.iter().rev() {
        let _ = fs::remove_dir(group);
    }
    let below = groups.iter().filter(|group| !group.ends_with(name));
    below.map(|group| group.display().to_string()).collect()
}
