//! What each kind of entry becomes below a layer's root: a file, a link, a device, a whiteout. Where an entry may lie at all
//! is the business of `directories`.

mod directories;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chmodat, chownat, linkat, makedev, mkdirat,
    mknodat, openat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use tar::EntryType;

use self::directories::{Directories, EPOCH, set_time, through_descriptor};
use super::super::{OPAQUE_ATTRIBUTE, attributes};
use super::entry::{LayerEntry, relative, split};
use super::stream::cut_off;
use crate::image::error::{At, ImageError};

/// The directory of an entry, and its name in it.
type Spot<'a> = (&'a Path, &'a OsStr);

/// Makes of each entry of a layer what it says.
pub(super) struct LayerWriter {
    directories: Directories,
}

impl LayerWriter {
    pub(super) fn open(root: &Path) -> Result<Self, ImageError> {
        Ok(Self {
            directories: Directories::open(root)?,
        })
    }

    /// Owner, mode and the rest of the layer's own directory.
    pub(super) fn root_attributes(&mut self, entry: &LayerEntry) -> Result<(), ImageError> {
        let root = self.directories.root()?;
        self.finish(&root, OsStr::new("."), entry)
    }

    /// A directory; one that is there already keeps its content.
    pub(super) fn directory(
        &mut self,
        entry: &LayerEntry,
        (parent, name): Spot<'_>,
    ) -> Result<(), ImageError> {
        let directory = self.directories.parent(entry, parent)?;
        let before = existing(&directory, name).at("fstatat", &entry.path)?;
        if !before.is_some_and(is_directory) {
            self.clear(&directory, name, &entry.path, before)?;
            mkdirat(&directory, name, Mode::RWXU).at("mkdirat", &entry.path)?;
        }
        if before.is_some_and(is_whiteout) {
            set_opaque(&directory, name).at("lsetxattr", &entry.path)?;
        }
        self.finish(&directory, name, entry)
    }

