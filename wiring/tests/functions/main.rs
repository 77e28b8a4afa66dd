//! Virtual functions without hardware: a directory tree stands for sysfs. The real ones are in `tests/vf`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choosing;
mod driver;
mod interrupts;
mod reading;
mod reset;
mod tree;
