//! What libcontainer logs while it fails. The processes that it forks tell it only the outermost of their errors ("failed
//! to prepare rootfs"), but log the innermost first: here it is kept, for the message to the user. Logs nothing itself.

use std::fmt::{self, Write as _};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Records errors of this process and of those that it forks, in a pipe that they share.
#[derive(Debug)]
pub(crate) struct Recorder {
    reader: PipeReader,
    writer: Arc<PipeWriter>,
}

impl Recorder {
    /// One that has recorded nothing.
    ///
    /// # Errors
    /// Those of pipe2(2).
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        // Rather lose a message than wait for room.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            reader,
            writer: Arc::new(writer),
        })
    }

    /// Runs `work` and returns the first error that it or a process of its logged, if any.
    pub(crate) fn record<T>(&self, work: impl FnOnce() -> T) -> (T, Option<String>) {
        self.take();
        let result = tracing::subscriber::with_default(ToPipe(self.writer.clone()), work);
        (result, self.take())
    }

    fn take(&self) -> Option<String> {
        let mut bytes = vec![0; 4096];
        let count = (&self.reader).read(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..count]);
        text.lines().next().map(str::to_owned)
    }
}

/// Writes each error as a line.
struct ToPipe(Arc<PipeWriter>);

impl Subscriber for ToPipe {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::ERROR
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let text = format!("{}{}", line.message, line.fields).replace('\n', " ");
        let _ = (&*self.0).write_all(format!("{text}\n").as_bytes());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event as text: its message, then its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name} {value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_kept_with_its_fields() {
        let recorder = Recorder::new().unwrap();
        let (result, error) = recorder.record(|| {
            tracing::warn!("not an error");
            tracing::error!(path = ?"/x", "failed to mount");
            tracing::error!("failed to prepare");
            7
        });
        assert_eq!(result, 7);
        assert_eq!(error.as_deref(), Some("failed to mount, path \"/x\""));
        assert_eq!(
            recorder.record(|| ()).1,
            None,
            "nothing is kept from before"
        );
    }
}
