//! Network namespaces: opened, told apart, made, removed, and entered for the time of one closure.
//!
//! The only file that calls setns(2) and unshare(2). Not here: what is done inside a namespace.

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{FsType, fstatfs};
use rustix::fs::{Mode, OFlags};
use rustix::io::retry_on_intr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use serde::{Deserialize, Serialize};

use super::syscall::netns_of;

/// The namespace of the calling *thread*; `/proc/self` would be that of the process's first thread.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";
/// `NSFS_MAGIC` (linux/magic.h): the filesystem that namespace files live on.
const NSFS: FsType = FsType(0x6e73_6673);

/// What can go wrong with a network namespace.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The file could not be opened.
    #[error("cannot open the network namespace {}", path.display())]
    Open {
        /// The namespace's file.
        path: PathBuf,
        /// Of open(2) or fstatfs(2).
        source: io::Error,
    },
    /// The file exists, but is none of the kernel's namespace files.
    #[error("{} is not a network namespace: nothing is mounted there", path.display())]
    NotANamespace {
        /// The file.
        path: PathBuf,
    },
    /// The file that a new namespace is to be mounted on could not be made.
    #[error("cannot make {} for a network namespace", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Of open(2).
        source: io::Error,
    },
    /// `unshare(CLONE_NEWNET)` failed.
    #[error("cannot make a network namespace (unshare)")]
    Unshare(#[source] Errno),
    /// The new namespace could not be mounted on its file.
    #[error("cannot mount the network namespace at {}", path.display())]
    Mount {
        /// The file.
        path: PathBuf,
        /// Of mount(2).
        source: Errno,
    },
    /// setns(2) failed: the namespace was not entered.
    #[error("cannot enter the network namespace (setns)")]
    Enter(#[source] Errno),
    /// umount2(2) failed.
    #[error("cannot unmount the network namespace at {}", path.display())]
    Unmount {
        /// The file.
        path: PathBuf,
        /// Of umount2(2).
        source: Errno,
    },
    /// The file that a namespace was mounted on could not be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Of unlink(2).
        source: io::Error,
    },
}

/// What tells one network namespace from another while it lives: its inode on nsfs. A number comes back after a
/// namespace has died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetnsId {
    /// Device of the nsfs filesystem.
    pub device: u64,
    /// Inode of the namespace.
    pub inode: u64,
}

impl NetnsId {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// The namespaces that processes are in, as far as the mounted `/proc` shows processes.
///
/// # Errors
/// [`NetnsError::Open`], if `/proc` cannot be read. Processes that end meanwhile are passed over.
pub(crate) fn inhabited() -> Result<HashSet<NetnsId>, NetnsError> {
    Ok(processes()?.map(|(_, id)| id).collect())
}

/// All processes, by their directories in `/proc`, with the namespaces that they are in.
pub(crate) fn processes() -> Result<impl Iterator<Item = (PathBuf, NetnsId)>, NetnsError> {
    let processes = std::fs::read_dir("/proc").map_err(|source| NetnsError::Open {
        path: PathBuf::from("/proc"),
        source,
    })?;
    let id = |process: std::fs::DirEntry| {
        process.file_name().to_str()?.parse::<u32>().ok()?;
        let directory = process.path();
        let metadata = std::fs::metadata(directory.join("ns/net")).ok()?;
        let id = NetnsId {
            device: metadata.dev(),
            inode: metadata.ino(),
        };
        Some((directory, id))
    };
    Ok(processes.flatten().filter_map(id))
}

thread_local! {
    /// The namespace that this thread is in while nothing runs elsewhere for it: looking it up takes longer than to enter
    /// another one and come back. Only this file moves threads.
    static HOME: OnceCell<Rc<Netns>> = const { OnceCell::new() };
    /// How many closures deep this thread is elsewhere.
    static AWAY: Cell<u32> = const { Cell::new(0) };
}

/// An open network namespace: it lives at least as long as this value.
#[derive(Debug)]
pub struct Netns {
    file: File,
    id: NetnsId,
}

impl Netns {
    /// Opens the namespace mounted at `path`, or of a process (`/proc/PID/ns/net`).
    ///
    /// # Errors
    /// [`NetnsError::Open`] and [`NetnsError::NotANamespace`].
    pub fn open(path: &Path) -> Result<Self, NetnsError> {
        let failed = |source| NetnsError::Open {
            path: path.to_owned(),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        // Not by the C library: musl's asks the kernel twice.
        let opened = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
        let file = File::from(opened.map_err(|errno| failed(errno.into()))?);
        let filesystem = fstatfs(&file).map_err(|errno| failed(errno.into()))?;
        if filesystem.filesystem_type() != NSFS {
            return Err(NetnsError::NotANamespace {
                path: path.to_owned(),
            });
        }
        let id = NetnsId::of(&file).map_err(failed)?;
        Ok(Self { file, id })
    }

    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// [`NetnsError::Open`].
    pub fn current() -> Result<Self, NetnsError> {
        // A tenth of the time in which the kernel makes the process's files in /proc.
        Self::of_a_socket().or_else(|_| Self::open(Path::new(OF_THIS_THREAD)))
    }

    /// The namespace of the calling thread, where it has `CAP_NET_ADMIN`.
    fn of_a_socket() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        // Any would do; of this family more will follow.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
        let file = File::from(netns_of(socket)?);
        let id = NetnsId::of(&file)?;
        Ok(Self { file, id })
    }

