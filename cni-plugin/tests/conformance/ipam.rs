//! Delegation to IPAM plugins: whatever goes wrong, no address stays leased and no interface stays.

use pinwire_support::inside::{links, run};
use serde_json::{Value, json};

use crate::call::{cni, interface, with};
use crate::lab::{Lab, lab};

/// A configuration whose addresses are managed by a script of the lab.
pub(crate) fn managed(kind: &str) -> Value {
    json!({"cniVersion": "1.1.0", "name": "net", "type": "pinwire-cni", "ipam": {"type": kind}})
}

/// A script that notes each call, then goes on.
pub(crate) fn noting(lab: &Lab<'_>, name: &str, rest: &str) {
    let log = lab.path("calls").display().to_string();
    lab.script(
        name,
        &format!(
            "cat >/dev/null\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS\" >>{log}\n{rest}"
        ),
    );
}

pub(crate) fn calls(lab: &Lab<'_>) -> String {
    let calls = std::fs::read_to_string(lab.path("calls")).unwrap_or_default();
    let _ = std::fs::remove_file(lab.path("calls"));
    calls
}

#[test]
fn a_failed_add_is_followed_by_del() {
    lab(|lab| {
        lab.netns("c");
        let netns = lab.netns_path("c").display().to_string();
        for (name, answer, code, holds) in [
            (
                "again",
                r#"echo '{"code": 11, "msg": "come back", "details": "later"}'; exit 1"#,
                11,
                "come back; later",
            ),
            ("silent", "exit 3", 106, "exit status: 3"),
            ("garbage", "echo no JSON", 106, "not JSON"),
            ("wrong", r#"echo '{"ips": [{"address": 1}]}'"#, 106, "`ips`"),
            ("list", "echo '[]'", 106, "not an object"),
            ("empty", "echo '{}'", 106, "no address"),
            ("mute", "true", 106, "not JSON"),
            (
                "code",
                r#"echo '{"code": 7, "msg": "bad range"}'; exit 1"#,
                7,
                "bad range",
            ),
        ] {
            let body = format!("if [ $CNI_COMMAND = ADD ]; then {answer}; fi");
            noting(lab, name, &body);
            let before = lab.snapshot();
            let message = cni(lab, "ADD", "c", &managed(name)).fails(code);
            assert!(message.contains(holds), "{name}: {message}");
            assert_eq!(
                calls(lab),
                format!("ADD c {netns}\nDEL c {netns}\n"),
                "{name}"
            );
            lab.assert_same(&before, name);
        }
    });
}

#[test]
fn what_fails_after_the_lease_releases_it() {
    lab(|lab| {
        let netns = lab.netns("c");
        let mut configuration = interface(lab, "1.0.0");
        // A route whose next hop nobody can reach.
        configuration["ipam"]["routes"] = json!([{"dst": "10.5.0.0/16", "gw": "192.0.2.1"}]);
        let before = lab.snapshot();
        let message = cni(lab, "ADD", "c", &configuration).fails(102);
        assert!(
            message.contains("10.5.0.0/16") && message.contains("Nexthop has invalid gateway"),
            "{message}"
        );
        lab.assert_same(&before, "afterwards");
        assert_eq!(links(&netns), ["lo"]);
    });
}

#[test]
fn static_addresses_and_all_fields_of_routes() {
    lab(|lab| {
        let netns = lab.netns("c");
        let result = json!({
            "cniVersion": "1.1.0",
            "ips": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}],
            "routes": [
                {"dst": "10.6.0.0/16", "mtu": 1300, "advmss": 1200, "priority": 7, "table": 300},
                {"dst": "10.7.0.0/16", "gw": "10.0.0.1", "scope": 0},
            ],
            "dns": {"nameservers": ["10.0.0.1"]},
        });
        noting(
            lab,
            "full",
            &format!("if [ $CNI_COMMAND = ADD ]; then echo '{result}'; fi"),
        );
        let added = cni(lab, "ADD", "c", &managed("full")).ok();
        assert_eq!(added["dns"], result["dns"]);
        assert_eq!(added["routes"][0]["advmss"], 1200);
        let routes = run(&netns, "ip route show table 300");
        let expected = "10.6.0.0/16 via 10.0.0.1 dev eth0 metric 7 mtu 1300 advmss 1200";
        assert_eq!(routes.trim(), expected);
        let check = with(managed("full"), "prevResult", added);
        cni(lab, "CHECK", "c", &check).ok();
        cni(lab, "DEL", "c", &managed("full"))
            .set("CNI_NETNS", "")
            .ok();
        assert!(
            calls(lab).ends_with("DEL c \n"),
            "an empty namespace is handed on"
        );
        let fixed = json!({
            "cniVersion": "1.0.0", "name": "net",
            "ipam": {"type": "static", "addresses": [{"address": "10.8.0.2/24", "gateway": "10.8.0.1"}]},
        });
        let added = cni(lab, "ADD", "c", &fixed).ok();
        assert_eq!(added["ips"][0]["address"], "10.8.0.2/24");
        cni(lab, "CHECK", "c", &with(fixed.clone(), "prevResult", added)).ok();
        cni(lab, "DEL", "c", &fixed).ok();
    });
}

