//! The measurements of `merge` and `merge_mimalloc`: the same code under two allocators.

use std::sync::Arc;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use prost::Message;
use tutti::model::TraceId;
use tutti::trace::crossing::Crossings;
use tutti::trace::emit::{ProtobufFrames, to_protobuf};
use tutti::trace::emit_json::JsonFrames;
use tutti::trace::tree::Tree;
use tutti::trace::{Assembled, Joined, scan};

/// Spans of the traces, or those that `TUTTI_BENCH_SPANS` lists.
fn sizes() -> Vec<usize> {
    let listed = std::env::var("TUTTI_BENCH_SPANS").unwrap_or_else(|_| "100,1000,10000,100000".to_owned());
    listed.split(',').map(|size| size.trim().parse().expect("TUTTI_BENCH_SPANS lists numbers")).collect()
}

/// From bytes as they arrive to the arranged trace.
pub fn assemble(parts: &[Bytes]) -> Assembled {
    let id = TraceId::from_bytes(super::TRACE_ID);
    let parts = (0u16..).zip(parts).map(|(rank, part)| (rank, scan(part.clone(), Some(&id)).unwrap()));
    let joined = Joined::of(parts.collect()).unwrap();
    let tree = Tree::of(&joined);
    Assembled::of(joined, &tree).unwrap()
}

pub fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for spans in sizes() {
        let parts = super::regions(spans);
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
            bencher.iter(|| super::merge_by_decoding(parts).encode_to_vec());
        });
        group.bench_with_input(BenchmarkId::new("tutti/json", spans), &parts, |bencher, parts| {
            bencher.iter(|| {
                let trace = assemble(parts);
                JsonFrames::resource_spans(Arc::new(&trace)).map(|frame| frame.unwrap().len()).sum::<usize>()
            });
        });
        group.bench_with_input(BenchmarkId::new("decode/json", spans), &parts, |bencher, parts| {
            bencher.iter(|| serde_json::to_vec(&super::merge_by_decoding(parts)).unwrap());
        });
        group.bench_with_input(
            BenchmarkId::new("tutti/protobuf+crossings", spans),
            &parts,
            |bencher, parts| {
                bencher.iter(|| {
                    let id = TraceId::from_bytes(super::TRACE_ID);
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
