//! What the hardware of a virtual function is told, and that it is told the opposite in the end.

use std::collections::BTreeMap;
use std::fs;

use pinwire_support::command::run;
use pinwire_support::inside;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::machine::{PciAddress, Sysfs};
use serde_json::{Value, json};

use crate::call::{cni, configuration};
use crate::machine::{Machine, functions, machine};

/// A configuration of the first virtual function, tuned in every way that igbvf knows.
fn asked() -> Value {
    configuration(&json!({
        "deviceID": functions(0)[0].address,
        "mac": "02:00:00:00:aa:01",
        "mtu": 1400,
        "tuning": {
            "rings": {"rx": 512, "tx": 1024},
            // One that igbvf does not go on to adapt.
            "coalescing": {"rxUsecs": 60},
            "offloads": {"gro": false, "tso": false, "rxChecksum": false},
            "interrupts": "1",
        },
    }))
}

/// What ethtool says of the first virtual function, which is at home, and the CPUs of its interrupts.
fn snapshot() -> (String, BTreeMap<u32, String>) {
    let function = &functions(0)[0];
    let name = &function.interface.as_ref().unwrap().name;
    (told(run, name), affinities(function.address))
}

fn told(run: impl Fn(&str) -> String, name: &str) -> String {
    let commands = ["-g", "-c", "-k"].map(|option| format!("ethtool {option} {name}"));
    commands.map(|command| run(&command)).join("\n")
}

fn affinities(address: PciAddress) -> BTreeMap<u32, String> {
    let numbers = Sysfs::default().interrupts(address).unwrap();
    let path = |number| format!("/proc/irq/{number}/smp_affinity_list");
    let read = |number| Some((number, fs::read_to_string(path(number)).ok()?));
    numbers.into_iter().filter_map(read).collect()
}

/// Runs a test on a machine whose first virtual function has been up once: its driver has asked for its interrupts, and the
/// kernel shows where they go from then on.
fn tuned(test: impl FnOnce(&Machine)) {
    machine(|machine| {
        let name = functions(0)[0].interface.as_ref().unwrap().name.clone();
        run(&format!("ip link set {name} up"));
        run(&format!("ip link set {name} down"));
        let before = snapshot();
        assert!(!before.1.is_empty(), "the driver has interrupts");
        test(machine);
        assert_eq!(snapshot(), before);
    });
}

fn assert_tuned(netns: &Netns, name: &str) {
    let function = functions(0)[0].address;
    let text = told(|command| inside::run(netns, command), name);
    let current = text.split("Current hardware settings:").nth(1).unwrap();
    let lines: Vec<String> = current
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "RX: 512",
        "TX: 1024",
        "rx-usecs: 60",
        "generic-receive-offload: off",
        "tx-tcp-segmentation: off",
        "tx-tcp6-segmentation: off",
        "rx-checksumming: off",
        "generic-segmentation-offload: on",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {text}"
        );
    }
    let affinities = affinities(function);
    assert!(
        affinities.values().all(|cpus| cpus.trim() == "1"),
        "{affinities:?}"
    );
}

#[test]
fn all_that_the_driver_knows_is_set_and_restored() {
    tuned(|machine| {
        let netns = machine.netns("a");
        let before = snapshot();
        cni(machine, "ADD", "a", &asked()).ok();
        assert_tuned(&netns, "net1");
        // What the application makes of it goes, too, whether it was asked for or not.
        for command in [
            "ip link set net1 down",
            "ip link set net1 name other",
            "ethtool -G other rx 80 tx 88",
            "ethtool -C other rx-usecs 20",
            "ethtool -K other gro on tso on gso off sg off",
            "ip link set other up",
        ] {
            inside::run(&netns, command);
        }
        cni(machine, "DEL", "a", &asked()).ok();
        assert_eq!(snapshot(), before);
        drop(netns);
        machine.remove("a");
        // The namespace dies without DEL.
        machine.netns("a");
        cni(machine, "ADD", "a", &asked()).ok();
        machine.remove("a");
        collect(machine);
        assert_eq!(snapshot(), before);
        machine.assert_restored("GC");
    });
}

fn collect(machine: &Machine) {
    let mut all = asked();
    all["cni.dev/valid-attachments"] = json!([]);
    cni(machine, "GC", "a", &all).ok();
}

#[test]
fn killed_at_every_step_of_tuning() {
    tuned(|machine| {
        let before = snapshot();
        for verb in ["ADD", "DEL"] {
            let (mut steps, mut killed) = (0, true);
            while killed {
                steps += 1;
                machine.netns("a");
                if verb == "DEL" {
                    cni(machine, "ADD", "a", &asked()).ok();
                }
                let call = cni(machine, verb, "a", &asked());
                killed = call
                    .set("PINWIRE_FAULT_STEP", &steps.to_string())
                    .run()
                    .signal
                    .is_some();
                collect(machine);
                let what = format!("killed at step {steps} of {verb}");
                assert_eq!(snapshot(), before, "{what}");
                assert_eq!(machine.state_files().len(), 0, "{what}");
                machine.remove("a");
            }
            assert!(steps > 15, "only {steps} steps of {verb}");
        }
    });
}

