//! A pod is read from its annotations, YAML in strings, and checked by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::de::DeserializeOwned;

use super::{Pod, PodError, mtu};
use crate::cni::arguments::Arguments;
use crate::cni::json;
use pinwire_wiring::annotation::{FORWARDING, LINKS, Link, LinkType, NODE, Peer, TOPOLOGY};
use pinwire_wiring::identity::HOST;

/// The start of all annotations of ours.
const PREFIX: &str = "pinwire.dev/";
/// The annotation that says how a pod is pinned; the runtime reads it.
const ISOLATION: &str = "pinwire.dev/isolation";
/// What IPv4 needs of a link (RFC 791) and Ethernet devices take (`ETH_MAX_MTU`), and what IPv6 needs (RFC 8200), bytes.
const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;
const MTU_MIN_IPV6: u32 = 1280;
/// The most that an annotation of one node can reasonably say.
const LINKS_MAX: usize = 1024;

impl Pod {
    /// Reads a pod; `None` if it has nothing to do with Pinwire.
    ///
    /// # Errors
    /// The first [`PodError`].
    pub fn read(
        annotations: &BTreeMap<String, String>,
        arguments: &Arguments,
    ) -> Result<Option<Self>, PodError> {
        let namespace = arguments.pod_namespace.as_deref().unwrap_or("default");
        let given = arguments.pod_name.as_deref();
        let name = format!("{namespace}/{}", given.unwrap_or("(unnamed)"));
        check_known(annotations, &name)?;
        let Some(topology) = annotations.get(TOPOLOGY) else {
            return Ok(None);
        };
        let text = |annotation, reason| PodError::Text {
            pod: name.clone(),
            annotation,
            reason,
        };
        let node = annotations.get(NODE).map(String::as_str).or(given);
        let node: &str = node.ok_or(PodError::NoName)?;
        if node == HOST {
            return Err(text(NODE, format!("`{HOST}` stands for the host itself")));
        }
        let pod = Self {
            topology: parse(topology).map_err(|reason| text(TOPOLOGY, reason))?,
            node: parse(node).map_err(|reason| text(NODE, reason))?,
            links: yaml(annotations, LINKS, &name)?,
            forwarding: yaml(annotations, FORWARDING, &name)?,
            name,
        };
        pod.check()?;
        Ok(Some(pod))
    }

    fn check(&self) -> Result<(), PodError> {
        let (mut interfaces, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for link in &self.links {
            let twice = !interfaces.insert(&link.interface);
            let host = match &link.peer {
                Some(Peer::Host(name)) => !hosts.insert(name),
                _ => false,
            };
            let reason = if twice {
                Some("is there twice".to_owned())
            } else if host {
                Some("ends at an interface of the host that another link ends at".to_owned())
            } else if self.links.len() > LINKS_MAX {
                Some(format!("is one of more than {LINKS_MAX}"))
            } else {
                self.flaw(link)
            };
            if let Some(reason) = reason {
                return Err(PodError::Link {
                    pod: self.name.clone(),
                    interface: link.interface.clone(),
                    reason,
                });
            }
        }
        if let Some(link) = self.named_without_interface() {
            return Err(PodError::Link {
                pod: self.name.clone(),
                interface: link.interface.clone(),
                reason: format!(
                    "is named in `{FORWARDING}`, but a process drives it: it has no interface"
                ),
            });
        }
        self.settings().map(drop)
    }

    /// A link without an interface that the forwarding names.
    fn named_without_interface(&self) -> Option<&Link> {
        let mut named = self.forwarding.interfaces();
        named.find_map(|name| self.link(&name).filter(|link| !link.has_interface()))
    }

    /// What is wrong with a link by itself.
    fn flaw(&self, link: &Link) -> Option<String> {
        let function = function_flaw(link);
        if function.is_some() {
            return function;
        }
        match &link.peer {
            None if link.kind == LinkType::Vf => {}
            None => return Some("has no peer".to_owned()),
            Some(Peer::Node { node, .. }) if *node == self.node => {
                return Some("ends at its own node".to_owned());
            }
            Some(Peer::Node { .. }) if !link.host_addresses.is_empty() => {
                return Some("has `hostAddresses`, but its peer is not the host".to_owned());
            }
            Some(_) => {}
        }
        let tuning = link.tuning.as_ref();
        if let Some(Err((key, reason))) = tuning.map(|tuning| tuning.check(link.kind)) {
            return Some(format!("cannot have this `tuning.{key}`: {reason}"));
        }
        let mtu = mtu(link);
        let mut addresses = link.addresses.iter().chain(&link.host_addresses);
        if !MTU.contains(&mtu) {
            return Some(format!("cannot have an MTU of {mtu} bytes"));
        }
        if mtu < MTU_MIN_IPV6 && addresses.any(|address| address.addr().is_ipv6()) {
            return Some(format!(
                "has IPv6 addresses, which need an MTU of {MTU_MIN_IPV6} bytes"
            ));
        }
        None
    }
}

/// What is wrong with what a link says of virtual functions.
fn function_flaw(link: &Link) -> Option<String> {
    match (link.kind, &link.vf) {
        (LinkType::Veth, None) => None,
        (LinkType::Veth, Some(_)) => Some("has `vf`, but is not of type `vf`".to_owned()),
        (LinkType::Vf, _) if matches!(link.peer, Some(Peer::Host(_))) => {
            Some("is of type `vf`, which leads out of this machine: it cannot end at an interface of the host".to_owned())
        }
        (LinkType::Vf, Some(vf)) if vf.pool.is_some() => {
            if vf.vlan == Some(0) && link.peer.is_some() {
                return Some("cannot be a wire without a VLAN (`vf.vlan` is 0)".to_owned());
            }
            if let Some(key) = link.interface_key() {
                return Some(format!(
                    "cannot have `{}`: a process drives it, and it has no interface",
                    key.join(".")
                ));
            }
            if vf.peer_driver.is_some() && link.peer.is_none() {
                return Some("has `vf.peerDriver`, but no peer".to_owned());
            }
            let (key, reason) = vf.attributes().err()?;
            Some(format!("cannot have this `vf.{key}`: {reason}"))
        }
        (LinkType::Vf, _) => Some("is of type `vf`, and does not say from which pool (`vf: {pool: …}`)".to_owned()),
    }
}

fn check_known(annotations: &BTreeMap<String, String>, pod: &str) -> Result<(), PodError> {
    let topology = annotations.contains_key(TOPOLOGY);
    for annotation in annotations.keys().filter(|key| key.starts_with(PREFIX)) {
        let (pod, annotation) = (pod.to_owned(), annotation.clone());
        match annotation.as_str() {
            TOPOLOGY | ISOLATION => {}
            LINKS | FORWARDING | NODE if topology => {}
            LINKS | FORWARDING | NODE => return Err(PodError::NoTopology { pod, annotation }),
            _ => return Err(PodError::Unknown { pod, annotation }),
        }
    }
    Ok(())
}

fn parse<T: FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.trim().parse()
}

