//! The files of `/etc` that tell a container its name and those of others.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;

use super::{RootfsError, make_directories};

/// The files of `/etc` that are written anew for each container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The host name.
    pub(crate) hostname: &'a str,
    /// Further lines of `/etc/hosts`.
    pub(crate) hosts: &'a [(IpAddr, String)],
}

/// `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`. The last is empty on purpose: the nodes of a topology have no
/// name server, and resolvers give up at once where the host's own servers would leave them waiting.
pub(super) fn write_names(upper: &Path, names: Names<'_>) -> Result<(), RootfsError> {
    let etc = upper.join("etc");
    make_directories(&etc)?;
    let mut hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.1.1\t{}\n",
        names.hostname
    );
    for (address, name) in names.hosts {
        let _ = writeln!(hosts, "{address}\t{name}");
    }
    let hostname = format!("{}\n", names.hostname);
    for (name, text) in [
        ("hostname", hostname.as_str()),
        ("hosts", &hosts),
        ("resolv.conf", ""),
    ] {
        let path = etc.join(name);
        let result = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        result.map_err(|source| RootfsError::Write { path, source })?;
    }
    Ok(())
}
