//! Forwarding planes carry packets: left - middle - right, with real traffic through the middle.

use std::net::UdpSocket;
use std::time::Duration;

use pinwire_support::sandbox::{Sandbox, sandbox};
use pinwire_wiring::identity;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::name::InterfaceName;
use pinwire_wiring::observe::{ObservedLink, observe};
use pinwire_wiring::setting::{Setting, apply, far_end, remove, settings, settle};
use pinwire_wiring::wire::create_all;
use serde_json::{Value, json};

use crate::topology::{forwarding, links, topology, wire};

/// The namespaces of a line of three nodes, wired up.
struct Line {
    left: Netns,
    middle: Netns,
    right: Netns,
}

fn line(sandbox: &Sandbox) -> Line {
    let [left, middle, right] = ["left", "middle", "right"].map(|node| sandbox.netns(node));
    create_all(&[
        wire(sandbox, "left:eth0", "middle:up"),
        wire(sandbox, "middle:down", "right:eth0"),
    ])
    .unwrap();
    Line {
        left,
        middle,
        right,
    }
}

impl Line {
    /// Waits until every link is in operation.
    fn settle(&self) {
        for netns in [&self.left, &self.middle, &self.right] {
            let up = |name: &str| Setting::LinkUp {
                interface: name.parse().unwrap(),
            };
            settle(netns, &["eth0", "up", "down"].map(up)).unwrap();
            for link in observe(netns)
                .unwrap()
                .links
                .iter()
                .filter(|link| link.name != "lo")
            {
                assert_eq!(link.state, "up", "{} settled", link.name);
            }
        }
    }
}

impl Line {
    /// Sets offloads of the outer ends; generic receive on and checksum off is what [`far_end`] says.
    fn offloads(&self, gro: bool, tx_checksum: bool) {
        let interface: InterfaceName = "eth0".parse().unwrap();
        let wanted = far_end(interface.clone());
        let setting = Setting::Offload {
            interface,
            gro,
            tx_checksum,
        };
        assert_eq!(setting == wanted, gro && !tx_checksum);
        for netns in [&self.left, &self.right] {
            apply(netns, std::slice::from_ref(&setting)).unwrap();
        }
    }
}

/// Sends ten datagrams from an address to an address, and returns how many arrive before one is missing.
fn send(from: (&Netns, &str), to: (&Netns, &str)) -> usize {
    // Any port: a child of another test holds the socket of an earlier call until it executes its program.
    let receiver = to.0.run(|| UdpSocket::bind((to.1, 0))).unwrap().unwrap();
    let port = receiver.local_addr().unwrap().port();
    receiver
        .set_read_timeout(Some(Duration::from_millis(700)))
        .unwrap();
    let sender = from
        .0
        .run(|| UdpSocket::bind((from.1, 0)))
        .unwrap()
        .unwrap();
    let arrives = |number: u8| {
        // A plane that is not there may say so by an error (ICMP); that nothing arrives says it too.
        let _ = sender.send_to(&[number; 100], (to.1, port));
        let mut buffer = [0; 200];
        let Ok((length, peer)) = receiver.recv_from(&mut buffer) else {
            return false;
        };
        assert_eq!(buffer[..length], [number; 100]);
        assert_eq!(peer.ip().to_string(), from.1);
        true
    };
    (0..10).take_while(|number| arrives(*number)).count()
}

fn tell(netns: &Netns, ends: Value, how: Value) -> Vec<Setting> {
    let plan = settings(&links(ends), &forwarding(how));
    apply(netns, &plan).unwrap();
    apply(netns, &plan).unwrap();
    plan
}

