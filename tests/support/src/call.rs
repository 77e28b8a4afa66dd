//! One call of the plugin, as a runtime makes it: variables and standard input go in; exit code, JSON and notes come out.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// The variables of the CNI specification.
const VARIABLES: [&str; 6] = [
    "CNI_COMMAND",
    "CNI_CONTAINERID",
    "CNI_NETNS",
    "CNI_IFNAME",
    "CNI_ARGS",
    "CNI_PATH",
];

/// A call that is put together.
#[derive(Clone, Debug)]
pub struct Call {
    program: String,
    /// What the program takes for its own name.
    name: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
}

/// A call that is under way.
pub struct Started {
    child: Child,
    writer: JoinHandle<()>,
}

/// What a call resulted in.
#[derive(Debug)]
pub struct Reply {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub notes: String,
}

impl Call {
    /// A call of a program with this input, and with neither arguments nor variables.
    pub fn new(program: &str, input: &Value) -> Self {
        Self {
            program: program.to_owned(),
            name: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: input.to_string().into_bytes(),
        }
    }

    /// Sets the variables of a container.
    #[must_use]
    pub fn container(self, verb: &str, id: &str, netns: &Path, interface: &str) -> Self {
        self.set("CNI_COMMAND", verb)
            .set("CNI_CONTAINERID", id)
            .set("CNI_NETNS", netns.to_str().unwrap())
            .set("CNI_IFNAME", interface)
    }

    /// Sets the name under which the program is started.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Replaces the arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self = self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn unset(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Replaces standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in VARIABLES {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the call.
    pub fn start(&self) -> Started {
        let mut command = self.command(&self.program);
        command.arg0(&self.name).args(&self.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = self.input.clone();
        // It may end, or be killed, before it has read all.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        Started { child, writer }
    }

    /// Makes the call.
    pub fn run(&self) -> Reply {
        self.start().wait()
    }

    /// Makes the call with standard input closed.
    pub fn run_without_input(&self) -> Reply {
        // A shell closes it: the standard library cannot.
        let mut command = self.command("sh");
        command.args(["-c", &format!("exec {} <&-", self.program)]);
        Reply::of(command.output().unwrap())
    }

    /// Makes the call, which must succeed; what it printed.
    pub fn ok(&self) -> Value {
        let reply = self.run();
        assert_eq!(reply.code, Some(0), "{self:?}: {reply:?}");
        reply.value()
    }

    /// Makes the call, which must fail with a code of the CNI specification; its message and details.
    pub fn fails(&self, code: u32) -> String {
        let error = self.run().error();
        assert_eq!(error["code"], code, "{self:?}: {error}");
        let text = |key: &str| error[key].as_str().unwrap_or("");
        format!("{} {}", text("msg"), text("details"))
    }

    /// Makes the call of a netavark driver, which must fail; its message.
    pub fn refused(&self) -> String {
        self.run().message()
    }
}

impl Started {
    /// Waits for the end of the call.
    pub fn wait(self) -> Reply {
        let output = self.child.wait_with_output().unwrap();
        self.writer.join().unwrap();
        Reply::of(output)
    }
}

impl Reply {
    fn of(output: Output) -> Self {
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(!notes.contains("panicked"), "{notes}");
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            output: String::from_utf8(output.stdout).unwrap(),
            notes,
        }
    }

    /// What was printed; `null` if nothing was.
    pub fn value(&self) -> Value {
        if self.output.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error that was printed, whose shape must be that of the CNI specification.
    pub fn error(&self) -> Value {
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

    /// The message of the error that was printed for netavark: podman refuses all other keys.
    pub fn message(&self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        let error = self.value();
        let message = error["error"].as_str().unwrap_or_else(|| panic!("{error}"));
        assert!(!message.is_empty());
        assert_eq!(error, json!({"error": message}));
        message.to_owned()
    }
}
