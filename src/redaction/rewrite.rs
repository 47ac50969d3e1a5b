//! Trace bytes through the policy of their region: what may not be seen is treated, the rest keeps its bytes, and
//! each resource is marked with where it comes from. Every span of a region passes here before it meets another
//! region's.

use std::sync::LazyLock;

use bytes::Bytes;

use super::by_key;
use super::engine::{self, Treated};
use super::redactor::Redactor;
use super::seal::{Raw, Redacted};
use crate::model::region::REGION_KEY;
use crate::model::{RegionName, TraceId};
use crate::policy::RegionPlan;
use crate::trace::index::{Chunk, Flags, ScanError, scan};
use crate::trace::own_keys::{CLOCK_ADJUSTED_MS, never_sent};
use crate::trace::size::message_bytes;
use crate::trace::span::{has_attribute, in_canonical_order, without_attributes};
use crate::wire::otlp::{Value as Added, put_attribute, resource, resource_spans, scope_spans, span, trace};
use crate::wire::protobuf::{WireError, put_bytes_field};

/// Says on a span or resource that something of it was treated.
pub const REDACTED_KEY: &str = "tutti.redacted";

static CLAIMED: LazyLock<memchr::memmem::Finder<'static>> =
    LazyLock::new(|| memchr::memmem::Finder::new(REDACTED_KEY));
/// Says on a resource that it is seen under a grant, and under which.
pub const BREAK_GLASS_KEY: &str = "tutti.break_glass";

/// What a resource cannot say of itself.
const CLAIMS: [&str; 3] = [REGION_KEY, CLOCK_ADJUSTED_MS, BREAK_GLASS_KEY];

/// Where a part comes from and what applies to it.
#[derive(Debug, Clone, Copy)]
pub struct RegionRules<'a> {
    pub region: &'a RegionName,
    pub plan: &'a RegionPlan,
    pub redactor: &'a Redactor,
    pub marks: Marks,
}

/// What the gateway adds to what it lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// The region on each resource; on what was treated, that it was.
    Every,
    /// As before, but the region only where a resource has no attribute at all.
    Bare,
    /// What was treated alone, for a gateway that says itself where it comes from.
    Treated,
    /// The region alone, as an attribute of each resource like any other: for queries that name it.
    Origin,
    /// Nothing: a query is about what the regions hold, and not about what is said of it on the way.
    None,
}

impl Marks {
    pub(super) fn says_what_was_treated(self) -> bool {
        matches!(self, Self::Every | Self::Bare | Self::Treated)
    }

    fn says_the_region(self) -> bool {
        matches!(self, Self::Every | Self::Bare | Self::Origin)
    }
}

/// A region's part of a trace as the caller may see it.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub chunk: Chunk,
    /// Values that were treated.
    pub treated: Treated,
}

impl View {
    /// What may be seen as a protobuf `TracesData`, with what the gateway adds, in the order in which it was sent.
    pub fn to_protobuf(&self) -> Vec<u8> {
        self.written(false)
    }

    /// The same with events and links as they stand in an assembled trace. Which spans need that is known here and
    /// not to whoever reads this.
    pub fn to_sorted_protobuf(&self) -> Vec<u8> {
        self.written(true)
    }

    fn written(&self, is_sorted: bool) -> Vec<u8> {
        let chunk = &self.chunk;
        let (mut scopes, mut spans) =
            (chunk.scopes.iter().zip(0u32..).peekable(), chunk.spans.iter().peekable());
        let mut out = Vec::new();
        for (batch, nth) in chunk.batches.iter().zip(0u32..) {
            let mut body = Vec::new();
            let resource = [chunk.buffer.get(batch.resource), chunk.buffer.get(batch.extra)].concat();
            put_bytes_field(&mut body, resource_spans::RESOURCE, &resource);
            while let Some((scope, nth)) = scopes.next_if(|(scope, _)| scope.batch == nth) {
                let mut inner = Vec::new();
                put_bytes_field(&mut inner, scope_spans::SCOPE, chunk.buffer.get(scope.scope));
                while let Some(span) = spans.next_if(|span| span.scope == nth) {
                    let body = chunk.buffer.get(span.body);
                    match is_sorted && span.flags.has(Flags::UNSORTED) {
                        true => put_bytes_field(&mut inner, scope_spans::SPANS, &in_canonical_order(body)),
                        false => put_bytes_field(&mut inner, scope_spans::SPANS, body),
                    }
                }
                inner.extend_from_slice(chunk.buffer.get(scope.tail));
                put_bytes_field(&mut body, resource_spans::SCOPE_SPANS, &inner);
            }
            body.extend_from_slice(chunk.buffer.get(batch.tail));
            put_bytes_field(&mut out, trace::RESOURCE_SPANS, &body);
        }
        out
    }

