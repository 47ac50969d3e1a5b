//! What a merge costs in memory, counted rather than timed: few allocations whatever the size, and little
//! more than the bytes that arrived.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

#[path = "../benches/support/mod.rs"]
mod support;

use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use support::merging::assemble;
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
