//! How far an import is, told while it runs.

use std::io::{self, Read};

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the archive's layers read.
    pub done: u64,
    /// Bytes of all of them.
    pub total: u64,
}

/// Counts bytes and reports them, not more often than every MiB.
pub(super) struct Meter<'a> {
    report: &'a mut dyn FnMut(Progress),
    done: u64,
    total: u64,
    told: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(report: &'a mut dyn FnMut(Progress)) -> Self {
        Self {
            report,
            done: 0,
            total: 0,
            told: 0,
        }
    }

    /// So many bytes more are to come.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// So many bytes more are done.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done - self.told >= 1 << 20 || self.done == self.total {
            self.told = self.done;
            (self.report)(Progress {
                done: self.done,
                total: self.total,
            });
        }
    }
}

/// A reader whose bytes are metered.
pub(super) struct Metered<'a, 'b, R> {
    inner: R,
    meter: &'a mut Meter<'b>,
}

impl<'a, 'b, R> Metered<'a, 'b, R> {
    pub(super) fn new(inner: R, meter: &'a mut Meter<'b>) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read> Read for Metered<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}
