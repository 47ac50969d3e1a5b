//! Wall time that follows tokio's clock, so that paused time in a test pauses this too.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A wall clock read once and carried on by tokio's monotonic one. Each runtime with paused time makes
/// its own; the process shares one through `wall_now`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Duration,
    at: Instant,
}

impl Clock {
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall, at: Instant::now() }
    }

    /// Time since the Unix epoch.
    pub fn now(&self) -> Duration {
        let now = Instant::now();
        // Of several runtimes with paused time one may stand before the other.
        match now.checked_duration_since(self.at) {
            Some(since) => self.wall + since,
            None => self.wall.saturating_sub(self.at.duration_since(now)),
        }
    }

    pub fn now_nanos(&self) -> u64 {
        u64::try_from(self.now().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Time since the Unix epoch, by the clock of the process.
pub fn wall_now() -> Duration {
    Duration::from_nanos(wall_nanos())
}

/// Nanoseconds since the Unix epoch, by the clock of the process.
pub fn wall_nanos() -> u64 {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    CLOCK.get_or_init(Clock::start).now_nanos()
}
