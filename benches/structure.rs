//! Taking texts apart: bytes a second of each parser, over ordinary texts and over such as are made to take long;
//! and what a key costs to look up.
//!
//! `cargo bench --bench structure`. Measured is the time the thread had on a processor. A parser that is linear has
//! the same rate for a text and for one four times as long.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[path = "support/processor_time.rs"]
mod processor_time;
#[path = "support/structures.rs"]
mod structures;

use std::hint::black_box;
use std::time::Duration;

use processor_time::ProcessorTime;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use structures::{ADVERSARIAL, ORDINARY, repeated};
use tutti::classify::keys::{Dictionary, DictionaryBuilder, KeyClass};
use tutti::classify::structure::parse;
use tutti::model::ClassId;

fn ordinary(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("ordinary");
    for (structure, name, text) in ORDINARY {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), text, |bencher, text| {
            let mut pieces = Vec::new();
            parse(structure, text, &mut pieces).unwrap();
            bencher.iter(|| {
                let mut pieces = Vec::with_capacity(32);
                parse(structure, black_box(text), &mut pieces).unwrap();
                pieces.len()
            });
        });
    }
    group.finish();
}

fn adversarial(criterion: &mut Criterion<ProcessorTime>) {
    for bytes in [50_000, 200_000] {
        let mut group = criterion.benchmark_group(format!("adversarial-{bytes}"));
        group.sample_size(10);
        for (structure, name, parts) in ADVERSARIAL {
            let text = repeated(parts, bytes);
            group.throughput(Throughput::Bytes(text.len() as u64));
            let id = BenchmarkId::new(structure.name(), name);
            group.bench_with_input(id, text.as_str(), |bencher, text| {
                bencher.iter(|| {
                    let mut pieces = Vec::new();
                    let _ = parse(structure, black_box(text), &mut pieces);
                    pieces.len()
                });
            });
        }
        group.finish();
    }
}

/// The shipped keys, each as a class of its own kind.
fn dictionary() -> Dictionary {
    let facts: toml::Table = include_str!("../policies/baseline/classes.toml").parse().unwrap();
    let mut made = DictionaryBuilder::new();
    let mut list = |owner: &str, table: &toml::Value, says: KeyClass| {
        let texts = |key: &str| table.get(key).and_then(|list| list.as_array().cloned()).unwrap_or_default();
        for key in texts("keys") {
            made.key(owner, key.as_str().unwrap(), says).unwrap();
        }
        for template in texts("templates") {
            made.template(owner, template.as_str().unwrap(), says).unwrap();
        }
        for words in texts("words") {
            made.words(owner, words.as_str().unwrap(), says).unwrap();
        }
    };
    for class in facts["class"].as_array().unwrap() {
        list(class["name"].as_str().unwrap(), class, KeyClass::Whole(ClassId::new(1)));
    }
    list("safe", &facts["safe"], KeyClass::Safe);
    list("scan", &facts["scan"], KeyClass::Scan);
    made.build()
}

fn keys(criterion: &mut Criterion<ProcessorTime>) {
    let dictionary = dictionary();
    let mut group = criterion.benchmark_group("key");
    for (name, key) in [
        ("exact", "http.response.status_code"),
        ("template", "http.request.header.x-forwarded-prefix"),
        ("words", "checkout.customerEmailAddress"),
        ("unknown", "shop.cart.items_in_stock"),
        ("long", "com.example.shop.checkout.internal.workflow.step_forty_two.attribute.of.nothing"),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| dictionary.of(black_box(key))));
    }
    group.bench_function("within", |bencher| {
        bencher.iter(|| dictionary.of_within(black_box("url.query"), black_box("email")));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(ProcessorTime)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = keys, ordinary, adversarial
}
criterion_main!(benches);
