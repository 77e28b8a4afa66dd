//! A process that starts containers for a command: forked while that has one thread and little memory, since libcontainer
//! changes its caller (working directory, `oom_score_adj`, dumpable) and forks it several times. It has a mount namespace of
//! its own, so that no mount is ever seen by the host, and a control group of its own below the topology's, so that
//! killing that leaves no half-made container. It ends when its command does. It starts containers and forgets them.

mod error;
mod inside;
mod start;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::unistd::{Pid, getpid};
use rustix::event::{PollFd, PollFlags, poll};

pub use crate::failure::Failure;
pub use crate::process::Started;
pub use start::StartRequest;

use crate::cgroup::{Cgroup, CgroupError};
use crate::channel::Channel;
use crate::process::{self, open_pidfd};
use crate::syscall;

/// A zygote or a container that does not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ZygoteError {
    /// The topology's control group cannot be made.
    #[error("failed to make the topology's control group")]
    Cgroup(#[source] CgroupError),
    /// No socket.
    #[error("failed to make a pair of sockets (socketpair)")]
    Channel(#[source] io::Error),
    /// No process: among others where the caller has other threads.
    #[error("failed to fork a zygote (fork)")]
    Fork(#[source] io::Error),
    /// The network namespace is not there.
    #[error("failed to open the network namespace {} (open)", path.display())]
    Network {
        path: std::path::PathBuf,
        source: io::Error,
    },
    /// The request cannot be sent.
    #[error("failed to send a request to the zygote (sendmsg)")]
    Send(#[source] io::Error),
    /// The reply cannot be read.
    #[error("failed to read a reply of the zygote (recvmsg)")]
    Receive(#[source] io::Error),
    /// The zygote has ended.
    #[error("the zygote ended unexpectedly")]
    Ended,
    /// The zygote could not prepare itself.
    #[error("failed to prepare a zygote")]
    Prepare(#[source] Failure),
    /// The container does not start.
    #[error("failed to start the container `{id}`")]
    Start { id: String, source: Failure },
}

/// A zygote, seen from the command that forked it. Dropping it ends the zygote and waits for that; containers stay.
#[derive(Debug)]
pub struct Zygote {
    /// `None` only while it is dropped.
    channel: Option<Channel>,
    pid: Pid,
    pidfd: OwnedFd,
}

impl Zygote {
    /// Forks a zygote for the containers of a topology and waits until it is ready. Makes the topology's control group.
    ///
    /// `index` tells the zygotes of a topology apart. The calling thread must outlive the zygote, which is killed when
    /// that thread ends (`PR_SET_PDEATHSIG` of prctl(2)), and must be the only one.
    ///
    /// # Errors
    /// [`ZygoteError::Cgroup`], [`ZygoteError::Channel`], [`ZygoteError::Fork`], [`ZygoteError::Prepare`], [`ZygoteError::Ended`].
    pub fn fork(topology: &Cgroup, index: usize) -> Result<Self, ZygoteError> {
        topology.create_inner().map_err(ZygoteError::Cgroup)?;
        let (near, far) = Channel::pair().map_err(ZygoteError::Channel)?;
        let parent = getpid();
        let pid = syscall::fork(|| inside::run(parent, far, topology.clone(), index))
            .map_err(ZygoteError::Fork)?;
        let pidfd = open_pidfd(pid.as_raw()).map_err(ZygoteError::Fork)?;
        let zygote = Self {
            channel: Some(near),
            pid,
            pidfd,
        };
        match zygote.receive::<Result<(), Failure>>()? {
            Ok(()) => Ok(zygote),
            Err(failure) => Err(ZygoteError::Prepare(failure)),
        }
    }

    /// Starts a container and returns when its program is executing.
    ///
    /// # Errors
    /// [`ZygoteError::Start`] with everything undone; the other variants leave that to whoever removes the topology.
    pub fn start(&mut self, request: &StartRequest) -> Result<Started, ZygoteError> {
        let network = File::open(&request.network).map_err(|source| ZygoteError::Network {
            path: request.network.clone(),
            source,
        })?;
        let channel = self.channel.as_ref().ok_or(ZygoteError::Ended)?;
        channel
            .send(request, &[network.as_fd()])
            .map_err(ZygoteError::Send)?;
        let result = self.receive::<Result<Started, Failure>>()?;
        result.map_err(|source| ZygoteError::Start {
            id: request.id.clone(),
            source,
        })
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    fn receive<T: serde::de::DeserializeOwned>(&self) -> Result<T, ZygoteError> {
        let channel = self.channel.as_ref().ok_or(ZygoteError::Ended)?;
        // Its end is not always the end of its socket, of which a container that it was making has a copy until execve(2).
        let mut watched = [
            PollFd::new(channel, PollFlags::IN),
            PollFd::new(&self.pidfd, PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| poll(&mut watched, None))
            .map_err(|error| ZygoteError::Receive(error.into()))?;
        if watched[0].revents().is_empty() {
            return Err(ZygoteError::Ended);
        }
        let (reply, _) = channel
            .receive()
            .map_err(ZygoteError::Receive)?
            .ok_or(ZygoteError::Ended)?;
        Ok(reply)
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // The end of its socket is what ends it.
        self.channel = None;
        let _ = process::wait(self.pid);
    }
}
