//! CHECK finds every single thing that somebody changes after ADD.

use pinwire_support::inside::run;
use pinwire_wiring::kernel::netns::Netns;
use serde_json::json;

use crate::call::{cni, interface, with};
use crate::lab::lab;
use crate::topology::{call, node};

#[test]
fn of_an_interface() {
    lab(|lab| {
        let netns = lab.netns("c");
        let host = Netns::current().unwrap();
        let configuration = interface(lab, "1.0.0");
        // Inside the container, then on the host, where HOST stands for the interface.
        for (inside, command, holds) in [
            (
                true,
                "ip address del 10.77.0.2/16 dev eth0",
                "lost the address 10.77.0.2/16",
            ),
            (
                true,
                "ip -6 address del fd77::2/64 dev eth0",
                "lost the address fd77::2/64",
            ),
            (true, "ip route del default", "route to 0.0.0.0/0"),
            (true, "ip -6 route del default", "route to ::/0"),
            (true, "ip route del 10.77.0.0/16", "route to 10.77.0.0/16"),
            (
                true,
                "ip route change default via 10.77.0.9 dev eth0 onlink",
                "route to 0.0.0.0/0",
            ),
            (true, "ip link set dev eth0 mtu 1400", "MTU of 1400"),
            (
                true,
                "ip link set dev eth0 address 02:00:00:00:00:09",
                "02:00:00:00:00:09",
            ),
            (true, "ip link set dev eth0 down", "down"),
            (true, "ip link set dev eth0 name mine", "renamed to `mine`"),
            (true, "ip link delete dev eth0", "gone"),
            (
                true,
                "ip link property del dev eth0 altname ALTNAME",
                "not the one",
            ),
            (
                true,
                "ip link add br0 type bridge;ip link set dev eth0 master br0",
                "part of another",
            ),
            (
                false,
                "ip address del 10.77.0.1/32 dev HOST",
                "lost the address 10.77.0.1/32",
            ),
            (false, "ip route del 10.77.0.2", "route to 10.77.0.2/32"),
            (false, "ip link set dev HOST mtu 1400", "MTU of 1400"),
            (
                false,
                "ip link set dev HOST address 02:00:00:00:00:09",
                "02:00:00:00:00:09",
            ),
            (false, "ip link set dev HOST down", "down"),
            (false, "ip link set dev HOST name mine", "renamed to `mine`"),
            (
                false,
                "ip link add br0 type bridge;ip link set dev HOST master br0",
                "part of another",
            ),
        ] {
            // The first free address is the same in each round.
            let _ = std::fs::remove_dir_all(lab.path("leases").join("net"));
            let added = cni(lab, "ADD", "c", &configuration).ok();
            let name = added["interfaces"][0]["name"].as_str().unwrap().to_owned();
            let check = cni(
                lab,
                "CHECK",
                "c",
                &with(configuration.clone(), "prevResult", added),
            );
            check.ok();
            let at = if inside { &netns } else { &host };
            let links = run(at, "ip link show");
            let altname = links
                .split_whitespace()
                .find(|word| word.starts_with("pinwire-cni-"))
                .unwrap();
            for command in command.split(';') {
                run(
                    at,
                    &command.replace("HOST", &name).replace("ALTNAME", altname),
                );
            }
            let message = check.fails(105);
            assert!(message.contains(holds), "{command}: {message}");
            cni(lab, "DEL", "c", &configuration).ok();
            for (netns, kind) in [(&netns, "container"), (&host, "host")] {
                if run(netns, "ip link show").contains("br0") {
                    run(netns, "ip link delete dev br0");
                }
                assert!(
                    !run(netns, "ip link show").contains("pinwire"),
                    "{kind}: {command}"
                );
            }
        }
    });
}

#[test]
fn of_the_result() {
    lab(|lab| {
        lab.netns("c");
        lab.netns("other");
        let configuration = interface(lab, "1.0.0");
        let added = cni(lab, "ADD", "c", &configuration).ok();
        let check = |previous| {
            cni(
                lab,
                "CHECK",
                "c",
                &with(configuration.clone(), "prevResult", previous),
            )
        };
        check(added.clone()).ok();
        let mut without = added.clone();
        without["interfaces"][1]["name"] = json!("eth1");
        assert!(
            check(without)
                .fails(105)
                .contains("prevResult does not have")
        );
        // A plugin further down the chain may change the MAC address, and says so.
        let mut tuned = added.clone();
        tuned["interfaces"][1]["mac"] = json!("02:00:00:00:00:09");
        assert!(
            check(tuned.clone())
                .fails(105)
                .contains("02:00:00:00:00:09")
        );
        run(
            &Netns::open(&lab.netns_path("c")).unwrap(),
            "ip link set dev eth0 address 02:00:00:00:00:09",
        );
        check(tuned).ok();
        let other = lab.netns_path("other").display().to_string();
        assert!(
            check(added.clone())
                .set("CNI_NETNS", &other)
                .fails(105)
                .contains("not the network namespace")
        );
        cni(lab, "DEL", "c", &configuration).ok();
        assert!(check(added).fails(3).contains("nothing is known"));
    });
}

