//! One call of the executable, as a runtime makes it.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::machine::Machine;

/// The executable.
const PLUGIN: &str = env!("CARGO_BIN_EXE_pinwire-cni");

/// A call that is put together.
#[derive(Clone)]
pub(crate) struct Call {
    environment: Vec<(String, String)>,
    input: String,
}

/// What a call resulted in.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Whether the process was killed.
    pub(crate) killed: bool,
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// What it printed.
    pub(crate) value: Value,
}

impl Call {
    /// A call for `net1` of a container whose id is that of its namespace.
    pub(crate) fn new(
        machine: &Machine,
        verb: &str,
        container: &str,
        configuration: &Value,
    ) -> Self {
        let call = Self {
            environment: Vec::new(),
            input: configuration.to_string(),
        };
        call.set("CNI_COMMAND", verb)
            .set("CNI_CONTAINERID", container)
            .set("CNI_NETNS", machine.netns_path(container).to_str().unwrap())
            .set("CNI_IFNAME", "net1")
            .set("CNI_PATH", "/usr/lib/cni")
            .set("PINWIRE_CNI_STATE", machine.path("state").to_str().unwrap())
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the call.
    pub(crate) fn start(&self) -> Child {
        let mut command = Command::new(PLUGIN);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may be killed before it has read all; a configuration fits a pipe.
        let _ = stdin.write_all(self.input.as_bytes());
        child
    }

    /// Makes the call.
    pub(crate) fn run(&self) -> Reply {
        Reply::of(self.start())
    }

    /// Makes the call, which must succeed; what it printed.
    pub(crate) fn ok(&self) -> Value {
        let reply = self.run();
        assert!(reply.success, "{:?}: {reply:?}", self.environment);
        reply.value
    }

    /// Makes the call, which must fail with a code; its message and details.
    pub(crate) fn fails(&self, code: u32) -> String {
        let reply = self.run();
        assert_eq!(
            reply.value["code"], code,
            "{:?}: {reply:?}",
            self.environment
        );
        let text = |key: &str| reply.value[key].as_str().unwrap_or("").to_owned();
        format!("{} {}", text("msg"), text("details"))
    }
}

impl Reply {
    /// Waits for a call.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!error.contains("panicked"), "{error}");
        Self {
            killed: output.status.signal().is_some(),
            success: output.status.success(),
            value: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        }
    }
}

/// A configuration with more keys.
pub(crate) fn configuration(more: &Value) -> Value {
    let mut configuration = json!({"cniVersion": "1.1.0", "name": "net", "type": "pinwire-cni"});
    for (key, value) in more.as_object().unwrap() {
        configuration[key] = value.clone();
    }
    configuration
}

/// A configuration for one virtual function with all that can be asked of it.
pub(crate) fn all(device: &str) -> Value {
    configuration(&json!({
        "deviceID": device,
        "mac": "02:00:00:00:aa:01",
        "mtu": 1400,
        "vlan": 100,
        "vlanQoS": 3,
        "spoofchk": "off",
        "trust": "on",
        "max_tx_rate": 200,
        "ips": ["10.9.0.2/24"],
    }))
}
