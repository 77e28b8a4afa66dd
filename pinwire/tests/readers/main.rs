//! The two readers of annotations, `pinwire` and the CNI plugin, come to the same verdict and the same plan for every manifest of the
//! suite and for what people write. Drift of either is a failure here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod both;
mod changed;
mod plan;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use pinwire::generate::{Kind, generate};
use pinwire::topology;

/// Manifests that are refused for what no annotation says, by why; all others are compared.
const OUTSIDE: [(&str, &[&str]); 6] = [
    ("it is the pools of a host, no manifest", &["pools"]),
    (
        "the manifest cannot be read, and no pod of it gets to a runtime",
        &[
            "alias-cycle",
            "alias-unknown",
            "binary-nul",
            "control-characters",
            "duplicate-key",
            "key-not-text",
            "latin1",
            "tabs",
            "unclosed-bracket",
            "utf16",
            "yaml-bomb",
        ],
    ),
    (
        "there is no pod in it",
        &["empty", "not-a-mapping", "only-comments", "plain-text"],
    ),
    (
        "it is of a kind, version or shape that Kubernetes would read otherwise",
        &[
            "api-version",
            "kind-deployment",
            "kind-missing",
            "kind-typo",
            "list-key",
        ],
    ),
    (
        "Kubernetes takes text for annotations only",
        &["annotation-mapping", "annotation-number", "wrong-types"],
    ),
    (
        "what is wrong is in the pod's own fields: names, containers, volumes",
        &[
            "container-names",
            "key-typos",
            "missing-fields",
            "no-containers",
            "resources",
            "run-as-non-root",
            "security",
            "unsupported-fields",
            "volume-type",
            "volumes",
        ],
    ),
];

/// All manifests of the repository.
pub(crate) fn manifests() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for directory in ["manifests", "pinwire/tests", "tests", "configs", "docs"] {
        collect(&root.join(directory), &mut files);
    }
    files.sort();
    let name = |file: &Path| {
        let relative = file.strip_prefix(root).unwrap();
        relative.to_str().unwrap().to_owned()
    };
    let read = |file: PathBuf| (name(&file), fs::read(&file).unwrap());
    files.into_iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
}

#[test]
fn every_manifest_has_one_verdict_and_one_plan() {
    let (mut accepted, mut refused, mut outside) = (0, 0, Vec::new());
    for (name, bytes) in manifests() {
        let whole = topology::parse([(name.as_str(), bytes.clone())], None);
        let pods = String::from_utf8(bytes).map_err(|_| "the manifest is no text");
        let pods = pods.and_then(|text| both::pods(&text));
        let read = pods.map(|pods| both::verdict(&name, &pods));
        match (whole, read) {
            (Ok((whole, _)), Ok(Some((topology, pods)))) => {
                let links = |topology: &topology::Topology| -> Vec<_> {
                    let nodes = topology.nodes.iter();
                    nodes
                        .map(|node| (node.links.clone(), node.forwarding.clone()))
                        .collect()
                };
                assert_eq!(links(&whole), links(&topology), "{name}");
                plan::compare(&name, &topology, &pods);
                accepted += 1;
            }
            (Err(_), Ok(None)) => refused += 1,
            (Err(_), _) => outside.push(name),
            (Ok(_), other) => {
                panic!("{name} is accepted as a whole, and not by its annotations: {other:?}")
            }
        }
    }
    assert!(accepted >= 13 && refused >= 40, "{accepted}, {refused}");
    let stem = |name: &String| {
        let stem = Path::new(name).file_stem().unwrap();
        stem.to_str().unwrap().to_owned()
    };
    let mut outside: Vec<_> = outside.iter().map(stem).collect();
    let mut listed: Vec<_> = OUTSIDE.iter().flat_map(|(_, names)| *names).collect();
    outside.sort();
    listed.sort();
    assert!(outside.iter().eq(listed), "{outside:#?}");
}

#[test]
fn every_generated_manifest_has_one_verdict_and_one_plan() {
    for (kind, sizes) in [
        (Kind::Chain, &[1, 2, 60][..]),
        (Kind::Ring, &[3, 31]),
        (Kind::Mesh, &[6, 50]),
        (Kind::FatTree, &[7, 36]),
    ] {
        for nodes in sizes {
            let name = format!("{kind} of {nodes}");
            let pods = both::pods(&generate(kind, *nodes).unwrap()).unwrap();
            let (topology, pods) = both::verdict(&name, &pods).expect(&name);
            plan::compare(&name, &topology, &pods);
        }
    }
}
