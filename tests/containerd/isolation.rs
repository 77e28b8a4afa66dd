//! How a machine is kept apart from the host: a network and mounts of its own, and a process 1 with which everything ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::unistd::Pid;
use pinwire_support::command::run;
use pinwire_support::sandbox::{hide, isolate};
use pinwire_support::wait::eventually;

/// What a machine writes, and containerd's log: a tmpfs, in the machine's mount namespace only.
const DIRECTORY: &str = "/mnt";
/// Directories of the host of which a machine has a writable copy.
const COPIED: [&str; 5] = ["/etc", "/opt", "/usr/lib/cni", "/usr/local", "/var/lib"];
/// What it has instead of the host's.
const EMPTY: [&str; 4] = ["/etc/cni", "/run", "/var/lib/cni", "/var/lib/containerd"];
/// Where containerd writes its log.
pub(crate) const LOG: &str = "/mnt/containerd.log";
/// Debian's configuration, but for the image of the pause container, which would have to be pulled, and with what it says
/// of machines whose root may not protect a process from being killed for memory: containers of continuous integration.
const CONFIGURATION: &str = r#"
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pinwire-node:latest"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
"#;

/// Gives the thread a network, and mounts that only it and its children see.
pub(crate) fn enter() {
    isolate();
    hide(DIRECTORY);
    for (number, directory) in COPIED.iter().enumerate() {
        let [upper, work] = ["upper", "work"].map(|name| format!("{DIRECTORY}/{number}/{name}"));
        fs::create_dir_all(&upper).unwrap();
        fs::create_dir_all(&work).unwrap();
        let options = format!("lowerdir={directory},upperdir={upper},workdir={work}");
        let (kind, flags) = (Some("overlay"), MsFlags::empty());
        mount(kind, *directory, kind, flags, Some(options.as_str())).unwrap();
    }
    for directory in EMPTY {
        fs::create_dir_all(directory).unwrap();
        hide(directory);
    }
    run("ip link set lo up");
    fs::create_dir_all("/etc/containerd").unwrap();
    fs::write("/etc/containerd/config.toml", CONFIGURATION).unwrap();
}

/// Forgets what was in memory only.
pub(crate) fn empty_run() {
    hide("/run");
}

/// Starts process 1 of a machine: it reaps what containerd leaves behind. It ends with the thread.
pub(crate) fn process_1() -> Child {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .args(["--mount", "--mount-proc", "--propagation", "private"])
        .arg(executables().join("pinwire-node"))
        .arg("init");
    // util-linux 2.38 complains when its child is killed.
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    let entered = |pid: Pid| {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        command.starts_with("pinwire-node")
    };
    eventually("process 1 has started", || {
        children(&child).first().copied().is_some_and(entered)
    });
    child
}

/// Starts containerd next to process 1.
pub(crate) fn containerd(container: &Child) -> Child {
    let log = fs::File::options()
        .append(true)
        .create(true)
        .open(LOG)
        .unwrap();
    let mut command = Command::new("nsenter");
    command
        .args([
            "--target",
            &child_of(container).to_string(),
            "--mount",
            "--pid",
        ])
        .args(["containerd", "--log-level", "info"])
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command.spawn().unwrap()
}

fn children(parent: &Child) -> Vec<Pid> {
    let id = parent.id();
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let pids = list
        .split_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().unwrap()));
    pids.collect()
}

/// The only child of a process that waits for it.
pub(crate) fn child_of(parent: &Child) -> Pid {
    *children(parent).first().unwrap()
}

/// The directory of the executables of this build. cargo hands a test those of its own package only.
pub(crate) fn executables() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap().to_owned();
    for name in ["pinwire", "pinwire-cni", "pinwire-node"] {
        let path = directory.join(name);
        assert!(
            path.exists(),
            "{} is missing: run `cargo build --bins`",
            path.display()
        );
    }
    directory
}
