//! Which version of the Internet Protocol a route or a rule is of. Pure.

use std::net::IpAddr;

use super::{Destination, Route, Rule};

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }
}

impl Route {
    /// The destination's family; a default route's is that of its next hop, or else its source, or IPv4.
    pub fn family(&self) -> Family {
        match self.to {
            Destination::Prefix(prefix) => Family::of(prefix.addr()),
            Destination::Default => self.via.or(self.source).map_or(Family::V4, Family::of),
        }
    }

    /// Whether it is an IPv6 route.
    pub fn is_v6(&self) -> bool {
        self.family() == Family::V6
    }
}

impl Rule {
    /// The family of its prefixes; IPv4 where it has none.
    pub fn family(&self) -> Family {
        let prefix = self.from.or(self.to);
        prefix.map_or(Family::V4, |prefix| Family::of(prefix.addr()))
    }
}
