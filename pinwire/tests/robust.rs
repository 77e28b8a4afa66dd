//! Whatever is given as a manifest: the reader answers, soon, and never panics. `PROPTEST_CASES=100000` for the long form.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pinwire::diagnostic::Diagnostic;
use pinwire::topology::{self, Topology};
use proptest::collection::vec;
use proptest::prelude::*;

/// Far beyond what any of these takes, and far below what a bomb would.
const SOON: Duration = Duration::from_secs(10);

fn parse(bytes: &[u8]) -> Result<(Topology, Vec<Diagnostic>), Vec<Diagnostic>> {
    let start = Instant::now();
    let result = topology::parse([("manifest.yaml", bytes)], None);
    if let Err(diagnostics) = &result {
        assert!(!diagnostics.is_empty());
        for diagnostic in diagnostics {
            assert!(!diagnostic.render(true).is_empty());
            assert!(serde_json::to_string(diagnostic).is_ok());
        }
    }
    assert!(
        start.elapsed() < SOON,
        "{:?} for {} bytes",
        start.elapsed(),
        bytes.len()
    );
    result
}

fn refused(bytes: &[u8]) -> String {
    parse(bytes)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// All manifests of the tests and those that ship.
fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in ["tests/broken", "tests/accepted", "../manifests"] {
        files.extend(
            fs::read_dir(root.join(directory))
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn a_file_of_ten_megabytes_is_refused_with_its_size() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large.yaml");
    fs::write(&file, "# ten million bytes\n".repeat(500_000)).unwrap();
    let start = Instant::now();
    let message = topology::load(&[&file], None).unwrap_err()[0].to_string();
    assert!(
        message.contains("10000000 bytes") && message.contains("8 MiB"),
        "{message}"
    );
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(refused(&vec![b' '; 9 << 20]).contains("9437184 bytes"));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for (path, reason) in [
        ("/nonexistent/topology.yaml", "No such file"),
        ("/proc", "directory"),
    ] {
        let message = topology::load(&[path], None).unwrap_err()[0].to_string();
        assert!(
            message.contains(path) && message.contains(reason),
            "{message}"
        );
    }
    assert!(topology::load::<&str>(&[], None).is_err());
}

#[test]
fn several_files_and_a_new_name_make_one_topology() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/two-nodes.yaml"),
    )
    .unwrap();
    let pods: Vec<_> = manifest.split("---\n").skip(1).collect();
    let files: Vec<_> = ["a.yaml", "b.yaml"]
        .map(|name| directory.path().join(name))
        .into();
    for (file, pod) in files.iter().zip(&pods) {
        fs::write(file, pod).unwrap();
    }
    let name = "renamed".parse().unwrap();
    let (topology, warnings) = topology::load(&files, Some(&name)).unwrap();
    assert_eq!(
        (topology.name.as_str(), topology.nodes.len(), warnings.len()),
        ("renamed", 2, 0)
    );
    // One of the two alone is incomplete.
    let message = topology::load(&files[..1], None).unwrap_err()[0].to_string();
    assert!(message.contains("there is no node `server`"), "{message}");
}

#[test]
fn bombs_are_refused_soon() {
    let large = "x".repeat(100_000);
    let cases = [
        ("nested sequences", "[".repeat(1_000_000)),
        ("nested mappings", "{a: ".repeat(500_000)),
        (
            "indented mappings",
            (0..2000)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect(),
        ),
        (
            "a large value, many times",
            format!("a: &a {large}\nb: [{}]\n", "*a, ".repeat(15_000)),
        ),
        ("many documents", "---\na: 1\n".repeat(100_000)),
        (
            "many errors",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{}]}}\n",
                "1, ".repeat(200_000)
            ),
        ),
        (
            "many unknown keys",
            (0..100_000)
                .map(|key| format!("key{key}: 1\n"))
                .collect::<String>()
                + "kind: Pod\napiVersion: v1\n",
        ),
        (
            "one long line",
            format!("apiVersion: v1\nkind: \"{}", "é".repeat(1_000_000)),
        ),
        ("many quotes", "\"'".repeat(500_000)),
        (
            "many anchors",
            (0..50_000)
                .map(|n| format!("&a{n} a{n}: *a{}\n", n / 2))
                .collect(),
        ),
    ];
    for (name, text) in cases {
        let start = Instant::now();
        let message = refused(text.as_bytes());
        assert!(message.contains("error"), "{name}");
        assert!(
            message.len() < 200_000,
            "{name}: {} bytes of messages",
            message.len()
        );
        println!("{name}: {:?}", start.elapsed());
    }
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Delete(prop::sample::Index, usize),
    SwapLines(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

/// What YAML and the manifest give a meaning.
const TOKENS: [&str; 30] = [
    ":",
    "-",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "|",
    ">",
    "\n",
    "\t",
    "'",
    "\"",
    "#",
    "!!str ",
    "<<: ",
    "? ",
    "---\n",
    "~",
    "null",
    "-1",
    "1e99",
    "0.0.0.0/0",
    "::/0",
    "10.0.0.1/32",
    "host:",
    "default",
    "\u{feff}",
    "😀",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (index(), prop::sample::select(&TOKENS[..]))
            .prop_map(|(at, token)| Mutation::Insert(at, token)),
        (index(), 1..40_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (index(), index()).prop_map(|(one, two)| Mutation::SwapLines(one, two)),
        index().prop_map(Mutation::Truncate),
    ]
}

fn apply(mutation: &Mutation, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    match mutation {
        Mutation::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Mutation::Insert(at, token) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, token.bytes());
        }
        Mutation::Delete(at, length) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + length));
        }
        Mutation::SwapLines(one, two) => {
            let mut lines: Vec<_> = bytes
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            let (one, two) = (one.index(lines.len()), two.index(lines.len()));
            lines.swap(one, two);
            *bytes = lines.join(&b'\n');
        }
        Mutation::Truncate(at) => bytes.truncate(at.index(bytes.len())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..2000)) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn random_text_is_refused(tokens in vec(prop::sample::select(&TOKENS[..]), 0..200)) {
        prop_assert!(parse(tokens.concat().as_bytes()).is_err());
    }

    #[test]
    fn changed_manifests_are_read_or_refused(seed in any::<prop::sample::Index>(), mutations in vec(mutation(), 1..8)) {
        let seeds = seeds();
        let mut bytes = seeds[seed.index(seeds.len())].clone();
        mutations.iter().for_each(|mutation| apply(mutation, &mut bytes));
        if let Ok((topology, _)) = parse(&bytes) {
            prop_assert!(!topology.nodes.is_empty());
            // What is accepted can be drawn as well.
            prop_assert!(pinwire::graph::svg(&topology).ends_with("</svg>\n"));
        }
    }
}
