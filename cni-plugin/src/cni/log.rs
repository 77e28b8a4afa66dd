//! Where the plugin's own log goes, if a configuration asks for one: a file or journald; never standard output, which
//! belongs to the protocol.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;

use serde::Deserialize;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// What `logFile` says for the system's journal.
pub(crate) const JOURNALD: &str = "journald";
/// Where journald listens (systemd's "Native Journal Protocol").
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Errors only.
    #[serde(alias = "panic", alias = "fatal")]
    Error,
    /// And warnings.
    #[serde(alias = "warn")]
    Warning,
    /// And one line for each call.
    #[default]
    Info,
    /// And each step.
    Debug,
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warning => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
        }
    }
}

/// Starts logging for the rest of the process. To be called once.
///
/// # Errors
/// Where the file cannot be opened or journald not be reached; the plugin works without a log.
pub(crate) fn start(destination: &str, level: Level) -> io::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::from(level));
    if destination == JOURNALD {
        let socket = UnixDatagram::unbound()?;
        socket.connect(JOURNAL_SOCKET)?;
        builder
            .without_time()
            .with_level(false)
            .with_writer(Journal(socket))
            .init();
        return Ok(());
    }
    let mut options = OpenOptions::new();
    let file: File = options
        .append(true)
        .create(true)
        .mode(0o640)
        .open(destination)?;
    builder.with_writer(Mutex::new(file)).init();
    Ok(())
}

/// Makes a journal entry of each event.
struct Journal(UnixDatagram);

/// One event on its way to the journal.
struct Entry<'a> {
    socket: &'a UnixDatagram,
    priority: u8,
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry {
            socket: &self.0,
            priority: 6,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Entry<'a> {
        // syslog(3): LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG.
        let priority = match *metadata.level() {
            tracing::Level::ERROR => 3,
            tracing::Level::WARN => 4,
            tracing::Level::INFO => 6,
            _ => 7,
        };
        Entry {
            socket: &self.0,
            priority,
        }
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let message = String::from_utf8_lossy(line).trim_end().replace('\n', " ");
        let priority = self.priority;
        let entry =
            format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=pinwire-cni\nMESSAGE={message}\n");
        self.socket.send(entry.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
