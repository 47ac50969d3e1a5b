//! Rows of a search by ids, read as spans; and whether they are all there is to know.

use std::collections::{HashMap, HashSet};

use super::{Holder, Key, NIL, Outline, SERVICE_NAME};
use crate::model::search::{SpanRow, SpanSet, TraceRow};
use crate::model::value::ShownValue;
use crate::traceql::columns::Takes;
use crate::wire::otlp;

const NANOS_PER_MS: u64 = 1_000_000;

/// What one region tells of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragment {
    pub(super) spans: Vec<Told>,
    /// Service and name; empty where the region knows none.
    root: (String, String),
}

/// What is told of one span.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub id: u64,
    /// 0 where it has none.
    pub parent: u64,
    /// In OTLP's numbers.
    pub kind: u64,
    pub status: u64,
    pub message: String,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub service: String,
    /// By the number of the key.
    pub of_span: Vec<(usize, ShownValue)>,
    pub of_resource: Vec<(usize, ShownValue)>,
}

impl Outline {
    /// What a row tells; nothing where it leaves anything open.
    pub fn read(&self, row: &TraceRow) -> Option<Fragment> {
        let spans: Vec<Told> = row.span_sets.iter().map(|set| self.span(set)).collect::<Option<_>>()?;
        let ids: HashSet<u64> = spans.iter().map(|span| span.id).collect();
        let start = spans.iter().map(|span| span.start).min()?;
        let end = spans.iter().map(|span| span.end).max()?;
        // Its own words on the whole must be those that its spans say.
        let is_whole = row.start == start && (end - start) / NANOS_PER_MS >= row.duration_ns / NANOS_PER_MS;
        let root = (row.root_service.clone(), row.root_name.clone());
        (ids.len() == spans.len() && is_whole && has_all_of_services(row, &spans))
            .then_some(Fragment { spans, root })
    }

    fn span(&self, set: &SpanSet) -> Option<Told> {
        let [row] = set.spans.as_slice() else { return None };
        let by: Vec<&ShownValue> = of_groups(set).collect();
        let [id, groups @ ..] = by.as_slice() else { return None };
        let id = id_of(id).filter(|id| *id != 0 && *id == u64::from_be_bytes(row.id))?;
        if set.matched != 1 || groups.len() != self.groups().count() {
            return None;
        }
        let end = i64::try_from(row.duration_ns).ok().and_then(|_| row.start.checked_add(row.duration_ns))?;
        let mut told = Told {
            id,
            parent: id_of(only(row, "span:parentID")?)?,
            kind: number_of(&KINDS, only(row, "kind")?)?,
            status: number_of(&STATUSES, only(row, "status")?)?,
            message: String::new(),
            name: row.name.clone(),
            start: row.start,
            end,
            service: String::new(),
            of_span: Vec::new(),
            of_resource: Vec::new(),
        };
        if self.reads_message {
            told.message = text_of(only(row, "statusMessage")?)?.to_owned();
        }
        self.values(row, groups, &mut told)?;
        // A resource without a name is shown like one whose name is empty, or no text.
        (told.start > 0 && i64::try_from(end).is_ok() && !told.service.is_empty()).then_some(told)
    }

    fn values(&self, row: &SpanRow, groups: &[&ShownValue], told: &mut Told) -> Option<()> {
        let mut groups = groups.iter().copied();
        if !self.keys.iter().any(|key| key.name == SERVICE_NAME && key.holder != Holder::Resource) {
            told.service = text_of(only(row, SERVICE_NAME)?)?.to_owned();
        }
        for (number, key) in self.keys.iter().enumerate() {
            if key.is_service() {
                continue;
            }
            let found = match key.holder {
                Holder::Either => Some([groups.next()?, groups.next()?]),
                Holder::Span | Holder::Resource => None,
            };
            let is_text_nil = match key.column {
                Some(Takes::Texts) => *groups.next()? != ShownValue::Bool(false),
                _ => false,
            };
            let shown = shown_of(row, key, is_text_nil)?;
            match key.holder {
                Holder::Span if key.name == SERVICE_NAME => told.service = text_of(one(&shown)?)?.to_owned(),
                Holder::Span => told.of_span.extend(at_most_one(&shown)?.map(|it| (number, it.clone()))),
                Holder::Resource => {
                    told.of_resource.extend(at_most_one(&shown)?.map(|it| (number, it.clone())));
                }
                Holder::Either => either((number, key), &shown, found?, told)?,
            }
        }
        Some(())
    }
}

/// A row counts the spans of each service in the block that has most of them: fewer can't be all.
fn has_all_of_services(row: &TraceRow, spans: &[Told]) -> bool {
    row.service_stats.iter().all(|(service, stats)| {
        let told = spans.iter().filter(|span| span.service == *service).count();
        u32::try_from(told).is_ok_and(|told| told >= stats.spans)
    })
}

