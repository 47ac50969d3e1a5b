//! Differences that are meant, each as narrow as it can be told. `docs/exactness.md` gives the reasons.

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::answer::Answer;
use crate::question::Question;
use crate::sketch::Trace;

/// Why two answers may differ here; none where they may not.
pub fn reason(question: &Question, traces: &[Trace], ours: &Answer, theirs: &Answer) -> Option<&'static str> {
    let query = question.query();
    if let Answer::Failed(why) = theirs {
        if why.contains("unexpected numbers of pre-compiled regexp") || why.contains("panic: runtime error") {
            return Some("patterns of one span are left over for the next");
        }
        if why.contains("math expressions not supported") {
            return Some("arithmetic in a search is refused before a block is read, not after");
        }
    }
    let asks_for_duration = query.replace("traceDuration", "").contains("uration");
    if asks_for_duration && traces.iter().flat_map(Trace::spans).any(ends_before_it_starts) {
        return Some("where a span ends before it starts, a block's statistics of durations are wrong");
    }
    let asks_for_heads = query.contains("root") || query.contains("traceDuration");
    if asks_for_heads && with_heads_of(ours, theirs).is_some_and(|rows| rows.is(theirs)) {
        return Some("a row lacks what the query asks of its trace");
    }
    if query.contains("compare(") {
        let has_children = !is_unnumbered(traces, None);
        let is_cut = !query.contains(", 1000)");
        let read = |answer: &Answer| without_lists(&compared(answer, has_children, is_cut));
        if read(ours).is(&read(theirs)) {
            return Some("a comparison: columns that are always there, values beyond those that are kept");
        }
    }
    if !matches!(question, Question::Search { .. }) && without_lists(ours).is(&without_lists(theirs)) {
        return Some("series whose labels are lists of several types are all called nil, and one is kept");
    }
    if matches!(theirs, Answer::Lines(rows) if rows.iter().any(|row| row.starts_with("trace  "))) {
        return Some("where an id is asked for that is none, traces are not told apart");
    }
    if query.contains("sum_over_time(") && !query.contains("sum_over_time(duration)") {
        return Some("a sum over spans without a number depends on their order");
    }
    if relates_after_grouping(query) {
        return Some("a relation after by() finds spans of one group in the next, in the order of chance");
    }
    let is_joined = ["} || ", "} && ", "coalesce()"].iter().any(|word| query.contains(word));
    if is_joined && ["avg(", "sum("].iter().any(|word| query.contains(word)) {
        return Some("a sum over several types depends on the order of its spans");
    }
    let ours = &with_heads_of(ours, theirs).unwrap_or_else(|| ours.clone());
    if query.contains("childCount") && is_of_traces(ours, theirs, |id| is_unnumbered(traces, id)) {
        return Some("children of a trace without numbers are those of the trace stored before it");
    }
    None
}

/// A comparison without the attributes that a block has columns for whether a span has them or not; without
/// the numbers of children where a trace has none; without the values that are called nil, as lists of every
/// type are; and where only some values are kept, of those their totals alone.
fn compared(answer: &Answer, has_children: bool, is_cut: bool) -> Answer {
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
    let Answer::Lines(lines) = answer else { return answer.clone() };
    let is_kept = |line: &&String| {
        let is_column = COLUMNS.iter().any(|column| line.contains(&format!(", {column}=")));
        let is_total = line.contains("_total\"");
        let is_chance = if is_cut { !is_total } else { !is_total && line.contains("=\"nil\"} ") };
        !is_column && !is_chance && (has_children || !line.contains(", span:childCount="))
    };
    Answer::Lines(lines.iter().filter(is_kept).cloned().collect())
}

/// Without what is told of lists.
fn without_lists(answer: &Answer) -> Answer {
    let Answer::Lines(lines) = answer else { return answer.clone() };
    Answer::Lines(
        lines.iter().filter(|line| !line.contains("arr=") && !line.contains("arr ")).cloned().collect(),
    )
}

fn relates_after_grouping(query: &str) -> bool {
    let Some((_, rest)) = query.split_once("by(") else { return false };
    ["} > ", "} < ", "} >> ", "} << ", "} ~ ", "} !", "} &"].iter().any(|sign| rest.contains(sign))
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
    let is_cut = query.contains("compare(") && query.contains(", 3)");
    if is_cut && compared(ours, true, true).is(&compared(theirs, true, true)) {
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
    let is_meant = |trace: &&Trace| id.is_none_or(|id| trace.id_hex().trim_start_matches('0') == id);
    traces.iter().filter(is_meant).any(|trace| {
        let is_rootless = trace.spans().all(|span| !span.parent_span_id.is_empty());
        let is_thrice = |id: &[u8]| trace.spans().filter(|span| span.span_id == id).count() > 2;
        is_rootless || trace.spans().any(|span| is_thrice(&span.span_id))
    })
}
