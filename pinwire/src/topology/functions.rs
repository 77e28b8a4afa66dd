//! A topology with every link made one kind.

use pinwire_wiring::annotation::tuning::Tuning;
use pinwire_wiring::annotation::{Link, LinkType, Peer};

use super::Topology;

/// A link that cannot be of a kind.
#[derive(Debug, thiserror::Error)]
#[error(
    "the link `{node}:{interface}` leads out of this host: it has no other end that a veth pair could have"
)]
pub struct KindError {
    /// Its node.
    pub node: String,
    /// Its interface.
    pub interface: String,
}

impl Topology {
    /// The same topology with all links of one kind. Of virtual functions, those that ended at interfaces of this host
    /// lead out of it instead; of tuning, a veth pair keeps what it has.
    ///
    /// # Errors
    /// [`KindError`], where a link has no other end, and should be a veth pair.
    pub fn with_links(mut self, kind: LinkType) -> Result<Self, KindError> {
        for node in &mut self.nodes {
            for link in &mut node.links {
                match kind {
                    LinkType::Vf => into_function(link),
                    LinkType::Veth if link.peer.is_none() => {
                        return Err(KindError {
                            node: node.name.to_string(),
                            interface: link.interface.to_string(),
                        });
                    }
                    LinkType::Veth => {
                        link.kind = LinkType::Veth;
                        link.vf = None;
                        link.tuning = link.tuning.take().and_then(Tuning::of_veth);
                    }
                }
            }
        }
        Ok(self)
    }

    /// Whether any link is of virtual functions.
    pub fn has_functions(&self) -> bool {
        let mut links = self.nodes.iter().flat_map(|node| &node.links);
        links.any(|link| link.kind == LinkType::Vf)
    }
}

fn into_function(link: &mut Link) {
    link.kind = LinkType::Vf;
    if let Some(Peer::Host(_)) = link.peer {
        link.peer = None;
        link.host_addresses.clear();
    }
}
