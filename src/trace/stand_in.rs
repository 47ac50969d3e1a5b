//! Spans of the gateway's own in a partial trace: one for each region that is missing, and stand-ins
//! for absent parents that keep the tree whole. All are marked `tutti.synthetic`.

use bytes::Bytes;
use std::collections::BTreeMap;

use super::index::{Flags, scan};
use super::join::{JoinError, Joined};
use super::own_keys;
use super::tree::{Parent, Tree};
use crate::model::TraceId;
use crate::wire::otlp::{
    Value, kind, put_attribute, resource, resource_spans, scope, scope_spans, span, status, trace,
};
use crate::wire::protobuf::{WireError, put_bytes_field, put_fixed64_field, put_message, put_varint_field};

/// Stand-ins for absent parents in one trace; more would be noise, and are counted in the report.
pub const STAND_INS_MAX: usize = 1_000;

/// The rank of what the gateway itself adds: no region.
pub const GATEWAY_RANK: u16 = u16::MAX;

/// A region of which something is missing, as the trace shall say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRegion<'a> {
    pub name: &'a str,
    /// The status as the report says it (`timeout`, ...).
    pub status: &'a str,
    /// In how many seconds it is worth looking again, where it is still waited for.
    pub look_again: Option<u64>,
    /// What a person reads as the span's name.
    pub sentence: String,
}

/// What to add.
#[derive(Debug, Clone, Default)]
pub struct StandIns<'a> {
    pub missing: Vec<MissingRegion<'a>>,
    pub parents: bool,
    pub regions: bool,
}

/// An absent parent and the span of time its children take.
#[derive(Debug, Clone, Copy)]
struct Absent {
    id: u64,
    start: u64,
    end: u64,
}

/// Adds the gateway's spans to a joined trace; true if any were.
pub fn add(joined: &mut Joined, tree: &Tree, id: &TraceId, wanted: &StandIns<'_>) -> Result<bool, JoinError> {
    let Some(bounds) = bounds(joined) else { return Ok(false) };
    let root = root(joined, tree);
    let absent = if wanted.parents { absent_parents(joined, tree) } else { Vec::new() };
    let missing: &[MissingRegion<'_>] = if wanted.regions { &wanted.missing } else { &[] };
    if absent.is_empty() && missing.is_empty() {
        return Ok(false);
    }
    // Without a root the first stand-in is the top, and the rest hangs below it.
    let top = root.map(|(id, ..)| id).or_else(|| absent.first().map(|absent| absent.id));
    let (_, start, end) = root.filter(|root| root.1 > 0).unwrap_or((0, bounds.0, bounds.1));
    let mut spans = Vec::new();
    for place in &absent {
        let suspected = if let [only] = wanted.missing.as_slice() { Some(only.name) } else { None };
        let parent = top.filter(|top| *top != place.id);
        put_message(&mut spans, scope_spans::SPANS, |out| put_placeholder(out, id, place, parent, suspected));
    }
    for region in missing {
        let own = free_id(joined, id, region.name);
        let put = |out: &mut Vec<u8>| put_missing(out, id, own, top, (start, end), region);
        put_message(&mut spans, scope_spans::SPANS, put);
    }
    let chunk = scan(Bytes::from(wrapped(&spans)), None).map_err(|_| WireError::CutOff)?;
    joined.append(GATEWAY_RANK, chunk)?;
    Ok(true)
}

fn wrapped(spans: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, trace::RESOURCE_SPANS, |batch| {
        put_message(batch, resource_spans::RESOURCE, |own| {
            put_attribute(own, resource::ATTRIBUTES, "service.name", Value::String("tutti"));
        });
        put_message(batch, resource_spans::SCOPE_SPANS, |body| {
            put_message(body, scope_spans::SCOPE, |own| put_bytes_field(own, scope::NAME, b"tutti"));
            body.extend_from_slice(spans);
        });
    });
    out
}

fn put_head(out: &mut Vec<u8>, trace: &TraceId, id: u64, parent: Option<u64>, name: &str, times: (u64, u64)) {
    put_bytes_field(out, span::TRACE_ID, trace.as_bytes());
    put_bytes_field(out, span::SPAN_ID, &id.to_be_bytes());
    if let Some(parent) = parent {
        put_bytes_field(out, span::PARENT_SPAN_ID, &parent.to_be_bytes());
    }
    put_bytes_field(out, span::NAME, name.as_bytes());
    put_varint_field(out, span::KIND, kind::INTERNAL as u64);
    put_fixed64_field(out, span::START_TIME, times.0);
    put_fixed64_field(out, span::END_TIME, times.1.max(times.0));
    put_attribute(out, span::ATTRIBUTES, own_keys::SYNTHETIC, Value::Bool(true));
}

