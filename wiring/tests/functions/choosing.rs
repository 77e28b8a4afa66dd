//! Who gets which virtual function of a pool.

use pinwire_wiring::annotation::{Pool, PoolError, RawPool, UserDriver};
use pinwire_wiring::machine::cpu::Cpus;
use pinwire_wiring::vf::{Offer, Taken, WireRequest};
use serde_json::{Value, json};

use crate::tree::{Tree, address};

fn cards() -> Tree {
    let tree = Tree::new();
    tree.physical("0000:01:00.0", "ens1f0", 3);
    tree.physical("0000:01:00.1", "ens1f1", 3);
    tree
}

fn pool(value: Value) -> Pool {
    Pool::try_from(serde_json::from_value::<RawPool>(value).unwrap()).unwrap()
}

fn offer(tree: &Tree, value: Value) -> Offer {
    let sysfs = tree.sysfs();
    let pool = pool(value).find("p", &sysfs).unwrap();
    let functions = pool.physical.iter();
    let functions = functions
        .map(|physical| sysfs.virtual_functions(physical.address).unwrap())
        .collect();
    Offer { pool, functions }
}

fn cable() -> Value {
    json!({"cable": ["ens1f0", "0000:01:00.1"], "firstVlan": 10})
}

fn taken(function: &str, port: u32, vlan: Option<u16>, node: Option<&str>) -> Taken {
    Taken {
        function: address(function),
        physical: address(&format!("0000:01:00.{port}")),
        vlan,
        holder: format!("pod {}", node.unwrap_or("x")),
        node: node.map(str::to_owned),
    }
}

fn wire<'a>(node: &'a str, peer: &'a str) -> WireRequest<'a> {
    WireRequest {
        node,
        peer,
        index: None,
        drivers: [None; 2],
        vlan: None,
    }
}

/// The choice in a few words: both virtual functions and the VLAN, or why not.
fn chosen(offer: &Offer, taken: &[Taken], request: &WireRequest<'_>) -> String {
    match offer.wire(taken, request) {
        Ok(choice) => format!(
            "{} {} {}",
            choice.own.address, choice.peer.address, choice.vlan
        ),
        Err(error) => error.to_string(),
    }
}

#[test]
fn pools_find_their_physical_functions() {
    let tree = cards();
    let find = |value: Value| {
        let found = pool(value).find("p", &tree.sysfs())?;
        let addresses = found.physical.iter().map(|one| one.address.to_string());
        Ok::<_, PoolError>(addresses.collect::<Vec<_>>())
    };
    let both = ["0000:01:00.0", "0000:01:00.1"];
    assert_eq!(find(cable()).unwrap(), both);
    assert_eq!(
        find(json!({"physicalFunctions": ["8086:10C9"]})).unwrap(),
        both
    );
    // The order of the pool counts, and none is there twice.
    let listed = json!({"physicalFunctions": ["ens1f1", "01:00.1", "8086:10c9"]});
    assert_eq!(find(listed).unwrap(), [both[1], both[0]]);
    let error = find(json!({"cable": ["ens1f0", "01:00.0"]})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "both ends of the cable `p` are 0000:01:00.0"
    );
    let error = find(json!({"physicalFunctions": ["ens9"]})).unwrap_err();
    assert!(error.to_string().contains("`ens9`"), "{error}");
}

