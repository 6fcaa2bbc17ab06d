//! How long work says how far it is, and hears that it should stop.
//!
//! A [`Progress`] is a cheap handle on shared counters: the worker writes, whoever waits reads a
//! [`Snapshot`] when it wants to draw, and either side can ask for the end of the work.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// Shared by the worker and whoever shows the progress; cloning shares.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
    message: Mutex<Cow<'static, str>>,
}

/// Where the work stands. `total` 0 means that the length is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub done: u64,
    pub total: u64,
    pub message: String,
}

impl Snapshot {
    /// Between 0 and 1; `None` while the length is not known.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

impl Progress {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a stage of `total` steps.
    pub fn stage(&self, message: impl Into<Cow<'static, str>>, total: u64) {
        self.0.done.store(0, Relaxed);
        self.0.total.store(total, Relaxed);
        self.message(message);
    }

    pub fn message(&self, message: impl Into<Cow<'static, str>>) {
        *self
            .0
            .message
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = message.into();
    }

    /// `steps` more are done; fails when the work should stop, so that `progress.step(1)?` is all a loop needs.
    #[inline]
    pub fn step(&self, steps: u64) -> Result<()> {
        self.0.done.fetch_add(steps, Relaxed);
        self.check()
    }

    pub fn cancel(&self) {
        self.0.cancelled.store(true, Relaxed);
    }

    #[inline]
    pub fn cancelled(&self) -> bool {
        self.0.cancelled.load(Relaxed)
    }

    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.cancelled() {
            Err(Error::cancelled())
        } else {
            Ok(())
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            done: self.0.done.load(Relaxed),
            total: self.0.total.load(Relaxed),
            message: self
                .0
                .message
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_step_stops_the_loop() {
        let progress = Progress::new();
        progress.stage("counting", 10);
        assert!(progress.step(1).is_ok());
        progress.clone().cancel();
        assert!(progress.step(1).unwrap_err().is_cancelled());
        assert_eq!(progress.snapshot().done, 2);
    }
}
