//! Draws a topology: as Mermaid and DOT text, which other programs lay out, and as an SVG picture that needs none.

mod layout;
mod svg;

use std::collections::HashMap;
use std::fmt::Write;

use ipnet::IpNet;
use pinwire_wiring::annotation::{Link, Peer};

use crate::topology::Topology;

/// A topology as vertices and wires, each wire once.
struct Graph<'a> {
    name: &'a str,
    vertices: Vec<Vertex>,
    wires: Vec<Wire>,
}

/// A node, an interface of the host, or whatever a virtual function leads to.
struct Vertex {
    label: String,
    host: bool,
}

/// A wire between two vertices, by index.
struct Wire {
    ends: [DrawnEnd; 2],
}

struct DrawnEnd {
    vertex: usize,
    /// Interface and addresses.
    lines: Vec<String>,
}

/// The topology as a Mermaid flowchart (mermaid.js.org), as GitHub and GitLab draw it.
pub fn mermaid(topology: &Topology) -> String {
    let graph = Graph::new(topology);
    let mut text = format!("---\ntitle: {}\n---\nflowchart LR\n", graph.name);
    for (index, vertex) in graph.vertices.iter().enumerate() {
        let (open, close) = if vertex.host {
            ("([", "])")
        } else {
            ("[", "]")
        };
        // Ids of their own, since names such as `end` are words of Mermaid. Writing to a string does not fail.
        let _ = writeln!(text, "  n{index}{open}\"{}\"{close}", vertex.label);
    }
    for Wire { ends: [one, two] } in &graph.wires {
        let label = format!("{} — {}", one.lines.join(" "), two.lines.join(" "));
        let _ = writeln!(text, "  n{} ---|\"{label}\"| n{}", one.vertex, two.vertex);
    }
    text
}

/// The topology as a graph of Graphviz (graphviz.org/doc/info/lang.html).
pub fn dot(topology: &Topology) -> String {
    let graph = Graph::new(topology);
    let mut text = format!(
        "graph \"{}\" {{\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  \
         edge [fontname=\"sans-serif\", fontsize=9];\n",
        graph.name
    );
    for vertex in &graph.vertices {
        let style = if vertex.host {
            " [style=\"rounded,dashed\"]"
        } else {
            ""
        };
        let _ = writeln!(text, "  \"{}\"{style};", vertex.label);
    }
    for Wire { ends: [one, two] } in &graph.wires {
        let label = |end: &DrawnEnd| end.lines.join("\\n");
        let (tail, head) = (
            &graph.vertices[one.vertex].label,
            &graph.vertices[two.vertex].label,
        );
        let _ = writeln!(
            text,
            "  \"{tail}\" -- \"{head}\" [taillabel=\"{}\", headlabel=\"{}\"];",
            label(one),
            label(two)
        );
    }
    text + "}\n"
}

/// The topology as an SVG picture: lines and rings as such, trees in layers, everything else on a circle.
pub fn svg(topology: &Topology) -> String {
    let graph = Graph::new(topology);
    svg::draw(&graph, &layout::place(&graph))
}

impl<'a> Graph<'a> {
    fn new(topology: &'a Topology) -> Self {
        let label = |label: String, host| Vertex { label, host };
        let mut vertices: Vec<_> = topology
            .nodes
            .iter()
            .map(|node| label(node.name.to_string(), false))
            .collect();
        let index: HashMap<_, _> = topology
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (&node.name, index))
            .collect();
        let mut wires = Vec::new();
        for (vertex, node) in topology.nodes.iter().enumerate() {
            for link in &node.links {
                let near = DrawnEnd {
                    vertex,
                    lines: lines(link.interface.as_str(), &link.addresses),
                };
                match &link.peer {
                    Some(Peer::Host(name)) => {
                        let far = DrawnEnd {
                            vertex: vertices.len(),
                            lines: lines("", &link.host_addresses),
                        };
                        vertices.push(label(format!("host:{name}"), true));
                        wires.push(Wire { ends: [near, far] });
                    }
                    Some(Peer::Node {
                        node: peer,
                        interface,
                    }) => {
                        let Some(&other) = index.get(peer) else {
                            continue;
                        };
                        let is_far = |far: &&Link| far.interface == *interface;
                        // Each wire is listed at both ends, and drawn from the first one.
                        if let Some(far) = topology.nodes[other]
                            .links
                            .iter()
                            .find(is_far)
                            .filter(|_| vertex < other)
                        {
                            let far = DrawnEnd {
                                vertex: other,
                                lines: lines(interface.as_str(), &far.addresses),
                            };
                            wires.push(Wire { ends: [near, far] });
                        }
                    }
                    None => {
                        let far = DrawnEnd {
                            vertex: vertices.len(),
                            lines: Vec::new(),
                        };
                        let end = format!("{}:{}", node.name, link.interface);
                        vertices.push(label(format!("outside {end}"), true));
                        wires.push(Wire { ends: [near, far] });
                    }
                }
            }
        }
        Self {
            name: topology.name.as_str(),
            vertices,
            wires,
        }
    }

    /// The neighbours of each vertex.
    fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut neighbours = vec![Vec::new(); self.vertices.len()];
        for Wire { ends: [one, two] } in &self.wires {
            neighbours[one.vertex].push(two.vertex);
            neighbours[two.vertex].push(one.vertex);
        }
        neighbours
    }
}

fn lines(interface: &str, addresses: &[IpNet]) -> Vec<String> {
    let interface = (!interface.is_empty()).then(|| interface.to_owned());
    interface
        .into_iter()
        .chain(addresses.iter().map(IpNet::to_string))
        .collect()
}
