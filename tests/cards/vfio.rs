//! Virtual functions that containers drive themselves, by VFIO: what they are given, what they are not, and what is left.

use std::fs;
use std::process::{Command, Stdio};

use pinwire_support::command::run;
use pinwire_support::wait::eventually;
use pinwire_wiring::annotation::VFIO;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::machine::{Sysfs, VirtualFunction};
use serde_json::{Value, json};

use crate::crash::killed;
use crate::host::{Host, host};
use crate::machine::{functions, link, snapshot};

/// A wire whose one end a container drives, and the kernel the other.
const WIRE: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: a
  annotations:
    pinwire.dev/topology: driven
    pinwire.dev/links: |
      - {interface: wire, peer: b:wire, type: vf, mac: 02:00:00:00:cc:01, vf: {driver: vfio-pci}}
spec:
  volumes: [{name: usr, hostPath: {path: /usr}}, {name: tests, hostPath: {path: TESTS}}]
  containers:
  - name: node
    image: localhost/pinwire-node:latest
    volumeMounts: [{name: usr, mountPath: /host/usr, readOnly: true}, {name: tests, mountPath: /tests, readOnly: true}]
---
apiVersion: v1
kind: Pod
metadata:
  name: b
  annotations:
    pinwire.dev/topology: driven
    pinwire.dev/links: |
      - {interface: wire, peer: a:wire, type: vf, mtu: 1400, addresses: [10.0.0.2/24], vf: {peerDriver: vfio-pci}}
spec:
  containers: [{name: node, image: localhost/pinwire-node:latest}]
";

