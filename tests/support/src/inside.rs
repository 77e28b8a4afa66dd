//! What a test does and finds inside a network namespace, by programs other than Pinwire: a second opinion. Only the names of
//! links are read by the library, since the tests of `observe` show that it agrees with ip(8).

use std::path::Path;

use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use serde_json::Value;

use crate::command;

/// Runs a command, which must succeed; its standard output.
pub fn run(netns: &Netns, command: &str) -> String {
    netns.run(|| command::run(command)).unwrap()
}

/// Runs a command: whether it succeeded, and what it said.
pub fn attempt(netns: &Netns, command: &str) -> (bool, String) {
    netns.run(|| command::attempt(command)).unwrap()
}

/// What ip(8) says, in JSON and with details; an empty list if it says nothing.
pub fn ip(netns: &Netns, arguments: &str) -> Value {
    let text = run(netns, &format!("ip -d -j {arguments}"));
    if text.trim().is_empty() {
        return Value::Array(Vec::new());
    }
    serde_json::from_str(&text).unwrap()
}

/// Names of the links, in order.
pub fn links(netns: &Netns) -> Vec<String> {
    let links = observe(netns).unwrap().links;
    let mut names: Vec<String> = links.into_iter().map(|link| link.name).collect();
    names.sort();
    names
}

/// Whether an address answers within a second.
pub fn answers(netns: &Netns, address: &str) -> bool {
    attempt(netns, &format!("ping -c1 -W1 -q {address}")).0
}

/// The contents of a sysctl.
pub fn sysctl(netns: &Netns, path: &str) -> String {
    let file = Path::new("/proc/sys").join(path);
    let text = netns.run(|| std::fs::read_to_string(file)).unwrap();
    text.unwrap().trim_end().to_owned()
}
