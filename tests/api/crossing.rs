//! Clocks that differ and networks that take time: what the gateway says of them holds within the bound it
//! gives, stands on the spans that cross and on no other, and changes no time unless it is asked to.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tutti::backend::{Backend, Behaviour};
use tutti::federation::{Additions, FederationSettings};

use crate::estate::{Estate, Setup, estate};
use crate::fakes::{holding, simulated};
use crate::seen::{self, Seen, SeenSpan};
use crate::spans::{CLIENT, ID, INTERNAL, MS, NOON, SERVER, at, part, span, text};

const SEEDS: u64 = 300;

const NAMES: [&str; 4] = ["us-east", "us-west", "eu-central", "eu-north"];

/// A trace whose truth is known: one clock that is right, and by how much each region's is wrong.
struct Truth {
    spans: Vec<(usize, Span)>,
    /// By which each region's clock is ahead, in nanoseconds.
    ahead: Vec<i64>,
    /// Server spans of calls between regions: from, to, and the time of the way there.
    calls: BTreeMap<u64, (usize, usize, i64)>,
}

impl Truth {
    /// A root in the first region and calls below it. Any region calls any other, itself too.
    fn of(rng: &mut StdRng, calls: usize) -> Self {
        let ahead = NAMES.map(|_| rng.random_range(-400 * MS as i64..400 * MS as i64));
        let mut truth = Self { spans: Vec::new(), ahead: ahead.into(), calls: BTreeMap::new() };
        // Far wider than all calls, so that each fits.
        truth.put(0, span(1, None, SERVER), (0, 60_000 * MS as i64));
        // The server spans so far, which may call on.
        let mut servers = vec![(1, 0, 0i64)];
        for number in 0..calls {
            let (caller, from, begins) = servers[rng.random_range(0..servers.len())];
            let to = rng.random_range(0..NAMES.len());
            let (there, back) = ways(rng);
            let work = rng.random_range(0..50 * MS as i64);
            let asked = begins + rng.random_range(0..5 * MS as i64);
            let (client, server) = (1_000 + number as u64 * 2, 1_001 + number as u64 * 2);
            truth.put(from, span(client, Some(caller), CLIENT), (asked, asked + there + work + back));
            let served = (asked + there, asked + there + work);
            truth.put(to, span(server, Some(client), SERVER), served);
            if from != to {
                truth.calls.insert(server, (from, to, there));
            }
            servers.push((server, to, served.0));
        }
        truth
    }

    fn put(&mut self, region: usize, span: Span, (start, end): (i64, i64)) {
        let shown = |true_time: i64| (NOON as i64 + true_time + self.ahead[region]) as u64;
        let span = at(span, shown(start), shown(end));
        self.spans.push((region, span));
    }

    fn estate(&self) -> Estate {
        let regions = NAMES.iter().enumerate().map(|(number, name)| {
            let own = self.spans.iter().filter(|(region, _)| *region == number).map(|(_, span)| span.clone());
            let own: Vec<Span> = own.collect();
            (*name, holding(&part(name, own)) as Arc<dyn Backend>)
        });
        estate(regions.collect())
    }
}

async fn look(estate: &Estate, query: &str) -> Seen {
    seen::v2_json(&estate.get(&format!("/api/v2/traces/{ID}{query}")).await)
}

/// The time of the way there and back. Now and then one of them takes all of it: then the truth lies at the
/// very edge of what can be known.
fn ways(rng: &mut StdRng) -> (i64, i64) {
    let all = rng.random_range(0..200 * MS as i64);
    match rng.random_range(0..4) {
        0 => (0, all),
        1 => (all, 0),
        _ => (all, rng.random_range(0..200 * MS as i64)),
    }
}

#[tokio::test(start_paused = true)]
async fn the_truth_lies_within_the_bound_that_is_given() {
    let mut said = 0;
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let calls = rng.random_range(1..30);
        let truth = Truth::of(&mut rng, calls);
        let seen = look(&truth.estate(), "").await;
        for (server, (from, to, there)) in &truth.calls {
            let span = seen.span(*server);
            let wanted = (Some(NAMES[*from]), Some(NAMES[*to]));
            assert_eq!((span.attribute("tutti.network.from"), span.attribute("tutti.network.to")), wanted);
            assert_within(seed, span, "tutti.network.latency_ms", "tutti.network.error_ms", *there);
            if span.attribute("tutti.clock.offset_ms").is_some() {
                let offset = truth.ahead[*to] - truth.ahead[*from];
                assert_within(seed, span, "tutti.clock.offset_ms", "tutti.clock.error_ms", offset);
                said += 1;
            }
        }
    }
    assert!(said > SEEDS as usize, "clocks that differ by up to 800 ms are noticed: {said}");
}

