//! Containers in networks: what they get, whom they reach, what is left.

use pinwire_support::inside::{answers, links, run};
use pinwire_support::wait::eventually;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use pinwire_wiring::wire;
use serde_json::{Value, json};

use super::call::{driver, driver_for, exec, network, with};
use crate::lab::{Lab, lab};
use crate::masquerade::uplink;

fn created(lab: &Lab<'_>, network: &Value) -> Value {
    driver(lab, &["create"], network).ok()
}

#[test]
fn containers_reach_each_other_and_the_host() {
    lab(|lab| {
        let network = created(lab, &network("net", 1));
        let host = Netns::current().unwrap();
        run(&host, "ip link set lo up");
        let [one, two] = ["one", "two"].map(|container| lab.netns(container));
        let inputs = [exec("one", &network, 2), exec("two", &network, 3)];
        let status = driver_for(lab, "setup", "one", &inputs[0]).ok();
        driver_for(lab, "setup", "two", &inputs[1]).ok();
        let found = observe(&one).unwrap();
        let link = found.link("eth0").unwrap();
        let expected = json!({
            "dns_search_domains": [],
            "dns_server_ips": [],
            "interfaces": {"eth0": {
                "mac_address": link.mac.unwrap().to_string(),
                "subnets": [
                    {"ipnet": "10.1.0.2/24", "gateway": "10.1.0.1"},
                    {"ipnet": "fd1::2/64", "gateway": "fd1::1"},
                ],
            }},
        });
        assert_eq!(status, expected);
        assert!(link.up && link.mtu == 1500, "{link:?}");
        for address in ["10.1.0.1", "fd1::1", "10.1.0.3", "fd1::3"] {
            assert!(answers(&one, address), "{address}");
        }
        assert!(answers(&two, "10.1.0.2") && answers(&host, "fd1::3"));
        let message = driver_for(lab, "setup", "one", &inputs[0]).refused();
        assert!(message.contains("exists already"), "{message}");
        assert!(answers(&two, "10.1.0.2"), "a second setup takes nothing");
        for (container, input) in ["one", "two"].into_iter().zip(&inputs) {
            let reply = driver_for(lab, "teardown", container, input).run();
            assert_eq!((reply.code, reply.output.as_str()), (Some(0), ""));
        }
        assert_eq!([links(&one), links(&two)], [["lo"], ["lo"]]);
    });
}

#[test]
fn a_container_overrides_its_network() {
    lab(|lab| {
        let options = json!({"mtu": "1400", "no_default_route": "true"});
        let network = created(lab, &with(network("net", 1), "options", options));
        let netns = lab.netns("c");
        let defaults = || {
            let routes = run(&netns, "ip -4 route show default");
            routes.trim().to_owned()
        };
        let plain = exec("c", &network, 2);
        driver_for(lab, "setup", "c", &plain).ok();
        assert_eq!(observe(&netns).unwrap().link("eth0").unwrap().mtu, 1400);
        assert_eq!(defaults(), "");
        driver_for(lab, "teardown", "c", &plain).ok();
        let options = json!({"mtu": "1300", "no_default_route": "0", "metric": "7"});
        let own = with(plain, "network_options/options", options);
        let own = with(
            own,
            "network_options/static_mac",
            json!("02:00:00:00:00:77"),
        );
        let own = with(own, "network_options/interface_name", json!("data0"));
        let status = driver_for(lab, "setup", "c", &own).ok();
        assert_eq!(
            status["interfaces"]["data0"]["mac_address"],
            "02:00:00:00:00:77"
        );
        let found = observe(&netns).unwrap();
        let link = found.link("data0").unwrap();
        assert_eq!(
            (link.mtu, link.mac.unwrap().to_string().as_str()),
            (1300, "02:00:00:00:00:77")
        );
        assert_eq!(defaults(), "default via 10.1.0.1 dev data0 metric 7");
        driver_for(lab, "teardown", "c", &own).ok();
    });
}

#[test]
fn an_internal_network_and_routes() {
    lab(|lab| {
        let internal = with(network("net", 1), "internal", json!(true));
        let route = json!([{"destination": "192.0.2.0/24", "gateway": "10.1.0.1", "metric": 9}]);
        let internal = created(lab, &with(internal, "routes", route));
        let [one, two] = ["one", "two"].map(|container| lab.netns(container));
        for (container, host) in [("one", 2), ("two", 3)] {
            driver_for(lab, "setup", container, &exec(container, &internal, host)).ok();
        }
        assert!(answers(&one, "10.1.0.3") && answers(&two, "fd1::2"));
        for family in ["-4", "-6"] {
            let found = run(&one, &format!("ip {family} route show default"));
            assert_eq!(found, "", "nothing leads out");
        }
        let found = run(&one, "ip route show 192.0.2.0/24");
        assert_eq!(found.trim(), "192.0.2.0/24 via 10.1.0.1 dev eth0 metric 9");
        for container in ["one", "two"] {
            driver_for(lab, "teardown", container, &exec(container, &internal, 2)).ok();
        }
    });
}

