//! Merging a trace of three regions: the index against decoding, in one run.
//!
//! `cargo bench --bench merge`. Read the ratio of `tutti/...` to `decode/...` of the same size: both
//! take the same bytes and give the same spans.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench may stop at the first surprise, and criterion's macros make undocumented items"
)]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use prost::Message;
use tutti::model::TraceId;
use tutti::trace::crossing::Crossings;
use tutti::trace::emit::{ProtobufFrames, to_protobuf};
use tutti::trace::emit_json::JsonFrames;
use tutti::trace::tree::Tree;
use tutti::trace::{Assembled, Joined, scan};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// From bytes as they arrive to the arranged trace.
fn assemble(parts: &[Bytes]) -> Assembled {
    let id = TraceId::from_bytes(support::TRACE_ID);
    let parts = (0u16..).zip(parts).map(|(rank, part)| (rank, scan(part.clone(), Some(&id)).unwrap()));
    let joined = Joined::of(parts.collect()).unwrap();
    let tree = Tree::of(&joined);
    Assembled::of(joined, &tree).unwrap()
}

fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for spans in SIZES {
        let parts = support::regions(spans);
        group.sample_size(if spans > 10_000 { 10 } else { 30 });
        group.throughput(Throughput::Bytes(parts.iter().map(|part| part.len() as u64).sum()));
        group.bench_with_input(BenchmarkId::new("tutti/protobuf", spans), &parts, |bencher, parts| {
            // As the gateway answers: a frame at a time, each let go when the next is asked for.
            bencher.iter(|| {
                ProtobufFrames::new(Arc::new(&assemble(parts))).map(|frame| frame.len()).sum::<usize>()
            });
        });
        group.bench_with_input(
            BenchmarkId::new("tutti/protobuf-in-one-piece", spans),
            &parts,
            |bencher, parts| {
                bencher.iter(|| to_protobuf(&assemble(parts)));
            },
        );
        group.bench_with_input(BenchmarkId::new("decode/protobuf", spans), &parts, |bencher, parts| {
            bencher.iter(|| support::merge_by_decoding(parts).encode_to_vec());
        });
        group.bench_with_input(BenchmarkId::new("tutti/json", spans), &parts, |bencher, parts| {
            bencher.iter(|| {
                let trace = assemble(parts);
                JsonFrames::resource_spans(Arc::new(&trace)).map(|frame| frame.unwrap().len()).sum::<usize>()
            });
        });
        group.bench_with_input(BenchmarkId::new("decode/json", spans), &parts, |bencher, parts| {
            bencher.iter(|| serde_json::to_vec(&support::merge_by_decoding(parts)).unwrap());
        });
        group.bench_with_input(
            BenchmarkId::new("tutti/protobuf+crossings", spans),
            &parts,
            |bencher, parts| {
                bencher.iter(|| {
                    let id = TraceId::from_bytes(support::TRACE_ID);
                    let parts = (0u16..).zip(parts);
                    let parts = parts.map(|(rank, part)| (rank, scan(part.clone(), Some(&id)).unwrap()));
                    let mut joined = Joined::of(parts.collect()).unwrap();
                    let tree = Tree::of(&joined);
                    let crossings = Crossings::of(&joined, &tree);
                    crossings.annotate(&mut joined, &["us-east", "us-west", "eu-central"]).unwrap();
                    let trace = Assembled::of(joined, &tree).unwrap();
                    ProtobufFrames::new(Arc::new(&trace)).map(|frame| frame.len()).sum::<usize>()
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, merge);
criterion_main!(benches);
