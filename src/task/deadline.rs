//! One deadline travels down with a request. It only shrinks: a callee can take less time than it
//! was given, never more.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The beginning of a request: the only place where time is added.
    pub fn starting_now(allowed: Duration) -> Self {
        Self(Instant::now() + allowed)
    }

    /// The earlier of this deadline and `allowed` from now.
    #[must_use]
    pub fn at_most(self, allowed: Duration) -> Self {
        Self(self.0.min(Instant::now() + allowed))
    }

    /// This deadline less what the caller keeps for itself. Of little time it keeps half: who is asked through several
    /// gateways, each of which keeps something, is left some.
    #[must_use]
    pub fn less(self, reserve: Duration) -> Self {
        let kept = reserve.min(self.remaining() / 2);
        Self(self.0.checked_sub(kept).unwrap_or(self.0))
    }

    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn instant(self) -> Instant {
        self.0
    }
}
