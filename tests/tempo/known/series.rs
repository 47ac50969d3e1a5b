//! Differences between series that are meant.

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{Ask, agree, comparison, has_list, is_unnumbered, key_of, may_end_tempo, values};
use crate::answer::Answer;
use crate::question::Question;
use crate::sketch::Trace;

/// How far a quotient of two doubles may be from the integer it is.
const NEARLY: f64 = 1e-6;

/// A series of an answer: its labels as they are written, and its samples by time; of one instant, by none.
pub struct Series<'a> {
    pub labels: &'a str,
    pub samples: Vec<(&'a str, f64)>,
}

pub fn read(answer: &Answer) -> Option<Vec<Series<'_>>> {
    let Answer::Lines(lines) = answer else { return None };
    Some(lines.iter().filter_map(|line| read_line(line)).collect())
}

fn read_line(line: &str) -> Option<Series<'_>> {
    let (labels, samples) = line.split_at(line.rfind('}')? + 1);
    let sample = |word| -> Option<(&str, f64)> {
        let (at, value) = str::rsplit_once(word, ':').unwrap_or(("", word));
        Some((at, value.parse().ok()?))
    };
    Some(Series { labels, samples: samples.split_whitespace().filter_map(sample).collect() })
}

pub fn reason(
    question: &Question,
    traces: &[Trace],
    [ours, theirs]: [&Answer; 2],
    ask: Ask<'_>,
) -> Option<&'static str> {
    let query = question.query();
    if query.contains("compare(") {
        let asked = numbered(query);
        return comparison::reason(query, traces, ours, theirs).or_else(|| {
            let [ours, theirs] = ask(&question.with_query(&asked));
            let is_same = ours.is(&theirs) || comparison::reason(&asked, traces, &ours, &theirs).is_some();
            (query.contains("childCount") && is_unnumbered(traces, None) && is_same)
                .then_some("children of a trace without numbers are those of the trace stored before it")
        });
    }
    let without_exemplars = format!("{query} with(exemplars=false)");
    if matches!(question, Question::Range { .. }) && agree(question, &without_exemplars, ask) {
        return Some("while exemplars are wanted, their id of a trace counts as a condition that is met");
    }
    let sums: Vec<String> = leaves(query).into_iter().filter(|leaf| sums_up(leaf)).collect();
    if !sums.is_empty() && sums.iter().all(|leaf| is_sum_of_some(&question.with_query(leaf), traces, ask)) {
        return Some("a sum over spans without a number depends on their order");
    }
    // Which series are picked depends on those that are called nil, so these are compared as they were before.
    let is_nil_only = match without_pick(query) {
        Some(all) => {
            let [ours, theirs] = ask(&question.with_query(all));
            is_nil_only(all, &ours, &theirs)
        }
        None => is_nil_only(query, ours, theirs),
    };
    if is_nil_only {
        return Some("series whose labels are lists of several types are all called nil, and one is kept");
    }
    if compares_lists(query, traces) && is_off_by_a_few(query, traces, ours, theirs) {
        return Some("a list of numbers is overwritten by the number that is read after it");
    }
    if query.contains("childCount") && is_unnumbered(traces, None) {
        let [ours, theirs] = ask(&question.with_query(&numbered(query)));
        if ours.is(&theirs) || sums_up(query) {
            return Some("children of a trace without numbers are those of the trace stored before it");
        }
    }
    None
}

/// The query, of spans alone that have a number in their trace.
fn numbered(query: &str) -> String {
    query.replace("{ }", "{ true }").replace("{ ", "{ (").replace(" }", ") && nestedSetLeft > 0 }")
}

fn sums_up(query: &str) -> bool {
    query.contains("sum_over_time(") && !query.contains("sum_over_time(duration)")
}

/// The queries that a query computes with, without what is done to their series.
fn leaves(query: &str) -> Vec<String> {
    let in_parentheses = |text: &str| text.trim_start_matches('(').trim_end_matches(')').to_owned();
    let is_math = [") + (", ") - (", ") * (", ") / ("].iter().find(|sign| query.contains(**sign));
    let parts: Vec<String> = match is_math {
        Some(sign) => query.splitn(2, sign).map(in_parentheses).collect(),
        None => vec![query.to_owned()],
    };
    parts.iter().map(|part| leaf(part)).collect()
}

/// Up to the end of the function, or of its labels.
fn leaf(part: &str) -> String {
    let Some(at) = part.find("_over_time(") else { return part.to_owned() };
    let (before, function) = part.split_at(at);
    let end_of = |text: &str| text.find(')').map_or(text.len(), |end| end + 1);
    let end = end_of(function);
    let (call, rest) = function.split_at(end);
    let labels = if rest.starts_with(" by (") { &rest[..end_of(rest)] } else { "" };
    let labels =
        if labels.is_empty() || labels.ends_with(')') { labels.to_owned() } else { format!("{labels})") };
    let whole = format!("{before}{call}{labels}");
    let (opened, closed) = (whole.matches('(').count(), whole.matches(')').count());
    format!(
        "{}{whole}{}",
        "(".repeat(closed.saturating_sub(opened)),
        ")".repeat(opened.saturating_sub(closed))
    )
}

