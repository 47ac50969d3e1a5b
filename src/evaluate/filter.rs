//! The `q` of trace by id v2: one `{ ... }` that says which spans of a trace are shown.
//!
//! Exactly Tempo's in-memory match, which is not its search: every span is asked, nothing is fetched by
//! conditions, and a filter that names events or links holds when one pair of an event and a link makes it
//! hold. Where Tempo's answer depends on how many spans came before (after a thousand it stops evaluating
//! the right side of a decided `&&` or `||`, and compiled patterns of one span leak into the next), this is
//! as for the first span; and a bad pattern behind a `||` is refused at once rather than when a span meets it.

use super::program::{Node, compile};
use super::span_view::{EventView, Holder, LinkView, SpanView};
use crate::traceql::ast::*;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::{Failure, Kind, Status, Value};
use crate::traceql::{self};
use std::borrow::Cow;

/// Pairs of an event and a link tried for one span; Tempo's number. A span with more may under-match.
const PAIRS_MAX: usize = 100_000;

/// Why a query cannot be such a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("invalid TraceQL filter: failed to parse TraceQL spanset filter: {0}")]
    Query(#[from] traceql::Error),
    #[error("invalid TraceQL filter: failed to parse TraceQL spanset filter: invalid regex: {0}")]
    Pattern(#[from] PatternError),
    #[error("invalid TraceQL filter: only a single TraceQL filter is supported: got {0}")]
    NotOneFilter(String),
    #[error("invalid TraceQL filter: intrinsic is not supported by this filter: \"{0}\"")]
    Intrinsic(&'static str),
}

/// A compiled filter.
#[derive(Debug)]
pub struct Filter {
    node: Node,
    /// Whether it names events or links, so that their pairs have to be tried.
    events: bool,
    links: bool,
    can_fail: bool,
}

impl Filter {
    /// Compiles the text, which must not be blank (a blank `q` is no filter).
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        let query = traceql::compile(text)?;
        let filter = only_filter(&query)?;
        let mut attributes = Vec::new();
        filter.field.attributes(&mut attributes);
        let mut of = (false, false);
        for attribute in attributes {
            match &attribute.name {
                AttributeName::Intrinsic(intrinsic) if !supported(*intrinsic) => {
                    return Err(FilterError::Intrinsic(intrinsic.word()));
                }
                AttributeName::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart)
                | AttributeName::Named { scope: Scope::Event, .. } => of.0 = true,
                AttributeName::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId)
                | AttributeName::Named { scope: Scope::Link, .. } => of.1 = true,
                _ => {}
            }
        }
        let node = compile(&filter.field)?;
        Ok(Self { can_fail: node.can_fail(), node, events: of.0, links: of.1 })
    }

    /// Whether the filter selects this span. A failure is one of the whole request, as in Tempo.
    pub fn matches<S: SpanView>(&self, span: &S) -> Result<bool, Failure> {
        if !self.events && !self.links {
            return self.holds::<S>(span, None, None);
        }
        // A side the filter does not name cannot change the answer, only repeat it.
        let events: Vec<_> = span.events().take(if self.events { PAIRS_MAX } else { 0 }).collect();
        let links: Vec<_> = span.links().take(if self.links { PAIRS_MAX } else { 0 }).collect();
        let events = some_or_none(&events);
        let links = some_or_none(&links);
        let (mut tried, mut matched) = (0, false);
        for event in events {
            for link in &links {
                if tried == PAIRS_MAX {
                    return Ok(matched);
                }
                tried += 1;
                matched |= self.holds::<S>(span, event, *link)?;
                if matched && !self.can_fail {
                    return Ok(true);
                }
            }
        }
        Ok(matched)
    }

    fn holds<'b, 's: 'b, S: SpanView + 's>(
        &self,
        span: &'b S,
        event: Option<&'b S::Event<'s>>,
        link: Option<&'b S::Link<'s>>,
    ) -> Result<bool, Failure> {
        let read = |name: &AttributeName| -> Value<'b> {
            match name {
                AttributeName::Intrinsic(intrinsic) => self::intrinsic(*intrinsic, span, event, link),
                AttributeName::Named { scope, key, .. } => match scope {
                    Scope::Span => span.attribute(Holder::Span, key),
                    Scope::Resource => span.attribute(Holder::Resource, key),
                    Scope::Instrumentation => span.attribute(Holder::Instrumentation, key),
                    Scope::Event => event.and_then(|event| event.attribute(key)),
                    Scope::Link => link.and_then(|link| link.attribute(key)),
                    // Not events and links, as in a search.
                    Scope::Any => [Holder::Span, Holder::Resource, Holder::Instrumentation]
                        .into_iter()
                        .find_map(|holder| span.attribute(holder, key)),
                }
                .unwrap_or(Value::Nil),
            }
        };
        Ok(self.node.run(&read)? == Value::Bool(true))
    }
}

/// The elements, or one that is missing.
fn some_or_none<T>(elements: &[T]) -> Vec<Option<&T>> {
    if elements.is_empty() { vec![None] } else { elements.iter().map(Some).collect() }
}

