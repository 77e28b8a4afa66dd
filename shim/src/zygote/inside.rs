//! The zygote's side of [`super::Zygote`]: how it cuts itself off the command and the host, and its life.

use std::ffi::CStr;
use std::fs::File;
use std::path::Path;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, dup2_stdin, dup2_stdout, getpid, getppid, setsid};
use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_change, move_mount, open_tree, unmount,
};
use rustix::process::WaitOptions;

use super::error::{PrepareError, StartError};
use super::start::{StartRequest, Starter};
use crate::cgroup::{Cgroup, unescape};
use crate::channel::Channel;
use crate::failure::Failure;
use crate::step::step;
use crate::syscall;

/// Where libcontainer looks for control groups, whatever is mounted there.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Where the zygote has a filesystem in memory for itself: a directory that every sysfs has, and that no container is made
/// from. So nothing that is needed for moments only is ever written to a disk, or left behind.
const SCRATCH: &str = "/sys/firmware";

/// The life of a zygote; returns its exit status.
pub(super) fn run(parent: Pid, channel: Channel, topology: Cgroup, index: usize) -> i32 {
    let (channel, prepared) = match detach(parent, channel) {
        Ok(channel) => (channel, prepare(topology, index)),
        // Without its socket there is no one to tell.
        Err(_) => return 1,
    };
    let reply = prepared
        .as_ref()
        .map(|_| ())
        .map_err(|error| Failure::of(error));
    let (Ok(()), Ok(starter)) = (channel.send(&reply, &[]), prepared) else {
        return 1;
    };
    // What libcontainer logs goes into the errors of this crate: no one shall read it twice.
    let nowhere = tracing::subscriber::NoSubscriber::default();
    tracing::subscriber::with_default(nowhere, || serve(&channel, &starter))
}

fn serve(channel: &Channel, starter: &Starter) -> i32 {
    loop {
        let (request, mut descriptors) = match channel.receive::<StartRequest>() {
            Ok(Some(message)) => message,
            Ok(None) => return 0,
            Err(_) => return 1,
        };
        let network = descriptors.pop().ok_or(StartError::NoNetwork);
        let result = network.and_then(|network| starter.start(&request, &network));
        if channel
            .send(&result.as_ref().map_err(|error| Failure::of(error)), &[])
            .is_err()
        {
            return 1;
        }
        // Whatever libcontainer forked and left behind, and containers that have ended already.
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
}

/// Cuts the ties to the command but for the socket, which gets the first free descriptor.
fn detach(parent: Pid, channel: Channel) -> Result<Channel, PrepareError> {
    // First: from here on the end of the command is the end of this process; unless it was already.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("set the signal (prctl)"))?;
    if getppid() != parent {
        return Err(PrepareError::Orphan);
    }
    syscall::reset_signals();
    // A terminal's signals are for the command, which then ends its zygotes in its own time.
    setsid().map_err(step("start a session (setsid)"))?;
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(step("open /dev/null"))?;
    // Standard error stays for a panic's message.
    dup2_stdin(&null)
        .and_then(|()| dup2_stdout(&null))
        .map_err(step("redirect a standard stream (dup2)"))?;
    drop(null);
    // The sockets of other zygotes, above all: while a copy is open their end would never come.
    let socket = syscall::close_all_but(channel.into())
        .map_err(step("close other descriptors (close_range)"))?;
    Ok(socket.into())
}

/// Joins the zygote's control group, then leaves the host's mounts.
fn prepare(topology: Cgroup, index: usize) -> Result<Starter, PrepareError> {
    let group = topology.child(&format!("zygote@{index}"))?;
    group.create()?;
    group.add(getpid().as_raw())?;
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    std::env::set_current_dir("/").map_err(step("change to / (chdir)"))?;
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)
        .map_err(step("leave the mount namespace (unshare)"))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(step("make its mounts private (mount)"))?;
    let topology = topology.pinned()?;
    hide_mounts(&topology)?;
    mount_tmpfs(SCRATCH, Some(c"mode=700"))
        .map_err(step("mount a filesystem of its own (mount)"))?;
    Ok(Starter::new(topology, Path::new(SCRATCH))?)
}

/// Takes mounts away that every container would copy and none needs: namespaces, of which there may be thousands, and the
/// hierarchies of control groups. Of those libcontainer shall see but one, and in it but the topology: whatever it makes
/// or removes is within.
fn hide_mounts(topology: &Cgroup) -> Result<(), PrepareError> {
    let mounts =
        std::fs::read_to_string("/proc/self/mountinfo").map_err(step("read its mounts"))?;
    for mount in mounts.lines().filter(|line| line.contains(" - nsfs ")) {
        if let Some(path) = mount.split(' ').nth(4) {
            let _ = unmount(unescape(path), UnmountFlags::DETACH);
        }
    }
    let unified = topology.unified_directory().map(|directory| {
        open_tree(
            CWD,
            directory,
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
        )
    });
    let unified = unified
        .transpose()
        .map_err(step("copy the mount of its control groups (open_tree)"))?;
    while unmount(CGROUPS, UnmountFlags::DETACH).is_ok() {}
    match unified {
        Some(tree) => move_mount(
            &tree,
            "",
            CWD,
            CGROUPS,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )
        .map_err(step("mount its control groups (move_mount)"))?,
        // Nothing at all: version 1 alone is dealt with by this crate.
        None => mount_tmpfs(CGROUPS, None).map_err(step("mount an empty filesystem (mount)"))?,
    }
    Ok(())
}

fn mount_tmpfs(target: &str, options: Option<&CStr>) -> rustix::io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("pinwire", target, "tmpfs", flags, options)
}
