//! Differences that are meant, each as narrow as it can be told. `docs/exactness.md` gives the reasons.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::answer::Answer;
use crate::question::Question;
use crate::sketch::Trace;

mod comparison;
mod series;

/// Attributes of these tests that a Tempo keeps in columns of their own.
const COLUMNS: [&str; 5] =
    ["service.name", "http.status_code", "k8s.pod.name", "http.request.method", "http.url"];

/// Asks both another question of the same estate: our answer and theirs.
pub type Ask<'a> = &'a dyn Fn(&Question) -> [Answer; 2];

/// Whether asking this may end a Tempo by itself: averages of several series that are all called nil, as lists
/// are, are combined with counts of another length.
pub fn may_end_tempo(question: &Question, traces: &[Trace]) -> bool {
    let query = question.query();
    let Some((_, rest)) = query.split_once("avg_over_time(") else { return false };
    rest.split_once(" by (").is_some_and(|(_, labels)| {
        let keys = labels.split([',', ')']).map(key_of);
        keys.filter(|key| !key.is_empty()).any(|key| has_list(traces, key))
    })
}

/// Why two answers may differ here; none where they may not.
pub fn reason(
    question: &Question,
    traces: &[Trace],
    [ours, theirs]: [&Answer; 2],
    ask: Ask<'_>,
) -> Option<&'static str> {
    let query = question.query();
    if let Answer::Failed(why) = theirs {
        if why.contains("unexpected numbers of pre-compiled regexp") || why.contains("panic: runtime error") {
            return Some("patterns of one span are left over for the next");
        }
        if why.contains("math expressions not supported") {
            return Some("arithmetic in a search is refused before a block is read, not after");
        }
    }
    if let Some(plain) = without_statistics(query)
        && traces.iter().flat_map(Trace::spans).any(ends_before_it_starts)
        && agree(question, &plain, ask)
    {
        return Some("where a span ends before it starts, a block's statistics of durations are wrong");
    }
    let asks_for_heads = query.contains("root") || query.contains("traceDuration");
    if asks_for_heads && with_heads_of(ours, theirs).is_some_and(|rows| rows.is(theirs)) {
        return Some("a row lacks what the query asks of its trace");
    }
    if matches!(theirs, Answer::Lines(rows) if rows.iter().any(|row| row.starts_with("trace  "))) {
        return Some("where an id is asked for that is none, traces are not told apart");
    }
    match question {
        Question::Search { .. } => of_search(question, traces, [ours, theirs], ask),
        Question::Range { .. } | Question::Instant { .. } => {
            series::reason(question, traces, [ours, theirs], ask)
        }
        Question::Names { .. } | Question::Values { .. }
            if query.contains("childCount") && is_unnumbered(traces, None) =>
        {
            Some("children of a trace without numbers are those of the trace stored before it")
        }
        Question::Values { name, query: Some(_) } => of_values(name, [ours, theirs], ask),
        Question::Names { .. } | Question::Values { .. } => None,
    }
}

fn of_search(
    question: &Question,
    traces: &[Trace],
    [ours, theirs]: [&Answer; 2],
    ask: Ask<'_>,
) -> Option<&'static str> {
    let query = question.query();
    if let Some(grouped) = relates_after_grouping(query) {
        let [_, groups] = ask(&question.with_query(&grouped));
        if is_of_traces(ours, theirs, |id| is_in_groups(&groups, id)) {
            return Some(
                "a relation after by() finds spans of one group in the next, in the order of chance",
            );
        }
    }
    if orders_types(query) && is_of_traces(ours, theirs, |id| adds_types(query, traces, id)) {
        return Some("a sum over several types depends on the order of its spans");
    }
    let ours = &with_heads_of(ours, theirs).unwrap_or_else(|| ours.clone());
    if query.contains("childCount") && is_of_traces(ours, theirs, |id| is_unnumbered(traces, id)) {
        return Some("children of a trace without numbers are those of the trace stored before it");
    }
    None
}

