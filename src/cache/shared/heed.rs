//! What other gateways had forgotten, heard from the memory that they share: whoever has something forgotten makes its
//! stamps anew, and with them the mark of the round. It is looked at every second, and where it is another, so are the
//! stamps; what lies in this process of traces whose stamps are new is then forgotten, too.
//!
//! A memory that is away costs nothing: it is left alone like for any other question. Until it is back nothing is heard,
//! and then all at once, since what the stamps were is remembered here.

use std::time::Duration;

use redis::Cmd;
use tokio::time::{Instant, sleep};

use super::{CONNECTED_AGAIN, REPLY_BYTES_MAX, STAMPS, Shared, WRITE_MAX, stamp_number};
use crate::model::TraceId;
use crate::task::Group;
use crate::telemetry::metrics::cache::{SharedOperation, SharedOutcome};

/// How often it is looked: so long another gateway may still show from its own memory what was forgotten.
pub const HEARD_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked for the first connection before it is looked as often as ever.
const EARLY_LOOKS: u32 = 100;

/// Of all stamps at once: 16 bytes each, and what stands around them.
const STAMPS_BYTES_MAX: usize = 16 << 10;

/// Traces that somebody had forgotten since it was looked last, and some that share their stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard(Vec<bool>);

impl Heard {
    pub fn is_of(&self, id: &TraceId) -> bool {
        self.0.get(usize::from(stamp_number(id))).copied().unwrap_or(true)
    }
}

type Bytes = Option<Vec<u8>>;

/// What was read last; nothing of what was before the first look is known.
#[derive(Debug, Default)]
struct Known(Option<(Bytes, Vec<Bytes>)>);

impl Known {
    /// What is other than it was.
    fn learn(&mut self, round: Bytes, stamps: Vec<Bytes>) -> Heard {
        let before = self.0.take().map(|(_, stamps)| stamps).unwrap_or_default();
        // One that is not there was thrown away: what was sealed under it is not believed, either.
        let is_new = |(nth, stamp): (usize, &Bytes)| before.get(nth) != Some(stamp);
        let heard = Heard(stamps.iter().enumerate().map(is_new).collect());
        self.0 = Some((round, stamps));
        heard
    }
}

impl Shared {
    /// Tells of what others had forgotten, for as long as the group lives. What this gateway has forgotten itself is
    /// told of, too.
    pub fn heed(&self, tasks: &Group, tell: impl Fn(&Heard) + Send + Sync + 'static) {
        let shared = self.clone();
        tasks.spawn(async move {
            let mut known = Known::default();
            for nth in 0u64.. {
                if let Some(heard) = shared.listen(&mut known).await {
                    tell(&heard);
                }
                let is_early = known.0.is_none() && nth < u64::from(EARLY_LOOKS);
                sleep(if is_early { CONNECTED_AGAIN } else { HEARD_EVERY }).await;
            }
        });
    }

    async fn listen(&self, known: &mut Known) -> Option<Heard> {
        let begun = Instant::now();
        let until = begun + WRITE_MAX;
        let looked = self.within(until, self.look(known, until)).await;
        let outcome = looked.as_ref().err().copied().unwrap_or(SharedOutcome::Done);
        let was_asked = !matches!(outcome, SharedOutcome::Paused | SharedOutcome::Unconnected);
        self.0.counts.shared(SharedOperation::Heed, outcome, was_asked.then(|| begun.elapsed()));
        let (round, stamps) = looked.ok().flatten()?;
        let heard = known.learn(round, stamps);
        heard.0.contains(&true).then_some(heard)
    }

    /// The round and its stamps, where it is another than the last.
    async fn look(
        &self,
        known: &Known,
        until: Instant,
    ) -> Result<Option<(Bytes, Vec<Bytes>)>, SharedOutcome> {
        // Before the stamps: what is made anew between the two is heard the next time.
        let round: Bytes = self.ask(&Cmd::get(self.round_name()), REPLY_BYTES_MAX, until).await?;
        if known.0.as_ref().is_some_and(|(before, _)| *before == round) {
            return Ok(None);
        }
        let names: Vec<String> = (0..STAMPS).map(|number| self.stamp_name_of(number)).collect();
        let stamps: Vec<Bytes> = self.ask(&Cmd::mget(&names[..]), STAMPS_BYTES_MAX, until).await?;
        if stamps.len() == usize::from(STAMPS) {
            Ok(Some((round, stamps)))
        } else {
            Err(SharedOutcome::Failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_that_are_new_gone_or_seen_first_are_heard_of_and_others_are_not() {
        let id = TraceId::from_bytes([7; 16]);
        let number = usize::from(stamp_number(&id));
        let with = |stamp: Bytes| {
            let mut stamps: Vec<Bytes> = vec![Some(vec![0; 16]); usize::from(STAMPS)];
            stamps[number] = stamp;
            stamps
        };
        let mut known = Known::default();
        let all = known.learn(None, with(None));
        assert!(all.0.iter().all(|is_new| *is_new), "nothing is known of what was before");
        for (stamp, is_new) in [
            (None, false),
            (Some(vec![1; 16]), true),
            (Some(vec![1; 16]), false),
            (Some(vec![2; 16]), true),
            (None, true),
        ] {
            let heard = known.learn(Some(vec![9]), with(stamp.clone()));
            assert_eq!(heard.is_of(&id), is_new, "{stamp:?}");
            assert_eq!(heard.0.iter().filter(|is_new| **is_new).count(), usize::from(is_new));
        }
    }
}
