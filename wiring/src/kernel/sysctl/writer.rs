//! Sysctls are written, and read back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::{SysctlError, SysctlKey};

/// Writes sysctls of one namespace, by the directories of their families, each opened once.
pub(crate) struct Sysctls {
    /// `/proc/sys`.
    root: Rc<OwnedFd>,
    /// `net/ipv4`, `net/ipv6`, …, as opened by the first key of each.
    families: BTreeMap<PathBuf, OwnedFd>,
}

impl Sysctls {
    /// The sysctls of the calling thread's namespace, where `root` is `/proc/sys`.
    pub(crate) fn below(root: Rc<OwnedFd>) -> Self {
        Self {
            root,
            families: BTreeMap::new(),
        }
    }

    /// Writes a sysctl, unless it has the value already, and reads it back, unless it can only be written
    /// (`net.ipv4.route.flush`).
    pub(crate) fn write(&mut self, key: &SysctlKey, value: &str) -> Result<(), SysctlError> {
        let mut file = match self.open(key, OFlag::O_RDWR) {
            Err(Errno::ENOENT) => return Err(SysctlError::Unknown { key: key.clone() }),
            Err(errno) if self.reads(key, value) => {
                tracing::debug!(%key, %errno, "it cannot be written, and has the value already");
                return Ok(());
            }
            opened => opened.map_err(|errno| open_error(key, errno.into()))?,
        };
        // One that has no value yet may not be readable (`stable_secret`).
        if read(&file).is_ok_and(|reads| same(value, &reads)) {
            return Ok(());
        }
        file.write_all(value.as_bytes())
            .map_err(|source| SysctlError::Write {
                key: key.clone(),
                value: value.to_owned(),
                source,
            })?;
        let reads = match read(&file) {
            Err(_) if is_write_only(&file) => return Ok(()),
            reads => reads.map_err(|source| open_error(key, source))?,
        };
        if same(value, &reads) || (reads.is_empty() && is_write_only(&file)) {
            return Ok(());
        }
        Err(SysctlError::Differs {
            key: key.clone(),
            value: value.to_owned(),
            reads: reads.trim_end().to_owned(),
        })
    }

    /// Whether a sysctl that cannot be written, since `/proc/sys` is read-only to this process, has a value.
    fn reads(&mut self, key: &SysctlKey, value: &str) -> bool {
        let file = self.open(key, OFlag::O_RDONLY).map_err(io::Error::from);
        file.and_then(|file| read(&file))
            .is_ok_and(|reads| same(value, &reads))
    }

    fn open(&mut self, key: &SysctlKey, access: OFlag) -> Result<File, Errno> {
        let flags = access | OFlag::O_CLOEXEC;
        let mut parts = key.as_path().iter();
        let family: PathBuf = parts.by_ref().take(2).collect();
        let rest = parts.as_path();
        if rest.as_os_str().is_empty() {
            return Ok(openat(&self.root, &family, flags, Mode::empty())?.into());
        }
        let directory = match self.families.entry(family) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(slot) => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let opened = openat(&self.root, slot.key(), flags, Mode::empty())?;
                slot.insert(opened)
            }
        };
        Ok(openat(directory, rest, flags, Mode::empty())?.into())
    }
}

/// All that a sysctl says.
fn read(file: &File) -> io::Result<String> {
    let mut buffer = [0; 4096];
    let length = file.read_at(&mut buffer, 0)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn open_error(key: &SysctlKey, source: io::Error) -> SysctlError {
    SysctlError::Open {
        key: key.clone(),
        source,
    }
}

fn is_write_only(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o444 == 0)
}

/// Whether two values are the same but for white space and the notation of numbers.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace()
        .map(normal)
        .eq(other.split_whitespace().map(normal))
}

fn normal(word: &str) -> String {
    let hexadecimal = word
        .strip_prefix("0x")
        .and_then(|digits| i64::from_str_radix(digits, 16).ok());
    match hexadecimal.or_else(|| word.parse().ok()) {
        Some(number) => number.to_string(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with `net/ipv4/flag`, which holds what was written to it.
    fn tree() -> (tempfile::TempDir, Sysctls) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("net/ipv4")).unwrap();
        std::fs::write(tree.path().join("net/ipv4/flag"), "").unwrap();
        let root = File::open(tree.path()).unwrap();
        (tree, Sysctls::below(Rc::new(root.into())))
    }

    #[test]
    fn a_value_is_written_and_compared_with_what_is_read() {
        let (tree, mut sysctls) = tree();
        let key: SysctlKey = "net.ipv4.flag".parse().unwrap();
        sysctls.write(&key, "1 2").unwrap();
        let path = tree.path().join("net/ipv4/flag");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1 2");
        // A file keeps the tail of a longer value, as a sysctl that makes something else of what it is given.
        std::fs::write(&path, "1234").unwrap();
        let error = sysctls.write(&key, "9").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the sysctl `net.ipv4.flag` was set to `9`, but reads `9234`"
        );
        let error = sysctls
            .write(&"net.ipv4.flags".parse().unwrap(), "1")
            .unwrap_err();
        assert!(matches!(error, SysctlError::Unknown { .. }));
        let error = sysctls
            .write(&"net.ipv9.flags".parse().unwrap(), "1")
            .unwrap_err();
        assert!(matches!(error, SysctlError::Unknown { .. }));
    }

    #[test]
    fn values_are_the_same_but_for_white_space_and_notation() {
        for (one, other) in [
            ("1", "1\n"),
            ("4096 8192", "4096\t8192\n"),
            ("0x10", "16"),
            ("a", "a"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
        for (one, other) in [("1", "2"), ("1 2", "1"), ("", "0"), ("a", "b")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
