//! The netavark driver: `podman network create --driver pinwire` and what podman then does with the network.
//!
//! netavark's plugin API 1.0.0 (plugin-API.md and `types.rs` of netavark): the verb is the first argument, the network
//! namespace the second, the rest is JSON on standard input and output. Addresses come from podman; the interface is
//! attached by [`crate::attach`] and is written down in the same state. Nothing here prints or exits.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::plugin::protocol::Answer;
use pinwire_wiring::ledger::{ROOT, State, VARIABLE};

mod create;
mod error;
mod message;
mod network;
mod options;
mod setup;
mod teardown;

pub use error::{ContainerError, DriverError, NetworkError};
pub use options::OptionError;

/// The driver's name, which is the name of the executable that netavark calls.
pub const NAME: &str = "pinwire";
/// The version of netavark's plugin API.
pub const API_VERSION: &str = "1.0.0";
/// The verbs of the API.
const VERBS: [&str; 4] = ["create", "setup", "teardown", "info"];

/// Whether a process was started as the driver: under the driver's name, or with one of its verbs where no CNI runtime
/// would give an argument. `arguments` start with the name of the executable.
pub fn is_called(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let name = arguments
        .first()
        .and_then(|path| Path::new(path).file_name());
    let verb = arguments.get(1).and_then(|verb| verb.to_str());
    let command = variable("CNI_COMMAND").filter(|command| !command.is_empty());
    name == Some(OsStr::new(NAME))
        || command.is_none() && verb.is_some_and(|verb| VERBS.contains(&verb))
}

/// Serves one call. `arguments` start with the name of the executable, `variable` returns a variable of the environment,
/// `input` is standard input, `note` takes what a person may want to know: podman shows standard error.
pub fn serve(
    arguments: &[OsString],
    variable: impl Fn(&str) -> Option<OsString>,
    input: impl Read,
    note: impl Fn(String),
) -> Answer {
    let root = variable(VARIABLE).filter(|root| !root.is_empty());
    let state = State::at(root.map_or_else(|| PathBuf::from(ROOT), PathBuf::from));
    match call(arguments.get(1..).unwrap_or_default(), &state, input, note) {
        Ok(answer) => Answer::Done(answer),
        Err(error) => Answer::Failed(json!({"error": pinwire_wiring::error::chain(&error)})),
    }
}

fn call(
    arguments: &[OsString],
    state: &State,
    input: impl Read,
    note: impl Fn(String),
) -> Result<Option<Value>, DriverError> {
    let verb = arguments.first().map(|verb| verb.to_string_lossy());
    let netns = || arguments.get(1).map(Path::new);
    match verb.as_deref() {
        // Without a verb a person has run it.
        None | Some("info") => Ok(Some(info())),
        Some("create") => create::create(message::read(input)?).map(Some),
        Some("setup") => {
            let netns = netns().ok_or(DriverError::NoNetns)?;
            let exec: message::Setup = message::typed(message::read(input)?)?;
            setup::setup(state, netns, exec, note).map(Some)
        }
        Some("teardown") => {
            // The namespace is not needed, and may be gone.
            netns().ok_or(DriverError::NoNetns)?;
            teardown::teardown(state, message::typed(message::read(input)?)?)?;
            Ok(None)
        }
        Some(other) => Err(DriverError::Verb(other.to_owned())),
    }
}

fn info() -> Value {
    json!({"version": env!("CARGO_PKG_VERSION"), "api_version": API_VERSION})
}
