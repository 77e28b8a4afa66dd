//! k3s: the drop-in that ships, beside the list that k3s writes. flannel is played by a script that does what flannel's
//! plugin does, which is to call `bridge` with a configuration of its own.

use crate::host::{Host, Pod, host, interfaces, pair, reaches};
use crate::lab::REFERENCE;

/// The drop-in, as shipped.
const DROP_IN: &str = include_str!("../../configs/cni/k3s.conf");
/// What k3s 1.34 writes to `10-flannel.conflist`.
const FLANNEL: &str = r#"{
    "name": "cbr0",
    "cniVersion": "1.0.0",
    "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": true, "forceAddress": true, "isDefaultGateway": true}},
        {"type": "portmap", "capabilities": {"portMappings": true}},
        {"type": "bandwidth", "capabilities": {"bandwidth": true}}
    ]
}"#;
/// What flannel's plugin has `bridge` do, on a node whose pods are 10.42.0.0/24.
const DELEGATE: &str = r#"{cniVersion, name, prevResult, type: "bridge", mtu: 1450, ipMasq: false} + .delegate
    + {ipam: {type: "host-local", ranges: [[{subnet: "10.42.0.0/24"}]]}}
    | del(..|nulls)"#;

fn network(host: &Host<'_>) {
    host.lab.script(
        "flannel",
        &format!(
            "if [ $CNI_COMMAND = VERSION ]; then exec {REFERENCE}/bridge; fi\njq '{DELEGATE}' | exec {REFERENCE}/bridge"
        ),
    );
    host.install("10-flannel.conflist", FLANNEL);
    host.install("cbr0/pinwire.conf", DROP_IN);
}

#[test]
fn the_drop_in_is_called_after_flannels_list() {
    host(|host| {
        network(host);
        let [left, right] = pair();
        let plain = Pod::plain("web");
        host.add("cbr0", &plain);
        host.add("cbr0", &right);
        let result = host.add("cbr0", &left);
        assert_eq!(interfaces(&result), ["eth0", "wire"]);
        assert_eq!(result["ips"][0]["address"], "10.42.0.4/24", "{result}");
        reaches(&host.inside(&left), "192.0.2.2");
        reaches(&host.inside(&left), "10.42.0.2");
        // No CHECK: bandwidth 1.1.1, of Debian 12, crashes there for pods without a limit. Kubernetes never asks for it.
        for pod in [&left, &right, &plain] {
            host.delete("cbr0", pod);
        }
        // `bridge` leaves its bridge to the next pod.
        host.run("ip link delete cni0");
    });
}
