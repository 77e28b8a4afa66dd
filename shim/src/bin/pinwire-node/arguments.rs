//! The arguments of a tool: single-letter options with a value, then operands. No more is needed here.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The tool was called wrongly.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Arguments not yet taken.
pub(crate) struct Arguments {
    options: Vec<(char, String)>,
    operands: Vec<String>,
}

impl Arguments {
    /// Reads `-cVALUE`, `-c VALUE` and operands, in any order, `--` ending the options. `known` are the option letters.
    pub(crate) fn new(arguments: Vec<OsString>, known: &str) -> Result<Self, Usage> {
        let mut parsed = Self {
            options: Vec::new(),
            operands: Vec::new(),
        };
        let mut rest = arguments.into_iter();
        let mut options_end = false;
        while let Some(argument) = rest.next() {
            let text = argument
                .into_string()
                .map_err(|text| Usage(format!("{} is not UTF-8", text.display())))?;
            if options_end || !text.starts_with('-') || text == "-" {
                parsed.operands.push(text);
            } else if text == "--" {
                options_end = true;
            } else {
                let mut letters = text[1..].chars();
                let Some(letter) = letters.next().filter(|letter| known.contains(*letter)) else {
                    return Err(Usage(format!("there is no option {text}")));
                };
                let value = match letters.as_str() {
                    "" => rest.next().and_then(|value| value.into_string().ok()),
                    value => Some(value.to_owned()),
                };
                parsed.options.push((
                    letter,
                    value.ok_or_else(|| Usage(format!("-{letter} needs a value")))?,
                ));
            }
        }
        Ok(parsed)
    }

    /// The value of an option, the last one if it was given twice.
    pub(crate) fn option<T: FromStr>(&self, letter: char) -> Result<Option<T>, Usage> {
        let Some((_, value)) = self.options.iter().rev().find(|(name, _)| *name == letter) else {
            return Ok(None);
        };
        value
            .parse()
            .map(Some)
            .map_err(|_| Usage(format!("-{letter} does not take `{value}`")))
    }

    /// The value of an option in seconds, at most an hour.
    pub(crate) fn seconds(&self, letter: char) -> Result<Option<Duration>, Usage> {
        let Some(seconds) = self.option::<f64>(letter)? else {
            return Ok(None);
        };
        if !(0.0..=3600.0).contains(&seconds) {
            return Err(Usage(format!("-{letter} takes 0 to 3600 seconds")));
        }
        Ok(Some(Duration::from_secs_f64(seconds)))
    }

    /// The operands.
    pub(crate) fn operands(&self) -> &[String] {
        &self.operands
    }

    /// The one operand that there must be.
    pub(crate) fn operand(&self, what: &str) -> Result<&str, Usage> {
        match self.operands.as_slice() {
            [operand] => Ok(operand),
            [] => Err(Usage(format!("{what} is missing"))),
            [_, extra, ..] => Err(Usage(format!("`{extra}` is one argument too many"))),
        }
    }
}
