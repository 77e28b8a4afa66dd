//! What is wrong is refused before anything is touched, with the exit code that the documentation gives.

use std::fs;
use std::path::PathBuf;

use crate::host::{Host, manifest};

/// Every broken manifest of the parser's own table, given to the real command.
#[test]
fn no_broken_manifest_touches_anything() {
    let host = Host::new();
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let said = host.fails(3, &["up", &path.display().to_string()]);
        assert!(said.contains("error"), "{}: {said}", path.display());
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} broken manifests");
    host.assert_clean();
}

#[test]
fn exit_codes_are_as_documented() {
    let host = Host::new();
    let broken = host.file("broken.yaml", "kind: Pod\n");
    let missing = host.path("none.yaml").display().to_string();
    let no_image = host.file(
        "image.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {pinwire.dev/topology: t}\nspec:\n  containers: [{name: c, image: example.org/none:1}]\n",
    );
    let cases: [(&str, i32, &[&str], &str); 12] = [
        ("no command", 2, &[], "Usage"),
        ("unknown command", 2, &["upp"], "up"),
        ("unknown option", 2, &["up", "--nodez", "x"], "--nodes"),
        ("broken manifest", 3, &["up", &broken], "broken.yaml"),
        ("missing manifest", 3, &["up", &missing], "none.yaml"),
        (
            "missing image",
            1,
            &["up", &no_image],
            "pinwire image import",
        ),
        ("nothing up", 4, &["inspect"], "no topology is up"),
        ("unknown topology", 4, &["inspect", "other"], "`other`"),
        (
            "unknown node",
            4,
            &["exec", "h1", "--", "true"],
            "no topology is up",
        ),
        ("name that is none", 4, &["inspect", "No_Name"], "No_Name"),
        (
            "fat tree of no size",
            1,
            &["generate", "fat-tree", "--nodes", "10"],
            "10",
        ),
        (
            "archive that is none",
            1,
            &["image", "import", &broken],
            "broken.yaml",
        ),
    ];
    for (name, code, arguments, part) in cases {
        let said = host.fails(code, arguments);
        assert!(said.contains(part), "{name}: no `{part}` in:\n{said}");
    }
    host.assert_clean();
}

#[test]
fn a_damaged_record_is_said_and_down_removes_the_topology_all_the_same() {
    let host = Host::new();
    let manifest = manifest("two-nodes");
    for (text, part) in [
        ("{", "damaged"),
        ("{\"layout\": 99}", "layout 99"),
        ("", "damaged"),
    ] {
        host.ok(&["up", &manifest]);
        fs::write(host.path("state/topologies/two-nodes/record.json"), text).unwrap();
        let said = host.fails(1, &["up", &manifest]);
        assert!(said.contains(part), "{said}");
        host.ok(&["down", "--name", "two-nodes"]);
        host.assert_clean();
    }
}

#[test]
fn a_user_without_privileges_is_told() {
    let host = Host::new();
    let manifest = manifest("two-nodes");
    let output = std::process::Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ])
        .arg(crate::host::PINWIRE)
        .args(["up", &manifest, "--nodes", "namespace"])
        .env("PINWIRE_STATE_DIR", host.path("state"))
        .env("PINWIRE_DATA_DIR", host.path("data"))
        .output()
        .expect("setpriv(1) of util-linux");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("CAP_NET_ADMIN") && said.contains("root"),
        "{said}"
    );
    host.assert_clean();
}
