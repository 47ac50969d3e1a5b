//! Metrics queries over traces written down span by span: text in, series out.

use super::*;
use crate::evaluate::made::{ID, batch, joined, span, text, texts, with_status};
use crate::model::metrics::{MetricsAnswer, Series};
use crate::model::value::ShownValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

const S: u64 = 1_000_000_000;

/// Over `(1000 s, 1010 s]` in steps of 5 s, with ten exemplars.
fn asked(query: &str) -> MetricsQuery {
    MetricsQuery {
        query: query.to_owned(),
        start: 1_000 * S,
        end: 1_010 * S,
        step: 5 * S,
        is_instant: false,
        exemplars: 10,
        max_series: 0,
    }
}

fn answered(asked: &MetricsQuery, batches: Vec<ResourceSpans>) -> MetricsAnswer {
    let mut metrics = Metrics::compile(asked).unwrap();
    let joined = joined(batches);
    metrics.observe(&TraceRows::of(ID, &joined)).unwrap();
    metrics.finish()
}

/// `labels: sample sample`, with the seconds of each sample.
fn line(series: &Series) -> String {
    let labels: Vec<String> = series
        .labels
        .iter()
        .map(|(name, value)| match value {
            ShownValue::Text(text) => format!("{name}={text}"),
            ShownValue::Int(int) => format!("{name}=int {int}"),
            other => format!("{name}={other:?}"),
        })
        .collect();
    let samples = series.samples.iter().map(|sample| {
        assert_eq!(sample.timestamp_ms % 1_000, 0);
        format!(" {}@{}", sample.value, sample.timestamp_ms / 1_000)
    });
    format!("{}:{}", labels.join(","), samples.collect::<String>())
}

fn lines(answer: &MetricsAnswer) -> Vec<String> {
    answer.series.iter().map(line).collect()
}

fn int(value: i64) -> Value {
    Value::IntValue(value)
}

/// Spans 1 to 4 in the first interval, 6 and 7 in the second, 12 in none.
fn spans() -> Vec<ResourceSpans> {
    let x = |number, value: i64| span(number, u64::from(number > 1), &[("x", int(value)), ("s", text("a"))]);
    let first = vec![
        x(1, 1),
        x(2, 2),
        with_status(2, x(3, 30)),
        span(4, 1, &[("s", text("b"))]),
        with_status(2, x(6, 6)),
        x(12, 100),
    ];
    let second = vec![span(7, 1, &[("x", Value::DoubleValue(0.5)), ("tags", texts(&["p", "q"]))])];
    vec![batch(&[("service.name", text("one"))], first), batch(&[("service.name", text("two"))], second)]
}

fn check(query: &str, expected: &[&str]) {
    assert_eq!(lines(&answered(&asked(query), spans())), expected, "{query}");
}

#[test]
fn spans_count_in_the_interval_they_start_in() {
    check("{} | count_over_time()", &["__name__=count_over_time: 4@1005 2@1010"]);
    check("{} | rate()", &["__name__=rate: 0.8@1005 0.4@1010"]);
    check("{ status = error } | rate()", &["__name__=rate: 0.2@1005 0.2@1010"]);
    check("{ .nope = 1 } | rate()", &["__name__=rate: 0@1005 0@1010"]);
    check("{ .nope = 1 } | rate() by (name)", &[]);
}

#[test]
fn folds_have_samples_only_where_there_are_values() {
    check("{} | max_over_time(span.x)", &["__name__=max_over_time: 30@1005 6@1010"]);
    check("{} | min_over_time(span.x)", &["__name__=min_over_time: 1@1005 0.5@1010"]);
    check("{} | avg_over_time(span.x)", &["__name__=avg_over_time: 11@1005 3.25@1010"]);
    check("{ span.s = \"b\" } | sum_over_time(span.x)", &[]);
    check("{ span.s = \"b\" } | sum_over_time(duration)", &["__name__=sum_over_time: 0.004@1005"]);
}

#[test]
fn a_span_without_a_number_does_not_poison_a_sum() {
    check("{} | sum_over_time(span.x)", &["__name__=sum_over_time: 33@1005 6.5@1010"]);
}

#[test]
fn an_average_keeps_its_labels_whatever_the_filter_hides() {
    let expected = ["span.s=a: 11@1005 6@1010", "span.s=nil: 0.5@1010"];
    check("{ span.s = \"zzz\" || span.x != nil } | avg_over_time(span.x) by (span.s)", &expected);
}

