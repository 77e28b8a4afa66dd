//! One call of the driver, as podman and netavark make it.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::lab::Lab;

/// The executable.
const PLUGIN: &str = env!("CARGO_BIN_EXE_pinwire-cni");

/// A call that is put together.
#[derive(Clone)]
pub(crate) struct Call {
    name: String,
    arguments: Vec<String>,
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
    /// Standard error.
    pub(crate) notes: String,
}

impl Call {
    /// A call under the driver's name.
    pub(crate) fn new(lab: &Lab, arguments: &[&str], input: &Value) -> Self {
        let call = Self {
            name: "/usr/local/lib/netavark/pinwire".to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
            input: input.to_string().into_bytes(),
        };
        call.set("PINWIRE_CNI_STATE", &lab.state().display().to_string())
    }

    /// A setup or teardown of a container.
    pub(crate) fn of(lab: &Lab, verb: &str, container: &str, input: &Value) -> Self {
        let netns = lab.netns_path(container).display().to_string();
        Self::new(lab, &[verb, &netns], input)
    }

    /// Sets the name under which the executable is started.
    #[must_use]
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces standard input.
    #[must_use]
    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Replaces the arguments.
    #[must_use]
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Makes the call.
    pub(crate) fn run(&self) -> Reply {
        let mut command = Command::new(PLUGIN);
        command.arg0(&self.name).args(&self.arguments);
        command.env_remove("CNI_COMMAND");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input.clone();
        // It may end before it has read all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(!notes.contains("panicked"), "{notes}");
        Reply {
            code: output.status.code(),
            signal: output.status.signal(),
            output: String::from_utf8(output.stdout).unwrap(),
            notes,
        }
    }

    /// Makes the call, which must succeed; what it printed.
    pub(crate) fn ok(&self) -> Value {
        let reply = self.run();
        assert_eq!(reply.code, Some(0), "{:?}: {reply:?}", self.arguments);
        reply.value()
    }

    /// Makes the call, which must fail; its message.
    pub(crate) fn fails(&self) -> String {
        self.run().error()
    }
}

impl Reply {
    /// What was printed; `null` if nothing was.
    pub(crate) fn value(&self) -> Value {
        if self.output.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message of the error that was printed: podman refuses all other keys.
    pub(crate) fn error(&self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        let error = self.value();
        let message = error["error"].as_str().unwrap_or_else(|| panic!("{error}"));
        assert!(!message.is_empty());
        assert_eq!(error, json!({"error": message}));
        message.to_owned()
    }
}

/// A network of two subnets, as podman hands it to `create`.
pub(crate) fn network(name: &str, number: u8) -> Value {
    json!({
        "name": name,
        "id": format!("{number:064}"),
        "driver": "pinwire",
        "created": "0001-01-01T00:00:00Z",
        "subnets": [
            {"subnet": format!("10.{number}.0.0/24"), "gateway": format!("10.{number}.0.1")},
            {"subnet": format!("fd{number}::/64"), "gateway": format!("fd{number}::1")},
        ],
        "ipv6_enabled": true,
        "internal": false,
        "dns_enabled": true,
        "ipam_options": {"driver": "host-local"},
    })
}

/// What netavark sends of a container with the host numbers `host` in a network of [`network`].
pub(crate) fn exec(container: &str, network: &Value, host: u8) -> Value {
    let subnets = network["subnets"].as_array().cloned().unwrap_or_default();
    let addresses = subnets.iter().map(|subnet| {
        let gateway = subnet["gateway"].as_str().unwrap();
        format!("{}{host}", gateway.strip_suffix('1').unwrap())
    });
    json!({
        "container_id": container,
        "container_name": format!("{container}-name"),
        "port_mappings": null,
        "network": network,
        "network_options": {
            "aliases": null,
            "interface_name": "eth0",
            "static_ips": addresses.collect::<Vec<_>>(),
            "static_mac": null,
            "options": null,
        },
    })
}

/// Sets the value at a path of keys with `/` between them; `null` removes nothing and is sent.
#[must_use]
pub(crate) fn with(mut value: Value, path: &str, new: Value) -> Value {
    let mut place = &mut value;
    for key in path.split('/') {
        place = match key.parse::<usize>() {
            Ok(position) => &mut place[position],
            Err(_) => &mut place[key],
        };
    }
    *place = new;
    value
}
