//! What the plugin reads by pointer, what the page leaves out, what a miss costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use http::StatusCode;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tutti::api::ApiSettings;
use tutti::backend::{Backend, Behaviour, Fault, RegionInfo, RegionTrace, Simulated, TraceCall};
use tutti::federation::FederationSettings;
use tutti::federation::settings::Additions;
use tutti::task::Deadline;

use super::client::{Protocol, Reply, trace, trace_v1};
use super::gateway::{Gateway, Place, REGION_DEADLINE};
use super::{
    BARE, COMPLETE, TraceByIdResponse, WHOLE, attribute, bare, batch, export, span, spans,
    whole_in_eu_central, whole_in_us_east,
};

/// Everything the plugin reads by pointer: where one is absent, it panics.
fn assert_readable(answer: &TraceByIdResponse) {
    let trace = answer.trace.as_ref().expect("a trace, be it empty");
    assert!(answer.metrics.is_some(), "metrics, be they empty");
    for batch in &trace.resource_spans {
        let resource = batch.resource.as_ref().expect("a resource, be it empty");
        assert!(!resource.attributes.is_empty(), "without attributes, the spans are left out");
        assert_once(&resource.attributes);
        for scope in &batch.scope_spans {
            assert!(scope.scope.is_some(), "a scope, be it empty");
            for span in &scope.spans {
                assert!(span.status.is_some(), "a status, be it empty");
                assert_once(&span.attributes);
            }
        }
    }
}

/// No key of the gateway's stands twice.
fn assert_once(attributes: &[KeyValue]) {
    let mut keys: Vec<&str> =
        attributes.iter().map(|pair| pair.key.as_str()).filter(|key| key.starts_with("tutti.")).collect();
    let before = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), before, "{attributes:?}");
}

fn batches(answer: &TraceByIdResponse) -> &[ResourceSpans] {
    &answer.trace.as_ref().unwrap().resource_spans
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    let pair = attributes.iter().find(|pair| pair.key == key)?;
    match pair.value.as_ref()?.value.as_ref()? {
        StringValue(text) => Some(text),
        other => panic!("{key} is {other:?}"),
    }
}

#[tokio::test]
async fn a_whole_trace_names_the_region_of_each_resource() {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ];
    let gateway = Gateway::over(&places).await;
    let answer = trace(gateway.address, Protocol::Http1, WHOLE).await.trace();
    assert_readable(&answer);
    assert_eq!((answer.status, answer.message.as_str()), (COMPLETE, ""));
    assert_eq!(spans(batches(&answer)).len(), 4);
    let regions: Vec<_> = batches(&answer)
        .iter()
        .map(|batch| value(&batch.resource.as_ref().unwrap().attributes, "tutti.region").unwrap())
        .collect();
    assert_eq!(regions, ["us-east", "eu-central"]);
}

#[tokio::test]
async fn spans_without_resource_scope_or_status_get_them() {
    for additions in [Additions::default(), Additions::NONE] {
        let place = Place::new("us-east", "US").holding(&bare());
        let settings = FederationSettings { additions, ..FederationSettings::default() };
        let gateway = Gateway::start(vec![place.region()], settings, ApiSettings::default()).await;
        let answer = trace(gateway.address, Protocol::Http1, BARE).await.trace();
        assert_readable(&answer);
        assert_eq!(spans(batches(&answer)).len(), 2);
    }
}

#[tokio::test]
async fn keys_that_came_with_the_spans_do_not_stand_beside_the_gateways_own() {
    let claims = [attribute("tutti.region", "elsewhere"), attribute("service.name", "shop")];
    let twice = [attribute("tutti.region", "a"), attribute("tutti.region", "b")];
    let claimed = span(WHOLE, 3, 2, 2).replace(
        r#""kind""#,
        r#""attributes":[{"key":"tutti.network.from","value":{"stringValue":"x"}},{"key":"tutti.network.to","value":{"stringValue":"y"}},{"key":"tutti.network.latency","value":{"stringValue":"1"}}],"kind""#,
    );
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU")
            .holding(&export(&[batch(&claims, &[claimed]), batch(&twice, &[span(WHOLE, 5, 3, 1)])])),
    ];
    let gateway = Gateway::over(&places).await;
    let answer = trace(gateway.address, Protocol::Http1, WHOLE).await.trace();
    assert_readable(&answer);
    for batch in batches(&answer) {
        let attributes = &batch.resource.as_ref().unwrap().attributes;
        assert_ne!(value(attributes, "tutti.region"), Some("elsewhere"));
    }
}

