//! YAML within YAML: reads the text of an annotation, with places in the file rather than in the annotation.

use super::parse;
use super::report::Report;
use super::source::{Place, Sources};
use super::tree::{Tree, Value};

/// Reads an annotation's text as one YAML document. `None` if that fails, which is in the report then.
pub(crate) fn read(annotation: &Tree, report: &mut Report) -> Option<Tree> {
    let Value::Text(inner) = &annotation.value else {
        return None;
    };
    let map = Alignment::new(inner, report.sources(), annotation.place);
    let documents = parse::parse(inner, annotation.place.source);
    let document = report.only(documents, "an annotation is", |range| map.place(range))?;
    let mut document = document.unwrap_or(Tree {
        value: Value::Null,
        place: annotation.place,
    });
    document.relocate(&|place| map.place(place.range()));
    Some(document)
}

/// Where each byte of an annotation's text is in the file.
struct Alignment {
    whole: Place,
    /// Offsets in the file, one for each byte of the text and one for its end; `None` if the text is escaped or folded
    /// in a way that is not undone here, in which case every place is the whole annotation.
    offsets: Option<Vec<u32>>,
}

impl Alignment {
    fn new(inner: &str, sources: &Sources, whole: Place) -> Self {
        let written = sources.slice(whole);
        let before = &sources.text(whole.source)[..whole.start as usize];
        let indent = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            whole,
            offsets: align(inner.as_bytes(), written.as_bytes(), indent, whole.start),
        }
    }

    fn place(&self, range: std::ops::Range<usize>) -> Place {
        let Some(offsets) = &self.offsets else {
            return self.whole;
        };
        let at = |offset: usize| offsets.get(offset).or(offsets.last()).copied();
        let (Some(start), Some(last)) = (
            at(range.start),
            at(range.end.saturating_sub(1).max(range.start)),
        ) else {
            return self.whole;
        };
        let end = if range.is_empty() { start } else { last + 1 };
        Place {
            start,
            end,
            ..self.whole
        }
    }
}

/// Walks through the text and the way it is written at once. A block scalar differs by indentation, a quoted one by
/// quotes and escapes, and a folded one by newlines where the text has spaces.
fn align(inner: &[u8], written: &[u8], indent: usize, start: u32) -> Option<Vec<u32>> {
    let quote = written
        .first()
        .copied()
        .filter(|byte| matches!(byte, b'"' | b'\''));
    let mut at = usize::from(quote.is_some());
    let mut offsets = Vec::with_capacity(inner.len() + 1);
    for &byte in inner {
        offsets.push(start + u32::try_from(at).ok()?);
        at += match (byte, quote, written.get(at..)?) {
            (b'\'', Some(b'\''), [b'\'', b'\'', ..]) => 2,
            (b'"' | b'\\', Some(b'"'), [b'\\', escaped, ..]) if *escaped == byte => 2,
            (b'\n', Some(b'"'), [b'\\', b'n', ..]) => 2,
            (b'\t', Some(b'"'), [b'\\', b't', ..]) => 2,
            (b'\n', None, [b'\n', rest @ ..]) => 1 + indentation(rest, indent),
            (b'\n', None, [b'\r', b'\n', rest @ ..]) => 2 + indentation(rest, indent),
            // Folded: one newline and the indentation after it stand for a space.
            (b' ', None, [b'\n', rest @ ..]) => 1 + indentation(rest, indent),
            // The last newline of a block scalar, which ends with the file.
            (b'\n', None, []) => 0,
            (_, Some(b'"'), [b'\\', ..]) => return None,
            (_, _, [same, ..]) if *same == byte => 1,
            _ => return None,
        };
    }
    offsets.push(start + u32::try_from(at).ok()?);
    Some(offsets)
}

/// How much of the next line is indentation.
fn indentation(line: &[u8], indent: usize) -> usize {
    line.iter()
        .take(indent)
        .take_while(|&&byte| byte == b' ')
        .count()
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn finds_each_byte_where_it_is_written() {
        // (name, text, how it is written, indentation)
        let cases = [
            ("literal", "a: 1\n  b\n\nc\n", "a: 1\n    b\n\n  c\n", 2),
            ("literal, CRLF", "a\nb\n", "a\r\n  b\r\n", 2),
            ("folded", "a b\n", "a\n  b\n", 2),
            ("plain", "a: 1", "a: 1", 4),
            ("double-quoted", "a\n\"b\"", "\"a\\n\\\"b\\\"\"", 4),
            ("single-quoted", "it's", "'it''s'", 4),
        ];
        for (name, text, written, indent) in cases {
            let offsets = align(text.as_bytes(), written.as_bytes(), indent, 0).expect(name);
            assert_eq!(offsets.len(), text.len() + 1, "{name}");
            for (byte, offset) in text
                .bytes()
                .zip(&offsets)
                .filter(|(byte, _)| byte.is_ascii_alphanumeric())
            {
                assert_eq!(written.as_bytes()[*offset as usize], byte, "{name}");
            }
        }
    }

    #[test]
    fn gives_up_where_it_cannot_know() {
        assert_eq!(align(b"\xc3\xa9", b"\"\\u00e9\"", 0, 0), None);
        assert_eq!(align(b"abc", b"abx", 0, 0), None);
    }
}
