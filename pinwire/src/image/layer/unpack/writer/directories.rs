//! The directories of a layer in the making. Every one is opened below the layer's root by openat2(2) with `RESOLVE_BENEATH`:
//! the kernel refuses to leave it, by `..`, by an absolute link or by a magic one. Nobody else writes there meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, chmodat, mkdirat, openat,
    openat2, utimensat,
};
use rustix::io::Errno;

use super::super::entry::LayerEntry;
use crate::image::error::{At, ImageError};

const FLAGS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// The time of what the layer only implies.
pub(super) const EPOCH: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// The open root, and what is left to do below it.
pub(super) struct Directories {
    root: OwnedFd,
    /// The directory used last: entries come directory by directory.
    last: Option<(PathBuf, OwnedFd)>,
    /// Times of directories, which every file made in them changes, to be set in the end.
    times: BTreeMap<PathBuf, Timespec>,
}

impl Directories {
    pub(super) fn open(root: &Path) -> Result<Self, ImageError> {
        let descriptor = openat(CWD, root, FLAGS, Mode::empty()).at("openat", root)?;
        chmodat(
            &descriptor,
            ".",
            Mode::from_raw_mode(0o755),
            AtFlags::empty(),
        )
        .at("fchmodat", root)?;
        Ok(Self {
            root: descriptor,
            last: None,
            times: BTreeMap::from([(PathBuf::new(), EPOCH)]),
        })
    }

    /// The layer's own directory.
    pub(super) fn root(&self) -> Result<OwnedFd, ImageError> {
        self.root.try_clone().at("dup", Path::new("."))
    }

    /// Opens the directory that an entry lies in, and makes it if the layer only implies it.
    pub(super) fn parent(
        &mut self,
        entry: &LayerEntry,
        path: &Path,
    ) -> Result<OwnedFd, ImageError> {
        if let Some((last, directory)) = &self.last
            && last == path
        {
            return directory.try_clone().at("dup", path);
        }
        let directory = match self.open_beneath(path) {
            Err(Errno::NOENT) => self.make_implied(entry, path)?,
            result => result.map_err(|error| refusal(entry, path, error))?,
        };
        self.last = Some((path.to_owned(), directory.try_clone().at("dup", path)?));
        Ok(directory)
    }

    /// The directory's time is to be this, when all is in it.
    pub(super) fn set_time_later(&mut self, path: &Path, modified: Timespec) {
        self.times.insert(path.to_owned(), modified);
    }

    /// The directory is no more, nor what was below it.
    pub(super) fn forget(&mut self, path: &Path) {
        self.last = None;
        self.times.retain(|known, _| !known.starts_with(path));
    }

    /// The last step: sets the times of all directories.
    pub(super) fn set_times(&mut self) -> Result<(), ImageError> {
        for (path, modified) in std::mem::take(&mut self.times) {
            let directory = self.open_beneath(&path).at("openat2", &path)?;
            set_time(&directory, OsStr::new("."), modified).at("utimensat", &path)?;
        }
        Ok(())
    }

    fn make_implied(&mut self, entry: &LayerEntry, path: &Path) -> Result<OwnedFd, ImageError> {
        let refused = |error| refusal(entry, path, error);
        let mut made = PathBuf::new();
        let mut directory = self.root()?;
        for name in path {
            made.push(name);
            directory = match self.open_beneath(&made) {
                Err(Errno::NOENT) => {
                    mkdirat(&directory, name, Mode::RWXU).map_err(refused)?;
                    let mode = Mode::from_raw_mode(0o755);
                    chmodat(&directory, name, mode, AtFlags::empty()).map_err(refused)?;
                    self.times.insert(made.clone(), EPOCH);
                    self.open_beneath(&made).map_err(refused)?
                }
                result => result.map_err(refused)?,
            };
        }
        Ok(directory)
    }

    fn open_beneath(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        openat2(&self.root, path, FLAGS, Mode::empty(), resolve)
    }
}

/// Sets both times of what is there under a name, without following it.
pub(super) fn set_time(
    directory: &OwnedFd,
    name: &OsStr,
    modified: Timespec,
) -> rustix::io::Result<()> {
    let times = Timestamps {
        last_access: modified,
        last_modification: modified,
    };
    utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

/// A path for calls that have no variant with a directory descriptor.
pub(super) fn through_descriptor(directory: &OwnedFd, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(name)
}

/// Why the directory `path` cannot hold an entry.
fn refusal(entry: &LayerEntry, path: &Path, error: Errno) -> ImageError {
    let path = path.display();
    match error {
        Errno::XDEV | Errno::LOOP => {
            entry.refused(&format!("`{path}` leads out of the layer by a link"))
        }
        Errno::NOTDIR => entry.refused(&format!("`{path}` is not a directory")),
        // A dangling link: what is missing cannot be made through it.
        Errno::EXIST => entry.refused(&format!("`{path}` is a link to nothing")),
        error => entry.refused(&format!("`{path}` cannot be opened: {error}")),
    }
}
