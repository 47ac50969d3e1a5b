//! Differences that are meant, each as narrow as it can be told. `docs/exactness.md` gives the reasons.

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
    }
    if query.contains("childCount") && is_of_traces(ours, theirs, |id| is_unnumbered(traces, id)) {
        return Some("children of a trace without numbers are those of the trace stored before it");
    }
    None
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
