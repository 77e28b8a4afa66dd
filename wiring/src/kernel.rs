//! The seams to the kernel: namespaces, netlink, ethtool, sysctls. What is said by them is for others to know.

pub mod ethtool;
pub mod inside;
pub mod netlink;
pub mod netns;
pub mod procfs;
pub mod syscall;
pub mod sysctl;