#[test]
fn of_two_networks_with_a_default_route_the_first_carries_the_traffic() {
    lab(|lab| {
        let netns = lab.netns("c");
        let network = |name: &str, third: u8| {
            let result = json!({
                "cniVersion": "1.1.0",
                "ips": [
                    {"address": format!("10.8.{third}.2/24"), "gateway": format!("10.8.{third}.1")},
                    {"address": format!("fd08:{third}::2/64"), "gateway": format!("fd08:{third}::1")},
                ],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            });
            let body = format!("if [ $CNI_COMMAND = ADD ]; then echo '{result}'; fi");
            noting(lab, name, &body);
            with(managed(name), "name", json!(name))
        };
        let networks = [("eth0", network("one", 1)), ("eth1", network("two", 2))];
        let call = |verb, interface: &str, configuration: &Value| {
            cni(lab, verb, "c", configuration).set("CNI_IFNAME", interface)
        };
        let results = networks
            .clone()
            .map(|(interface, network)| call("ADD", interface, &network).ok());
        assert!(results[0]["routes"][0].get("priority").is_none());
        let priority = |position: usize| results[1]["routes"][position]["priority"].clone();
        assert_eq!([priority(0), priority(1)], [json!(1), json!(1025)]);
        for (family, destination) in [("-4", "192.0.2.1"), ("-6", "2001:db8::1")] {
            let way = run(&netns, &format!("ip {family} route get {destination}"));
            assert!(way.contains("dev eth0"), "{way}");
        }
        for ((interface, network), result) in networks.iter().zip(results) {
            let check = with(network.clone(), "prevResult", result);
            call("CHECK", interface, &check).ok();
        }
        call("DEL", "eth0", &networks[0].1).ok();
        let way = run(&netns, "ip route get 192.0.2.1");
        assert!(way.contains("dev eth1"), "{way}");
        call("DEL", "eth1", &networks[1].1).ok();
    });
}

#[test]
fn a_del_that_fails_can_be_repeated() {
    lab(|lab| {
        let netns = lab.netns("c");
        let broken = lab.path("broken").display().to_string();
        let add = r#"echo '{"ips": [{"address": "10.0.0.5/24"}]}'"#;
        noting(
            lab,
            "moody",
            &format!(
                "case $CNI_COMMAND in ADD) {add};; DEL) if [ -e {broken} ]; then echo '{{\"code\": 11, \"msg\": \"busy\"}}'; exit 1; fi;; esac"
            ),
        );
        cni(lab, "ADD", "c", &managed("moody")).ok();
        std::fs::write(&broken, "").unwrap();
        let del = cni(lab, "DEL", "c", &managed("moody"));
        assert!(del.fails(11).contains("busy"));
        assert_eq!(links(&netns), ["lo"], "the interface goes all the same");
        assert_eq!(
            lab.state_files().len(),
            1,
            "and what is left to do stays written down"
        );
        std::fs::remove_file(&broken).unwrap();
        // A configuration that names no IPAM plugin any more: what was written down does.
        cni(
            lab,
            "DEL",
            "c",
            &json!({"cniVersion": "1.1.0", "name": "net"}),
        )
        .ok();
        assert_eq!(lab.state_files(), [""; 0]);
    });
}

#[test]
fn check_asks_the_ipam_plugin() {
    lab(|lab| {
        lab.netns("c");
        let configuration = interface(lab, "1.0.0");
        let added = cni(lab, "ADD", "c", &configuration).ok();
        let check = cni(
            lab,
            "CHECK",
            "c",
            &with(configuration.clone(), "prevResult", added),
        );
        check.ok();
        let lease = lab.path("leases").join("net").join(&lab.leases()[0]);
        let text = std::fs::read(&lease).unwrap();
        for lease in lab.leases() {
            std::fs::remove_file(lab.path("leases").join("net").join(lease)).unwrap();
        }
        assert!(
            check.run().error()["msg"]
                .as_str()
                .unwrap()
                .contains("host-local")
        );
        std::fs::write(&lease, text).unwrap();
        cni(lab, "DEL", "c", &configuration).ok();
    });
}