#[test]
fn labels_are_typed_and_an_unscoped_one_is_looked_for_in_span_and_resource() {
    check(
        "{ span.x > 1 } | count_over_time() by (.x, .service.name)",
        &[
            ".x=int 2,.service.name=one: 1@1005 0@1010",
            ".x=int 30,.service.name=one: 1@1005 0@1010",
            ".x=int 6,.service.name=one: 0@1005 1@1010",
        ],
    );
    // An array shows as if there were none, unless the filter lets only one of its elements be seen.
    check("{ span.x < 0.9 } | count_over_time() by (span.tags)", &["span.tags=nil: 0@1005 1@1010"]);
    check("{ span.tags = \"q\" } | count_over_time() by (span.tags)", &["span.tags=q: 0@1005 1@1010"]);
}

#[test]
fn buckets_and_quantiles_are_of_whole_numbers_and_durations() {
    check(
        "{} | histogram_over_time(span.x)",
        &["__bucket=Float(2.0): 1@1005 0@1010", "__bucket=Float(32.0): 1@1005 0@1010", {
            "__bucket=Float(8.0): 0@1005 1@1010"
        }],
    );
    check(
        "{} | quantile_over_time(span.x, 0.5, 1) by (resource.service.name)",
        &[
            "resource.service.name=one,p=Float(0.5): 2@1005 8@1010",
            "resource.service.name=one,p=Float(1.0): 32@1005 8@1010",
        ],
    );
}

#[test]
fn second_stages_and_arithmetic_work_on_final_series() {
    check("{} | count_over_time() by (status) | topk(1)", &["status=error: 1@1010", "status=unset: 3@1005"]);
    check("{} | count_over_time() > 3", &["__name__=count_over_time: 4@1005"]);
    check("{} | max_over_time(duration) > 5ms", &["__name__=max_over_time: 0.007@1010"]);
    check(
        "({ status = error } | count_over_time()) / ({} | count_over_time())",
        &["__name__=(count_over_time / count_over_time): 0.25@1005 0.5@1010"],
    );
    check("100 * ({} | count_over_time()) - 1", &["__name__=count_over_time: 399@1005 199@1010"]);
    check(
        "({} | count_over_time() by (status)) / ({} | count_over_time())",
        &["status=error: 0.25@1005 0.5@1010", "status=unset: 0.75@1005 0.5@1010"],
    );
}

#[test]
fn stages_before_the_function_decide_what_counts() {
    check(
        "{ name = \"span 1\" } > { status = error } | count_over_time()",
        &["__name__=count_over_time: 1@1005 1@1010"],
    );
    check(
        "{ status = error } | count() > 5 | count_over_time()",
        &["__name__=count_over_time: 0@1005 0@1010"],
    );
    check(
        "{ status = error } | count() > 1 | count_over_time()",
        &["__name__=count_over_time: 1@1005 1@1010"],
    );
}

#[test]
fn a_comparison_counts_attributes_inside_the_selection_and_outside() {
    let found = lines(&answered(&asked("{ span.s != nil } | compare({ status = error }, 2)"), spans()));
    for expected in [
        "__meta_type=baseline,resource.service.name=one: 3@1005 0@1010",
        "__meta_type=selection,resource.service.name=one: 1@1005 1@1010",
        "__meta_type=selection,status=error: 1@1005 1@1010",
        "__meta_type=selection_total,span.x=nil: 1@1005 1@1010",
        "__meta_type=baseline_total,name=nil: 3@1005 0@1010",
    ] {
        assert!(found.iter().any(|line| line == expected), "{expected} is not in {found:#?}");
    }
    let durations = found.iter().filter(|line| line.contains("uration"));
    assert_eq!(durations.count(), 0, "durations are not compared");
    let names = found.iter().filter(|line| line.starts_with("__meta_type=baseline,name="));
    assert_eq!(names.count(), 2, "the two most frequent values stay");
}

#[test]
fn the_window_of_a_comparison_bounds_its_selection() {
    let query = format!("{{}} | compare({{ status = error }}, 10, {}, {})", 1_005 * S, 1_010 * S);
    let found = lines(&answered(&asked(&query), spans()));
    assert!(
        found.iter().any(|line| line == "__meta_type=selection,status=error: 0@1005 1@1010"),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|line| line == "__meta_type=baseline,status=error: 1@1005 0@1010"),
        "{found:#?}"
    );
}