/// Whether ours is the sum of the spans that have a number: their average, which leaves the others out, as many
/// times as a whole number that is no more than the spans there are. Of theirs, that they say nothing ours does
/// not know of.
fn is_sum_of_some(question: &Question, traces: &[Trace], ask: Ask<'_>) -> bool {
    let with = |function: &str| {
        let query = question.query();
        let Some((before, rest)) = query.split_once("sum_over_time(") else { return query.to_owned() };
        let (field, after) = rest.split_once(')').unwrap_or((rest, ""));
        let field = if function == "count" { "" } else { field };
        format!("{before}{function}_over_time({field}){after}")
    };
    let average = question.with_query(&with("avg"));
    if may_end_tempo(&average, traces) {
        // By lists, whose series are called alike, there is nothing to compare with.
        return true;
    }
    let [ours, sums] = ask(question);
    let [_, averages] = ask(&average);
    let [_, counts] = ask(&question.with_query(&with("count")));
    let (Some(ours), Some(sums), Some(averages), Some(counts)) =
        (read(&ours), read(&sums), read(&averages), read(&counts))
    else {
        return false;
    };
    let is_right = |one: &Series<'_>| {
        one.samples.iter().all(|(at, sum)| {
            let average = sample(&averages, &one.labels.replace("sum_over_time", "avg_over_time"), at);
            let count = sample(&counts, &one.labels.replace("sum_over_time", "count_over_time"), at);
            let Some(count) = count else { return false };
            if is_nil(one) {
                // Several are called so.
                return true;
            }
            // Averages lose labels that a filter with alternatives looked at.
            let Some(average) = average else { return question.query().contains("||") };
            let times = (sum / average).round();
            *sum == average
                || sum.abs() < NEARLY && average.abs() < NEARLY
                || (1.0..=count).contains(&times) && (sum / average - times).abs() < NEARLY * times
        })
    };
    let is_known = |one: &Series<'_>| {
        let found = ours.iter().find(|other| other.labels == one.labels);
        found.is_some_and(|found| {
            one.samples.iter().all(|(at, _)| found.samples.iter().any(|(other, _)| other == at))
        })
    };
    ours.iter().all(is_right) && sums.iter().all(is_known)
}

fn sample(all: &[Series<'_>], labels: &str, at: &str) -> Option<f64> {
    let one = all.iter().find(|one| one.labels == labels)?;
    one.samples.iter().find(|(other, _)| *other == at).map(|(_, value)| *value)
}

/// Of `.. | topk(2)`, what is picked from.
fn without_pick(query: &str) -> Option<&str> {
    let (all, _) = query.rsplit_once(" | topk(").or_else(|| query.rsplit_once(" | bottomk("))?;
    Some(all)
}

/// Whether all that differs is series that are called nil: the same ones, and where spans are counted, of ours
/// none less than theirs.
fn is_nil_only(query: &str, ours: &Answer, theirs: &Answer) -> bool {
    let (Some(mut left), Some(mut right)) = (read(ours), read(theirs)) else { return false };
    left.retain(is_nil);
    right.retain(is_nil);
    if left.is_empty() && right.is_empty() {
        return false;
    }
    let others = |answer: &Answer| match answer {
        Answer::Lines(lines) => Answer::Lines(
            lines.iter().filter(|line| !read_line(line).is_some_and(|one| is_nil(&one))).cloned().collect(),
        ),
        other => other.clone(),
    };
    let is_whole = !query.starts_with('(') && !after_stage(query).contains([' ', '=']);
    let is_counted = is_whole && ["| rate()", "| count_over_time()"].iter().any(|word| query.contains(word));
    let are_called_alike = left.iter().map(|one| one.labels).eq(right.iter().map(|one| one.labels));
    let is_no_less = |(one, other): (&Series<'_>, &Series<'_>)| {
        one.samples.iter().zip(&other.samples).all(|((_, mine), (_, their))| mine >= their)
    };
    others(ours).is(&others(theirs))
        && (!is_whole || are_called_alike)
        && (!is_counted || left.iter().zip(&right).all(is_no_less))
}

fn is_nil(one: &Series<'_>) -> bool {
    one.labels.contains("=\"nil\"")
}

/// What is done to the series of a query, after the function and its labels.
fn after_stage(query: &str) -> &str {
    query.rfind(')').map_or("", |at| &query[at..])
}

/// Whether a filter compares an attribute that is somewhere a list of numbers or of flags.
fn compares_lists(query: &str, traces: &[Trace]) -> bool {
    let words = query.split(|c: char| c.is_whitespace() || "(){},".contains(c));
    let is_list = |key: &str| {
        traces.iter().any(|trace| {
            values(trace, key).any(|value| match value {
                Value::ArrayValue(list) => list.values.len() > 1,
                _ => false,
            })
        })
    };
    words.map(key_of).filter(|key| !key.is_empty()).any(|key| has_list(traces, key) && is_list(key))
}

/// Whether counts are no further apart than there are spans with lists.
fn is_off_by_a_few(query: &str, traces: &[Trace], ours: &Answer, theirs: &Answer) -> bool {
    let (Some(ours), Some(theirs)) = (read(ours), read(theirs)) else { return false };
    if !query.contains("| count_over_time()") && !query.contains("| rate()") {
        return false;
    }
    let has_list = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
        attributes.iter().any(|pair| {
            let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
            matches!(value, Some(Value::ArrayValue(list)) if list.values.len() > 1)
        })
    };
    let with_lists =
        traces.iter().flat_map(Trace::spans).filter(|span| has_list(&span.attributes)).count() as f64;
    let total = |all: &[Series<'_>]| -> f64 {
        all.iter().flat_map(|one| &one.samples).map(|(_, value)| *value).sum()
    };
    (total(&ours) - total(&theirs)).abs() <= with_lists
}
