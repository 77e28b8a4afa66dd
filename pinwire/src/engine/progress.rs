//! Which step is under way, how far it is, and how long each took.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// One finished step.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// What was done.
    pub step: &'static str,
    /// To how many things.
    pub count: usize,
    /// How long it took.
    #[serde(serialize_with = "milliseconds", rename = "milliseconds")]
    pub elapsed: Duration,
}

fn milliseconds<S: serde::Serializer>(
    elapsed: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1e6).round() / 1e3)
}

/// A progress bar on standard error, where that is a terminal, and a stopwatch.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    timings: Vec<Timing>,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg:>20} {bar:40} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self {
            bar,
            timings: Vec::new(),
        }
    }
}

impl Progress {
    /// Does one step of `count` things; `work` is given the bar to advance. A step of nothing is not listed.
    pub fn step<T>(
        &mut self,
        step: &'static str,
        count: usize,
        work: impl FnOnce(&ProgressBar) -> T,
    ) -> T {
        self.bar.set_message(step);
        self.bar.set_length(count as u64);
        self.bar.set_position(0);
        let start = Instant::now();
        let result = work(&self.bar);
        if count > 0 {
            let elapsed = start.elapsed();
            tracing::info!(count, ?elapsed, "{step}");
            self.timings.push(Timing {
                step,
                count,
                elapsed,
            });
        }
        result
    }

    /// Removes the bar from the screen; the steps in the order in which they were done.
    pub fn finish(self) -> Vec<Timing> {
        self.bar.finish_and_clear();
        self.timings
    }
}