    /// Makes a namespace and mounts it at `path`, a file that must not exist yet. The calling thread is back in its own
    /// namespace afterwards; no process is started. A failure leaves nothing behind.
    ///
    /// # Errors
    /// [`NetnsError::Make`], [`NetnsError::Unshare`], [`NetnsError::Mount`].
    pub fn create(path: &Path) -> Result<Self, NetnsError> {
        let home = Self::current()?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(path)
            .map_err(|source| NetnsError::Make {
                path: path.to_owned(),
                source,
            })?;
        let made = Self::unshare_onto(path, &home);
        if made.is_err() {
            // Best effort: the first error is the one to report, and the path is the caller's to remove again.
            let _ = umount2(path, MntFlags::MNT_DETACH);
            let _ = std::fs::remove_file(path);
        }
        made
    }

    fn unshare_onto(path: &Path, home: &Self) -> Result<Self, NetnsError> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(NetnsError::Unshare)?;
        let _home = ComeHome::to(home);
        mount(
            Some(OF_THIS_THREAD),
            path,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .map_err(|source| NetnsError::Mount {
            path: path.to_owned(),
            source,
        })?;
        Self::open(path)
    }

    /// Unmounts the namespace at `path` and removes the file; what is gone already is no error. The kernel destroys the
    /// namespace and its links *later*, when nothing holds it any more, in a worker of its own.
    ///
    /// # Errors
    /// [`NetnsError::Unmount`], [`NetnsError::Remove`].
    pub fn remove(path: &Path) -> Result<(), NetnsError> {
        match umount2(path, MntFlags::MNT_DETACH) {
            // EINVAL: nothing is mounted there; create() was killed between its two steps.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(Errno::ENOENT) => return Ok(()),
            Err(source) => {
                return Err(NetnsError::Unmount {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(NetnsError::Remove {
                path: path.to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the calling thread is in this namespace.
    ///
    /// # Errors
    /// [`NetnsError::Open`].
    pub fn is_current(&self) -> Result<bool, NetnsError> {
        Ok(Self::home()?.id == self.id)
    }

    /// The namespace that the calling thread is in, to come back to.
    fn home() -> Result<Rc<Self>, NetnsError> {
        if AWAY.get() > 0 {
            return Ok(Rc::new(Self::current()?));
        }
        let home = HOME.with(|home| match home.get() {
            Some(home) => Ok(Rc::clone(home)),
            None => {
                let found = Rc::new(Self::current()?);
                Ok(Rc::clone(home.get_or_init(|| found)))
            }
        })?;
        debug_assert_eq!(
            home.id,
            Self::current()?.id,
            "somebody else has moved this thread"
        );
        Ok(home)
    }

    /// What tells this namespace from others.
    pub fn id(&self) -> NetnsId {
        self.id
    }

    /// Runs `work` on this thread inside the namespace and comes back, also when `work` panics. `work` must do what it
    /// does on this thread: threads that it starts stay in the namespace.
    ///
    /// # Errors
    /// [`NetnsError::Open`] and [`NetnsError::Enter`]; `work` has not run then.
    ///
    /// # Panics
    /// If the thread cannot return (it gave up `CAP_SYS_ADMIN` in between): it must not go on in a foreign network. In debug
    /// builds also if other code has moved the thread since it came here first.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T, NetnsError> {
        let home = Self::home()?;
        if home.id == self.id {
            return Ok(work());
        }
        setns(&self.file, CloneFlags::CLONE_NEWNET).map_err(NetnsError::Enter)?;
        let _home = ComeHome::to(&home);
        Ok(work())
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Netns {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Returns the thread to its namespace when dropped, on success, error and panic alike.
struct ComeHome<'a>(&'a Netns);

impl<'a> ComeHome<'a> {
    /// For a thread that has just left `home`.
    fn to(home: &'a Netns) -> Self {
        AWAY.set(AWAY.get() + 1);
        Self(home)
    }
}

impl Drop for ComeHome<'_> {
    fn drop(&mut self) {
        AWAY.set(AWAY.get() - 1);
        if let Err(errno) = setns(&self.0.file, CloneFlags::CLONE_NEWNET) {
            panic!("cannot return to the network namespace of this thread: {errno}");
        }
    }
}
