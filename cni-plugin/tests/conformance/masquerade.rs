//! Main-plugin mode: masquerading.

use std::process::{Child, Command, Stdio};

use pinwire_support::inside::{answers, run};
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::wire;
use pinwire_wiring::wire::{Place, Wire, WireEnd};
use serde_json::json;

use crate::call::{cni, interface, with};
use crate::lab::{Lab, lab};

/// What leaves the host has its address; what goes to another container keeps its own.
#[test]
fn what_leaves_the_host_has_its_address() {
    lab(|lab| {
        let configuration = with(interface(lab, "1.0.0"), "ipMasq", json!(true));
        let host = Netns::current().unwrap();
        let [one, two, outside] = ["one", "two", "outside"].map(|name| lab.netns(name));
        run(&host, "ip link set lo up");
        let uplink = uplink(lab);
        wire::create(&uplink).unwrap();
        for (netns, name, last) in [(&host, "up", 1), (&outside, "eth0", 2)] {
            run(
                netns,
                &format!("ip address add 192.0.2.{last}/24 dev {name}"),
            );
            let v6 = format!("2001:db8::{last}/64");
            run(netns, &format!("ip -6 address add {v6} dev {name} nodad"));
            run(netns, &format!("ip link set dev {name} up"));
        }
        for container in ["one", "two"] {
            cni(lab, "ADD", container, &configuration).ok();
        }
        // It knows no way back to the containers.
        assert!(answers(&one, "192.0.2.2"));
        // The uplink itself is not the plugin's, and takes its time to be in operation.
        eventually("IPv6 is masqueraded", || answers(&two, "2001:db8::2"));
        assert_eq!(seen_from(&one, &outside, "192.0.2.2"), "192.0.2.1");
        assert_eq!(seen_from(&one, &two, "10.77.0.3"), "10.77.0.2");
        // A third container with the first one's address is refused, and takes nothing from it.
        lab.netns("three");
        let same = json!({"cniVersion": "1.0.0", "name": "other", "ipMasq": true, "ips": ["10.77.0.2/16"]});
        let message = cni(lab, "ADD", "three", &same).fails(102);
        assert!(message.contains("route to 10.77.0.2/32"), "{message}");
        assert!(answers(&one, "192.0.2.2"), "the first is masqueraded still");
        for container in ["one", "two"] {
            cni(lab, "DEL", container, &configuration).ok();
        }
        assert!(wire::delete(&uplink).is_empty());
    });
}

/// A wire between the host and the world outside.
pub(crate) fn uplink(lab: &Lab<'_>) -> Wire {
    let ends = [
        (
            Place::Netns(lab.netns_path("outside")),
            "eth0",
            "02:00:00:00:01:02",
        ),
        (Place::Host, "up", "02:00:00:00:01:01"),
    ];
    Wire {
        group: 7,
        mtu: 1500,
        ends: ends.map(|(place, name, mac)| WireEnd {
            place,
            interface: name.parse().unwrap(),
            mac: mac.parse().unwrap(),
            altname: format!("pinwire-test-{name}"),
            group: None,
            tuning: Box::default(),
        }),
    }
}

/// The source that a receiver sees of a datagram.
fn seen_from(sender: &Netns, receiver: &Netns, address: &str) -> String {
    let listen = "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"0.0.0.0\", 4000))
s.settimeout(5)
print(s.recvfrom(9)[1][0])";
    let send = format!(
        "import socket, time
time.sleep(0.5)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"{address}\", 4000))"
    );
    let listener = python(receiver, listen);
    assert!(python(sender, &send).wait().unwrap().success());
    let output = listener.wait_with_output().unwrap().stdout;
    String::from_utf8(output).unwrap().trim().to_owned()
}

fn python(netns: &Netns, code: &str) -> Child {
    let mut command = Command::new("python3");
    command.args(["-c", code]).stdout(Stdio::piped());
    netns.run(|| command.spawn()).unwrap().unwrap()
}
