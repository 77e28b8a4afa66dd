//! A layer's directory as a tar stream that depends on nothing but the content: entries in byte order, no user names,
//! ustar headers, and pax headers where ustar cannot say it. Not a general archiver: sockets are left out, as tar does.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};
use tar::{Builder, EntryType, Header};

use super::{ATTRIBUTE_KEY, OPAQUE, OPAQUE_ATTRIBUTE, WHITEOUT, attributes};
use crate::image::error::{At, ImageError};

/// The longest name and link target of a ustar header, in bytes.
const NAME_MAX: usize = 100;
/// The largest owner id of a ustar header: seven octal digits.
const OWNER_MAX: u32 = 0o7_777_777;
/// The largest size and time of a ustar header: eleven octal digits.
const NUMBER_MAX: u64 = 0o77_777_777_777;

/// Writes the layer at `directory` to `output`.
pub(in crate::image) fn pack(directory: &Path, output: impl Write) -> Result<(), ImageError> {
    let mut packer = Packer {
        root: directory,
        builder: Builder::new(output),
        links: HashMap::new(),
    };
    packer.directory(Path::new(""))?;
    packer
        .builder
        .into_inner()
        .and_then(|mut output| output.flush())
        .at("write the layer", directory)
}

struct Packer<'a, W: Write> {
    root: &'a Path,
    builder: Builder<W>,
    /// The first path of every file that has more than one.
    links: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packer<'_, W> {
    /// The root itself has an entry too (`./`): its mode and owner are content.
    fn directory(&mut self, path: &Path) -> Result<(), ImageError> {
        let full = self.root.join(path);
        let metadata = fs::symlink_metadata(&full).at("lstat", &full)?;
        let attributes = attributes::read(&full).at("llistxattr", &full)?;
        let name = if path.as_os_str().is_empty() {
            b"./".to_vec()
        } else {
            [path.as_os_str().as_bytes(), b"/"].concat()
        };
        self.entry(&name, &metadata, EntryType::Directory, b"", &attributes)
            .at("pack", &full)?;
        if attributes
            .iter()
            .any(|(name, value)| name == OPAQUE_ATTRIBUTE && value == b"y")
        {
            self.deletion(&path.join(OPAQUE)).at("pack", &full)?;
        }
        let entries = fs::read_dir(&full)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .at("readdir", &full)?;
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let path = path.join(name);
            let full = self.root.join(&path);
            let metadata = fs::symlink_metadata(&full).at("lstat", &full)?;
            if metadata.is_dir() {
                self.directory(&path)?;
            } else {
                self.file(&path, &metadata).at("pack", &full)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let full = self.root.join(path);
        let name = path.as_os_str().as_bytes();
        let kind = metadata.file_type();
        if kind.is_char_device() && metadata.rdev() == 0 {
            return self.whiteout(path);
        }
        if metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            if let Some(first) = self.links.get(&inode).cloned() {
                let first = first.as_os_str().as_bytes();
                return self.entry(name, metadata, EntryType::Link, first, &[]);
            }
            self.links.insert(inode, path.to_owned());
        }
        let mut target = PathBuf::new();
        let kind = if kind.is_file() {
            EntryType::Regular
        } else if kind.is_symlink() {
            target = fs::read_link(&full)?;
            EntryType::Symlink
        } else if kind.is_char_device() {
            EntryType::Char
        } else if kind.is_block_device() {
            EntryType::Block
        } else if kind.is_fifo() {
            EntryType::Fifo
        } else {
            return Ok(());
        };
        let attributes = attributes::read(&full)?;
        self.entry(
            name,
            metadata,
            kind,
            target.as_os_str().as_bytes(),
            &attributes,
        )
    }

    fn whiteout(&mut self, path: &Path) -> io::Result<()> {
        let mut name = OsStr::new(WHITEOUT).to_owned();
        name.push(path.file_name().unwrap_or_default());
        self.deletion(&path.with_file_name(name))
    }

    /// An empty file whose name says what is deleted.
    fn deletion(&mut self, path: &Path) -> io::Result<()> {
        let mut header = header(EntryType::Regular, 0o600, 0);
        let mut extensions = Vec::new();
        name_field(
            &mut header.as_old_mut().name,
            path.as_os_str().as_bytes(),
            "path",
            &mut extensions,
        );
        self.append(header, &extensions, io::empty())
    }

    fn entry(
        &mut self,
        name: &[u8],
        metadata: &Metadata,
        kind: EntryType,
        target: &[u8],
        attributes: &[(String, Vec<u8>)],
    ) -> io::Result<()> {
        let mut extensions = Vec::new();
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(metadata.mode() & 0o7777);
        name_field(&mut header.as_old_mut().name, name, "path", &mut extensions);
        name_field(
            &mut header.as_old_mut().linkname,
            target,
            "linkpath",
            &mut extensions,
        );
        number_fields(&mut header, metadata, kind, &mut extensions);
        if matches!(kind, EntryType::Char | EntryType::Block) {
            header.set_device_major(major(metadata.rdev()))?;
            header.set_device_minor(minor(metadata.rdev()))?;
        }
        for (name, value) in attributes
            .iter()
            .filter(|(name, _)| attributes::belongs_to_layer(name))
        {
            extensions.push((format!("{ATTRIBUTE_KEY}{name}"), value.clone()));
        }
        if kind == EntryType::Regular {
            let path = self.root.join(OsStr::from_bytes(name));
            self.append(header, &extensions, File::open(path)?.take(metadata.len()))
        } else {
            self.append(header, &extensions, io::empty())
        }
    }

    fn append(
        &mut self,
        mut header: Header,
        extensions: &[(String, Vec<u8>)],
        data: impl Read,
    ) -> io::Result<()> {
        if !extensions.is_empty() {
            let pairs = extensions
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_slice()));
            self.builder.append_pax_extensions(pairs)?;
        }
        header.set_cksum();
        self.builder.append(&header, data)
    }
}

