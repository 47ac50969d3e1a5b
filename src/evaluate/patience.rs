//! How long whoever asks waits for one trace to be decided. A trace of 100,000 spans under a query of thousands of
//! stages takes long, and between two traces is too late to look.
//!
//! Knows no clock: whoever asks says when it is over.

use std::fmt;
use std::sync::Arc;

use crate::traceql::value::Failure;

/// Spans that are looked at between two looks at whether it is over: less than a few milliseconds of work.
const SPANS_BETWEEN: usize = 1024;

/// Until when a trace is looked at; without end by default.
#[derive(Clone, Default)]
pub struct Patience(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Patience {
    /// Until this says that it is over.
    pub fn until(is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_over)))
    }

    /// Fails where it is over.
    pub fn go_on(&self) -> Result<(), Failure> {
        match &self.0 {
            Some(is_over) if is_over() => Err(Failure::Stopped),
            _ => Ok(()),
        }
    }

    /// The same, now and again, for the span of this number.
    pub fn go_on_at(&self, number: usize) -> Result<(), Failure> {
        if number.is_multiple_of(SPANS_BETWEEN) { self.go_on() } else { Ok(()) }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("has_end", &self.0.is_some()).finish()
    }
}
