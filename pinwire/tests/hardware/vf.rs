//! `pinwire vf`.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pinwire;
use crate::tree::{Tree, write};

/// A host with two ports, seven virtual functions on the first and none on the second; and who has the first of them.
struct Host {
    tree: Tree,
    state: TempDir,
}

impl Host {
    fn new() -> Self {
        let tree = Tree::new();
        tree.physical("0000:01:00.0", "ens1f0", 7);
        tree.physical("0000:01:00.1", "ens1f1", 0);
        write(&tree.path("bus/pci/drivers_probe"), "");
        Self {
            tree,
            state: TempDir::new().unwrap(),
        }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let sysfs = self.tree.path("");
        let sysfs = ["--sysfs", sysfs.to_str().unwrap()];
        pinwire(self.state.path(), &[&["vf"], arguments, &sysfs].concat())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        stdout
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 1, "{arguments:?}: {stdout}");
        stderr
    }

    fn numvfs(&self, address: &str) -> String {
        let text = fs::read_to_string(self.tree.device(address).join("sriov_numvfs")).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    /// Has the first virtual function be one end of a wire, whose other end nobody has yet.
    fn hold(&self) {
        let holding = json!({
            "function": "0000:01:10.0",
            "physical": "0000:01:00.0",
            "index": 0,
            "owner": {"network": "pinwire-up.chain", "container": "h1", "interface": "down"},
            "holder": "`down` of node h1 of topology chain",
            "netns": {"path": "/nowhere", "id": {"device": 1, "inode": 1}},
            "inside": {"name": "down", "mac": "02:00:00:00:00:01", "altname": "pinwire-chain-0"},
            "attributes": {"vlan": {"id": 1, "qos": 0, "protocol": "802.1q"}},
            "wire": {
                "topology": "chain",
                "own": ["h1", "down"],
                "peer": ["h2", "up"],
                "partner": "0000:01:10.2",
                "partnerPhysical": "0000:01:00.0",
                "vlan": 1,
            },
        });
        let path = self.state.path().join("cni/functions/0000:01:10.0");
        write(&path, &holding.to_string());
        // Its interface is in the container.
        fs::remove_dir_all(self.tree.device("0000:01:10.0").join("net")).unwrap();
    }
}

