//! On whose behalf a peer is asked, and for what: what a gateway says to another of whoever asks it. Knows no
//! signature and no format.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::caller::Caller;
use super::region::Jurisdiction;
use super::tags::TagsForm;

/// Who asks through this gateway, as it tells its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    pub caller: Arc<Caller>,
    /// The gateways that asked before this one, the nearest to the caller first.
    pub through: Vec<String>,
    /// The gateways that this one and those before it ask themselves about the same, each of which then leaves the
    /// regions of the others to them: so each region is asked once, however many gateways all ask each other.
    pub besides: BTreeSet<String>,
    /// Every jurisdiction that an answer passes on its way to the caller. What may not be seen in one of them is not
    /// sent.
    pub delivered: Vec<Jurisdiction>,
    /// Of the plan of this gateway, for the records of both.
    pub plan_digest: String,
    pub errand: Errand,
}

/// What becomes of an answer at the gateway that asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Errand {
    /// The question that this one is a part of. A region where the whole may not be asked is not asked a part of it.
    pub whole: Option<Whole>,
    /// Whether it is evaluated: nothing may then be said on a span but what the region holds.
    pub is_evaluated: bool,
}

/// A question as far as it takes rights: what it names, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whole {
    /// TraceQL: of a search, of metrics, of the filter of a trace.
    Query(String),
    /// The keys of the older form of a search.
    Keys(Vec<String>),
    /// Names of attributes, under a filter.
    Names { filter: Option<String>, form: TagsForm },
    /// Values of one attribute, under a filter.
    Values { name: String, filter: Option<String>, form: TagsForm },
}
