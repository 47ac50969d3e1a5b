//! What a merge and a query cost in memory, counted rather than timed: few allocations whatever the size,
//! and little more than the bytes that arrived.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

#[path = "../benches/support/mod.rs"]
mod support;

use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use support::evaluating::{joined, rows};
use support::merging::assemble;
use tutti::evaluate::Search;
use tutti::trace::emit::ProtobufFrames;
use tutti::trace::emit_json::JsonFrames;

/// Merging three regions' parts up to the point where the answer can be written.
const ALLOCATIONS_MAX: u64 = 100;

/// Peak memory over the bytes that arrived, while the answer is streamed.
const PEAK_RATIO_MAX: f64 = 1.6;

#[test]
fn a_merge_takes_few_allocations_whatever_its_size() {
    for spans in [100, 1_000, 20_000] {
        let parts = support::regions(spans);
        let counted = measure(|| {
            std::hint::black_box(assemble(&parts));
        });
        assert!(
            counted.count_total <= ALLOCATIONS_MAX,
            "{spans} spans took {} allocations, the limit is {ALLOCATIONS_MAX}",
            counted.count_total
        );
    }
}

/// Filters of every shape that hold for no span.
const FOUND_NOWHERE: [&str; 10] = [
    "{ duration > 1h }",
    "{ name = `nothing` }",
    "{ status = ok }",
    "{ resource.service.name = `nothing` }",
    "{ span.thread.id = -1 }",
    "{ span.http.response.status_code > 600 }",
    "{ span.http.response.status_code >= 200 && kind = server && duration > 1h }",
    "{ span.url.path =~ `/nothing/.*` }",
    "{ .thread.name = `nothing` }",
    "{ .thread.name = `nothing` || span.server.port = 1 || event:name = `nothing` }",
];

/// What a query sets up for a trace, whatever its size.
const ALLOCATIONS_OF_A_QUERY_MAX: u64 = 16;

#[test]
fn a_span_that_does_not_match_takes_no_allocation() {
    let traces = [1_000, 20_000].map(|spans| joined(&support::whole(1, spans)));
    for query in FOUND_NOWHERE {
        let search = Search::compile(query).unwrap();
        let counts = traces.each_ref().map(|trace| {
            let rows = rows(trace);
            // The first run makes what patterns keep from one match to the next.
            assert_eq!(search.decide(&rows, 3), Ok(None), "{query} finds nothing");
            measure(|| assert!(search.decide(&rows, 3).unwrap().is_none())).count_total
        });
        assert_eq!(counts[0], counts[1], "{query} takes as many allocations for every size of a trace");
        assert!(counts[0] <= ALLOCATIONS_OF_A_QUERY_MAX, "{query} takes {} allocations", counts[0]);
    }
}

#[test]
fn a_large_trace_is_streamed_in_little_more_memory_than_it_arrived_in() {
    let parts = support::regions(100_000);
    let payload = parts.iter().map(Bytes::len).sum::<usize>() as f64;
    let protobuf = measure(|| {
        let trace = assemble(&parts);
        let written: usize = ProtobufFrames::new(Arc::new(&trace)).map(|frame| frame.len()).sum();
        assert_eq!(written, trace.protobuf_len());
    });
    let json = measure(|| {
        let trace = assemble(&parts);
        let written: usize =
            JsonFrames::resource_spans(Arc::new(&trace)).map(|frame| frame.unwrap().len()).sum();
        assert!(written > trace.protobuf_len());
    });
    for (form, counted) in [("protobuf", protobuf), ("JSON", json)] {
        let ratio = 1.0 + counted.bytes_max as f64 / payload;
        println!(
            "100,000 spans, {:.1} MB, streamed as {form}: peak {ratio:.2} times the payload",
            payload / 1e6
        );
        assert!(ratio <= PEAK_RATIO_MAX, "{form} peaked at {ratio:.2} times the payload");
    }
}
