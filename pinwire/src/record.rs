//! What Pinwire wrote down about a topology, and the lock that keeps two commands from changing it at once.
//!
//! The record is written *before* the first change and says all that may exist from then on; what is in it can be
//! undone by whoever comes next, also after SIGKILL. It does not say what runs: the kernel does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pinwire_wiring::name::TopologyName;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::FileError;
use crate::paths::{Roots, TopologyPaths};
use crate::plan::Deployment;

/// The layout of the record; a record of another layout is refused with a sentence, never misread.
const LAYOUT: u32 = 2;

/// The record of one topology.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    layout: u32,
    /// Whether a change was finished.
    pub state: State,
    /// All that exists, or may exist while the state is [`State::Changing`].
    pub deployment: Deployment,
}

/// Where a topology is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A command is changing it, or was killed while it did.
    Changing,
    /// The last `up` finished.
    Up,
}

/// Why a record or lock could not be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum RecordError {
    /// A file or directory cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a record.
    #[error("`{}` is damaged; `pinwire down --name` of its topology removes what is left", path.display())]
    Damaged {
        path: PathBuf,
        source: serde_json::Error,
    },
    /// The record was written by another version.
    #[error("`{}` has layout {found}, this version of pinwire reads {LAYOUT}; take the topology down with the version that made it", path.display())]
    Layout { path: PathBuf, found: u32 },
}

impl Record {
    /// A record of a deployment.
    pub fn new(state: State, deployment: Deployment) -> Self {
        Self {
            layout: LAYOUT,
            state,
            deployment,
        }
    }

    /// Reads the record of a topology; `None` where there is none.
    ///
    /// # Errors
    /// [`RecordError`] where the file is there and cannot be read or understood.
    pub fn read(paths: &TopologyPaths) -> Result<Option<Self>, RecordError> {
        let path = paths.record();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::on("read", &path)(error).into()),
        };
        let damaged = |source| RecordError::Damaged {
            path: path.clone(),
            source,
        };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
        match value.get("layout").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(LAYOUT) => Err(RecordError::Layout {
                path,
                found: u32::try_from(found).unwrap_or(u32::MAX),
            }),
            _ => serde_json::from_value(value).map(Some).map_err(damaged),
        }
    }

    /// Replaces the record of a topology in one step: a reader sees the old or the new one, never a part.
    ///
    /// # Errors
    /// [`RecordError::File`]; the old record is then still there.
    pub fn write(&self, paths: &TopologyPaths) -> Result<(), RecordError> {
        let path = paths.record();
        let write = || -> io::Result<()> {
            fs::create_dir_all(&paths.state)?;
            let mut file = NamedTempFile::with_prefix_in(".record", &paths.state)?;
            let mut buffer = io::BufWriter::new(&mut file);
            serde_json::to_writer(&mut buffer, self)?;
            buffer.flush()?;
            drop(buffer);
            file.persist(&path)?;
            Ok(())
        };
        Ok(write().map_err(FileError::on("write", &path))?)
    }
}

/// The names of all topologies that have left anything below the roots, in order.
///
/// # Errors
/// [`RecordError::File`] where a directory is there and cannot be listed.
pub fn names(roots: &Roots) -> Result<Vec<TopologyName>, RecordError> {
    let mut names = names_in(&roots.topologies())?;
    names.extend(names_in(&roots.topology_data())?);
    names.sort();
    names.dedup();
    Ok(names)
}

/// The names of all topologies that have a lock file, whether somebody holds it or not.
///
/// # Errors
/// As [`names`].
pub fn locked(roots: &Roots) -> Result<Vec<TopologyName>, RecordError> {
    names_in(&roots.locks())
}

fn names_in(directory: &Path) -> Result<Vec<TopologyName>, RecordError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(FileError::on("list", directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(FileError::on("list", directory))?.file_name();
        names.extend(
            name.to_str()
                .and_then(|name| name.parse::<TopologyName>().ok()),
        );
    }
    Ok(names)
}

/// The exclusive right to change one topology, held until dropped or the process ends: closing the file lets go of the lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock if nobody holds it; otherwise the process id of the holder, 0 where it has not said yet.
    ///
    /// # Errors
    /// [`RecordError::File`] where the lock file cannot be made or locked.
    pub fn try_take(paths: &TopologyPaths) -> Result<Result<Self, u32>, RecordError> {
        let path = &paths.lock;
        let directory = path.parent().unwrap_or(path);
        fs::create_dir_all(directory).map_err(FileError::on("create", directory))?;
        loop {
            let mut file = Self::open(path).map_err(FileError::on("open", path))?;
            match file.try_lock() {
                Ok(()) if Self::is_current(&file, path) => {
                    Self::sign(&mut file).map_err(FileError::on("write", path))?;
                    let path = path.clone();
                    return Ok(Ok(Self { _file: file, path }));
                }
                // The last holder removed the file between our open and our lock: take the new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Err(Self::holder(&mut file))),
                Err(TryLockError::Error(error)) => {
                    return Err(FileError::on("lock", path)(error).into());
                }
            }
        }
    }

    /// Takes the lock, waiting for its holder; `busy` is told the holder once if there is one. `None` where `give_up` said
    /// so meanwhile.
    ///
    /// # Errors
    /// As [`Lock::try_take`].
    pub fn take(
        paths: &TopologyPaths,
        busy: impl FnOnce(u32),
        give_up: impl Fn() -> bool,
    ) -> Result<Option<Self>, RecordError> {
        let mut busy = Some(busy);
        loop {
            match Self::try_take(paths)? {
                Ok(lock) => return Ok(Some(lock)),
                Err(_) if give_up() => return Ok(None),
                Err(holder) => {
                    if let Some(busy) = busy.take() {
                        busy(holder);
                    }
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
        }
    }

    /// Removes the lock's file and lets go: for a topology that is no more.
    ///
    /// # Errors
    /// [`RecordError::File`] where the file cannot be removed.
    pub fn remove(self) -> Result<(), RecordError> {
        Ok(fs::remove_file(&self.path).map_err(FileError::on("remove", &self.path))?)
    }

    fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
    }

    fn is_current(file: &File, path: &Path) -> bool {
        let inode = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        matches!((file.metadata(), fs::metadata(path)), (Ok(ours), Ok(theirs)) if inode(&ours) == inode(&theirs))
    }

    fn sign(file: &mut File) -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())
    }

    fn holder(file: &mut File) -> u32 {
        let mut text = String::new();
        file.read_to_string(&mut text)
            .ok()
            .and_then(|_| text.trim().parse().ok())
            .unwrap_or(0)
    }
}
