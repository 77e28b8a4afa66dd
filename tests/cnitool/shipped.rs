//! The other lists that ship, as they are: for containerd and for podman 4. These clients have tests of their own; here
//! every verb of the library is used.

use pinwire_support::inside::run;
use serde_json::json;

use crate::host::{Pod, address, host, interfaces, pair, reaches};

const CONTAINERD: &str = include_str!("../../configs/cni/containerd.conflist");
const PODMAN: &str = include_str!("../../configs/cni/podman.conflist");

#[test]
fn containerd() {
    host(|host| {
        host.install("10-pinwire.conflist", CONTAINERD);
        let [left, right] = pair();
        host.add("pods", &left);
        let result = host.add("pods", &right);
        assert_eq!(interfaces(&result), ["eth0", "wire"]);
        reaches(&host.inside(&left), "192.0.2.2");
        reaches(&host.inside(&left), &address(&result));
        for pod in [&left, &right] {
            host.ok("status", "pods", pod);
            host.ok("check", "pods", pod);
            host.delete("pods", pod);
        }
    });
}

#[test]
fn podman() {
    host(|host| {
        host.install("88-pinwire.conflist", PODMAN);
        let asked = Pod::plain("asked")
            .capability("ips", json!(["10.91.0.9/16"]))
            .capability("mac", json!("02:00:00:00:00:09"));
        let plain = Pod::plain("plain");
        let result = host.add("pinwire", &asked);
        assert_eq!(address(&result), "10.91.0.9");
        let link = run(&host.inside(&asked), "ip link show eth0");
        assert!(link.contains("02:00:00:00:00:09"), "{link}");
        host.add("pinwire", &plain);
        reaches(&host.inside(&plain), "10.91.0.9");
        for pod in [&asked, &plain] {
            host.ok("check", "pinwire", pod);
            host.delete("pinwire", pod);
        }
    });
}
