//! The lab machine: two physical functions with all their virtual functions, joined by a cable.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use pinwire_wiring::kernel::netns::Netns;
use pinwire_wiring::machine::{Sysfs, VirtualFunction};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Virtual functions of each card (Intel 82576).
pub(crate) const FUNCTIONS: u32 = 7;

static ALONE: Mutex<()> = Mutex::new(());
static START: Once = Once::new();
/// Whether a test failed and left who knows what.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// The machine, for one test at a time.
pub(crate) struct Machine {
    _alone: MutexGuard<'static, ()>,
    directory: TempDir,
    /// Interfaces of the physical functions.
    pub(crate) physical: [String; 2],
    before: RefCell<Value>,
}

/// Runs a test, and asserts that all virtual functions are afterwards as they were before, and that no state is left.
pub(crate) fn machine(test: impl FnOnce(&Machine)) {
    assert!(
        std::env::var_os("PINWIRE_LAB").is_some(),
        "this test changes all SR-IOV cards: run it in the lab machine, tests/lab/run"
    );
    // Another test's failure is not this one's.
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    START.call_once(start);
    if BROKEN.swap(false, Ordering::Relaxed) {
        reset();
    }
    let physical = physical();
    let machine = Machine {
        before: RefCell::new(snapshot(&physical)),
        _alone: alone,
        directory: TempDir::new_in("/run").unwrap(),
        physical,
    };
    fs::create_dir(machine.path("netns")).unwrap();
    test(&machine);
    machine.assert_clean();
}

/// Brings the cards up with all their virtual functions, and waits until nobody renames their interfaces any more.
fn start() {
    for name in physical() {
        run(&format!("ip link set {name} up"));
        let address = Sysfs::default().device_of(&name).unwrap();
        Sysfs::default().create(address, FUNCTIONS).unwrap();
    }
    eventually("all virtual functions have interfaces", || {
        (0..2).all(|card| {
            functions(card)
                .iter()
                .all(|function| function.interface.is_some())
        })
    });
    run("udevadm settle");
}

/// Makes all virtual functions anew, after a test that failed.
fn reset() {
    for name in ["net1", "uplink", "monitor"] {
        let _ = Command::new("ip").args(["link", "delete", name]).output();
    }
    for name in physical() {
        let address = Sysfs::default().device_of(&name).unwrap();
        Sysfs::default().free(address).unwrap();
    }
    start();
}

fn physical() -> [String; 2] {
    let found = Sysfs::default().physical_functions().unwrap();
    let names: Vec<String> = found
        .into_iter()
        .map(|function| function.interface.unwrap().name)
        .collect();
    names.try_into().expect("two cards")
}

/// The virtual functions of a card, by index.
pub(crate) fn functions(card: usize) -> Vec<VirtualFunction> {
    let sysfs = Sysfs::default();
    let address = sysfs.device_of(&physical()[card]).unwrap();
    sysfs.virtual_functions(address).unwrap()
}

/// Runs a command of words without spaces, which must succeed; its output.
pub(crate) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap())
        .args(words)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Fails unless a condition comes true within ten seconds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not true after ten seconds: {what}");
}

/// What ip(8) says of an interface of the host.
pub(crate) fn link(name: &str) -> Value {
    let text = run(&format!("ip -d -j link show dev {name}"));
    let mut links: Value = serde_json::from_str(&text).unwrap();
    links[0].take()
}

/// All that is to be the same in the end: what the physical functions say of each virtual one, drivers and interfaces.
pub(crate) fn snapshot(physical: &[String; 2]) -> Value {
    let cards = [0, 1].map(|card| {
        let interfaces = functions(card).into_iter().map(|function| {
            let interface = function.interface.as_ref().map(|one| {
                let link = link(&one.name);
                let keys = [
                    "ifname", "address", "mtu", "flags", "txqlen", "altnames", "group",
                ];
                keys.map(|key| link[key].clone())
            });
            json!({"driver": function.driver, "interface": interface})
        });
        json!({
            "attributes": link(&physical[card])["vfinfo_list"],
            "functions": interfaces.collect::<Vec<_>>(),
        })
    });
    json!(cards)
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        BROKEN.store(true, Ordering::Relaxed);
        for entry in fs::read_dir(self.path("netns")).into_iter().flatten() {
            let path = entry.map(|entry| entry.path()).unwrap_or_default();
            let _ = Netns::remove(&path);
        }
    }
}

impl Machine {
    /// A path below the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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

    /// Fails unless all virtual functions are as they were when the test began.
    pub(crate) fn assert_restored(&self, what: &str) {
        let (now, before) = (snapshot(&self.physical), self.before.borrow());
        assert!(
            now == *before,
            "{what}: it was\n{before:#}\nand is\n{now:#}"
        );
    }

    /// Has all virtual functions made anew where there are none, which are other ones from now on.
    pub(crate) fn renew(&self) {
        start();
        *self.before.borrow_mut() = snapshot(&self.physical);
    }

    /// Files of state.
    pub(crate) fn state_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let directories = fs::read_dir(self.path("state")).into_iter().flatten();
        for directory in directories {
            let entries = fs::read_dir(directory.unwrap().path());
            files.extend(
                entries
                    .into_iter()
                    .flatten()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        files
    }

    fn assert_clean(&self) {
        for entry in fs::read_dir(self.path("netns")).unwrap() {
            let name = entry.unwrap().file_name();
            self.remove(name.to_str().unwrap());
        }
        self.assert_restored("at the end");
        assert_eq!(self.state_files(), [""; 0].map(Path::new));
    }
}

/// Runs a command inside a namespace; whether it succeeded, and its output.
pub(crate) fn inside(netns: &Netns, command: &str) -> (bool, String) {
    let mut words = command.split_whitespace();
    let output = netns
        .run(|| Command::new(words.next().unwrap()).args(words).output())
        .unwrap()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

/// Runs a command inside a namespace, which must succeed.
pub(crate) fn tell(netns: &Netns, command: &str) -> String {
    let (success, text) = inside(netns, command);
    assert!(success, "{command}: {text}");
    text
}
