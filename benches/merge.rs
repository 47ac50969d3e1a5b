//! Merging a trace of three regions: the index against decoding, in one run.
//!
//! `cargo bench --bench merge`. Read the ratio of `tutti/...` to `decode/...` of the same size: both take the
//! same bytes and give the same spans. This one runs under the system's allocator, as a straightforward
//! program would; `merge_mimalloc` under the one the gateway ships with, which favours decoding.
//! `TUTTI_BENCH_SPANS=10000` measures one size only.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

mod support;

criterion::criterion_group!(benches, support::merging::merge);
criterion::criterion_main!(benches);
