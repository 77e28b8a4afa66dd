//! The directories and files of one hierarchy: makes, writes, walks and removes them. Knows of no limits and no versions.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{CgroupError, Hierarchy};

/// For how long a group that the kernel still calls busy is removed again: a process leaves its group only some time
/// after it has been waited for.
const BUSY: Duration = Duration::from_secs(2);

/// Makes a group and those above it.
pub(super) fn make(hierarchy: &Hierarchy, group: &Path) -> Result<(), CgroupError> {
    let path = hierarchy.root.join(group);
    // Whoever removes the last topology removes the group of all of them too, perhaps between two steps of this.
    for _ in 0..10 {
        match fs::create_dir_all(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => return result.map_err(|source| CgroupError::Create { path, source }),
        }
    }
    Err(CgroupError::Create {
        path,
        source: ErrorKind::NotFound.into(),
    })
}

/// Gives the groups within one of version 2 their controllers, and those above it first, from the root on.
pub(super) fn delegate(hierarchy: &Hierarchy, group: &Path) -> Result<(), CgroupError> {
    let wanted: Vec<_> = hierarchy
        .controllers
        .iter()
        .map(|name| format!("+{name}"))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut groups: Vec<_> = group.ancestors().collect();
    groups.reverse();
    let file = |group| hierarchy.root.join(group).join("cgroup.subtree_control");
    groups
        .into_iter()
        .try_for_each(|group| write(&file(group), &wanted.join(" ")))
}

pub(super) fn enter(directory: &Path, pid: i32) -> Result<(), CgroupError> {
    write(&directory.join("cgroup.procs"), &pid.to_string())
}

pub(super) fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    // Not created where it is missing: that would hide a controller that is not there.
    let result = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| {
            use std::io::Write as _;
            file.write_all(value.as_bytes())
        });
    result.map_err(|source| CgroupError::Write {
        path: path.to_owned(),
        value: value.to_owned(),
        source,
    })
}

pub(super) fn collect_processes(directory: &Path, pids: &mut Vec<i32>) -> Result<(), CgroupError> {
    let path = directory.join("cgroup.procs");
    match fs::read_to_string(&path) {
        // 0 is a process of another pid namespace, which has no number here.
        Ok(text) => pids.extend(
            text.lines()
                .filter_map(|line| line.parse().ok())
                .filter(|&pid: &i32| pid > 0),
        ),
        Err(error) if gone(&error) => return Ok(()),
        Err(source) => return Err(CgroupError::Read { path, source }),
    }
    subdirectories(directory)?
        .iter()
        .try_for_each(|child| collect_processes(child, pids))
}

/// The groups right within one; none where it is gone.
pub(super) fn subdirectories(directory: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let read = |source| CgroupError::Read {
        path: directory.to_owned(),
        source,
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if gone(&error) => continue,
            Err(error) => return Err(read(error)),
        };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// ENOENT for a group that was not there, ENODEV for one that was removed while it was open.
fn gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

/// Removes a group and those within it; goes on after errors.
pub(super) fn remove_tree(directory: &Path) -> Result<(), CgroupError> {
    remove_within(directory, Instant::now() + BUSY)
}

fn remove_within(directory: &Path, deadline: Instant) -> Result<(), CgroupError> {
    let mut result = Ok(());
    for child in subdirectories(directory)? {
        result = result.and(remove_within(&child, deadline));
    }
    result.and(remove_group(directory, deadline))
}

fn remove_group(directory: &Path, deadline: Instant) -> Result<(), CgroupError> {
    loop {
        match fs::remove_dir(directory) {
            Ok(()) => return Ok(()),
            Err(error) if gone(&error) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(source) => {
                return Err(CgroupError::Remove {
                    path: directory.to_owned(),
                    source,
                });
            }
        }
    }
}