#[test]
fn all_virtual_functions_are_listed() {
    let host = Host::new();
    host.hold();
    let all: Value = serde_json::from_str(&host.ok(&["list", "--output", "json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["address"], "0000:01:00.0");
    assert_eq!(all[0]["interface"]["name"], "ens1f0");
    assert_eq!(all[1]["virtualFunctions"], json!([]));
    let functions = all[0]["virtualFunctions"].as_array().unwrap();
    assert_eq!(functions.len(), 7);
    assert_eq!(
        functions[0],
        json!({
            "address": "0000:01:10.0",
            "physical": "0000:01:00.0",
            "index": 0,
            "interface": null,
            "driver": "igbvf",
            "numaNode": null,
            "iommuGroup": 20,
            "holder": "`down` of node h1 of topology chain",
            "owner": {
                "network": "pinwire-up.chain",
                "container": "h1",
                "interface": "down",
            },
            "inside": "down",
            "device": null,
            // A tree has no kernel that could be asked.
            "attributes": null,
        })
    );
    assert_eq!(functions[1]["owner"], json!(null));
    let table = host.ok(&["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 1 + 7 + 1, "{table}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words(lines[1]),
        "ens1f0 0 0000:01:10.0 igbvf - 20 down in h1 - - - - - down of node h1 of topology chain"
    );
    assert_eq!(
        words(lines[2]),
        "ens1f0 1 0000:01:10.2 igbvf - 21 p0v1 - - - - - -"
    );
    assert_eq!(words(lines[8]), "ens1f1 0 of 7 - - - - - - - - - - -");
}

#[test]
fn a_device_is_shown_by_any_of_its_names() {
    let host = Host::new();
    for name in ["ens1f0", "0000:01:00.0", "01:00.0"] {
        let shown = host.ok(&["show", name]);
        assert!(shown.contains("7 of 7"), "{name}: {shown}");
    }
    for name in ["p0v3", "0000:01:10.6", "ens1f0/3", "0000:01:00.0/3"] {
        let shown = host.ok(&["show", name, "--output", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["index"], 3, "{name}");
    }
    for name in ["ens9", "0000:09:00.0", "../devices"] {
        let error = host.fails(&["show", name]);
        assert!(
            error.contains(&format!("`{name}` is no virtual function of this host")),
            "{error}"
        );
    }
    let error = host.fails(&["show", "ens1f1/0"]);
    assert!(
        error.contains("0000:01:00.1 has no virtual function 0: 0 are enabled, of 7"),
        "{error}"
    );
}

#[test]
fn virtual_functions_are_made() {
    let host = Host::new();
    let said = host.ok(&["create", "ens1f1", "4", "--dry-run"]);
    assert_eq!(
        said,
        "would make 4 virtual functions of ens1f1 (0000:01:00.1)\n"
    );
    assert_eq!(host.numvfs("0000:01:00.1"), "0");
    let said = host.ok(&["create", "ens1f1", "4"]);
    assert_eq!(said, "made 4 virtual functions of ens1f1 (0000:01:00.1)\n");
    assert_eq!(host.numvfs("0000:01:00.1"), "4");
    let said = host.ok(&["create", "ens1f0", "7"]);
    assert_eq!(
        said,
        "there are 7 virtual functions of ens1f0 (0000:01:00.0) already\n"
    );
    let cases = [
        (
            ["ens1f0", "8"],
            "0000:01:00.0 can have 7 virtual functions, not 8",
        ),
        (
            ["ens1f0", "3"],
            "0000:01:00.0 has 7 virtual functions already: free them first",
        ),
        (
            ["ens2", "3"],
            "this host has no physical function `ens2`; it has ens1f0 (0000:01:00.0), ens1f1 (0000:01:00.1)",
        ),
    ];
    for ([physical, count], expected) in cases {
        for rehearse in [&["--dry-run"][..], &[]] {
            let error = host.fails(&[&["create", physical, count], rehearse].concat());
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn new_virtual_functions_without_a_driver_are_told_of() {
    let host = Host::new();
    write(
        &host
            .tree
            .device("0000:01:00.1")
            .join("sriov_drivers_autoprobe"),
        "0",
    );
    let (code, _, stderr) = host.run(&["create", "ens1f1", "4"]);
    assert_eq!(code, 0);
    assert!(stderr.contains("sriov_drivers_autoprobe"), "{stderr}");
}

#[test]
fn only_virtual_functions_that_nobody_uses_are_removed() {
    let host = Host::new();
    host.hold();
    for rehearse in [&["--dry-run"][..], &["--force"], &[]] {
        let error = host.fails(&[&["free", "ens1f0"], rehearse].concat());
        let held = "0000:01:10.0 is held by `down` of node h1 of topology chain";
        assert!(error.contains(held), "{error}");
        let kept = "0000:01:10.2 is kept for h2:up, the other end of `down` of node h1";
        assert!(error.contains(kept), "{error}");
    }
    fs::remove_file(host.state.path().join("cni/functions/0000:01:10.0")).unwrap();
    let error = host.fails(&["free", "ens1f0"]);
    let away = "the interface of 0000:01:10.0 is in another network namespace";
    assert!(error.contains(away), "{error}");
    assert_eq!(host.numvfs("0000:01:00.0"), "7");
    let said = host.ok(&["free", "ens1f0", "--force", "--dry-run"]);
    assert_eq!(
        said,
        "would remove 7 virtual functions of ens1f0 (0000:01:00.0)\n"
    );
    assert_eq!(host.numvfs("0000:01:00.0"), "7");
    host.ok(&["free", "ens1f0", "--force"]);
    assert_eq!(host.numvfs("0000:01:00.0"), "0");
    assert_eq!(
        host.ok(&["free", "ens1f1"]),
        "ens1f1 (0000:01:00.1) has no virtual functions\n"
    );
    // No lock is left of what nobody holds.
    let locks = fs::read_dir(host.state.path().join("cni/physical")).unwrap();
    assert_eq!(locks.count(), 0);
}

#[test]
fn a_virtual_function_is_bound_only_if_it_can_be() {
    let host = Host::new();
    let error = host.fails(&["bind", "ens1f0/3"]);
    assert!(error.contains("run `modprobe vfio-pci`"), "{error}");
    fs::create_dir(host.tree.path("bus/pci/drivers/vfio-pci")).unwrap();
    let said = host.ok(&["bind", "ens1f0/3", "--dry-run"]);
    assert_eq!(said, "would bind 0000:01:10.6 to vfio-pci\n");
    let said = host.ok(&["unbind", "p0v3", "--dry-run"]);
    assert_eq!(said, "would give back 0000:01:10.6, which has igbvf\n");
    assert_eq!(
        fs::read_to_string(host.tree.path("bus/pci/drivers_probe")).unwrap(),
        "\n"
    );
    host.hold();
    for name in ["0000:01:10.0", "ens1f0/1"] {
        for verb in ["bind", "unbind"] {
            let error = host.fails(&[verb, name]);
            assert!(error.contains("is held by"), "{error}");
        }
    }
    let group = host.tree.device("0000:01:10.6").join("iommu_group");
    fs::remove_file(group).unwrap();
    let error = host.fails(&["bind", "ens1f0/3"]);
    assert!(
        error.contains("0000:01:10.6 is in no IOMMU group"),
        "{error}"
    );
}

#[test]
fn a_host_without_sriov_says_so() {
    let host = Host {
        tree: Tree::new(),
        state: TempDir::new().unwrap(),
    };
    let said = host.ok(&["list"]);
    assert!(said.contains("pinwire check --for vf"), "{said}");
    assert_eq!(host.ok(&["list", "--output", "json"]), "[]\n");
    let error = host.fails(&["create", "ens1f0", "2"]);
    assert!(error.contains("it has none"), "{error}");
}