    /// Protobuf bytes of what may be seen, without what the gateway adds.
    pub fn bytes(&self) -> u64 {
        let Chunk { spans, scopes, batches, .. } = &self.chunk;
        message_bytes(batches, scopes, spans.iter()) as u64
    }
}

/// Opens what a region sent, checks it, applies the region's plan and marks its origin. Without an id, spans may be
/// of any trace.
pub fn trace(
    raw: Raw<Bytes>,
    id: Option<&TraceId>,
    rules: RegionRules<'_>,
) -> Result<Redacted<View>, ScanError> {
    let mut body = raw.open();
    // A plan for classes that are not known here cannot be followed: nothing of such a region may be seen.
    if matches!(rules.plan, RegionPlan::Ruled(ruled) if !rules.redactor.knows(ruled)) {
        body = Bytes::new();
    }
    // Looked for once in all bytes, since hardly any span claims anything.
    let is_claimed = memchr::memmem::find(&body, b"tutti.").is_some();
    let mut chunk = scan(body, id)?;
    let treated = match rules.plan {
        RegionPlan::Keys(keys) if rules.plan.withholds() => by_key::treat(&mut chunk, keys, rules.marks)?,
        RegionPlan::Ruled(ruled) if rules.plan.withholds() => {
            engine::treat(&mut chunk, rules.redactor, ruled, rules.marks)?
        }
        RegionPlan::AllowAll | RegionPlan::Keys(_) | RegionPlan::Ruled(_) => Treated::default(),
    };
    if rules.marks.says_the_region() {
        mark(&mut chunk, rules)?;
    }
    if is_claimed {
        take_claims_off_spans(&mut chunk, rules.marks)?;
    }
    Ok(Redacted::pass(View { chunk, treated }))
}

/// Says on a message that something of it was treated, where that is said.
pub(super) fn say_treated(body: &mut Vec<u8>, attributes: u32, marks: Marks) {
    if !marks.says_what_was_treated() {
        return;
    }
    // Hardly any message claims it, and to look for the word is quicker than to read every key.
    if CLAIMED.find(body).is_some()
        && let Some(honest) = without_attributes(body, attributes, &[REDACTED_KEY])
    {
        *body = honest;
    }
    put_attribute(body, attributes, REDACTED_KEY, Added::Bool(true));
}

/// Puts the region's name behind each resource, and takes away a name that came with it: a region
/// cannot say that it is another.
fn mark(chunk: &mut Chunk, rules: RegionRules<'_>) -> Result<(), WireError> {
    let mut name = Vec::new();
    put_attribute(&mut name, resource::ATTRIBUTES, REGION_KEY, Added::String(rules.region.as_str()));
    if let (Marks::Every, RegionPlan::Ruled(ruled)) = (rules.marks, rules.plan)
        && let Some(grant) = ruled.grant()
    {
        put_attribute(&mut name, resource::ATTRIBUTES, BREAK_GLASS_KEY, Added::String(grant));
    }
    let mark = chunk.buffer.add(&name)?;
    for batch in &mut chunk.batches {
        let body = chunk.buffer.get(batch.resource);
        if let Some(honest) = without_attributes(body, resource::ATTRIBUTES, &CLAIMS) {
            batch.resource = chunk.buffer.add(&honest)?;
        }
        if rules.marks == Marks::Origin {
            let whole = [chunk.buffer.get(batch.resource), &name].concat();
            batch.resource = chunk.buffer.add(&whole)?;
            continue;
        }
        // A resource with no attribute at all makes Grafana drop its spans.
        let is_bare = !has_attribute(chunk.buffer.get(batch.resource), resource::ATTRIBUTES, |_| true);
        if rules.marks == Marks::Every || is_bare {
            batch.extra = mark;
        }
    }
    Ok(())
}

/// A span that was played back, or made up, is none of the gateway's own. Without a scope, its own region would be found
/// before its resource's.
fn take_claims_off_spans(chunk: &mut Chunk, marks: Marks) -> Result<(), WireError> {
    let region = marks.says_the_region().then_some(REGION_KEY);
    let claims: Vec<&str> = never_sent().chain(region).collect();
    for span in &mut chunk.spans {
        let body = chunk.buffer.get(span.body);
        if let Some(honest) = without_attributes(body, span::ATTRIBUTES, &claims) {
            span.body = chunk.buffer.add(&honest)?;
        }
    }
    Ok(())
}