#[test]
fn of_a_pod() {
    lab(|lab| {
        let a = lab.netns("a");
        lab.netns("b");
        let host = Netns::current().unwrap();
        let pods = [
            (
                "a",
                node(
                    "- {interface: x, peer: b:y, addresses: [10.0.0.1/24, \"fd00::1/64\"]}\n\
                     - {interface: h, peer: host:pw-h, addresses: [10.1.0.1/24], hostAddresses: [10.1.0.2/24]}\n",
                    "routes: [{to: 10.9.0.0/16, via: 10.0.0.2}, {to: 10.8.0.0/16, interface: x, metric: 5, table: 7}]",
                ),
            ),
            (
                "b",
                node("- {interface: y, peer: a:x, addresses: [10.0.0.2/24]}", ""),
            ),
        ];
        for (inside, command, holds) in [
            (
                true,
                "ip address del 10.0.0.1/24 dev x",
                "address 10.0.0.1/24 on x",
            ),
            (
                true,
                "ip -6 address del fd00::1/64 dev x",
                "address fd00::1/64 on x",
            ),
            (
                true,
                "ip route del 10.9.0.0/16",
                "route 10.9.0.0/16 via 10.0.0.2",
            ),
            (
                true,
                "ip route change 10.9.0.0/16 via 10.0.0.3",
                "route 10.9.0.0/16 via 10.0.0.2",
            ),
            (
                true,
                "ip route del 10.8.0.0/16 table 7",
                "route 10.8.0.0/16 dev x table 7 metric 5",
            ),
            (true, "ip link set dev x mtu 1400", "MTU of 1400"),
            (
                true,
                "ip link set dev x address 02:00:00:00:00:09",
                "02:00:00:00:00:09",
            ),
            (true, "ip link set dev x down", "`x`"),
            (true, "ip link set dev x name mine", "renamed to `mine`"),
            (true, "ip link delete dev x", "gone"),
            (
                true,
                "ip link add br0 type bridge;ip link set dev x master br0",
                "part of another",
            ),
            (true, "ip link set dev lo down", "interface lo up"),
            (
                false,
                "ip address del 10.1.0.2/24 dev pw-h",
                "address 10.1.0.2/24 on pw-h",
            ),
            (false, "ip link set dev pw-h mtu 1400", "MTU of 1400"),
            (false, "ip link set dev pw-h down", "down"),
            (false, "ip link set dev pw-h name mine", "renamed to `mine`"),
        ] {
            for (pod, annotations) in &pods {
                call(lab, "ADD", pod, annotations).ok();
            }
            let check = call(lab, "CHECK", "a", &pods[0].1);
            check.ok();
            let at = if inside { &a } else { &host };
            command
                .split(';')
                .for_each(|command| drop(run(at, command)));
            let message = check.fails(105);
            assert!(message.contains(holds), "{command}: {message}");
            for (pod, annotations) in &pods {
                call(lab, "DEL", pod, annotations).ok();
            }
            if run(&a, "ip link show").contains("br0") {
                run(&a, "ip link delete dev br0");
            }
        }
        // What an administrator may do with the host's end.
        for (pod, annotations) in &pods {
            call(lab, "ADD", pod, annotations).ok();
        }
        run(&host, "ip link add br0 type bridge");
        run(&host, "ip link set dev pw-h master br0");
        call(lab, "CHECK", "a", &pods[0].1).ok();
        run(&host, "ip link delete dev br0");
        // A peer that went is not the pod's fault.
        call(lab, "DEL", "b", &pods[1].1).ok();
        call(lab, "CHECK", "a", &pods[0].1).ok();
        call(lab, "DEL", "a", &pods[0].1).ok();
        call(lab, "CHECK", "a", &pods[0].1).fails(3);
    });
}
