//! A fat tree of k-port switches: k pods of k/2 edge and k/2 aggregation switches, k²/4 core switches, and k/2 hosts at
//! each edge switch (Al-Fares, Loukissas, Vahdat: A Scalable, Commodity Data Center Network Architecture, SIGCOMM 2008).
//!
//! The paper spreads load by the last byte of the destination, which Linux cannot match; here the way up is chosen by
//! the destination's pod or edge switch, which spreads as evenly over all core switches.

use super::{GenerateError, Kind, Manifest, NODES_MAX, PodText};

pub(super) fn manifest(nodes: u32) -> Result<String, GenerateError> {
    let sizes: Vec<_> = (1..)
        .map(|half| 2 * half)
        .take_while(|k| size(*k) <= NODES_MAX)
        .collect();
    let Some(k) = sizes.iter().copied().find(|k| size(*k) == nodes) else {
        return Err(GenerateError::NoFatTree {
            nodes,
            sizes: sizes.into_iter().map(size).collect(),
        });
    };
    let tree = FatTree { k, half: k / 2 };
    let mut manifest = Manifest::new(Kind::FatTree, &tree.head());
    for pod in 1..=k {
        for edge in 1..=tree.half {
            for host in 1..=tree.half {
                manifest.add(&tree.host(pod, edge, host));
            }
            manifest.add(&tree.edge(pod, edge));
        }
        for aggregation in 1..=tree.half {
            manifest.add(&tree.aggregation(pod, aggregation));
        }
    }
    for aggregation in 1..=tree.half {
        for core in 1..=tree.half {
            manifest.add(&tree.core(aggregation, core));
        }
    }
    Ok(manifest.text)
}

/// Hosts and switches.
fn size(k: u32) -> u32 {
    k * k * k / 4 + 5 * k * k / 4
}

/// A tree of `k`-port switches. Everything is numbered from 1.
struct FatTree {
    k: u32,
    /// Half of the ports: as many lead up as down.
    half: u32,
}

impl FatTree {
    fn head(&self) -> String {
        let Self { k, half } = self;
        format!(
            "A fat tree of {k}-port switches: {hosts} hosts and {switches} switches. Every host reaches every host.\n\n  \
             core-A-C                      {core} core switches; core-A-C joins the switches agg-P-A of all pods\n  \
             \x20  |   \\   one wire to each pod\n  \
             agg-P-A ...                   {half} aggregation switches a pod\n  \
             \x20  | \\/ |  every agg-P-A with every edge-P-E of its pod\n  \
             edge-P-E ...                  {half} edge switches a pod\n  \
             \x20  |   \\\n  \
             host-P-E-H ...                {half} hosts an edge switch\n\n\
             hosts         10.P.E.(2H+1)/31 at the host, 10.P.E.(2H) at its edge switch\n\
             edge - agg    10.(64+P).E.(2A) at the edge switch, the next address at the aggregation switch\n\
             agg - core    10.(128+P).A.(2C) at the aggregation switch, the next address at the core switch",
            hosts = k * half * half,
            switches = k * k + half * half,
            core = half * half,
        )
    }

    fn host(&self, pod: u32, edge: u32, host: u32) -> PodText {
        let mut node = PodText::new(format!("host-{pod}-{edge}-{host}"));
        node.link(
            "up",
            &format!("edge-{pod}-{edge}:down{host}"),
            &format!("10.{pod}.{edge}.{}/31", 2 * host + 1),
        );
        node.forwarding.push("plane: none".to_owned());
        node.forwarding.push(format!(
            "routes: [{{to: default, via: 10.{pod}.{edge}.{}}}]",
            2 * host
        ));
        node
    }

    fn edge(&self, pod: u32, edge: u32) -> PodText {
        let mut node = PodText::new(format!("edge-{pod}-{edge}"));
        for host in 1..=self.half {
            node.link(
                &format!("down{host}"),
                &format!("host-{pod}-{edge}-{host}:up"),
                &format!("10.{pod}.{edge}.{}/31", 2 * host),
            );
        }
        for agg in 1..=self.half {
            node.link(
                &format!("up{agg}"),
                &format!("agg-{pod}-{agg}:down{edge}"),
                &format!("10.{}.{edge}.{}/31", 64 + pod, 2 * agg),
            );
        }
        let up = |to: u32| format!("10.{}.{edge}.{}", 64 + pod, 2 * self.spread(edge + to) + 1);
        let near = (1..=self.half)
            .filter(|other| *other != edge)
            .map(|other| (format!("10.{pod}.{other}.0/24"), up(other)));
        let far = (1..=self.k)
            .filter(|other| *other != pod)
            .map(|other| (format!("10.{other}.0.0/16"), up(other)));
        router(&mut node, near.chain(far));
        node
    }

    fn aggregation(&self, pod: u32, agg: u32) -> PodText {
        let mut node = PodText::new(format!("agg-{pod}-{agg}"));
        for edge in 1..=self.half {
            node.link(
                &format!("down{edge}"),
                &format!("edge-{pod}-{edge}:up{agg}"),
                &format!("10.{}.{edge}.{}/31", 64 + pod, 2 * agg + 1),
            );
        }
        for core in 1..=self.half {
            node.link(
                &format!("up{core}"),
                &format!("core-{agg}-{core}:pod{pod}"),
                &format!("10.{}.{agg}.{}/31", 128 + pod, 2 * core),
            );
        }
        let down = (1..=self.half).map(|edge| {
            (
                format!("10.{pod}.{edge}.0/24"),
                format!("10.{}.{edge}.{}", 64 + pod, 2 * agg),
            )
        });
        let up = (1..=self.k).filter(|other| *other != pod).map(|other| {
            (
                format!("10.{other}.0.0/16"),
                format!(
                    "10.{}.{agg}.{}",
                    128 + pod,
                    2 * self.spread(agg + other) + 1
                ),
            )
        });
        router(&mut node, down.chain(up));
        node
    }

    fn core(&self, agg: u32, core: u32) -> PodText {
        let mut node = PodText::new(format!("core-{agg}-{core}"));
        for pod in 1..=self.k {
            node.link(
                &format!("pod{pod}"),
                &format!("agg-{pod}-{agg}:up{core}"),
                &format!("10.{}.{agg}.{}/31", 128 + pod, 2 * core + 1),
            );
        }
        router(
            &mut node,
            (1..=self.k).map(|pod| {
                (
                    format!("10.{pod}.0.0/16"),
                    format!("10.{}.{agg}.{}", 128 + pod, 2 * core),
                )
            }),
        );
        node
    }

    /// One of the switches above.
    fn spread(&self, by: u32) -> u32 {
        by % self.half + 1
    }
}

fn router(node: &mut PodText, routes: impl Iterator<Item = (String, String)>) {
    node.router();
    node.forwarding.push("routes:".to_owned());
    node.forwarding
        .extend(routes.map(|(to, via)| format!("  - {{to: {to}, via: {via}}}")));
}
