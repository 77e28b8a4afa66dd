//! Files of pools: what is wrong with one is said with its place.

use std::fs;

use pinwire::pools;
use pinwire_wiring::annotation::Pools;

#[test]
fn the_example_is_a_file_of_pools() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/pools.yaml");
    let pools = pools::parse("pools.yaml", &fs::read_to_string(path).unwrap()).unwrap();
    assert!(pools["cable"].is_cable());
    assert!(!pools["lan"].is_cable());
}

#[test]
fn it_is_what_a_cni_configuration_has_under_the_same_key() {
    let text = "pools: {cable: {cable: [ens1f0, \"0000:01:00.1\"], indices: 0-6, firstVlan: 100}}";
    let pools = pools::parse("pools.yaml", text).unwrap();
    let json =
        r#"{"cable": {"cable": ["ens1f0", "0000:01:00.1"], "indices": "0-6", "firstVlan": 100}}"#;
    assert_eq!(pools, serde_json::from_str::<Pools>(json).unwrap());
    assert_eq!(
        pools::parse("pools.yaml", "pools: {}").unwrap(),
        Pools::new()
    );
}

#[test]
fn what_is_wrong_has_a_place() {
    // The text, and the message with line and column.
    let cases = [
        ("", "the file is empty 1:1"),
        (
            "pools: {}\n---\npools: {}\n",
            "pools are one YAML document, and this is a second one 3:1",
        ),
        ("cable: {}\n", "the file has no key `cable` 1:1"),
        (
            "pools:\n  a: {cabel: [x, y]}\n",
            "a pool has no key `cabel` 2:7",
        ),
        (
            "pools:\n  a: {cable: x}\n",
            "expected a list, found text (`x`) 2:14",
        ),
        (
            "pools:\n  a: {cable: [x]}\n",
            "a cable joins two physical functions, not 1 2:6",
        ),
        (
            "pools:\n  a: {cable: [x, y], physicalFunctions: [z]}\n",
            "a pool has either `physicalFunctions`, at least one, or `cable`, two of them 2:6",
        ),
        (
            "pools:\n  a: {physicalFunctions: [x]}\n  b: {physicalFunctions: [y], firstVlan: 4095}\n",
            "`firstVlan` is 4095, which is not between 1 and 4094 3:6",
        ),
        (
            "pools:\n  a: {cable: [\"8086:10c9\", x]}\n",
            "a cable's end is one physical function, and `8086:10c9` may be several 2:6",
        ),
        (
            "pools:\n  a: {physicalFunctions: [x], indices: 5-1}\n",
            "`indices` is `5-1`: write a range such as 0-6, or one index 2:6",
        ),
    ];
    for (text, expected) in cases {
        let findings = pools::parse("pools.yaml", text).unwrap_err();
        let place =
            |excerpt: &pinwire::diagnostic::Excerpt| format!("{}:{}", excerpt.line, excerpt.column);
        let said: Vec<String> = findings
            .iter()
            .map(|one| {
                format!(
                    "{} {}",
                    one.message,
                    one.excerpt.as_ref().map(place).unwrap_or_default()
                )
            })
            .collect();
        assert!(
            said.iter().any(|said| said == expected),
            "{text:?}: {said:?}"
        );
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let findings = pools::load(Some("/nowhere/pools.yaml".as_ref())).unwrap_err();
    assert!(
        findings[0].message.contains("/nowhere/pools.yaml"),
        "{}",
        findings[0].message
    );
}
