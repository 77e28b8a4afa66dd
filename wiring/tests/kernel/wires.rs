//! Wires: what they are right after they were made, whose links are deleted, and what the kernel says of mistakes.

use pinwire_support::error::chain;
use pinwire_support::inside::{ip, links};
use pinwire_support::sandbox::sandbox;
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use pinwire_wiring::wire::{Wire, WireError, create, create_all, delete, delete_all};

use crate::topology::{place, wire};

/// Fails unless an end is there as the wire says.
fn assert_end(netns: &Netns, wire: &Wire, end: usize) {
    let expected = &wire.ends[end];
    let found = observe(netns).unwrap();
    let link = found
        .link(expected.interface.as_str())
        .expect("the interface exists");
    assert_eq!(link.mac, Some(expected.mac));
    assert_eq!(link.mtu, wire.mtu);
    assert_eq!(link.group, wire.group);
    assert_eq!(link.altnames, std::slice::from_ref(&expected.altname));
    assert!(!link.up);
    let seen = &ip(netns, &format!("link show dev {}", expected.interface))[0];
    assert_eq!(seen["address"], expected.mac.to_string());
    assert_eq!(seen["mtu"], wire.mtu);
    assert_eq!(seen["altnames"][0], expected.altname);
    assert_eq!(seen["linkinfo"]["info_kind"], "veth");
}

#[test]
fn both_ends_are_born_in_place_with_everything_they_are_known_by() {
    sandbox(|sandbox| {
        let [a, b] = ["a", "b"].map(|node| sandbox.netns(node));
        let wire = wire(sandbox, "a:eth0", "b:eth0");
        create(&wire).unwrap();
        assert_end(&a, &wire, 0);
        assert_end(&b, &wire, 1);
        let (left, right) = (observe(&a).unwrap(), observe(&b).unwrap());
        let (left, right) = (left.link("eth0").unwrap(), right.link("eth0").unwrap());
        assert_eq!(
            (left.peer, right.peer),
            (Some(right.index), Some(left.index))
        );
        assert!(delete(&wire).is_empty());
        assert_eq!(links(&b), ["lo"]);
    });
}

#[test]
fn an_end_can_stay_with_the_host_and_a_name_of_the_host_is_not_in_the_way() {
    sandbox(|sandbox| {
        let host = Netns::current().unwrap();
        let [a, b] = ["a", "b"].map(|node| sandbox.netns(node));
        let wires = [
            wire(sandbox, "host:eth0", "a:up"),
            wire(sandbox, "a:eth0", "b:eth0"),
        ];
        create_all(&wires).unwrap();
        assert_end(&host, &wires[0], 0);
        assert_end(&a, &wires[0], 1);
        assert_end(&a, &wires[1], 0);
        assert_end(&b, &wires[1], 1);
        assert!(delete_all(&wires).is_empty());
        assert!(delete_all(&wires).is_empty(), "gone already is no error");
        assert!(
            delete_all(&wires).is_empty(),
            "nor are namespaces that are gone"
        );
    });
}

#[test]
fn what_an_earlier_run_left_is_made_anew() {
    sandbox(|sandbox| {
        let [a, b] = ["a", "b"].map(|node| sandbox.netns(node));
        let wire = wire(sandbox, "a:eth0", "b:eth0");
        create(&wire).unwrap();
        let before = observe(&a).unwrap().link("eth0").unwrap().index;
        create(&wire).unwrap();
        assert_ne!(observe(&a).unwrap().link("eth0").unwrap().index, before);
        assert_end(&b, &wire, 1);
        // Born, but killed before it was marked: MAC address and group tell.
        ip(
            &a,
            &format!(
                "link property del dev eth0 altname {}",
                wire.ends[0].altname
            ),
        );
        ip(
            &b,
            &format!(
                "link property del dev eth0 altname {}",
                wire.ends[1].altname
            ),
        );
        create(&wire).unwrap();
        assert_end(&a, &wire, 0);
        ip(
            &a,
            &format!(
                "link property del dev eth0 altname {}",
                wire.ends[0].altname
            ),
        );
        ip(
            &b,
            &format!(
                "link property del dev eth0 altname {}",
                wire.ends[1].altname
            ),
        );
        assert!(delete(&wire).is_empty());
        assert_eq!(links(&a), ["lo"]);
    });
}

#[test]
fn foreign_links_are_named_and_left_alone() {
    sandbox(|sandbox| {
        let host = Netns::current().unwrap();
        let a = sandbox.netns("a");
        ip(&host, "link add lan0 type bridge");
        let wire = wire(sandbox, "a:eth0", "host:lan0");
        let error = create(&wire).unwrap_err();
        assert!(matches!(error, WireError::Foreign { .. }), "{error}");
        assert!(
            chain(&error).contains("`lan0` in the host exists already"),
            "{}",
            chain(&error)
        );
        assert!(delete(&wire).is_empty());
        assert_eq!(links(&host), ["lan0", "lo"]);
        assert_eq!(links(&a), ["lo"], "the other end was not made either");
        // A foreign link that has the name of an end that was never made.
        ip(&a, "link add eth0 type bridge");
        assert!(delete(&wire).is_empty());
        assert_eq!(links(&a), ["eth0", "lo"]);
        ip(&host, "link del lan0");
    });
}

#[test]
fn many_wires_of_the_host_go_in_one_request() {
    sandbox(|sandbox| {
        let host = Netns::current().unwrap();
        let a = sandbox.netns("a");
        ip(&host, "link add other0 type bridge");
        let wires: Vec<Wire> = (0..80)
            .map(|number| wire(sandbox, &format!("host:h{number}"), &format!("a:n{number}")))
            .collect();
        create_all(&wires).unwrap();
        assert_eq!(links(&a).len(), 81);
        assert!(delete_all(&wires[..79]).is_empty());
        assert_eq!(links(&host), ["h79", "lo", "other0"]);
        assert!(delete_all(&wires).is_empty());
        assert_eq!(links(&host), ["lo", "other0"]);
        ip(&host, "link del other0");
    });
}

#[test]
fn errors_name_both_ends_and_the_kernel_s_reason() {
    sandbox(|sandbox| {
        sandbox.netns("a");
        let mut wire = wire(sandbox, "a:eth0", "host:w0");
        wire.mtu = 70_000;
        let text = chain(&create(&wire).unwrap_err());
        assert!(text.contains("`eth0`") && text.contains("`w0`"), "{text}");
        assert!(text.contains("EINVAL"), "{text}");
        let mut gone = wire.clone();
        gone.ends[0].place = place(sandbox, "nowhere");
        let text = chain(&create(&gone).unwrap_err());
        assert!(
            text.contains("nowhere") && text.contains("No such file"),
            "{text}"
        );
    });
}
