//! The shop: its journeys are whole traces that cross regions, and they hold what real systems hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;

use super::people::PEOPLE;
use super::requests::{Kind, hero, journey};
use super::shop::Site;
use super::*;
use crate::model::TraceId;

/// A span as a region holds it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    region: &'static str,
    service: String,
    cloud_region: String,
    span: Span,
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        other => panic!("`{key}` is {other:?}"),
    }
}

fn seen_in(estate: &Estate, region: usize, id: TraceId) -> Vec<Seen> {
    let trace = TracesData::decode(estate.regions()[region].backend.peek(&id)).unwrap();
    let mut seen = Vec::new();
    for resource in trace.resource_spans {
        let attributes = resource.resource.unwrap().attributes;
        let (service, cloud_region) = (text(&attributes, "service.name"), text(&attributes, "cloud.region"));
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let region = Site::ALL[region].name();
            seen.push(Seen { region, service: service.clone(), cloud_region: cloud_region.clone(), span });
        }
    }
    seen
}

fn seen(estate: &Estate, id: TraceId) -> Vec<Seen> {
    (0..3).flat_map(|region| seen_in(estate, region, id)).collect()
}

/// An estate that has served a few hundred requests, and their traces.
fn busy() -> (Estate, Vec<TraceId>) {
    let estate = Estate::new(7);
    let mut traces = vec![estate.hero()];
    traces.extend((0..300).map(|number| estate.serve(number, Duration::ZERO)));
    (estate, traces)
}

fn assert_one_tree(spans: &[Seen]) {
    let ids: BTreeSet<_> = spans.iter().map(|seen| seen.span.span_id.clone()).collect();
    assert_eq!(ids.len(), spans.len(), "span ids are unique");
    let parents: HashMap<_, _> =
        spans.iter().map(|seen| (seen.span.span_id.clone(), seen.span.parent_span_id.clone())).collect();
    let roots = parents.values().filter(|parent| parent.is_empty()).count();
    assert_eq!(roots, 1, "{spans:#?}");
    for (id, parent) in &parents {
        let mut at = parent;
        let mut steps = 0;
        while !at.is_empty() {
            at = parents.get(at).unwrap_or_else(|| panic!("the parent of {id:?} is in no region"));
            steps += 1;
            assert!(steps <= parents.len(), "a cycle at {id:?}");
        }
    }
}

#[test]
fn the_regions_halves_of_a_trace_are_one_tree_with_one_root() {
    let (estate, traces) = busy();
    for id in traces {
        let spans = seen(&estate, id);
        assert!(spans.len() >= 3, "{spans:#?}");
        assert_one_tree(&spans);
        assert!(spans.iter().all(|seen| seen.span.start_time_unix_nano <= seen.span.end_time_unix_nano));
    }
}

#[test]
fn a_region_holds_only_what_happened_there() {
    let (estate, traces) = busy();
    let mut sites: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for id in traces {
        for (region, site) in Site::ALL.into_iter().enumerate() {
            for seen in seen_in(&estate, region, id) {
                assert_eq!(seen.cloud_region, site.cloud_region());
                sites.entry(seen.service).or_default().insert(seen.region);
            }
        }
    }
    assert!(sites.len() >= 16, "{sites:?}");
    assert!(sites.values().all(|regions| regions.len() == 1), "{sites:?}");
    for (service, region) in [
        ("storefront", "us-east"),
        ("inventory", "us-west"),
        ("payments", "eu-central"),
        ("ledger", "eu-central"),
    ] {
        assert_eq!(sites[service], BTreeSet::from([region]));
    }
}

#[test]
fn regions_are_named_and_placed_as_promised() {
    let estate = Estate::new(1);
    let told: Vec<_> = estate
        .regions()
        .iter()
        .map(|r| (r.name.as_str(), r.jurisdiction.as_str(), r.distance.as_millis()))
        .collect();
    assert_eq!(told, [("us-east", "US", 2), ("us-west", "US", 60), ("eu-central", "EU", 95)]);
}

