//! Virtual functions that are tuned: by `up`, changed by the file, repaired, and as they were after `down`.

use std::fs;

use pinwire_support::command::run;

use crate::host::{Host, PAIR, host};
use crate::machine::functions;

/// What ethtool says of the rings and offloads of the virtual function that the wire's first end gets.
fn told() -> String {
    let name = functions(0)[0].interface.as_ref().unwrap().name.clone();
    ["-g", "-k"]
        .map(|option| run(&format!("ethtool {option} {name}")))
        .join("\n")
}

/// Whether a line of what ethtool says in node `a` has these words.
fn has(host: &Host<'_>, option: &str, expected: &str) -> bool {
    let text = host.ok(&["exec", "pair/a", "--", "ethtool", option, "wire"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().any(|line| words(line) == expected)
}

#[test]
fn the_ends_of_a_topology_are_tuned() {
    host(|host| {
        let pair = host.path("pair.yaml");
        let tuned = |rings: u32| {
            let tuning = format!(
                "tuning: {{rings: {{rx: {rings}}}, offloads: {{gro: false}}, interrupts: '1'}}"
            );
            let text = PAIR.replace(
                "vf: {maxTxRate: 100}",
                &format!("vf: {{maxTxRate: 100}}, {tuning}"),
            );
            fs::write(&pair, text).unwrap();
        };
        let attached = || {
            let report = host.json(&["up", &pair, "--nodes", "namespace"]);
            report["changes"]["functionsAttached"].as_u64().unwrap()
        };
        let before = told();
        tuned(512);
        assert_eq!(attached(), 3);
        assert!(has(host, "-g", "RX: 512") && has(host, "-k", "generic-receive-offload: off"));
        let view = host.json(&["inspect", "pair"]);
        let function = &view["nodes"][0]["interfaces"][0]["function"];
        assert_eq!(function["tuned"]["numbers"]["ringsRx"], 512, "{view:#}");
        assert_eq!(function["tuned"]["features"]["rx-gro"], false, "{view:#}");
        assert_eq!(function["interrupts"], "1", "{view:#}");
        assert_eq!(attached(), 0);
        // Somebody changes it: it is repaired.
        host.ok(&["exec", "pair/a", "--", "ethtool", "-G", "wire", "rx", "256"]);
        assert_eq!(attached(), 1);
        assert!(has(host, "-g", "RX: 512"));
        // The file changes.
        tuned(1024);
        assert_eq!(attached(), 1);
        assert!(has(host, "-g", "RX: 1024"));
        host.ok(&["down", "pair"]);
        assert_eq!(told(), before);
    });
}
