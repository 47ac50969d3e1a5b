//! Classification of values: bytes a second over the corpus, and over texts made to be slow.
//!
//! `cargo bench --bench classify`. Measured is the time the thread had on a processor, not the clock on the
//! wall, so that other work on the machine distorts figures less. The adversarial texts come in two lengths:
//! the same throughput at both says that time is linear.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a benchmark"
)]

#[path = "../tests/support/corpus_privacy/mod.rs"]
#[allow(dead_code, reason = "what is personal in a value is the tests' business")]
mod corpus_privacy;
#[path = "../tests/support/dice.rs"]
mod dice;
#[path = "support/processor_time.rs"]
mod processor_time;

use std::hint::black_box;
use std::time::Duration;

use processor_time::ProcessorTime;

use corpus_privacy::{Kind, corpus};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dice::Dice;
use tutti::classify::detect::{Care, Context, Detectors, Scratch, detect};

/// How long an adversarial text is, and twice that.
const LENGTHS: [usize; 2] = [200_000, 400_000];

/// Texts of one piece over and over, each of which makes some scanner begin as often as it can.
const REPEATED: [(&str, &str); 63] = [
    ("mail", ":a@b.cc"),
    ("mail-spaced", "a@b.cc "),
    ("at", "@"),
    ("at-dots", "a.@."),
    ("local", "aaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@"),
    ("mail-idn", "é@é."),
    ("pem-begin", "-----BEGIN "),
    ("pem-private", "-----BEGIN PRIVATE KEY-----"),
    ("pem-broken", "-----BEGIN PRIVATE KEY-----!"),
    ("percent", "%25"),
    ("percent-deep", "%2525"),
    ("percent-at", "%40"),
    ("escapes", "\\u0040"),
    ("entities", "&#64;"),
    ("ampersands", "&"),
    ("jwt-empty", "eyJ."),
    ("jwt-dashes", "eyJ-"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9."),
    ("objects", "eyJlbWFpbCI6ImEifQ== "),
    ("dots", "."),
    ("numbers-dots", "1."),
    ("colons", ":"),
    ("hex-colons", "a:"),
    ("hex-colons-doubled", "a::"),
    ("mac", "aa:"),
    ("hex", "0123456789abcdef"),
    ("hyphens", "1-"),
    ("plus", "+1"),
    ("plus-phone", "+49 30 "),
    ("spaces-digits", "1 "),
    ("groups-of-four", "4111 "),
    ("pairs", "06 "),
    ("iban", "DE89 "),
    ("zero-width", "\u{200b}"),
    ("wide", "４"),
    ("url", "a://b:c@"),
    ("password", "password="),
    ("password-placeholder", "password=$"),
    ("token", "token="),
    ("bearer", "Bearer+"),
    ("basic", "basic+"),
    ("prefixes", "glsa_"),
    ("prefixes-dotted", "SG."),
    ("objects-run", "eyJ+"),
    ("objects-short", "eyJhbGciOiJI+ "),
    ("base64-parts", "a/="),
    ("camel", "aBcDeFgHiJkLmNoPqRsTuVwX 123 "),
    ("base58", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb "),
    ("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed "),
    ("flags", "-u a:"),
    ("cookies", "Cookie: a=b;"),
    ("authorization", "Authorization: a "),
    ("tags", "<password "),
    ("words", "password is "),
    ("codes", "code "),
    ("digit-by-digit", "4 "),
    ("cards-underscored", "4111_"),
    ("iban-alone", "DE 89 "),
    ("mail-in-words", "a at b dot "),
    ("other-scripts", "é 1234567 "),
    ("bots", "12345678:AA"),
    ("sources", "a:b@tcp("),
    ("names", "api_key="),
];

/// Whether attributes of a kind belong to a part.
type Part = fn(Kind) -> bool;

/// The corpus, with the context of each key read once, as the rooms above do; and its parts.
fn over_the_corpus(criterion: &mut Criterion<ProcessorTime>) {
    let all = corpus(20_261_121);
    let mut group = criterion.benchmark_group("corpus");
    let parts: [(&str, Part); 3] = [
        ("all", |_| true),
        ("labelled", |kind| kind == Kind::Labelled),
        ("ordinary", |kind| kind == Kind::Ordinary),
    ];
    for (name, is_part) in parts {
        // Values of a trace lie in one body, one after the other; so do these.
        let mut body = String::new();
        let mut places = Vec::new();
        for attribute in all.iter().filter(|attribute| is_part(attribute.kind)) {
            places.push((Context::of_key(&attribute.key), body.len()..body.len() + attribute.value.len()));
            body.push_str(&attribute.value);
        }
        let values: Vec<(Context, &str)> =
            places.into_iter().map(|(context, range)| (context, &body[range])).collect();
        let bytes = values.iter().map(|(_, value)| value.len() as u64).sum();
        println!("{name}: {} attributes, {bytes} bytes", values.len());
        group.throughput(Throughput::Bytes(bytes));
        for care in [Care::Balanced, Care::Paranoid] {
            let mut scratch = Scratch::default();
            group.bench_function(BenchmarkId::new(name, format!("{care:?}")), |bencher| {
                bencher.iter(|| {
                    let hits = values.iter().map(|(context, value)| {
                        detect(black_box(value), *context, care, Detectors::ALL, &mut scratch).len()
                    });
                    hits.sum::<usize>()
                });
            });
        }
    }
    let keys: Vec<&str> = all.iter().map(|attribute| attribute.key.as_str()).collect();
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function("keys", |bencher| {
        bencher.iter(|| {
            keys.iter().map(|key| Context::of_key(black_box(key))).filter(|c| *c != Context::NONE).count()
        });
    });
    group.finish();
}

/// Texts without a pattern, of characters that scanners begin at.
fn scattered(alphabet: &str, length: usize) -> String {
    let mut dice = Dice(7);
    let characters: Vec<char> = alphabet.chars().collect();
    let mut text = String::new();
    while text.len() < length {
        text.push(*dice.of(&characters));
    }
    text
}

fn over_what_is_made_to_be_slow(criterion: &mut Criterion<ProcessorTime>) {
    const SCATTERED: [(&str, &str); 6] = [
        ("random-digits", "0123456789"),
        ("random-digits-spaces", "0123456789    "),
        ("random-signs", "@:.%+-=/()[]\"' 1a"),
        ("random-base64", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
        ("random-hex-colons", "0123456789abcdef:"),
        ("random-letters", "äöüéжαあ中１２３ a1@."),
    ];
    let mut group = criterion.benchmark_group("adversarial");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(250));
    let mut scratch = Scratch::default();
    for length in LENGTHS {
        let repeated = REPEATED.iter().map(|(name, piece)| (*name, piece.repeat(length / piece.len())));
        let scattered = SCATTERED.iter().map(|(name, alphabet)| (*name, scattered(alphabet, length)));
        for (name, text) in repeated.chain(scattered) {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(name, length), |bencher| {
                bencher.iter(|| {
                    let context = Context::NONE;
                    detect(black_box(&text), context, Care::Paranoid, Detectors::ALL, &mut scratch).len()
                });
            });
        }
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
    targets = over_the_corpus, over_what_is_made_to_be_slow
}
criterion_main!(benches);
