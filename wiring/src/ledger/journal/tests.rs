//! The journal of a directory tree that stands for a host. `PROPTEST_CASES=20000` for the long form of the property test.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Entry, Journal, Thing, User, page};
use crate::kernel::netns::Netns;
use crate::ledger::gone::Inhabited;
use crate::ledger::{AttachmentName, NetnsRecord, State};
use crate::machine::{Interrupts, Sysfs};

mod directed;
mod killed;
mod property;

/// Three vectors of two devices, and where they are at first.
const VECTORS: [(&str, &str); 3] = [
    ("interrupt-30@0000:01:10.0", "0-3"),
    ("interrupt-31@0000:01:10.0", "2"),
    ("interrupt-40@0000:01:10.2", "0-1,3"),
];

/// A host with the CPUs 0 to 3.
struct Tree {
    root: TempDir,
    sysfs: Sysfs,
    state: State,
}

impl Tree {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let tree = Self {
            sysfs: Sysfs::at(root.path()),
            state: State::at(root.path().join("state")),
            root,
        };
        tree.put("devices/system/cpu/online", "0-3\n");
        for (number, (_, original)) in VECTORS.iter().enumerate() {
            let Thing::Interrupt { number, device } = thing(number);
            tree.put(
                &format!("bus/pci/devices/{device}/msi_irqs/{number}"),
                "msix\n",
            );
            tree.put(
                &format!("proc/irq/{number}/smp_affinity_list"),
                &format!("{original}\n"),
            );
        }
        tree
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn journal(&self) -> Journal<'_> {
        let interrupts = Interrupts::of(&self.sysfs, self.path("proc"));
        Journal::of(&self.state, interrupts, Inhabited::nowhere())
    }

    /// A user whose namespace is there, with a value.
    fn user(&self, number: usize, value: &str) -> User {
        let path = self.path(format!("netns-{number}"));
        if !path.exists() {
            symlink("/proc/self/ns/net", &path).unwrap();
        }
        User {
            name: name(number),
            netns: NetnsRecord {
                id: Netns::open(&path).unwrap().id(),
                path,
            },
            value: value.to_owned(),
        }
    }

    /// The namespace of a user is no more.
    fn die(&self, number: usize) {
        let _ = fs::remove_file(self.path(format!("netns-{number}")));
    }

    fn affinity(&self, thing: Thing) -> PathBuf {
        let Thing::Interrupt { number, .. } = thing;
        self.path(format!("proc/irq/{number}/smp_affinity_list"))
    }

    /// What the kernel says of a thing.
    fn value(&self, thing: Thing) -> String {
        let text = fs::read_to_string(self.affinity(thing)).unwrap();
        text.trim().to_owned()
    }

    fn entry(&self, thing: Thing) -> Option<Entry> {
        let text = fs::read(self.path("state/host").join(thing.key())).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// All files of the journal.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("state/host"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn thing(number: usize) -> Thing {
    Thing::of_key(VECTORS[number].0).unwrap()
}

fn name(number: usize) -> AttachmentName {
    AttachmentName {
        network: "net".parse().unwrap(),
        container: format!("c{number}").parse().unwrap(),
        interface: "eth0".parse().unwrap(),
    }
}
