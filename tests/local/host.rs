//! A sandbox with state and data directories and the real `pinwire`. What a test leaves behind is found by comparing two
//! snapshots.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use pinwire_support::command::run;
use pinwire_support::sandbox::Sandbox;
use pinwire_support::snapshot::{Snapshot, control_groups, processes};
use pinwire_wiring::kernel::netns::Netns;
use serde_json::Value;

pub(crate) const PINWIRE: &str = env!("CARGO_BIN_EXE_pinwire");

/// One test's host. Every test makes one first, on its own thread.
pub(crate) struct Host {
    sandbox: Sandbox,
    clean: Snapshot,
}

/// The path of a file of `manifests/`.
pub(crate) fn manifest(name: &str) -> String {
    format!("{}/../manifests/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Host {
    /// A host with nothing on it but a loopback interface.
    pub(crate) fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests make network namespaces and containers: run them as root (`make test` does)"
        );
        let mut host = Self {
            sandbox: Sandbox::enter(),
            clean: Snapshot::default(),
        };
        run("ip link set lo up");
        // The image is made once, and stays.
        host.ok(&["image", "list"]);
        host.clean = host.snapshot();
        host
    }

    /// Where the test may write.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// The command, with this host's directories.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PINWIRE);
        command
            .args(arguments)
            .env("PINWIRE_STATE_DIR", self.path("state"))
            .env("PINWIRE_DATA_DIR", self.path("data"))
            .stdin(Stdio::null());
        command
    }

    /// Runs `pinwire`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().expect("pinwire runs"))
    }

    /// Runs `pinwire`, which must succeed; its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(
            said.code, 0,
            "pinwire {arguments:?} failed:\n{}{}",
            said.stdout, said.stderr
        );
        said.stdout
    }

    /// Runs `pinwire`, which must fail with that exit code; its standard error.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(
            said.code, code,
            "pinwire {arguments:?} said:\n{}{}",
            said.stdout, said.stderr
        );
        said.stderr
    }

    /// One `ping` from a node's container to an address, which must answer.
    pub(crate) fn reaches(&self, node: &str, address: &str) {
        let ping = ["pinwire-node", "ping", "-c", "1", "-W", "2", address];
        self.ok(&[&["exec", node, "--"][..], &ping[..]].concat());
    }

    /// Runs `pinwire … --output json`, which must succeed; what it said.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        serde_json::from_str(&self.ok(&arguments)).expect("JSON")
    }

    /// Starts `pinwire` and does not wait.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("pinwire starts")
    }

    /// The processes in the control groups of this host's topologies.
    pub(crate) fn processes(&self) -> BTreeSet<String> {
        processes(&self.cgroup())
    }

    /// The name of the control group of all of this host's topologies, as the documentation gives it.
    fn cgroup(&self) -> String {
        use sha2::Digest;
        let state = self.path("state");
        let digest = sha2::Sha256::digest(state.as_os_str().as_encoded_bytes());
        digest[..4]
            .iter()
            .fold("pinwire-".to_owned(), |name, byte| {
                format!("{name}{byte:02x}")
            })
    }

    /// All that there is: links, mounts, control groups, processes, files of topologies.
    fn snapshot(&self) -> Snapshot {
        // Images, and directories that stay for the next topology.
        let images = ["data/images", "data/layers"].map(|name| self.path(name));
        let kept = [
            "state",
            "state/topologies",
            "state/locks",
            "data",
            "data/topologies",
        ]
        .map(|name| self.path(name));
        let stays = |path: &Path| {
            kept.iter().any(|kept| kept == path)
                || images.iter().any(|images| path.starts_with(images))
        };
        self.sandbox
            .mounts()
            .network("host", &Netns::current().expect("a network namespace"))
            .control_groups(&self.cgroup())
            .tree(&self.path("state"), stays)
            .tree(&self.path("data"), stays)
    }

    /// Whether there is anything that was not there when the test began.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.snapshot().left_over(&self.clean).is_empty()
    }

    /// Asserts that nothing is there but what was there when the test began, and all of that.
    pub(crate) fn assert_clean(&self) {
        self.snapshot().assert_same(&self.clean, "on the host");
    }

    /// Takes what is there now as what was there when the test began.
    pub(crate) fn mark_clean(&mut self) {
        self.clean = self.snapshot();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--all", "--grace", "0s"]).output();
        for group in control_groups(&self.cgroup()) {
            let _ = fs::remove_dir(group);
        }
    }
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output
            .status
            .code()
            .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}