#[test]
fn every_checkout_crosses_all_three_regions() {
    for seed in 0..50 {
        let (journey, _) = journey(Kind::Checkout, seed, &[]);
        let sites: BTreeSet<_> = journey.spans.iter().map(|span| span.service.site).collect();
        assert_eq!(sites, BTreeSet::from(Site::ALL), "seed {seed}");
    }
}

#[test]
fn every_kind_of_request_is_made_and_crosses_a_border() {
    let mut mix: Vec<_> = (0..100).map(Kind::of_mix).collect();
    mix.dedup();
    assert_eq!(mix, Kind::ALL);
    for kind in Kind::ALL {
        let (journey, _) = journey(kind, 3, &[]);
        let sites: BTreeSet<_> = journey.spans.iter().map(|span| span.service.site).collect();
        assert!(sites.len() >= 2 || kind == Kind::Search, "{kind:?}: {sites:?}");
    }
    let (fulfilment, _) = journey(Kind::Fulfilment, 3, &[]);
    for kind in [SpanKind::Producer, SpanKind::Consumer] {
        assert!(fulfilment.spans.iter().filter(|span| span.kind == kind).count() >= 2);
    }
}

#[test]
fn the_hero_is_slow_crosses_every_border_and_fails_in_eu_central() {
    let estate = Estate::new(11);
    let spans = seen(&estate, estate.hero());
    assert_one_tree(&spans);
    let regions: BTreeSet<_> = spans.iter().map(|seen| seen.region).collect();
    assert_eq!(regions.len(), 3);
    let root = spans.iter().find(|seen| seen.span.parent_span_id.is_empty()).unwrap();
    assert_eq!((root.service.as_str(), root.span.name.as_str()), ("storefront", "POST /checkout"));
    assert!(root.span.end_time_unix_nano - root.span.start_time_unix_nano > 4_000_000_000);
    let is_thrown = |seen: &&Seen| {
        seen.service == "payments"
            && seen.span.status.as_ref().is_some_and(|status| status.code == 2)
            && seen.span.events.iter().any(|event| event.name == "exception")
    };
    assert_eq!(spans.iter().filter(is_thrown).map(|seen| seen.region).collect::<Vec<_>>(), ["eu-central"]);
}

#[test]
fn the_same_seed_makes_the_same_shop() {
    let (first, _) = hero(5);
    let (second, _) = hero(5);
    let names = |journey: &super::journey::Journey| {
        journey.spans.iter().map(|s| (s.id, s.name.clone(), s.start, s.end)).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), names(&second));
    assert_eq!(Estate::new(5).hero(), Estate::new(5).hero());
    assert_ne!(Estate::new(5).hero(), Estate::new(6).hero());
    let (one, other) = (Estate::new(5), Estate::new(5));
    for number in 0..20 {
        assert_eq!(one.serve(number, Duration::ZERO), other.serve(number, Duration::ZERO));
    }
}

/// The clock offset that a client and its server in another region show, as NTP computes it.
#[test]
fn clocks_differ_by_what_the_sites_say_and_packets_take_their_distance() {
    let (estate, traces) = busy();
    let mut pairs = 0;
    for id in traces {
        let spans = seen(&estate, id);
        let clients: HashMap<_, _> = spans
            .iter()
            .filter(|seen| seen.span.kind() == SpanKind::Client)
            .map(|s| (s.span.span_id.clone(), s))
            .collect();
        for server in spans.iter().filter(|seen| seen.span.kind() == SpanKind::Server) {
            let Some(client) = clients.get(&server.span.parent_span_id) else { continue };
            if (client.region, server.region) != ("us-east", "eu-central") {
                continue;
            }
            let there = server.span.start_time_unix_nano as i64 - client.span.start_time_unix_nano as i64;
            let back = client.span.end_time_unix_nano as i64 - server.span.end_time_unix_nano as i64;
            let (offset, one_way) = ((there - back) as f64 / 2e6, (there + back) as f64 / 2e6);
            assert!((offset - 38.0).abs() < 3.0, "{offset} ms");
            assert!((45.0..51.0).contains(&one_way), "{one_way} ms");
            pairs += 1;
        }
    }
    assert!(pairs > 50, "{pairs}");
}

