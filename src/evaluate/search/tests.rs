//! Searches by construct over a trace written down here.

use super::*;
use crate::evaluate::made::{ID, batch, joined, span, text, with_status};
use crate::trace::Joined;
use opentelemetry_proto::tonic::common::v1::any_value::Value::{DoubleValue, IntValue};

/// ```text
/// 1 front x=1
/// +- 2 front x=2 g=a
/// |  +- 4 back x=1.5 g=a
/// |  `- 5 back g=b, an error
/// `- 3 back x="s" g=b
/// 6 front x=4, of a parent nobody knows
/// ```
/// In order of rows: 1, 2, 6, then 3, 4, 5.
fn tree() -> Joined {
    let front = vec![
        span(1, 0, &[("x", IntValue(1))]),
        span(2, 1, &[("x", IntValue(2)), ("g", text("a"))]),
        span(6, 99, &[("x", IntValue(4))]),
    ];
    let back = vec![
        span(3, 1, &[("x", text("s")), ("g", text("b"))]),
        span(4, 2, &[("x", DoubleValue(1.5)), ("g", text("a"))]),
        with_status(2, span(5, 2, &[("g", text("b"))])),
    ];
    joined(vec![
        batch(&[("service.name", text("front"))], front),
        batch(&[("service.name", text("back"))], back),
    ])
}

/// The sets as text: what was computed, then the numbers of the spans.
fn sets(row: &TraceRow) -> Vec<String> {
    let set = |set: &SpanSet| {
        let mut words: Vec<String> =
            set.attributes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        words.extend(set.spans.iter().map(|span| span.id[7].to_string()));
        words.join(" ")
    };
    row.span_sets.iter().map(set).collect()
}

fn plain(value: &ShownValue) -> String {
    match value {
        ShownValue::Text(text) => text.clone(),
        ShownValue::Int(int) => int.to_string(),
        ShownValue::Float(float) => format!("{float:?}"),
        other => format!("{other:?}"),
    }
}

