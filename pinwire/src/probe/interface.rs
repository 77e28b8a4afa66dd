//! An interface of the current network namespace, as far as a probe must know it.

use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{AddressFamily, SockaddrLike};
use pinwire_wiring::name::MacAddress;

use super::error::ProbeError;

/// How long the kernel may take to tell that a link has a carrier.
const CARRIER_DELAY: Duration = Duration::from_millis(1500);

/// An interface.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) mac: MacAddress,
    /// The kernel's number for it.
    pub(super) index: u32,
    flags: InterfaceFlags,
}

impl Interface {
    /// Asks the kernel for the interface called `name`.
    pub(super) fn find(name: &str) -> Result<Self, ProbeError> {
        let missing = || ProbeError::NoSuchInterface {
            name: name.to_owned(),
        };
        let index = if_nametoindex(name).map_err(|_| missing())?;
        let failed = |errno: nix::Error| ProbeError::Socket {
            call: "getifaddrs",
            interface: name.to_owned(),
            source: errno.into(),
        };
        for found in getifaddrs().map_err(failed)? {
            let Some(address) = found.address.filter(|_| found.interface_name == name) else {
                continue;
            };
            if address.family() == Some(AddressFamily::Packet) {
                let mac = address
                    .as_link_addr()
                    .and_then(nix::sys::socket::LinkAddr::addr)
                    .ok_or_else(missing)?;
                let mac = MacAddress::from_bytes(mac);
                return Ok(Self {
                    name: name.to_owned(),
                    mac,
                    index,
                    flags: found.flags,
                });
            }
        }
        Err(missing())
    }

    /// Whether frames can pass it. Waits for the carrier of links that have just been set up: the kernel tells of it up to
    /// a second late (`net/core/link_watch.c`).
    pub(super) fn check_up(self) -> Result<Self, ProbeError> {
        let deadline = Instant::now() + CARRIER_DELAY;
        let mut interface = self;
        loop {
            if !interface.flags.contains(InterfaceFlags::IFF_UP) {
                return Err(ProbeError::Down {
                    name: interface.name,
                });
            }
            if interface.flags.contains(InterfaceFlags::IFF_RUNNING) {
                return Ok(interface);
            }
            if Instant::now() >= deadline {
                return Err(ProbeError::NoCarrier {
                    name: interface.name,
                });
            }
            std::thread::sleep(Duration::from_millis(10));
            interface = Self::find(&interface.name)?;
        }
    }
}
