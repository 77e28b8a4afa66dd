//! The manifests that ship and those that are generated: they are right, real Kubernetes pods, and packets arrive in
//! them. Delivery is proved by following the routes through the typed topology; nothing is deployed here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod trace;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use pinwire::diagnostic::Diagnostic;
use pinwire::generate::{GenerateError, Kind, generate};
use pinwire::topology::{self, Topology};
use trace::path;

/// What the generator prints for a manifest that ships.
const GENERATED: [(&str, Kind, u32); 3] = [
    ("ring.yaml", Kind::Ring, 6),
    ("fat-tree.yaml", Kind::FatTree, 36),
    ("mesh.yaml", Kind::Mesh, 12),
];

fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests")
}

fn shipped() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(manifests())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
    files
        .iter()
        .map(|file| (name(file), fs::read_to_string(file).unwrap()))
        .collect()
}

fn parse(name: &str, text: &str) -> Topology {
    let render = |all: &[Diagnostic]| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    match topology::parse([(name, text)], None) {
        Ok((topology, warnings)) => {
            assert!(warnings.is_empty(), "{}", render(&warnings));
            topology
        }
        Err(diagnostics) => panic!("{}", render(&diagnostics)),
    }
}

#[test]
fn the_shipped_manifests_are_right() {
    let names: Vec<_> = shipped()
        .into_iter()
        .map(|(name, text)| (parse(&name, &text).nodes.len(), name))
        .collect();
    let expected = [
        (7, "chain.yaml"),
        (36, "fat-tree.yaml"),
        (12, "mesh.yaml"),
        (6, "ring.yaml"),
        (2, "two-nodes.yaml"),
    ];
    assert_eq!(
        names,
        expected.map(|(nodes, name)| (nodes, name.to_owned()))
    );
}

/// To update: `INSTA_UPDATE=always cargo test -p pinwire --test manifests`.
#[test]
fn the_generated_manifests_that_ship_are_up_to_date() {
    for (name, kind, nodes) in GENERATED {
        let file = manifests().join(name);
        let text = generate(kind, nodes).unwrap();
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(&file, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&file).unwrap() == text,
            "{name} is not what `generate {kind} --nodes {nodes}` prints"
        );
    }
}

#[test]
fn every_manifest_is_a_real_pod_and_loses_nothing_as_one() {
    let generated = [
        (Kind::Chain, 5),
        (Kind::Ring, 4),
        (Kind::FatTree, 7),
        (Kind::Mesh, 6),
    ]
    .map(|(kind, nodes)| (kind.to_string(), generate(kind, nodes).unwrap()));
    for (name, text) in shipped().into_iter().chain(generated) {
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
        assert!(!documents.is_empty(), "{name}");
        for document in documents {
            let pod: Pod = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(
                serde_json::to_value(&pod).unwrap(),
                document,
                "{name}: Kubernetes knows a key less"
            );
        }
    }
}

#[test]
fn all_sizes_are_right_and_packets_arrive() {
    for nodes in [1, 2, 3, 7, 60, 300] {
        let chain = parse("chain", &generate(Kind::Chain, nodes).unwrap());
        let (first, last) = ("h1".to_owned(), format!("h{nodes}"));
        assert_eq!(
            path(&chain, &first, "10.0.2.20", 0).unwrap().last(),
            Some(&last),
            "{nodes}"
        );
        assert_eq!(
            path(&chain, &last, "10.0.0.10", 0).unwrap().last(),
            Some(&first),
            "{nodes}"
        );
    }
    for (kind, sizes) in [
        (Kind::Ring, &[3, 4, 5, 6, 31, 64][..]),
        (Kind::Mesh, &[6, 7, 8, 9, 12, 50]),
        (Kind::FatTree, &[7, 36]),
    ] {
        for nodes in sizes {
            let topology = parse("generated", &generate(kind, *nodes).unwrap());
            assert_eq!(topology.nodes.len(), *nodes as usize);
            assert_all_reach_all(&topology);
        }
    }
}

#[test]
fn the_largest_topologies_are_right() {
    for (kind, nodes) in [
        (Kind::Chain, 4000),
        (Kind::Ring, 4000),
        (Kind::Mesh, 2000),
        (Kind::FatTree, 3267),
    ] {
        let text = generate(kind, nodes).unwrap();
        assert!(text.len() < 8 << 20, "{kind}: {} bytes", text.len());
        assert_eq!(parse("generated", &text).nodes.len(), nodes as usize);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    assert_eq!(
        generate(Kind::Chain, 0),
        Err(GenerateError::TooFew {
            kind: Kind::Chain,
            nodes: 0,
            least: 1
        })
    );
    assert_eq!(
        generate(Kind::Ring, 2),
        Err(GenerateError::TooFew {
            kind: Kind::Ring,
            nodes: 2,
            least: 3
        })
    );
    assert_eq!(
        generate(Kind::Mesh, 2001),
        Err(GenerateError::TooMany {
            kind: Kind::Mesh,
            nodes: 2001,
            most: 2000
        })
    );
    let error = generate(Kind::FatTree, 20).unwrap_err().to_string();
    assert!(error.contains("7, 36, 99, 208"), "{error}");
}

#[test]
fn the_line_of_seven_leads_from_end_to_end() {
    let chain = parse(
        "chain.yaml",
        &fs::read_to_string(manifests().join("chain.yaml")).unwrap(),
    );
    assert_eq!(
        path(&chain, "h1", "10.0.2.20", 0).unwrap(),
        ["h1", "h2", "h3", "h4", "h5", "h6", "h7"]
    );
    let neighbours = &chain.node("h7").unwrap().forwarding.neighbours;
    assert_eq!(neighbours[0].ip, "10.0.2.20".parse::<IpAddr>().unwrap());
}

#[test]
fn the_flows_of_the_mesh_take_their_own_paths() {
    let mesh = parse(
        "mesh.yaml",
        &fs::read_to_string(manifests().join("mesh.yaml")).unwrap(),
    );
    let target = "10.1.0.8";
    assert_eq!(
        path(&mesh, "r1", target, 5001).unwrap(),
        ["r1", "r4", "r7", "r8"]
    );
    assert_eq!(
        path(&mesh, "r1", target, 5002).unwrap(),
        ["r1", "r2", "r5", "r8"]
    );
    for node in 0..12 {
        let target = format!("10.1.0.{}", (node + 7) % 12 + 1);
        for port in [5001, 5002] {
            assert_eq!(
                path(&mesh, &format!("r{}", node + 1), &target, port)
                    .unwrap()
                    .len(),
                4,
                "{node} {port}"
            );
        }
    }
}

/// Hosts are the nodes that forward nothing; where there are none, all nodes are meant.
fn assert_all_reach_all(topology: &Topology) {
    let hosts: Vec<_> = topology
        .nodes
        .iter()
        .filter(|node| node.name.as_str().starts_with("host"))
        .collect();
    let all: Vec<_> = if hosts.is_empty() {
        topology.nodes.iter().collect()
    } else {
        hosts
    };
    for (from, to) in all
        .iter()
        .flat_map(|from| all.iter().map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
    {
        let target = to.links[0].addresses[0].addr().to_string();
        let path = path(topology, from.name.as_str(), &target, 0)
            .unwrap_or_else(|error| panic!("{} to {target}: {error}", from.name));
        assert_eq!(path.last().unwrap(), to.name.as_str());
    }
}
