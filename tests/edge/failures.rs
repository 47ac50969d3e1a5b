//! What a client is told when regions fail: one plain line, a status that says whose fault it is, and
//! every region by name.

use std::sync::Arc;

use insta::assert_snapshot;
use tutti::api::ApiSettings;
use tutti::backend::settings::{BreakerSettings, LayerSettings};
use tutti::backend::{Behaviour, Region};
use tutti::federation::FederationSettings;
use tutti::model::{Jurisdiction, RegionName};

use super::{Gateway, MISSING, Picture, Place, SMALL, export};

/// us-east holds the trace and answers; eu-central fares as told.
fn one_that(behaviour: Behaviour) -> [Place; 2] {
    [
        Place::new("us-east", "US").holding(&export(SMALL, "storefront", 1..=1)),
        Place::new("eu-central", "EU").behaving(behaviour),
    ]
}

const FAULTS: [Behaviour; 10] = [
    Behaviour::Down,
    Behaviour::BlackHole,
    Behaviour::CutOff,
    Behaviour::Garbage,
    Behaviour::Html,
    Behaviour::Throttled,
    Behaviour::ServerError,
    Behaviour::RejectsRequest,
    Behaviour::TooLarge,
    Behaviour::TooFresh,
];

#[tokio::test]
async fn a_miss_beside_a_region_that_failed_is_no_miss() {
    let mut picture = Picture::new();
    for behaviour in FAULTS {
        let gateway = Gateway::over(&one_that(behaviour)).await;
        for path in ["/api/v2/traces/", "/api/traces/"] {
            let answer = gateway.get(&format!("{path}{MISSING}"), &[]).await;
            if path.contains("v2") {
                picture.add(&format!("{behaviour:?}"), &[], &answer);
            }
            assert!(answer.code() >= 400 && answer.code() != 404, "{behaviour:?}");
            assert!(!answer.text().to_lowercase().contains("not found"), "{}", answer.text());
            assert!(!answer.text().contains('\n'), "{}", answer.text());
            assert!(answer.text().contains("eu-central"), "{}", answer.text());
            assert_eq!(answer.header("retry-after").is_some(), answer.code() == 429, "{behaviour:?}");
        }
    }
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn where_a_trace_is_held_elsewhere_the_answer_is_partial_and_says_so() {
    let mut messages = String::new();
    for behaviour in FAULTS {
        let gateway = Gateway::over(&one_that(behaviour)).await;
        let answer = gateway.get(&format!("/api/v2/traces/{SMALL}"), &[]).await;
        assert_eq!(answer.code(), 200, "{behaviour:?}");
        assert_eq!(answer.header("tutti-outcome"), Some("partial"), "{behaviour:?}");
        let text = super::picture(&answer);
        let (_, said) =
            text.split_once("\"status\":\"PARTIAL\",\"message\":").expect("PARTIAL and a message");
        let regions = text.lines().find(|line| line.starts_with("tutti-regions")).unwrap();
        messages.push_str(&format!("{behaviour:?}\n  {}\n  {regions}\n", said.trim()));
        let v1 = gateway.get(&format!("/api/traces/{SMALL}"), &[]).await;
        assert_eq!((v1.code(), v1.header("tutti-outcome")), (200, Some("partial")), "{behaviour:?}");
    }
    assert_snapshot!(messages);
}

#[tokio::test]
async fn who_takes_only_a_whole_answer_is_refused() {
    let gateway = Gateway::over(&one_that(Behaviour::Down)).await;
    let mut picture = Picture::new();
    picture.get(&gateway, &format!("/strict/api/v2/traces/{SMALL}")).await;
    picture.ask(&gateway, &format!("GET /api/traces/{SMALL}"), &["Tutti-Mode: strict"]).await;
    picture.ask(&gateway, &format!("GET /api/v2/traces/{SMALL}"), &["FromAlert: true"]).await;
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn nobody_answering_is_said_of_everybody() {
    let mut picture = Picture::new();
    for behaviour in [Behaviour::Down, Behaviour::BlackHole, Behaviour::Throttled] {
        let places = ["us-east", "eu-central"].map(|name| Place::new(name, "US").behaving(behaviour));
        let gateway = Gateway::over(&places).await;
        picture.get(&gateway, &format!("/api/traces/{SMALL}")).await;
    }
    let gateway = Gateway::over(&[]).await;
    picture.get(&gateway, &format!("/api/traces/{SMALL}")).await;
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn a_region_that_is_not_asked_is_not_said_to_have_taken_time() {
    let [held, down] = one_that(Behaviour::Down);
    let breaker = BreakerSettings { failures_max: 1, ..BreakerSettings::default() };
    let layers = LayerSettings { breaker, ..LayerSettings::default() };
    let (name, jurisdiction) =
        (RegionName::parse(down.name).unwrap(), Jurisdiction::parse(down.jurisdiction).unwrap());
    let failing = Region::new(name, jurisdiction, down.simulated.clone(), layers);
    let regions = vec![held.region(), Arc::new(failing)];
    let gateway = Gateway::start(regions, FederationSettings::default(), ApiSettings::default()).await;
    let said = |answer: &super::Answer| answer.text().rsplit_once("\"message\":").unwrap().1.to_owned();
    let first = gateway.get(&format!("/api/v2/traces/{SMALL}"), &[]).await;
    assert!(said(&first).starts_with("\"eu-central could not be reached (after "), "{}", first.text());
    let second = gateway.get(&format!("/api/v2/traces/{SMALL}"), &[]).await;
    assert_eq!(said(&second), "\"eu-central was not asked, since it has been failing\"}");
    let span = "⚠ region eu-central was not asked, since it has been failing: trace incomplete";
    assert!(second.text().contains(span), "{}", second.text());
    let third = gateway.get(&format!("/api/v2/traces/{MISSING}"), &[]).await;
    let line = "no span of this trace in us-east, but eu-central was not asked, since it has been failing: it \
                may exist there";
    assert_eq!((third.code(), third.text()), (502, line));
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_again() {
    let api = ApiSettings { requests_concurrent_max: 0, ..ApiSettings::default() };
    let regions = super::places().iter().map(Place::region).collect();
    let gateway = Gateway::start(regions, FederationSettings::default(), api).await;
    let mut picture = Picture::new();
    picture.get(&gateway, &format!("/api/v2/traces/{SMALL}")).await;
    picture.get(&gateway, "/api/v2/traces/xyz").await;
    picture.get(&gateway, "/api/echo").await;
    assert_snapshot!(picture.0);
}
