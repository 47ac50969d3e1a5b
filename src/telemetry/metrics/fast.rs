//! Early answers: what they wait for, what goes on behind them, and what is known of where traces are.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// What came of waiting a little longer than an early answer has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The answer was whole then.
    Whole,
    /// It had more than before.
    More,
    Nothing,
}

/// What became of what an early answer did not wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remainder {
    /// Everything was there in the end.
    Landed,
    /// Something of it never came.
    Failed,
    /// Nobody waited for it: too much was in the air, or the gateway was given another configuration.
    Dropped,
}

/// Counted by the federation; clones count together.
#[derive(Debug, Clone, Default)]
pub struct FastFamilies {
    early: Counter,
    waits: Family<ResultLabels, Counter>,
    remainders: Family<ResultLabels, Counter>,
    known: Counter,
    skipped: Counter,
    narrowed: Counter,
    asked_again: Counter,
}

impl FastFamilies {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("early_answers", "Answers given while a region was still waited for", self.early.clone());
        let waits = "Early answers that waited longer for what was about to come, by what came of it";
        r.register("early_waits", waits, self.waits.clone());
        let remainders = "What early answers left in the air, by what became of it";
        r.register("early_remainders", remainders, self.remainders.clone());
        let known = "Lookups of traces of which it was known where they are";
        r.register("locality_hits", known, self.known.clone());
        let skipped = "Questions that were not put, since nothing is there";
        r.register("locality_skips", skipped, self.skipped.clone());
        let narrowed = "Questions that were put with the times of the trace";
        r.register("locality_narrowed", narrowed, self.narrowed.clone());
        let again = "Of those, such as were put again without";
        r.register("locality_asked_again", again, self.asked_again.clone());
    }

    pub fn early(&self) {
        self.early.inc();
    }

    pub fn waited(&self, waited: Waited) {
        let result = match waited {
            Waited::Whole => "whole",
            Waited::More => "more",
            Waited::Nothing => "nothing",
        };
        self.waits.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn remainder(&self, remainder: Remainder) {
        let result = match remainder {
            Remainder::Landed => "landed",
            Remainder::Failed => "failed",
            Remainder::Dropped => "dropped",
        };
        self.remainders.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn known(&self) {
        self.known.inc();
    }

    pub fn skipped(&self) {
        self.skipped.inc();
    }

    pub fn narrowed(&self) {
        self.narrowed.inc();
    }

    pub fn asked_again(&self) {
        self.asked_again.inc();
    }
}
