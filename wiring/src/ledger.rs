//! What the plugin remembers between calls: one small file for each attachment, and for each node of a topology a
//! directory of links to the attachment that is the node and to those that name one of its interfaces as their peer.
//!
//! `attachments/KEY.json` is written before the first change for it and removed after the last: whatever it says can be
//! undone by whoever comes next. A link whose target is gone counts as no link, so removing one file undoes all that was
//! said of an attachment. State belongs on a tmpfs, where it dies with the namespaces that it describes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::{Errno, retry_on_intr};
use serde::Serialize;
use serde::de::DeserializeOwned;

mod attachment;
pub mod gone;
mod holding;
mod journal;
mod lock;
mod node;

pub use attachment::{Attachment, AttachmentName, Identifier, NetnsRecord};
pub use holding::{Before, Holding, Reset, WireShare};
pub use journal::{Journal, JournalError, Thing, User};
pub use lock::Locks;
pub use node::NodeKey;

/// Where state is unless a configuration or [`VARIABLE`] says otherwise.
pub const ROOT: &str = "/run/pinwire/cni";
/// The environment variable that overrides [`ROOT`] and the configuration.
pub const VARIABLE: &str = "PINWIRE_CNI_STATE";

/// Room for what is written down of most attachments, bytes.
const ROOM: usize = 1 << 10;

/// What can go wrong with state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or directory could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Another call holds a lock for too long.
    #[error("another call has been working on {node} for {seconds} s")]
    Busy {
        /// The node.
        node: String,
        /// Seconds waited.
        seconds: u64,
    },
}

/// A directory of state.
#[derive(Clone, Debug)]
pub struct State {
    root: PathBuf,
}

impl State {
    /// The state below a directory, which is made when it is first written to.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Writes down what an attachment consists of, or is going to.
    ///
    /// # Errors
    /// [`StateError::File`]; what was written before is then still there.
    pub fn write<K: Serialize>(&self, attachment: &Attachment<K>) -> Result<(), StateError> {
        let [path, new] = self.attachment(&attachment.name);
        replace(&new, &path, attachment)
    }

    /// What was written down about an attachment; `None` if nothing was.
    ///
    /// # Errors
    /// [`StateError`], if it cannot be read.
    pub fn read<K: DeserializeOwned>(
        &self,
        name: &AttachmentName,
    ) -> Result<Option<Attachment<K>>, StateError> {
        let [path, _] = self.attachment(name);
        read(&path)
    }

    /// Forgets an attachment.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn forget(&self, name: &AttachmentName) -> Result<(), StateError> {
        let [path, new] = self.attachment(name);
        // A call that was killed while it wrote leaves the new file.
        remove(&new)?;
        remove(&path)
    }

    /// All attachments, and the files that could not be read.
    ///
    /// # Errors
    /// [`StateError::File`], if the directory cannot be listed.
    pub fn list<K: DeserializeOwned>(
        &self,
    ) -> Result<(Vec<Attachment<K>>, Vec<StateError>), StateError> {
        let (mut attachments, mut errors) = (Vec::new(), Vec::new());
        for name in names(&self.root.join("attachments"))? {
            if !name.ends_with(".json") || name.starts_with('.') {
                continue;
            }
            match read(&self.root.join("attachments").join(name)) {
                Ok(attachment) => attachments.extend(attachment),
                Err(error) => errors.push(error),
            }
        }
        Ok((attachments, errors))
    }

    /// Removes files that calls were killed over while they wrote them, if they are as old as that. One that is being
    /// written meanwhile is found to be gone by its call, which fails then: no age is for when no ADD is running, as
    /// during a GC.
    pub fn discard_unfinished(&self, age: Duration) -> Result<(), StateError> {
        let directory = self.root.join("attachments");
        let names = names(&directory)?.into_iter();
        let unfinished = names
            .filter(|name| name.starts_with('.'))
            .map(|name| directory.join(name));
        let is_old = |path: &PathBuf| {
            let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
            // A clock that was set back makes them young until it has caught up.
            modified.is_ok_and(|time| time.elapsed().unwrap_or_default() >= age)
        };
        let mut old = unfinished.filter(is_old);
        old.try_for_each(|path| remove(&path))
    }

    /// Proves that state can be written.
    ///
    /// # Errors
    /// [`StateError::File`].
    pub fn probe(&self) -> Result<(), StateError> {
        let path = self
            .root
            .join("attachments")
            .join(format!(".probe-{}", std::process::id()));
        create(&path, OFlags::TRUNC).map_err(failed("write", &path))?;
        remove(&path)
    }

    /// The file of an attachment, and the one that is written before it takes its place.
    fn attachment(&self, name: &AttachmentName) -> [PathBuf; 2] {
        let (directory, key) = (self.root.join("attachments"), name.key());
        ["", "."].map(|dot| directory.join(format!("{dot}{key}.json")))
    }
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::File { verb, path, source }
}

/// Opens a file. Not by the C library: musl's asks the kernel twice.
fn open(path: &Path, flags: OFlags) -> rustix::io::Result<File> {
    // Configurations are for nobody else to read.
    let mode = Mode::RUSR | Mode::WUSR;
    let opened = retry_on_intr(|| rustix::fs::open(path, flags | OFlags::CLOEXEC, mode));
    opened.map(File::from)
}

/// Opens a file for writing, making it, and the directories that it is in, only where they are missing.
fn create(path: &Path, flags: OFlags) -> io::Result<File> {
    let open = || open(path, OFlags::WRONLY | OFlags::CREATE | flags);
    match open() {
        Err(Errno::NOENT) => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            Ok(open()?)
        }
        opened => Ok(opened?),
    }
}

/// Writes a file that is there as a whole or not at all: `new` of the same directory becomes it. A call that is killed may
/// leave `new`.
fn replace(new: &Path, path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    let write = || -> io::Result<()> {
        let mut file = create(new, OFlags::TRUNC)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        crate::fault::step();
        fs::rename(new, path)
    };
    write().map_err(failed("write", path))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let failed = |errno: Errno| failed("read", path)(errno.into());
    let file = match open(path, OFlags::RDONLY) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    // Without asking for the size first: most fit.
    let mut text = Vec::with_capacity(ROOM);
    while retry_on_intr(|| rustix::io::read(&file, spare_capacity(&mut text))).map_err(failed)? > 0
    {
        text.reserve(ROOM);
    }
    let read = serde_json::from_slice(&text);
    read.map(Some).map_err(|source| StateError::Damaged {
        path: path.to_owned(),
        source,
    })
}

/// Removes a file that may be gone.
fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(failed("remove", path)),
    }
}

/// The names in a directory, which may be missing.
fn names(directory: &Path) -> Result<Vec<String>, StateError> {
    let failed = |errno: Errno| failed("list", directory)(errno.into());
    let opened = match open(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(Errno::NOENT) => return Ok(Vec::new()),
        opened => opened.map_err(failed)?,
    };
    // Not by the C library, whose directory streams are memory of an allocator that is needed for nothing else.
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(opened, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_str().unwrap_or_default();
        if !["", ".", ".."].contains(&name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
