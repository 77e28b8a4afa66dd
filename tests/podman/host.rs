//! A host of a test's own, made by `tests/podman/host`: namespaces, the root directory of a Debian system, podman.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use pinwire_support::skip::{is_root, skip};
use pinwire_support::wait::comes_true;

/// The plugin.
const PLUGIN: &str = env!("CARGO_BIN_EXE_pinwire-cni");

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A host; all of it ends when this value is dropped, also if the test's process is killed.
pub(crate) struct Host {
    process: Child,
    clean: Vec<String>,
}

impl Host {
    /// This machine's own podman, which must be of version 4: the CNI backend ended with it.
    ///
    /// Where it is not, or not as root, the test is skipped.
    pub(crate) fn podman_4() -> Option<Self> {
        let version = Command::new("podman").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        match version {
            Ok(version) if version.starts_with("podman version 4.") => {
                Self::start(Path::new("/"), "cni")
            }
            Ok(version) => {
                skip(&format!(
                    "it needs podman 4 of Debian 12, and this is {version}"
                ));
                None
            }
            Err(error) => {
                skip(&format!(
                    "there is no podman ({error}): run tests/packages test"
                ));
                None
            }
        }
    }

    /// podman 5 of the Debian 13 that `tests/lab/root` makes.
    ///
    /// Not as root, the test is skipped.
    pub(crate) fn podman_5() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let mut lab = Command::new(repository("tests/lab/root"));
        let output = lab.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/lab/root failed");
        let root = String::from_utf8(output.stdout).unwrap();
        Self::start(Path::new(root.trim()), "netavark")
    }

    fn start(root: &Path, backend: &str) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let mut unshare = Command::new("unshare");
        unshare.args("--mount --net --pid --fork --kill-child --propagation private".split(' '));
        unshare.arg(repository("tests/podman/host")).arg(root);
        unshare.args([
            PLUGIN.as_ref(),
            repository("configs/cni/podman.conflist").as_os_str(),
        ]);
        unshare.arg(backend);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = unshare.spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = said.next().transpose().unwrap();
        assert_eq!(
            ready.as_deref(),
            Some("ready"),
            "tests/podman/host says why on standard error"
        );
        let mut host = Self {
            process,
            clean: Vec::new(),
        };
        host.clean = host.snapshot();
        Some(host)
    }

    /// Runs a script of bash on the host.
    pub(crate) fn run(&self, script: &str) -> Output {
        let process = self.process.id();
        let mut command = Command::new("nsenter");
        command.args(["--target", &process.to_string(), "--mount", "--net"]);
        command.arg(format!("--pid=/proc/{process}/ns/pid_for_children"));
        command.args(["--", "env", "--ignore-environment"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["bash", "-euo", "pipefail", "-c", script]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a script, which must succeed; its standard output without the last line break.
    pub(crate) fn ok(&self, script: &str) -> String {
        let output = self.run(script);
        let error = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{script}\n{text}{error}");
        text.trim_end().to_owned()
    }

    /// Runs a script, which must fail; its standard error.
    pub(crate) fn fails(&self, script: &str) -> String {
        let output = self.run(script);
        assert!(!output.status.success(), "{script}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The plugin's records of attachments.
    pub(crate) fn attachments(&self) -> Vec<String> {
        self.lines("ls -A /run/pinwire/cni/attachments 2>/dev/null || true")
    }

    /// All that podman and the plugin can leave: links, namespaces, mounts, processes, control groups, records, leases.
    fn snapshot(&self) -> Vec<String> {
        self.lines(
            "ip -o link show | cut -d: -f2
             ls -A /run/netns 2>/dev/null || true
             findmnt --noheadings --list --output TARGET
             cat /proc/[0-9]*/comm 2>/dev/null | grep -Ev '^(bash|cat|grep|ls)$' || true
             ls -d /sys/fs/cgroup/*libpod* 2>/dev/null || true
             ls -A /run/pinwire/cni/attachments 2>/dev/null || true
             ls /var/lib/cni/networks/pinwire /var/lib/cni/results 2>/dev/null | grep -Ev '^(/.*|lock|last.*|)$' || true
             podman ps --all --format '{{.Names}}'
             podman network ls --format '{{.Name}}'",
        )
    }

    fn lines(&self, script: &str) -> Vec<String> {
        self.ok(script)
            .lines()
            .map(|line| line.trim().to_owned())
            .collect()
    }

    /// Asserts that all is as it was at first, soon: podman's own processes end after its commands.
    pub(crate) fn assert_clean(&self) {
        comes_true(|| self.snapshot() == self.clean);
        assert_eq!(self.snapshot(), self.clean, "left over, or gone");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Process 1 of the host ends when its standard input does, and everything with it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