#[test]
fn single_ones_in_order() {
    let tree = cards();
    let all = offer(
        &tree,
        json!({"physicalFunctions": ["ens1f1", "ens1f0"], "indices": "1-2"}),
    );
    let single = |taken: &[Taken], index| match all.single(taken, index, None) {
        Ok(function) => function.address.to_string(),
        Err(error) => error.to_string(),
    };
    let held = [
        taken("0000:01:10.3", 1, None, Some("a")),
        taken("0000:01:10.5", 1, None, Some("b")),
        taken("0000:01:10.2", 0, None, Some("c")),
        taken("0000:01:10.4", 0, None, Some("d")),
    ];
    assert_eq!(single(&[], None), "0000:01:10.3");
    assert_eq!(single(&held[..1], None), "0000:01:10.5");
    assert_eq!(single(&held[..2], None), "0000:01:10.2");
    assert_eq!(single(&held[..1], Some(1)), "0000:01:10.2");
    assert_eq!(
        single(&held, None),
        "the pool `p` is exhausted: 0000:01:10.3 is held by pod a, 0000:01:10.5 is held by pod b, 0000:01:10.2 is held by pod c, 0000:01:10.4 is held by pod d"
    );
    assert_eq!(
        single(&held, Some(2)),
        "virtual function 2 of the pool `p` cannot be had: 0000:01:10.5 is held by pod b, 0000:01:10.4 is held by pod d"
    );
    assert_eq!(
        single(&[], Some(0)),
        "the pool `p` has no virtual function 0"
    );
}

#[test]
fn those_near_to_the_container_first() {
    let tree = Tree::new();
    for (port, (name, node)) in [("a", 0), ("b", 1), ("c", -1), ("d", 1)].iter().enumerate() {
        let address = format!("0000:01:00.{port}");
        tree.physical(&address, name, 1);
        tree.near(&address, *node);
    }
    tree.node(0, "0-3,8");
    tree.node(1, "4-7");
    // One that has memory alone.
    tree.node(2, "");
    let order = |cpus: &str, cards: &[&str]| {
        let cpus: Option<Cpus> = (!cpus.is_empty()).then(|| cpus.parse().unwrap());
        let near = cpus.map(|cpus| tree.sysfs().nodes_of(&cpus));
        let near = near.unwrap_or_default();
        let offer = offer(&tree, json!({"physicalFunctions": cards})).near_first(&near);
        let physical = offer.pool.physical.iter();
        let names = physical.map(|one| one.interface.as_ref().unwrap().name.as_str());
        let names: String = names.collect();
        // Each still has its own virtual functions.
        for (physical, functions) in offer.pool.physical.iter().zip(&offer.functions) {
            assert_eq!(functions[0].physical, physical.address);
        }
        let first = offer.single(&[], None, None).unwrap();
        assert_eq!(first, offer.functions[0][0]);
        names
    };
    for (name, cpus, expected) in [
        ("node 0", "1,8", "acbd"),
        ("node 1", "4", "bcda"),
        ("both", "0-7", "abcd"),
        ("nothing is known", "", "abcd"),
        ("CPUs of no node", "64", "abcd"),
    ] {
        assert_eq!(order(cpus, &["a", "b", "c", "d"]), expected, "{name}");
    }
    // The order of the pool counts among those that are as near.
    assert_eq!(order("5", &["d", "c", "b", "a"]), "dcba");
    assert_eq!(order("0", &["d", "c", "b", "a"]), "cadb");
    // Both ends of a cable are used, whichever is nearer.
    let cable = offer(&tree, json!({"cable": ["b", "a"]}));
    let near = tree.sysfs().nodes_of(&"0".parse().unwrap());
    assert_eq!(
        chosen(&cable.clone().near_first(&near), &[], &wire("x", "y")),
        chosen(&cable, &[], &wire("x", "y"))
    );
}

#[test]
fn one_that_has_no_interface_is_passed_over() {
    let tree = cards();
    tree.bind_to_vfio("0000:01:10.0");
    let one = offer(&tree, json!({"physicalFunctions": ["ens1f0"]}));
    assert_eq!(
        one.single(&[], None, None).unwrap().address,
        address("0000:01:10.2")
    );
    let error = one.single(&[], Some(0), None).unwrap_err().to_string();
    assert!(
        error.ends_with("0000:01:10.0 has no interface on the host (driver vfio-pci)"),
        "{error}"
    );
}

const VFIO: Option<UserDriver> = Some(UserDriver::Vfio);

