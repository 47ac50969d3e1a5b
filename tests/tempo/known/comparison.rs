//! Differences between comparisons that are meant.

use std::collections::BTreeMap;

use super::series::{Series, read};
use super::{has_nil, is_unnumbered, key_of};
use crate::answer::Answer;
use crate::sketch::Trace;

/// Attributes that a block has columns for, whether a span has them or not.
const COLUMNS: [&str; 15] = [
    "resource.k8s.cluster.name",
    "resource.k8s.container.name",
    "resource.k8s.namespace.name",
    "resource.k8s.pod.name",
    "span.http.method",
    "span.http.request.method",
    "span.http.response.status_code",
    "span.http.route",
    "span.http.status_code",
    "span.http.url",
    "span.server.address",
    "span.server.port",
    "span.url.path",
    "span.url.route",
    "span.db.statement",
];

/// The side of a series, its attribute and the value.
fn parts<'a>(one: &Series<'a>) -> Option<[&'a str; 3]> {
    let inside = one.labels.strip_prefix("{__meta_type=\"")?.strip_suffix('}')?;
    let (side, rest) = inside.split_once("\", ")?;
    let at = match rest.strip_prefix('"') {
        // A name with a space is in quotes, and those it has itself are escaped.
        Some(_) => rest.find("\"=").map(|at| at + 1)?,
        None => rest.find('=')?,
    };
    let (name, value) = rest.split_at(at);
    Some([side, name, value.strip_prefix('=')?])
}

type Samples = BTreeMap<String, f64>;

/// By side and attribute: of each value its samples.
type Compared = BTreeMap<(String, String), BTreeMap<String, Samples>>;

fn compared(answer: &Answer) -> Option<Compared> {
    let mut all = Compared::new();
    for one in read(answer)? {
        let [side, name, value] = parts(&one)?;
        let samples = one.samples.iter().map(|(at, value)| ((*at).to_owned(), *value)).collect();
        all.entry((side.to_owned(), name.to_owned())).or_default().insert(value.to_owned(), samples);
    }
    Some(all)
}

pub fn reason(query: &str, traces: &[Trace], ours: &Answer, theirs: &Answer) -> Option<&'static str> {
    let (mut ours, mut theirs) = (compared(ours)?, compared(theirs)?);
    let has_children = !is_unnumbered(traces, None);
    for side in [&mut ours, &mut theirs] {
        side.retain(|(side, name), _| {
            let is_column = COLUMNS.contains(&name.as_str());
            !(is_column && side.ends_with("_total")) && (has_children || name != "span:childCount")
        });
    }
    let with_nil = |name: &str| has_nil(traces, key_of(name));
    let is_cut = !query.contains(", 1000)");
    if is_same(&ours, &theirs, is_cut, &with_nil) {
        return Some("a comparison: columns that are always there, values beyond those that are kept");
    }
    // What decides which side a span is on may depend on what a block has of others.
    let selects = query.split("compare(").nth(1).unwrap_or_default();
    let has_pattern = selects.contains("=~") || selects.contains("!~");
    let has_column = COLUMNS.iter().any(|column| selects.contains(key_of(column)));
    if (has_pattern || has_column) && is_same(&together(ours), &together(theirs), true, &with_nil) {
        return Some("a selection by a pattern that is left over, or by a column that is always there");
    }
    None
}

/// Of a corpus, where columns are counted as they are with us.
pub fn is_same_but_for_ties(ours: &Answer, theirs: &Answer) -> bool {
    match (compared(ours), compared(theirs)) {
        (Some(ours), Some(theirs)) => is_same(&ours, &theirs, true, &|name| name.ends_with("arr")),
        _ => false,
    }
}

/// Whether two comparisons say the same of each attribute.
fn is_same(ours: &Compared, theirs: &Compared, is_cut: bool, may_be_nil: &dyn Fn(&str) -> bool) -> bool {
    let is_plain = |name: &(String, String)| !COLUMNS.contains(&name.1.as_str());
    let plain = |all: &Compared| -> Vec<_> { all.keys().filter(|name| is_plain(name)).cloned().collect() };
    let nothing = BTreeMap::new();
    plain(ours) == plain(theirs)
        && ours.iter().all(|(name, ours)| {
            let theirs = theirs.get(name).unwrap_or(&nothing);
            let is_total = name.0.ends_with("_total");
            match (is_plain(name), is_total || !may_be_nil(&name.1), is_cut) {
                (true, true, false) => ours == theirs,
                (true, true, true) => is_as_frequent(ours, theirs, false),
                // Lists are called nil, of each type for itself, so that there are fewer others.
                (true, false, true) => is_as_frequent(&without_nil(ours), &without_nil(theirs), true),
                (true, false, false) => without_nil(ours) == without_nil(theirs),
                // A column's lists are told value by value, and what is nil of it is told too.
                (false, _, false) => is_within(&without_nil(ours), theirs),
                (false, _, true) => true,
            }
        })
}

fn without_nil(values: &BTreeMap<String, Samples>) -> BTreeMap<String, Samples> {
    values.iter().filter(|(value, _)| *value != "\"nil\"").map(|(v, s)| (v.clone(), s.clone())).collect()
}

/// Whether theirs has every value of ours, at least as often.
fn is_within(ours: &BTreeMap<String, Samples>, theirs: &BTreeMap<String, Samples>) -> bool {
    ours.iter().all(|(value, samples)| {
        let found = theirs.get(value);
        found.is_some_and(|found| samples.iter().all(|(at, count)| found.get(at).is_some_and(|f| f >= count)))
    })
}

/// Whether values that both keep are the same, and those that only one keeps as frequent as the other's.
fn is_as_frequent(
    ours: &BTreeMap<String, Samples>,
    theirs: &BTreeMap<String, Samples>,
    may_be_fewer: bool,
) -> bool {
    let frequencies = |all: &BTreeMap<String, Samples>| {
        let mut sums: Vec<f64> = all.values().map(|samples| samples.values().sum()).collect();
        sums.sort_by(|one, other| other.total_cmp(one));
        sums
    };
    let common = ours.iter().all(|(value, samples)| theirs.get(value).is_none_or(|other| other == samples));
    let (ours, theirs) = (frequencies(ours), frequencies(theirs));
    common
        && (may_be_fewer || ours.len() == theirs.len())
        && ours.iter().zip(&theirs).all(|(ours, theirs)| ours == theirs)
}

/// Both sides of the totals as one: what is not in the selection is in the baseline.
fn together(all: Compared) -> Compared {
    let mut sums = Compared::new();
    for ((side, name), values) in all {
        if !side.ends_with("_total") {
            continue;
        }
        let both = sums.entry((String::new(), name)).or_default();
        for (value, samples) in values {
            let sum = both.entry(value).or_default();
            samples.into_iter().for_each(|(at, count)| *sum.entry(at).or_default() += count);
        }
    }
    sums
}
