//! `teardown` whatever has happened before, and what a setup finds left.

use std::time::{Duration, SystemTime};

use pinwire_cni::plugin::gc;
use pinwire_support::inside::{links, run};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::ledger::State;
use serde_json::json;

use super::call::{driver_for, exec, network, with};
use crate::lab::{Lab, lab};

fn files(lab: &Lab<'_>) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(lab.state().join("attachments")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn teardown_works_before_twice_and_without_anything() {
    lab(|lab| {
        lab.netns("c");
        let input = exec("c", &network("net", 1), 2);
        let [setup, teardown] =
            ["setup", "teardown"].map(|verb| driver_for(lab, verb, "c", &input));
        let before = lab.snapshot();
        teardown.ok();
        lab.assert_same(&before, "before any setup");
        for (name, call) in [
            ("once", teardown.clone()),
            (
                "no such path",
                teardown.clone().arguments(&["teardown", "/gone"]),
            ),
            (
                "an empty path",
                teardown.clone().arguments(&["teardown", ""]),
            ),
            (
                "no namespace",
                teardown.clone().arguments(&["teardown", "/etc/passwd"]),
            ),
            (
                "a network that would be refused",
                teardown.clone().input(
                    with(
                        input.clone(),
                        "network",
                        json!({"id": input["network"]["id"], "options": 7}),
                    )
                    .to_string(),
                ),
            ),
            (
                "options that would be refused",
                teardown.clone().input(
                    with(
                        input.clone(),
                        "network_options/options",
                        json!({"mtus": "x"}),
                    )
                    .to_string(),
                ),
            ),
        ] {
            setup.ok();
            call.ok();
            lab.assert_same(&before, name);
            call.ok();
            lab.assert_same(&before, &format!("{name}, twice"));
        }
    });
}

#[test]
fn teardown_needs_no_record() {
    lab(|lab| {
        lab.netns("c");
        let input = exec("c", &network("net", 1), 2);
        let [setup, teardown] =
            ["setup", "teardown"].map(|verb| driver_for(lab, verb, "c", &input));
        let before = lab.snapshot();
        setup.ok();
        for file in files(lab) {
            std::fs::remove_file(file).unwrap();
        }
        teardown.ok();
        lab.assert_same(&before, "the record was lost");
        setup.ok();
        for file in files(lab) {
            std::fs::write(file, "{").unwrap();
        }
        teardown.ok();
        lab.assert_same(&before, "the record was damaged");
    });
}

#[test]
fn teardown_touches_nobody_else() {
    lab(|lab| {
        let networks = [network("net", 1), network("other", 2)];
        let mut inputs = Vec::new();
        for (container, network, host) in [("a", 0, 2), ("b", 0, 3), ("a", 1, 2)] {
            let interface = json!(format!("eth{network}"));
            let input = exec(container, &networks[network], host);
            inputs.push((
                container,
                with(input, "network_options/interface_name", interface),
            ));
        }
        let _ = ["a", "b"].map(|container| lab.netns(container));
        for (container, input) in &inputs[1..] {
            driver_for(lab, "setup", container, input).ok();
        }
        let before = lab.snapshot();
        driver_for(lab, "setup", "a", &inputs[0].1).ok();
        driver_for(lab, "teardown", "a", &inputs[0].1).ok();
        lab.assert_same(&before, "the others");
        for (container, input) in &inputs[1..] {
            driver_for(lab, "teardown", container, input).ok();
        }
    });
}