#[test]
fn one_for_a_process_is_bound_to_vfio() {
    let tree = cards();
    let pool = json!({"physicalFunctions": ["ens1f0"]});
    let single = |taken: &[Taken], index, driver| {
        let found = offer(&tree, pool.clone()).single(taken, index, driver);
        found.map_or_else(|error| error.to_string(), |one| one.address.to_string())
    };
    let hint = " (`pinwire vf bind VF` gives one to vfio-pci, which `driver: vfio-pci` asks for)";
    assert_eq!(
        single(&[], None, VFIO),
        format!(
            "the pool `p` is exhausted: 0000:01:10.0 is bound to igbvf, 0000:01:10.2 is bound to igbvf, 0000:01:10.4 is bound to igbvf{hint}"
        )
    );
    tree.bind_to_vfio("0000:01:10.2");
    assert_eq!(single(&[], None, VFIO), "0000:01:10.2");
    assert_eq!(single(&[], None, None), "0000:01:10.0");
    assert_eq!(
        single(&[], Some(0), VFIO),
        format!(
            "virtual function 0 of the pool `p` cannot be had: 0000:01:10.0 is bound to igbvf{hint}"
        )
    );
    let held = [taken("0000:01:10.2", 0, None, Some("a"))];
    assert!(single(&held, None, VFIO).contains("0000:01:10.2 is held by pod a, "));
    // Without an IOMMU there is no device to open it by.
    std::fs::remove_file(tree.device("0000:01:10.2").join("iommu_group")).unwrap();
    assert!(single(&[], None, VFIO).contains("0000:01:10.2 is bound to vfio-pci, and no IOMMU"));
}

#[test]
fn one_whose_iommu_group_somebody_else_has_a_part_of_is_passed_over() {
    let tree = cards();
    tree.bind_to_vfio("0000:01:10.0");
    tree.bind_to_vfio("0000:01:10.2");
    tree.iommu_group("0000:01:10.2", 20);
    let all = offer(&tree, json!({"physicalFunctions": ["ens1f0"]}));
    let held = [taken("0000:01:10.0", 0, None, Some("a"))];
    let error = all.single(&held, Some(1), VFIO).unwrap_err().to_string();
    assert!(
        error.contains("0000:01:10.2 is in one IOMMU group with 0000:01:10.0, held by pod a"),
        "{error}"
    );
    tree.iommu_group("0000:01:10.2", 21);
    let all = offer(&tree, json!({"physicalFunctions": ["ens1f0"]}));
    let found = all.single(&held, None, VFIO).unwrap();
    assert_eq!(found.address, address("0000:01:10.2"));
}

#[test]
fn wires_that_a_process_drives_at_one_end() {
    let tree = cards();
    tree.bind_to_vfio("0000:01:10.3");
    let cable = offer(&tree, cable());
    let ask = |node, peer, drivers| WireRequest {
        drivers,
        ..wire(node, peer)
    };
    // Only index 1 has both kinds, and only one way round.
    let expected = "0000:01:10.2 0000:01:10.3 11";
    assert_eq!(chosen(&cable, &[], &ask("a", "b", [None, VFIO])), expected);
    let back = "0000:01:10.3 0000:01:10.2 11";
    assert_eq!(chosen(&cable, &[], &ask("b", "a", [VFIO, None])), back);
    // Also where the node has kept to the other side so far.
    let first = [
        taken("0000:01:10.0", 0, Some(10), Some("b")),
        taken("0000:01:10.1", 1, Some(10), Some("c")),
    ];
    assert_eq!(chosen(&cable, &first, &ask("b", "a", [VFIO, None])), back);
    let both = chosen(&cable, &[], &ask("a", "b", [VFIO, VFIO]));
    assert!(both.contains("0000:01:10.2 is bound to igbvf"), "{both}");
    tree.bind_to_vfio("0000:01:10.2");
    // Both are in one IOMMU group, then not.
    let driven = ask("a", "b", [VFIO, VFIO]);
    let cable = || offer(&tree, self::cable());
    assert!(chosen(&cable(), &[], &driven).contains("the pool `p` is exhausted"));
    tree.iommu_group("0000:01:10.2", 40);
    assert_eq!(chosen(&cable(), &[], &driven), expected);
    // Of one card, with a switch.
    let one = offer(&tree, json!({"physicalFunctions": ["ens1f0"]}));
    let request = ask("a", "b", [VFIO, None]);
    assert_eq!(chosen(&one, &[], &request), "0000:01:10.2 0000:01:10.0 1");
}

