//! A machine of a test's own that runs containerd: what it changes of the host's file system and network is private, and
//! whatever runs on it ends with it. How that is done is `isolation`'s.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pinwire_support::sandbox::apart;
use pinwire_support::skip::has;
use pinwire_support::snapshot::Snapshot;
use pinwire_support::wait::comes_true;

use crate::cri::Cri;
use crate::documentation;
use crate::isolation;
use crate::pod::Pod;
use crate::residue;

/// The built-in image of a node; here the one of the pause container as well.
const IMAGE: &str = "localhost/pinwire-node:latest";

/// A machine that runs containerd.
pub(crate) struct Machine {
    /// unshare(1); its child is process 1 of all that runs here.
    container: Child,
    /// nsenter(1); its child is containerd.
    containerd: Child,
    cri: Option<Cri>,
    /// The control group below which the pods have theirs.
    cgroup: String,
    /// What there was before the first pod.
    clean: Snapshot,
}

/// A pod that runs, with a container.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) container: String,
}

/// Runs a test on a machine. Skipped without root or containerd.
pub(crate) fn machine(test: impl FnOnce(&mut Machine) + Send + 'static) {
    if !["containerd", "runc"].into_iter().all(has) {
        return;
    }
    apart(|| {
        let mut machine = Machine::start();
        test(&mut machine);
        machine.assert_clean();
    });
}

impl Machine {
    fn start() -> Self {
        isolation::enter();
        documentation::install();
        let container = isolation::process_1();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut machine = Self {
            containerd: isolation::containerd(&container),
            container,
            cri: None,
            cgroup: format!("/pinwire-containerd-{}-{count}", std::process::id()),
            clean: Snapshot::default(),
        };
        machine.connect(Cri::is_connected);
        documentation::load_image();
        machine.connect(Cri::is_ready);
        machine.clean = residue::of(machine.init());
        machine
    }

    /// Waits for containerd to answer.
    fn connect(&mut self, condition: impl Fn(&Cri) -> bool) {
        let socket = Path::new("/run/containerd/containerd.sock");
        let answers = comes_true(|| {
            self.cri = Cri::connect(socket);
            self.cri.as_ref().is_some_and(&condition)
        });
        let log = || fs::read_to_string(isolation::LOG).unwrap_or_default();
        assert!(answers, "containerd is not ready: {}", log());
    }

    pub(crate) fn cri(&self) -> &Cri {
        self.cri.as_ref().unwrap()
    }

    /// Process 1 of the machine, as the host numbers it.
    fn init(&self) -> Pid {
        isolation::child_of(&self.container)
    }

    /// Starts a pod with a container.
    pub(crate) fn run(&self, pod: &Pod, attempt: u32) -> Running {
        let config = pod.config(&self.cgroup, attempt);
        let id = self.cri().run_pod(&config);
        let id = id.unwrap_or_else(|error| panic!("{}: {error}", pod.name()));
        let container = self.cri().run_container(&id, &config, IMAGE);
        Running { id, container }
    }

    /// Stops and removes a pod.
    pub(crate) fn delete(&self, pod: &Running) {
        self.cri().stop_pod(&pod.id).unwrap();
        self.cri().remove_pod(&pod.id).unwrap();
    }

    /// Runs a command in the container of a pod, which must succeed; what it printed.
    pub(crate) fn exec(&self, pod: &Running, command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let said = self.cri().exec(&pod.container, &words);
        assert_eq!(said.code, 0, "{command}: {}", said.text);
        said.text
    }

    /// Fails unless an address answers the container of a pod.
    pub(crate) fn reaches(&self, pod: &Running, address: &str) {
        self.exec(pod, &format!("ping -c 1 -W 2 {address}"));
    }

    /// Kills containerd, and starts it again. Pods go on.
    pub(crate) fn kill_containerd(&mut self) {
        kill(isolation::child_of(&self.containerd), Signal::SIGKILL).unwrap();
        self.containerd.wait().unwrap();
        self.containerd = isolation::containerd(&self.container);
        self.connect(Cri::is_ready);
    }

    /// Ends all processes at once, forgets what was in memory only, and starts containerd again.
    pub(crate) fn power_loss(&mut self) {
        kill(self.init(), Signal::SIGKILL).unwrap();
        self.containerd.wait().unwrap();
        self.container.wait().unwrap();
        isolation::empty_run();
        residue::remove_cgroups(&self.cgroup);
        self.container = isolation::process_1();
        self.containerd = isolation::containerd(&self.container);
        self.connect(Cri::is_ready);
    }

    /// Fails if there is anything that was not there before the first pod.
    fn assert_clean(&self) {
        assert_eq!(self.cri().pods(), [""; 0], "pods are left over");
        let left = || residue::of(self.init()).left_over(&self.clean);
        assert!(comes_true(|| left().is_empty()), "{:#?}", left());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Everything that runs here ends with its process 1.
        let _ = kill(self.init(), Signal::SIGKILL);
        let _ = self.containerd.wait();
        let _ = self.container.wait();
        let left = residue::remove_cgroups(&self.cgroup);
        if !std::thread::panicking() {
            assert_eq!(left, [""; 0], "control groups are left over");
        }
    }
}
