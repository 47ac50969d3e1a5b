//! Traces that are fetched before anybody waits for them: those whose ids somebody sends ahead, and kept ones that many
//! ask for, before their time ends. Within a budget, and never with another plan than that of whoever wants it.

use std::sync::Arc;

use futures::FutureExt;

use super::by_id::{Ask, Federation};
use super::flights::Seat;
use crate::cache::HotKey;
use crate::model::{Mode, TraceId, TraceQuery};
use crate::task::Deadline;
use crate::telemetry::metrics::cache::Prewarm;

/// Why a trace is not fetched ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAhead {
    /// It is there already.
    IsKept,
    /// Nothing is kept of what these regions say, so there would be nothing for later.
    NothingIsKept,
    /// As many were fetched in this minute as may be.
    Spent,
}

impl NotAhead {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IsKept => "is_kept",
            Self::NothingIsKept => "nothing_is_kept",
            Self::Spent => "spent",
        }
    }
}

impl Federation {
    /// Begins to fetch a trace as this caller would see it.
    pub fn fetch_ahead(self: &Arc<Self>, id: TraceId) -> Result<(), NotAhead> {
        if !self.keeps() {
            return Err(NotAhead::NothingIsKept);
        }
        let ask = self.ask_ahead(TraceQuery::of(id), false);
        let key = self.key(&ask);
        if self.memory.traces.get(&key).is_some() {
            return Err(NotAhead::IsKept);
        }
        let counts = self.memory.traces.counts();
        if !self.memory.budget.take() {
            counts.prewarmed(Prewarm::Refused);
            return Err(NotAhead::Spent);
        }
        counts.prewarmed(Prewarm::Asked);
        self.fetch(ask.query, false, key, false);
        Ok(())
    }

    /// Fetches anew what is kept.
    pub(super) fn renew(self: &Arc<Self>, ask: &Ask, key: HotKey) {
        if self.memory.budget.take() {
            self.memory.traces.counts().prewarmed(Prewarm::Refreshed);
            self.fetch(ask.query.clone(), ask.adjusts_skew, key, true);
        }
    }

    /// Behind everything, as soon as there is a place.
    fn fetch(self: &Arc<Self>, query: TraceQuery, adjusts_skew: bool, key: HotKey, is_anew: bool) {
        let federation = self.clone();
        self.memory.ahead.spawn(async move {
            let Ok(_place) = federation.memory.budget.places().acquire_owned().await else { return };
            let ask = federation.ask_ahead(query, adjusts_skew);
            let begin = |seat: Arc<Seat>| {
                let (federation, ask, key) = (federation.clone(), ask.clone(), key.clone());
                async move {
                    if !is_anew {
                        return Arc::new(federation.fly(ask, Vec::new(), seat, Some(key)).await);
                    }
                    let before = federation.before(&key).await;
                    let ended = federation.fly_to_regions(ask, Vec::new(), seat, Some((key, before)));
                    Arc::new(ended.await)
                }
                .boxed()
            };
            let (flight, _) = federation.flights.join(key.clone(), ask.deadline, begin);
            flight.work.clone().await;
        });
    }

    fn ask_ahead(&self, query: TraceQuery, adjusts_skew: bool) -> Ask {
        Ask {
            query,
            mode: Mode::BestEffort,
            deadline: Deadline::starting_now(self.settings.deadline),
            adjusts_skew,
            filter: None,
            may_use_recent_miss: false,
        }
    }
}
