//! A circle of routers. Each sends the shorter way round: clockwise by a few prefixes that together hold exactly that
//! half of the wires, and the other way by its default route.

use super::{Kind, Manifest, PodText, arcs, prefixes, wire};

pub(super) fn manifest(nodes: u32) -> String {
    let mut manifest = Manifest::new(Kind::Ring, &head(nodes));
    for node in 0..nodes {
        manifest.add(&pod(node, nodes));
    }
    manifest.text
}

fn head(nodes: u32) -> String {
    let row = format!("+--left[r1]right--left[r2]right-- ... --left[r{nodes}]right--+");
    let back = format!("+{}+", "-".repeat(row.len() - 2));
    format!(
        "A ring of {nodes} routers. Each reaches every other one the shorter way round.\n\n  {row}\n  {back}\n\n\
         wires rI-r(I+1): 10.64.0.0/10 in pairs of addresses, the lower one at the right end of rI"
    )
}

fn pod(node: u32, nodes: u32) -> PodText {
    let (next, previous) = ((node + 1) % nodes, (node + nodes - 1) % nodes);
    let (right, beyond_right) = wire(node);
    let (beyond_left, left) = wire(previous);
    let mut pod = PodText::new(format!("r{}", node + 1));
    pod.link(
        "left",
        &format!("r{}:right", previous + 1),
        &format!("{left}/31"),
    );
    pod.link(
        "right",
        &format!("r{}:left", next + 1),
        &format!("{right}/31"),
    );
    pod.router();
    pod.forwarding.push("routes:".to_owned());
    pod.forwarding
        .push(format!("  - {{to: default, via: {beyond_left}}}"));
    for (first, last) in arcs(node + 1, node + nodes / 2, nodes) {
        for prefix in prefixes(wire(first).0, wire(last).1) {
            pod.forwarding
                .push(format!("  - {{to: {prefix}, via: {beyond_right}}}"));
        }
    }
    pod
}
