//! Writes manifests of regular topologies, for examples, benchmarks and a first try. What they mean is not known here:
//! they are read back like any other manifest.

mod chain;
mod fat_tree;
mod mesh;
mod ring;

use std::fmt;
use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv4Subnets};
use thiserror::Error;

/// The most nodes that are generated.
pub const NODES_MAX: u32 = 4000;
/// The most nodes of a mesh: the manifest of a larger one would exceed what is read, 8 MiB.
const MESH_NODES_MAX: u32 = 2000;

/// The shape of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A line of routers between two interfaces of the host; at least one node.
    Chain,
    /// A circle of routers that all reach each other the shorter way round; at least three nodes.
    Ring,
    /// A fat tree of `k`-port switches (Al-Fares et al., SIGCOMM 2008): `k³/4` hosts and `5k²/4` switches, which together
    /// are its nodes: 7, 36, 99, 208 and so on.
    FatTree,
    /// A circle with chords, whose flows take different paths by policy routing; 6 to 2000 nodes.
    Mesh,
}

/// Why a topology cannot be generated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum GenerateError {
    /// Fewer nodes than the shape needs.
    #[error("a {kind} has at least {least} nodes, not {nodes}")]
    TooFew {
        kind: Kind,
        /// How many nodes were asked for.
        nodes: u32,
        least: u32,
    },
    /// More nodes than are generated.
    #[error("a {kind} of at most {most} nodes is generated, not {nodes}")]
    TooMany {
        kind: Kind,
        /// How many nodes were asked for.
        nodes: u32,
        most: u32,
    },
    /// The shape exists with other numbers of nodes only.
    #[error("there is no fat tree of {nodes} nodes, hosts and switches together: there are those of {}", list(.sizes))]
    NoFatTree {
        /// How many nodes were asked for.
        nodes: u32,
        /// The numbers that are possible.
        sizes: Vec<u32>,
    },
}

/// Writes the manifest of a topology with `nodes` nodes.
///
/// # Errors
/// If the shape does not exist with this number of nodes.
pub fn generate(kind: Kind, nodes: u32) -> Result<String, GenerateError> {
    let (least, most) = match kind {
        Kind::Chain => (1, NODES_MAX),
        Kind::Ring => (3, NODES_MAX),
        // Its sizes are few, and told by its own error.
        Kind::FatTree => (0, u32::MAX),
        Kind::Mesh => (6, MESH_NODES_MAX),
    };
    if nodes < least {
        return Err(GenerateError::TooFew { kind, nodes, least });
    }
    if nodes > most {
        return Err(GenerateError::TooMany { kind, nodes, most });
    }
    match kind {
        Kind::Chain => Ok(chain::manifest(nodes)),
        Kind::Ring => Ok(ring::manifest(nodes)),
        Kind::FatTree => fat_tree::manifest(nodes),
        Kind::Mesh => Ok(mesh::manifest(nodes)),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Chain => "chain",
            Self::Ring => "ring",
            Self::FatTree => "fat-tree",
            Self::Mesh => "mesh",
        })
    }
}

fn list(numbers: &[u32]) -> String {
    numbers
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A manifest in the making.
struct Manifest {
    topology: Kind,
    text: String,
}

/// One pod: lines of its two annotations, without indentation.
#[derive(Default)]
struct PodText {
    name: String,
    links: Vec<String>,
    forwarding: Vec<String>,
}

impl Manifest {
    /// Begins with a comment; empty lines stay empty but for the `#`.
    fn new(topology: Kind, head: &str) -> Self {
        let mut text = String::new();
        for line in head.lines() {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        Self { topology, text }
    }

    fn add(&mut self, pod: &PodText) {
        let PodText {
            name,
            links,
            forwarding,
        } = pod;
        let block = |lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("      {line}\n"))
                .collect::<String>()
        };
        // Writing to a string does not fail.
        let _ = write!(
            self.text,
            "---\n\
             apiVersion: v1\n\
             kind: Pod\n\
             metadata:\n\
             \x20 name: {name}\n\
             \x20 annotations:\n\
             \x20   pinwire.dev/topology: {topology}\n\
             \x20   pinwire.dev/links: |\n\
             {links}\
             \x20   pinwire.dev/forwarding: |\n\
             {forwarding}\
             spec:\n\
             \x20 runtimeClassName: pinwire\n\
             \x20 containers: [{{name: node, image: localhost/pinwire-node:latest}}]\n",
            topology = self.topology,
            links = block(links),
            forwarding = block(forwarding),
        );
    }
}

impl PodText {
    fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    fn link(&mut self, interface: &str, peer: &str, addresses: &str) {
        self.links.push(format!(
            "- {{interface: {interface}, peer: {peer}, addresses: [{addresses}]}}"
        ));
    }

    /// What every router starts with.
    fn router(&mut self) {
        self.forwarding.push("plane: kernel".to_owned());
        self.forwarding
            .push("sysctls: {net.ipv4.ip_forward: 1}".to_owned());
    }
}

/// The two addresses of the wire `index`, of 2^22: 10.64.0.0/10 in pairs (RFC 3021).
fn wire(index: u32) -> (Ipv4Addr, Ipv4Addr) {
    let low = u32::from(Ipv4Addr::new(10, 64, 0, 0)) + 2 * index;
    (low.into(), (low + 1).into())
}

/// The prefixes that hold exactly the addresses from `first` to `last`.
fn prefixes(first: Ipv4Addr, last: Ipv4Addr) -> impl Iterator<Item = Ipv4Net> {
    Ipv4Subnets::new(first, last, 0)
}

/// `first..=last` on a circle of `count` as one or two ranges without a wrap; empty if `last < first`.
fn arcs(first: u32, last: u32, count: u32) -> Vec<(u32, u32)> {
    if last < first {
        return Vec::new();
    }
    match (first % count, last % count) {
        (first, last) if first <= last => vec![(first, last)],
        (first, last) => vec![(first, count - 1), (0, last)],
    }
}
