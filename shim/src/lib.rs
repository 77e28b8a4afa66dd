//! Runs containers as forwarding nodes on youki's libcontainer.

pub mod capability;
pub mod cgroup;
mod channel;
pub mod container;
mod device;
mod diagnosis;
pub mod exec;
mod failure;
mod launch;
pub mod process;
pub mod rootfs;
pub mod seccomp;
pub mod spec;
pub mod stop;
mod syscall;
pub mod user;
mod volume;
pub mod workload;
pub mod zygote;
