//! Main-plugin mode: the interface that a runtime asks for, from ADD to DEL.

use pinwire_support::call::Call;
use pinwire_support::inside::{answers, links, run};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use serde_json::{Value, json};

use crate::call::{cni, interface, with};
use crate::lab::lab;

#[test]
fn a_container_reaches_the_host_and_other_containers() {
    lab(|lab| {
        let configuration = interface(lab, "1.0.0");
        let [one, two] = ["one", "two"].map(|container| lab.netns(container));
        run(&Netns::current().unwrap(), "ip link set lo up");
        let results =
            ["one", "two"].map(|container| cni(lab, "ADD", container, &configuration).ok());
        let address = |result: &Value, position: usize| {
            let address = result["ips"][position]["address"].as_str().unwrap();
            address.split('/').next().unwrap().to_owned()
        };
        for position in [0, 1] {
            let gateway = results[0]["ips"][position]["gateway"].as_str().unwrap();
            assert!(answers(&one, gateway), "{gateway}");
            assert!(answers(&one, &address(&results[1], position)));
            assert!(answers(&two, &address(&results[0], position)));
            assert!(answers(
                &Netns::current().unwrap(),
                &address(&results[0], position)
            ));
        }
        // What the result says is what is there.
        let found = observe(&one).unwrap();
        let link = found.link("eth0").unwrap();
        assert_eq!(
            results[0]["interfaces"][1]["mac"],
            link.mac.unwrap().to_string()
        );
        assert!(link.up && link.mtu == 1500);
        for container in ["one", "two"] {
            cni(lab, "DEL", container, &configuration).ok();
        }
        assert_eq!(links(&one), ["lo"]);
    });
}

#[test]
fn the_runtime_overrides_arguments_and_they_the_configuration() {
    lab(|lab| {
        let netns = lab.netns("c");
        let mut configuration = json!({"cniVersion": "1.1.0", "name": "net"});
        let mut call = cni(lab, "ADD", "c", &configuration);
        let expect = |call: &Call, mac: Option<&str>, mtu: u32, addresses: &[&str]| {
            let result = call.ok();
            let found = observe(&netns).unwrap();
            let link = found.link("eth0").unwrap();
            assert!(
                mac.is_none_or(|mac| link.mac.unwrap().to_string() == mac),
                "{link:?}"
            );
            assert_eq!(link.mtu, mtu);
            let ours = |address: &String| !address.starts_with("fe80");
            let found: Vec<_> = found
                .addresses_of(link)
                .map(|net| net.to_string())
                .filter(ours)
                .collect();
            assert_eq!(found, addresses);
            assert_eq!(
                result["ips"].as_array().map_or(0, Vec::len),
                addresses.len()
            );
            call.clone().set("CNI_COMMAND", "DEL").ok();
        };
        expect(&call, None, 1500, &[]);
        configuration = with(configuration, "mac", json!("02:00:00:00:00:01"));
        configuration = with(configuration, "mtu", json!(1300));
        configuration = with(configuration, "ips", json!(["10.0.0.1/24"]));
        call = call.input(configuration.to_string());
        expect(&call, Some("02:00:00:00:00:01"), 1300, &["10.0.0.1/24"]);
        call = call.set(
            "CNI_ARGS",
            "MAC=02:00:00:00:00:02;MTU=1400;IP=10.0.0.2/24,fd00::2/64",
        );
        expect(
            &call,
            Some("02:00:00:00:00:02"),
            1400,
            &["10.0.0.2/24", "fd00::2/64"],
        );
        let runtime = json!({"Mac": "02:00:00:00:00:03", "mtu": 1450, "ips": ["10.0.0.3/24"]});
        call = call.input(with(configuration, "runtimeConfig", runtime).to_string());
        expect(&call, Some("02:00:00:00:00:03"), 1450, &["10.0.0.3/24"]);
    });
}

#[test]
fn an_interface_that_exists_is_left_as_it_was() {
    lab(|lab| {
        let netns = lab.netns("c");
        let configuration = interface(lab, "1.0.0");
        let add = cni(lab, "ADD", "c", &configuration);
        run(&netns, "ip link add eth0 type bridge");
        run(&netns, "ip address add 192.0.2.1/24 dev eth0");
        let before = lab.snapshot();
        assert!(add.fails(100).contains("exists already"));
        lab.assert_same(&before, "afterwards");
        run(&netns, "ip link delete eth0");
        add.ok();
        let before = lab.snapshot();
        assert!(add.fails(100).contains("exists already"));
        lab.assert_same(&before, "the second ADD takes nothing from the first");
        // A name of the host that is taken.
        add.clone().set("CNI_COMMAND", "DEL").ok();
        let name = add.ok()["interfaces"][0]["name"]
            .as_str()
            .unwrap()
            .to_owned();
        add.clone().set("CNI_COMMAND", "DEL").ok();
        let host = Netns::current().unwrap();
        run(&host, &format!("ip link add {name} type bridge"));
        let before = lab.snapshot();
        assert!(add.fails(101).contains("not Pinwire's"));
        lab.assert_same(&before, "afterwards");
        add.clone().set("CNI_COMMAND", "DEL").ok();
        assert!(
            links(&host).contains(&name),
            "a DEL leaves what is not Pinwire's"
        );
        run(&host, &format!("ip link delete {name}"));
    });
}

#[test]
fn state_that_cannot_be_written_is_an_io_failure() {
    lab(|lab| {
        lab.netns("c");
        std::fs::write(lab.path("file"), "").unwrap();
        let state = lab.path("file").join("state");
        let before = lab.snapshot();
        let call = |verb: &str| {
            let configuration = json!({"cniVersion": "1.1.0", "name": "net"});
            cni(lab, verb, "c", &configuration).set("PINWIRE_CNI_STATE", state.to_str().unwrap())
        };
        assert!(call("ADD").fails(5).contains("Not a directory"));
        assert!(call("STATUS").fails(50).contains("Not a directory"));
        lab.assert_same(&before, "afterwards");
    });
}

#[test]
fn the_configuration_says_where_state_and_log_are() {
    lab(|lab| {
        lab.netns("c");
        let configuration = json!({
            "cniVersion": "1.0.0", "name": "net", "logLevel": "debug",
            "stateDir": lab.state(), "logFile": lab.path("log"),
        });
        let call = |verb: &str| cni(lab, verb, "c", &configuration).unset("PINWIRE_CNI_STATE");
        call("ADD").ok();
        assert_eq!(lab.state_files().len(), 1);
        call("ADD").fails(100);
        call("DEL").ok();
        let log = std::fs::read_to_string(lab.path("log")).unwrap();
        for part in [
            "verb=ADD",
            "container=\"c\"",
            "exists already",
            "verb=DEL",
            "DEBUG",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
        // A log that cannot be opened does not keep a container from starting.
        let configuration = with(configuration.clone(), "logFile", json!("/gone/log"));
        for verb in ["ADD", "DEL"] {
            cni(lab, verb, "c", &configuration).ok();
        }
    });
}