/// A value that was met first where the query does not leave it is not told again where it does. So only theirs
/// may lack values, each of which is there several times, in columns of their own.
fn of_values(name: &str, [ours, theirs]: [&Answer; 2], ask: Ask<'_>) -> Option<&'static str> {
    let (Answer::Lines(ours), Answer::Lines(theirs)) = (ours, theirs) else { return None };
    let has_column =
        name.contains(':') || !name.contains('.') || COLUMNS.iter().any(|key| name.ends_with(key));
    if !has_column || !theirs.iter().all(|value| ours.contains(value)) {
        return None;
    }
    let counted = Question::Instant {
        query: format!("{{ }} | count_over_time() by ({name})"),
        start: -1_000,
        end: 1_000,
    };
    let [_, Answer::Lines(counts)] = ask(&counted) else { return None };
    let is_repeated = |value: &&String| {
        // `string "a"` of values, `{name="a"} 3.0` of counts; what is empty has no text in an answer.
        let text = value.split_once(' ').map_or("", |(_, text)| text).trim_matches('"').replace("null", "");
        counts.iter().any(|line| {
            let (labels, count) = line.rsplit_once(' ').unwrap_or_default();
            let said = labels.rsplit_once('=').map_or("", |(_, said)| said.trim_end_matches('}'));
            said.trim_matches('"') == text && count.parse::<f64>().is_ok_and(|count| count > 1.0)
        })
    };
    let lost: Vec<&String> = ours.iter().filter(|value| !theirs.contains(value)).collect();
    lost.iter().all(is_repeated).then_some("a value met first where the query does not leave it is lost")
}

/// Whether both answer another query alike.
fn agree(question: &Question, query: &str, ask: Ask<'_>) -> bool {
    let [ours, theirs] = ask(&question.with_query(query));
    ours.is_within(&theirs, 1 << 16)
}

/// The query with durations of spans computed, so that no block's statistics are asked; none where they are not
/// compared.
fn without_statistics(query: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = query;
    let mut is_compared = false;
    while let Some((before, after)) = rest.split_once("duration ") {
        let compares = ["=", "!=", "<", ">"].iter().any(|sign| after.starts_with(sign));
        out.push_str(before);
        out.push_str(if compares { "duration + 0 " } else { "duration " });
        is_compared |= compares;
        rest = after;
    }
    is_compared.then(|| out + rest)
}

/// Of a query with a relation after `by()`, what stands up to the groups.
fn relates_after_grouping(query: &str) -> Option<String> {
    let (begin, rest) = query.split_once("by(")?;
    let relates =
        ["} > ", "} < ", "} >> ", "} << ", "} ~ ", "} !", "} &"].iter().any(|sign| rest.contains(sign));
    let (field, _) = rest.split_once(") ").or_else(|| rest.split_once(')'))?;
    // What is in parentheses stays open here.
    let begin = begin.trim_start_matches('(');
    (relates && begin.matches('(').count() == begin.matches(')').count())
        .then(|| format!("{begin}by({field})"))
}

fn is_in_groups(groups: &Answer, id: Option<&str>) -> bool {
    let (Answer::Lines(rows), Some(id)) = (groups, id) else { return false };
    let begins = format!("trace {id} ");
    rows.iter().any(|row| row.starts_with(&begins) && row.matches("\n  set ").count() > 1)
}

/// Whether the query adds what the order of spans decides about: where sets were put together.
fn orders_types(query: &str) -> bool {
    let is_joined = ["} || ", "} && ", "coalesce()"].iter().any(|word| query.contains(word));
    is_joined && ["avg(", "sum("].iter().any(|word| query.contains(word))
}

/// Whether a trace has numbers of several types for what is added.
fn adds_types(query: &str, traces: &[Trace], id: Option<&str>) -> bool {
    let added = ["avg(", "sum("].iter().flat_map(|word| query.split(word).skip(1));
    let mut keys = added.map(|rest| key_of(rest.split(')').next().unwrap_or_default()));
    let meant: Vec<&Trace> = traces.iter().filter(|trace| is_called(trace, id)).collect();
    keys.any(|key| {
        meant.iter().any(|trace| {
            let mut types: Vec<_> = values(trace, key).map(std::mem::discriminant).collect();
            types.sort_by_key(|kind| format!("{kind:?}"));
            types.dedup();
            // Where a span lacks what a block has a column for, the column says the text nil.
            let has_column = key == "http.status_code";
            let lacks = trace.spans().any(|span| span.attributes.iter().all(|pair| pair.key != key));
            types.len() + usize::from(has_column && lacks) > 1
        })
    })
}

/// The bare key of an attribute: `span.x` and `.x` are both of `x`.
fn key_of(attribute: &str) -> &str {
    attribute
        .trim_matches(['"', ' ', '\\'])
        .split_once('.')
        .map_or("", |(_, key)| key.trim_matches(['"', '\\']))
}

/// What spans, resources, scopes, events and links of a trace have by this key; none is an attribute without a
/// value.
fn attributes<'t>(trace: &'t Trace, key: &'t str) -> impl Iterator<Item = Option<&'t Value>> {
    let resources = trace.batches.iter().filter_map(|batch| batch.resource.as_ref());
    let scopes = trace.batches.iter().flat_map(|batch| &batch.scope_spans);
    let of_resources = resources.flat_map(|resource| &resource.attributes);
    let of_scopes = scopes.filter_map(|scope| scope.scope.as_ref()).flat_map(|scope| &scope.attributes);
    let of_spans = trace.spans().flat_map(|span| {
        let events = span.events.iter().flat_map(|event| &event.attributes);
        span.attributes.iter().chain(events).chain(span.links.iter().flat_map(|link| &link.attributes))
    });
    let all = of_resources.chain(of_scopes).chain(of_spans).filter(move |pair| pair.key == key);
    all.map(|pair| pair.value.as_ref().and_then(|value| value.value.as_ref()))
}

fn values<'t>(trace: &'t Trace, key: &'t str) -> impl Iterator<Item = &'t Value> {
    attributes(trace, key).flatten()
}

fn has_list(traces: &[Trace], key: &str) -> bool {
    traces.iter().any(|trace| values(trace, key).any(|value| matches!(value, Value::ArrayValue(_))))
}

/// Whether a series by this key may be called nil: for a list, for what no query reaches, or for the text.
fn has_nil(traces: &[Trace], key: &str) -> bool {
    let is_nil = |value: Option<&Value>| match value {
        Some(Value::StringValue(text)) => text == "nil",
        Some(Value::IntValue(_) | Value::DoubleValue(_) | Value::BoolValue(_)) => false,
        _ => true,
    };
    traces.iter().any(|trace| attributes(trace, key).any(is_nil))
}

fn ends_before_it_starts(span: &Span) -> bool {
    span.end_time_unix_nano < span.start_time_unix_nano
}

/// Our rows, with a root or duration left away where theirs lack it.
fn with_heads_of(ours: &Answer, theirs: &Answer) -> Option<Answer> {
    let (Answer::Lines(ours), Answer::Lines(theirs)) = (ours, theirs) else { return None };
    let id = |row: &str| row.split(" @").next().map(str::to_owned);
    let rows = ours.iter().map(|row| match theirs.iter().find(|other| id(other) == id(row)) {
        Some(other) => head_of(row, other),
        None => row.clone(),
    });
    Some(Answer::Lines(rows.collect()))
}

/// `trace 1 @0s 5ms root="a" "b" stats ..`: a name or a duration is taken from theirs where it is nothing.
fn head_of(ours: &str, theirs: &str) -> String {
    let cut = |line: &str| -> Option<[String; 4]> {
        let (begin, rest) = line.split_once("ms root=")?;
        let (before, duration) = begin.rsplit_once(' ')?;
        let (root, rest) = rest.split_once(" stats")?;
        Some([before.to_owned(), duration.to_owned(), root.to_owned(), rest.to_owned()])
    };
    let (Some([before, duration, root, rest]), Some([_, their_duration, their_root, _])) =
        (cut(ours), cut(theirs))
    else {
        return ours.to_owned();
    };
    let duration = if their_duration == "0" { their_duration } else { duration };
    // A root is a service and a name, each in quotes.
    let root = if their_root.contains("\"\"") { their_root } else { root };
    format!("{before} {duration}ms root={root} stats{rest}")
}

/// The same for a corpus whose traces lie in a block in the order they came.
pub fn of_corpus(query: &str, ours: &Answer, theirs: &Answer) -> Option<&'static str> {
    if query.contains("compare(") && comparison::is_same_but_for_ties(ours, theirs) {
        return Some("which of equally frequent values a comparison keeps");
    }
    if query.contains("nestedSet") && without_numbers(ours).is(&without_numbers(theirs)) {
        return Some("numbers follow the order in which spans are stored");
    }
    None
}

