//! One call of the executable, as a runtime makes it.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::lab::Lab;

/// The executable.
const PLUGIN: &str = env!("CARGO_BIN_EXE_pinwire-cni");
/// The variables of the protocol.
const VARIABLES: [&str; 6] = [
    "CNI_COMMAND",
    "CNI_CONTAINERID",
    "CNI_NETNS",
    "CNI_IFNAME",
    "CNI_ARGS",
    "CNI_PATH",
];

/// A call that is put together.
#[derive(Clone)]
pub(crate) struct Call {
    environment: Vec<(String, String)>,
    input: Vec<u8>,
}

/// What a call resulted in.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Standard output.
    pub(crate) output: String,
}

impl Call {
    /// A call with all variables of a container whose id is that of its namespace, and of `eth0`.
    pub(crate) fn new(lab: &Lab, verb: &str, container: &str, configuration: &Value) -> Self {
        let call = Self {
            environment: Vec::new(),
            input: configuration.to_string().into_bytes(),
        };
        call.set("CNI_COMMAND", verb)
            .set("CNI_CONTAINERID", container)
            .set(
                "CNI_NETNS",
                &lab.netns_path(container).display().to_string(),
            )
            .set("CNI_IFNAME", "eth0")
            .set("CNI_PATH", &lab.search_path())
            .set("PINWIRE_CNI_STATE", &lab.state().display().to_string())
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self = self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes a variable.
    #[must_use]
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Replaces standard input.
    #[must_use]
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PLUGIN);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Makes the call.
    pub(crate) fn run(&self) -> Reply {
        let mut child = self.command().stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input.clone();
        // It may end before it has read all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Reply::of(output)
    }

    /// Makes the call with standard input closed.
    pub(crate) fn run_without_input(&self) -> Reply {
        // A shell closes it: the standard library cannot.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {PLUGIN} <&-")]);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Reply::of(command.output().unwrap())
    }

    /// Makes the call, which must succeed; what it printed.
    pub(crate) fn ok(&self) -> Value {
        let reply = self.run();
        assert_eq!(reply.code, Some(0), "{:?}: {reply:?}", self.environment);
        reply.value()
    }

    /// Makes the call, which must fail with a code; its message and details.
    pub(crate) fn fails(&self, code: u32) -> String {
        let reply = self.run();
        let error = reply.error();
        assert_eq!(error["code"], code, "{:?}: {error}", self.environment);
        format!(
            "{} {}",
            error["msg"].as_str().unwrap(),
            error["details"].as_str().unwrap_or("")
        )
    }
}

impl Reply {
    fn of(output: std::process::Output) -> Self {
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!error.contains("panicked"), "{error}");
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            output: String::from_utf8(output.stdout).unwrap(),
        }
    }

    /// What was printed; `null` if nothing was.
    pub(crate) fn value(&self) -> Value {
        if self.output.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error that was printed, whose shape must be that of the specification.
    pub(crate) fn error(&self) -> Value {
        assert_eq!(self.code, Some(1), "{self:?}");
        let error = self.value();
        assert!(
            error["cniVersion"].is_string() && error["code"].is_u64(),
            "{error}"
        );
        let message = error["msg"].as_str().unwrap();
        assert!(
            !message.is_empty() && !self.output.contains("not found"),
            "{error}"
        );
        error
    }
}

/// A configuration of main-plugin mode, with host-local below the lab's directory.
pub(crate) fn interface(lab: &Lab, version: &str) -> Value {
    json!({
        "cniVersion": version,
        "name": "net",
        "type": "pinwire-cni",
        "ipam": {
            "type": "host-local",
            "dataDir": lab.path("leases"),
            "ranges": [[{"subnet": "10.77.0.0/16"}], [{"subnet": "fd77::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        },
    })
}

/// A configuration of topology mode, for a pod with annotations.
pub(crate) fn topology(version: &str, annotations: &Value) -> Value {
    json!({
        "cniVersion": version,
        "name": "net",
        "type": "pinwire-cni",
        "capabilities": {"io.kubernetes.cri.pod-annotations": true},
        "runtimeConfig": {"io.kubernetes.cri.pod-annotations": annotations},
        "prevResult": previous(version),
    })
}

/// The result of a plugin before this one.
pub(crate) fn previous(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
        "ips": [{"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}],
        "dns": {},
    })
}

/// Adds a key to an object.
#[must_use]
pub(crate) fn with(mut configuration: Value, key: &str, value: Value) -> Value {
    configuration[key] = value;
    configuration
}
