//! A host of a test's own: a network and mount namespace, state and data directories, and the real `pinwire`. What a
//! test leaves behind is found by comparing two snapshots.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PINWIRE: &str = env!("CARGO_BIN_EXE_pinwire");

/// One test's host. Every test makes one first, on its own thread.
pub(crate) struct Host {
    directory: TempDir,
    clean: BTreeSet<String>,
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
            geteuid().is_root(),
            "these tests make network namespaces and containers: run them as root (`make test` does)"
        );
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("namespaces of the test's own");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .expect("private mounts");
        let directory = TempDir::with_prefix("pinwire-test-").expect("a directory");
        let state = directory.path().join("state");
        fs::create_dir(&state).expect("a directory for state");
        mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), none)
            .expect("a tmpfs for state");
        ip("link set lo up");
        let mut host = Self {
            directory,
            clean: BTreeSet::new(),
        };
        // The image is made once, and stays.
        host.ok(&["image", "list"]);
        host.clean = host.snapshot();
        host
    }

    /// Where the test may write.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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
        let name = self.cgroup();
        let of = |directory: PathBuf| {
            walk(&directory.join(&name))
                .into_iter()
                .filter_map(|path| fs::read_to_string(path.join("cgroup.procs")).ok())
                .flat_map(|pids| pids.lines().map(str::to_owned).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        hierarchies().into_iter().flat_map(of).collect()
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
    pub(crate) fn snapshot(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let links = ip("-o link show");
        all.extend(
            links
                .lines()
                .filter_map(|line| Some(format!("link {}", line.split(": ").nth(1)?))),
        );
        let mounts = fs::read_to_string("/proc/thread-self/mounts").expect("mounts");
        all.extend(mounts.lines().map(|line| format!("mount {line}")));
        for hierarchy in hierarchies() {
            let group = hierarchy.join(self.cgroup());
            all.extend(
                walk(&group)
                    .iter()
                    .filter(|path| **path != group)
                    .map(|path| format!("cgroup {}", path.display())),
            );
        }
        all.extend(self.processes().iter().map(|pid| format!("process {pid}")));
        for directory in ["state", "data"] {
            let files = walk(&self.path(directory));
            let kept = |path: &&PathBuf| {
                !path.starts_with(self.path("data/images"))
                    && !path.starts_with(self.path("data/layers"))
            };
            all.extend(
                files
                    .iter()
                    .filter(kept)
                    .map(|path| format!("file {}", path.display())),
            );
        }
        all
    }

    /// Asserts that nothing is there but what was there when the test began, and `besides`.
    pub(crate) fn assert_clean(&self) {
        // Directories that stay for the next topology.
        let scaffold: Vec<_> = ["state/topologies", "state/locks", "data", "data/topologies"]
            .iter()
            .map(|name| format!("file {}", self.path(name).display()))
            .collect();
        let left: Vec<_> = self
            .snapshot()
            .into_iter()
            .filter(|line| !self.clean.contains(line) && !scaffold.contains(line))
            .collect();
        assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
        let lost: Vec<_> = self.clean.difference(&self.snapshot()).cloned().collect();
        assert!(lost.is_empty(), "not ours, and gone:\n{}", lost.join("\n"));
    }

    /// Takes what is there now as what was there when the test began.
    pub(crate) fn mark_clean(&mut self) {
        self.clean = self.snapshot();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--all", "--grace", "0s"]).output();
        for hierarchy in hierarchies() {
            let _ = fs::remove_dir(hierarchy.join(self.cgroup()));
        }
        let _ = umount2(&self.path("state"), MntFlags::MNT_DETACH);
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

/// Runs `ip` in the test's namespace; it must succeed.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("ip(8) of iproute2");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Where control group hierarchies are mounted.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let of = |line: &str| {
        let fields: Vec<_> = line.split(' ').collect();
        matches!(fields.get(2), Some(&("cgroup" | "cgroup2"))).then(|| PathBuf::from(fields[1]))
    };
    mounts.lines().filter_map(of).collect()
}

/// A directory and every directory and file below it; nothing where it does not exist.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
            found.push(path);
        } else if !path.starts_with("/sys") {
            found.push(path);
        }
    }
    found
}
