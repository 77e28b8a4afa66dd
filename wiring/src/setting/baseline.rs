//! The sysctls of a node: a baseline that makes nodes the same on every host, and the manifest's own. Pure.
//!
//! Linux copies the IPv4 configuration of a new namespace from the host's (`devinet_init_net`, net/ipv4/devinet.c), so what
//! the host's administrator set would reach every node. A baseline says what nodes depend on; the manifest's own sysctls
//! override it. A `conf.default` is for interfaces to come, and those of a node exist before it is told anything: what
//! is said of `default` is therefore said to each of its interfaces as well, except for the IPv4 baseline, which the
//! kernel passes on by itself to interfaces that have no address yet (`devinet_copy_dflt_conf`).
//!
//! IPv6 link-local addresses stay: routes by them and neighbour discovery are as usual, and they follow from the MAC
//! addresses. Router advertisements and duplicate address detection are off, which leaves a wire without traffic of the
//! kernel's own but multicast listener reports; `net.ipv6.conf.all.disable_ipv6: 1` silences those too.
//!
//! IPv6 is forwarded by nodes that have anything of IPv6: where it is on, the kernel takes twice as long to delete a link
//! (38 ms against 20 ms, Linux 6.18).

use std::borrow::Cow;

use super::Setting;
use crate::annotation::{Family, Forwarding, Link, Plane, Route};
use crate::kernel::sysctl::SysctlKey;

/// IPv4 forwarding.
const FORWARDING: SysctlKey = SysctlKey::from_path("net/ipv4/ip_forward");
/// The same by its other name.
const ALL_FORWARDING: SysctlKey = SysctlKey::from_path("net/ipv4/conf/all/forwarding");
/// IPv6 forwarding.
const FORWARDING_V6: SysctlKey = SysctlKey::from_path("net/ipv6/conf/all/forwarding");

/// The baseline, and the values that do not depend on the plane.
const BASELINE: [(SysctlKey, &str); 8] = [
    (SysctlKey::from_path("net/ipv4/conf/all/arp_announce"), "0"),
    (SysctlKey::from_path("net/ipv4/conf/all/arp_ignore"), "0"),
    (SysctlKey::from_path("net/ipv4/conf/all/rp_filter"), "0"),
    (
        SysctlKey::from_path("net/ipv4/conf/default/arp_announce"),
        "0",
    ),
    (
        SysctlKey::from_path("net/ipv4/conf/default/arp_ignore"),
        "0",
    ),
    (SysctlKey::from_path("net/ipv4/conf/default/rp_filter"), "0"),
    (
        SysctlKey::from_path("net/ipv6/conf/default/accept_dad"),
        "0",
    ),
    (SysctlKey::from_path("net/ipv6/conf/default/accept_ra"), "0"),
];

/// A sysctl.
struct Sysctl {
    key: SysctlKey,
    value: Cow<'static, str>,
    /// Whether it is of the baseline.
    baseline: bool,
}

/// The sysctls of a node, in the order in which they have to be written.
pub(super) fn sysctls(links: &[&Link], forwarding: &Forwarding) -> Vec<Setting> {
    let kernel = forwarding.plane == Plane::Kernel;
    let switch = |on| if on { "1" } else { "0" };
    let v6 = switch(kernel && has_v6(links, forwarding));
    let switches = [(FORWARDING, switch(kernel)), (FORWARDING_V6, v6)];
    let baseline = switches.into_iter().chain(BASELINE);
    let sysctl = |(key, value)| Sysctl {
        key,
        value: Cow::Borrowed(value),
        baseline: true,
    };
    let mut sysctls: Vec<Sysctl> = baseline.map(sysctl).collect();
    for (key, value) in &forwarding.sysctls {
        let other_name = if *key == ALL_FORWARDING {
            &FORWARDING
        } else {
            key
        };
        sysctls.retain(|sysctl| sysctl.key != *key && sysctl.key != *other_name);
        sysctls.push(Sysctl {
            key: key.clone(),
            value: value.to_string().into(),
            baseline: false,
        });
    }
    sysctls.extend(of_interfaces(links, &sysctls));
    let order = |one: &Sysctl| (rank(&one.key), one.key.clone());
    sysctls.sort_by_cached_key(order);
    let setting = |sysctl: Sysctl| Setting::Sysctl {
        key: sysctl.key,
        value: sysctl.value,
        if_present: sysctl.baseline,
    };
    sysctls.into_iter().map(setting).collect()
}

/// Whether anything of a node is of IPv6.
fn has_v6(links: &[&Link], forwarding: &Forwarding) -> bool {
    let mut addresses = links.iter().flat_map(|link| &link.addresses);
    addresses.any(|address| address.addr().is_ipv6())
        || forwarding.routes.iter().any(Route::is_v6)
        || forwarding.neighbours.iter().any(|peer| peer.ip.is_ipv6())
        || forwarding
            .rules
            .iter()
            .any(|rule| rule.family() == Family::V6)
}

/// What is said of `default`, said of each interface of which nothing else is.
fn of_interfaces(links: &[&Link], sysctls: &[Sysctl]) -> Vec<Sysctl> {
    let mut each = Vec::new();
    for Sysctl {
        key,
        value,
        baseline,
    } in sysctls
    {
        let Some((family, name)) = of_default(key) else {
            continue;
        };
        if family == "ipv4" && *baseline {
            continue;
        }
        for link in links {
            let parts = ["net", family, "conf", link.interface.as_str(), name];
            let key = SysctlKey::from_parts(&parts);
            if !sysctls.iter().any(|sysctl| sysctl.key == key) {
                each.push(Sysctl {
                    key,
                    value: value.clone(),
                    baseline: *baseline,
                });
            }
        }
    }
    each
}

/// The family and the last part of a key `net.FAMILY.conf.default.NAME`.
fn of_default(key: &SysctlKey) -> Option<(&str, &str)> {
    let (family, rest) = key.below_net().split_once('/')?;
    let name = rest.strip_prefix("conf/default/")?;
    (!name.contains('/')).then_some((family, name))
}

/// The order of writing: turning forwarding on or off changes other sysctls (`inet_forward_change`, net/ipv4/devinet.c),
/// and what is said of `all` or `default` must not overrule what is said of an interface.
fn rank(key: &SysctlKey) -> u8 {
    let (_family, rest) = key.below_net().split_once('/').unwrap_or_default();
    let mut parts = rest.split('/');
    match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some("ip_forward"), None, ..] | [Some("conf"), Some("all"), Some("forwarding"), None] => 0,
        [Some("conf"), Some("all"), Some(_), None] => 1,
        [Some("conf"), Some("default"), Some(_), None] => 2,
        [Some("conf"), Some(_interface), Some(_), None] => 4,
        _ => 3,
    }
}
