//! What was shown against what was written: one verdict for each check. Pure.

use std::cmp::Ordering;

use serde_json::Value;

use super::seen;
use crate::demo::{Planted, PlantedKind, PlantedSpan};
use crate::model::{RegionName, TraceId};

/// Characters of what a refusal says.
const LINE_MAX: usize = 400;

/// What is asked of each trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// By id.
    Trace,
    /// By the service that its spans have.
    Search,
    /// By a relation of spans that lie in different regions.
    Structure,
    /// How many spans it has.
    Metrics,
    /// The same as a series over time, which graphs and alert rules ask for.
    Range,
    /// Values of the attribute that holds the canary.
    Values,
    /// Whether a condition on the canary finds its trace.
    Oracle,
}

impl Check {
    pub const ALL: [Self; 7] =
        [Self::Trace, Self::Search, Self::Structure, Self::Metrics, Self::Range, Self::Values, Self::Oracle];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Search => "search",
            Self::Structure => "structure",
            Self::Metrics => "metrics",
            Self::Range => "range",
            Self::Values => "values",
            Self::Oracle => "oracle",
        }
    }

    /// What not every gateway answers over all of its regions.
    fn is_of_metrics(self) -> bool {
        matches!(self, Self::Metrics | Self::Range)
    }
}

/// What came of one question. The texts say of spans and regions, and repeat no value that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// As it was written, and only when it was asked for again: what was missing before.
    Late(String),
    /// Something is missing, and the answer says so.
    Partial(String),
    /// Something is missing, and the answer says that it is whole.
    Missing(String),
    /// What spans that are still on their way cannot explain.
    Wrong(String),
    Leaked(String),
    /// The gateway says that it answers nothing of this kind over its regions, in these words.
    NotOffered(String),
    Refused(String),
    Unreachable(String),
}

impl Verdict {
    /// The words of `as_str`.
    pub const WORDS: [&'static str; 9] =
        ["good", "late", "partial", "missing", "wrong", "leaked", "not_offered", "refused", "unreachable"];

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Late(_) => "late",
            Self::Partial(_) => "partial",
            Self::Missing(_) => "missing",
            Self::Wrong(_) => "wrong",
            Self::Leaked(_) => "leaked",
            Self::NotOffered(_) => "not_offered",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
        }
    }

    pub fn why(&self) -> &str {
        match self {
            Self::Good => "",
            Self::Late(why)
            | Self::Partial(why)
            | Self::NotOffered(why)
            | Self::Missing(why)
            | Self::Wrong(why)
            | Self::Leaked(why)
            | Self::Refused(why)
            | Self::Unreachable(why) => why,
        }
    }

    /// Whether asking again can come to something better: spans may still arrive. What was shown cannot be taken back,
    /// and that it is shown rightly a moment later makes it no better.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Good | Self::Late(_) | Self::NotOffered(_) | Self::Leaked(_) | Self::Wrong(_))
    }

    /// What it comes to, after what came of the same question before. Only what was missing can be late: a gateway
    /// that refused or was gone a moment ago has not kept anybody waiting for spans.
    pub fn after(self, earlier: Option<Self>) -> Self {
        match (earlier, self) {
            (Some(Self::Partial(why) | Self::Missing(why)), Self::Good) => Self::Late(why),
            (Some(Self::Refused(why)), Self::Good) => Self::Refused(and_then_answered(&why)),
            (Some(Self::Unreachable(why)), Self::Good) => Self::Unreachable(and_then_answered(&why)),
            (_, now) => now,
        }
    }

    /// Of two that left a question open, the one that says more against the gateway.
    pub fn or_worse(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier @ (Self::Refused(_) | Self::Unreachable(_))) => earlier,
            _ => self,
        }
    }
}

fn and_then_answered(why: &str) -> String {
    format!("{why}; answered when it was asked again")
}

/// An answer as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    /// By its headers.
    pub said: Said,
    pub body: String,
}

/// What an answer says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub outcome: String,
    /// Regions that did not answer as they should, with what is said of them.
    pub lacking: Vec<String>,
}

