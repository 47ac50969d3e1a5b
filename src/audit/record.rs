//! One record: what happened, who was it, what was asked, what was answered. Its schema is versioned and stands in
//! docs/audit.md; it has no place for a value of a span.

use std::borrow::Cow;

use tokio::time::Instant;

use super::entry::Entry;
use super::json::{Json, Map};
use super::tile::ENTRY_BYTES_MAX;
use super::token::Tokens;
use crate::model::{Caller, Proven, RegionName};
use crate::task::clock::wall_nanos;

/// The schema of the records.
pub const VERSION: u64 = 1;

/// Bytes of any text that comes from outside: a claim, a purpose.
const TEXT_BYTES_MAX: usize = 512;

/// Roles, groups and the like of one caller, and gateways on the way.
const LIST_MAX: usize = 64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event(Cow<'static, str>);

impl Event {
    /// A question and its answer.
    pub const QUERY: Self = Self(Cow::Borrowed("query"));
    /// An answer begins that comes bit by bit.
    pub const STREAM_START: Self = Self(Cow::Borrowed("stream.start"));
    pub const STREAM_END: Self = Self(Cow::Borrowed("stream.end"));
    /// A question that was not let in, or that its caller may not ask.
    pub const DENIED: Self = Self(Cow::Borrowed("denied"));
    /// Somebody has a trace forgotten, or all: before it is done.
    pub const FORGET: Self = Self(Cow::Borrowed("cache.forget"));
    pub const POLICY_RELOAD: Self = Self(Cow::Borrowed("policy.reload"));
    pub const START: Self = Self(Cow::Borrowed("start"));
    pub const STOP: Self = Self(Cow::Borrowed("stop"));
    /// The log could not be written for a while, and is again.
    pub const RESUMED: Self = Self(Cow::Borrowed("log.resumed"));
    /// Whether it can be written again.
    pub const TRIED: Self = Self(Cow::Borrowed("log.tried"));
    /// Records before one are no longer kept.
    pub const PRUNED: Self = Self(Cow::Borrowed("log.pruned"));
    /// The log itself was read through the gateway.
    pub const READ: Self = Self(Cow::Borrowed("audit.read"));
    /// A checkpoint of another gateway's log was signed.
    pub const WITNESS: Self = Self(Cow::Borrowed("audit.witness"));

    /// `break_glass.used` and what else becomes of a grant, by its whole name.
    pub const fn of_grant(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A record before it is written. What is not known is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub event: Event,
    pub who: Option<(Caller, Proven)>,
    /// The network it came from, and never the address.
    pub source: Option<String>,
    /// Grants that held.
    pub grants: Vec<String>,
    /// Route, mode, the query with tokens in place of its values.
    pub asked: Json,
    /// Digests of plan and policies, and the epoch of the keys of tokens.
    pub plan: Json,
    /// A map for each declared region.
    pub regions: Vec<Json>,
    /// Status, outcome, counts.
    pub answer: Json,
    /// What else there is to say of an event that is no question.
    pub details: Json,
}

impl Record {
    pub fn of(event: Event) -> Self {
        Self {
            event,
            who: None,
            source: None,
            grants: Vec::new(),
            asked: Json::Null,
            plan: Json::Null,
            regions: Vec::new(),
            answer: Json::Null,
            details: Json::Null,
        }
    }

    fn fields(&self) -> Map {
        let mut fields = Map::new();
        let mut put = |key: &str, value: Json| {
            if value != Json::Null {
                fields.insert(key.to_owned(), value);
            }
        };
        put("event", Json::text(self.event.as_str()));
        if let Some((caller, proven)) = &self.who {
            put("who", who(caller, proven));
            put("purpose", caller.purpose.as_deref().map_or(Json::Null, text));
        }
        put("source", self.source.as_deref().map_or(Json::Null, text));
        if !self.grants.is_empty() {
            put("grants", list(self.grants.iter()));
        }
        put("asked", self.asked.clone());
        put("plan", self.plan.clone());
        if !self.regions.is_empty() {
            put("regions", Json::List(self.regions.clone()));
        }
        put("answer", self.answer.clone());
        put("details", self.details.clone());
        fields
    }
}

/// Who it was, by their claims and by who vouches for them.
fn who(caller: &Caller, proven: &Proven) -> Json {
    let mut who =
        Map::from([("subject".to_owned(), text(&caller.subject)), ("by".to_owned(), text(proven.by.name()))]);
    for (key, of) in
        [("roles", &caller.roles), ("groups", &caller.groups), ("clearances", &caller.clearances)]
    {
        if !of.is_empty() {
            who.insert(key.to_owned(), list(of.iter()));
        }
    }
    let home = caller.home.as_ref().map(|home| text(home.as_str()));
    let voucher = proven.voucher.as_deref().map(text);
    for (key, value) in [("home", home), ("voucher", voucher), ("token", proven.token.as_deref().map(text))] {
        if let Some(value) = value {
            who.insert(key.to_owned(), value);
        }
    }
    if !proven.through.is_empty() {
        who.insert("through".to_owned(), list(proven.through.iter()));
    }
    Json::Map(who)
}

fn list<'t>(texts: impl Iterator<Item = &'t String>) -> Json {
    Json::List(texts.take(LIST_MAX).map(|of| text(of)).collect())
}

/// As much of a text as a record holds.
pub fn text(of: &str) -> Json {
    let end = (0..=TEXT_BYTES_MAX.min(of.len())).rev().find(|at| of.is_char_boundary(*at)).unwrap_or(0);
    Json::text(of.get(..end).unwrap_or_default())
}

/// What the records of one process have in common.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    region: String,
    /// Another one each time a process begins.
    instance: String,
    begun: Instant,
}

impl Stamp {
    pub fn new(region: &RegionName) -> Self {
        let instance = uuid::Uuid::new_v4().simple().to_string().chars().take(12).collect();
        Self { region: region.to_string(), instance, begun: Instant::now() }
    }

    /// The record with when and where it was. One that is too long loses its counts, and then its query.
    pub fn entry(&self, record: &Record, tokens: &Tokens) -> Entry {
        let mut fields = record.fields();
        let at = std::time::Duration::from_nanos(wall_nanos());
        let time = humantime::format_rfc3339_nanos(std::time::UNIX_EPOCH + at).to_string();
        let up_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        for (key, value) in [
            ("v", Json::Whole(VERSION)),
            ("time", Json::Text(time)),
            ("up_us", Json::Whole(up_us)),
            ("region", Json::text(&self.region)),
            ("instance", Json::text(&self.instance)),
            ("tokens", Json::text(tokens.name())),
        ] {
            fields.insert(key.to_owned(), value);
        }
        let entry = Entry::of(fields.clone());
        if entry.len() <= ENTRY_BYTES_MAX {
            return entry;
        }
        if let Some(Json::List(regions)) = fields.get_mut("regions") {
            regions.iter_mut().for_each(|region| {
                if let Json::Map(region) = region {
                    region.remove("treated");
                }
            });
        }
        fields.insert("cut".to_owned(), Json::Flag(true));
        let entry = Entry::of(fields.clone());
        if entry.len() <= ENTRY_BYTES_MAX {
            return entry;
        }
        for long in ["asked", "regions", "details"] {
            fields.remove(long);
        }
        Entry::of(fields)
    }
}