/// The header of what belongs to root and to the epoch.
pub(in crate::image) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    for set in [Header::set_mtime, Header::set_uid, Header::set_gid] {
        set(&mut header, 0);
    }
    header
}

/// Size, owner and time; a pax record for each that does not fit.
fn number_fields(
    header: &mut Header,
    metadata: &Metadata,
    kind: EntryType,
    extensions: &mut Vec<(String, Vec<u8>)>,
) {
    let size = if kind == EntryType::Regular {
        metadata.len()
    } else {
        0
    };
    header.set_size(size);
    if size > NUMBER_MAX {
        extensions.push(("size".to_owned(), size.to_string().into_bytes()));
    }
    for (key, id, set) in [
        (
            "uid",
            metadata.uid(),
            Header::set_uid as fn(&mut Header, u64),
        ),
        ("gid", metadata.gid(), Header::set_gid),
    ] {
        if id > OWNER_MAX {
            extensions.push((key.to_owned(), id.to_string().into_bytes()));
        }
        set(header, u64::from(id.min(OWNER_MAX)));
    }
    let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    let whole = u64::try_from(seconds).unwrap_or(0).min(NUMBER_MAX);
    header.set_mtime(whole);
    if nanoseconds != 0 || i64::try_from(whole) != Ok(seconds) {
        extensions.push((
            "mtime".to_owned(),
            decimal_time(seconds, nanoseconds).into_bytes(),
        ));
    }
}

/// Seconds and nanoseconds as one decimal number, as pax writes times: -1.5 s is `-1.5`, which the kernel has as -2 s and
/// 500,000,000 ns.
fn decimal_time(seconds: i64, nanoseconds: i64) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let sign = if total < 0 { "-" } else { "" };
    let (whole, fraction) = (
        total.unsigned_abs() / 1_000_000_000,
        total.unsigned_abs() % 1_000_000_000,
    );
    let text = format!("{sign}{whole}.{fraction:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A name in its header field, or cut short there and whole in a pax record.
fn name_field(
    field: &mut [u8; NAME_MAX],
    name: &[u8],
    key: &str,
    extensions: &mut Vec<(String, Vec<u8>)>,
) {
    let length = name.len().min(NAME_MAX);
    field[..length].copy_from_slice(&name[..length]);
    if name.len() > NAME_MAX {
        extensions.push((key.to_owned(), name.to_vec()));
    }
}