/// Reads an annotation that is YAML in a string; what it says if absent or empty is nothing.
fn yaml<T: DeserializeOwned + Default>(
    annotations: &BTreeMap<String, String>,
    annotation: &'static str,
    pod: &str,
) -> Result<T, PodError> {
    let text = annotations.get(annotation).map_or("", String::as_str);
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    if let Some(value) = json(text) {
        return Ok(value);
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| PodError::Text {
        pod: pod.to_owned(),
        annotation,
        reason: error.to_string(),
    })
}

/// Reads YAML that is JSON, as programs write it, by the parser that every call needs anyway. What that one does not take is for
/// YAML's to judge.
fn json<T: DeserializeOwned>(text: &str) -> Option<T> {
    if !text.starts_with(['[', '{']) {
        return None;
    }
    json::parse(text.as_bytes()).ok()?; // no key twice, as YAML has it
    serde_json::from_slice(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::{DeserializeOwned, Link, json};
    use pinwire_wiring::annotation::Forwarding;

    fn same<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
        let by_yaml: T =
            serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(json::<T>(text), Some(by_yaml), "{text}");
    }

    #[test]
    fn json_means_what_it_means_as_yaml() {
        same::<Vec<Link>>(
            r#"[{"interface": "left", "peer": "b:right", "addresses": ["10.0.0.1/24", "fd00::1/64"], "mtu": 9000}]"#,
        );
        same::<Vec<Link>>(
            r#"[{"interface": "up", "type": "vf", "vf": {"pool": "p", "vlan": 7, "trust": true, "vlanProto": "802.1ad", "maxTxRate": 100}}]"#,
        );
        same::<Vec<Link>>(
            r#"[{"interface": "a", "peer": "host:h", "hostAddresses": [], "tuning": {"channels": {"rx": 2}, "interrupts": 1, "offloads": {"tx-checksum-ip-generic": false}}}]"#,
        );
        same::<Forwarding>(
            r#"{"plane": "none", "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.tcp_ecn": "2"}}"#,
        );
        same::<Forwarding>(
            r#"{"routes": [{"to": "default", "via": "10.0.0.2", "metric": 5}], "rules": [{"priority": 9, "table": 100, "from": "10.0.0.0/8"}]}"#,
        );
    }

    #[test]
    fn what_json_would_pass_over_is_for_yaml_to_judge() {
        assert_eq!(
            json::<Forwarding>(
                r#"{"sysctls": {"net.ipv4.ip_forward": 1, "net.ipv4.ip_forward": 0}}"#
            ),
            None
        );
        assert_eq!(json::<Forwarding>("{plane: kernel}"), None);
        assert_eq!(json::<Vec<Link>>("- interface: a\n  peer: b:c\n"), None);
    }
}
