//! What is remembered of traces, and how it is forgotten: because somebody wants it, or because another gateway was told
//! so and shares its memory with this one.

use super::by_id::Federation;
use super::flights::Flights;
use super::kept::Kept;
use super::soon::Soon;
use crate::cache::{HotTraces, Locality, RecentMisses};
use crate::model::TraceId;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    Here,
    HereAndShared,
    /// The shared memory could not be told.
    HereAlone,
}

/// All places of this process in which something of traces is remembered.
#[derive(Clone)]
pub(super) struct Remembered {
    traces: HotTraces<Kept>,
    flights: Flights,
    misses: RecentMisses,
    locality: Locality,
    soon: Soon,
}

impl Remembered {
    pub fn forget_all(&self) {
        self.traces.forget_all();
        self.flights.forget(|_| true);
        self.locality.forget_all();
        self.forget_what_names_several();
    }

    pub fn forget_where(&self, is_of: impl Fn(&TraceId) -> bool + Clone + Send + Sync + 'static) {
        self.traces.forget_where(is_of.clone());
        self.flights.forget(&is_of);
        self.locality.forget_where(is_of);
        self.forget_what_names_several();
    }

    fn forget_what_names_several(&self) {
        self.misses.forget_all();
        self.soon.forget_all();
    }
}

impl Federation {
    pub(super) fn remembered(&self) -> Remembered {
        Remembered {
            traces: self.memory.traces.clone(),
            flights: self.flights.clone(),
            misses: self.misses.clone(),
            locality: self.locality.clone(),
            soon: self.soon.clone(),
        }
    }

    /// Forgets one trace, or all, for everyone.
    pub async fn forget(&self, id: Option<TraceId>) -> Forgotten {
        // The shared memory first: what is read there before it is told is refused by the epoch below.
        let told = match &self.memory.shared {
            Some(shared) => Some(shared.forget(id.as_ref()).await),
            None => None,
        };
        match id {
            Some(id) => self.remembered().forget_where(move |of| *of == id),
            None => self.remembered().forget_all(),
        }
        match told {
            None => Forgotten::Here,
            Some(true) => Forgotten::HereAndShared,
            Some(false) => Forgotten::HereAlone,
        }
    }
}
