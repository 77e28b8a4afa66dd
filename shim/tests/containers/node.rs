//! What the tests share: a topology with a zygote, and containers of BusyBox in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use pinwire_shim::cgroup::Cgroup;
use pinwire_shim::exec::ExecRequest;
use pinwire_shim::process::State;
use pinwire_shim::stop::{Target, stop};
use pinwire_shim::workload::{ImageConfig, Workload};
use pinwire_shim::zygote::{StartRequest, Started, Zygote, ZygoteError};
use pinwire_support::error::chain;
use pinwire_support::sandbox;
use pinwire_support::snapshot::mounts;
use pinwire_support::wait::eventually;
use rustix::process::WaitOptions;
use tempfile::TempDir;

const APPLETS: [&str; 30] = [
    "sh", "cat", "chmod", "chroot", "dd", "echo", "env", "grep", "head", "hostname", "id", "kill",
    "ls", "mkdir", "mknod", "mount", "pwd", "readlink", "sleep", "sort", "stat", "stty", "tail",
    "touch", "tr", "true", "tty", "unshare", "wc", "yes",
];

/// What /proc/PID/cgroup says of a process in the group of its own control group namespace, which a container gets where
/// version 2 is all there is.
pub(crate) const GROUP_NAMESPACE: &str = "0::/";

/// Cuts this process off the host, and has it inherit orphans so that it can wait for them.
pub(crate) fn isolate() {
    sandbox::isolate();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
}

/// Where a type of hierarchy is mounted that the host has none of.
pub(crate) const HIERARCHY: &str = "/mnt/hierarchy";