/// netavark before 2.1 calls nobody for a container whose namespace is gone.
#[test]
fn a_setup_removes_what_dead_containers_left() {
    lab(|lab| {
        let masqueraded = with(network("net", 1), "options", json!({"masquerade": "true"}));
        let other = network("other", 2);
        let host = Netns::current().unwrap();
        for container in ["dead", "alive", "elsewhere"] {
            lab.netns(container);
        }
        driver_for(lab, "setup", "dead", &exec("dead", &masqueraded, 2)).ok();
        driver_for(lab, "setup", "alive", &exec("alive", &masqueraded, 3)).ok();
        driver_for(lab, "setup", "elsewhere", &exec("elsewhere", &other, 2)).ok();
        for container in ["dead", "elsewhere"] {
            lab.remove(container);
        }
        // Its namespace is another one now; its addresses have gone to a new container.
        lab.netns("dead");
        lab.netns("new");
        driver_for(lab, "setup", "new", &exec("new", &masqueraded, 2)).ok();
        let containers = |state: &State| -> Vec<String> {
            let (attachments, errors) = state
                .list::<pinwire_cni::plugin::attachment::Kind>()
                .unwrap();
            assert!(errors.is_empty(), "{errors:?}");
            let names = attachments.iter().map(|one| one.name.container.to_string());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let state = State::at(lab.state());
        // Other networks are swept at their own setups, or by gc.
        assert_eq!(containers(&state), ["alive", "elsewhere", "new"]);
        assert!(gc::sweep(&state).is_empty());
        assert_eq!(containers(&state), ["alive", "new"]);
        assert_eq!(links(&host).len(), 3, "lo and two");
        // The same container, started again without a teardown: another address, nothing of the first.
        lab.remove("new");
        lab.netns("new");
        driver_for(lab, "setup", "new", &exec("new", &masqueraded, 9)).ok();
        assert_eq!(containers(&state), ["alive", "new"]);
        for (container, last) in [("alive", 3), ("new", 9)] {
            driver_for(
                lab,
                "teardown",
                container,
                &exec(container, &masqueraded, last),
            )
            .ok();
        }
    });
}

/// A network is made anew, with another id and the same subnet, after a container of the old one has died.
#[test]
fn an_address_that_a_dead_container_had_is_masqueraded() {
    lab(|lab| {
        let [old, new] = [1, 2].map(|number| {
            let network = with(network("net", 1), "id", json!(number.to_string()));
            with(network, "options", json!({"masquerade": "true"}))
        });
        lab.netns("dead");
        driver_for(lab, "setup", "dead", &exec("dead", &old, 2)).ok();
        lab.remove("dead");
        lab.netns("c");
        driver_for(lab, "setup", "c", &exec("c", &new, 2)).ok();
        assert!(gc::sweep(&State::at(lab.state())).is_empty());
        let host = Netns::current().unwrap();
        let masqueraded = || run(&host, "nft list table inet pinwire");
        assert!(masqueraded().contains("10.1.0.2"), "{}", masqueraded());
        driver_for(lab, "teardown", "c", &exec("c", &new, 2)).ok();
        assert!(!masqueraded().contains("10.1.0.2"), "{}", masqueraded());
    });
}

/// A record that cannot be read is no reason to refuse other containers; it is said.
#[test]
fn a_damaged_record_does_not_keep_others_out() {
    lab(|lab| {
        let _ = ["a", "b"].map(|container| lab.netns(container));
        let network = network("net", 1);
        driver_for(lab, "setup", "a", &exec("a", &network, 2)).ok();
        for file in files(lab) {
            std::fs::write(file, "{").unwrap();
        }
        let reply = driver_for(lab, "setup", "b", &exec("b", &network, 3)).run();
        assert_eq!(reply.code, Some(0), "{reply:?}");
        assert!(reply.notes.contains("is damaged"), "{reply:?}");
        for (container, host) in [("a", 2), ("b", 3)] {
            driver_for(lab, "teardown", container, &exec(container, &network, host)).ok();
        }
    });
}

/// What a killed call was writing goes a minute later; what a running one writes does not.
#[test]
fn unfinished_files_go_when_they_are_old() {
    lab(|lab| {
        lab.netns("c");
        let input = exec("c", &network("net", 1), 2);
        let directory = lab.state().join("attachments");
        std::fs::create_dir_all(&directory).unwrap();
        let [old, new] = [".old.json", ".new.json"].map(|name| directory.join(name));
        for (path, age) in [(&old, 61), (&new, 1)] {
            std::fs::write(path, "{").unwrap();
            age_of(path, age);
        }
        driver_for(lab, "setup", "c", &input).ok();
        assert_eq!((old.exists(), new.exists()), (false, true));
        age_of(&new, 3600);
        assert!(gc::sweep(&State::at(lab.state())).is_empty());
        assert!(!new.exists());
        driver_for(lab, "teardown", "c", &input).ok();
    });
}

/// Makes a file as old as that, in seconds.
pub(crate) fn age_of(path: &std::path::Path, seconds: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let time = SystemTime::now() - Duration::from_secs(seconds);
    file.set_modified(time).unwrap();
}

/// Makes all unfinished files old.
pub(crate) fn let_a_minute_pass(lab: &Lab<'_>) {
    let unfinished = files(lab).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with('.')
    });
    unfinished.for_each(|path| age_of(&path, 61));
}
