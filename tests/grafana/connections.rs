//! HTTP/1.1 and HTTP/2 on one port, and all of it before Grafana's patience ends.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::settings::LayerSettings;
use tutti::backend::{Behaviour, Region};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;

use super::client::{Protocol, TIMEOUT, get, trace, trace_v1};
use super::gateway::{Gateway, Place};
use super::{BARE, WHOLE, bare, whole_in_eu_central, whole_in_us_east};

#[tokio::test]
async fn both_protocols_answer_the_same_on_one_port() {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()).holding(&bare()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ];
    let gateway = Gateway::over(&places).await;
    for id in [WHOLE, BARE, "ffff", "0AF7651916CD43DD8448EB211C80319C", "xyz"] {
        let one = trace(gateway.address, Protocol::Http1, id).await;
        let two = trace(gateway.address, Protocol::Http2, id).await;
        assert_eq!((one.status, &one.body), (two.status, &two.body), "{id}");
        let one = trace_v1(gateway.address, Protocol::Http1, id).await;
        let two = trace_v1(gateway.address, Protocol::Http2, id).await;
        assert_eq!((one.status, &one.body), (two.status, &two.body), "{id}");
    }
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let echo = get(gateway.address, protocol, "/api/echo", &[]).await;
        assert_eq!((echo.status, echo.text()), (StatusCode::OK, "echo\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_before_grafana_gives_up_whatever_the_regions_do() {
    // As they are when nothing is configured.
    let settings = FederationSettings::default();
    let layers = LayerSettings { deadline: Duration::from_secs(3600), ..LayerSettings::default() };
    let place = Place::new("us-east", "US").behaving(Behaviour::BlackHole);
    let region = Region::new(
        RegionName::parse("us-east").unwrap(),
        Jurisdiction::parse("US").unwrap(),
        place.simulated.clone(),
        layers,
    );
    let federation = Federation::new(vec![region.into()], settings, Plan::allow_all().into());
    let state = ApiState::new(federation, Metrics::default(), ApiSettings::default());
    let begun = tokio::time::Instant::now();
    let request = Request::get(format!("/api/v2/traces/{WHOLE}")).body(axum::body::Body::empty()).unwrap();
    let answer = router(state).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    answer.into_body().collect().await.unwrap();
    assert!(begun.elapsed() + Duration::from_secs(3) < TIMEOUT, "{:?}", begun.elapsed());
}
