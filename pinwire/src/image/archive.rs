//! An archive's files by name: a tar file, plain or compressed as a whole, or a directory. What the files mean is the
//! business of `import`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use super::error::{At, ImageError};
use super::layer::Limits;
use super::limit::{Allowance, Limited};

/// Files and links of an archive, at most.
const MEMBERS_MAX: usize = 100_000;
/// Bytes of headers that one member may have.
const METADATA_MAX: u64 = 1 << 20;

/// An open archive.
pub(super) struct Archive {
    path: PathBuf,
    content: Content,
}

enum Content {
    Directory,
    Tar {
        file: File,
        members: HashMap<PathBuf, ArchiveMember>,
    },
}

#[derive(Clone, Debug)]
enum ArchiveMember {
    File {
        offset: u64,
        size: u64,
    },
    /// To another member: docker save links to layers that it has written before.
    Link(PathBuf),
}

impl Archive {
    /// Opens `path`. An archive that is compressed as a whole is decompressed to an unnamed file in `scratch`.
    pub(super) fn open(path: &Path, scratch: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let mut file = File::open(path).at("open", path)?;
        if file.metadata().at("fstat", path)?.is_dir() {
            return Ok(Self {
                path: path.to_owned(),
                content: Content::Directory,
            });
        }
        if !matches!(Compression::of(&file).at("read", path)?, Compression::None) {
            file = decompress_whole(&file, scratch, limits).at("decompress", path)?;
        }
        file.seek(SeekFrom::Start(0)).at("lseek", path)?;
        let members = members(&file).map_err(|error| ImageError::NotAnImage {
            path: path.to_owned(),
            reason: format!("it is neither a directory nor a tar archive ({error})"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            content: Content::Tar { file, members },
        })
    }

    /// Where the archive is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the archive by its name, and its length in bytes; none if it has no such file.
    pub(super) fn file(&self, name: &str) -> Result<Option<(Section, u64)>, ImageError> {
        let Some(mut name) = clean(Path::new(name)) else {
            return Ok(None);
        };
        let (file, members) = match &self.content {
            Content::Directory => return whole_file(&self.path.join(name)),
            Content::Tar { file, members } => (file, members),
        };
        // Links to links are followed, but not in circles.
        for _ in 0..8 {
            match members.get(&name) {
                Some(ArchiveMember::File { offset, size }) => {
                    let file = file.try_clone().at("dup", &self.path)?;
                    return Ok(Some((
                        Section {
                            file,
                            offset: *offset,
                            end: offset + size,
                        },
                        *size,
                    )));
                }
                Some(ArchiveMember::Link(target)) => name.clone_from(target),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The whole of a small file.
    pub(super) fn document(
        &self,
        name: &str,
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, ImageError> {
        let Some((mut section, size)) = self.file(name)? else {
            return Ok(None);
        };
        if size > limits.document_bytes {
            let limit = format!("{} bytes", limits.document_bytes);
            return Err(ImageError::Limit {
                what: format!("`{name}` of the archive"),
                limit,
            });
        }
        let mut bytes = Vec::new();
        section.read_to_end(&mut bytes).at("read", &self.path)?;
        Ok(Some(bytes))
    }
}

/// Part of a file, read without moving the file's position.
#[derive(Debug)]
pub(super) struct Section {
    file: File,
    offset: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.offset)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..most], self.offset)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive is cut off",
            ));
        }
        self.offset += count as u64;
        Ok(count)
    }
}

/// How a stream is compressed, told by its first bytes: media types are not always right.
enum Compression {
    None,
    Gzip,
    Zstandard,
}

impl Compression {
    fn of(file: &File) -> io::Result<Self> {
        let mut magic = [0; 4];
        let length = file.read_at(&mut magic, 0)?;
        Ok(Self::of_magic(&magic[..length]))
    }

    fn of_magic(magic: &[u8]) -> Self {
        match magic {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD] => Self::Zstandard,
            _ => Self::None,
        }
    }
}

/// The stream without its compression, gzip (RFC 1952), Zstandard (RFC 8878) or none.
pub(super) fn decompressed<'a>(mut stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    stream.by_ref().take(4).read_to_end(&mut magic)?;
    let compression = Compression::of_magic(&magic);
    let stream = BufReader::with_capacity(1 << 16, io::Cursor::new(magic).chain(stream));
    Ok(match compression {
        Compression::None => Box::new(stream),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        Compression::Zstandard => Box::new(zstd::Decoder::with_buffer(stream)?),
    })
}

/// A regular file of the host.
fn whole_file(path: &Path) -> Result<Option<(Section, u64)>, ImageError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.at("open", path)?,
    };
    let metadata = file.metadata().at("fstat", path)?;
    let end = metadata.len();
    Ok(metadata.is_file().then_some((
        Section {
            file,
            offset: 0,
            end,
        },
        end,
    )))
}

fn decompress_whole(file: &File, scratch: &Path, limits: &Limits) -> io::Result<File> {
    let mut plain = tempfile::tempfile_in(scratch)?;
    io::copy(
        &mut Limited::new(decompressed(file)?, Allowance::new(limits.layer_bytes)),
        &mut plain,
    )?;
    Ok(plain)
}

/// Reads all headers; data is skipped by seeking.
fn members(file: &File) -> io::Result<HashMap<PathBuf, ArchiveMember>> {
    let allowance = Allowance::new(METADATA_MAX);
    let mut archive = tar::Archive::new(Seekable(Limited::new(file, allowance.clone()), file));
    let mut members = HashMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        allowance.set(METADATA_MAX);
        if members.len() == MEMBERS_MAX {
            return Err(io::Error::other("it has more files than any image"));
        }
        let path = entry.path()?.into_owned();
        let Some(name) = clean(&path) else { continue };
        let kind = entry.header().entry_type();
        let member = if kind.is_file() {
            ArchiveMember::File {
                offset: entry.raw_file_position(),
                size: entry.size(),
            }
        } else if kind.is_symlink() || kind.is_hard_link() {
            let base = if kind.is_symlink() {
                name.parent().unwrap_or(Path::new(""))
            } else {
                Path::new("")
            };
            let target = entry.link_name_bytes().unwrap_or_default();
            let Some(target) = resolve(base, Path::new(std::ffi::OsStr::from_bytes(&target)))
            else {
                continue;
            };
            ArchiveMember::Link(target)
        } else {
            continue;
        };
        members.insert(name, member);
    }
    if members.is_empty() {
        return Err(io::Error::other("it is empty"));
    }
    Ok(members)
}

/// Reads through the first and seeks by the second.
struct Seekable<'a>(Limited<&'a File>, &'a File);

impl Read for Seekable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Seekable<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.1.seek(position)
    }
}

/// A relative path without `.` and `..`.
fn clean(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| matches!(component, Component::Normal(_)).then(|| component.as_os_str()))
        .collect()
}

/// Where a link in `base` leads, as long as that is in the archive.
fn resolve(base: &Path, target: &Path) -> Option<PathBuf> {
    let mut resolved = base.to_owned();
    for component in target.components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            _ => return None,
        }
    }
    Some(resolved)
}