#[test]
fn wires_over_a_cable() {
    let tree = cards();
    let cable = offer(&tree, cable());
    assert_eq!(
        chosen(&cable, &[], &wire("a", "b")),
        "0000:01:10.0 0000:01:10.1 10"
    );
    // b is at the other side already: its next wire starts there.
    let first = [
        taken("0000:01:10.0", 0, Some(10), Some("a")),
        taken("0000:01:10.1", 1, Some(10), Some("b")),
    ];
    assert_eq!(
        chosen(&cable, &first, &wire("b", "c")),
        "0000:01:10.3 0000:01:10.2 11"
    );
    assert_eq!(
        chosen(&cable, &first, &wire("c", "b")),
        "0000:01:10.2 0000:01:10.3 11"
    );
    assert_eq!(
        chosen(&cable, &first, &wire("x", "y")),
        "0000:01:10.2 0000:01:10.3 11"
    );
    // One end alone does not do, nor does a VLAN that somebody else has.
    let half = [taken("0000:01:10.1", 1, Some(12), None)];
    assert_eq!(
        chosen(&cable, &half, &wire("a", "b")),
        "0000:01:10.2 0000:01:10.3 11"
    );
    let other = [taken("0000:01:10.1", 1, Some(11), None)];
    assert_eq!(
        chosen(&cable, &other, &wire("a", "b")),
        "0000:01:10.4 0000:01:10.5 12"
    );
}

#[test]
fn wires_that_ask_for_something() {
    let tree = cards();
    let cable = offer(&tree, cable());
    let first = [
        taken("0000:01:10.0", 0, Some(10), Some("a")),
        taken("0000:01:10.1", 1, Some(10), Some("b")),
    ];
    let ask = |index, vlan| WireRequest {
        index,
        vlan,
        ..wire("x", "y")
    };
    assert_eq!(
        chosen(&cable, &[], &ask(Some(2), None)),
        "0000:01:10.4 0000:01:10.5 12"
    );
    assert_eq!(
        chosen(&cable, &[], &ask(Some(1), Some(99))),
        "0000:01:10.2 0000:01:10.3 99"
    );
    assert_eq!(
        chosen(&cable, &first, &ask(Some(0), None)),
        "virtual function 0 of the pool `p` cannot be had: 0000:01:10.0 is held by pod a, 0000:01:10.1 is held by pod b"
    );
    assert_eq!(
        chosen(&cable, &first, &ask(None, Some(10))),
        "VLAN 10 on the pool `p` is taken by pod a"
    );
    // A VLAN of another card is no matter.
    let elsewhere = Taken {
        physical: address("0000:09:00.0"),
        ..taken("0000:09:10.0", 0, Some(10), None)
    };
    assert_eq!(
        chosen(&cable, &[elsewhere], &wire("a", "b")),
        "0000:01:10.0 0000:01:10.1 10"
    );
}

#[test]
fn wires_within_a_physical_function() {
    let tree = cards();
    let one = offer(&tree, json!({"physicalFunctions": ["ens1f0", "ens1f1"]}));
    assert_eq!(
        chosen(&one, &[], &wire("a", "b")),
        "0000:01:10.0 0000:01:10.2 1"
    );
    // A single one is left on the first: both ends are on the second.
    let held = [
        taken("0000:01:10.0", 0, Some(1), None),
        taken("0000:01:10.2", 0, Some(1), None),
    ];
    assert_eq!(
        chosen(&one, &held[..1], &wire("a", "b")),
        "0000:01:10.2 0000:01:10.4 2"
    );
    let third = taken("0000:01:10.4", 0, None, None);
    let all = [held.to_vec(), vec![third]].concat();
    assert!(chosen(&one, &all, &wire("a", "b")).starts_with("0000:01:10.1 0000:01:10.3"));
}