impl Said {
    fn is_whole(&self) -> bool {
        matches!(self.outcome.as_str(), "" | "complete")
    }

    /// Everything that was written is there.
    fn whole(&self) -> Verdict {
        if self.is_whole() { Verdict::Good } else { Verdict::Partial(self.lacking.join(", ")) }
    }

    /// What is not there: said to be missing, or not.
    fn absent(&self, what: String) -> Verdict {
        if self.is_whole() {
            return Verdict::Missing(what);
        }
        Verdict::Partial(format!("{what} (the answer says: {})", self.lacking.join(", ")))
    }
}

/// The verdict on one answer.
pub(super) fn judge(check: Check, reply: &Reply, planted: &Planted, regions: &[RegionName]) -> Verdict {
    if reply.body.contains(&planted.canary) {
        return Verdict::Leaked("the canary is shown as it was written".to_owned());
    }
    let is_guarded = matches!(check, Check::Values | Check::Oracle);
    match reply.status {
        200 => {}
        // A question about what may not be seen is best refused.
        403 if is_guarded => return Verdict::Good,
        501 if check.is_of_metrics() => return Verdict::NotOffered(first_line(&reply.body)),
        404 if check == Check::Trace => return reply.said.absent("the trace is not found".to_owned()),
        status => return Verdict::Refused(format!("HTTP {status}")),
    }
    match check {
        Check::Trace => trace(reply, planted, regions),
        Check::Search => row(reply, planted, None),
        Check::Structure => row(reply, planted, Some(answers(planted))),
        Check::Metrics => count(reply, planted, value),
        Check::Range => count(reply, planted, |series| of_the_round(series, planted.round_end)),
        Check::Values => Verdict::Good,
        Check::Oracle if found(reply, planted).is_some() => {
            Verdict::Leaked("a condition on the canary finds its trace".to_owned())
        }
        Check::Oracle => Verdict::Good,
    }
}

/// Services that were called by one of another region.
pub(super) fn answers(planted: &Planted) -> usize {
    let is_answer = |span: &&PlantedSpan| span.kind == PlantedKind::Server && span.parent.is_some();
    planted.spans.iter().filter(is_answer).count()
}

fn trace(reply: &Reply, planted: &Planted, regions: &[RegionName]) -> Verdict {
    let Some(mut seen) = seen::trace(&reply.body) else {
        return Verdict::Wrong("the answer is no trace with its report".to_owned());
    };
    let (mut absent, mut differing) = (Vec::new(), Vec::new());
    for span in &planted.spans {
        let region = regions.get(span.region).map_or("", RegionName::as_str);
        match seen.spans.remove(&span.id[..]) {
            None => absent.push(region),
            Some(shown) => differing.extend(difference(span, &shown, region)),
        }
    }
    if let Some(first) = differing.first() {
        return Verdict::Wrong(first.clone());
    }
    if seen.has_twins {
        return Verdict::Wrong("a span stands twice".to_owned());
    }
    if !seen.spans.is_empty() {
        return Verdict::Wrong(format!("{} spans that nobody wrote", seen.spans.len()));
    }
    if absent.is_empty() {
        return seen.said.whole();
    }
    let count = absent.len();
    absent.dedup();
    seen.said.absent(format!("{count} of {} spans, of {}", planted.spans.len(), absent.join(", ")))
}

/// How a span is shown otherwise than it was written. Of one that was treated, names and texts may differ.
fn difference(span: &PlantedSpan, shown: &seen::SeenSpan, region: &str) -> Option<String> {
    let wrong = |what: &str| Some(format!("a span of {region} has another {what}"));
    if shown.parent != span.parent.map(|id| id.to_vec()).unwrap_or_default() {
        return wrong("parent");
    }
    if (shown.start, shown.end) != (span.start, span.end) {
        return wrong("time");
    }
    if shown.kind != span.kind.as_str() {
        return wrong("kind");
    }
    // A gateway may be told not to say it.
    if !shown.region.is_empty() && shown.region != region {
        return wrong("region");
    }
    if shown.is_treated {
        return None;
    }
    if shown.name != span.name {
        return wrong("name");
    }
    let differs = |(key, value): &&(String, String)| shown.texts.get(key) != Some(value);
    match span.attributes.iter().find(differs) {
        Some((key, _)) => wrong(&format!("`{key}`, and nothing says that it was treated")),
        None => None,
    }
}

