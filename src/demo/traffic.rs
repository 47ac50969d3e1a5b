//! The shop's life: the last quarter of an hour at once, and then a request every half second for as
//! long as the demo runs, so that "last 15 minutes" is never empty.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Estate;

/// What the shop looks back on when the demo starts.
const BACKFILL: Duration = Duration::from_secs(15 * 60);

/// Time from one request to the next: two a second.
const PACE: Duration = Duration::from_millis(500);

/// Requests of the past that are made between two yields; each takes well under a millisecond.
const BACKFILL_BURST: u64 = 8;

/// How often the shown trace is sent again. Far below the age at which a region lets go.
const HERO_EVERY: Duration = Duration::from_secs(60);

/// Fills the regions and goes on for ever; the task it runs in is what ends it.
pub async fn traffic(estate: Arc<Estate>) {
    let began = Instant::now();
    let mut number = backfill(&estate).await;
    // Missed ticks, on a laptop that slept, are not made up for.
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut hero_sent = began;
    loop {
        pace.tick().await;
        estate.serve(number, Duration::ZERO);
        number = number.wrapping_add(1);
        if hero_sent.elapsed() >= HERO_EVERY {
            estate.refresh_hero();
            hero_sent = Instant::now();
        }
    }
}

/// Serves the requests of the past, the oldest first; how many there were.
async fn backfill(estate: &Estate) -> u64 {
    let mut number = 0;
    let mut ago = BACKFILL;
    while ago > PACE {
        estate.serve(number, ago);
        number += 1;
        ago -= PACE;
        if number % BACKFILL_BURST == 0 {
            // Whoever else runs here, the gateway's own start above all, gets its turn.
            tokio::task::yield_now().await;
        }
    }
    number
}
