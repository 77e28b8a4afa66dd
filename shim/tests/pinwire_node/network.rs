//! The tools that speak to other nodes, over the loopback interface of a namespace of their own.

use pinwire_support::skip::is_root;

use super::{in_namespaces, text};

#[test]
fn ping_over_both_protocols() {
    if !is_root() {
        return;
    }
    let output =
        in_namespaces("NODE ping -c 3 -i 0.01 127.0.0.1 && NODE ping -c 2 -i 0.01 -s 1000 ::1");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for part in [
        "127.0.0.1: 3 sent, 3 received, 0 lost",
        "64 bytes from 127.0.0.1: seq=0",
        "::1: 2 sent, 2 received",
        "1008 bytes from ::1",
    ] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    let output = in_namespaces(
        "ip route add blackhole 192.0.2.0/24; NODE ping -c 2 -i 0.01 -W 0.05 192.0.2.1",
    );
    assert_eq!(output.status.code(), Some(1), "nothing answers");
    assert!(
        text(&output.stdout).contains("2 sent, 0 received, 2 lost (100.000 %)"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn udp_echoes_from_the_address_that_was_asked() {
    if !is_root() {
        return;
    }
    // 10.9.9.9 is not what the kernel would choose to answer from.
    let output = in_namespaces(
        "ip address add 10.9.9.9/32 dev lo; NODE udp-echo 7000 & sleep 0.1; \
         NODE udp-send -c 500 -r 5000 -s 200 10.9.9.9:7000 && NODE udp-send -c 5 -r 500 [::1]:7000",
    );
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    for part in [
        "udp-echo: listening on [::]:7000",
        "10.9.9.9:7000: 500 sent, 500 received, 0 lost",
        "[::1]:7000: 5 sent, 5 received",
    ] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    // Without IPv6, too.
    let output = in_namespaces(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1; NODE udp-echo -b 127.0.0.1 7000 & sleep 0.1; \
         NODE udp-send -c 5 -r 500 127.0.0.1:7000; NODE udp-send -c 2 -r 100 -W 0.05 127.0.0.1:7001",
    );
    assert_eq!(output.status.code(), Some(1), "nobody listens on 7001");
    assert!(
        text(&output.stdout).contains("127.0.0.1:7000: 5 sent, 5 received"),
        "{}",
        text(&output.stdout)
    );
}
