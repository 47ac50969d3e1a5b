//! Grafana 10 to 12.2: more was asked by the page itself, through Grafana's proxy.

use http::StatusCode;
use prost::Message;

use super::client::{Protocol, get, trace_v1};
use super::gateway::{Gateway, Place};
use super::{WHOLE, spans, whole_in_eu_central, whole_in_us_east};

/// What a browser sends.
const BROWSER: [(&str, &str); 3] = [
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("x-grafana-org-id", "1"),
];

#[tokio::test]
async fn the_editor_learns_the_lowest_version_from_build_info() {
    let places = [Place::new("us-east", "US"), Place::new("eu-central", "EU")];
    let gateway = Gateway::over(&places).await;
    let keys = ["version", "revision", "branch", "buildUser", "buildDate", "goVersion"];
    for is_probed in [false, true] {
        if is_probed {
            let federation = gateway.state.federation();
            for region in federation.regions() {
                // The first probe comes at once; the wait for the second is given up.
                let probing = tokio::time::timeout(std::time::Duration::from_millis(200), region.watch());
                assert!(probing.await.is_err());
            }
        }
        let reply = get(gateway.address, Protocol::Http1, "/api/status/buildinfo", &BROWSER).await;
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
        let info: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(info.len(), keys.len());
        assert!(keys.iter().all(|key| info[*key].is_string()), "{info:?}");
        let version = info["version"].as_str().unwrap();
        let expected = if is_probed { tutti::backend::memory::TEMPO_VERSION } else { "" };
        assert_eq!(version, expected);
        if is_probed {
            let version = semver::Version::parse(version).unwrap();
            assert!(version >= semver::Version::new(2, 7, 0), "search and metrics may be streamed");
        }
    }
}

#[tokio::test]
async fn save_and_test_needs_exactly_200() {
    let gateway = Gateway::over(&[]).await;
    let reply = get(gateway.address, Protocol::Http1, "/api/echo", &BROWSER).await;
    assert_eq!((reply.status, reply.text()), (StatusCode::OK, "echo\n"));
}

#[tokio::test]
async fn a_plugin_that_knows_only_v1_gets_the_bare_trace() {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ];
    let gateway = Gateway::over(&places).await;
    let reply = trace_v1(gateway.address, Protocol::Http1, WHOLE).await;
    assert_eq!(reply.header("content-type"), "application/protobuf");
    let trace = opentelemetry_proto::tonic::trace::v1::TracesData::decode(reply.body.as_slice()).unwrap();
    assert_eq!(spans(&trace.resource_spans).len(), 4);
    for batch in &trace.resource_spans {
        assert!(!batch.resource.as_ref().unwrap().attributes.is_empty());
        assert!(batch.scope_spans.iter().all(|scope| scope.scope.is_some()));
    }
    assert!(spans(&trace.resource_spans).iter().all(|span| span.status.is_some()));
}
