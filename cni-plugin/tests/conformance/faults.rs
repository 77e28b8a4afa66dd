//! SIGKILL at every step of ADD and DEL: a DEL or a GC afterwards leaves nothing of the container, and nothing of its
//! neighbours is touched. The executable kills itself, in builds with debug assertions or the feature `fault-injection`.

use std::time::Duration;

use nix::libc::SIGKILL;
use pinwire_support::call::Call;
use pinwire_support::inside::{answers, links};
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::{Value, json};

use crate::call::{cni, interface};
use crate::lab::{Lab, lab};
use crate::topology::{call, node};

/// The variable that names the step.
const STEP: &str = "PINWIRE_FAULT_STEP";

/// What comes after the kill.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Remedy {
    Del,
    DelWithoutNamespace,
    Gc,
    /// The call that was killed, once more, and then a DEL.
    Again,
}

const REMEDIES: [Remedy; 4] = [
    Remedy::Del,
    Remedy::DelWithoutNamespace,
    Remedy::Gc,
    Remedy::Again,
];

/// Kills `verb` at each step in turn, and has each remedy bring back what was before. `others` are the containers that
/// a GC is to leave alone. The number of steps.
fn kill_everywhere(lab: &Lab<'_>, verb: &str, call: &Call, others: &Value) -> u32 {
    let with = |verb: &str| call.clone().set("CNI_COMMAND", verb);
    // What a DEL leaves on purpose, such as the loopback interface up, is there before.
    with("ADD").ok();
    with("DEL").ok();
    let before = lab.snapshot();
    for step in 1.. {
        for remedy in REMEDIES {
            if verb == "DEL" {
                with("ADD").ok();
            }
            let reply = with(verb).set(STEP, &step.to_string()).run();
            if reply.signal != Some(SIGKILL) {
                assert_eq!(reply.code, Some(0), "{reply:?}");
                with("DEL").ok();
                return step - 1;
            }
            // An IPAM plugin that it had started works on; no runtime is quicker with its DEL.
            std::thread::sleep(Duration::from_millis(20));
            match remedy {
                Remedy::Del => drop(with("DEL").ok()),
                Remedy::DelWithoutNamespace => drop(with("DEL").set("CNI_NETNS", "").ok()),
                Remedy::Gc => {
                    let gc = json!({"cniVersion": "1.1.0", "name": "net", "cni.dev/valid-attachments": others});
                    with("GC").input(gc.to_string()).ok();
                }
                Remedy::Again => {
                    let reply = with(verb).run();
                    assert!(
                        reply.code == Some(0) || reply.error()["code"] == 100,
                        "{reply:?}"
                    );
                    with("DEL").ok();
                }
            }
            lab.assert_same(&before, &format!("step {step} of {verb}, {remedy:?}"));
        }
    }
    0
}

#[test]
fn an_interface() {
    lab(|lab| {
        lab.netns("c");
        let add = cni(lab, "ADD", "c", &interface(lab, "1.0.0"));
        // A container of the same network that nothing may happen to.
        lab.netns("other");
        let other = cni(lab, "ADD", "other", &interface(lab, "1.0.0"));
        other.ok();
        let others = json!([{"containerID": "other", "ifname": "eth0"}]);
        // A lease that host-local made and the plugin did not hear of is given back, too.
        let steps = kill_everywhere(lab, "ADD", &add, &others);
        assert!(steps >= 9, "only {steps} steps");
        let steps = kill_everywhere(lab, "DEL", &add, &others);
        assert!(steps >= 3, "only {steps} steps");
        other.set("CNI_COMMAND", "DEL").ok();
    });
}

#[test]
fn a_pod_between_two_others() {
    lab(|lab| {
        let pods = [
            (
                "a",
                node(
                    "- {interface: b, peer: b:a, addresses: [10.0.1.1/24]}\n- {interface: d, peer: d:a, addresses: [10.0.4.1/24]}",
                    "",
                ),
            ),
            (
                "c",
                node("- {interface: b, peer: b:c, addresses: [10.0.2.2/24]}", ""),
            ),
            (
                "d",
                node("- {interface: a, peer: a:d, addresses: [10.0.4.2/24]}", ""),
            ),
        ];
        let a = lab.netns("a");
        let _ = ["b", "c", "d"].map(|pod| lab.netns(pod));
        for (pod, annotations) in &pods {
            call(lab, "ADD", pod, annotations).ok();
        }
        let b = node(
            "- {interface: a, peer: a:b, addresses: [10.0.1.2/24]}\n- {interface: c, peer: c:b, addresses: [10.0.2.1/24]}\n- {interface: h, peer: host:pw-h}",
            "",
        );
        let add = call(lab, "ADD", "b", &b);
        let others = ["a", "c", "d"].map(|pod| json!({"containerID": pod, "ifname": "eth0"}));
        let steps = kill_everywhere(lab, "ADD", &add, &json!(others));
        assert!(steps >= 10, "only {steps} steps");
        let steps = kill_everywhere(lab, "DEL", &add, &json!(others));
        assert!(steps >= 4, "only {steps} steps");
        // The neighbours live, and meet the pod again.
        add.ok();
        eventually("the pod is back", || {
            answers(&a, "10.0.1.2") && answers(&a, "10.0.4.2")
        });
        for (pod, annotations) in &pods {
            call(lab, "DEL", pod, annotations).ok();
        }
        call(lab, "DEL", "b", &b).ok();
        assert_eq!(links(&Netns::current().unwrap()), ["lo"]);
    });
}