/// Rows without the numbers of their spans in the tree.
fn without_numbers(answer: &Answer) -> Answer {
    let Answer::Lines(lines) = answer else { return answer.clone() };
    let word =
        |word: &str| if word.starts_with("nestedSet") { "nestedSet".to_owned() } else { word.to_owned() };
    Answer::Lines(lines.iter().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ")).collect())
}

/// Whether every trace that is answered otherwise is one of these; of series, whether any such trace is there.
fn is_of_traces(ours: &Answer, theirs: &Answer, is_one: impl Fn(Option<&str>) -> bool) -> bool {
    let (Answer::Lines(ours), Answer::Lines(theirs)) = (ours, theirs) else { return is_one(None) };
    let only_ours = ours.iter().filter(|line| !theirs.contains(line));
    let only_theirs = theirs.iter().filter(|line| !ours.contains(line));
    only_ours.chain(only_theirs).all(|line| {
        let id = line.strip_prefix("trace ").and_then(|rest| rest.split(' ').next());
        is_one(id)
    })
}

/// Without a root, or with an id that occurs three times, a trace gets no numbers.
fn is_unnumbered(traces: &[Trace], id: Option<&str>) -> bool {
    traces.iter().filter(|trace| is_called(trace, id)).any(|trace| {
        let is_rootless = trace.spans().all(|span| !span.parent_span_id.is_empty());
        let is_thrice = |id: &[u8]| trace.spans().filter(|span| span.span_id == id).count() > 2;
        is_rootless || trace.spans().any(|span| is_thrice(&span.span_id))
    })
}

fn is_called(trace: &Trace, id: Option<&str>) -> bool {
    id.is_none_or(|id| trace.id_hex().trim_start_matches('0') == id)
}
