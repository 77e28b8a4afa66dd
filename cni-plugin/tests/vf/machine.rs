//! The lab machine: two physical functions with all their virtual functions, joined by a cable.

use std::cell::RefCell;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use pinwire_support::command::run;
use pinwire_support::directory::Directory;
use pinwire_support::inside::ip;
use pinwire_support::snapshot::held;
use pinwire_support::wait::eventually;
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
    directory: Directory,
    _parent: TempDir,
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
    let parent = TempDir::new_in("/run").unwrap();
    let machine = Machine {
        before: RefCell::new(snapshot(&physical)),
        _alone: alone,
        directory: Directory::at(parent.path()),
        _parent: parent,
        physical,
    };
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

/// What ip(8) says of an interface of the host.
pub(crate) fn link(name: &str) -> Value {
    ip(&Netns::current().unwrap(), &format!("link show dev {name}"))[0].take()
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
        for container in self.containers() {
            let _ = Netns::remove(&self.netns_path(&container));
        }
    }
}

impl Deref for Machine {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

impl Machine {
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

    /// Records and locks, in whichever directory of state.
    pub(crate) fn state_files(&self) -> Vec<PathBuf> {
        held(&self.path("state"))
    }

    fn assert_clean(&self) {
        self.remove_all();
        self.assert_restored("at the end");
        assert_eq!(self.state_files(), [""; 0].map(Path::new));
    }
}
