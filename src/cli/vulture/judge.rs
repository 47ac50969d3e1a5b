//! What was shown against what was written: one verdict for each check. Pure.

use serde_json::Value;

use super::seen;
use crate::demo::{Planted, PlantedKind, PlantedSpan};
use crate::model::{RegionName, TraceId};

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
    /// Values of the attribute that holds the canary.
    Values,
    /// Whether a condition on the canary finds its trace.
    Oracle,
}

impl Check {
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Search, Self::Structure, Self::Metrics, Self::Values, Self::Oracle];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Search => "search",
            Self::Structure => "structure",
            Self::Metrics => "metrics",
            Self::Values => "values",
            Self::Oracle => "oracle",
        }
    }
}

/// What came of one question. The texts say of spans and regions, and repeat no value that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// Something is missing, and the answer says so.
    Partial(String),
    /// Something is missing, and the answer says that it is whole.
    Missing(String),
    Wrong(String),
    Leaked(String),
    /// The gateway answers nothing of this kind.
    NotOffered,
    Refused(String),
    Unreachable(String),
}

impl Verdict {
    /// The words of `as_str`, and of what was seen only when it was asked for again.
    pub const WORDS: [&'static str; 9] =
        ["good", "late", "partial", "missing", "wrong", "leaked", "not_offered", "refused", "unreachable"];

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Partial(_) => "partial",
            Self::Missing(_) => "missing",
            Self::Wrong(_) => "wrong",
            Self::Leaked(_) => "leaked",
            Self::NotOffered => "not_offered",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
        }
    }

    pub fn why(&self) -> &str {
        match self {
            Self::Good | Self::NotOffered => "",
            Self::Partial(why)
            | Self::Missing(why)
            | Self::Wrong(why)
            | Self::Leaked(why)
            | Self::Refused(why)
            | Self::Unreachable(why) => why,
        }
    }

    /// Whether asking again can come to something else: spans may still arrive. What was shown cannot be taken back.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Good | Self::NotOffered | Self::Leaked(_))
    }
}

/// An answer as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub status: u16,
    /// `Tutti-Outcome`.
    pub outcome: String,
    /// Of the regions whose status is not `ok`, from `Tutti-Regions`.
    pub lacking: Vec<String>,
    pub body: String,
}

impl Reply {
    fn is_whole(&self) -> bool {
        matches!(self.outcome.as_str(), "" | "complete")
    }

    /// What is not there: said to be missing, or not.
    fn absent(&self, what: String) -> Verdict {
        if self.is_whole() { Verdict::Missing(what) } else { Verdict::Partial(self.lacks(&what)) }
    }

    fn lacks(&self, what: &str) -> String {
        format!("{what} (the answer says: {})", self.lacking.join(", "))
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
        400..=499 if is_guarded => return Verdict::Good,
        501 => return Verdict::NotOffered,
        404 if check == Check::Trace => return reply.absent("the trace is not found".to_owned()),
        status => return Verdict::Refused(format!("HTTP {status}")),
    }
    match check {
        Check::Trace => trace(reply, planted, regions),
        Check::Search => row(reply, planted, None),
        Check::Structure => row(reply, planted, Some(answers(planted))),
        Check::Metrics => count(reply, planted),
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
    let is_whole = matches!(seen.outcome.as_str(), "" | "complete");
    if absent.is_empty() {
        return if is_whole { Verdict::Good } else { Verdict::Partial(seen.lacking.join(", ")) };
    }
    let count = absent.len();
    absent.dedup();
    let what = format!("{count} of {} spans, of {}", planted.spans.len(), absent.join(", "));
    if is_whole {
        Verdict::Missing(what)
    } else {
        Verdict::Partial(format!("{what} (the answer says: {})", seen.lacking.join(", ")))
    }
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
        return reply.absent("the trace is not among the rows".to_owned());
    };
    let number = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(Value::Number(number)) => number.as_u64().unwrap_or_default(),
        _ => 0u64,
    };
    // Fewer spans than were written make a shorter trace that begins later: what is missing shows here too.
    if number(row.get("startTimeUnixNano")) != planted.start() {
        return told_or_wrong(reply, "the row begins at another time");
    }
    if number(row.get("durationMs")) != (planted.end() - planted.start()) / 1_000_000 {
        return told_or_wrong(reply, "the row has another duration");
    }
    let Some(expected) = matched else { return whole(reply) };
    let sets = row.get("spanSets").and_then(Value::as_array);
    let shown: u64 = sets.into_iter().flatten().map(|set| number(set.get("matched"))).sum();
    if shown != expected as u64 {
        return told_or_wrong(reply, "the row matches by another number of spans");
    }
    whole(reply)
}

fn count(reply: &Reply, planted: &Planted) -> Verdict {
    let document: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let Some(series) = document.get("series").and_then(Value::as_array) else {
        return reply.absent("no series".to_owned());
    };
    let value = |series: &Value| series.get("value").and_then(Value::as_f64).unwrap_or_default();
    let shown: f64 = series.iter().map(value).sum();
    let written = planted.spans.len() as f64;
    if shown < written {
        return reply.absent(format!("{} of {written} spans are not counted", written - shown));
    }
    if shown > written {
        return Verdict::Wrong(format!("{shown} spans are counted where {written} were written"));
    }
    whole(reply)
}

fn whole(reply: &Reply) -> Verdict {
    if reply.is_whole() { Verdict::Good } else { Verdict::Partial(reply.lacking.join(", ")) }
}

/// Of an answer that says it is not whole, a row that differs is no surprise.
fn told_or_wrong(reply: &Reply, what: &str) -> Verdict {
    if reply.is_whole() { Verdict::Wrong(what.to_owned()) } else { Verdict::Partial(reply.lacks(what)) }
}