fn only_filter(query: &Query) -> Result<&SpansetFilter, FilterError> {
    let not_one = |got: &str| FilterError::NotOneFilter(got.to_owned());
    let pipeline = match &query.root {
        Root::Pipeline(pipeline) => pipeline,
        Root::Metrics(metrics) if has_math(metrics) => {
            return Err(not_one("a multi-stage pipeline or metrics query"));
        }
        Root::Metrics(_) => return Err(not_one("a metrics query")),
    };
    let needs_trace = pipeline.stages.iter().any(|stage| {
        matches!(
            stage,
            Stage::Scalar(_) | Stage::Spanset(SpansetExpr::Operation(_) | SpansetExpr::Pipeline(_))
        )
    });
    match pipeline.stages.as_slice() {
        _ if needs_trace => Err(not_one("a structural or aggregate query")),
        [Stage::Spanset(SpansetExpr::Filter(filter))] => Ok(filter),
        [Stage::By { .. }] => Err(not_one("a by() stage")),
        [_] => Err(not_one("a select() stage")),
        stages => Err(not_one(&format!("{} pipeline elements", stages.len()))),
    }
}

fn has_math(metrics: &MetricsExpr) -> bool {
    match metrics {
        MetricsExpr::Query { .. } => false,
        MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => has_math(input),
        MetricsExpr::Math { .. } => true,
    }
}

/// Those of the span itself; what belongs to the trace cannot be told from one span.
fn supported(intrinsic: Intrinsic) -> bool {
    match intrinsic {
        Intrinsic::Duration
        | Intrinsic::Name
        | Intrinsic::Status
        | Intrinsic::StatusMessage
        | Intrinsic::Kind
        | Intrinsic::SpanId
        | Intrinsic::ParentId
        | Intrinsic::EventName
        | Intrinsic::EventTimeSinceStart
        | Intrinsic::LinkSpanId
        | Intrinsic::LinkTraceId
        | Intrinsic::InstrumentationName
        | Intrinsic::InstrumentationVersion => true,
        Intrinsic::ChildCount
        | Intrinsic::Parent
        | Intrinsic::RootName
        | Intrinsic::RootServiceName
        | Intrinsic::TraceDuration
        | Intrinsic::TraceId
        | Intrinsic::NestedSetLeft
        | Intrinsic::NestedSetRight
        | Intrinsic::NestedSetParent => false,
    }
}

fn intrinsic<'b, 's: 'b, S: SpanView + 's>(
    intrinsic: Intrinsic,
    span: &'b S,
    event: Option<&'b S::Event<'s>>,
    link: Option<&'b S::Link<'s>>,
) -> Value<'b> {
    let text = |text: &'b str| Value::Text(Cow::Borrowed(text));
    // Times that run backwards wrap, as in Tempo's storage.
    let since_start = |time: u64| Value::Duration(time.wrapping_sub(span.start()) as i64);
    let known = match intrinsic {
        Intrinsic::Duration => Some(since_start(span.end())),
        Intrinsic::Name => Some(text(span.name())),
        Intrinsic::Status => Some(Value::Status(status_of(span.status()))),
        Intrinsic::StatusMessage => Some(text(span.status_message())),
        Intrinsic::Kind => Some(Value::Kind(kind_of(span.kind()))),
        Intrinsic::SpanId => Some(Value::Text(span_id_text(span.id()).into())),
        Intrinsic::ParentId => Some(Value::Text(span_id_text(span.parent_id()).into())),
        Intrinsic::EventName => event.map(|event| text(event.name())),
        Intrinsic::EventTimeSinceStart => event.map(|event| since_start(event.time())),
        Intrinsic::LinkTraceId => link.map(|link| Value::Text(trimmed_hex(link.trace_id()).into())),
        Intrinsic::LinkSpanId => link.map(|link| Value::Text(span_id_text(link.span_id()).into())),
        Intrinsic::InstrumentationName => span.scope_name().map(text),
        Intrinsic::InstrumentationVersion => span.scope_version().map(text),
        // Refused when the filter was compiled.
        _ => None,
    };
    known.unwrap_or(Value::Nil)
}

/// OTLP's status in TraceQL's numbers; unknown ones stay what they are.
pub fn status_of(otlp: i32) -> i64 {
    match otlp {
        0 => Status::Unset as i64,
        1 => Status::Ok as i64,
        2 => Status::Error as i64,
        other => i64::from(other),
    }
}

/// OTLP's kind in TraceQL's numbers; unknown ones stay what they are.
pub fn kind_of(otlp: i32) -> i64 {
    match otlp {
        2 => Kind::Server as i64,
        3 => Kind::Client as i64,
        other => i64::from(other),
    }
}

/// Hexadecimal without leading zeros.
pub(super) fn trimmed_hex(id: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).skip_while(|c| *c == '0').collect()
}

/// Sixteen digits, whatever the length was, and more only where they count.
pub(super) fn span_id_text(id: &[u8]) -> String {
    format!("{:0>16}", trimmed_hex(id))
}
