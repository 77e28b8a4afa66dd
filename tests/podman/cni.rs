//! podman 4 with the CNI backend and `configs/cni/podman.conflist`.

use crate::host::Host;

#[test]
fn containers_reach_each_other_and_the_host() {
    let Some(host) = Host::podman_4() else { return };
    host.ok("podman run --detach --name web --network pinwire --publish 8080:80 busybox httpd -f -h /www");
    let address =
        "podman inspect web --format '{{(index .NetworkSettings.Networks \"pinwire\").IPAddress}}'";
    assert_eq!(host.ok(address), "10.91.0.2");
    let page = "a page of a container";
    assert_eq!(host.ok("busybox wget -qO- http://10.91.0.2/"), page);
    let other = "podman run --rm --network pinwire:ip=10.91.0.77,mac=02:00:00:00:00:77 busybox";
    assert_eq!(
        host.ok(&format!("{other} wget -qO- http://10.91.0.2/")),
        page
    );
    let found = host.ok(&format!("{other} ip address show dev eth0"));
    assert!(
        found.contains("02:00:00:00:00:77") && found.contains("10.91.0.77/16"),
        "{found}"
    );
    // The published port, by an address of the host.
    host.ok("ip link add uplink type bridge && ip address add 192.0.2.1/24 dev uplink && ip link set uplink up");
    assert_eq!(host.ok("busybox wget -qO- http://192.0.2.1:8080/"), page);
    host.ok("ip link delete uplink");
    host.ok("podman restart --time 0 web");
    assert_eq!(host.attachments().len(), 1, "the old one is gone");
    let address = host.ok(address);
    let again = format!("podman run --rm --network pinwire busybox wget -qO- http://{address}/");
    assert_eq!(host.ok(&again), page);
    host.ok("podman rm --force --time 0 web");
    host.assert_clean();
}

#[test]
fn a_setup_that_fails_leaves_nothing() {
    let Some(host) = Host::podman_4() else { return };
    host.ok("sed -i 's/\"ipMasq\"/\"ipMask\"/' /etc/cni/net.d/88-pinwire.conflist");
    let error = host.fails("podman run --rm --network pinwire busybox ip address");
    assert!(error.contains("did you mean `ipMasq`?"), "{error}");
    host.assert_clean();
}
