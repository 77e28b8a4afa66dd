//! The text of a manifest, checked to be text, and places in it. What the text says is not known here.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Excerpt, Severity};

/// The largest manifest that is read, in bytes.
pub(crate) const SIZE_MAX: u64 = 8 << 20;
/// Of a longer line, only this many characters on each side of the place are shown.
const EXCERPT_RADIUS: usize = 100;
/// Lines up to this length in bytes are shown whole.
const LINE_MAX: usize = 1000;

/// A range of bytes of one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Place {
    pub(crate) fn new(source: u32, range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            source,
            start: narrow(range.start),
            end: narrow(range.end),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One manifest's text.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    text: String,
}

/// All manifests of one topology.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn add(&mut self, source: Source) -> u32 {
        self.0.push(source);
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn text(&self, source: u32) -> &str {
        self.0
            .get(source as usize)
            .map_or("", |source| &source.text)
    }

    /// The text at a place.
    pub(crate) fn slice(&self, place: Place) -> &str {
        self.text(place.source).get(place.range()).unwrap_or("")
    }

    /// The place as it is shown.
    pub(crate) fn excerpt(&self, place: Place, label: impl Into<String>) -> Option<Excerpt> {
        let source = self.0.get(place.source as usize)?;
        Some(source.excerpt(place.start as usize, place.end as usize, label.into()))
    }
}

impl Source {
    /// Reads a file, or standard input for `-`.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let name = path.display().to_string();
        let bytes = read_limited(path)
            .map_err(|error| file_error(format!("cannot read {name}: {error}"), None))?;
        Self::new(name, bytes)
    }

    /// Takes bytes that are in memory already.
    pub(crate) fn new(name: String, bytes: Vec<u8>) -> Result<Self, Box<Diagnostic>> {
        let size = bytes.len() as u64;
        if size > SIZE_MAX {
            let message = format!(
                "{name} has {size} bytes: a manifest may have {SIZE_MAX} ({} MiB)",
                SIZE_MAX >> 20
            );
            return Err(file_error(
                message,
                Some("split the topology into several files, all given to one command"),
            ));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(file_error(
                format!("{name} is UTF-16 text"),
                Some("convert it to UTF-8: iconv -f UTF-16 -t UTF-8"),
            ));
        }
        if let Some(nul) = bytes.iter().position(|&byte| byte == 0) {
            let message = format!("{name} is not text: byte {nul} is NUL");
            return Err(file_error(
                message,
                Some("a manifest is YAML in UTF-8; is this an image or an archive?"),
            ));
        }
        let mut text = String::from_utf8(bytes).map_err(|error| invalid_utf8(&name, &error))?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(Self { name, text })
    }

    fn excerpt(&self, start: usize, end: usize, label: String) -> Excerpt {
        let start = self.text.floor_char_boundary(start.min(self.text.len()));
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..]
            .split('\n')
            .next()
            .unwrap_or("")
            .trim_end_matches('\r');
        let at = (start - line_start).min(line.len());
        let until = line.floor_char_boundary((end.max(start) - line_start).clamp(at, line.len()));
        let column = line[..at].chars().count() + 1;
        let (window, skipped) = window(line, at);
        Excerpt {
            file: self.name.clone(),
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column,
            skipped,
            span: at.saturating_sub(window.start)
                ..until.clamp(at, window.end).saturating_sub(window.start),
            source: line[window].to_owned(),
            label,
        }
    }
}

/// The part of a line that is shown, and how many characters are left out before it.
fn window(line: &str, at: usize) -> (Range<usize>, usize) {
    if line.len() <= LINE_MAX {
        return (0..line.len(), 0);
    }
    let start = line[..at]
        .char_indices()
        .rev()
        .nth(EXCERPT_RADIUS - 1)
        .map_or(0, |(index, _)| index);
    let end = line[at..]
        .char_indices()
        .nth(EXCERPT_RADIUS)
        .map_or(line.len(), |(index, _)| at + index);
    (start..end, line[..start].chars().count())
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(SIZE_MAX + 1)
            .read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > SIZE_MAX {
        // Its size is what the message needs; its content is not read.
        let limit = SIZE_MAX >> 20;
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has {size} bytes, and {limit} MiB are allowed"),
        ));
    }
    // A pipe or a device tells no size.
    file.take(SIZE_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn invalid_utf8(name: &str, error: &std::string::FromUtf8Error) -> Box<Diagnostic> {
    let offset = error.utf8_error().valid_up_to();
    let before = &error.as_bytes()[..offset];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let message = format!(
        "{name} is not UTF-8: byte {offset} (0x{:02x}), on line {line}, starts no character",
        error.as_bytes()[offset]
    );
    file_error(
        message,
        Some("save it as UTF-8, or convert it: iconv -f LATIN1 -t UTF-8"),
    )
}

fn file_error(message: String, hint: Option<&str>) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        hint: hint.map(str::to_owned),
        ..Diagnostic::of_file(Severity::Error, message)
    })
}