    /// A regular file of `size` bytes.
    pub(super) fn file(
        &mut self,
        entry: &LayerEntry,
        (parent, name): Spot<'_>,
        data: &mut impl Read,
        size: u64,
    ) -> Result<(), ImageError> {
        let directory = self.vacant(entry, parent, name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(&directory, name, flags, Mode::RUSR | Mode::WUSR).at("openat", &entry.path)?;
        let written = io::copy(data, &mut File::from(file)).at("unpack", &entry.path)?;
        if written != size {
            return Err(cut_off()).at("read", &entry.path);
        }
        self.finish(&directory, name, entry)
    }

    /// Another name for a file of this layer.
    pub(super) fn hard_link(
        &mut self,
        entry: &LayerEntry,
        (parent, name): Spot<'_>,
    ) -> Result<(), ImageError> {
        let target = entry.target.as_deref().unwrap_or_default();
        let target = relative(target.as_encoded_bytes())
            .map_err(|reason| entry.refused(&format!("as a link, {reason}")))?;
        let missing = || {
            entry.refused(&format!(
                "it links to `{}`, which the layer does not have",
                target.display()
            ))
        };
        let (target_parent, target_name) = split(&target).ok_or_else(missing)?;
        let target_directory = self.directories.parent(entry, target_parent)?;
        if target == entry.path
            || !existing(&target_directory, target_name)
                .at("fstatat", &target)?
                .is_some_and(is_linkable)
        {
            return Err(missing());
        }
        let directory = self.vacant(entry, parent, name)?;
        // Without AT_SYMLINK_FOLLOW: a link to a symbolic link is one to the link itself.
        linkat(
            &target_directory,
            target_name,
            &directory,
            name,
            AtFlags::empty(),
        )
        .at("linkat", &entry.path)
    }

    /// A symbolic link, whose target is text: whoever follows it does so inside the container.
    pub(super) fn symbolic_link(
        &mut self,
        entry: &LayerEntry,
        (parent, name): Spot<'_>,
    ) -> Result<(), ImageError> {
        let directory = self.vacant(entry, parent, name)?;
        symlinkat(
            entry.target.as_deref().unwrap_or_default(),
            &directory,
            name,
        )
        .at("symlinkat", &entry.path)?;
        self.finish(&directory, name, entry)
    }

    /// A device or a named pipe.
    pub(super) fn node(
        &mut self,
        entry: &LayerEntry,
        (parent, name): Spot<'_>,
    ) -> Result<(), ImageError> {
        let kind = match entry.kind {
            EntryType::Char if entry.device == (0, 0) => {
                return Err(entry.refused("as a device 0:0 it would be a whiteout"));
            }
            EntryType::Char => FileType::CharacterDevice,
            EntryType::Block => FileType::BlockDevice,
            _ => FileType::Fifo,
        };
        let directory = self.vacant(entry, parent, name)?;
        let device = makedev(entry.device.0, entry.device.1);
        mknodat(&directory, name, kind, Mode::RUSR, device).at("mknodat", &entry.path)?;
        self.finish(&directory, name, entry)
    }

    /// Hides what lower layers have under `name`. What this layer has itself stays, and hides it as well.
    pub(super) fn delete(
        &mut self,
        entry: &LayerEntry,
        parent: &Path,
        name: &str,
    ) -> Result<(), ImageError> {
        let directory = self.directories.parent(entry, parent)?;
        match existing(&directory, OsStr::new(name)).at("fstatat", &entry.path)? {
            None => {
                mknodat(
                    &directory,
                    name,
                    FileType::CharacterDevice,
                    Mode::empty(),
                    0,
                )
                .at("mknodat", &entry.path)?;
                set_time(&directory, OsStr::new(name), EPOCH).at("utimensat", &entry.path)
            }
            Some(stat) if is_directory(stat) => {
                set_opaque(&directory, OsStr::new(name)).at("lsetxattr", &entry.path)
            }
            Some(_) => Ok(()),
        }
    }

    /// Hides all that lower layers have in `directory`.
    pub(super) fn make_opaque(
        &mut self,
        entry: &LayerEntry,
        directory: &Path,
    ) -> Result<(), ImageError> {
        let directory = self.directories.parent(entry, directory)?;
        set_opaque(&directory, OsStr::new(".")).at("lsetxattr", &entry.path)
    }

    /// The last step, when all entries are there.
    pub(super) fn finish_directories(&mut self) -> Result<(), ImageError> {
        self.directories.set_times()
    }

    /// The parent directory of a new entry, in which `name` is free.
    fn vacant(
        &mut self,
        entry: &LayerEntry,
        parent: &Path,
        name: &OsStr,
    ) -> Result<OwnedFd, ImageError> {
        let directory = self.directories.parent(entry, parent)?;
        let before = existing(&directory, name).at("fstatat", &entry.path)?;
        self.clear(&directory, name, &entry.path, before)?;
        Ok(directory)
    }

    /// Removes what an earlier entry of the same name made.
    fn clear(
        &mut self,
        directory: &OwnedFd,
        name: &OsStr,
        path: &Path,
        before: Option<Stat>,
    ) -> Result<(), ImageError> {
        match before {
            None => Ok(()),
            Some(stat) if is_directory(stat) => {
                self.directories.forget(path);
                std::fs::remove_dir_all(through_descriptor(directory, name)).at("remove", path)
            }
            Some(_) => unlinkat(directory, name, AtFlags::empty()).at("unlinkat", path),
        }
    }

    /// Owner first, because chown(2) clears setuid and file capabilities; time last.
    fn finish(
        &mut self,
        directory: &OwnedFd,
        name: &OsStr,
        entry: &LayerEntry,
    ) -> Result<(), ImageError> {
        let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        chownat(
            directory,
            name,
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .at("fchownat", &entry.path)?;
        if entry.kind != EntryType::Symlink {
            chmodat(
                directory,
                name,
                Mode::from_raw_mode(entry.mode),
                AtFlags::empty(),
            )
            .at("fchmodat", &entry.path)?;
        }
        for (attribute, value) in &entry.attributes {
            attributes::write(&through_descriptor(directory, name), attribute, value)
                .at("lsetxattr", &entry.path)?;
        }
        if entry.kind == EntryType::Directory {
            self.directories.set_time_later(&entry.path, entry.modified);
            return Ok(());
        }
        set_time(directory, name, entry.modified).at("utimensat", &entry.path)
    }
}

fn set_opaque(directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    attributes::write(&through_descriptor(directory, name), OPAQUE_ATTRIBUTE, b"y")
}

/// What is there under a name, without following it.
fn existing(directory: &OwnedFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_directory(stat: Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn is_whiteout(stat: Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn is_linkable(stat: Stat) -> bool {
    !is_directory(stat) && !is_whiteout(stat)
}