/// Both outer nodes in one subnet: only a layer-2 plane joins them. They know each other's MAC addresses, so that no
/// neighbour discovery fails while the plane is not there.
fn one_subnet(line: &Line) {
    let ends = [(&line.left, "left", 1), (&line.right, "right", 2)];
    let eth0 = "eth0".parse().unwrap();
    for (position, (netns, _, number)) in ends.into_iter().enumerate() {
        let (_, peer, other) = ends[1 - position];
        let mac = identity::mac(&topology(), (peer, &eth0));
        let link = json!({"interface": "eth0",
            "addresses": [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")]});
        let neighbour = |ip: String| json!({"interface": "eth0", "ip": ip, "mac": mac});
        let neighbours = [format!("10.0.0.{other}"), format!("fd00::{other}")].map(neighbour);
        tell(
            netns,
            json!([link]),
            json!({"plane": "none", "neighbours": neighbours}),
        );
    }
}

fn found(netns: &Netns, name: &str) -> ObservedLink {
    observe(netns).unwrap().link(name).unwrap().clone()
}

fn middle() -> Value {
    json!([{"interface": "up"}, {"interface": "down"}])
}

#[test]
fn the_kernel_s_plane_routes_both_versions() {
    sandbox(|sandbox| {
        let line = line(sandbox);
        let outer = |netns: &Netns, end: Value, routes: Value| {
            tell(
                netns,
                json!([end]),
                json!({"plane": "none", "routes": routes}),
            );
        };
        outer(
            &line.left,
            json!({"interface": "eth0", "addresses": ["10.0.1.1/24", "fd00:1::1/64"]}),
            json!([{"to": "default", "via": "10.0.1.2"}, {"to": "default", "via": "fd00:1::2"}]),
        );
        outer(
            &line.right,
            json!({"interface": "eth0", "addresses": ["10.0.2.1/24", "fd00:2::1/64"]}),
            json!([{"to": "default", "via": "10.0.2.2"}, {"to": "default", "via": "fd00:2::2"}]),
        );
        let ends = json!([
            {"interface": "up", "addresses": ["10.0.1.2/24", "fd00:1::2/64"]},
            {"interface": "down", "addresses": ["10.0.2.2/24", "fd00:2::2/64"]},
        ]);
        tell(&line.middle, ends.clone(), json!({}));
        line.settle();
        assert_eq!(
            send((&line.left, "10.0.1.1"), (&line.right, "10.0.2.1")),
            10
        );
        assert_eq!(
            send((&line.right, "fd00:2::1"), (&line.left, "fd00:1::1")),
            10
        );
        tell(&line.middle, ends, json!({"plane": "none"}));
        assert_eq!(send((&line.left, "10.0.1.1"), (&line.right, "10.0.2.1")), 0);
        assert_eq!(
            send((&line.right, "fd00:2::1"), (&line.left, "fd00:1::1")),
            0
        );
    });
}

#[test]
fn the_mirror_joins_two_interfaces_until_it_is_removed() {
    sandbox(|sandbox| {
        let line = line(sandbox);
        one_subnet(&line);
        let plan = tell(&line.middle, middle(), json!({"plane": "mirror"}));
        line.settle();
        assert_eq!(
            send((&line.left, "10.0.0.1"), (&line.right, "10.0.0.2")),
            10
        );
        assert_eq!(send((&line.right, "fd00::2"), (&line.left, "fd00::1")), 10);
        let plane: Vec<Setting> = plan
            .into_iter()
            .filter(|setting| matches!(setting, Setting::Mirror { .. }))
            .collect();
        assert_eq!(plane.len(), 2);
        for _ in 0..2 {
            let errors = remove(&line.middle, &plane);
            assert!(errors.is_empty(), "{errors:?}");
        }
        assert_eq!(send((&line.left, "10.0.0.1"), (&line.right, "10.0.0.2")), 0);
    });
}

#[test]
fn xdp_redirects_in_native_mode_to_far_ends_that_run_napi() {
    sandbox(|sandbox| {
        let line = line(sandbox);
        one_subnet(&line);
        let plan = tell(&line.middle, middle(), json!({"plane": "xdp"}));
        line.settle();
        for name in ["up", "down"] {
            assert!(found(&line.middle, name).xdp.expect("a program").native);
        }
        // Without NAPI nothing can be redirected to the far ends; without a checksum it arrives and is thrown away.
        line.offloads(false, false);
        assert_eq!(send((&line.left, "10.0.0.1"), (&line.right, "10.0.0.2")), 0);
        line.offloads(true, true);
        assert_eq!(send((&line.left, "10.0.0.1"), (&line.right, "10.0.0.2")), 0);
        line.offloads(true, false);
        assert_eq!(
            send((&line.left, "10.0.0.1"), (&line.right, "10.0.0.2")),
            10
        );
        assert_eq!(send((&line.right, "fd00::2"), (&line.left, "fd00::1")), 10);
        assert_eq!(
            send((&line.right, "10.0.0.2"), (&line.left, "10.0.0.1")),
            10
        );
        let errors = remove(&line.middle, &plan);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(found(&line.middle, "up").xdp, None);
    });
}