/// Leaves this process one type of hierarchies of control groups, `cgroup` or `cgroup2`. Where the host has none of it, one is
/// mounted: version 2 has no need of controllers here, and that of devices is version 1's on every host.
pub(crate) fn leave_hierarchies(kind: &str) {
    let of = |wanted: &str| {
        let wanted = format!(" - {wanted} ");
        let mounts = mounts().into_iter();
        let mounts = mounts.filter(|line| line.contains(&wanted));
        let points = mounts.map(|line| line.split(' ').nth(4).unwrap().to_owned());
        points.collect::<Vec<_>>()
    };
    if of(kind).is_empty() {
        sandbox::hide("/mnt");
        let options = (kind == "cgroup").then_some("devices");
        fs::create_dir(HIERARCHY).unwrap();
        let (kind, flags) = (Some(kind), MsFlags::empty());
        mount(kind, HIERARCHY, kind, flags, options).unwrap();
    }
    let other = if kind == "cgroup" {
        "cgroup2"
    } else {
        "cgroup"
    };
    for path in of(other) {
        rustix::mount::unmount(path, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

/// A topology of its own for each test.
pub(crate) struct Topology {
    pub(crate) directory: TempDir,
    pub(crate) cgroup: Cgroup,
    zygote: Option<Zygote>,
    mounts: Vec<String>,
}

impl Topology {
    pub(crate) fn new() -> Self {
        // On a tmpfs where there is one, since the tests' machine may have an overlay below /tmp.
        let directory = tempfile::Builder::new()
            .prefix("pinwire-test-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let layer = directory.path().join("layer");
        for name in ["bin", "etc", "root"] {
            fs::create_dir_all(layer.join(name)).unwrap();
        }
        fs::copy("/bin/busybox", layer.join("bin/busybox")).expect("busybox-static is installed");
        fs::set_permissions(layer.join("bin/busybox"), fs::Permissions::from_mode(0o755)).unwrap();
        for applet in APPLETS {
            symlink("busybox", layer.join("bin").join(applet)).unwrap();
        }
        fs::write(
            layer.join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n",
        )
        .unwrap();
        fs::write(
            layer.join("etc/group"),
            "root:x:0:\nweb:x:34:\nlog:x:4:web\n",
        )
        .unwrap();
        let name = directory.path().file_name().unwrap().to_str().unwrap();
        let cgroup = Cgroup::topology(name).unwrap();
        let mounts = mounts();
        let zygote = Some(Zygote::fork(&cgroup, 0).unwrap());
        Self {
            directory,
            cgroup,
            zygote,
            mounts,
        }
    }

    pub(crate) fn zygote(&mut self) -> &mut Zygote {
        self.zygote.as_mut().unwrap()
    }

    /// Takes the zygote away, to be killed.
    pub(crate) fn take_zygote(&mut self) -> Zygote {
        self.zygote.take().unwrap()
    }

    pub(crate) fn request(&self, id: &str, workload: Workload) -> StartRequest {
        let at = |name: &str| self.directory.path().join(name);
        StartRequest {
            id: id.into(),
            hostname: format!("host-{id}"),
            network: "/proc/self/ns/net".into(),
            directory: at("containers").join(id),
            writable: at("writable").join(id),
            volumes: at("volumes"),
            memory_volumes: at("memory"),
            log: at(&format!("{id}.log")),
            layers: vec![at("layer")],
            image: ImageConfig {
                cmd: shell("sleep 1000"),
                ..ImageConfig::default()
            },
            workload,
            hosts: vec![("10.0.0.2".parse().unwrap(), "neighbour".into())],
        }
    }

    pub(crate) fn start(&mut self, id: &str, workload: Workload) -> Result<Started, ZygoteError> {
        let request = self.request(id, workload);
        self.zygote().start(&request)
    }

    /// Runs a shell script to its end and returns what it wrote.
    pub(crate) fn output(&mut self, id: &str, script: &str, workload: Workload) -> String {
        let started = self
            .start(
                id,
                Workload {
                    command: Some(shell(script)),
                    ..workload
                },
            )
            .unwrap_or_else(|error| {
                panic!("{}", chain(&error));
            });
        eventually(script, || started.state() != State::Running);
        self.log(id)
    }

    pub(crate) fn log(&self, id: &str) -> String {
        fs::read_to_string(self.directory.path().join(format!("{id}.log"))).unwrap()
    }

    pub(crate) fn target(&self, id: &str, started: Option<Started>) -> Target {
        let request = self.request(id, Workload::default());
        let directories = vec![request.directory, request.writable];
        Target {
            id: id.into(),
            started,
            cgroup: self.cgroup.child(id).unwrap(),
            directories,
        }
    }

    pub(crate) fn exec(&self, id: &str, started: Started, script: &str) -> ExecRequest {
        ExecRequest {
            started,
            directory: self.request(id, Workload::default()).directory,
            cgroup: self.cgroup.child(id).unwrap(),
            command: shell(script),
            env: Vec::new(),
            working_dir: None,
            user: None,
            terminal: false,
            stdin: false,
        }
    }

    /// Stops the containers named and proves that nothing of the topology is left but the test's own files.
    pub(crate) fn finish(mut self, containers: &[(&str, Started)]) {
        let targets: Vec<_> = containers
            .iter()
            .map(|&(id, started)| self.target(id, Some(started)))
            .collect();
        let errors = stop(&targets, Duration::ZERO);
        assert!(errors.is_empty(), "{errors:?}");
        self.zygote = None;
        self.assert_nothing_left();
    }

    /// After `finish`, or whatever a test does instead: no process, no control group, no mount.
    pub(crate) fn assert_nothing_left(&mut self) {
        self.cgroup.kill(Duration::from_secs(5)).unwrap();
        self.cgroup.remove().unwrap();
        assert!(!self.cgroup.exists());
        // Not ECHILD would be a process that was started and never ended.
        eventually("all processes have ended", || {
            matches!(
                rustix::process::wait(WaitOptions::NOHANG),
                Err(rustix::io::Errno::CHILD)
            )
        });
        assert_eq!(mounts(), self.mounts, "mounts are left");
    }
}

impl Drop for Topology {
    /// After a test that failed.
    fn drop(&mut self) {
        let _ = self
            .cgroup
            .kill(Duration::from_secs(5))
            .and_then(|()| self.cgroup.remove());
    }
}

pub(crate) fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

/// A path below the test's directory.
pub(crate) fn at(topology: &Topology, name: &str) -> PathBuf {
    topology.directory.path().join(name)
}
