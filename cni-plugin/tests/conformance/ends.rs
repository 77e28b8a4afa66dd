//! Topology mode: names of nodes, ends in the host, and planes below IP.

use pinwire_support::inside::{answers, links, run};
use pinwire_support::wait::eventually;
use serde_json::json;

use crate::lab::lab;
use crate::topology::{call, node};

#[test]
fn an_interface_that_exists_is_left_as_it_was() {
    lab(|lab| {
        let a = lab.netns("a");
        run(&a, "ip link add x type bridge");
        let before = lab.snapshot();
        let add = call(
            lab,
            "ADD",
            "a",
            &node(
                "- {interface: x, peer: b:y}\n- {interface: h, peer: host:pw-h}",
                "",
            ),
        );
        assert!(add.fails(100).contains("`x` exists already"));
        lab.assert_same(&before, "afterwards");
    });
}

#[test]
fn pods_of_deployments_and_ends_in_the_host() {
    lab(|lab| {
        let a = lab.netns("web-7f9c-x2x1");
        let mut annotations = node(
            "- {interface: in, peer: host:pw-in, addresses: [10.3.0.1/24], hostAddresses: [10.3.0.2/24]}",
            "",
        );
        annotations["pinwire.dev/node"] = json!("web");
        let pod = "web-7f9c-x2x1";
        let result = call(lab, "ADD", pod, &annotations).ok();
        assert_eq!(result["interfaces"][2]["name"], "pw-in");
        assert_eq!(result["interfaces"][2].get("sandbox"), None);
        eventually("the host answers", || answers(&a, "10.3.0.2"));
        assert_eq!(
            lab.state_files()
                .iter()
                .filter(|name| *name == "chain@web")
                .count(),
            2
        );
        call(lab, "DEL", pod, &annotations)
            .set("CNI_NETNS", "")
            .unset("CNI_ARGS")
            .ok();
        assert_eq!(links(&a), ["lo"]);
    });
}

#[test]
fn layer_two_planes_come_back_with_their_links() {
    for plane in ["mirror", "xdp"] {
        lab(move |lab| {
            let pods = [
                (
                    "a",
                    node(
                        "- {interface: x, peer: m:left, addresses: [10.4.0.1/24]}",
                        "plane: none",
                    ),
                ),
                (
                    "m",
                    node(
                        "- {interface: left, peer: a:x}\n- {interface: right, peer: b:x}",
                        &format!("plane: {plane}"),
                    ),
                ),
                (
                    "b",
                    node(
                        "- {interface: x, peer: m:right, addresses: [10.4.0.2/24]}",
                        "plane: none",
                    ),
                ),
            ];
            let netns = ["a", "m", "b"].map(|pod| lab.netns(pod));
            for (pod, annotations) in &pods {
                call(lab, "ADD", pod, annotations).ok();
            }
            eventually("it crosses", || answers(&netns[0], "10.4.0.2"));
            for (pod, annotations) in &pods {
                call(lab, "DEL", pod, annotations).ok();
                call(lab, "ADD", pod, annotations).ok();
                eventually(&format!("it crosses after {pod} came back"), || {
                    answers(&netns[0], "10.4.0.2")
                });
            }
            for (pod, annotations) in &pods {
                call(lab, "DEL", pod, annotations).ok();
            }
        });
    }
}
