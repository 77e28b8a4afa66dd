//! Namespaces and a directory of a test's own. Mounts, links and files are the thread's alone, and go with it, whatever the
//! test does and however it ends.
//!
//! Not a container: processes, users and control groups are the host's.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{Builder, current};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use pinwire_wiring::kernel::netns::Netns;

use crate::directory::Directory;
use crate::inside::links;
use crate::skip::is_root;
use crate::snapshot::{Snapshot, mounts};
use crate::wait::eventually;

/// Below which sandboxes have their directories.
const ROOT: &str = "/mnt";

/// A network and a mount namespace, which play the host's, and a directory in memory.
pub struct Sandbox {
    directory: Directory,
    /// Mounts that may stay, or go: those of the host, for others may remove what they are on, and the sandbox's own.
    known: Mutex<BTreeSet<String>>,
}

/// Runs a test in a sandbox, and asserts that it leaves neither links nor mounts. Skipped without root.
///
/// # Panics
/// Where the test does, or leaves something.
pub fn sandbox(test: impl FnOnce(&Sandbox) + Send + 'static) {
    apart(|| {
        let sandbox = Sandbox::enter();
        test(&sandbox);
        sandbox.assert_clean();
    });
}

/// Runs a test as root on a thread of its own, which may enter namespaces: the test harness uses its threads again.
///
/// # Panics
/// Where the test does.
pub fn apart(test: impl FnOnce() + Send + 'static) {
    if !is_root() {
        return;
    }
    let name = current().name().unwrap_or_default().to_owned();
    let thread = Builder::new().name(name).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

/// Cuts the thread off the host's network and mounts.
pub fn isolate() {
    let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).unwrap();
    mount(none, "/", none, private, none).unwrap();
}

/// Mounts an empty directory in memory over one.
pub fn hide(directory: &str) {
    let (tmpfs, none) = (Some("tmpfs"), None::<&str>);
    mount(tmpfs, directory, tmpfs, MsFlags::empty(), none)
        .unwrap_or_else(|error| panic!("tmpfs on {directory}: {error}"));
}

impl Sandbox {
    /// Makes a sandbox of this thread. Its directory has a name that no other sandbox has.
    pub fn enter() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pinwire-test-{}-{count}", std::process::id());
        isolate();
        hide(ROOT);
        let known = mounts().into_iter().collect();
        Self {
            directory: Directory::at(&Path::new(ROOT).join(name)),
            known: Mutex::new(known),
        }
    }

    /// Mounts an empty directory in memory over one of the host's, until the sandbox ends.
    pub fn hide(&self, directory: &str) {
        self.keep_mounts_of(|| hide(directory));
    }

    /// Does something whose mounts may stay until the sandbox ends.
    pub fn keep_mounts_of(&self, work: impl FnOnce()) {
        let before: BTreeSet<String> = mounts().into_iter().collect();
        work();
        let made = mounts().into_iter().filter(|mount| !before.contains(mount));
        self.known.lock().unwrap().extend(made);
    }

    /// The mounts that were made here.
    pub fn mounts(&self) -> Snapshot {
        let known = self.known.lock().unwrap();
        let made = mounts().into_iter().filter(|mount| !known.contains(mount));
        Snapshot::default().with("mount", made)
    }

    /// Fails if links or mounts are left, but for the network namespaces of containers, which this removes. Links that go
    /// with a namespace go a little later than that.
    pub fn assert_clean(&self) {
        self.remove_all();
        self.mounts()
            .assert_same(&Snapshot::default(), "at the end");
        eventually("no links are left over", || {
            links(&Netns::current().unwrap()) == ["lo"]
        });
    }
}

impl Deref for Sandbox {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

impl Drop for Sandbox {
    /// For a thread that is used again.
    fn drop(&mut self) {
        let _ = umount2(ROOT, MntFlags::MNT_DETACH);
    }
}
