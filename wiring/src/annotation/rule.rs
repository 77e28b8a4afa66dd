//! What is wrong with what pods' annotations say, decided once for every reader: of one node by itself ([`alone`]), between two
//! nodes ([`between`]), of a whole topology ([`together`]); and what holds where nothing is said ([`default`]). Pure.
//!
//! A [`Finding`] carries the path to its value: `pinwire validate` draws it with its place, the CNI plugin says it in a sentence.
//! Reading the text of annotations is not done here: what cannot be read never gets here.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::{Forwarding, LINKS, Link, Peer};
use crate::name::{InterfaceName, NodeName, TopologyName};

mod address;
mod annotation;
pub mod default;
mod finding;
mod forwarding;
mod link;
mod pair;
mod policy;
mod route;
pub mod suggest;
mod unique;

pub use annotation::{annotations, look_alikes, node_name};
use finding::Findings;
pub use finding::{Finding, Key, Place};

/// The most links of one node that the rules have been measured with.
const LINKS_MAX: usize = 1024;

/// A node as its annotations describe it.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its position among the nodes that are looked at: findings name it by this.
    pub index: usize,
    /// The topology, where that is known: MAC addresses follow from it.
    pub topology: Option<&'a TopologyName>,
    /// Its name.
    pub name: &'a NodeName,
    /// Its ends of links.
    pub links: &'a [Link],
    /// How it forwards.
    pub forwarding: &'a Forwarding,
}

/// One end of a link, with all that can be said about it.
#[derive(Clone, Copy)]
struct End<'a> {
    node: Node<'a>,
    /// Which of the node's links it is.
    position: usize,
    link: &'a Link,
}

impl<'a> Node<'a> {
    fn ends(self) -> impl Iterator<Item = End<'a>> {
        let links = self.links.iter().enumerate();
        links.map(move |(position, link)| End {
            node: self,
            position,
            link,
        })
    }

    fn end(self, interface: &InterfaceName) -> Option<End<'a>> {
        self.ends().find(|end| end.link.interface == *interface)
    }

    fn interfaces(self) -> impl Iterator<Item = &'a str> + Clone {
        self.links.iter().map(|link| link.interface.as_str())
    }

    /// The place of one of its annotations.
    fn place(self, annotation: &'static str) -> Place {
        Place {
            node: self.index,
            path: vec![Key::Name(Cow::Borrowed(annotation))],
        }
    }
}

impl<'a> End<'a> {
    fn place(self) -> Place {
        self.node.place(LINKS).item(self.position)
    }

    /// `NODE:INTERFACE`.
    fn title(self) -> String {
        format!("{}:{}", self.node.name, self.link.interface)
    }

    /// Whether it names another end as its peer.
    fn names(self, other: End<'_>) -> bool {
        matches!(&self.link.peer, Some(Peer::Node { node, interface })
            if node == other.node.name && *interface == other.link.interface)
    }

    /// The node at the other end, where that is not its own.
    fn peer_node(self) -> Option<&'a NodeName> {
        match &self.link.peer {
            Some(Peer::Node { node, .. }) if node != self.node.name => Some(node),
            _ => None,
        }
    }
}

/// What is wrong with one node, as far as that can be told without the others.
pub fn alone(node: Node<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_node(node, &mut findings);
    unique::check(&[node], &mut findings);
    findings.into()
}

/// What is wrong between two nodes, each of which is right by itself: the links between them, and what only one of them can have.
pub fn between(one: Node<'_>, other: Node<'_>) -> Vec<Finding> {
    let mut findings = Findings::default();
    pair::check(one, other, &|_| true, &mut findings);
    unique::check(&[one, other], &mut findings);
    findings.into()
}

/// All that is wrong with a topology; what is said of other nodes counts only where it is `complete`.
pub fn together(nodes: &[Node<'_>], complete: bool) -> Vec<Finding> {
    let mut findings = Findings::default();
    for node in nodes {
        check_node(*node, &mut findings);
    }
    unique::check(nodes, &mut findings);
    if complete {
        check_pairs(nodes, &mut findings);
    }
    findings.into()
}

fn check_node(node: Node<'_>, findings: &mut Findings) {
    let mut interfaces = HashMap::new();
    for end in node.ends() {
        let (name, interface) = (node.name, &end.link.interface);
        let place = end.place().key("interface");
        let message = || format!("the node `{name}` has two interfaces `{interface}`");
        if let Some(found) = findings.twice(&mut interfaces, interface, place, message) {
            found.hint("rename one of them, and the peer that names it");
        }
        link::check(end, findings);
    }
    if let Some(end) = node.ends().nth(LINKS_MAX) {
        let (name, count) = (node.name, node.links.len());
        findings.error(
            end.place(),
            format!("the node `{name}` has {count} links: {LINKS_MAX} are possible"),
        );
    }
    address::check_overlaps(node, findings);
    forwarding::check(node, findings);
}

fn check_pairs(nodes: &[Node<'_>], findings: &mut Findings) {
    let named: HashMap<_, _> = nodes.iter().map(|node| (node.name, *node)).collect();
    let exists = |peer: &Peer| match peer {
        Peer::Host(_) => true,
        Peer::Node { node, interface } => named
            .get(node)
            .is_some_and(|node| node.end(interface).is_some()),
    };
    let mut pairs = BTreeSet::new();
    for end in nodes.iter().flat_map(|node| node.ends()) {
        let Some(peer) = end.peer_node() else {
            continue;
        };
        if let Some(other) = named.get(peer) {
            let (one, other) = (end.node.index, other.index);
            pairs.insert((one.min(other), one.max(other)));
        } else {
            let known = nodes.iter().map(|node| node.name.as_str());
            let hint = suggest::hint(peer.as_str(), known)
                .unwrap_or_else(|| "its pod must be in one of the files that are given".to_owned());
            findings
                .error(
                    end.place().key("peer"),
                    format!("there is no node `{peer}` in this topology"),
                )
                .hint(hint);
        }
    }
    for (one, other) in pairs {
        if let (Some(one), Some(other)) = (nodes.get(one), nodes.get(other)) {
            pair::check(*one, *other, &exists, findings);
        }
    }
}
