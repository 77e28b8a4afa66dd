//! A circle with chords: node I is joined to I+1 and to I+S. Everything else goes the shortest way by the main table;
//! two flows of each node take paths of their own by policy routing.

use std::net::Ipv4Addr;

use super::{Kind, Manifest, PodText, arcs, prefixes, wire};

/// The table whose default route takes the chord, and the one that takes the circle.
const TABLE_CHORD: u32 = 101;
const TABLE_CIRCLE: u32 = 102;
/// UDP destination ports of the two flows.
const PORT_CHORDS_FIRST: u16 = 5001;
const PORT_CIRCLE_FIRST: u16 = 5002;

pub(super) fn manifest(nodes: u32) -> String {
    let mesh = Mesh {
        nodes,
        chord: nodes.isqrt(),
    };
    let mut manifest = Manifest::new(Kind::Mesh, &mesh.head());
    for node in 0..nodes {
        manifest.add(&mesh.pod(node));
    }
    manifest.text
}

struct Mesh {
    nodes: u32,
    /// How many nodes a chord skips to.
    chord: u32,
}

impl Mesh {
    fn head(&self) -> String {
        let Self { nodes, chord } = self;
        let target = 2 * chord + 1;
        format!(
            "A mesh of {nodes} routers: rI is joined to r(I+1) by `next` and `prev`, and to r(I+{chord}) by `skip` and `back`.\n\
             Numbers go round: after r{nodes} comes r1.\n\n{drawing}\n\
             Addresses: rI is 10.1.0.0 + I; its wires are 10.64.0.0/10 in pairs, the lower one at `next` and `skip`.\n\
             Main table: every router reaches every router.\n\n\
             Flows: {flows}, two from each rI to r(I+{target}), told apart by their UDP destination port (source rI's 10.1 address):\n  \
             port {PORT_CHORDS_FIRST}   rI - r(I+{chord}) - r(I+{two}) - r(I+{target})   skip, skip, next\n  \
             port {PORT_CIRCLE_FIRST}   rI - r(I+1) - r(I+{one}) - r(I+{target})   next, skip, skip\n\
             Tables: {TABLE_CHORD} leaves by `skip`, {TABLE_CIRCLE} by `next`; a rule for each flow at each router on its path.",
            drawing = self.drawing(),
            flows = 2 * nodes,
            two = 2 * chord,
            one = chord + 1,
        )
    }

    /// Rows of `chord` nodes: to the right by `next`, down by `skip`.
    fn drawing(&self) -> String {
        let Self { nodes, chord } = *self;
        let (columns, rows) = (chord.min(6), nodes.div_ceil(chord).min(5));
        let mut drawing = String::new();
        for row in 0..rows {
            let cells = (0..columns)
                .map(|column| row * chord + column + 1)
                .filter(|node| *node <= nodes);
            let cells: Vec<_> = cells.map(|node| format!("r{node:<4}")).collect();
            let more = if columns < chord {
                "--- ..."
            } else {
                "--- (first of the next row)"
            };
            let wires = if row + 1 < rows {
                "|       ".repeat(cells.len())
            } else {
                String::new()
            };
            drawing += &format!("  {}{}\n  {}\n", cells.join("-- "), more, wires.trim_end());
        }
        drawing.trim_end().to_owned() + "\n  (and from the last row back to the first)\n"
    }

    fn pod(&self, node: u32) -> PodText {
        let Self { nodes, chord } = *self;
        let name = |node: u32| format!("r{}", node % nodes + 1);
        let before = |steps: u32| (node + nodes - steps) % nodes;
        let (next, prev) = (wire(node).0, wire(before(1)).1);
        let (skip, back) = (wire(nodes + node).0, wire(nodes + before(chord)).1);
        let mut pod = PodText::new(name(node));
        pod.link(
            "next",
            &format!("{}:prev", name(node + 1)),
            &format!("{}/32, {next}/31", self.address(node)),
        );
        pod.link(
            "prev",
            &format!("{}:next", name(before(1))),
            &format!("{prev}/31"),
        );
        pod.link(
            "skip",
            &format!("{}:back", name(node + chord)),
            &format!("{skip}/31"),
        );
        pod.link(
            "back",
            &format!("{}:skip", name(before(chord))),
            &format!("{back}/31"),
        );
        pod.router();
        pod.forwarding.push("routes:".to_owned());
        pod.forwarding.extend(self.routes(node));
        pod.forwarding.push("rules:".to_owned());
        pod.forwarding.extend(self.rules(node));
        pod
    }

    /// By distance round the circle: the next few by `next`, the first half by `skip`, the last few by `prev`, and the
    /// rest by `back`, which is the default since it needs the most prefixes.
    fn routes(&self, node: u32) -> Vec<String> {
        let Self { nodes, chord } = *self;
        let own = self.address(node);
        let before = |steps: u32| (node + nodes - steps) % nodes;
        let (next, prev) = (wire(node).1, wire(before(1)).0);
        let (skip, back) = (wire(nodes + node).1, wire(nodes + before(chord)).0);
        let half = (nodes / 2).clamp(chord, nodes - chord);
        let ways = [
            (1, chord - 1, next),
            (chord, half, skip),
            (nodes - chord + 1, nodes - 1, prev),
        ];
        let mut routes = vec![format!("  - {{to: default, via: {back}, source: {own}}}")];
        for (first, last, via) in ways {
            for (first, last) in arcs(node + first, node + last, nodes) {
                let held = prefixes(self.address(first), self.address(last));
                routes.extend(
                    held.map(|prefix| format!("  - {{to: {prefix}, via: {via}, source: {own}}}")),
                );
            }
        }
        for (table, via) in [(TABLE_CHORD, skip), (TABLE_CIRCLE, next)] {
            routes.push(format!(
                "  - {{to: default, via: {via}, source: {own}, table: {table}}}"
            ));
        }
        routes
    }

    /// A rule for each flow that begins at this node or passes through it.
    fn rules(&self, node: u32) -> Vec<String> {
        let Self { nodes, chord } = *self;
        // How far back the flow began, and by which table it goes on from here.
        let chords_first = [
            (0, TABLE_CHORD),
            (chord, TABLE_CHORD),
            (2 * chord, TABLE_CIRCLE),
        ];
        let circle_first = [
            (0, TABLE_CIRCLE),
            (1, TABLE_CHORD),
            (chord + 1, TABLE_CHORD),
        ];
        let flows = chords_first.map(|way| (PORT_CHORDS_FIRST, way)).into_iter();
        let flows = flows.chain(circle_first.map(|way| (PORT_CIRCLE_FIRST, way)));
        flows
            .enumerate()
            .map(|(index, (port, (steps, table)))| {
                let source = (node + nodes - steps % nodes) % nodes;
                let target = self.address((source + 2 * chord + 1) % nodes);
                // The flow's own sender has not chosen its source address when the first lookup is made.
                let from = if steps == 0 { String::new() } else { format!("from: {}/32, ", self.address(source)) };
                let priority = 1000 + index;
                format!("  - {{priority: {priority}, {from}to: {target}/32, protocol: udp, destinationPort: {port}, table: {table}}}")
            })
            .collect()
    }

    fn address(&self, node: u32) -> Ipv4Addr {
        (u32::from(Ipv4Addr::new(10, 1, 0, 1)) + node % self.nodes).into()
    }
}
