//! The program of the built-in node image: an init that reaps and stops cleanly, and the few tools that a node needs.
//!
//! One static file without a configuration, called as `pinwire-node TOOL` or by a link of the tool's name. It links
//! nothing of the runtime; it is what runs *inside* a container.

mod arguments;
mod init;
mod ping;
mod rtt;
mod signals;
mod sleep;
mod spawn;
mod udp_echo;
mod udp_send;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// What ends a tool early: told to the user, and nothing else.
type Failure = Box<dyn std::error::Error>;

/// The exit code of wrong usage, as of most tools.
const USAGE: u8 = 2;

/// A tool: its name, its usage, and itself.
struct Tool {
    name: &'static str,
    usage: &'static str,
    run: fn(Vec<OsString>) -> Result<u8, Failure>,
}

const TOOLS: [Tool; 5] = [
    Tool {
        name: "init",
        usage: "[[--] COMMAND [ARG]...]",
        run: init::run,
    },
    Tool {
        name: "ping",
        usage: "[-c COUNT] [-i SECONDS] [-W SECONDS] [-s BYTES] ADDRESS",
        run: ping::run,
    },
    Tool {
        name: "sleep",
        usage: "NUMBER[smhd]...|infinity",
        run: sleep::run,
    },
    Tool {
        name: "udp-echo",
        usage: "[-b ADDRESS] [PORT]",
        run: udp_echo::run,
    },
    Tool {
        name: "udp-send",
        usage: "[-c COUNT] [-r PER_SECOND] [-s BYTES] [-W SECONDS] ADDRESS:PORT",
        run: udp_send::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let called_as = arguments.next().unwrap_or_default();
    let mut arguments: Vec<_> = arguments.collect();
    let by_link = Path::new(&called_as)
        .file_name()
        .and_then(|name| tool(&name.to_string_lossy()));
    let selected = by_link.or_else(|| match arguments.first() {
        None => tool("init"),
        Some(first) => {
            let tool = tool(&first.to_string_lossy());
            if tool.is_some() {
                arguments.remove(0);
            }
            tool
        }
    });
    let code = match selected {
        Some(tool) => run(tool, arguments),
        None if arguments.first().is_some_and(|first| first == "--list") => list(),
        None => usage(),
    };
    ExitCode::from(code)
}

fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

fn run(tool: &Tool, arguments: Vec<OsString>) -> u8 {
    match (tool.run)(arguments) {
        Ok(code) => code,
        Err(error) => {
            let wrong_usage = error.is::<arguments::Usage>();
            let mut message = format!("{}: {error}", tool.name);
            if wrong_usage {
                message += &format!("\nusage: {} {}", tool.name, tool.usage);
            }
            complain(&message);
            if wrong_usage { USAGE } else { 1 }
        }
    }
}

/// The names of the tools, one a line, for whoever makes the image's links.
fn list() -> u8 {
    let names: String = TOOLS
        .iter()
        .map(|tool| format!("{}\n", tool.name))
        .collect();
    u8::from(std::io::stdout().write_all(names.as_bytes()).is_err())
}

fn usage() -> u8 {
    let lines: String = TOOLS
        .iter()
        .map(|tool| format!("  pinwire-node {} {}\n", tool.name, tool.usage))
        .collect();
    complain(&format!("usage:\n{lines}  pinwire-node --list"));
    USAGE
}

/// A line on standard error; if that is closed there is nobody left to tell.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