#[test]
fn personal_data_is_where_real_systems_have_it() {
    let (estate, traces) = busy();
    let mut places: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_region: BTreeMap<&str, u64> = BTreeMap::new();
    for id in traces {
        for seen in seen(&estate, id) {
            let events = seen.span.events.iter().flat_map(|event| &event.attributes);
            for pair in seen.span.attributes.iter().chain(events) {
                let Some(Any::StringValue(value)) = pair.value.clone().and_then(|value| value.value) else {
                    continue;
                };
                let value = value.replace("%40", "@").replace("%2B", "+");
                let is_of = |person: &super::people::Person| {
                    [person.email, person.card, person.iban, person.phone, person.birthday, person.last]
                        .iter()
                        .any(|datum| value.contains(datum))
                };
                if PEOPLE.iter().any(is_of) {
                    *places.entry(pair.key.clone()).or_default() += 1;
                    *by_region.entry(seen.region).or_default() += 1;
                }
            }
        }
    }
    for key in [
        "user.email",
        "enduser.id",
        "db.query.text",
        "url.query",
        "url.full",
        "payment.card.number",
        "exception.message",
        "exception.stacktrace",
        "email.to.address",
        "shipping.name",
    ] {
        assert!(places.contains_key(key), "`{key}` holds nobody's data: {places:?}");
    }
    assert!(by_region["eu-central"] > 4 * (by_region["us-east"] + by_region["us-west"]), "{by_region:?}");
}

#[test]
fn cards_pass_the_checksum_and_accounts_theirs() {
    for person in &PEOPLE {
        let digits: Vec<u32> = person.card.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(place, digit)| match place % 2 {
                1 if digit * 2 > 9 => digit * 2 - 9,
                1 => digit * 2,
                _ => *digit,
            })
            .sum();
        assert_eq!(sum % 10, 0, "{}", person.card);
        let (check, account) = person.iban.split_at(4);
        let rest = account.chars().chain(check.chars()).fold(0u64, |rest, c| {
            let value = u64::from(c.to_digit(36).unwrap());
            (rest * if value > 9 { 100 } else { 10 } + value) % 97
        });
        assert_eq!(rest, 1, "{}", person.iban);
    }
}

#[test]
fn later_work_links_to_a_checkout_that_is_there() {
    let (estate, traces) = busy();
    let mut links = 0;
    for id in traces {
        for link in seen(&estate, id).iter().flat_map(|seen| &seen.span.links) {
            let bytes = <[u8; 16]>::try_from(link.trace_id.as_slice()).unwrap();
            let target = seen(&estate, TraceId::from_bytes(bytes));
            let span = target.iter().find(|seen| seen.span.span_id == link.span_id).unwrap();
            assert_eq!(span.span.name, "POST /checkout");
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[tokio::test(start_paused = true)]
async fn the_last_quarter_of_an_hour_is_there_soon_and_the_hero_stays() {
    let estate = Arc::new(Estate::new(2));
    let live = traffic(estate.clone());
    tokio::pin!(live);
    let wait = |duration| tokio::time::sleep(duration);
    tokio::select! { () = &mut live => {}, () = wait(Duration::from_secs(1)) => {} }
    // Every kind of request touches us-east.
    let held = estate.regions()[0].backend.held();
    assert!(held.traces > 1700, "{held:?}");
    let hero = seen(&estate, estate.hero());
    // Longer than the regions keep a trace, by enough that the backfill is gone.
    tokio::select! { () = &mut live => {}, () = wait(Duration::from_secs(62 * 60)) => {} }
    for region in estate.regions() {
        let held = region.backend.held();
        assert!(held.evicted_for_age > 100 && held.evicted_for_bytes == 0, "{held:?}");
    }
    assert_eq!(seen(&estate, estate.hero()), hero);
    let held = estate.regions()[0].backend.held();
    assert!((6000..7500).contains(&held.traces), "{held:?}");
}
