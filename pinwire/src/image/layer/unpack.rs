//! A layer's tar stream as a directory that overlayfs can use, with owners, modes, times, links, devices and extended
//! attributes kept. What points out of the directory is refused, whoever made the stream.
//!
//! A directory that the stream only implies belongs to root with mode 0755, whatever lower layers say of it, as with
//! Docker: a layer is unpacked once and does not know what it will lie upon.

mod entry;
mod stream;
mod writer;

use std::io::{self, Read};
use std::path::Path;

use tar::EntryType;

use self::entry::LayerEntry;
use self::stream::{Member, Stream};
use self::writer::LayerWriter;
use super::{OPAQUE, WHITEOUT};
use crate::image::error::{At, ImageError};
use crate::image::limit::{Allowance, Limited};

/// How much an archive may hold, against archives that are small and unpack without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one layer, unpacked.
    pub layer_bytes: u64,
    /// Files, directories and links of one layer.
    pub layer_entries: u64,
    /// Bytes of one JSON document.
    pub document_bytes: u64,
}

impl Default for Limits {
    /// 64 GiB and four million entries a layer, 8 MiB a document: far above any image that people use.
    fn default() -> Self {
        Self {
            layer_bytes: 64 << 30,
            layer_entries: 4_000_000,
            document_bytes: 8 << 20,
        }
    }
}

/// Unpacks `stream` into the empty directory `directory`, and tells the bytes of all its files. The stream is read to its
/// end.
pub(in crate::image) fn unpack(
    stream: impl Read,
    directory: &Path,
    limits: &Limits,
) -> Result<u64, ImageError> {
    let mut stream = Stream::new(stream);
    let mut unpacker = Unpacker {
        writer: LayerWriter::open(directory)?,
        limits,
        bytes: 0,
        entries: 0,
    };
    while let Some(member) = stream.next().at("read the layer", directory)? {
        unpacker.member(member, &mut stream)?;
    }
    // Zeros that fill the last record; also what hides behind the end.
    let mut rest = Limited::new(stream.into_rest(), Allowance::new(limits.layer_bytes));
    io::copy(&mut rest, &mut io::sink()).at("read the layer", directory)?;
    unpacker.writer.finish_directories()?;
    Ok(unpacker.bytes)
}

struct Unpacker<'a> {
    writer: LayerWriter,
    limits: &'a Limits,
    /// Bytes of files.
    bytes: u64,
    entries: u64,
}

impl Unpacker<'_> {
    fn member<R: Read>(
        &mut self,
        member: Member,
        stream: &mut Stream<R>,
    ) -> Result<(), ImageError> {
        let size = member.size;
        self.count(size)?;
        let entry = LayerEntry::read(member)?;
        let Some(spot @ (parent, name)) = entry.split() else {
            return self.root(&entry);
        };
        let text = name.to_string_lossy();
        if text == OPAQUE {
            return self.writer.make_opaque(&entry, parent);
        }
        if let Some(deleted) = text.strip_prefix(WHITEOUT) {
            return match deleted {
                "" | "." | ".." => {
                    Err(entry.refused("it deletes nothing that could be in a directory"))
                }
                // Notes of aufs to itself.
                deleted if deleted.starts_with(WHITEOUT) => Ok(()),
                deleted => self.writer.delete(&entry, parent, deleted),
            };
        }
        match entry.kind {
            EntryType::Directory => self.writer.directory(&entry, spot),
            EntryType::Regular | EntryType::Continuous => {
                self.writer.file(&entry, spot, &mut stream.data(), size)
            }
            EntryType::Link => self.writer.hard_link(&entry, spot),
            EntryType::Symlink => self.writer.symbolic_link(&entry, spot),
            EntryType::Char | EntryType::Block | EntryType::Fifo => self.writer.node(&entry, spot),
            kind => {
                let what = format!(
                    "layer entry `{}` of type {:?}",
                    entry.path.display(),
                    char::from(kind.as_byte())
                );
                Err(ImageError::Unsupported { what })
            }
        }
    }

    /// The layer's own directory, `./`.
    fn root(&mut self, entry: &LayerEntry) -> Result<(), ImageError> {
        if entry.kind == EntryType::Directory {
            return self.writer.root_attributes(entry);
        }
        Err(entry.refused("it has no name"))
    }

    fn count(&mut self, bytes: u64) -> Result<(), ImageError> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = if self.entries > self.limits.layer_entries {
            format!("{} entries", self.limits.layer_entries)
        } else if self.bytes > self.limits.layer_bytes {
            format!("{} bytes", self.limits.layer_bytes)
        } else {
            return Ok(());
        };
        Err(ImageError::Limit {
            what: "the layer".to_owned(),
            limit,
        })
    }
}
