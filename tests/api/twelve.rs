//! The twelve failures that other federations have shipped, each as what must hold here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{LayerSettings, MemorySettings};
use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::task::Group;

use crate::estate::{Answered, Estate, Setup, estate};
use crate::fakes::{Counted, holding, simulated};
use crate::seen;
use crate::spans::{CLIENT, ID, INTERNAL, SERVER, part, span, text};

const SECOND: Duration = Duration::from_secs(1);

const PROTOBUF: (&str, &str) = ("accept", "application/protobuf");
const STRICT: (&str, &str) = ("tutti-mode", "strict");

fn v1() -> String {
    format!("/api/traces/{ID}")
}

fn v2() -> String {
    format!("/api/v2/traces/{ID}")
}

fn document() -> String {
    format!("/api/tutti/v1/traces/{ID}")
}

fn stream() -> String {
    format!("/api/tutti/v1/traces/{ID}/stream")
}

/// A root in `us-east`, and below it a span in `eu-central`, which is in the state to be tried.
fn two_halves() -> (Estate, Arc<Simulated>) {
    let us = simulated(&part("shop", vec![span(1, None, SERVER), span(2, Some(1), CLIENT)]));
    let eu = simulated(&part("payment", vec![span(3, Some(2), SERVER), span(4, Some(3), INTERNAL)]));
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us), ("eu-central", eu.clone())];
    (estate(regions), eu)
}

/// Far longer than any region is waited for.
const AGES: Duration = Duration::from_secs(3600);

/// P1: per-region deadline, enforced on connect, headers and body; identical outcome for slow and down.
#[tokio::test(start_paused = true)]
async fn slow_and_dead_regions_have_one_outcome_at_one_moment_and_cost_the_others_nothing() {
    let deadline = 5 * SECOND;
    let layers = LayerSettings { deadline, ..LayerSettings::default() };
    let dribbles = Distance { bytes_per_second: Some(1), ..Distance::default() };
    let mut reports = Vec::new();
    for (distance, behaviour) in [
        (Distance::default(), Behaviour::BlackHole),
        (Distance::default(), Behaviour::Slow(AGES)),
        (dribbles, Behaviour::Well),
        (Distance { round_trip: AGES, ..Distance::default() }, Behaviour::Well),
    ] {
        let near = Distance { round_trip: Duration::from_millis(30), ..Distance::default() };
        let us = Arc::new(Simulated::new(holding(&part("shop", vec![span(1, None, SERVER)])), near, 0));
        let eu = Simulated::new(holding(&part("payment", vec![span(3, Some(1), SERVER)])), distance, 0);
        eu.behave(behaviour);
        let setup = Setup { layers: layers.clone(), ..Setup::default() };
        let estate = setup.over(vec![("us-east", us), ("eu-central", Arc::new(eu))]);
        let answer = estate.get(&document()).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{behaviour:?}");
        assert_eq!(answer.took.as_millis(), deadline.as_millis(), "{behaviour:?}");
        let mut report = answer.json()["report"].clone();
        assert_eq!(report["regions"][1]["status"], "timeout");
        assert_eq!(report["regions"][0]["status"], "ok");
        assert_eq!(report["regions"][0]["tookMs"], 30.0, "its own time, whatever befell its neighbour");
        report["regions"][1]["bytes"].take();
        reports.push(report);
    }
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:#?}");
}

/// P2: the denominator is the declared regions, always.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_gone_for_long_is_still_counted_and_named() {
    let (estate, eu) = two_halves();
    eu.behave(Behaviour::Down);
    for _ in 0..20 {
        let answer = estate.get(&v2()).await;
        assert_eq!(answer.regions().len(), 2);
        assert_eq!(answer.outcome(), "partial");
        assert!(["unreachable", "circuit_open"].contains(&answer.status_of("eu-central").as_str()));
        assert!(seen::v2_json(&answer).message.contains("eu-central"));
        sleep(SECOND).await;
    }
    assert_eq!(estate.get(&v2()).await.status_of("eu-central"), "circuit_open");
}

