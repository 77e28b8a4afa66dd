//! `pinwire check`: what is missing on hosts of all kinds.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::pinwire;
use crate::tree::{Tree, write};

/// A root directory. What is left as it is suits both purposes.
struct Root {
    directory: TempDir,
    tree: Tree,
}

impl Root {
    fn new() -> Self {
        let root = Self {
            directory: TempDir::new().unwrap(),
            tree: Tree::new(),
        };
        std::os::unix::fs::symlink(root.tree.path(""), root.path("sys")).unwrap();
        write(
            &root.path("proc/sys/kernel/osrelease"),
            "6.12.3+deb13-amd64",
        );
        write(
            &root.path("proc/self/mounts"),
            "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0",
        );
        root.tree.physical("0000:01:00.0", "ens1f0", 7);
        root.tree.physical("0000:01:00.1", "ens1f1", 7);
        for name in ["ens1f0", "ens1f1"] {
            // In a tree that is the device's own directory, as it is the kernel's.
            write(&root.tree.path("class/net").join(name).join("carrier"), "1");
        }
        fs::create_dir_all(root.tree.path("class/iommu/dmar0")).unwrap();
        fs::create_dir_all(root.tree.path("kernel/iommu_groups/0")).unwrap();
        fs::create_dir_all(root.tree.path("bus/pci/drivers/vfio-pci")).unwrap();
        root
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// What is missing for a purpose; nothing if the exit code is 0.
    fn missing(&self, purpose: &str) -> String {
        let root = self.directory.path().to_str().unwrap();
        let arguments = ["check", "--root", root, "--for", purpose];
        let (code, _, stderr) = pinwire(Path::new("/nowhere"), &arguments);
        assert_eq!(code == 0, stderr.is_empty(), "{code}: {stderr}");
        let stderr = stderr.trim().to_owned();
        let prefix = format!("error: missing for {purpose}: ");
        stderr.strip_prefix(&prefix).unwrap_or_default().to_owned()
    }
}

#[test]
fn what_is_missing_is_named() {
    type Change = fn(&Root);
    // What is changed, and what is missing for interfaces and for processes then.
    let cases: [(&str, Change, &str, &str); 8] = [
        ("nothing", |_| {}, "", ""),
        (
            "an old kernel",
            |root| write(&root.path("proc/sys/kernel/osrelease"), "5.10.0-30-amd64"),
            "kernel",
            "",
        ),
        (
            "no IOMMU",
            |root| fs::remove_dir_all(root.tree.path("kernel/iommu_groups")).unwrap(),
            "",
            "IOMMU",
        ),
        (
            "no vfio-pci",
            |root| fs::remove_dir(root.tree.path("bus/pci/drivers/vfio-pci")).unwrap(),
            "",
            "vfio-pci",
        ),
        (
            "no card",
            |root| fs::remove_dir_all(root.tree.path("bus/pci/devices")).unwrap(),
            "physical functions; virtual functions",
            "physical functions; virtual functions",
        ),
        (
            "no virtual function",
            |root| {
                for address in ["0000:01:00.0", "0000:01:00.1"] {
                    write(&root.tree.device(address).join("sriov_numvfs"), "0");
                }
            },
            "virtual functions",
            "virtual functions",
        ),
        (
            "a driver less",
            |root| fs::remove_file(root.tree.device("0000:01:00.1").join("driver")).unwrap(),
            "ens1f1 (0000:01:00.1): driver",
            "ens1f1 (0000:01:00.1): driver",
        ),
        (
            "a virtual function without a driver",
            |root| fs::remove_file(root.tree.device("0000:01:10.2").join("driver")).unwrap(),
            "ens1f0 (0000:01:00.0): drivers of virtual functions",
            "",
        ),
    ];
    for (name, change, vf, vfio) in cases {
        let root = Root::new();
        change(&root);
        assert_eq!(root.missing("vf"), vf, "{name}");
        assert_eq!(root.missing("vfio"), vfio, "{name}");
    }
}

#[test]
fn without_a_purpose_nothing_is_an_error() {
    let root = Root::new();
    fs::remove_dir_all(root.tree.path("bus/pci/devices")).unwrap();
    fs::remove_dir(root.tree.path("bus/pci/drivers/vfio-pci")).unwrap();
    write(
        &root.path("lib/modules/6.12.3+deb13-amd64/modules.dep"),
        "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz",
    );
    let path = root.directory.path().to_str().unwrap();
    let arguments = ["check", "--root", path, "--output", "json"];
    let (code, stdout, stderr) = pinwire(Path::new("/nowhere"), &arguments);
    assert_eq!((code, &stderr[..]), (0, ""));
    let findings: Value = serde_json::from_str(&stdout).unwrap();
    let found = |subject: &str| {
        let mut findings = findings.as_array().unwrap().iter();
        findings.find(|one| one["subject"] == subject).unwrap()
    };
    assert_eq!(found("control groups")["found"], "version 2");
    assert_eq!(found("vfio-pci")["found"], "not loaded");
    assert_eq!(found("vfio-pci")["status"], "missing");
    assert_eq!(found("physical functions")["status"], "missing");
    let (code, stdout, _) = pinwire(Path::new("/nowhere"), &["check", "--root", path]);
    assert_eq!(code, 0);
    assert!(stdout.contains("`modprobe vfio-pci` loads it"), "{stdout}");
}

#[test]
fn the_carrier_of_each_port_is_shown() {
    let root = Root::new();
    write(&root.tree.path("class/net/ens1f0/carrier"), "0");
    fs::remove_file(root.tree.path("class/net/ens1f1/carrier")).unwrap();
    let path = root.directory.path().to_str().unwrap();
    let (_, stdout, _) = pinwire(Path::new("/nowhere"), &["check", "--root", path]);
    let line = |port: &str| {
        let subject = format!("{port}: carrier");
        let line = stdout
            .lines()
            .find(|line| line.starts_with(&subject))
            .unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        line("ens1f0 (0000:01:00.0)").contains("carrier missing none"),
        "{stdout}"
    );
    assert!(
        line("ens1f1 (0000:01:00.1)").contains("the interface is down"),
        "{stdout}"
    );
}
