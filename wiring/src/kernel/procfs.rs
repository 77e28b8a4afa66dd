//! The `/proc/sys` through which sysctls of many namespaces are looked up. Not here: sysctls themselves.
//!
//! All namespaces share the directory `/proc/sys/net`, and what they have of one name there (`ipv4`) is one chain in the
//! kernel's cache of names, which each lookup walks (`proc_sys_compare`, `fs/proc/proc_sysctl.c)`: with 1000 namespaces that
//! takes 0.15 ms. A procfs instance of one's own starts with an empty cache.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Result;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Lookups after which an instance is given up. The first ones go through `/proc`, so that a process that deals with
/// few namespaces makes no instance at all.
const USES: usize = 64;

thread_local! {
    static CURRENT: RefCell<Option<(Rc<OwnedFd>, usize)>> = const { RefCell::new(None) };
}

/// A directory descriptor of `/proc/sys`, for one namespace.
pub(crate) fn sys() -> Result<Rc<OwnedFd>> {
    CURRENT.with_borrow_mut(|current| {
        let next = match current.take() {
            Some((sys, uses)) if uses < USES => (sys, uses + 1),
            // Where a procfs of one's own is not allowed, `/proc` will do.
            Some((sys, _)) => (private().map(Rc::new).unwrap_or(sys), 1),
            None => (
                Rc::new(openat(CWD, "/proc/sys", flags(), Mode::empty())?),
                1,
            ),
        };
        let sys = Rc::clone(&next.0);
        *current = Some(next);
        Ok(sys)
    })
}

/// `sys` of a new procfs instance, mounted nowhere; it goes with its last descriptor.
fn private() -> Result<OwnedFd> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let mount = fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    openat(&mount, "sys", flags(), Mode::empty())
}

fn flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}
