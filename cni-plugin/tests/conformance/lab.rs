//! A thread with mount and network namespaces of its own, which play the host of a container runtime.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;

/// Where a lab has its files: a tmpfs, in the thread's mount namespace only.
const DIRECTORY: &str = "/mnt";
/// Where Debian installs the reference plugins.
pub(crate) const REFERENCE: &str = "/usr/lib/cni";

/// A host to test on.
pub(crate) struct Lab {
    mounts: Vec<String>,
}

/// Runs a test in a lab, and asserts that it leaves neither links, nor mounts, nor state, nor leases.
///
/// Without root it is skipped, loudly, unless the variable `CI` is set: then it fails.
pub(crate) fn lab(test: impl FnOnce(&Lab) + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    // A thread of its own: the test harness may use its threads again.
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let tmpfs = Some("tmpfs");
        mount(tmpfs, DIRECTORY, tmpfs, MsFlags::empty(), None::<&str>).unwrap();
        let lab = Lab { mounts: mounts() };
        for directory in ["netns", "bin", "leases"] {
            std::fs::create_dir(lab.path(directory)).unwrap();
        }
        test(&lab);
        lab.assert_clean();
    });
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

/// What is mounted in the lab's directory. Elsewhere mounts go whenever others remove what they are on.
fn mounts() -> Vec<String> {
    let all = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let ours = |line: &&str| {
        line.split(' ')
            .nth(4)
            .is_some_and(|path| path.starts_with(DIRECTORY))
    };
    all.lines().filter(ours).map(str::to_owned).collect()
}

impl Lab {
    /// A path below the lab's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::new(DIRECTORY).join(name)
    }

    /// The directory of the plugin's state.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// `CNI_PATH`: the lab's own executables first.
    pub(crate) fn search_path(&self) -> String {
        format!("{}:{REFERENCE}", self.path("bin").display())
    }

    /// Where the namespace of a container is mounted.
    pub(crate) fn netns_path(&self, container: &str) -> PathBuf {
        self.path("netns").join(container)
    }

    /// Makes the namespace of a container.
    pub(crate) fn netns(&self, container: &str) -> Netns {
        Netns::create(&self.netns_path(container)).unwrap()
    }

    /// Removes the namespace of a container.
    pub(crate) fn remove(&self, container: &str) {
        Netns::remove(&self.netns_path(container)).unwrap();
    }

    /// Makes an executable of `CNI_PATH`, a shell script.
    pub(crate) fn script(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// All files of state, but for its three directories.
    pub(crate) fn state_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for directory in names(&self.state()) {
            files.extend(names(&self.state().join(directory)));
        }
        files
    }

    /// Addresses that host-local has leased.
    pub(crate) fn leases(&self) -> Vec<String> {
        let networks = names(&self.path("leases"));
        let files = networks
            .iter()
            .flat_map(|network| names(&self.path("leases").join(network)));
        files
            .filter(|name| name.contains(['.', ':']) && !name.starts_with("last"))
            .collect()
    }

    /// All that calls can change: links, addresses and routes of the host and of containers, state, and leases.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, String> {
        let mut snapshot = BTreeMap::new();
        let mut note = |name: String, netns: &Netns| {
            let found = observe(netns).unwrap();
            let mut lines = Vec::new();
            for link in &found.links {
                let (name, altnames) = (&link.name, &link.altnames);
                let (index, mac, mtu, master) = (link.index, link.mac, link.mtu, link.master);
                let up = link.up;
                lines.push(format!(
                    "{index} {name} {altnames:?} {mac:?} {mtu} {master:?} {up}"
                ));
            }
            // Link-local addresses come when a link is in operation.
            let addresses = found.addresses.iter();
            let addresses = addresses.map(|address| format!("{address:?}"));
            lines.extend(addresses.filter(|address| !address.contains(" fe80:")));
            let routes = found.routes.iter().map(|route| format!("{route:?}"));
            lines.extend(routes.filter(|route| !route.contains("(fe80:")));
            snapshot.insert(name, lines.join("\n"));
        };
        note("host".to_owned(), &Netns::current().unwrap());
        for container in names(&self.path("netns")) {
            if let Ok(netns) = Netns::open(&self.netns_path(&container)) {
                note(container, &netns);
            }
        }
        snapshot.insert("state".to_owned(), format!("{:?}", self.state_files()));
        snapshot.insert("leases".to_owned(), format!("{:?}", self.leases()));
        snapshot
    }

    /// Fails unless all is as it was before.
    pub(crate) fn assert_same(&self, before: &BTreeMap<String, String>, what: &str) {
        let after = self.snapshot();
        for (name, before) in before {
            let after = after.get(name).map_or("gone", String::as_str);
            assert!(
                after == before,
                "{what}: {name} was\n{before}\nand is\n{after}"
            );
        }
        assert_eq!(before.len(), after.len(), "{what}");
    }

    fn assert_clean(&self) {
        for container in names(&self.path("netns")) {
            self.remove(&container);
        }
        assert_eq!(mounts(), self.mounts, "mounts are left over");
        assert_eq!(self.state_files(), [""; 0], "state is left over");
        assert_eq!(self.leases(), [""; 0], "leases are left over");
        eventually("no links are left over", || {
            links(&Netns::current().unwrap()) == ["lo"]
        });
    }
}

/// The names in a directory, in order; none if it is missing.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Names of the links of a namespace.
pub(crate) fn links(netns: &Netns) -> Vec<String> {
    let mut names: Vec<String> = observe(netns)
        .unwrap()
        .links
        .into_iter()
        .map(|link| link.name)
        .collect();
    names.sort();
    names
}

/// Fails unless a condition comes true within five seconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not true after five seconds: {what}");
}

/// Runs a command inside a namespace; its output, which must be a success's.
pub(crate) fn run(netns: &Netns, command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = netns
        .run(|| Command::new(words.next().unwrap()).args(words).output())
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {text}{error}");
    text
}

/// Whether an address answers within a second.
pub(crate) fn answers(netns: &Netns, address: &str) -> bool {
    let ping = || {
        Command::new("ping")
            .args(["-c1", "-W1", "-q", address])
            .output()
    };
    netns.run(ping).unwrap().unwrap().status.success()
}
