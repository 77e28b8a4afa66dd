//! One entry of a layer's tar stream, read and checked. Its path is relative and holds no `..`; where it leads once links
//! are followed is the business of `writer`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::Timespec;
use tar::EntryType;

use super::super::{ATTRIBUTE_KEY, attributes};
use super::stream::Member;
use crate::image::error::{At, ImageError};

/// What a member says of a file.
pub(super) struct LayerEntry {
    /// Relative to the layer's root, which is the empty path.
    pub(super) path: PathBuf,
    pub(super) kind: EntryType,
    /// Target of a link.
    pub(super) target: Option<OsString>,
    /// Permissions with setuid, setgid and sticky.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) modified: Timespec,
    /// Major and minor number of a device.
    pub(super) device: (u32, u32),
    pub(super) attributes: Vec<(String, Vec<u8>)>,
}

impl LayerEntry {
    pub(super) fn read(member: Member) -> Result<Self, ImageError> {
        let refused = |reason: &str| refuse(&member.path, reason);
        let path = relative(&member.path).map_err(refused)?;
        let header = &member.header;
        let mut entry = Self {
            kind: header.entry_type(),
            target: member.target.map(OsString::from_vec),
            mode: header.mode().at("read the mode of", &path)? & 0o7777,
            uid: owner(member.uid).map_err(refused)?,
            gid: owner(member.gid).map_err(refused)?,
            modified: Timespec {
                tv_sec: header.mtime().unwrap_or(0).cast_signed(),
                tv_nsec: 0,
            },
            device: (0, 0),
            attributes: Vec::new(),
            path,
        };
        if matches!(entry.kind, EntryType::Char | EntryType::Block) {
            let number =
                |number: std::io::Result<Option<u32>>| number.at("read the device of", &entry.path);
            let (major, minor) = (
                number(header.device_major())?,
                number(header.device_minor())?,
            );
            entry.device = (major.unwrap_or(0), minor.unwrap_or(0));
        }
        for (key, value) in member.records {
            entry.apply(&key, value)?;
        }
        Ok(entry)
    }

    /// A pax record, unless it is one of those that `stream` has applied.
    fn apply(&mut self, key: &str, value: Vec<u8>) -> Result<(), ImageError> {
        if let Some(name) = key.strip_prefix(ATTRIBUTE_KEY) {
            if attributes::belongs_to_layer(name) {
                self.attributes.push((name.to_owned(), value));
            }
        } else if key == "mtime" {
            let time = std::str::from_utf8(&value).ok().and_then(time);
            self.modified = time.ok_or_else(|| self.refused("its time is not a number"))?;
        } else if key.starts_with("GNU.sparse.") {
            let what = format!("layer entry `{}`, a sparse file,", self.path.display());
            return Err(ImageError::Unsupported { what });
        }
        Ok(())
    }

    /// The path's parent and last name; none for the root.
    pub(super) fn split(&self) -> Option<(&Path, &OsStr)> {
        split(&self.path)
    }

    /// The error that refuses this entry.
    pub(super) fn refused(&self, reason: &str) -> ImageError {
        refuse(self.path.as_os_str().as_bytes(), reason)
    }
}

/// A path's parent and last name; none for the root.
pub(super) fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    path.file_name()
        .map(|name| (path.parent().unwrap_or(Path::new("")), name))
}

/// A path without `.` components, if it is relative and never goes up.
pub(super) fn relative(bytes: &[u8]) -> Result<PathBuf, &'static str> {
    if bytes.contains(&0) {
        return Err("its path holds a NUL byte");
    }
    let mut relative = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(bytes)).components() {
        match component {
            Component::Normal(name) => relative.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("its path leads out of the layer by `..`"),
            Component::RootDir | Component::Prefix(_) => return Err("its path is absolute"),
        }
    }
    Ok(relative)
}

fn refuse(path: &[u8], reason: &str) -> ImageError {
    ImageError::Entry {
        entry: String::from_utf8_lossy(path).into_owned(),
        reason: reason.to_owned(),
    }
}

/// The largest id is -1, which means "no change" to chown(2).
fn owner(id: u64) -> Result<u32, &'static str> {
    u32::try_from(id)
        .ok()
        .filter(|id| *id != u32::MAX)
        .ok_or("its owner is no user id")
}

/// Seconds with an optional fraction and sign, as pax writes them; digits beyond nanoseconds are cut off.
fn time(text: &str) -> Option<Timespec> {
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds: i64 = format!("{fraction:0<9.9}").parse().ok()?;
    let (tv_sec, tv_nsec) = match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    };
    Some(Timespec { tv_sec, tv_nsec })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_of_pax() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("1700000000.5", 1_700_000_000, 500_000_000),
            ("1.000000001", 1, 1),
            ("1.0000000019", 1, 1),
            ("-1", -1, 0),
            ("-1.5", -2, 500_000_000),
        ] {
            let time = time(text).expect(text);
            assert_eq!(
                (time.tv_sec, time.tv_nsec),
                (seconds, nanoseconds),
                "{text}"
            );
        }
        for text in ["", ".", "x", "1.x", "--1", "+1", "99999999999999999999"] {
            assert!(time(text).is_none(), "`{text}` must be refused");
        }
    }

    #[test]
    fn paths_stay_inside() {
        for (path, expected) in [
            ("./a//b/.", "a/b"),
            ("a/b/", "a/b"),
            ("./", ""),
            (".", ""),
            ("...", "..."),
        ] {
            assert_eq!(
                relative(path.as_bytes()),
                Ok(PathBuf::from(expected)),
                "{path}"
            );
        }
        for path in ["/", "/a", "//a", "..", "../a", "a/..", "a/../../b", "a\0b"] {
            assert!(
                relative(path.as_bytes()).is_err(),
                "`{path}` must be refused"
            );
        }
    }
}