/// The first network carries what goes elsewhere, and the second takes nothing from it; either can go first.
#[test]
fn two_networks_in_one_container() {
    lab(|lab| {
        let netns = lab.netns("c");
        let other = lab.netns("other");
        let networks = [1, 2].map(|number| created(lab, &network(&format!("net{number}"), number)));
        let inputs = [0, 1].map(|at| {
            let interface = json!(format!("eth{at}"));
            with(
                exec("c", &networks[at], 2),
                "network_options/interface_name",
                interface,
            )
        });
        for input in &inputs {
            driver_for(lab, "setup", "c", input).ok();
        }
        let far = exec("other", &networks[1], 3);
        driver_for(lab, "setup", "other", &far).ok();
        let found = run(&netns, "ip route show default");
        let lines: Vec<&str> = found.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "default via 10.1.0.1 dev eth0 metric 100",
                "default via 10.2.0.1 dev eth1 metric 101"
            ]
        );
        assert_eq!(run(&netns, "ip -6 route show default").lines().count(), 2);
        for address in ["10.1.0.1", "10.2.0.1", "10.2.0.3", "fd2::3"] {
            assert!(answers(&netns, address), "{address}");
        }
        driver_for(lab, "teardown", "c", &inputs[0]).ok();
        assert_eq!(links(&netns), ["eth1", "lo"]);
        assert!(answers(&other, "10.2.0.2"));
        // A metric that is asked for twice is an error, which leaves nothing.
        let asked = |at: usize, metric: &str| {
            with(
                inputs[at].clone(),
                "network_options/options",
                json!({"metric": metric}),
            )
        };
        let before = lab.snapshot();
        let message = driver_for(lab, "setup", "c", &asked(0, "101")).refused();
        assert!(message.contains("route to 0.0.0.0/0"), "{message}");
        lab.assert_same(&before, "the second metric");
        driver_for(lab, "teardown", "c", &inputs[1]).ok();
        driver_for(lab, "teardown", "other", &far).ok();
    });
}

#[test]
fn interfaces_without_addresses() {
    lab(|lab| {
        let bare = with(network("bare", 1), "subnets", json!([]));
        let bare = with(bare, "ipv6_enabled", json!(false));
        let bare = created(lab, &with(bare, "ipam_options/driver", json!("none")));
        let netns = lab.netns("c");
        let input = exec("c", &bare, 2);
        let status = driver_for(lab, "setup", "c", &input).ok();
        assert_eq!(status["interfaces"]["eth0"]["subnets"], json!([]));
        let found = observe(&netns).unwrap();
        let link = found.link("eth0").unwrap();
        assert!(link.up && !found.addresses_of(link).any(|net| net.addr().is_ipv4()));
        driver_for(lab, "teardown", "c", &input).ok();
    });
}

#[test]
fn what_leaves_the_host_is_masqueraded_if_asked() {
    lab(|lab| {
        let options = json!({"masquerade": "true"});
        let network = created(lab, &with(network("net", 1), "options", options));
        let [c, outside] = ["c", "outside"].map(|name| lab.netns(name));
        let host = Netns::current().unwrap();
        let uplink = uplink(lab);
        wire::create(&uplink).unwrap();
        for (netns, name, last) in [(&host, "up", 1), (&outside, "eth0", 2)] {
            run(
                netns,
                &format!("ip address add 192.0.2.{last}/24 dev {name}"),
            );
            run(netns, &format!("ip link set dev {name} up"));
        }
        // The world outside knows no way back to the container.
        let input = exec("c", &network, 2);
        let own = with(
            input.clone(),
            "network_options/options",
            json!({"masquerade": "false"}),
        );
        driver_for(lab, "setup", "c", &own).ok();
        assert!(!answers(&c, "192.0.2.2"));
        driver_for(lab, "teardown", "c", &own).ok();
        driver_for(lab, "setup", "c", &input).ok();
        eventually("it is masqueraded", || answers(&c, "192.0.2.2"));
        driver_for(lab, "teardown", "c", &input).ok();
        assert!(wire::delete(&uplink).is_empty());
    });
}

#[test]
fn ports_are_not_published_and_that_is_said() {
    lab(|lab| {
        lab.netns("c");
        let input = exec("c", &created(lab, &network("net", 1)), 2);
        let quiet = driver_for(lab, "setup", "c", &input).run();
        assert_eq!(quiet.notes, "");
        driver_for(lab, "teardown", "c", &input).ok();
        let port = json!([{"host_port": 8080, "container_port": 80, "protocol": "tcp", "range": 1, "host_ip": ""}]);
        let input = with(input, "port_mappings", port);
        let reply = driver_for(lab, "setup", "c", &input).run();
        assert_eq!(reply.code, Some(0));
        assert!(reply.notes.contains("publishes no ports"), "{reply:?}");
        driver_for(lab, "teardown", "c", &input).ok();
    });
}
