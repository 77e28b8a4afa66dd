//! A thread with mount and network namespaces of its own, for tests that do it for real.

use std::error::Error;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::observe::observe;
use pinwire_wiring::wire::Place;
use serde_json::Value;

/// Where a sandbox has its files.
const DIRECTORY: &str = "/mnt";

/// A place to test in: its network namespace plays the host's.
pub(crate) struct Sandbox {
    directory: PathBuf,
    /// The mounts before the test.
    mounts: String,
}

/// What is mounted in the thread's mount namespace.
fn mounts() -> String {
    std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap()
}

/// Runs a test in a sandbox, and asserts that it leaves neither links in the host's namespace nor mounts.
///
/// Without root it is skipped, loudly, unless the variable `CI` is set: then it fails.
pub(crate) fn sandbox(test: impl FnOnce(&Sandbox) + Send + 'static) {
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
        // In memory, and only in this thread's mount namespace: it goes with the thread, whatever the test does.
        mount(
            Some("tmpfs"),
            DIRECTORY,
            Some("tmpfs"),
            MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        let sandbox = Sandbox {
            directory: PathBuf::from(DIRECTORY),
            mounts: mounts(),
        };
        test(&sandbox);
        sandbox.assert_clean();
    });
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
}

impl Sandbox {
    /// Where the namespace of a node is mounted.
    pub(crate) fn path(&self, node: &str) -> PathBuf {
        self.directory.join(node)
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &str) -> Place {
        Place::Netns(self.path(node))
    }

    /// Makes the namespaces of nodes.
    pub(crate) fn nodes<const N: usize>(&self, nodes: [&str; N]) -> [Netns; N] {
        nodes.map(|node| Netns::create(&self.path(node)).unwrap())
    }

    /// Removes the namespaces of nodes.
    pub(crate) fn remove<const N: usize>(&self, nodes: [&str; N]) {
        for node in nodes {
            Netns::remove(&self.path(node)).unwrap();
        }
    }

    /// Fails unless the host's namespace has no links but `lo` and the directory holds neither mounts nor files. Links
    /// that go with a namespace go a little later than that.
    fn assert_clean(&self) {
        assert_eq!(mounts(), self.mounts, "mounts are left over");
        let files: Vec<_> = std::fs::read_dir(&self.directory).unwrap().collect();
        assert!(files.is_empty(), "files are left over: {files:?}");
        eventually("no links are left over", || {
            link_names(&Netns::current().unwrap()) == ["lo"]
        });
    }
}

/// Names of the links of a namespace.
pub(crate) fn link_names(netns: &Netns) -> Vec<String> {
    observe(netns)
        .unwrap()
        .links
        .into_iter()
        .map(|link| link.name)
        .collect()
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

/// What `ip -j` (iproute2) says inside a namespace: a second opinion.
pub(crate) fn ip(netns: &Netns, arguments: &str) -> Value {
    let output = netns
        .run(|| {
            Command::new("ip")
                .arg("-d")
                .arg("-j")
                .args(arguments.split(' '))
                .output()
        })
        .unwrap()
        .expect("iproute2 is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    if text.trim().is_empty() {
        Value::Array(Vec::new())
    } else {
        serde_json::from_str(&text).unwrap()
    }
}

/// The contents of a sysctl inside a namespace.
pub(crate) fn sysctl(netns: &Netns, path: &str) -> String {
    let file = Path::new("/proc/sys").join(path);
    netns
        .run(|| std::fs::read_to_string(file))
        .unwrap()
        .unwrap()
        .trim_end()
        .to_owned()
}

/// All messages of an error and its sources.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
