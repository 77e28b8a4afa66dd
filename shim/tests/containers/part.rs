//! Commands in containers that are run by a process of their own, as a user's command is: with streams, signals and an exit
//! status of its own.

use std::io::Write;
use std::process::{Child, Command, ExitCode, Stdio};

use pinwire_shim::exec::{ExecRequest, exec};
use pinwire_support::error::chain;
use serde::{Deserialize, Serialize};

use super::node::Topology;

/// A test's name with this prefix is a request that another process of a test plays.
pub(crate) const PART: &str = "exec:";

/// A request as it goes to the process that carries it out.
#[derive(Serialize, Deserialize)]
struct Part {
    topology: String,
    id: String,
    started: pinwire_shim::process::Started,
    directory: std::path::PathBuf,
    command: Vec<String>,
    env: Vec<(String, String)>,
    working_dir: Option<String>,
    user: Option<String>,
    terminal: bool,
    stdin: bool,
}

/// Carries a request out with this process's standard streams; what a real command does.
pub(crate) fn play(part: &str) -> ExitCode {
    let part: Part = serde_json::from_str(part).unwrap();
    let cgroup = pinwire_shim::cgroup::Cgroup::topology(&part.topology)
        .unwrap()
        .child(&part.id)
        .unwrap();
    let Part {
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
        ..
    } = part;
    let request = ExecRequest {
        started,
        directory,
        cgroup,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
    };
    match exec(&request) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap()),
        Err(error) => {
            eprintln!("{}", chain(&error));
            ExitCode::from(200)
        }
    }
}

pub(crate) fn spawn(
    topology: &Topology,
    id: &str,
    request: ExecRequest,
    streams: [Stdio; 3],
) -> Child {
    let ExecRequest {
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
        ..
    } = request;
    let name = topology
        .directory
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    let (topology, id) = (name.to_owned(), id.to_owned());
    let part = Part {
        topology,
        id,
        started,
        directory,
        command,
        env,
        working_dir,
        user,
        terminal,
        stdin,
    };
    let [stdin, stdout, stderr] = streams;
    Command::new("/proc/self/exe")
        .env(
            super::TEST,
            format!("{PART}{}", serde_json::to_string(&part).unwrap()),
        )
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap()
}

pub(crate) fn output(topology: &Topology, request: ExecRequest, input: &str) -> (i32, String) {
    let mut child = spawn(
        topology,
        "c",
        request,
        [Stdio::piped(), Stdio::piped(), Stdio::piped()],
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}