/// P2: zero regions is an error.
#[tokio::test(start_paused = true)]
async fn an_estate_without_regions_is_an_error_and_not_an_empty_answer() {
    let estate = estate(Vec::new());
    for path in [v1(), v2(), document()] {
        let answer = estate.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (502, "refused"), "{path}");
        assert!(answer.text().contains("no region is configured"), "{}", answer.text());
    }
}

/// P3: an upstream's own PARTIAL is a first-class cause.
#[tokio::test(start_paused = true)]
async fn a_region_that_says_it_is_partial_makes_the_whole_partial() {
    let (estate, eu) = two_halves();
    eu.behave(Behaviour::SaysPartial);
    for path in [v1(), v2(), document()] {
        let answer = estate.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{path}");
        assert_eq!(answer.status_of("eu-central"), "partial");
        assert_eq!(answer.header("tutti-exactness"), "region_partial");
    }
    let seen = seen::v2_json(&estate.get(&v2()).await);
    assert!(seen.is_partial && seen.message.contains("eu-central answered in part"), "{}", seen.message);
    assert_eq!(seen.ids(), [1, 2, 3, 4], "what it did send is shown");
    let strict = estate.ask(&v2(), &[STRICT]).await;
    assert_eq!((strict.status.as_u16(), strict.outcome()), (502, "refused"));
}

/// Two counted regions that hold nothing yet, and their stores.
fn two_empty() -> (Estate, Vec<Arc<Counted>>, Arc<MemoryBackend>, Arc<Simulated>) {
    let store = Arc::new(MemoryBackend::new(MemorySettings::default()));
    let eu = simulated(&Bytes::new());
    let counted = vec![Counted::new(store.clone()), Counted::new(eu.clone())];
    let regions: Vec<(&str, Arc<dyn Backend>)> =
        vec![("us-east", counted[0].clone()), ("eu-central", counted[1].clone())];
    (estate(regions), counted, store, eu)
}

fn questions(counted: &[Arc<Counted>]) -> Vec<usize> {
    counted.iter().map(|region| region.questions()).collect()
}

/// P4: Grafana asks again on v1 what v2 did not find.
#[tokio::test(start_paused = true)]
async fn a_complete_miss_on_v2_answers_v1_once_and_costs_one_fan_out_in_all() {
    let (estate, counted, ..) = two_empty();
    let first = estate.get(&v2()).await;
    assert_eq!((first.status.as_u16(), first.header("tutti-cache")), (200, "miss"));
    let second = estate.get(&v1()).await;
    assert_eq!((second.status.as_u16(), second.body.len()), (404, 0));
    assert_eq!((second.header("tutti-cache"), second.outcome()), ("hit", "complete"));
    assert_eq!(second.statuses(), first.statuses());
    assert_eq!(questions(&counted), [1, 1]);
    assert_eq!(estate.get(&v1()).await.header("tutti-cache"), "miss", "remembered for one question");
    assert_eq!(questions(&counted), [2, 2]);
    assert_eq!(estate.get(&v1()).await.header("tutti-cache"), "miss", "v1 leaves nothing to remember");
    assert_eq!(questions(&counted), [3, 3]);
}

/// P4: partials never enter the complete cache.
#[tokio::test(start_paused = true)]
async fn a_partial_or_failed_answer_is_never_remembered() {
    let (estate, counted, _, eu) = two_empty();
    for (asked, behaviour) in
        [Behaviour::Down, Behaviour::SaysPartial, Behaviour::Throttled].iter().enumerate()
    {
        eu.behave(*behaviour);
        assert_eq!(estate.get(&v2()).await.outcome(), "refused", "{behaviour:?}");
        assert_eq!(estate.get(&v1()).await.outcome(), "refused", "{behaviour:?}");
        assert_eq!(questions(&counted)[0], 2 * (asked + 1), "{behaviour:?}");
    }
    eu.behave(Behaviour::Well);
    let answer = estate.get(&v1()).await;
    assert_eq!((answer.status.as_u16(), answer.header("tutti-cache")), (404, "miss"));
}

