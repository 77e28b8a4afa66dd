//! The files of the node image, written so that the same programs always give the same bytes: fixed modes, owner root,
//! all times at the epoch.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::image::error::{At, ImageError};

/// A tree in the making.
pub(super) struct ImageTree {
    root: PathBuf,
    /// Everything made, parents first.
    made: Vec<PathBuf>,
    bytes: u64,
}

impl ImageTree {
    /// An empty tree in the directory `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            made: vec![root.to_owned()],
            bytes: 0,
        }
    }

    /// The directories and files that programs expect, and that runtimes mount onto.
    pub(super) fn skeleton(&mut self) -> Result<(), ImageError> {
        self.mode(&self.root.clone(), 0o755)?;
        for (path, mode) in [
            ("bin", 0o755),
            ("dev", 0o755),
            ("etc", 0o755),
            ("proc", 0o555),
            ("root", 0o700),
            ("run", 0o755),
            ("sys", 0o555),
            ("tmp", 0o1777),
            ("usr", 0o755),
            ("var", 0o755),
        ] {
            self.directory(path, mode)?;
        }
        for (path, target) in [
            ("sbin", "bin"),
            ("usr/bin", "../bin"),
            ("usr/sbin", "../bin"),
            ("var/run", "../run"),
        ] {
            self.link(path, target)?;
        }
        self.file(
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        )?;
        self.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")?;
        for path in ["etc/hostname", "etc/hosts", "etc/resolv.conf"] {
            self.file(path, b"")?;
        }
        Ok(())
    }

    /// Copies a program to `/bin`.
    pub(super) fn program(&mut self, source: &Path, name: &str) -> Result<(), ImageError> {
        let path = self.root.join("bin").join(name);
        let mut input = File::open(source).at("open", source)?;
        let mut output = File::create_new(&path).at("open", &path)?;
        self.bytes += io::copy(&mut input, &mut output).at("write", &path)?;
        self.mode(&path, 0o755)?;
        self.made.push(path);
        Ok(())
    }

    /// Links a program's other names to it. Names that are taken stay as they are: whoever comes first wins.
    pub(super) fn names(&mut self, program: &str, names: &[String]) -> Result<(), ImageError> {
        for name in names {
            let path = format!("bin/{name}");
            if self.root.join(&path).symlink_metadata().is_err() {
                self.link(&path, program)?;
            }
        }
        Ok(())
    }

    /// Sets all times, children before their directories, and tells the bytes of all files.
    pub(super) fn finish(self) -> Result<u64, ImageError> {
        let epoch = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: epoch,
            last_modification: epoch,
        };
        for path in self.made.iter().rev() {
            utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).at("utimensat", path)?;
        }
        Ok(self.bytes)
    }

    fn directory(&mut self, path: &str, mode: u32) -> Result<(), ImageError> {
        let path = self.root.join(path);
        fs::create_dir(&path).at("mkdir", &path)?;
        self.mode(&path, mode)?;
        self.made.push(path);
        Ok(())
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<(), ImageError> {
        let path = self.root.join(path);
        fs::write(&path, content).at("write", &path)?;
        self.mode(&path, 0o644)?;
        self.bytes += content.len() as u64;
        self.made.push(path);
        Ok(())
    }

    fn link(&mut self, path: &str, target: &str) -> Result<(), ImageError> {
        let path = self.root.join(path);
        symlink(target, &path).at("symlink", &path)?;
        self.made.push(path);
        Ok(())
    }

    /// Set after creation, because the caller's umask takes part in that.
    fn mode(&self, path: &Path, mode: u32) -> Result<(), ImageError> {
        fs::set_permissions(path, Permissions::from_mode(mode)).at("chmod", path)
    }
}