#[track_caller]
fn assert_within(seed: u64, span: &SeenSpan, value: &str, error: &str, truth_ns: i64) {
    let (value, error) = (span.figure(value).unwrap(), span.figure(error).unwrap());
    let truth = truth_ns as f64 / 1e6;
    // A double of this size is exact to far less than a nanosecond.
    assert!((value - truth).abs() <= error + 1e-9, "seed {seed}: {value} ± {error}, in truth {truth}");
}

#[tokio::test(start_paused = true)]
async fn only_spans_that_cross_are_annotated_and_no_time_is_touched() {
    for seed in 0..SEEDS / 3 {
        let truth = Truth::of(&mut StdRng::seed_from_u64(seed), 20);
        let seen = look(&truth.estate(), "").await;
        assert_eq!(seen.spans.len(), truth.spans.len());
        for (_, sent) in &truth.spans {
            let span = seen.spans.iter().find(|span| span.id == sent.span_id).unwrap();
            assert_eq!((span.start, span.end), (sent.start_time_unix_nano, sent.end_time_unix_nano));
            let crosses = truth.calls.contains_key(&span.number());
            let keys = span.attributes.keys().filter(|key| key.starts_with("tutti."));
            assert_eq!(keys.count() > 0, crosses, "{span:?}");
            assert_eq!(span.attribute("tutti.network.from").is_some(), crosses);
            assert_eq!(span.resource.get("tutti.clock.adjusted_ms"), None);
        }
    }
}

/// A latency is told where a client and a server span tell it; a crossing is told anyhow.
#[tokio::test(start_paused = true)]
async fn a_crossing_without_a_call_has_its_regions_and_no_latency() {
    let us = holding(&part("shop", vec![span(1, None, SERVER), span(2, Some(1), INTERNAL)]));
    let eu = holding(&part("mail", vec![span(3, Some(2), 5), span(4, Some(3), INTERNAL)]));
    let seen = look(&estate(vec![("us-east", us), ("eu-central", eu)]), "").await;
    let of = |id: u64, key: &str| seen.span(id).attribute(key).map(str::to_owned);
    assert_eq!(of(3, "tutti.network.from").as_deref(), Some("us-east"));
    assert_eq!(of(3, "tutti.network.to").as_deref(), Some("eu-central"));
    assert_eq!(of(3, "tutti.network.latency"), None);
    assert_eq!(of(4, "tutti.network.from"), None);
}

/// As a person reads it.
#[tokio::test(start_paused = true)]
async fn a_latency_is_told_in_words_and_figures() {
    let client = at(span(2, Some(1), CLIENT), NOON, NOON + 206 * MS);
    let server = at(span(3, Some(2), SERVER), NOON + 98 * MS, NOON + 108 * MS);
    let us = holding(&part("shop", vec![at(span(1, None, SERVER), NOON, NOON + 300 * MS), client]));
    let eu = holding(&part("payment", vec![server]));
    let seen = look(&estate(vec![("us-east", us), ("eu-central", eu)]), "").await;
    let span = seen.span(3);
    assert_eq!(span.attribute("tutti.network.latency"), Some("98 ms, us-east to eu-central"));
    assert_eq!(span.figure("tutti.network.latency_ms"), Some(98.0));
    assert!(span.figure("tutti.network.error_ms").unwrap() >= 98.0, "one pair can't tell there from back");
    assert_eq!(span.attribute("tutti.clock.offset_ms"), None, "clocks that may agree are not accused");
}

