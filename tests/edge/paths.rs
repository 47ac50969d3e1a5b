//! Which paths and methods exist, and what is said of all others.

use insta::assert_snapshot;
use tutti::api::ApiSettings;
use tutti::federation::FederationSettings;

use super::{Gateway, Picture, Place, SMALL, gateway, places};

#[tokio::test]
async fn what_is_asked_of_the_gateway_itself() {
    let gateway = gateway().await;
    let mut picture = Picture::new();
    for path in ["/api/echo", "/api/status/buildinfo", "/ready", "/status", "/status/version"] {
        picture.get(&gateway, path).await;
    }
    gateway.state.stop();
    picture.get(&gateway, "/ready").await;
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn what_does_not_exist_is_gos_404() {
    let gateway = gateway().await;
    let answer = gateway.get("/api/nothing", &[]).await;
    let mut picture = Picture::new();
    picture.add("GET /api/nothing", &[], &answer);
    assert_snapshot!(picture.0);
    let expected = super::picture(&answer);
    for path in [
        "/",
        "/api/echo/",
        "/API/echo",
        "/ready/",
        "/status/",
        "/status/nothing",
        "/metrics/",
        "/api/traces",
        "/api/traces/",
        "/api/v2/traces/",
        "/api/traces/abc/",
        "/api/traces/abc/def",
        "/api/traces/abc%2Fdef",
        "/api/v3/traces/abc",
        "/api/search/",
        "/api/search/tag/values",
        "/api/search/tag/foo",
        "/api/v2/search",
        "/api/v2/search/tag/foo/values/",
        "/api/metrics",
        "/api/metrics/summary",
        "/api/overrides",
        "/querier/api/traces/abc",
        "/strict",
        "/strict/",
        "/strict/ready",
        "/strict/strict/api/echo",
        "/tempo/api/echo",
        "*",
    ] {
        assert_eq!(super::picture(&gateway.get(path, &[]).await), expected, "{path}");
    }
}

#[tokio::test]
async fn one_path_has_one_spelling() {
    let gateway = gateway().await;
    let mut picture = Picture::new();
    for path in [
        "//api/echo",
        "/api//echo?x=1&y=%20",
        "/api/./echo",
        "/api/x/../echo",
        "/api/traces/..",
        "/api/traces/%2e%2e/echo",
        "/api/traces//",
        "/../..",
        "//a%20b/(c)",
        "/api/ech%6f",
        "/api%2Fecho",
        "/api/%zz",
        "/%",
    ] {
        picture.get(&gateway, path).await;
    }
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn every_method_is_answered_but_where_tempo_answers_one() {
    let gateway = gateway().await;
    let trace = format!("/api/traces/{SMALL}");
    let of_get = super::picture(&gateway.get(&trace, &[]).await);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO"] {
        let answer = gateway.ask(&format!("{method} {trace}"), &[]).await;
        assert_eq!(super::picture(&answer), of_get, "{method}");
        for path in ["/api/echo", "/ready", "/metrics"] {
            assert_eq!(gateway.ask(&format!("{method} {path}"), &[]).await.code(), 200, "{method} {path}");
        }
        for path in ["/api/status/buildinfo", "/status", "/status/version"] {
            let answer = gateway.ask(&format!("{method} {path}"), &[]).await;
            assert_eq!((answer.code(), answer.text()), (405, ""), "{method} {path}");
        }
    }
    let mut picture = Picture::new();
    for path in [&trace, "/api/traces/ffff", "/api/status/buildinfo", "/api/echo", "/nothing"] {
        picture.ask(&gateway, &format!("HEAD {path}"), &[]).await;
    }
    picture.ask(&gateway, "POST /status", &[]).await;
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn a_body_is_not_read() {
    let gateway = gateway().await;
    let target = format!("POST /api/traces/{SMALL}");
    let headers = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 9\r\n\r\nstart=abc"];
    assert_eq!(gateway.ask(&target, &headers).await.code(), 200);
}

#[tokio::test]
async fn a_prefix_is_before_the_api_and_nothing_else() {
    let regions = places().iter().map(Place::region).collect();
    let api = ApiSettings { prefix: "/tempo".to_owned(), ..ApiSettings::default() };
    let gateway = Gateway::start(regions, FederationSettings::default(), api).await;
    let codes = [
        ("/tempo/api/echo", 200),
        ("/tempo%2Fapi/echo", 200),
        ("/strict/tempo/api/echo", 200),
        ("/tempo/api/status/buildinfo", 200),
        ("/tempo/api/v2/traces/ffff", 200),
        ("/tempo/api/traces/ffff", 404),
        ("/strict/tempo/api/v2/traces/ffff", 200),
        ("/tempo/api/tutti/v1/traces/ffff", 200),
        ("/ready", 200),
        ("/status", 200),
        ("/metrics", 200),
        ("/api/echo", 404),
        ("/strict/api/echo", 404),
        ("/tempo", 404),
        ("/tempo/", 404),
        ("/tempo/ready", 404),
        ("/tempo/metrics", 404),
        ("/tempo//api/echo", 301),
    ];
    for (path, code) in codes {
        assert_eq!(gateway.get(path, &[]).await.code(), code, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_open_metrics_and_name_every_family() {
    let gateway = gateway().await;
    gateway.get(&format!("/api/traces/{SMALL}"), &[]).await;
    gateway.get("/api/v2/traces/ffff?q=%7D", &[]).await;
    let answer = gateway.get("/metrics", &[]).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = answer.text();
    for line in [
        "tutti_requests_total{endpoint=\"traces_v1\",mode=\"best_effort\",outcome=\"complete\"} 1",
        "tutti_requests_in_flight 0",
        "tutti_region_requests_total{region=\"us-east\",status=\"ok\"} 1",
        "tutti_region_circuit{region=\"eu-central\"} 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    // What was wrong was never taken in, so it is no lookup that was cancelled.
    assert!(!text.contains("cancelled"), "{text}");
}
