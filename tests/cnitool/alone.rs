//! The plugin as the only one of its list: main-plugin mode.

use pinwire_support::inside::{links, run};
use serde_json::{Value, json};

use crate::host::{Host, Pod, address, host, reaches};

/// A list of one plugin, with addresses from host-local.
fn leased() -> Value {
    json!([{
        "type": "pinwire-cni",
        "ipMasq": true,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.77.0.0/16"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }])
}

fn add_check_del(host: &Host<'_>, version: &str) {
    let pod = Pod::plain("web");
    host.list(version, "alone", &leased());
    host.lab.netns(pod.name);
    let before = host.lab.snapshot();
    let result = host.ok("add", "alone", &pod);
    assert_eq!(result["cniVersion"], version, "{result}");
    reaches(&host.inside(&pod), "10.77.0.1");
    reaches(&host.netns(), &address(&result));
    host.ok("check", "alone", &pod);
    run(&host.inside(&pod), "ip link set eth0 mtu 1400");
    let error = host.fails("check", "alone", &pod);
    assert!(error.contains("1400"), "{error}");
    host.ok("del", "alone", &pod);
    // Once more: runtimes say DEL again whenever they are not sure.
    host.ok("del", "alone", &pod);
    host.lab.assert_same(&before, version);
    host.lab.remove(pod.name);
}

#[test]
fn add_check_and_del() {
    host(|host| {
        for version in ["0.4.0", "1.0.0"] {
            add_check_del(host, version);
        }
    });
}

#[test]
fn gc_and_status() {
    host(|host| {
        let plugin = json!([{"type": "pinwire-cni", "capabilities": {"ips": true}}]);
        host.list("1.1.0", "alone", &plugin);
        let pod = |name, address| Pod::plain(name).capability("ips", json!([address]));
        let (one, other) = (pod("one", "10.9.0.1/24"), pod("other", "10.9.0.2/24"));
        host.ok("status", "alone", &one);
        host.add("alone", &one);
        host.ok("gc", "alone", &one);
        assert_eq!(links(&host.inside(&one)), ["lo"]);
        // What the library has forgotten, the plugin removes once the namespace is gone.
        host.ok("add", "alone", &one);
        host.add("alone", &other);
        std::fs::remove_dir_all("/var/lib/cni/results").unwrap();
        host.lab.remove("other");
        host.ok("gc", "alone", &one);
        assert_eq!(links(&host.inside(&one)), ["eth0", "lo"]);
        assert_eq!(host.lab.state_files().len(), 1);
        host.delete("alone", &one);

        let ipam = json!([{"type": "pinwire-cni", "ipam": {"type": "no-such-ipam"}}]);
        host.list("1.1.0", "alone", &ipam);
        let error = host.fails("status", "alone", &one);
        assert!(error.contains("no-such-ipam"), "{error}");
    });
}
