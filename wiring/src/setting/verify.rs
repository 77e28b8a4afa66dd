//! Which settings no longer stand, as far as an observation shows: somebody took an address away, or a link down.

use super::Setting;
use crate::observe::Observation;

/// The settings that `found` shows to be missing, in their order. Links, their names, addresses, routes and XDP programs are
/// compared; what an [`Observation`] does not hold (sysctls, rules, neighbours, mirrors) is taken as standing.
pub fn missing<'a>(
    found: &'a Observation,
    settings: &'a [Setting],
) -> impl Iterator<Item = &'a Setting> {
    settings.iter().filter(|setting| !stands(found, setting))
}

fn stands(found: &Observation, setting: &Setting) -> bool {
    let link = |name: &str| found.link(name);
    match setting {
        Setting::LoopbackUp => link("lo").is_some_and(|link| link.up),
        Setting::LinkUp { interface } => link(interface.as_str()).is_some_and(|link| link.up),
        Setting::GroupUp { group } => {
            let mut links = found.links.iter();
            links.all(|link| link.up || link.group != *group)
        }
        Setting::Address {
            interface, address, ..
        } => link(interface.as_str())
            .is_some_and(|link| found.addresses_of(link).any(|other| other == *address)),
        Setting::AltName { interface, name } => {
            link(interface.as_str()).is_some_and(|link| link.altnames.contains(name))
        }
        Setting::Route(route) => {
            let index = route
                .interface
                .as_ref()
                .and_then(|name| link(name.as_str()));
            let index = index.map(|link| link.index);
            found.routes.iter().any(|other| other.is(route, index))
        }
        Setting::Xdp { from, .. } => link(from.as_str()).is_some_and(|link| link.xdp.is_some()),
        Setting::Sysctl { .. }
        | Setting::Rule(_)
        | Setting::Neighbour(_)
        | Setting::Offload { .. }
        | Setting::Mirror { .. } => true,
    }
}