fn searched_in(joined: &Joined, query: &str) -> Result<Vec<String>, Failure> {
    let search = Search::compile(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let row = search.decide(&TraceRows::of(ID, joined), 100)?;
    Ok(row.as_ref().map(sets).unwrap_or_default())
}

/// Each query with the sets it finds in the tree; none where it does not match.
fn check(table: &[(&str, &[&str])]) {
    let tree = tree();
    for (query, expected) in table {
        assert_eq!(searched_in(&tree, query).unwrap(), *expected, "{query}");
    }
}

#[test]
fn filters_and_operators_between_them() {
    check(&[
        ("{ }", &["1 2 6 3 4 5"]),
        ("{ false }", &[]),
        ("{ .x = 1 }", &["1"]),
        ("{ .x > 1.0 }", &["4"]),
        ("{ status = error } | { .g = `b` }", &["5"]),
        // Two alike: the right side first.
        ("{ .g = `a` } && { .g = `b` }", &["3 5 2 4"]),
        ("{ .g = `a` } && { .g = `c` }", &[]),
        // The smaller side first.
        ("{ .g = `a` } || { .x = 1 }", &["1 2 4"]),
        ("{ .x = 1 } || { .g = `a` }", &["1 2 4"]),
        ("{ .g = `c` } || { .x = 1 }", &["1"]),
        ("{ .g = `a` } || { .x = 2 }", &["2 4"]),
    ]);
}

#[test]
fn structural_operators_choose_spans_of_the_right_side() {
    check(&[
        ("{ name = `span 1` } > { }", &["2 3"]),
        ("{ name = `span 1` } >> { }", &["2 3 4 5"]),
        ("{ .g = `b` } < { }", &["1 2"]),
        ("{ name = `span 5` } << { }", &["1 2"]),
        ("{ name = `span 4` } ~ { }", &["5"]),
        ("{ name = `span 6` } >> { }", &[]),
        // The lost span has nothing that is visible, unless something is asked of it.
        ("{ name = `span 1` } !> { }", &["1 4 5"]),
        ("{ name = `span 1` } !> { .x = 4 }", &["6"]),
        ("{ name = `span 1` } !>> { }", &["1"]),
        ("{ .g = `b` } !< { }", &["3 4 5"]),
        ("{ name = `span 5` } !<< { }", &["3 4 5"]),
        ("{ name = `span 4` } !~ { }", &["1 2 3 4"]),
        ("{ name = `none` } !> { .x = 4 }", &["6"]),
        ("{ name = `none` } > { .x = 4 }", &[]),
    ]);
}

#[test]
fn unions_choose_both_sides_of_each_pair() {
    check(&[
        ("{ name = `span 1` } &> { }", &["1 2 3"]),
        ("{ name = `span 2` } &>> { }", &["2 4 5"]),
        ("{ .g = `b` } &< { }", &["1 2 3 5"]),
        ("{ name = `span 5` } &<< { }", &["1 2 5"]),
        ("{ name = `span 5` } &~ { }", &["4 5"]),
        ("{ name = `span 6` } &>> { }", &[]),
    ]);
}

#[test]
fn operands_may_be_pipelines_and_operators_nest() {
    check(&[
        ("({ .g = `a` } | count() > 1) && ({ .x = 1 })", &["1 2 4"]),
        ("({ .g = `a` } | count() > 2) && ({ .x = 1 })", &[]),
        ("({ .g = `a` } | count() > 2) || ({ .x = 1 })", &["1"]),
        ("({ name = `span 1` } > { }) > { }", &["4 5"]),
        ("{ name = `span 1` } > { } > { }", &["4 5"]),
        // Three groups on the left, in the order of their first span.
        ("({ } | by(.g)) && ({ .x = 1 })", &["1 6 2 4 3 5"]),
        ("({ } | by(.g)) || ({ .x = 1 } | count() > 9)", &["1 6 2 4 3 5"]),
    ]);
}

#[test]
fn a_relation_between_several_sets_is_a_failure() {
    let tree = tree();
    for query in ["({ } | by(.g)) > ({ })", "({ } | count() > 0) !~ ({ } | by(.g))"] {
        assert_eq!(searched_in(&tree, query), Err(Failure::SeveralSpansets), "{query}");
    }
    // Nothing on the right: nothing to relate.
    assert_eq!(searched_in(&tree, "({ } | by(.g)) > ({ .x = 9 } | count() > 0)"), Ok(Vec::new()));
    assert_eq!(
        searched_in(&tree, "({ } | by(.g) | coalesce()) > ({ .g = `b` } | count() > 0)").unwrap(),
        ["3 5"]
    );
}

#[test]
fn aggregates_skip_what_is_not_there_and_keep_their_first_type() {
    check(&[
        ("{ } | count() > 5", &["count()=6 1 2 6 3 4 5"]),
        ("{ } | count() > 6", &[]),
        ("{ } | sum(.x) = 7", &["sum(.x)=7 1 2 6 3 4 5"]),
        ("{ } | avg(.x) > 1", &["avg(.x)=1.4 1 2 6 3 4 5"]),
        ("{ } | max(duration) >= 6ms", &["max(duration)=6ms 1 2 6 3 4 5"]),
        ("{ } | min(duration) < 0.5ms", &[]),
        ("{ } | min(.nothing) < 9", &[]),
        ("{ .g = `a` } | min(.x) < 1.75", &["min(.x)=1.5 2 4"]),
        ("{ .g = `a` } | max(.x) > 1.75 | count() = 2", &["max(.x)=2 count()=2 2 4"]),
        ("{ .g = `a` } | avg(-.x * 1.0) < 0", &["avg(-(.x * 1.0))=-1.75 2 4"]),
    ]);
}

#[test]
fn groups_keep_their_values_and_coalescing_forgets_them() {
    check(&[
        ("{ .g != nil } | by(.g)", &["by(.g)=a 2 4", "by(.g)=b 3 5"]),
        ("{ } | by(.g)", &["by(.g)=nil 1 6", "by(.g)=a 2 4", "by(.g)=b 3 5"]),
        ("{ } | by(.g) | count() > 1 | coalesce()", &["1 6 2 4 3 5"]),
        ("{ } | by(.g) | { .x = 2 }", &["by(.g)=a 2"]),
        (
            "{ .g != nil } | by(.g) | by(resource.service.name)",
            &[
                "by(.g)=a by(resource.service.name)=front 2",
                "by(.g)=a by(resource.service.name)=back 4",
                "by(.g)=b by(resource.service.name)=back 3 5",
            ],
        ),
        // An operator within each group, and what it found in one is not in the next.
        ("{ .g != nil } | by(.g) | { } > { }", &["by(.g)=a 4"]),
    ]);
}

#[test]
fn nil_and_the_text_nil_are_one_group_of_an_answer() {
    let trace = joined(vec![batch(
        &[],
        vec![span(1, 0, &[]), span(2, 1, &[("g", text("nil"))]), span(3, 1, &[("g", text("nil"))])],
    )]);
    assert_eq!(searched_in(&trace, "{ } | by(.g)").unwrap(), ["by(.g)=nil 2 3"]);
    assert_eq!(searched_in(&trace, "{ } | by(.g) | count() = 1").unwrap(), ["by(.g)=nil count()=1 1"]);
}

#[test]
fn what_stands_behind_a_select_sees_too_little() {
    check(&[
        ("{ } | select(.x)", &["1 2 6 3 4 5"]),
        ("{ } | select(.x) | { .x = 4 }", &[]),
        ("{ } | select(.x) | { } > { }", &[]),
        ("{ } | select(.x) | { } !> { }", &["1 2 6 3 4 5"]),
        ("{ } > { } | select(.x) | { } > { }", &["4 5"]),
    ]);
}

#[test]
fn a_set_shows_some_of_its_spans_and_counts_all() {
    let tree = tree();
    let rows = TraceRows::of(ID, &tree);
    let search = Search::compile("{ } | select(.x, span:name)").unwrap();
    for (asked, shown) in [(0, 3), (2, 2), (6, 6), (50, 6)] {
        let row = search.decide(&rows, asked).unwrap().unwrap();
        assert_eq!((row.span_sets[0].spans.len(), row.span_sets[0].matched), (shown, 6), "{asked}");
    }
    let row = search.decide(&rows, 2).unwrap().unwrap();
    assert_eq!((row.root_name.as_str(), row.root_service.as_str()), ("span 1", "front"));
    assert_eq!((row.start, row.duration_ns), (1_001_000_000_000, 5_006_000_000));
    let stats: Vec<_> =
        row.service_stats.iter().map(|(name, s)| (name.as_str(), s.spans, s.errors)).collect();
    assert_eq!(stats, [("back", 3, 1), ("front", 3, 0)]);
    let second = &row.span_sets[0].spans[1];
    assert_eq!(
        (second.name.as_str(), second.start, second.duration_ns),
        ("span 2", 1_002_000_000_000, 2_000_000)
    );
    assert_eq!(second.attributes, [("x".to_owned(), ShownValue::Int(2))]);
}

#[test]
fn of_a_metrics_query_the_filter_is_searched_for() {
    check(&[
        ("{ .x = 1 } | rate()", &["1"]),
        ("2 * ({ .x = 1 } | rate())", &["1"]),
        ("{ .g = `a` } | count() > 1 | count_over_time() by(.x)", &["count()=2 2 4"]),
        ("{ .x = 1 } | compare({ .g = `a` })", &["1"]),
        ("{ .x = 1 } | rate() | topk(3) > 5", &["1"]),
    ]);
    for math in ["({ } | rate()) + ({ } | rate())", "(2 * ({ } | rate())) / ({ .x = 1 } | rate())"] {
        let refused = Search::compile(math).unwrap_err();
        assert_eq!(
            (refused.to_string().as_str(), refused),
            ("math expressions not supported", QueryError::Math)
        );
    }
}

#[test]
fn constants_are_seen_when_compiling() {
    let noop = |query: &str| Search::compile(query).unwrap().is_noop();
    for query in ["{ false }", "{ 1 = 2 } && { false }", "{ false } | { !true }", "{ false } | rate()"] {
        assert!(noop(query), "{query}");
    }
    for query in
        ["{ }", "{ false } | count() > 1", "{ false } && { .x }", "({ false } && { false }) && { false }"]
    {
        assert!(!noop(query), "{query}");
    }
}

#[test]
fn a_query_of_more_attributes_than_there_is_room_for_is_refused() {
    let many: String = (0..5_000).map(|n| format!(" || .a{n} = 1")).collect();
    let search = Search::compile(&format!("{{ name != `` {many} }}")).unwrap();
    let decided = |spans: u64| {
        let joined = joined(vec![batch(&[], (1..=spans).map(|n| span(n, 0, &[])).collect())]);
        search.decide(&TraceRows::of(ID, &joined), 3).map(|row| row.map(|row| row.span_sets[0].matched))
    };
    assert_eq!(decided(2), Ok(Some(2)));
    let failure = decided(1_000).unwrap_err();
    assert!(matches!(failure, Failure::TooManyValues { .. }), "{failure}");
}

#[test]
fn a_query_of_a_thousand_large_patterns_is_refused_in_one_line() {
    let patterns: Vec<String> = (0..1000).map(|at| format!(r"span.a =~ `{at}\pL{{40}}`")).collect();
    let refused = Search::compile(&format!("{{ {} }}", patterns.join(" || "))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "invalid regex: the patterns of the query are over 32 MiB together when compiled"
    );
}

#[test]
fn a_trace_is_given_up_wherever_the_time_is_over() {
    use crate::evaluate::Patience;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let joined = tree();
    for query in
        ["{ .x > 0 }", "{ } >> { .g = \"a\" } | by(.g) | count() > 0 | select(.x)", "{ } | max(.x) > 1"]
    {
        let search = Search::compile(query).unwrap();
        let patient = search.decide(&TraceRows::of(ID, &joined), 100);
        let looks_allowed = |allowed: usize| {
            let looks = AtomicUsize::new(0);
            let patience = Patience::until(move || looks.fetch_add(1, Ordering::Relaxed) >= allowed);
            search.decide(&TraceRows::of(ID, &joined).with_patience(patience), 100)
        };
        let given_up =
            (0..100).take_while(|allowed| looks_allowed(*allowed) == Err(Failure::Stopped)).count();
        assert!((3..100).contains(&given_up), "{query}: {given_up}");
        assert_eq!(looks_allowed(given_up), patient, "{query}");
    }
}
