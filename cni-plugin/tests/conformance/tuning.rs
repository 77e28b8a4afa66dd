//! Veths that are tuned: by the configuration, and by a link of a pod. Virtual functions are in `tests/vf`.

use pinwire_support::inside::links;
use pinwire_wiring::setting::{Setting, apply};
use serde_json::json;

use crate::call::{cni, with};
use crate::lab::lab;
use crate::table::plain;
use crate::topology::{call, node};

/// Turns what the tests ask for off again.
fn change() -> Setting {
    Setting::Offload {
        interface: "eth0".parse().unwrap(),
        gro: false,
        tx_checksum: true,
    }
}

#[test]
fn the_interface_that_a_runtime_asks_for_is_tuned() {
    lab(|lab| {
        let netns = lab.netns("c");
        let asked = json!({"channels": {"rx": 2, "tx": 2}, "offloads": {"gro": true}});
        let configuration = with(plain("1.1.0"), "tuning", asked);
        let result = cni(lab, "ADD", "c", &configuration).ok();
        let check = with(configuration.clone(), "prevResult", result);
        let check = cni(lab, "CHECK", "c", &check);
        check.ok();
        apply(&netns, &[change()]).unwrap();
        let error = check.fails(105);
        assert!(
            error.contains("has off instead of on as `tuning.offloads.rx-gro`"),
            "{error}"
        );
        cni(lab, "DEL", "c", &configuration).ok();
        assert_eq!(links(&netns), ["lo"]);
    });
}

#[test]
fn what_a_veth_does_not_have_is_refused() {
    lab(|lab| {
        let netns = lab.netns("c");
        let cases = [
            (
                json!({"rings": {"rx": 512}}),
                "`tuning.rings` is wrong: a veth pair has no hardware",
            ),
            (
                json!({"coalescing": {"rxUsecs": 0}}),
                "`tuning.coalescing` is wrong",
            ),
            (json!({"interrupts": "1"}), "`tuning.interrupts` is wrong"),
            (
                json!({"channels": {"combined": 1}}),
                "`tuning.channels.combined` is wrong",
            ),
            (
                json!({"channels": {"rx": 0}}),
                "0 is not between 1 and 4096",
            ),
            (json!({"offload": {}}), "unknown field `offload`"),
            (json!({"offloads": {"groo": true}}), "`groo` is no offload"),
        ];
        for (tuning, message) in cases {
            let configuration = with(plain("1.1.0"), "tuning", tuning.clone());
            let error = cni(lab, "ADD", "c", &configuration).fails(7);
            assert!(error.contains(message), "{tuning}: {error}");
            cni(lab, "DEL", "c", &configuration).ok();
        }
        assert_eq!(links(&netns), ["lo"]);
    });
}

#[test]
fn whoever_makes_the_wire_tunes_both_ends() {
    lab(|lab| {
        let [a, _] = ["a", "b"].map(|pod| lab.netns(pod));
        let tuned = "tuning: {channels: {rx: 2, tx: 2}, offloads: {gro: true}}";
        let one = node(&format!("- {{interface: eth0, peer: 'b:y', {tuned}}}"), "");
        let other = node("- {interface: y, peer: 'a:eth0'}", "");
        call(lab, "ADD", "a", &one).ok();
        call(lab, "ADD", "b", &other).ok();
        let check = call(lab, "CHECK", "a", &one);
        check.ok();
        apply(&a, &[change()]).unwrap();
        let error = check.fails(105);
        assert!(
            error.contains("has off instead of on as `tuning.offloads.rx-gro`"),
            "{error}"
        );
        for (pod, asked) in [("a", &one), ("b", &other)] {
            call(lab, "DEL", pod, asked).ok();
        }
        assert_eq!(links(&a), ["lo"]);
    });
}

#[test]
fn an_end_cannot_be_tuned_against_the_plane_at_the_other() {
    lab(|lab| {
        let _ = ["a", "b"].map(|pod| lab.netns(pod));
        let one = node(
            "- {interface: x, peer: 'b:y', tuning: {offloads: {gro: false}}}",
            "",
        );
        let links = "- {interface: y, peer: 'a:x'}\n- {interface: z, peer: 'c:z'}";
        let other = node(links, "plane: xdp");
        call(lab, "ADD", "a", &one).ok();
        let error = call(lab, "ADD", "b", &other).fails(103);
        assert!(
            error.contains("cannot have this `tuning.offloads.gro`: its other end is at `b`"),
            "{error}"
        );
        call(lab, "DEL", "a", &one).ok();
        let error = call(
            lab,
            "ADD",
            "a",
            &node(
                "- {interface: x, peer: 'b:y', tuning: {rings: {rx: 1}}}",
                "",
            ),
        );
        assert!(error.fails(104).contains("cannot have this `tuning.rings`"));
    });
}
