//! The protocol: environment and standard input in, one JSON value out. Nothing here prints or exits.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracing::Level;

use super::error::PluginError;
use super::{Request, gc, status};
use crate::cni::ConfigurationError;
use crate::cni::configuration::{Configuration, LIMIT};
use crate::cni::delegate::Delegate;
use crate::cni::environment::{Environment, EnvironmentError};
use crate::cni::log;
use crate::cni::version::{Verb, Version};
use pinwire_wiring::error::chain;
use pinwire_wiring::ledger::{AttachmentName, ROOT, State, VARIABLE};

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Success, with what goes to standard output, if anything does.
    Done(Option<Value>),
    /// Failure, with the error for standard output.
    Failed(Value),
    /// Nobody asked anything: a person ran the executable.
    About,
}

/// Serves one call. `variable` returns a variable of the environment, `input` is standard input, `note` takes what a
/// person may want to know about the plugin's own trouble.
pub fn serve(
    variable: impl Fn(&str) -> Option<OsString>,
    input: impl Read,
    note: impl FnOnce(String),
) -> Answer {
    let text = |name: &'static str| match variable(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(EnvironmentError::Invalid {
            name,
            reason: "it is not UTF-8".to_owned(),
        }),
    };
    if matches!(text("CNI_COMMAND"), Ok(command) if command.as_deref().is_none_or(str::is_empty)) {
        return Answer::About;
    }
    let mut version = Version::LATEST;
    match call(text, input, note, &mut version) {
        Ok(result) => Answer::Done(result),
        Err(error) => Answer::Failed(report(version, &error)),
    }
}

/// Reads the call and carries it out. `version` becomes that of the configuration as soon as it is known.
fn call(
    text: impl Fn(&'static str) -> Result<Option<String>, EnvironmentError>,
    input: impl Read,
    note: impl FnOnce(String),
    version: &mut Version,
) -> Result<Option<Value>, PluginError> {
    let command = text("CNI_COMMAND")?.unwrap_or_default();
    let verb: Verb = command.parse().map_err(|()| EnvironmentError::Invalid {
        name: "CNI_COMMAND",
        reason: format!("`{command}` is none of ADD, DEL, CHECK, GC, STATUS and VERSION"),
    })?;
    if verb == Verb::Version {
        return Ok(Some(versions()));
    }
    let environment = Environment::read(verb, &text)?;
    let configuration = Configuration::parse(read(input)?, verb)?;
    *version = configuration.version;
    if let Some(destination) = &configuration.log_file
        && let Err(error) = log::start(destination, configuration.log_level)
    {
        note(format!("cannot log to {destination}: {error}"));
    }
    let root = text(VARIABLE)?.filter(|root| !root.is_empty());
    let root = root
        .map(PathBuf::from)
        .or_else(|| configuration.state.clone());
    let state = State::at(root.unwrap_or_else(|| PathBuf::from(ROOT)));
    carry_out(verb, &state, environment, configuration)
}

fn read(input: impl Read) -> Result<Vec<u8>, ConfigurationError> {
    let mut text = Vec::new();
    // One byte more than allowed shows that there is more.
    let mut input = input.take(LIMIT as u64 + 1);
    input
        .read_to_end(&mut text)
        .map_err(ConfigurationError::Read)?;
    Ok(text)
}

fn carry_out(
    verb: Verb,
    state: &State,
    environment: Environment,
    configuration: Configuration,
) -> Result<Option<Value>, PluginError> {
    let started = tracing::enabled!(Level::ERROR).then(Instant::now);
    let network = configuration.network.clone();
    let container = environment.container.clone();
    let interface = environment.interface.clone();
    let result = match verb {
        Verb::Gc => collect(state, &environment, &configuration).map(|()| None),
        Verb::Status => {
            let delegate = Delegate::of(&configuration, &environment.path, "");
            status::status(state, configuration.version, delegate.as_ref()).map(|()| None)
        }
        Verb::Version => Ok(Some(versions())),
        Verb::Add => super::add(state, &request(verb, environment, configuration)?).map(Some),
        Verb::Del => super::del(state, &request(verb, environment, configuration)?).map(|()| None),
        Verb::Check => {
            super::check(state, &request(verb, environment, configuration)?).map(|()| None)
        }
    };
    let elapsed = started.map_or(Duration::ZERO, |started| started.elapsed());
    let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let container = container
        .as_ref()
        .map_or("", |container| container.as_str());
    let interface = interface
        .as_ref()
        .map_or("", |interface| interface.as_str());
    match &result {
        Ok(_) => tracing::info!(%verb, %network, container, interface, microseconds, "done"),
        Err(error) => {
            let error = chain(error);
            tracing::error!(%verb, %network, container, interface, microseconds, error, "failed");
        }
    }
    result
}

fn request(
    verb: Verb,
    environment: Environment,
    configuration: Configuration,
) -> Result<Request, PluginError> {
    let missing = || EnvironmentError::Missing(vec!["CNI_CONTAINERID", "CNI_IFNAME"]);
    let arguments = match environment.arguments.parse() {
        Ok(arguments) => arguments,
        // What must go was written down.
        Err(_) if verb == Verb::Del => crate::cni::arguments::Arguments::default(),
        Err(error) => return Err(error.into()),
    };
    Ok(Request {
        name: AttachmentName {
            network: configuration.network.clone(),
            container: environment.container.ok_or_else(missing)?,
            interface: environment.interface.ok_or_else(missing)?,
        },
        netns: environment.netns,
        arguments: (arguments, environment.arguments),
        path: environment.path,
        configuration,
    })
}

fn collect(
    state: &State,
    environment: &Environment,
    configuration: &Configuration,
) -> Result<(), PluginError> {
    // libcni sends no list where its caller has none (`cnitool gc`): what is in use then shows by its namespace only.
    let Some(valid) = &configuration.valid_attachments else {
        return PluginError::all(gc::sweep(state));
    };
    let delegate = Delegate::of(configuration, &environment.path, "");
    let errors = gc::collect(state, &configuration.network, valid, delegate.as_ref());
    PluginError::all(errors)
}

/// The answer to VERSION, which reads nothing.
fn versions() -> Value {
    json!({
        "cniVersion": Version::LATEST.as_str(),
        "supportedVersions": Version::ALL.map(Version::as_str),
    })
}

/// An error as the protocol has it. containerd takes any error of a DEL with the words "not found" for success, so that
/// these must not be in the message of one that is to be tried again; no message here has them.
fn report(version: Version, error: &PluginError) -> Value {
    let mut report = json!({
        "cniVersion": version.as_str(),
        "code": error.code(),
        "msg": error.to_string(),
    });
    if let (Some(details), Some(report)) = (error.details(), report.as_object_mut()) {
        report.insert("details".to_owned(), details.into());
    }
    report
}
