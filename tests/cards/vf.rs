//! `pinwire vf` and `pinwire check` on real cards.

use pinwire_support::command::run;
use serde_json::{Value, json};

use crate::host::host;
use crate::machine::{FUNCTIONS, functions};

#[test]
fn cards_are_changed_only_where_nobody_uses_them() {
    host(|host| {
        let physical = &host.machine.physical[0];
        host.ok(&["check", "--for", "vf"]);
        let findings = host.json(&["check"]);
        let subject = |one: &&Value| one["subject"].as_str().unwrap().ends_with("VLAN filter");
        let filters: Vec<_> = findings
            .as_array()
            .unwrap()
            .iter()
            .filter(subject)
            .collect();
        assert_eq!(
            [&filters[0]["found"], &filters[1]["found"]],
            ["on", "on"],
            "{findings:#}"
        );
        host.ok(&["up", &host.path("pair.yaml"), "--nodes", "namespace"]);
        let error = host.fails(&["vf", "free", physical]);
        assert!(
            error.contains("is held by `wire` of node a of topology pair"),
            "{error}"
        );
        assert!(
            error.contains("is held by `out` of node a of topology pair"),
            "{error}"
        );
        let error = host.fails(&["vf", "bind", &format!("{physical}/0")]);
        assert!(error.contains("is held by `wire` of node a"), "{error}");
        let shown = host.json(&["vf", "show", &format!("{physical}/0")]);
        assert_eq!(shown["inside"], "wire");
        assert_eq!(shown["attributes"]["vlan"]["id"], 1);
        host.ok(&["down", "pair"]);
        run("modprobe vfio-pci");
        host.ok(&["check", "--for", "vf", "--for", "vfio"]);
        let third = format!("{physical}/2");
        let said = host.ok(&["vf", "bind", &third]);
        assert!(said.contains("to vfio-pci, which is /dev/vfio/"), "{said}");
        let error = host.fails(&["vf", "free", physical]);
        assert!(error.contains("has the driver vfio-pci"), "{error}");
        let said = host.ok(&["vf", "unbind", &third]);
        assert!(said.contains("which now has igbvf"), "{said}");
        // An interface that is just being renamed is not seen.
        run("udevadm settle");
        let said = host.ok(&["vf", "free", physical]);
        assert!(said.contains("removed 7 virtual functions"), "{said}");
        assert_eq!(functions(0).len(), 0);
        let said = host.ok(&["vf", "create", physical, &FUNCTIONS.to_string()]);
        assert!(said.contains("made 7 virtual functions"), "{said}");
        let drivers: Vec<_> = functions(0)
            .into_iter()
            .map(|one| json!(one.driver))
            .collect();
        assert_eq!(drivers, vec![json!("igbvf"); FUNCTIONS as usize]);
        run("udevadm settle");
        host.machine.renew();
    });
}