/// The row of this trace.
fn found(reply: &Reply, planted: &Planted) -> Option<Value> {
    let document: Value = serde_json::from_str(&reply.body).ok()?;
    let rows = document.get("traces")?.as_array()?;
    let is_it = |row: &&Value| {
        let id = row.get("traceID").and_then(Value::as_str).unwrap_or_default();
        TraceId::parse(id).is_ok_and(|id| id == planted.trace)
    };
    rows.iter().find(is_it).cloned()
}

fn row(reply: &Reply, planted: &Planted, matched: Option<usize>) -> Verdict {
    let Some(row) = found(reply, planted) else {
        return reply.said.absent("the trace is not among the rows".to_owned());
    };
    let (start, duration) = (number(row.get("startTimeUnixNano")), number(row.get("durationMs")));
    if (start, duration) != (planted.start(), (planted.end() - planted.start()) / 1_000_000) {
        return if is_of_fewer(planted, start, duration) {
            reply.said.absent("the row is of fewer spans than were written".to_owned())
        } else {
            Verdict::Wrong("the row has times that no part of the trace has".to_owned())
        };
    }
    let Some(expected) = matched else { return reply.said.whole() };
    let sets = row.get("spanSets").and_then(Value::as_array);
    let shown: u64 = sets.into_iter().flatten().map(|set| number(set.get("matched"))).sum();
    match shown.cmp(&(expected as u64)) {
        Ordering::Equal => reply.said.whole(),
        Ordering::Less => {
            reply.said.absent(format!("the row matches by {shown} spans and not by {expected}"))
        }
        Ordering::Greater => {
            Verdict::Wrong(format!("the row matches by {shown} spans and not by {expected}"))
        }
    }
}

/// Whether these are the times of a part of the trace: it begins with one of the spans, and ends with one.
fn is_of_fewer(planted: &Planted, start: u64, duration_ms: u64) -> bool {
    let mut ends = planted.spans.iter().filter_map(|span| span.end.checked_sub(start));
    planted.spans.iter().any(|span| span.start == start) && ends.any(|nanos| nanos / 1_000_000 == duration_ms)
}

fn number(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(Value::Number(number)) => number.as_u64().unwrap_or_default(),
        _ => 0,
    }
}

/// The number of spans, by what each series says of it.
fn count(reply: &Reply, planted: &Planted, of: impl Fn(&Value) -> f64) -> Verdict {
    let document: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let Some(series) = document.get("series").and_then(Value::as_array) else {
        return reply.said.absent("no series".to_owned());
    };
    let shown: f64 = series.iter().map(of).sum();
    let written = planted.spans.len() as f64;
    if shown < written {
        return reply.said.absent(format!("{} of {written} spans are not counted", written - shown));
    }
    if shown > written {
        return Verdict::Wrong(format!("{shown} spans are counted where {written} were written"));
    }
    reply.said.whole()
}

/// Of a series without samples, or a sample without.
fn value(of: &Value) -> f64 {
    of.get("value").and_then(Value::as_f64).unwrap_or_default()
}

/// A sample stands at the end of its interval. Those around it are of other rounds of the same service.
fn of_the_round(series: &Value, round_end: u64) -> f64 {
    let samples = series.get("samples").and_then(Value::as_array).into_iter().flatten();
    samples.filter(|sample| number(sample.get("timestampMs")) == round_end * 1_000).map(value).sum()
}

/// What a refusal says, as far as one line shows it.
fn first_line(body: &str) -> String {
    let line = body.trim().lines().next().unwrap_or_default();
    line.chars().take(LINE_MAX).collect()
}