#[tokio::test]
async fn a_miss_is_an_empty_trace_and_not_a_404() {
    let gateway = Gateway::over(&[Place::new("us-east", "US")]).await;
    let reply = trace(gateway.address, Protocol::Http1, "ffff").await;
    let answer = reply.trace();
    assert_readable(&answer);
    assert!(batches(&answer).is_empty());
    assert_eq!(answer.status, COMPLETE);
}

/// Counts the questions to a region.
#[derive(Debug)]
struct Counted {
    inner: Arc<Simulated>,
    asked: AtomicUsize,
}

impl Backend for Counted {
    fn trace_by_id(&self, call: TraceCall) -> BoxFuture<'_, Result<RegionTrace, Fault>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.inner.trace_by_id(call)
    }

    fn probe(&self, deadline: Deadline) -> BoxFuture<'_, Result<RegionInfo, Fault>> {
        self.inner.probe(deadline)
    }
}

#[tokio::test]
async fn a_miss_that_is_asked_again_on_v1_costs_one_question_to_each_region() {
    let places = [Place::new("us-east", "US"), Place::new("eu-central", "EU")];
    let counted = places
        .each_ref()
        .map(|place| Arc::new(Counted { inner: place.simulated.clone(), asked: AtomicUsize::new(0) }));
    let regions =
        places.iter().zip(&counted).map(|(place, counted)| place.region_over(counted.clone())).collect();
    let gateway = Gateway::start(regions, FederationSettings::default(), ApiSettings::default()).await;
    let asked = || counted.each_ref().map(|counted| counted.asked.load(Ordering::SeqCst));
    trace(gateway.address, Protocol::Http1, "ffff").await;
    assert_eq!(asked(), [1, 1]);
    let again = trace_v1(gateway.address, Protocol::Http1, "ffff").await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_FOUND, 0));
    assert_eq!(again.header("content-type"), "");
    assert_eq!(again.header("tutti-cache"), "hit");
    assert_eq!(asked(), [1, 1]);
    // Another trace is another question.
    trace_v1(gateway.address, Protocol::Http1, "fffe").await;
    assert_eq!(asked(), [2, 2]);
}

/// The plugin shows the body of an error as it is; the page takes the words "not found", in any case, for
/// a miss.
fn assert_plain(reply: &Reply) {
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    let text = reply.text();
    assert!(!text.is_empty() && text.len() < 300, "{text}");
    assert!(!text.contains(['\n', '\r', '<', '{']), "{text}");
    assert!(!text.to_lowercase().contains("not found"), "{text}");
}

#[tokio::test]
async fn every_error_is_one_plain_line() {
    for behaviour in [
        Behaviour::Down,
        Behaviour::BlackHole,
        Behaviour::Slow(REGION_DEADLINE * 2),
        Behaviour::CutOff,
        Behaviour::Garbage,
        Behaviour::OtherTrace,
        Behaviour::Html,
        Behaviour::Throttled,
        Behaviour::ServerError,
        Behaviour::RejectsRequest,
        Behaviour::TooLarge,
        Behaviour::TooFresh,
    ] {
        let places = [Place::new("us-east", "US"), Place::new("eu-central", "EU").behaving(behaviour)];
        let gateway = Gateway::over(&places).await;
        for reply in [
            trace(gateway.address, Protocol::Http1, "ffff").await,
            trace_v1(gateway.address, Protocol::Http2, "ffff").await,
        ] {
            assert!(
                reply.status != StatusCode::NOT_FOUND && !reply.status.is_success(),
                "{behaviour:?}: {}",
                reply.status
            );
            assert_plain(&reply);
        }
    }
    let gateway = Gateway::over(&[Place::new("us-east", "US")]).await;
    for id in ["xyz", "%0d%0aabc", "0123456789abcdef0123456789abcdef0"] {
        assert_plain(&trace(gateway.address, Protocol::Http1, id).await);
    }
}
