//! `pinwire` in the lab machine, with directories of a test's own.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::machine::{Machine, machine};

/// The machine and where `pinwire` keeps things in it.
pub(crate) struct Host<'a> {
    pub(crate) machine: &'a Machine,
}

/// The path of a file of `manifests/`.
pub(crate) fn manifest(name: &str) -> String {
    format!("{}/../manifests/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// Two nodes with a wire, each of which has a way out of the host, too.
pub(crate) const PAIR: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: a
  annotations:
    pinwire.dev/topology: pair
    pinwire.dev/links: |
      - {interface: wire, peer: b:wire, type: vf, addresses: [10.0.0.1/24], vf: {maxTxRate: 100}}
      - {interface: out, type: vf, mtu: 1400, addresses: [192.0.2.1/24], vf: {vlan: 7, trust: true}}
spec:
  containers: [{name: node, image: localhost/pinwire-node:latest}]
---
apiVersion: v1
kind: Pod
metadata:
  name: b
  annotations:
    pinwire.dev/topology: pair
    pinwire.dev/links: |
      - {interface: wire, peer: a:wire, type: vf, addresses: [10.0.0.2/24]}
spec:
  containers: [{name: node, image: localhost/pinwire-node:latest}]
";

/// Runs a test; all virtual functions must be as they were when it ends, and no state be left.
pub(crate) fn host(test: impl FnOnce(&Host<'_>)) {
    machine(|machine| {
        let host = Host { machine };
        let [one, other] = &machine.physical;
        let pools = format!("pools: {{cable: {{cable: [{one}, {other}]}}}}\n");
        fs::write(machine.path("pools.yaml"), pools).unwrap();
        fs::write(machine.path("pair.yaml"), PAIR).unwrap();
        test(&host);
        host.ok(&["down", "--all"]);
    });
}

impl Host<'_> {
    pub(crate) fn path(&self, name: &str) -> String {
        self.machine.path(name).display().to_string()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinwire"));
        command
            .args(arguments)
            .env("PINWIRE_STATE_DIR", self.path("pinwire"))
            .env("PINWIRE_DATA_DIR", self.path("data"))
            .env("PINWIRE_CNI_STATE", self.path("state"))
            .env("PINWIRE_POOLS", self.path("pools.yaml"))
            .stdin(Stdio::null());
        command
    }

    /// Runs `pinwire`; its exit code, none if a signal ended it, and all that it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(&mut self.command(arguments))
    }

    /// Runs `pinwire`, which must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, Some(0), "pinwire {arguments:?}: {said}");
        said
    }

    /// Runs `pinwire`, which must fail.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, Some(1), "pinwire {arguments:?}: {said}");
        said
    }

    /// Runs `pinwire … --output json`, which must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        let output = self.command(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pinwire {arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends packets through the chain: they enter by one card, leave by the other, and none is lost.
    pub(crate) fn packets_cross_the_chain(&self) {
        let [one, other] = &self.machine.physical;
        let outcome = self.json(&[
            "probe",
            "chain",
            "--into",
            other,
            "--out-of",
            one,
            "--first-hop",
            "h1:in",
            "--no-promiscuous",
            "--count",
            "100",
            "--rate",
            "200",
        ]);
        assert_eq!(outcome["received"], 100, "{outcome:#}");
        assert_eq!(outcome["duplicated"], 0, "{outcome:#}");
    }
}

pub(crate) fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    (output.status.code(), said)
}
