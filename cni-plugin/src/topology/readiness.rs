//! Which settings of a pod can be told while some of its links do not exist yet, and which have to be told again when
//! one comes (back). Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use pinwire_wiring::annotation::{Destination, Link, Route};
use pinwire_wiring::name::InterfaceName;
use pinwire_wiring::setting::Setting;

/// Names of interfaces.
pub(crate) type Interfaces = BTreeSet<InterfaceName>;

/// The settings that need no link but those that exist.
pub(crate) fn ready(settings: &[Setting], links: &[Link], existing: &Interfaces) -> Vec<Setting> {
    let ready = |setting: &&Setting| {
        let needs = needs(setting, settings, links);
        needs.iter().all(|interface| existing.contains(interface))
    };
    settings.iter().filter(ready).cloned().collect()
}

/// The settings that went with links which now exist anew.
pub(crate) fn renewed(
    settings: &[Setting],
    links: &[Link],
    existing: &Interfaces,
    new: &Interfaces,
) -> Vec<Setting> {
    let renewed = |setting: &&Setting| {
        let needs = needs(setting, settings, links);
        needs.iter().all(|interface| existing.contains(interface))
            && needs.iter().any(|interface| new.contains(interface))
    };
    settings.iter().filter(renewed).cloned().collect()
}

/// The links without which a setting cannot be told.
fn needs(setting: &Setting, settings: &[Setting], links: &[Link]) -> Vec<InterfaceName> {
    let is_link = |name: &str| links.iter().any(|link| link.interface.as_str() == name);
    let named = match setting {
        Setting::LoopbackUp | Setting::GroupUp { .. } | Setting::Rule(_) => Vec::new(),
        Setting::LinkUp { interface }
        | Setting::Address { interface, .. }
        | Setting::AltName { interface, .. }
        | Setting::Offload { interface, .. } => vec![interface.clone()],
        Setting::Neighbour(neighbour) => vec![neighbour.interface.clone()],
        Setting::Mirror { from, to } | Setting::Xdp { from, to } => vec![from.clone(), to.clone()],
        Setting::Route(route) => return route_needs(route, settings, links),
        Setting::Sysctl { key, .. } => {
            let interface = key.interface().map(str::parse);
            interface.into_iter().flatten().collect()
        }
    };
    // Others are not ours to wait for: the interface of the pod's first network.
    named
        .into_iter()
        .filter(|name| is_link(name.as_str()))
        .collect()
}

/// The links that a route leaves by, by its interface or by its next hop, and the link that has its source address.
fn route_needs(route: &Route, settings: &[Setting], links: &[Link]) -> Vec<InterfaceName> {
    let mut needs = Vec::new();
    let is_link = |interface: &InterfaceName| links.iter().any(|link| link.interface == *interface);
    match (&route.interface, route.via) {
        (Some(interface), _) => needs.extend(Some(interface.clone()).filter(is_link)),
        (None, Some(via)) => needs.extend(towards(via, settings, links)),
        (None, None) => {}
    }
    if let Some(source) = route.source {
        let has = |link: &&Link| {
            link.addresses
                .iter()
                .any(|address| address.addr() == source)
        };
        needs.extend(links.iter().find(has).map(|link| link.interface.clone()));
    }
    needs
}

/// The links that a next hop is behind: those with the longest prefix around it, by address or by a route without a
/// next hop of its own.
fn towards(via: IpAddr, settings: &[Setting], links: &[Link]) -> Interfaces {
    let addresses = links.iter().flat_map(|link| {
        let connected = link.addresses.iter().map(IpNet::trunc);
        connected.map(|prefix| (prefix, &link.interface))
    });
    let on_link = settings.iter().filter_map(|setting| match setting {
        Setting::Route(Route {
            to: Destination::Prefix(prefix),
            via: None,
            interface: Some(interface),
            ..
        }) => Some((*prefix, interface)),
        _ => None,
    });
    let around: Vec<_> = addresses
        .chain(on_link)
        .filter(|(prefix, _)| prefix.contains(&via))
        .collect();
    let longest = around.iter().map(|(prefix, _)| prefix.prefix_len()).max();
    let nearest = around.into_iter();
    nearest
        .filter(|(prefix, _)| Some(prefix.prefix_len()) == longest)
        .map(|(_, interface)| interface.clone())
        .filter(|interface| links.iter().any(|link| link.interface == *interface))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinwire_wiring::annotation::Forwarding;
    use pinwire_wiring::setting::settings;

    fn names(names: &[&str]) -> Interfaces {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn texts(settings: &[Setting]) -> Vec<String> {
        let told =
            |setting: &&Setting| !matches!(setting, Setting::Sysctl { .. } | Setting::LoopbackUp);
        settings
            .iter()
            .filter(told)
            .map(ToString::to_string)
            .collect()
    }

    /// A node between two others; all wires share one prefix, as in the example chain.
    fn node() -> (Vec<Link>, Vec<Setting>) {
        let links: Vec<Link> = serde_json::from_str(
            r#"[{"interface":"up","peer":"a:down","addresses":["10.0.3.200/32"]},
                {"interface":"down","peer":"c:up","addresses":["10.0.3.101/24"]}]"#,
        )
        .unwrap();
        let forwarding: Forwarding = serde_json::from_str(
            r#"{"routes":[{"to":"10.0.2.20/32","via":"10.0.3.201"},
                          {"to":"10.9.0.0/16","interface":"up"},
                          {"to":"10.8.0.0/16","via":"10.9.0.1"},
                          {"to":"10.7.0.0/16","via":"192.0.2.1"},
                          {"to":"10.6.0.0/16","interface":"down","source":"10.0.3.200"}],
                "neighbours":[{"ip":"10.0.3.9","mac":"02:00:00:00:00:09","interface":"down"}],
                "rules":[{"priority":5,"table":7}]}"#,
        )
        .unwrap();
        let settings = settings(&links, &forwarding);
        (links, settings)
    }

    #[test]
    fn what_needs_a_link_waits_for_it() {
        let (links, settings) = node();
        let rest = ["route 10.7.0.0/16 via 192.0.2.1", "rule 5: lookup 7"];
        assert_eq!(texts(&ready(&settings, &links, &names(&[]))), rest);
        let up = [
            "address 10.0.3.200/32 on up",
            "interface up up",
            "route 10.9.0.0/16 dev up",
            "route 10.8.0.0/16 via 10.9.0.1",
            rest[0],
            rest[1],
        ];
        assert_eq!(texts(&ready(&settings, &links, &names(&["up"]))), up);
        assert_eq!(ready(&settings, &links, &names(&["up", "down"])), settings);
    }

    #[test]
    fn what_went_with_a_link_is_told_again() {
        let (links, settings) = node();
        let both = names(&["up", "down"]);
        let down = [
            "address 10.0.3.101/24 on down",
            "interface down up",
            "neighbour 10.0.3.9 at 02:00:00:00:00:09 on down",
            "route 10.0.2.20/32 via 10.0.3.201",
            "route 10.6.0.0/16 dev down src 10.0.3.200",
        ];
        assert_eq!(
            texts(&renewed(&settings, &links, &both, &names(&["down"]))),
            down
        );
        let again = renewed(&settings, &links, &both, &names(&["down"]));
        let sysctl = |setting: &Setting| setting.to_string().contains("conf.up.");
        assert!(
            !again.iter().any(sysctl),
            "the other link's sysctls are left alone"
        );
        assert!(renewed(&settings, &links, &names(&["up"]), &names(&["down"])).is_empty());
    }
}
