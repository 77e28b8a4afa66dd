//! `pinwire logs`: what a container wrote.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::cli::LogsOptions;
use crate::engine::process;
use crate::paths::Roots;
use crate::target;

/// How often a log that is followed is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// Prints a log, and goes on while the container runs if that is asked for.
pub(super) fn run(roots: &Roots, options: &LogsOptions) -> anyhow::Result<()> {
    let target = target::node(roots, &options.node)?;
    let container = target.container(options.container.as_deref())?;
    let path = target.paths.log(&container.id);
    let mut file =
        File::open(&path).with_context(|| format!("cannot open the log `{}`", path.display()))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    print(last_lines(&text, options.tail))?;
    if options.follow {
        follow(&mut file, || {
            process::running(&target.paths, &container.id).is_some()
        })?;
    }
    Ok(())
}

/// Prints what is written from now on, until `runs` says no.
fn follow(file: &mut File, runs: impl Fn() -> bool) -> io::Result<()> {
    loop {
        // Asked first: what the container wrote before its end is printed.
        let last = !runs();
        if file.stream_position()? > file.metadata()?.len() {
            file.seek(SeekFrom::Start(0))?;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        print(&text)?;
        if last {
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}

/// The last lines of a text; all of it where no number is given.
fn last_lines(text: &[u8], lines: Option<usize>) -> &[u8] {
    let Some(lines) = lines else { return text };
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let breaks = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    match (
        lines,
        breaks.map(|(at, _)| at + 1).nth(lines.saturating_sub(1)),
    ) {
        (0, _) => &[],
        (_, Some(start)) => &text[start..],
        (_, None) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn the_last_lines_are_cut_out() {
        let cases: [(&[u8], Option<usize>, &[u8]); 7] = [
            (b"a\nb\nc\n", None, b"a\nb\nc\n"),
            (b"a\nb\nc\n", Some(0), b""),
            (b"a\nb\nc\n", Some(1), b"c\n"),
            (b"a\nb\nc", Some(2), b"b\nc"),
            (b"a\nb\nc\n", Some(3), b"a\nb\nc\n"),
            (b"a\nb\nc\n", Some(9), b"a\nb\nc\n"),
            (b"", Some(2), b""),
        ];
        for (text, lines, expected) in cases {
            assert_eq!(last_lines(text, lines), expected, "{lines:?}");
        }
    }
}
