//! Traces in every form they can be asked for, and what a client is told beside them.

use insta::assert_snapshot;
use tutti::api::ApiSettings;
use tutti::federation::FederationSettings;

use super::{Gateway, LARGE, MISSING, Picture, Place, SMALL, gateway, places};

const PROTOBUF: &str = "Accept: application/protobuf";

#[tokio::test]
async fn a_trace_in_every_form() {
    let gateway = gateway().await;
    let mut picture = Picture::new();
    for path in ["/api/traces/", "/api/v2/traces/", "/api/tutti/v1/traces/"] {
        picture.get(&gateway, &format!("{path}{SMALL}")).await;
    }
    for path in ["/api/traces/", "/api/v2/traces/"] {
        for accept in [PROTOBUF, "Accept: application/vnd.grafana.llm"] {
            picture.ask(&gateway, &format!("GET {path}{SMALL}"), &[accept]).await;
        }
    }
    // What the gateway measured stands in its own document as numbers.
    let numbers = regex::Regex::new(r#"("(?:tookMs|firstByteMs)":)[0-9.]+"#).unwrap();
    assert_snapshot!(numbers.replace_all(&picture.0, "${1}0"));
}

#[tokio::test]
async fn the_first_form_named_is_taken_whatever_its_weight() {
    let gateway = gateway().await;
    let json = "application/json";
    for (accept, v1, v2) in [
        (None, json, json),
        (Some("*/*"), json, json),
        (Some("text/html"), json, json),
        (Some("application/x-protobuf"), json, json),
        (Some("APPLICATION/PROTOBUF"), json, json),
        (Some("application/protobuf"), "application/protobuf", "application/protobuf"),
        (
            Some("application/json;q=0.9, application/protobuf;q=0.1"),
            "application/protobuf",
            "application/protobuf",
        ),
        (
            Some("application/vnd.grafana.llm"),
            "application/vnd.grafana.llm",
            "application/vnd.grafana.llm+json",
        ),
        (Some("application/vnd.grafana.llm, application/json"), json, json),
    ] {
        let header = accept.map(|accept| format!("Accept: {accept}"));
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        for (path, expected) in [("/api/traces/", v1), ("/api/v2/traces/", v2)] {
            let answer = gateway.get(&format!("{path}{SMALL}"), &headers).await;
            assert_eq!(answer.header("content-type"), Some(expected), "{path} {accept:?}");
        }
    }
    let two = ["Accept: text/html", "Accept: application/protobuf"];
    let answer = gateway.get(&format!("/api/traces/{SMALL}"), &two).await;
    assert_eq!(answer.header("content-type"), Some(json), "only the first header is read");
}

#[tokio::test]
async fn a_miss_in_every_form() {
    let gateway = gateway().await;
    let mut picture = Picture::new();
    // Another id for each: what is remembered of a miss is another test's.
    for (path, last) in [("/api/v2/traces/", 'a'), ("/api/traces/", 'b')] {
        let accepts = [&[][..], &[PROTOBUF], &["Accept: application/vnd.grafana.llm"]];
        for (headers, number) in accepts.into_iter().zip(1..) {
            picture.ask(&gateway, &format!("GET {path}{MISSING}{last}{number}"), headers).await;
        }
    }
    assert_snapshot!(picture.0);
}

#[tokio::test]
async fn from_1024_bytes_on_an_answer_is_compressed_if_that_is_asked_for() {
    let gateway = gateway().await;
    let gzip = "Accept-Encoding: gzip";
    let mut heads = String::new();
    for target in [format!("/api/v2/traces/{LARGE}"), format!("/api/v2/traces/{SMALL}")] {
        for headers in
            [&[][..], &[gzip], &[PROTOBUF, gzip], &["Accept-Encoding: gzip;q=0"], &["Accept-Encoding: br"]]
        {
            let answer = gateway.get(&target, headers).await;
            let body = match answer.header("content-encoding") {
                Some("gzip") => super::unpacked(&answer.body),
                _ => answer.body.clone(),
            };
            heads.push_str(&format!(
                "{target} {headers:?}: encoding {:?}, vary {:?}, length {:?}, {} bytes unpacked\n",
                answer.header("content-encoding"),
                answer.header("vary"),
                answer.header("content-length").map(|length| length == answer.body.len().to_string()),
                body.len(),
            ));
        }
    }
    assert_snapshot!(heads);
}

#[tokio::test]
async fn a_trace_over_the_limit_is_refused_on_v1_and_partial_on_v2() {
    let settings = || FederationSettings { trace_bytes_max: 700, ..FederationSettings::default() };
    let regions = || places().iter().map(Place::region).collect();
    let gateway = Gateway::start(regions(), settings(), ApiSettings::default()).await;
    let mut picture = Picture::new();
    picture.get(&gateway, &format!("/api/traces/{LARGE}")).await;
    picture.get(&gateway, &format!("/strict/api/v2/traces/{LARGE}")).await;
    assert_snapshot!(picture.0);
    let answer = gateway.get(&format!("/api/v2/traces/{LARGE}"), &[]).await;
    assert_eq!(answer.code(), 200);
    let partial = r#""status":"PARTIAL","message":"Trace exceeds maximum size of 700 bytes, a partial trace is returned"#;
    assert!(answer.text().contains(partial), "{}", answer.text());
}
