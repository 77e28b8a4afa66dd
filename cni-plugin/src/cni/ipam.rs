//! Addresses come from an executable of `CNI_PATH`, called by the same protocol as this plugin is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;

use super::configuration::LIMIT;
use super::json;
use super::result::{Outcome, ResultError};
use super::version::{Verb, Version};

/// An address manager, and the configuration that it reads from standard input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipam<'a> {
    /// Name of the executable.
    pub(crate) kind: &'a str,
    /// `CNI_PATH`.
    pub(crate) path: &'a str,
    /// The network configuration.
    pub(crate) text: &'a [u8],
}

/// The attachment that an address manager is called for; all empty for GC, STATUS and VERSION.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Call<'a> {
    /// `CNI_CONTAINERID`.
    pub(crate) container: &'a str,
    /// `CNI_NETNS`.
    pub(crate) netns: Option<&'a Path>,
    /// `CNI_IFNAME`.
    pub(crate) interface: &'a str,
    /// `CNI_ARGS`.
    pub(crate) arguments: &'a str,
}

/// Why an address manager did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum IpamError {
    /// There is no such executable.
    #[error("the IPAM plugin `{kind}` is in none of the directories of CNI_PATH ({path})")]
    Absent {
        /// Name of the executable.
        kind: String,
        /// `CNI_PATH`.
        path: String,
    },
    /// It could not be started, or its answer not be read.
    #[error("cannot run the IPAM plugin {}", path.display())]
    Run {
        /// The executable.
        path: PathBuf,
        /// Of `memfd_create(2)`, execve(2) or read(2).
        source: io::Error,
    },
    /// It reported an error.
    #[error("the IPAM plugin `{kind}` failed to {verb}: {message}")]
    Reported {
        /// Name of the executable.
        kind: String,
        /// What it was asked.
        verb: Verb,
        /// Its error code.
        code: u32,
        /// Its message and details.
        message: String,
    },
    /// It failed without saying why.
    #[error("the IPAM plugin `{kind}` failed to {verb} ({status}) and reported no error")]
    Silent {
        /// Name of the executable.
        kind: String,
        /// What it was asked.
        verb: Verb,
        /// How it ended.
        status: ExitStatus,
    },
    /// Its result cannot be read.
    #[error("the IPAM plugin `{kind}` returned no result")]
    Result {
        /// Name of the executable.
        kind: String,
        /// Why.
        source: ResultError,
    },
    /// Its result has no address.
    #[error("the IPAM plugin `{kind}` returned no address")]
    NoAddress {
        /// Name of the executable.
        kind: String,
    },
}

/// An error as a plugin prints it.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    details: String,
}