#[test]
fn what_a_comparison_meets_again_with_every_span_is_counted_and_not_listed() {
    const SPANS: u64 = 20_000;
    let at = 1_002 * S;
    let inside = |number| Span { start_time_unix_nano: at, end_time_unix_nano: at, ..span(number, 1, &[]) };
    let all = std::iter::once(span(1, 0, &[])).chain((2..=SPANS).map(inside)).collect();
    let query = "{rootName = \"span 1\"} | compare({duration > 1h})";
    let answer = answered(&asked(query), vec![batch(&[], all)]);
    // The first pass' root name is met by the n-th span n times, the second's once.
    let expected = format!("__meta_type=baseline,rootName=span 1: {}@1005 0@1010", SPANS * (SPANS + 3) / 2);
    assert!(lines(&answer).contains(&expected), "{:?}", lines(&answer));
}

#[test]
fn quantiles_of_more_spans_than_an_integer_counts_have_a_number() {
    let sampled = |number| Span { trace_state: "ot=th:ffffffffffffff".to_owned(), ..span(number, 1, &[]) };
    let spans: Vec<Span> = (0..300u64)
        .flat_map(|n| {
            let start = 1_001 * S;
            [4, 4_000].map(|lasts| Span {
                start_time_unix_nano: start,
                end_time_unix_nano: start + lasts,
                ..sampled(10_000 * lasts + n)
            })
        })
        .collect();
    let query = "{} | quantile_over_time(duration, 0, 1) with(extrapolate=true)";
    let answer = answered(&asked(query), vec![batch(&[], spans)]);
    let shown = lines(&answer);
    assert_eq!(
        shown,
        ["p=Float(0.0): 0.000000001999999999999998@1005 0@1010", "p=Float(1.0): 0.000004096@1005 0@1010"]
    );
}

#[test]
fn an_instant_query_has_one_sample_and_no_exemplars() {
    let asked = MetricsQuery { is_instant: true, step: 10 * S, ..asked("{} | rate()") };
    let answer = answered(&asked, spans());
    assert_eq!(
        lines(&answer),
        ["__name__=rate: 0.6000000000000001@1010"],
        "six times a tenth, as Tempo counts"
    );
    assert!(answer.series[0].exemplars.is_empty());
}

#[test]
fn a_trace_gives_one_exemplar_with_its_id_and_what_the_query_looked_at() {
    let answer = answered(&asked("{ status = error } | rate() by (span.s)"), spans());
    let [exemplar] = answer.series[0].exemplars.as_slice() else { panic!("{answer:?}") };
    assert!(
        exemplar
            .labels
            .contains(&("trace:id".to_owned(), ShownValue::text(ID.to_string().trim_start_matches('0'))))
    );
    assert!(exemplar.labels.contains(&("span.s".to_owned(), ShownValue::text("a"))));
    assert!(exemplar.labels.contains(&("status".to_owned(), ShownValue::text("error"))));
    assert!([1_003_000, 1_006_000].contains(&exemplar.timestamp_ms));
    assert_eq!(exemplar.value, 0.2, "the sample of its interval");
    let measured = answered(&asked("{} | max_over_time(span.x)"), spans());
    let value = measured.series[0].exemplars[0].value;
    assert!([1.0, 2.0, 30.0, 6.0, 0.5].contains(&value), "{value}");
    assert!(answered(&asked("{} | rate() with(exemplars=false)"), spans()).series[0].exemplars.is_empty());
}

#[test]
fn too_many_series_are_cut_and_tempo_says_so() {
    let answer =
        answered(&MetricsQuery { max_series: 2, ..asked("{} | count_over_time() by (name)") }, spans());
    assert_eq!(lines(&answer), ["name=span 1: 1@1005 0@1010", "name=span 2: 1@1005 0@1010"]);
    assert_eq!(
        answer.partial.as_deref(),
        Some(
            "Response exceeds maximum series limit of 2, a partial response is returned. Warning: the \
             accuracy of each individual value is not guaranteed."
        )
    );
    let enough = MetricsQuery { max_series: 3, ..asked("{} | count_over_time() by (status)") };
    assert_eq!(answered(&enough, spans()).partial, None);
}

