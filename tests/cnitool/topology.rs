//! Topology mode after a primary plugin: annotated pods meet, go and come back.

use pinwire_support::inside::links;
use serde_json::json;

use crate::host::{ANNOTATIONS, Host, Pod, address, host, interfaces, pair, reaches};

fn network(host: &Host<'_>) {
    let plugins = json!([
        {"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.77.0.0/16"}},
        {"type": "pinwire-cni", "capabilities": {ANNOTATIONS: true}},
    ]);
    host.list("1.0.0", "pods", &plugins);
}

#[test]
fn pods_meet_and_come_back() {
    host(|host| {
        network(host);
        let [left, right] = pair();
        let first = host.add("pods", &left);
        assert_eq!(interfaces(&first), ["eth0"]);
        let second = host.add("pods", &right);
        assert_eq!(interfaces(&second), ["eth0", "wire"]);
        assert_eq!(second["ips"].as_array().unwrap().len(), 1, "{second}");
        reaches(&host.inside(&left), "192.0.2.2");
        reaches(&host.netns(), &address(&second));
        host.ok("check", "pods", &left);
        host.ok("check", "pods", &right);

        host.delete("pods", &left);
        assert_eq!(links(&host.inside(&right)), ["eth0", "lo"]);
        // The one that stays is as it should be: its wire waits for the other.
        host.ok("check", "pods", &right);
        host.add("pods", &left);
        reaches(&host.inside(&right), "192.0.2.1");
        host.ok("check", "pods", &right);

        // Lists of 1.0.0 know no GC; the library deletes what it has in its cache.
        host.ok("gc", "pods", &left);
        assert_eq!(links(&host.inside(&right)), ["lo"]);
        assert_eq!(links(&host.netns()), ["lo"]);
    });
}

#[test]
fn pods_without_annotations_pass() {
    host(|host| {
        network(host);
        let pod = Pod::plain("web");
        let result = host.add("pods", &pod);
        assert_eq!(interfaces(&result), ["eth0"]);
        reaches(&host.netns(), &address(&result));
        assert_eq!(host.lab.state_files(), [""; 0]);
        host.ok("check", "pods", &pod);
        host.delete("pods", &pod);
    });
}
