//! Runs containers as forwarding nodes on youki's libcontainer.
//!
//! A command forks a few [`zygote::Zygote`]s, asks them to start containers, and forgets them. What is left of each
//! container is a process ([`process::Started`]), a control group ([`cgroup::Cgroup`]) and two directories; [`exec`] and
//! [`mod@stop`] need no more than these, and a topology whose command was killed is cleaned up by its control group's name
//! alone. No daemon, no network: namespaces come from the caller.

pub mod capability;
pub mod cgroup;
mod channel;
pub mod container;
mod device;
mod diagnosis;
mod directory;
pub mod exec;
mod failure;
mod launch;
pub mod process;
pub mod rootfs;
pub mod seccomp;
pub mod spec;
mod step;
pub mod stop;
mod syscall;
pub mod user;
mod volume;
pub mod workload;
pub mod zygote;