#[test]
fn sampled_spans_stand_for_others_when_asked_to() {
    let sampled =
        |number, state: &str| Span { trace_state: state.to_owned(), ..span(number, 0, &[("x", int(4))]) };
    let batches = || vec![batch(&[], vec![sampled(1, "ot=th:8"), sampled(2, ""), sampled(7, "ot=th:c")])];
    let answer = |query: &str| lines(&answered(&asked(query), batches()));
    assert_eq!(answer("{} | count_over_time()"), ["__name__=count_over_time: 2@1005 1@1010"]);
    assert_eq!(
        answer("{} | count_over_time() with(extrapolate=true)"),
        ["__name__=count_over_time: 3@1005 4@1010"]
    );
    assert_eq!(
        answer("{} | sum_over_time(span.x) with(extrapolate=true)"),
        ["__name__=sum_over_time: 12@1005 16@1010"]
    );
    assert_eq!(
        answer("{} | max_over_time(span.x) with(extrapolate=true)"),
        ["__name__=max_over_time: 4@1005 4@1010"]
    );
}

#[test]
fn nothing_is_read_for_a_query_that_finds_nothing() {
    check("{ false } | rate()", &[]);
    check("({ false } | rate()) + ({ 1 = 2 } | rate())", &[]);
}

#[test]
fn what_is_no_metrics_query_is_refused() {
    let refusal = |asked: &MetricsQuery| Metrics::compile(asked).unwrap_err().to_string();
    assert_eq!(refusal(&asked("{}")), "not a metrics query");
    assert!(refusal(&asked("{} | rate(")).starts_with("parse error"));
    assert_eq!(refusal(&MetricsQuery { end: S, ..asked("{} | rate()") }), "end must be greater than start");
}

#[test]
fn a_failure_ends_a_query_over_whole_traces_and_drops_a_span_otherwise() {
    let joined = joined(spans());
    let rows = TraceRows::of(ID, &joined);
    let mut whole = Metrics::compile(&asked("{ -span.s = 1 } && {} | rate()")).unwrap();
    assert!(whole.observe(&rows).is_err());
    let mut single = Metrics::compile(&asked("{ -span.s = 1 || span.x = 2 } | rate()")).unwrap();
    assert!(single.observe(&rows).is_ok());
}

#[test]
fn parts_over_different_traces_add_up() {
    let queries = [
        "{} | rate() by (name)",
        "{} | quantile_over_time(duration, 0.5)",
        "({} | sum_over_time(span.x)) + ({} | max_over_time(span.x))",
        "{} | compare({ status = error })",
    ];
    let (one, other) = (joined(spans()), joined(spans().split_off(1)));
    for query in queries {
        let part = |all: &[&crate::trace::Joined]| {
            let mut metrics = Metrics::compile(&asked(query)).unwrap();
            all.iter().for_each(|joined| metrics.observe(&TraceRows::of(ID, joined)).unwrap());
            metrics
        };
        let mut merged = part(&[&other]);
        merged.merge(part(&[&one]));
        assert_eq!(merged.finish(), part(&[&one, &other]).finish(), "{query}");
    }
}

#[test]
fn the_uses_of_leaves_share_the_room_for_series() {
    let is_cut = |query: &str| {
        let long = |number| span(number, 1, &[("b", text(&format!("{number:010000}")))]);
        let spans = (1..=2u64)
            .map(|number| Span { start_time_unix_nano: 1_001 * S, ..long(number) })
            .collect::<Vec<_>>();
        answered(&asked(query), vec![batch(&[], spans)]).partial.is_some()
    };
    let rate = "({}|rate()by(span.b))".to_owned();
    let doubled = |times: u32| (0..times).fold(rate.clone(), |text, _| format!("({text}+{text})"));
    assert!(!is_cut(&doubled(5)));
    assert!(is_cut(&doubled(12)));
}

#[test]
fn no_span_is_left_out_because_there_was_no_time_for_it() {
    use crate::evaluate::Patience;
    use crate::traceql::value::Failure;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let joined = joined(vec![batch(&[], vec![span(1, 0, &[("b", text("x"))]), span(2, 1, &[])])]);
    // The second fails on each span, which is passed over.
    for query in ["{ } | rate()", "{ !.b } | rate()", "{ } | compare({ .b = \"x\" })"] {
        let looks_allowed = |allowed: usize| {
            let looks = AtomicUsize::new(0);
            let patience = Patience::until(move || looks.fetch_add(1, Ordering::Relaxed) >= allowed);
            let mut metrics = Metrics::compile(&asked(query)).unwrap();
            metrics.observe(&TraceRows::of(ID, &joined).with_patience(patience)).map(|_| ())
        };
        let given_up =
            (0..100).take_while(|allowed| looks_allowed(*allowed) == Err(Failure::Stopped)).count();
        assert!((1..100).contains(&given_up), "{query}: {given_up}");
        assert_eq!(looks_allowed(given_up), Ok(()), "{query}");
    }
}
