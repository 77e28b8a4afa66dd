//! A reader that stops at an allowance which others may renew meanwhile: against streams that unpack without end, and
//! against libraries that read whatever a header promises.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes that may still be read.
#[derive(Clone, Debug)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Rc::new(Cell::new(bytes)))
    }

    /// Replaces what is left.
    pub(super) fn set(&self, bytes: u64) {
        self.0.set(bytes);
    }
}

/// Fails when more than the allowance is read.
pub(super) struct Limited<R> {
    inner: R,
    left: Allowance,
}

impl<R: Read> Limited<R> {
    pub(super) fn new(inner: R, left: Allowance) -> Self {
        Self { inner, left }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.0.get();
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if buffer.is_empty() {
            return Ok(0);
        }
        if most == 0 {
            // The end of the stream is no excess.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    "more data than is allowed",
                )),
            };
        }
        let count = self.inner.read(&mut buffer[..most])?;
        self.left.0.set(left - count as u64);
        Ok(count)
    }
}