/// A key without a scope: what the span and what its resource have, told apart by what is found for it and what
/// the resource has.
fn either(
    (number, key): (usize, &Key),
    shown: &[&ShownValue],
    [found, outer]: [&ShownValue; 2],
    told: &mut Told,
) -> Option<()> {
    let (found, outer) = (there(found), there(outer));
    let (own, outer) = match (shown, found, outer) {
        ([], None, None) => (None, None),
        ([one], Some(found), None) if *one == found => (Some(found), None),
        // Something of no known type would hide it.
        ([one], Some(found), Some(outer)) if *one == outer && found == outer => (None, Some(outer)),
        ([one, other], Some(found), Some(outer))
            if (*one, *other) == (found, outer) || (*one, *other) == (outer, found) =>
        {
            (Some(found), Some(outer))
        }
        _ => return None,
    };
    told.of_span.extend(own.map(|own| (number, own.clone())));
    if key.name == SERVICE_NAME {
        told.service = text_of(outer?)?.to_owned();
    } else {
        told.of_resource.extend(outer.map(|outer| (number, outer.clone())));
    }
    Some(())
}

/// The text itself stands in no outline but in columns, and those are not grouped by.
fn there(group: &ShownValue) -> Option<&ShownValue> {
    (*group != ShownValue::text(NIL)).then_some(group)
}

/// The values shown under a key, without what stands for none where it does; nothing where one cannot be told
/// from another.
fn shown_of<'r>(row: &'r SpanRow, key: &Key, is_text_nil: bool) -> Option<Vec<&'r ShownValue>> {
    let mut shown = Vec::new();
    for (_, value) in row.attributes.iter().filter(|(name, _)| *name == key.name) {
        match value {
            // Of an array with one element that is shown alone, nothing differs.
            ShownValue::Array(_) => return None,
            ShownValue::Text(text) if text == NIL && !is_text_nil => {
                key.column?;
            }
            value => shown.push(value),
        }
    }
    Some(shown)
}

/// What a trace must be for a search to know all of it, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Nobody expects one that lasts longer, and so much around it was asked for.
    pub longest: u64,
    /// Of the epoch: what ends later may not be found yet.
    pub latest: u64,
}

/// Whether what regions tell of a trace is all of it and agrees.
pub fn agree(fragments: &[&Fragment], settled: Settled) -> bool {
    let spans = || fragments.iter().flat_map(|fragment| &fragment.spans);
    let mut kinds: HashMap<u64, u64> = HashMap::new();
    if spans().any(|span| *kinds.entry(span.id).or_insert(span.kind) != span.kind) {
        return false;
    }
    let (Some(start), Some(end)) = (spans().map(|span| span.start).min(), spans().map(|span| span.end).max())
    else {
        return false;
    };
    let roots: HashSet<u64> = spans().filter(|span| span.parent == 0).map(|span| span.id).collect();
    // Of several roots one is chosen by an order that nobody told, and a link may say that a root is none.
    let is_settled = end - start <= settled.longest && end <= settled.latest;
    is_settled && roots.len() <= 1 && fragments.iter().all(|fragment| fragment.knows_its_root())
}

impl Fragment {
    fn knows_its_root(&self) -> bool {
        let root = self.spans.iter().find(|span| span.parent == 0);
        let said =
            root.map_or((String::new(), String::new()), |span| (span.service.clone(), span.name.clone()));
        self.root == said
    }
}

const KINDS: [(&str, i32); 6] = [
    ("unspecified", 0),
    ("internal", otlp::kind::INTERNAL),
    ("server", otlp::kind::SERVER),
    ("client", otlp::kind::CLIENT),
    ("producer", otlp::kind::PRODUCER),
    ("consumer", otlp::kind::CONSUMER),
];
const STATUSES: [(&str, i32); 3] = [("unset", 0), ("ok", 1), ("error", 2)];

fn number_of(words: &[(&str, i32)], shown: &ShownValue) -> Option<u64> {
    let word = text_of(shown)?;
    words.iter().find(|(known, _)| *known == word).and_then(|(_, number)| u64::try_from(*number).ok())
}

/// What the groups of a set are called by, in the order of the query.
fn of_groups(set: &SpanSet) -> impl Iterator<Item = &ShownValue> {
    set.attributes.iter().filter(|(name, _)| name.starts_with("by(")).map(|(_, value)| value)
}

fn only<'r>(row: &'r SpanRow, name: &str) -> Option<&'r ShownValue> {
    let mut all = row.attributes.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    all.next().filter(|_| all.next().is_none())
}

fn one<'r>(shown: &[&'r ShownValue]) -> Option<&'r ShownValue> {
    at_most_one(shown).flatten()
}

fn at_most_one<'r>(shown: &[&'r ShownValue]) -> Option<Option<&'r ShownValue>> {
    match shown {
        [] => Some(None),
        [one] => Some(Some(one)),
        _ => None,
    }
}

fn text_of(shown: &ShownValue) -> Option<&str> {
    if let ShownValue::Text(text) = shown { Some(text) } else { None }
}

fn id_of(shown: &ShownValue) -> Option<u64> {
    let text = text_of(shown).filter(|text| text.len() == 16)?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(text, 16).ok())?
}
