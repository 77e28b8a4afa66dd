//! Links whose virtual function a process drives (vfio-pci): the kernel has no interface there, so that nothing can be said
//! of one. Pure.

use super::{Forwarding, Link};
use crate::kernel::sysctl::SysctlKey;
use crate::name::InterfaceName;

impl Link {
    /// Whether the node has an interface for it.
    pub fn has_interface(&self) -> bool {
        self.vf.as_ref().is_none_or(|vf| vf.driver.is_none())
    }

    /// The first key that it has and that only an interface can have, as a path below the link.
    pub fn interface_key(&self) -> Option<&'static [&'static str]> {
        let vf = self.vf.as_ref()?;
        if self.has_interface() {
            return None;
        }
        let keys: [(bool, &[&str]); 4] = [
            (!self.addresses.is_empty(), &["addresses"]),
            (self.mtu.is_some(), &["mtu"]),
            (vf.allmulticast.is_some(), &["vf", "allmulticast"]),
            (vf.promiscuous.is_some(), &["vf", "promiscuous"]),
        ];
        let mut keys = keys.into_iter();
        keys.find_map(|(present, key)| present.then_some(key))
    }
}

impl Forwarding {
    /// The interfaces that its routes, rules, neighbours and sysctls name.
    pub fn interfaces(&self) -> impl Iterator<Item = InterfaceName> {
        let routes = self.routes.iter().map(|route| &route.interface);
        let rules = self.rules.iter().map(|rule| &rule.interface);
        let named = routes.chain(rules).flatten().cloned();
        let neighbours = self.neighbours.iter();
        let named = named.chain(neighbours.map(|neighbour| neighbour.interface.clone()));
        named.chain(self.sysctls.keys().filter_map(|text| {
            let key: SysctlKey = text.parse().ok()?;
            key.interface()?.parse().ok()
        }))
    }
}
