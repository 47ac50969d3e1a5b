//! TraceQL: reading queries, and evaluating them over traces in memory.
//!
//! `cargo bench --bench traceql`. Measured is the time the thread had on a processor, not the clock on the
//! wall, so that other work on the machine distorts figures less; it still shares caches and memory with it.
//! `filter` against `filter-decoded` is the ratio to the same filters over decoded objects, in one run.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod support;

#[path = "support/processor_time.rs"]
mod processor_time;

use std::hint::black_box;
use std::time::Duration;

use processor_time::ProcessorTime;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use support::evaluating::{SHAPES, decoded, joined, matching, matching_by_hand, rows, spans_by_hand, traces};
use tutti::evaluate::{Metrics, Search, TraceRows};
use tutti::model::metrics::MetricsQuery;
use tutti::trace::Joined;
use tutti::traceql;

/// What dashboards, alerts and the drilldown application send.
const TYPICAL: [(&str, &str); 14] = [
    ("all", "{}"),
    ("service", r#"{ resource.service.name = "checkout" }"#),
    ("errors", r#"{ resource.service.name = "checkout" && status = error }"#),
    ("slow-roots", r#"{ nestedSetParent < 0 && duration > 500ms && kind = server }"#),
    ("route", r#"{ span.http.route =~ "/api/v[12]/orders.*" && span.http.response.status_code >= 500 }"#),
    ("unscoped", r#"{ .http.method = "GET" && (.http.status_code = 500 || .http.status_code = 503) }"#),
    ("descendant", r#"{ resource.service.name = "frontend" } >> { status = error && kind = client }"#),
    ("aggregate", r#"{ resource.service.name = "checkout" } | avg(duration) > 1s | count() > 3"#),
    ("select", r#"{ status = error } | select(span.http.url, resource.k8s.pod.name, statusMessage)"#),
    ("rate", r#"{ nestedSetParent < 0 } | rate() by (resource.service.name)"#),
    (
        "quantile",
        r#"{ nestedSetParent < 0 && kind = server } | quantile_over_time(duration, 0.5, 0.9, 0.99)"#,
    ),
    (
        "drilldown",
        r#"{ nestedSetParent < 0 && true && resource.service.name != nil } | rate() by (resource.service.name) with(sample=true)"#,
    ),
    (
        "breakdown",
        r#"{ nestedSetParent < 0 && status = error && span.http.route != nil } | rate() by (span.http.route)"#,
    ),
    (
        "compare",
        r#"{ nestedSetParent < 0 && resource.service.name = "frontend" } | compare({ status = error }, 10, 1795000000000000000, 1795000600000000000)"#,
    ),
];

/// `{ ... } op { ... }` with operands that hold for a part of all spans, and for all.
const STRUCTURAL: [(&str, &str); 6] = [
    (">>", "{ kind = server } >> { kind = client }"),
    ("!>>", "{ kind = server } !>> { kind = client }"),
    ("~", "{ kind = server } ~ { kind = client }"),
    ("&>>", "{ kind = server } &>> { kind = client }"),
    ("<", "{ kind = server } < { kind = client }"),
    ("all>>all", "{} >> {}"),
];

const METRICS: [(&str, &str); 5] = [
    ("rate", "{} | rate()"),
    ("rate-by-service", "{} | rate() by (resource.service.name)"),
    ("rate-by-code", "{ kind = server } | rate() by (span.http.response.status_code)"),
    ("quantile", "{} | quantile_over_time(duration, 0.5, 0.9, 0.99)"),
    ("compare", "{} | compare({ status = error })"),
];

/// Reading a query is `traceql::compile`; making it ready to run is `Search::compile`, patterns included.
fn reading(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("read");
    for (name, query) in TYPICAL {
        group.bench_with_input(BenchmarkId::new("parse+check", name), query, |bencher, query| {
            bencher.iter(|| traceql::compile(black_box(query)).unwrap());
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("read/search");
    for (name, query) in TYPICAL {
        group.bench_with_input(BenchmarkId::new("compile", name), query, |bencher, query| {
            bencher.iter(|| Search::compile(black_box(query)).unwrap());
        });
    }
    group.finish();
}

/// Spans a second, by what is there already: rows, the scanned and joined trace, the bytes.
fn filtering(criterion: &mut Criterion<ProcessorTime>) {
    let bodies = traces();
    let all: Vec<Joined> = bodies.iter().map(joined).collect();
    let all_rows: Vec<TraceRows<'_>> = all.iter().map(rows).collect();
    let objects: Vec<TracesData> = bodies.iter().map(decoded).collect();
    let spans = all.iter().map(|trace| trace.span_count() as u64).sum();
    let mut group = criterion.benchmark_group("evaluate");
    group.sample_size(10).throughput(Throughput::Elements(spans));
    for shape in SHAPES {
        let search = Search::compile(shape.query).unwrap();
        let expected = matching(&search, &all_rows);
        assert_eq!(expected, matching_by_hand(shape.by_hand, &objects), "{} finds the same", shape.name);
        group.bench_function(BenchmarkId::new("filter", shape.name), |bencher| {
            bencher.iter(|| matching(&search, &all_rows));
        });
        group.bench_function(BenchmarkId::new("filter-decoded", shape.name), |bencher| {
            bencher.iter(|| matching_by_hand(shape.by_hand, &objects));
        });
        group.bench_function(BenchmarkId::new("rows+filter", shape.name), |bencher| {
            bencher.iter(|| all.iter().filter(|trace| decide(&search, trace)).count());
        });
    }
    let shape = &SHAPES[6];
    let search = Search::compile(shape.query).unwrap();
    group.bench_function(BenchmarkId::new("scan+join+rows+filter", shape.name), |bencher| {
        bencher.iter(|| bodies.iter().filter(|body| decide(&search, &joined(body))).count());
    });
    group.bench_function(BenchmarkId::new("decode+filter", shape.name), |bencher| {
        let found = |body: &&Bytes| spans_by_hand(shape.by_hand, &decoded(body)) > 0;
        bencher.iter(|| bodies.iter().filter(found).count());
    });
    group.finish();
}

fn decide(search: &Search, trace: &Joined) -> bool {
    search.decide(&rows(trace), 3).unwrap().is_some()
}

/// Time for each span, over traces of growing size. Numbers of the tree are worked out anew each time.
fn structure(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("structural");
    for spans in [1_000, 10_000, 100_000] {
        let trace = joined(&support::whole(1, spans));
        group.sample_size(10).throughput(Throughput::Elements(spans as u64));
        for (name, query) in STRUCTURAL {
            let search = Search::compile(query).unwrap();
            group.bench_function(BenchmarkId::new(name, spans), |bencher| {
                bencher.iter_batched_ref(
                    || rows(&trace),
                    |rows| search.decide(rows, 3).unwrap().is_some(),
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

/// Spans a second over many traces, from the first trace to the series. Samples a minute apart over an hour.
fn metrics(criterion: &mut Criterion<ProcessorTime>) {
    const MINUTE: u64 = 60_000_000_000;
    let all: Vec<Joined> = traces().iter().map(joined).collect();
    let all_rows: Vec<TraceRows<'_>> = all.iter().map(rows).collect();
    let spans = all.iter().map(|trace| trace.span_count() as u64).sum();
    let mut group = criterion.benchmark_group("metrics");
    group.sample_size(10).throughput(Throughput::Elements(spans));
    let start = support::BEGIN / MINUTE * MINUTE - 30 * MINUTE;
    for (name, query) in METRICS {
        let asked = MetricsQuery {
            query: query.to_owned(),
            start,
            end: start + 60 * MINUTE,
            step: MINUTE,
            is_instant: false,
            exemplars: 100,
            max_series: 1_000,
        };
        group.bench_function(BenchmarkId::new("series", name), |bencher| {
            bencher.iter(|| {
                let mut metrics = Metrics::compile(&asked).unwrap();
                all_rows.iter().for_each(|trace| metrics.observe(trace).unwrap());
                let answer = metrics.finish();
                assert!(!answer.series.is_empty());
                answer
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(ProcessorTime)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = reading, filtering, structure, metrics
}
criterion_main!(benches);
