//! Finds the interface of a virtual function in whatever namespace it may be: of any process, or mounted anywhere.
//!
//! For the rare case that it is neither in its container's namespace nor at home: a process keeps the namespace alive that
//! the runtime has unmounted, or somebody moved the interface on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::kernel::netns::Netns;
use crate::machine::PciAddress;
use crate::vf::{Device, device};

/// The namespace and the interface. What cannot be entered is passed over.
pub(super) fn search(address: PciAddress) -> Option<(Netns, Device)> {
    let mut seen = HashSet::new();
    for path in processes().into_iter().chain(mounts()) {
        let Ok(netns) = Netns::open(&path) else {
            continue;
        };
        if !seen.insert(netns.id()) {
            continue;
        }
        if let Ok(Some(device)) = device::find(&netns, address) {
            return Some((netns, device));
        }
    }
    None
}

fn processes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(|entry| entry.path().join("ns/net"))
        .collect()
}

/// Where network namespaces are mounted (proc(5), mountinfo: the root is `net:[INODE]`).
fn mounts() -> Vec<PathBuf> {
    let all = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let path = |line: &str| {
        let mut words = line.split(' ').skip(3);
        let (root, path) = (words.next()?, words.next()?);
        root.starts_with("net:[").then(|| unescape(path))
    };
    all.lines().filter_map(path).collect()
}

/// Spaces and the like are written as octal digits behind a backslash.
fn unescape(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                path.push(char::from(code));
                path.push_str(&part[3..]);
            }
            None => path.push_str(part),
        }
    }
    Path::new(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_mounts_are_read() {
        assert_eq!(unescape("/run/netns/a"), Path::new("/run/netns/a"));
        assert_eq!(unescape("/run/a\\040b\\134c"), Path::new("/run/a b\\c"));
        assert_eq!(unescape("/run/a\\04"), Path::new("/run/a04"));
    }
}
