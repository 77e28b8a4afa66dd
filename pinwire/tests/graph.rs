//! Drawings of the shipped manifests: each node and each wire is there once. How they look was judged by eye.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use pinwire::graph;
use pinwire::topology::{self, Topology};

fn load(name: &str) -> Topology {
    topology::load(
        &[Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../manifests")
            .join(name)],
        None,
    )
    .unwrap()
    .0
}

#[test]
fn every_node_and_wire_is_drawn_once() {
    // (manifest, vertices with the host's interfaces, wires)
    for (name, vertices, wires) in [
        ("two-nodes.yaml", 2, 1),
        ("chain.yaml", 9, 8),
        ("ring.yaml", 6, 6),
        ("fat-tree.yaml", 36, 48),
        ("mesh.yaml", 12, 24),
    ] {
        let topology = load(name);
        let svg = graph::svg(&topology);
        assert_eq!(svg.matches("<line ").count(), wires, "{name}");
        assert_eq!(svg.matches("rx=\"6\"").count(), vertices, "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        let dot = graph::dot(&topology);
        assert_eq!(dot.matches(" -- ").count(), wires, "{name}");
        let mermaid = graph::mermaid(&topology);
        assert_eq!(mermaid.matches(" ---|").count(), wires, "{name}");
        for node in &topology.nodes {
            assert!(
                svg.contains(&format!(">{}</text>", node.name)),
                "{name} {}",
                node.name
            );
            assert!(
                dot.contains(&format!("  \"{}\";\n", node.name)),
                "{name} {}",
                node.name
            );
            assert!(
                mermaid.contains(&format!("[\"{}\"]\n", node.name)),
                "{name} {}",
                node.name
            );
        }
        if let Ok(directory) = std::env::var("PINWIRE_DRAWINGS") {
            fs::write(Path::new(&directory).join(name).with_extension("svg"), svg).unwrap();
        }
    }
}

#[test]
fn texts_tell_interfaces_and_addresses() {
    let topology = load("two-nodes.yaml");
    insta::assert_snapshot!("two-nodes.dot", graph::dot(&topology));
    insta::assert_snapshot!("two-nodes.mermaid", graph::mermaid(&topology));
}
