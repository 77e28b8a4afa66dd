//! A line of routers: what enters at one end leaves at the other, both ways.

use super::{Kind, Manifest, PodText, wire};

/// The MAC address of the receiver at 10.0.2.20, as in `manifests/chain.yaml`.
const RECEIVER: &str = "02:00:00:00:02:20";

pub(super) fn manifest(nodes: u32) -> String {
    let mut manifest = Manifest::new(Kind::Chain, &head(nodes));
    for node in 1..=nodes {
        manifest.add(&pod(node, nodes));
    }
    manifest.text
}

fn head(nodes: u32) -> String {
    let drawing = match nodes {
        1 => "pw-in --in[h1]out-- pw-out".to_owned(),
        2 => "pw-in --in[h1]down--up[h2]out-- pw-out".to_owned(),
        _ => format!("pw-in --in[h1]down--up[h2]down-- ... --up[h{nodes}]out-- pw-out"),
    };
    let lifetime = if nodes > 60 {
        "\n\nA packet needs a time to live above the number of nodes; most senders start with 64."
    } else {
        ""
    };
    format!(
        "A line of {nodes} routers between two interfaces of the host.\n\n  {drawing}\n\n\
         in    h1: 10.0.0.101/24; senders are 10.0.0.10 and up, and take h1 as the gateway of 10.0.2.0/24\n\
         out   h{nodes}: 10.0.2.101/24; receivers are 10.0.2.20 and up, and take h{nodes} as the gateway of 10.0.0.0/24\n\
         wires hI-h(I+1): 10.64.0.0/10 in pairs of addresses, the lower one upstream{lifetime}"
    )
}

fn pod(node: u32, nodes: u32) -> PodText {
    let mut pod = PodText::new(format!("h{node}"));
    pod.router();
    pod.forwarding.push("routes:".to_owned());
    if node == 1 {
        pod.link("in", "host:pw-in", "10.0.0.101/24");
    } else {
        let (above, own) = wire(node - 2);
        pod.link("up", &format!("h{}:down", node - 1), &format!("{own}/31"));
        pod.forwarding
            .push(format!("  - {{to: 10.0.0.0/24, via: {above}}}"));
    }
    if node == nodes {
        pod.link("out", "host:pw-out", "10.0.2.101/24");
    } else {
        let (own, below) = wire(node - 1);
        pod.link("down", &format!("h{}:up", node + 1), &format!("{own}/31"));
        pod.forwarding
            .push(format!("  - {{to: 10.0.2.0/24, via: {below}}}"));
    }
    if nodes == 1 {
        pod.forwarding.pop();
    }
    if node == nodes {
        // Nobody answers for the receiver of `pinwire probe`.
        pod.forwarding.push(format!(
            "neighbours: [{{ip: 10.0.2.20, mac: \"{RECEIVER}\", interface: out}}]"
        ));
    }
    pod
}