/// P4: what is remembered is for one kind of question about one trace, and not for long.
#[tokio::test(start_paused = true)]
async fn a_miss_does_not_hide_a_trace_that_arrives_later() {
    let arrived = part("shop", vec![span(1, None, SERVER)]);
    // v2 always asks.
    let (estate, _, store, _) = two_empty();
    estate.get(&v2()).await;
    store.ingest(arrived.clone()).unwrap();
    assert_eq!(seen::v2_json(&estate.get(&v2()).await).ids(), [1]);
    // And since it was found, v1 no longer says otherwise.
    assert_eq!(seen::v1_json(&estate.get(&v1()).await).ids(), [1]);
    // A miss of a while ago is nothing.
    let (estate, _, store, _) = two_empty();
    estate.get(&v2()).await;
    store.ingest(arrived.clone()).unwrap();
    sleep(3 * SECOND).await;
    assert_eq!(seen::v1_json(&estate.get(&v1()).await).ids(), [1]);
    // A miss of another trace, or of another question, is none of this one.
    let (estate, _, store, _) = two_empty();
    estate.get("/api/v2/traces/abc").await;
    estate.get(&format!("{}?mode=external", v2())).await;
    store.ingest(arrived).unwrap();
    assert_eq!(seen::v1_json(&estate.get(&v1()).await).ids(), [1]);
}

/// P5: a rejection is not unavailability, and a strict caller gets an error.
#[tokio::test(start_paused = true)]
async fn a_region_that_rejects_the_question_is_said_to_reject_it() {
    let (estate, eu) = two_halves();
    eu.behave(Behaviour::RejectsRequest);
    let answer = estate.get(&v2()).await;
    assert_eq!(answer.status_of("eu-central"), "rejected");
    let message = seen::v2_json(&answer).message;
    assert_eq!(message, "eu-central rejected the request (HTTP 400)");
    let strict = estate.ask(&v2(), &[STRICT]).await;
    assert_eq!((strict.status.as_u16(), strict.outcome()), (502, "refused"));
    assert_eq!(
        strict.text(),
        "strict mode refuses a partial answer: eu-central rejected the request (HTTP 400)"
    );
    let report = estate.get(&document()).await.json()["report"].clone();
    assert_eq!(report["regions"][1]["httpStatus"], 400);
}

/// P6: at least one region must answer, else it is an error.
#[tokio::test(start_paused = true)]
async fn when_every_region_fails_there_is_no_empty_answer() {
    let all = [
        (Behaviour::BlackHole, 504),
        (Behaviour::Down, 502),
        (Behaviour::Throttled, 429),
        (Behaviour::Garbage, 502),
        (Behaviour::RejectsRequest, 502),
    ];
    for (behaviour, status) in all {
        for path in [v1(), v2(), document(), format!("/strict{}", v2())] {
            let regions = ["us-east", "eu-central"].map(|name| {
                let region = simulated(&part("shop", vec![span(1, None, SERVER)]));
                region.behave(behaviour);
                (name, region as Arc<dyn Backend>)
            });
            let answer = estate(regions.into()).get(&path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.outcome()),
                (status, "refused"),
                "{behaviour:?} {path}"
            );
            assert_eq!(answer.regions().len(), 2);
            assert!(answer.text().starts_with("no region answered: us-east "), "{}", answer.text());
        }
    }
}

/// P7: request mode and outcome are separate fields.
#[tokio::test(start_paused = true)]
async fn what_is_allowed_and_what_happened_are_two_things() {
    let (estate, eu) = two_halves();
    let told = |answer: &Answered| {
        let report = answer.json()["report"].clone();
        (report["mode"].as_str().unwrap().to_owned(), report["outcome"].as_str().unwrap().to_owned())
    };
    let both = |mode: &str, outcome: &str| (mode.to_owned(), outcome.to_owned());
    assert_eq!(told(&estate.get(&document()).await), both("best_effort", "complete"));
    assert_eq!(told(&estate.ask(&document(), &[STRICT]).await), both("strict", "complete"));
    assert_eq!(told(&estate.ask(&document(), &[("fromalert", "true")]).await), both("strict", "complete"));
    eu.behave(Behaviour::Down);
    assert_eq!(told(&estate.get(&document()).await), both("best_effort", "partial"));
    for (outcome, mode) in [("complete", "best_effort"), ("complete", "strict"), ("partial", "best_effort")] {
        let line = format!(
            "tutti_requests_total{{endpoint=\"trace_report\",mode=\"{mode}\",outcome=\"{outcome}\"}}"
        );
        assert!(estate.metric(&line).await >= 1.0, "{line}");
    }
}

