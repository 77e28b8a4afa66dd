//! Errors as one line of text. Not here: what can go wrong, which each room says for itself.

use std::error::Error;

/// All messages of an error and its causes.
pub fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    // Transparent errors say what their cause says.
    texts.dedup();
    texts.join(": ")
}