fn put_placeholder(
    out: &mut Vec<u8>,
    trace: &TraceId,
    place: &Absent,
    parent: Option<u64>,
    suspected: Option<&str>,
) {
    let name = match suspected {
        Some(region) => format!("span in {region} (unavailable)"),
        None => "span in a missing region (unavailable)".to_owned(),
    };
    put_head(out, trace, place.id, parent, &name, (place.start, place.end));
    put_attribute(out, span::ATTRIBUTES, own_keys::PLACEHOLDER, Value::Bool(true));
    if let Some(region) = suspected {
        put_attribute(out, span::ATTRIBUTES, own_keys::MISSING_REGION, Value::String(region));
    }
    put_message(out, span::STATUS, |_| {});
}

fn put_missing(
    out: &mut Vec<u8>,
    trace: &TraceId,
    id: u64,
    parent: Option<u64>,
    times: (u64, u64),
    region: &MissingRegion<'_>,
) {
    put_head(out, trace, id, parent, &format!("⚠ {}", region.sentence), times);
    put_attribute(out, span::ATTRIBUTES, own_keys::MISSING_REGION, Value::String(region.name));
    put_attribute(out, span::ATTRIBUTES, own_keys::MISSING_STATUS, Value::String(region.status));
    if let Some(seconds) = region.look_again {
        let seconds = Value::Int(i64::try_from(seconds).unwrap_or(i64::MAX));
        put_attribute(out, span::ATTRIBUTES, own_keys::LOOK_AGAIN_S, seconds);
    }
    put_message(out, span::STATUS, |body| {
        put_bytes_field(body, status::MESSAGE, region.sentence.as_bytes());
        put_varint_field(body, status::CODE, status::CODE_ERROR);
    });
}

/// First start and last end.
fn bounds(joined: &Joined) -> Option<(u64, u64)> {
    joined.spans().fold(None, |bounds, (_, span)| match bounds {
        None => Some((span.start, span.end.max(span.start))),
        Some((start, end)) => Some((earlier(start, span.start), end.max(span.end))),
    })
}

/// The earlier of two starts. Zero is no time but the want of one, and viewers leave out what starts there.
fn earlier(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

/// Id and times of the first root.
fn root(joined: &Joined, tree: &Tree) -> Option<(u64, u64, u64)> {
    joined
        .spans()
        .filter(|(index, span)| tree.parent(*index) == Parent::Root && !span.flags.has(Flags::ODD_ID))
        .min_by_key(|(index, span)| (span.start, *index))
        .map(|(_, span)| (span.id, span.start, span.end))
}

/// Absent parents by the first start among their children. Parents whose id is no id cannot stand.
fn absent_parents(joined: &Joined, tree: &Tree) -> Vec<Absent> {
    let mut absent: BTreeMap<u64, Absent> = BTreeMap::new();
    for (index, child) in joined.spans() {
        if tree.parent(index) != Parent::Missing || parent_is_odd(joined.body(child)) {
            continue;
        }
        let place = absent.entry(child.parent).or_insert(Absent {
            id: child.parent,
            start: child.start,
            end: child.end,
        });
        place.start = earlier(place.start, child.start);
        place.end = place.end.max(child.end);
    }
    let mut places: Vec<Absent> = absent.into_values().collect();
    places.sort_by_key(|place| (place.start, place.id));
    places.truncate(STAND_INS_MAX);
    places
}

fn parent_is_odd(body: &[u8]) -> bool {
    super::span::bytes_field(body, span::PARENT_SPAN_ID).len() != 8
}

/// An id that no span of the trace has, the same for each asking.
fn free_id(joined: &Joined, trace: &TraceId, region: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(trace.as_bytes()).update(region.as_bytes());
    let mut id = 0u64;
    for byte in hasher.finalize().as_bytes().iter().take(8) {
        id = (id << 8) | u64::from(*byte);
    }
    while id == 0 || joined.ids.find(id, &joined.spans).next().is_some() {
        id = id.wrapping_add(1);
    }
    id
}