#[tokio::test(start_paused = true)]
async fn adjusted_clocks_bring_children_inside_their_parents() {
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let calls = rng.random_range(1..20);
        let truth = Truth::of(&mut rng, calls);
        let estate = truth.estate();
        let adjusted = look(&estate, "?adjust=skew").await;
        for server in truth.calls.keys() {
            let child = adjusted.span(*server);
            let parent = adjusted.span(u64::from_be_bytes(child.parent.as_slice().try_into().unwrap()));
            let is_inside = parent.start <= child.start && child.end <= parent.end;
            assert!(is_inside, "seed {seed}: {child:#?} in {parent:#?}");
        }
        let measured = look(&estate, "").await;
        for span in &measured.spans {
            let moved = adjusted.span(span.number());
            assert_eq!(moved.end - moved.start, span.end - span.start, "a duration needs no second clock");
            let by_ms = moved.resource.get("tutti.clock.adjusted_ms").map_or(0.0, |ms| ms.parse().unwrap());
            let by = moved.start as i64 - span.start as i64;
            assert!((by as f64 / 1e6 - by_ms).abs() < 0.001, "what was moved is said: {by} ns, {by_ms} ms");
        }
        let root = (measured.span(1), adjusted.span(1));
        assert_eq!(
            (root.0.start, root.0.end),
            (root.1.start, root.1.end),
            "the root's clock is the reference"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn another_adjustment_is_a_bad_request() {
    let estate = Truth::of(&mut StdRng::seed_from_u64(0), 1).estate();
    let answer = estate.get(&format!("/api/v2/traces/{ID}?adjust=all")).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (400, "refused"));
}

/// A partial trace with everything the gateway has to add: a crossing, a cycle, an absent parent.
async fn with(additions: Additions) -> Seen {
    let client = at(span(2, Some(1), CLIENT), NOON, NOON + 100 * MS);
    let server = at(span(3, Some(2), SERVER), NOON + 5_000 * MS, NOON + 5_010 * MS);
    let root = at(span(1, None, SERVER), NOON, NOON + 300 * MS);
    let us = simulated(&part("shop", vec![root, client, span(8, Some(8), INTERNAL)]));
    let eu = simulated(&part("payment", vec![server, span(5, Some(99), SERVER)]));
    let down = simulated(&part("mail", vec![span(99, Some(1), CLIENT)]));
    down.behave(Behaviour::ServerError);
    let federation = FederationSettings { additions, ..FederationSettings::default() };
    let setup = Setup { federation, ..Setup::default() };
    let estate = setup.over(vec![("us-east", us), ("eu-central", eu), ("eu-north", down)]);
    let seen = look(&estate, "").await;
    assert!(seen.is_partial, "what is missing is said, whatever is switched off");
    assert_eq!(seen.ids(), [1, 2, 3, 5, 8]);
    seen
}

/// Which of the additions a trace has.
fn additions_of(seen: &Seen) -> Additions {
    let any = |key: &str| seen.spans.iter().any(|span| span.attributes.contains_key(key));
    Additions {
        region: seen.real().any(|span| span.resource.contains_key("tutti.region")),
        crossings: any("tutti.network.from") || any("tutti.network.latency") || any("tutti.clock.offset_ms"),
        missing_region_spans: any("tutti.missing.status"),
        placeholder_parents: any("tutti.placeholder"),
        cycles: any("tutti.cycle"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_addition_can_be_switched_off_on_its_own() {
    let all = Additions::default();
    for additions in [
        all,
        Additions { region: false, ..all },
        Additions { crossings: false, ..all },
        Additions { missing_region_spans: false, ..all },
        Additions { placeholder_parents: false, ..all },
        Additions { cycles: false, ..all },
        Additions::NONE,
    ] {
        assert_eq!(additions_of(&with(additions).await), additions);
    }
}

#[tokio::test(start_paused = true)]
async fn with_all_additions_off_a_trace_is_what_was_sent() {
    let seen = with(Additions::NONE).await;
    for span in &seen.spans {
        assert_eq!(span.attributes, BTreeMap::new());
        assert!(span.resource.keys().all(|key| key == "service.name"), "{:?}", span.resource);
    }
}

/// What a service itself says under our names is not believed.
#[tokio::test(start_paused = true)]
async fn a_region_cannot_say_that_it_is_another() {
    let mut batch = crate::spans::batch("shop", vec![span(1, None, SERVER)]);
    batch.resource.as_mut().unwrap().attributes.push(text("tutti.region", "eu-central"));
    let liar = holding(&crate::spans::trace(vec![batch]));
    let seen = look(&estate(vec![("us-east", liar)]), "").await;
    assert_eq!(seen.span(1).resource["tutti.region"], "us-east");
}