#[test]
fn check_finds_each_difference() {
    tuned(|machine| {
        let netns = machine.netns("a");
        let mut check = asked();
        check["prevResult"] = cni(machine, "ADD", "a", &asked()).ok();
        let check = cni(machine, "CHECK", "a", &check);
        check.ok();
        let cases = [
            (
                "-G net1 rx 256",
                "-G net1 rx 512",
                "has 256 instead of 512 as `tuning.rings.rx`",
            ),
            (
                "-C net1 rx-usecs 20",
                "-C net1 rx-usecs 60",
                "has 20 instead of 60 as `tuning.coalescing.rxUsecs`",
            ),
            (
                "-K net1 gro on",
                "-K net1 gro off",
                "has on instead of off as `tuning.offloads.rx-gro`",
            ),
        ];
        for (change, back, message) in cases {
            inside::run(&netns, &format!("ethtool {change}"));
            let error = check.fails(105);
            assert!(error.contains(message), "{change}: {error}");
            inside::run(&netns, &format!("ethtool {back}"));
            check.ok();
        }
        let interrupt = *affinities(functions(0)[0].address).keys().next().unwrap();
        let path = format!("/proc/irq/{interrupt}/smp_affinity_list");
        fs::write(&path, "0").unwrap();
        let error = check.fails(105);
        let message = format!("interrupt {interrupt} of the virtual function");
        assert!(
            error.contains(&message) && error.contains("has 0 instead of 1"),
            "{error}"
        );
        fs::write(&path, "1").unwrap();
        check.ok();
        cni(machine, "DEL", "a", &asked()).ok();
    });
}

#[test]
fn what_the_driver_does_not_know_is_a_warning_or_an_error() {
    tuned(|machine| {
        machine.netns("a");
        let log = machine.path("log");
        let mut asked = asked();
        asked["logFile"] = json!(log);
        asked["tuning"]["channels"] = json!({"combined": 1});
        asked["tuning"]["coalescing"]["txUsecs"] = json!(10);
        asked["tuning"]["offloads"]["lro"] = json!(true);
        let keys = ["channels.combined", "coalescing.txUsecs", "offloads.lro"];
        let mut check = asked.clone();
        check["prevResult"] = cni(machine, "ADD", "a", &asked).ok();
        let text = fs::read_to_string(&log).unwrap();
        for key in keys {
            assert!(text.contains(&format!("tuning.{key}")), "{key}: {text}");
        }
        cni(machine, "CHECK", "a", &check).ok();
        cni(machine, "DEL", "a", &asked).ok();
        asked["strict"] = true.into();
        let error = cni(machine, "ADD", "a", &asked).fails(109);
        let all = "does not support `tuning.channels.combined`, `tuning.coalescing.txUsecs`, `tuning.offloads.lro`";
        assert!(error.contains(all), "{error}");
        assert_eq!(machine.state_files().len(), 0);
    });
}

#[test]
fn what_cannot_be_is_named_before_anything_changes() {
    tuned(|machine| {
        machine.netns("a");
        let cases = [
            (
                json!({"rings": {"rx": 5000}}),
                109,
                "cannot have 5000 as `tuning.rings.rx`: its driver has 4096 at most",
            ),
            (
                json!({"interrupts": "1-3"}),
                109,
                "names the CPUs 2-3, which are not online: 0-1 are",
            ),
            (json!({"interrupts": "1-"}), 7, "`1-` is no list of CPUs"),
            (
                json!({"offloads": {"rx-nothing": true}}),
                109,
                "this kernel knows no offload `rx-nothing`",
            ),
            (
                json!({"offloads": {"groo": true}}),
                7,
                "`groo` is no offload",
            ),
            (json!({"rings": {"rx": 0}}), 7, "`tuning.rings.rx` is wrong"),
            // The driver rounds, which is no silent matter.
            (
                json!({"rings": {"rx": 100}}),
                109,
                "has 104 instead of 100 as `tuning.rings.rx`",
            ),
            (
                json!({"coalescing": {"rxUsecs": 5}}),
                109,
                "cannot set `tuning.coalescing.rxUsecs` to 5",
            ),
        ];
        for (tuning, code, message) in cases {
            let mut asked = asked();
            asked["tuning"] = tuning.clone();
            let error = cni(machine, "ADD", "a", &asked).fails(code);
            assert!(error.contains(message), "{tuning}: {error}");
            machine.assert_restored(&tuning.to_string());
            assert_eq!(machine.state_files().len(), 0, "{tuning}");
        }
    });
}

#[test]
fn a_link_of_a_pod_is_tuned() {
    tuned(|machine| {
        let links = "- {interface: x, type: vf, vf: {pool: one, index: 0}, tuning: {rings: {rx: 512, tx: 1024},
            coalescing: {rxUsecs: 60}, offloads: {gro: false, tso: false, rxChecksum: false}, interrupts: '1'}}";
        let asked = crate::wire::pod(machine, "a", links);
        let netns = machine.netns("a");
        cni(machine, "ADD", "a", &asked).ok();
        assert_tuned(&netns, "x");
        cni(machine, "DEL", "a", &asked).ok();
    });
}
