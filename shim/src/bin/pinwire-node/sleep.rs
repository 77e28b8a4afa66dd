//! Sleeps, and ends at once when asked to, also as process 1 of a container.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::arguments::{Arguments, Usage};
use crate::signals::{Event, Signals};

/// Sleeps for the sum of its operands.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<u8, Failure> {
    let arguments = Arguments::new(arguments, "")?;
    if arguments.operands().is_empty() {
        return Err(Usage("a duration is missing".to_owned()).into());
    }
    let mut deadline = Some(Instant::now());
    for text in arguments.operands() {
        let duration = duration(text)?;
        deadline = deadline
            .zip(duration)
            .and_then(|(deadline, duration)| deadline.checked_add(duration));
    }
    match Signals::block_stop()?.wait(None, deadline)? {
        Event::Signal(signal) => Ok(128 + u8::try_from(signal as i32)?),
        Event::Readable | Event::Timeout => Ok(0),
    }
}

/// A duration; none for an infinite one.
fn duration(text: &str) -> Result<Option<Duration>, Usage> {
    let invalid = || Usage(format!("`{text}` is not a duration"));
    if text == "infinity" {
        return Ok(None);
    }
    let (number, unit) = match text.char_indices().last() {
        Some((end, 's')) => (&text[..end], 1.0),
        Some((end, 'm')) => (&text[..end], 60.0),
        Some((end, 'h')) => (&text[..end], 3600.0),
        Some((end, 'd')) => (&text[..end], 86400.0),
        _ => (text, 1.0),
    };
    let seconds = number.parse::<f64>().map_err(|_| invalid())? * unit;
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(invalid());
    }
    Ok(Duration::try_from_secs_f64(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, expected) in [
            ("0", 0.0),
            ("0.25", 0.25),
            ("2s", 2.0),
            ("1.5m", 90.0),
            ("1h", 3600.0),
            ("1d", 86400.0),
        ] {
            assert_eq!(
                duration(text).expect(text),
                Some(Duration::from_secs_f64(expected)),
                "{text}"
            );
        }
        assert_eq!(duration("infinity").expect("infinity"), None);
        assert_eq!(duration("1e300").expect("beyond what a clock counts"), None);
        for text in ["", "s", "-1", "nan", "inf", "1x", "ä"] {
            assert!(duration(text).is_err(), "`{text}` must be refused");
        }
    }
}