/// Runs a test with two virtual functions of the first card bound to vfio-pci, which must be as they were when it ends.
fn bound(test: impl FnOnce(&Host<'_>, [VirtualFunction; 2])) {
    host(|host| {
        run("modprobe vfio-pci");
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cards");
        let tests = fs::canonicalize(tests).unwrap();
        let manifest = WIRE.replace("TESTS", tests.to_str().unwrap());
        fs::write(host.path("driven.yaml"), manifest).unwrap();
        let error = host.fails(&["up", &host.path("driven.yaml")]);
        assert!(error.contains("is bound to igbvf"), "{error}");
        assert!(error.contains("`pinwire vf bind VF`"), "{error}");
        let physical = &host.machine.physical[0];
        for index in [2, 3] {
            host.ok(&["vf", "bind", &format!("{physical}/{index}")]);
        }
        let before = snapshot(&host.machine.physical);
        let all = functions(0);
        test(host, [all[2].clone(), all[3].clone()]);
        assert_eq!(snapshot(&host.machine.physical), before);
        assert_eq!(host.machine.state_files().len(), 0);
        for index in [2, 3] {
            host.ok(&["vf", "unbind", &format!("{physical}/{index}")]);
        }
        run("udevadm settle");
        host.machine.renew();
    });
}

/// What a shell in a node says; it must succeed.
fn shell(host: &Host<'_>, node: &str, script: &str) -> String {
    host.ok(&["exec", &format!("driven/{node}"), "--", "sh", "-c", script])
}

/// The shell's words that run the probe with the host's Python.
fn probe(arguments: &str) -> String {
    let usr = "/host/usr";
    format!(
        "PYTHONHOME={usr} {usr}/lib64/ld-linux-x86-64.so.2 --library-path {usr}/lib/x86_64-linux-gnu {usr}/bin/python3 \
         /tests/probe.py {arguments} 2>&1"
    )
}

/// What the physical function says of a virtual one.
fn told(host: &Host<'_>, card: usize, index: usize) -> Value {
    link(&host.machine.physical[card])["vfinfo_list"][index].clone()
}

#[test]
fn a_container_drives_its_virtual_function_and_no_other() {
    bound(|host, [own, other]| {
        let manifest = host.path("driven.yaml");
        let up = ["up", &manifest[..]];
        host.ok(&up);
        assert_eq!(told(host, 0, 2)["address"], "02:00:00:00:cc:01");
        for card in [0, 1] {
            assert_eq!(told(host, card, 2)["vlan_list"][0]["vlan"], 3);
        }
        let group = own.iommu_group.unwrap();
        let address = own.address.to_string();
        assert_eq!(shell(host, "a", "echo $PINWIRE_VF_WIRE").trim(), address);
        assert_eq!(
            shell(host, "a", "ulimit -l; ulimit -H -l"),
            "unlimited\nunlimited\n"
        );
        assert_eq!(
            shell(host, "a", "cd /dev/vfio; echo *").trim(),
            format!("{group} vfio")
        );
        let said = shell(host, "a", &probe(&format!("{group} {address}")));
        assert_eq!(said, "api 0\nviable\nmapped 16777216\ndevice 8680ca10\n");
        // A node can be made, as by any container, but not opened.
        let path = format!("/dev/vfio/{}", other.iommu_group.unwrap());
        let (major, minor) = numbers(&path);
        for (node, device) in [
            ("a", (major, minor)),
            ("b", (major, minor)),
            ("b", numbers("/dev/vfio/vfio")),
        ] {
            let (major, minor) = device;
            let script = format!(
                "mknod /dev/d{minor} c {major} {minor} && (: < /dev/d{minor}) 2>&1 || echo refused"
            );
            let said = shell(host, node, &script);
            assert!(
                said.contains("Operation not permitted") && said.contains("refused"),
                "{node}: {said}"
            );
        }
        assert_eq!(
            shell(host, "b", "ls /dev/vfio 2>/dev/null || echo none"),
            "none\n"
        );
        assert_ne!(shell(host, "b", "ulimit -l"), "unlimited\n");
        is_shown(host, &own);
        changes_restart_it(host, &up);
        host.ok(&["down", "driven"]);
    });
}

/// The numbers of a device.
fn numbers(path: &str) -> (u64, u64) {
    let said = run(&format!("stat -c %Hr:%Lr {path}"));
    let (major, minor) = said.trim().split_once(':').unwrap();
    (major.parse().unwrap(), minor.parse().unwrap())
}

fn is_shown(host: &Host<'_>, own: &VirtualFunction) {
    let view = host.json(&["inspect", "driven"]);
    let [driven, far] = [0, 1].map(|node| view["nodes"][node]["interfaces"][0].clone());
    assert_eq!(driven["state"], "vfio", "{driven:#}");
    assert_eq!(driven["mac"], "02:00:00:00:cc:01");
    let function = &driven["function"];
    assert_eq!(function["driver"], VFIO);
    assert_eq!(function["address"], own.address.to_string());
    let path = format!("/dev/vfio/{}", own.iommu_group.unwrap());
    assert_eq!(function["device"], path);
    assert_eq!(far["state"], "up", "{far:#}");
    assert_eq!(far["function"]["device"], json!(null));
    let table = host.ok(&["inspect", "driven"]);
    assert!(table.contains(" vfio "), "{table}");
}

/// A second `up` finds nothing to do, and what somebody changed is repaired, for which the container ends.
fn changes_restart_it(host: &Host<'_>, up: &[&str]) {
    assert!(host.ok(up).contains("nothing had to change"));
    assert!(host.ok(&["gc"]).contains("nothing was left behind"));
    run(&format!(
        "ip link set {} vf 2 vlan 77",
        host.machine.physical[0]
    ));
    let report = host.json(up);
    let changes = &report["changes"];
    assert_eq!(changes["functionsAttached"], 1, "{report:#}");
    assert_eq!(changes["containersStarted"], 1, "{report:#}");
    assert_eq!(told(host, 0, 2)["vlan_list"][0]["vlan"], 3);
}

#[test]
fn frames_cross_from_a_process_to_the_kernel() {
    bound(|host, [own, _]| {
        host.ok(&["up", &host.path("driven.yaml")]);
        let far = Netns::open(&host.machine.path("pinwire/topologies/driven/netns/b")).unwrap();
        let capture = host.machine.path("capture");
        let mut command = Command::new("tcpdump");
        command.args([
            "--immediate-mode",
            "-p",
            "-Z",
            "root",
            "-U",
            "-n",
            "-i",
            "wire",
            "-w",
        ]);
        command
            .arg(&capture)
            .args(["ether", "src", "02:00:00:00:cc:01"])
            .stderr(Stdio::null());
        let mut tcpdump = far.run(|| command.spawn()).unwrap().unwrap();
        let length = || fs::metadata(&capture).map_or(0, |file| file.len());
        eventually("the capture has begun", || length() >= 24);
        // To everybody, of a type for experiments (IEEE 802).
        let frame = format!("ffffffffffff02000000cc0188b5{}", "5a".repeat(50));
        let arguments = format!("{} {} {frame}", own.iommu_group.unwrap(), own.address);
        let said = shell(host, "a", &probe(&arguments));
        assert!(said.ends_with("mac 02:00:00:00:cc:01\nsent 64\n"), "{said}");
        eventually("the frame has arrived", || length() > 24);
        tcpdump.kill().unwrap();
        tcpdump.wait().unwrap();
        let bytes = fs::read(&capture).unwrap();
        // Behind the headers of file and packet.
        let digits: String = bytes[40..]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digits, frame);
        host.ok(&["down", "driven"]);
    });
}

#[test]
fn an_up_with_a_driven_end_that_is_killed_leaves_nothing() {
    bound(|host, _| {
        let before = snapshot(&host.machine.physical);
        let manifest = host.path("driven.yaml");
        let up = ["up", &manifest[..]];
        let mut step = 1;
        while killed(host, &up, step) {
            host.ok(&["gc"]);
            assert_eq!(snapshot(&host.machine.physical), before, "step {step}");
            assert_eq!(host.machine.state_files().len(), 0, "step {step}");
            // Each step of other virtual functions was killed in `crash`.
            step += 3;
        }
        assert!(step > 12, "only {step} steps");
        // The namespaces alone: the device stays with the host, for whoever the manifest does not start.
        host.ok(&["down", "driven"]);
        host.ok(&["up", &host.path("driven.yaml"), "--nodes", "namespace"]);
        assert_eq!(told(host, 0, 2)["address"], "02:00:00:00:cc:01");
        host.ok(&["down", "driven"]);
        let sysfs = Sysfs::default();
        let function = sysfs.virtual_function(functions(0)[2].address).unwrap();
        assert_eq!(function.driver.as_deref(), Some(VFIO));
    });
}