/// P8: all regions are asked at once, and each counts its own time.
#[tokio::test(start_paused = true)]
async fn regions_are_asked_at_once_and_told_as_they_land() {
    let names = ["eu-c", "eu-b", "us-a", "us-d"];
    let ms = [900, 600, 300, 20_000];
    let regions = names.iter().zip(ms).map(|(name, ms)| {
        let distance = Distance { round_trip: Duration::from_millis(ms), ..Distance::default() };
        let inner = holding(&part(name, vec![span(ms, None, SERVER)]));
        (*name, Arc::new(Simulated::new(inner, distance, 0)) as Arc<dyn Backend>)
    });
    let layers = LayerSettings { deadline: SECOND, ..LayerSettings::default() };
    let estate = Setup { layers, ..Setup::default() }.over(regions.collect());
    let answer = estate.get(&stream()).await;
    assert_eq!(answer.took.as_millis(), 1_000, "the sum of waits is the longest of them");
    let events = seen::events(&answer);
    let landed: Vec<(&str, f64)> = events[1..5]
        .iter()
        .map(|(_, data)| (data["name"].as_str().unwrap(), data["tookMs"].as_f64().unwrap().round()))
        .collect();
    assert_eq!(landed, [("us-a", 300.0), ("eu-b", 600.0), ("eu-c", 900.0), ("us-d", 1_000.0)]);
    assert_eq!(seen::document(&events[5].1).ids(), [300, 600, 900]);
}

/// P9: connections are made off the request path; a circuit opens soon, costs nothing, and is probed.
#[tokio::test(start_paused = true)]
async fn an_open_circuit_costs_nothing_and_is_probed_off_the_request_path() {
    let us = simulated(&part("shop", vec![span(1, None, SERVER)]));
    let eu = simulated(&part("payment", vec![span(2, Some(1), SERVER)]));
    let counted = Counted::new(eu.clone());
    let regions: Vec<(&str, Arc<dyn Backend>)> = vec![("us-east", us), ("eu-central", counted.clone())];
    let layers = LayerSettings { deadline: 2 * SECOND, ..LayerSettings::default() };
    let estate = Setup { layers, ..Setup::default() }.over(regions);
    eu.behave(Behaviour::BlackHole);
    for _ in 0..5 {
        assert_eq!(estate.get(&v2()).await.status_of("eu-central"), "timeout");
    }
    let asked = counted.questions();
    let began = Instant::now();
    for _ in 0..100 {
        let answer = estate.get(&v2()).await;
        assert_eq!(answer.status_of("eu-central"), "circuit_open");
        assert!(answer.took <= Duration::from_millis(2), "it took {:?}", answer.took);
    }
    assert!(began.elapsed() < SECOND);
    assert_eq!(counted.questions(), asked, "nobody asks a closed-off region");
    // Well again, but nobody knows: only a probe may find out, and no request waits for it.
    eu.behave(Behaviour::Well);
    sleep(60 * SECOND).await;
    assert_eq!(estate.get(&v2()).await.status_of("eu-central"), "circuit_open");
    assert_eq!((counted.questions(), counted.probes()), (asked, 0));
    let watch = Group::new();
    let watched = estate.regions[1].clone();
    watch.spawn(async move { watched.watch().await });
    sleep(60 * SECOND).await;
    assert!(counted.probes() >= 1);
    let back = estate.get(&v2()).await;
    assert_eq!((back.status_of("eu-central"), back.outcome()), ("ok".to_owned(), "complete"));
    assert_eq!(counted.questions(), asked + 1);
}

