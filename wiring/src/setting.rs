//! What a node's network namespace is told, as values that can be compared, saved, applied and removed.
//!
//! [`settings`] plans them (pure), [`apply()`] tells the kernel, [`remove`] takes them back. A link's existence is no
//! setting: that is [`crate::wire`].

use std::borrow::Cow;
use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::annotation::{Neighbour, Route, Rule};
use crate::kernel::sysctl::SysctlKey;
use crate::name::InterfaceName;

mod apply;
mod baseline;
mod error;
mod message;
mod plan;
mod settle;
mod verify;

pub use apply::apply_by;
pub use apply::{apply, remove};
pub use error::{ApplyError, SettingError};
pub use plan::{far_end, host_settings, settings};
pub use settle::settle_link;
pub use settle::{settle, settle_host};
pub use verify::missing;

/// One thing that a network namespace is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Setting {
    /// A sysctl of the namespace (sysctl(8)).
    Sysctl {
        /// Its key.
        key: SysctlKey,
        /// Its value, as written to the kernel.
        value: Cow<'static, str>,
        /// Passed over where the kernel has no such sysctl (a machine without IPv6): part of the baseline.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        if_present: bool,
    },
    /// The loopback interface is up.
    LoopbackUp,
    /// An interface is up.
    LinkUp {
        /// The interface.
        interface: InterfaceName,
    },
    /// All interfaces of a group are up (`ip link set group … up`): several links come into operation with one wait at most
    /// for the kernel's workers, which the first one calls.
    GroupUp {
        /// The group.
        group: u32,
    },
    /// An interface has an address. IPv6 addresses are usable at once, without duplicate address detection.
    Address {
        /// The interface.
        interface: InterfaceName,
        /// The address and its prefix length.
        address: IpNet,
        /// Without the route to its network that the kernel makes otherwise (`IFA_F_NOPREFIXROUTE`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alone: bool,
    },
    /// An interface has an alternative name, the mark of ownership ([`crate::wire`]).
    AltName {
        /// The interface.
        interface: InterfaceName,
        /// The alternative name.
        name: String,
    },
    /// A neighbour that never expires.
    Neighbour(Neighbour),
    /// A route.
    Route(Route),
    /// A policy routing rule.
    Rule(Rule),
    /// Offloads of an interface (ethtool(8)); removing the setting reverses both. See [`far_end`].
    Offload {
        /// The interface.
        interface: InterfaceName,
        /// Generic receive offload (`rx-gro`). On a veth it turns NAPI on.
        gro: bool,
        /// Transmit checksum offload (`tx-checksum-ip-generic`), which veth has on.
        tx_checksum: bool,
    },
    /// What enters one interface leaves by another, by tc-mirred(8).
    Mirror {
        /// Where packets enter.
        from: InterfaceName,
        /// Where they leave.
        to: InterfaceName,
    },
    /// What enters one interface leaves by another, by an XDP program in native mode.
    Xdp {
        /// Where packets enter.
        from: InterfaceName,
        /// Where they leave.
        to: InterfaceName,
    },
}

impl Setting {
    /// Whether links that come into being in the namespace have this from its `conf.default`, if that was told before:
    /// part of the baseline, and said of an interface.
    pub fn is_inherited(&self) -> bool {
        matches!(self, Self::Sysctl { key, if_present: true, .. } if key.interface().is_some())
    }

    /// Whether a routing socket of the namespace is all it takes, wherever the thread is.
    pub(crate) fn is_routing(&self) -> bool {
        !matches!(
            self,
            Self::Sysctl { .. } | Self::Offload { .. } | Self::Xdp { .. }
        )
    }

    /// Whether this is a sysctl that names no interface.
    pub fn is_of_namespace(&self) -> bool {
        matches!(self, Self::Sysctl { key, .. } if key.interface().is_none())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sysctl { key, value, .. } => write!(formatter, "sysctl {key}={value}"),
            Self::LoopbackUp => formatter.write_str("interface lo up"),
            Self::LinkUp { interface } => write!(formatter, "interface {interface} up"),
            Self::GroupUp { group } => write!(formatter, "interfaces of group {group} up"),
            Self::Address {
                interface, address, ..
            } => {
                write!(formatter, "address {address} on {interface}")
            }
            Self::AltName { interface, name } => {
                write!(formatter, "alternative name {name} of {interface}")
            }
            Self::Neighbour(Neighbour { ip, mac, interface }) => {
                write!(formatter, "neighbour {ip} at {mac} on {interface}")
            }
            Self::Route(route) => write_route(formatter, route),
            Self::Rule(rule) => write_rule(formatter, rule),
            Self::Offload {
                interface,
                gro,
                tx_checksum,
            } => {
                let state = |on: &bool| if *on { "on" } else { "off" };
                let (gro, tx_checksum) = (state(gro), state(tx_checksum));
                write!(
                    formatter,
                    "offloads gro {gro}, tx-checksum {tx_checksum} on {interface}"
                )
            }
            Self::Mirror { from, to } => write!(formatter, "mirror from {from} to {to}"),
            Self::Xdp { from, to } => write!(formatter, "xdp redirect from {from} to {to}"),
        }
    }
}

/// As ip-route(8) writes it.
fn write_route(formatter: &mut fmt::Formatter<'_>, route: &Route) -> fmt::Result {
    write!(formatter, "route {}", route.to)?;
    if let Some(via) = route.via {
        write!(formatter, " via {via}")?;
    }
    if let Some(interface) = &route.interface {
        write!(formatter, " dev {interface}")?;
    }
    if let Some(source) = route.source {
        write!(formatter, " src {source}")?;
    }
    if let Some(table) = route.table {
        write!(formatter, " table {table}")?;
    }
    let numbers = [
        ("metric", route.metric),
        ("mtu", route.mtu),
        ("advmss", route.advmss),
        ("scope", route.scope.map(u32::from)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            write!(formatter, " {name} {number}")?;
        }
    }
    Ok(())
}

/// As ip-rule(8) writes it.
fn write_rule(formatter: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    write!(formatter, "rule {}:", rule.priority)?;
    if let Some(from) = rule.from {
        write!(formatter, " from {from}")?;
    }
    if let Some(to) = rule.to {
        write!(formatter, " to {to}")?;
    }
    if let Some(interface) = &rule.interface {
        write!(formatter, " iif {interface}")?;
    }
    if let Some(protocol) = rule.protocol {
        write!(
            formatter,
            " ipproto {}",
            format!("{protocol:?}").to_lowercase()
        )?;
    }
    if let Some(port) = rule.source_port {
        write!(formatter, " sport {port}")?;
    }
    if let Some(port) = rule.destination_port {
        write!(formatter, " dport {port}")?;
    }
    write!(formatter, " lookup {}", rule.table)
}
