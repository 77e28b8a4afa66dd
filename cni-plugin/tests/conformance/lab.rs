//! A sandbox that plays the host of a container runtime: the plugin's state, executables of `CNI_PATH`, leases.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pinwire_support::directory::names;
use pinwire_support::sandbox::{Sandbox, sandbox};
use pinwire_support::snapshot::{Snapshot, held};
use pinwire_wiring::kernel::netns::Netns;

/// Where Debian installs the reference plugins.
pub(crate) const REFERENCE: &str = "/usr/lib/cni";

/// A host to test on.
pub(crate) struct Lab<'a>(&'a Sandbox);

/// Runs a test in a lab, and asserts that it leaves neither links, nor mounts, nor state, nor leases.
pub(crate) fn lab(test: impl FnOnce(&Lab<'_>) + Send + 'static) {
    sandbox(|sandbox| {
        let lab = Lab(sandbox);
        for directory in ["bin", "leases"] {
            std::fs::create_dir(lab.path(directory)).unwrap();
        }
        test(&lab);
        assert!(held(&lab.state()).is_empty(), "{:?}", held(&lab.state()));
        assert_eq!(lab.leases(), [""; 0], "leases are left over");
    });
}

impl Lab<'_> {
    /// The directory of the plugin's state.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// `CNI_PATH`: the lab's own executables first.
    pub(crate) fn search_path(&self) -> String {
        format!("{}:{REFERENCE}", self.path("bin").display())
    }

    /// Makes an executable of `CNI_PATH`, a shell script.
    pub(crate) fn script(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The names of all records and locks, in whichever directory of state.
    pub(crate) fn state_files(&self) -> Vec<String> {
        let directories = names(&self.state()).into_iter();
        let files = directories.flat_map(|directory| names(&self.state().join(directory)));
        files.collect()
    }

    /// Addresses that host-local has leased.
    pub(crate) fn leases(&self) -> Vec<String> {
        let networks = names(&self.path("leases"));
        let leases = networks
            .iter()
            .flat_map(|network| names(&self.path("leases").join(network)));
        leases
            .filter(|name| name.contains(['.', ':']) && !name.starts_with("last"))
            .collect()
    }

    /// All that calls can change: links, addresses and routes of the host and of containers, state, and leases.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default()
            .network("host", &Netns::current().unwrap())
            .state(&self.state())
            .with("lease", self.leases());
        for container in self.containers() {
            if let Ok(netns) = Netns::open(&self.netns_path(&container)) {
                snapshot = snapshot.network(&container, &netns);
            }
        }
        snapshot
    }

    /// Fails unless all is as it was before.
    pub(crate) fn assert_same(&self, before: &Snapshot, what: &str) {
        self.snapshot().assert_same(before, what);
    }
}

impl Deref for Lab<'_> {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        self.0
    }
}
