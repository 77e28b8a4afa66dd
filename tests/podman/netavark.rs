//! podman 5 with netavark and the driver.

use crate::host::Host;

const CREATE: &str =
    "podman network create --driver pinwire --subnet 10.90.0.0/24 --subnet fd90::/64";

#[test]
fn containers_reach_each_other_and_the_host() {
    let Some(host) = Host::podman_5() else { return };
    host.ok(&format!("{CREATE} front"));
    host.ok("podman run --detach --name web --network front busybox httpd -f -h /www");
    let addresses = host.ok(
        "podman inspect web --format '{{with (index .NetworkSettings.Networks \"front\")}}\
         {{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}} {{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}} {{.IPv6Gateway}} \
         {{.MacAddress}}{{end}}'",
    );
    let mac = host.ok("podman exec web cat /sys/class/net/eth0/address");
    assert_eq!(
        addresses,
        format!("10.90.0.2/24 10.90.0.1 fd90::2/64 fd90::1 {mac}")
    );
    let page = "a page of a container";
    for address in ["10.90.0.2", "[fd90::2]"] {
        let get = format!("busybox wget -qO- http://{address}/");
        assert_eq!(host.ok(&get), page);
        let get = format!("podman run --rm --network front {get}");
        assert_eq!(host.ok(&get), page);
    }
    let ping = "podman run --rm --cap-add NET_RAW --network front busybox ping -c 1 -W 2";
    host.ok(&format!("{ping} 10.90.0.2 && {ping} fd90::1"));
    host.ok("podman restart --time 0 web");
    assert_eq!(host.attachments().len(), 1, "the old one is gone");
    host.ok("podman rm --force --time 0 web && podman network rm front");
    host.assert_clean();
}

#[test]
fn options_of_a_network_and_of_a_container() {
    let Some(host) = Host::podman_5() else { return };
    host.ok(&format!(
        "{CREATE} --opt mtu=1400 --opt no_default_route=1 front"
    ));
    let options = "podman network inspect front --format '{{json .Options}} {{.DNSEnabled}}'";
    assert_eq!(
        host.ok(options),
        r#"{"mtu":"1400","no_default_route":"true"} false"#
    );
    let run = |network: &str| {
        let look = "cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address; ip route show | grep default || true";
        host.ok(&format!(
            "podman run --rm --network {network} busybox sh -c '{look}'"
        ))
    };
    let plain = run("front");
    assert!(
        plain.starts_with("1400\n") && !plain.contains("default"),
        "{plain}"
    );
    let own = "front:ip=10.90.0.50,mac=02:00:00:00:00:50,mtu=1300,no_default_route=false,metric=7";
    assert_eq!(
        run(own),
        "1300\n02:00:00:00:00:50\ndefault via 10.90.0.1 dev eth0  metric 7"
    );
    host.ok("podman network rm front");
    host.assert_clean();
}

#[test]
fn mistakes_are_named_and_leave_nothing() {
    let Some(host) = Host::podman_5() else { return };
    for (arguments, holds) in [
        (
            "--subnet 10.90.0.0/24 --opt mtus=1 bad",
            "there is no option `mtus`: did you mean `mtu`?",
        ),
        (
            "bad",
            "it has no subnet: give it one (--subnet 10.90.0.0/24)",
        ),
        ("--subnet 10.90.0.0/24 --ipv6 bad", "it has no IPv6 subnet"),
        (
            "--ipam-driver dhcp bad",
            "the IPAM driver `dhcp` is not supported",
        ),
        ("--interface-name eth9 --subnet 10.90.0.0/24 bad", "`eth9`"),
        (
            "--subnet 10.90.0.0/24 --route 10.0.0.0/8,10.90.0.9 bad",
            "(10.90.0.1)",
        ),
    ] {
        let error = host.fails(&format!(
            "podman network create --driver pinwire {arguments}"
        ));
        assert!(error.contains(holds), "{arguments}: {error}");
    }
    host.ok(&format!("{CREATE} front"));
    let error = host.fails("podman run --rm --network front:mut=1400 busybox ip address");
    assert!(
        error.contains("no option `mut`: did you mean `mtu`?"),
        "{error}"
    );
    assert_eq!(host.attachments(), [""; 0]);
    host.ok("podman network rm front");
    host.assert_clean();
}

#[test]
fn several_networks_and_connect() {
    let Some(host) = Host::podman_5() else { return };
    host.ok(&format!("{CREATE} front"));
    host.ok("podman network create --driver pinwire --subnet 10.95.0.0/24 --internal back");
    host.ok("podman run --detach --name one --network front --network back busybox sleep 600");
    host.ok("podman run --detach --name two --network back busybox httpd -f -h /www");
    assert_eq!(
        host.ok("podman exec one wget -qO- http://10.95.0.3/"),
        "a page of a container"
    );
    host.ok("podman network disconnect back one");
    host.fails("podman exec one wget -T 1 -qO- http://10.95.0.3/");
    host.ok("podman network connect back one");
    host.ok("podman exec one wget -qO- http://10.95.0.3/");
    // Beside a bridge of podman's own.
    let both = "podman run --rm --network podman --network front busybox ip -4 address";
    let both = host.ok(both);
    assert!(
        both.contains("10.88.0.2/16") && both.contains("10.90.0."),
        "{both}"
    );
    host.ok("podman rm --force --time 0 one two && podman network rm front back");
    // podman keeps its bridge no longer than its last container, and its driver's nftables table for ever.
    host.assert_clean();
}

/// netavark 1.14 calls no driver for a container whose namespace is gone; the next setup removes what is left.
#[test]
fn a_container_whose_namespace_vanished() {
    let Some(host) = Host::podman_5() else { return };
    host.ok(&format!("{CREATE} --opt masquerade=true front"));
    host.ok("podman run --detach --name dead --network front busybox sleep 600");
    host.ok(
        "netns=$(podman inspect dead --format '{{.NetworkSettings.SandboxKey}}')
         read -r conmon container <<<\"$(podman inspect dead --format '{{.State.ConmonPid}} {{.State.Pid}}')\"
         kill -KILL \"$conmon\" \"$container\"
         umount \"$netns\"
         rm \"$netns\"",
    );
    // podman complains, and removes the container at the second try.
    host.run("podman rm --force --time 0 dead");
    host.run("podman rm --force --time 0 dead");
    let dead = host.attachments();
    assert_eq!(dead.len(), 1, "nobody has called the driver");
    host.ok("podman run --detach --name alive --network front busybox sleep 600");
    let alive = host.attachments();
    assert!(alive.len() == 1 && alive != dead, "{dead:?} {alive:?}");
    let masqueraded = host.ok("nft list table inet pinwire");
    assert!(
        masqueraded.contains("10.90.0.3") && !masqueraded.contains("10.90.0.2 "),
        "{masqueraded}"
    );
    host.ok("podman rm --force --time 0 alive && podman network rm front");
    host.assert_clean();
}
