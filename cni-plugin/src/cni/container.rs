//! The container's network namespace, as a runtime names it.

use std::path::{Path, PathBuf};

use pinwire_wiring::kernel::inside::Inside;
use pinwire_wiring::kernel::netlink::NetlinkError;
use pinwire_wiring::kernel::netns::{Netns, NetnsError};
use pinwire_wiring::name::InterfaceName;

/// Why nothing can be attached in a namespace.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// It cannot be used.
    #[error("cannot use the container's network namespace")]
    Open(#[source] NetnsError),
    /// It is the plugin's.
    #[error("the container's network namespace is the plugin's own: {}", .0.display())]
    Own(PathBuf),
    /// An interface is there already.
    #[error("the interface `{interface}` exists already in {}", .netns.display())]
    InterfaceExists {
        /// The interface.
        interface: InterfaceName,
        /// The namespace.
        netns: PathBuf,
    },
    /// The plugin's own namespace is not known.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// There is no socket in it.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// Opens a container's namespace, which must not be the caller's own.
pub(crate) fn open(path: &Path) -> Result<Netns, ContainerError> {
    let netns = Netns::open(path).map_err(ContainerError::Open)?;
    if netns.is_current()? {
        return Err(ContainerError::Own(path.to_owned()));
    }
    Ok(netns)
}

/// Opens a container's namespace, in which none of some interfaces must be there already.
pub(crate) fn open_free<'a>(
    path: &Path,
    interfaces: impl IntoIterator<Item = &'a InterfaceName>,
) -> Result<Inside, ContainerError> {
    let inside = Inside::of(open(path)?)?;
    let exists = |name: &&InterfaceName| inside.socket.index_of(name.as_str()).is_some();
    match interfaces.into_iter().find(exists) {
        None => Ok(inside),
        Some(interface) => Err(ContainerError::InterfaceExists {
            interface: interface.clone(),
            netns: path.to_owned(),
        }),
    }
}