impl Ipam<'_> {
    /// Whether it reserves addresses without looking at the container, so that the interface can be made meanwhile. True
    /// of two reference plugins; `dhcp` asks a server through the interface, and of others nothing is known.
    pub(crate) fn is_independent(self) -> bool {
        matches!(self.kind, "host-local" | "static")
    }

    /// ADD: starts to reserve addresses. After an error, also of [`Reservation::finish`], the caller has to [`Ipam::del`],
    /// as the specification asks.
    pub(crate) fn add(self, call: Call<'_>) -> Result<Reservation, IpamError> {
        Ok(Reservation {
            kind: self.kind.to_owned(),
            running: self.start(Verb::Add, call)?,
        })
    }

    /// DEL: gives the addresses back.
    pub(crate) fn del(self, call: Call<'_>) -> Result<(), IpamError> {
        self.call(Verb::Del, call).map(drop)
    }

    /// CHECK: whether the addresses are still reserved.
    pub(crate) fn check(self, call: Call<'_>) -> Result<(), IpamError> {
        self.call(Verb::Check, call).map(drop)
    }

    /// GC: gives back what no valid attachment has.
    pub(crate) fn gc(self) -> Result<(), IpamError> {
        self.call(Verb::Gc, Call::default()).map(drop)
    }

    /// STATUS: whether addresses can be had.
    pub(crate) fn status(self) -> Result<(), IpamError> {
        self.call(Verb::Status, Call::default()).map(drop)
    }

    /// VERSION: whether the address manager speaks a version of the specification.
    pub(crate) fn speaks(self, version: Version) -> Result<bool, IpamError> {
        #[derive(Deserialize)]
        struct Versions {
            #[serde(default, rename = "supportedVersions")]
            supported: Vec<String>,
        }
        let answer = self.call(Verb::Version, Call::default())?;
        let versions = serde_json::from_slice::<Versions>(&answer);
        let versions = versions.map_err(|source| IpamError::Result {
            kind: self.kind.to_owned(),
            source: ResultError::Json {
                whose: format!("answer of the IPAM plugin `{}`", self.kind),
                source,
            },
        })?;
        Ok(versions
            .supported
            .iter()
            .any(|other| other == version.as_str()))
    }

    fn call(self, verb: Verb, call: Call<'_>) -> Result<Vec<u8>, IpamError> {
        self.start(verb, call)?.finish(self.kind)
    }

    /// The executable: the first of its name in `CNI_PATH`.
    pub(crate) fn executable(self) -> Result<PathBuf, IpamError> {
        let directories = self
            .path
            .split(':')
            .filter(|directory| !directory.is_empty());
        let mut candidates = directories.map(|directory| Path::new(directory).join(self.kind));
        candidates
            .find(|path| path.is_file())
            .ok_or_else(|| IpamError::Absent {
                kind: self.kind.to_owned(),
                path: self.path.to_owned(),
            })
    }

    fn start(self, verb: Verb, call: Call<'_>) -> Result<Running, IpamError> {
        let path = self.executable()?;
        let start = || {
            let mut command = Command::new(&path);
            command
                .arg0(self.kind)
                .env("CNI_COMMAND", verb.as_str())
                .env("CNI_CONTAINERID", call.container)
                .env("CNI_NETNS", call.netns.unwrap_or(Path::new("")))
                .env("CNI_IFNAME", call.interface)
                .env("CNI_ARGS", call.arguments)
                .env("CNI_PATH", self.path)
                .stdin(self.input()?)
                .stdout(Stdio::piped());
            command.spawn()
        };
        match start() {
            Ok(child) => Ok(Running { path, verb, child }),
            Err(source) => Err(IpamError::Run { path, source }),
        }
    }

    /// The configuration in memory: a pipe would hold 64 KiB, and an executable that answers before it reads would
    /// block both sides.
    fn input(self) -> io::Result<Stdio> {
        let mut file = File::from(memfd_create("configuration", MemfdFlags::CLOEXEC)?);
        file.write_all(self.text)?;
        io::Seek::rewind(&mut file)?;
        Ok(file.into())
    }
}

/// An executable at work. To be finished in any case: a DEL must not come before what it does.
#[must_use]
struct Running {
    path: PathBuf,
    verb: Verb,
    child: Child,
}

impl Running {
    /// Waits for the answer.
    fn finish(self, kind: &str) -> Result<Vec<u8>, IpamError> {
        let Self {
            path,
            verb,
            mut child,
        } = self;
        let mut answer = Vec::new();
        let read = child.stdout.take().map_or(Ok(0), |output| {
            output.take(LIMIT as u64).read_to_end(&mut answer)
        });
        let status = child.wait().and_then(|status| read.map(|_| status));
        let status = status.map_err(|source| IpamError::Run { path, source })?;
        if status.success() {
            return Ok(answer);
        }
        let kind = kind.to_owned();
        match serde_json::from_slice::<Report>(&answer) {
            Ok(report) if report.code != 0 || !report.msg.is_empty() => {
                let texts = [report.msg, report.details];
                let texts = texts.into_iter().filter(|text| !text.is_empty());
                Err(IpamError::Reported {
                    kind,
                    verb,
                    code: report.code,
                    message: texts.collect::<Vec<_>>().join("; "),
                })
            }
            _ => Err(IpamError::Silent { kind, verb, status }),
        }
    }
}

/// Addresses that are being reserved. To be finished in any case.
#[must_use]
pub(crate) struct Reservation {
    kind: String,
    running: Running,
}

impl Reservation {
    /// Waits for the addresses.
    pub(crate) fn finish(self) -> Result<Outcome, IpamError> {
        let Self { kind, running } = self;
        let answer = running.finish(&kind)?;
        let whose = format!("result of the IPAM plugin `{kind}`");
        let value = json::parse(&answer).map_err(|source| ResultError::Json {
            whose: whose.clone(),
            source,
        });
        match value.and_then(|value| Outcome::read(&whose, &value)) {
            Ok(outcome) if outcome.ips.is_empty() => Err(IpamError::NoAddress { kind }),
            Ok(outcome) => Ok(outcome),
            Err(source) => Err(IpamError::Result { kind, source }),
        }
    }
}