/// P10: clients drop warnings, so every channel has one.
#[tokio::test(start_paused = true)]
async fn a_partial_answer_says_so_on_every_channel() {
    let (estate, eu) = two_halves();
    eu.behave(Behaviour::ServerError);
    let json = estate.get(&v2()).await;
    let protobuf = estate.ask(&v2(), &[PROTOBUF]).await;
    let llm = estate.ask(&v2(), &[("accept", "application/vnd.grafana.llm")]).await;
    let first = estate.get(&v1()).await;
    for answer in [&json, &protobuf, &llm, &first] {
        assert_eq!((answer.outcome(), answer.header("tutti-exactness")), ("partial", "region_missing"));
        assert_eq!(answer.status_of("eu-central"), "error");
    }
    let line = "eu-central answered with an error (HTTP 500)";
    for seen in [seen::v2_json(&json), seen::v2_protobuf(&protobuf)] {
        assert_eq!((seen.is_partial, seen.message.as_str()), (true, line));
    }
    assert!(llm.text().contains(line), "{}", llm.text());
    for seen in [seen::v1_json(&first), seen::v2_json(&json)] {
        let spans: Vec<_> = seen.synthetic().collect();
        let [marker] = spans.as_slice() else { panic!("{spans:?}") };
        assert!(marker.name.contains("region eu-central answered with an error"), "{}", marker.name);
        assert_eq!(
            (&marker.parent, marker.attribute("tutti.missing.status")),
            (&seen.span(1).id, Some("error"))
        );
        assert!(marker.start >= seen.span(1).start && marker.end <= seen.span(1).end);
    }
    let report = estate.get(&document()).await.json()["report"].clone();
    assert_eq!((&report["outcome"], &report["regions"][1]["status"]), (&"partial".into(), &"error".into()));
    let counted = "tutti_region_requests_total{region=\"eu-central\",status=\"error\"}";
    assert!(estate.metric(counted).await >= 5.0);
}

/// P11: strict is the mode for who must not rest on a part.
#[tokio::test(start_paused = true)]
async fn strict_gives_an_error_with_the_report_and_nothing_of_the_trace() {
    let (estate, eu) = two_halves();
    for (behaviour, status) in
        [(Behaviour::BlackHole, 504), (Behaviour::CutOff, 502), (Behaviour::TooFresh, 502)]
    {
        eu.behave(behaviour);
        let strict = |path: &str| format!("/strict{path}");
        let asked: [(String, &[(&str, &str)]); 5] = [
            (strict(&v1()), &[]),
            (strict(&v2()), &[PROTOBUF]),
            (v1(), &[STRICT]),
            (v2(), &[("fromalert", "true")]),
            (document(), &[STRICT]),
        ];
        for (path, headers) in asked {
            let fresh = two_halves();
            fresh.1.behave(behaviour);
            let answer = fresh.0.ask(&path, headers).await;
            assert_eq!(
                (answer.status.as_u16(), answer.outcome()),
                (status, "refused"),
                "{behaviour:?} {path}"
            );
            assert_eq!(answer.status_of("us-east"), "ok");
            assert!(!answer.text().contains("shop"), "{}", answer.text());
        }
    }
    eu.behave(Behaviour::Well);
    let whole = estate.ask(&v2(), &[STRICT]).await;
    assert_eq!((whole.status.as_u16(), seen::v2_json(&whole).ids().len()), (200, 4));
}

/// P12: complete is never marked partial.
#[tokio::test(start_paused = true)]
async fn a_complete_answer_is_never_marked_partial_whatever_the_trace_lacks() {
    let mut calls = span(2, Some(1), CLIENT);
    calls.attributes.push(text("peer.service", "payment"));
    let us = simulated(&part("shop", vec![span(1, Some(77), SERVER), calls, span(5, Some(6), SERVER)]));
    let eu = simulated(&part("payment", vec![span(3, Some(88), SERVER), span(6, Some(5), SERVER)]));
    let empty = simulated(&Bytes::new());
    let estate = estate(vec![("us-east", us), ("eu-central", eu), ("eu-north", empty)]);
    for headers in [&[][..], &[STRICT]] {
        let answer = estate.ask(&v2(), headers).await;
        assert_eq!((answer.outcome(), answer.header("tutti-exactness")), ("complete", "exact"));
        assert!(answer.regions().iter().all(|region| region.status == "ok"));
        let seen = seen::v2_json(&answer);
        assert!(!seen.is_partial && seen.message.is_empty() && seen.synthetic().count() == 0);
        assert_eq!(seen.ids(), [1, 2, 3, 5, 6]);
    }
    // That spans are owed is evidence beside the answer, and no part of its outcome.
    let report = estate.get(&document()).await.json()["report"].clone();
    assert_eq!((&report["outcome"], &report["owed"]["missingParents"]), (&"complete".into(), &2.into()));
}
