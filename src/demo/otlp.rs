//! Writes a journey down as its services would export it: for each site one OTLP request with that
//! site's spans only, in that site's time.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::journey::{Draft, Journey, Scope, attribute};
use super::shop::{Language, Service, Site};

const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

/// W3C trace flags: sampled.
const SAMPLED: u32 = 1;

/// A journey's spans at one site. `began` is the true time since the epoch at which it began; nothing
/// when none of the journey's services is there.
pub(super) fn export(journey: &Journey, site: Site, began: Duration) -> Option<ExportTraceServiceRequest> {
    let mut services: BTreeMap<&str, (&Service, BTreeMap<Scope, Vec<Span>>)> = BTreeMap::new();
    let clock = SiteClock { began, ahead: site.clock_ahead() };
    for draft in journey.spans.iter().filter(|draft| draft.service.site == site) {
        let (_, scopes) = services.entry(draft.service.name).or_insert((draft.service, BTreeMap::new()));
        scopes.entry(draft.scope).or_default().push(span(journey, draft, &clock));
    }
    let resource_spans: Vec<_> = services
        .into_values()
        .map(|(service, scopes)| ResourceSpans {
            resource: Some(resource(service)),
            scope_spans: scopes
                .into_iter()
                .map(|(scope, spans)| scope_spans(service, scope, spans))
                .collect(),
            schema_url: SCHEMA_URL.to_owned(),
        })
        .collect();
    if resource_spans.is_empty() { None } else { Some(ExportTraceServiceRequest { resource_spans }) }
}

struct SiteClock {
    began: Duration,
    ahead: i64,
}

impl SiteClock {
    /// What a clock of the site shows so long after the journey began.
    fn nanos(&self, after: Duration) -> u64 {
        let now = u64::try_from((self.began + after).as_nanos()).unwrap_or(u64::MAX);
        now.saturating_add_signed(self.ahead)
    }
}

fn span(journey: &Journey, draft: &Draft, clock: &SiteClock) -> Span {
    let events = draft.events.iter().map(|event| Event {
        time_unix_nano: clock.nanos(event.at),
        name: event.name.to_owned(),
        attributes: event.attributes.clone(),
        dropped_attributes_count: 0,
    });
    let links = draft.links.iter().map(|link| Link {
        trace_id: link.trace.as_bytes().to_vec(),
        span_id: link.span.to_vec(),
        flags: SAMPLED,
        ..Link::default()
    });
    let status = draft
        .error
        .as_ref()
        .map(|message| Status { code: StatusCode::Error.into(), message: message.clone() });
    Span {
        trace_id: journey.trace.as_bytes().to_vec(),
        span_id: draft.id.to_vec(),
        parent_span_id: draft.parent.map(|id| id.to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: draft.name.clone(),
        kind: draft.kind.into(),
        start_time_unix_nano: clock.nanos(draft.start),
        end_time_unix_nano: clock.nanos(draft.end),
        attributes: draft.attributes.clone(),
        events: events.collect(),
        links: links.collect(),
        status: Some(status.unwrap_or_default()),
        ..Span::default()
    }
}

fn scope_spans(service: &Service, scope: Scope, spans: Vec<Span>) -> ScopeSpans {
    let (name, version) = match (scope, service.language) {
        (Scope::Http, Language::Go) => {
            ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0")
        }
        (Scope::Http, Language::Java) => ("io.opentelemetry.tomcat-10.0", "2.21.0-alpha"),
        (Scope::Http, Language::Node) => ("@opentelemetry/instrumentation-http", "0.208.0"),
        (Scope::Http, Language::Python) => ("opentelemetry.instrumentation.fastapi", "0.58b0"),
        (Scope::Database, Language::Go) => ("github.com/XSAM/otelsql", "0.40.0"),
        (Scope::Database, Language::Java) => ("io.opentelemetry.jdbc", "2.21.0-alpha"),
        (Scope::Database, Language::Node) => ("@opentelemetry/instrumentation-pg", "0.60.0"),
        (Scope::Database, Language::Python) => ("opentelemetry.instrumentation.psycopg", "0.58b0"),
        (Scope::Messaging, Language::Java) => ("io.opentelemetry.kafka-clients-0.11", "2.21.0-alpha"),
        (Scope::Messaging, Language::Node) => ("@opentelemetry/instrumentation-kafkajs", "0.17.0"),
        (Scope::Messaging, _) => ("github.com/dnwe/otelsarama", "0.8.0"),
        (Scope::Own, _) => (service.name, service.version),
    };
    let scope = InstrumentationScope { name: name.into(), version: version.into(), ..Default::default() };
    ScopeSpans { scope: Some(scope), spans, schema_url: SCHEMA_URL.to_owned() }
}

fn resource(service: &Service) -> Resource {
    let site = service.site;
    // A pod's name is stable over the life of a demo, and different for each service.
    let hash = blake3::hash(format!("{}/{}", site.name(), service.name).as_bytes()).to_hex();
    let part = |from: usize, count: usize| hash.chars().skip(from).take(count).collect::<String>();
    let pod = format!("{}-{}-{}", service.name, part(0, 9), part(9, 5));
    let attributes: Vec<KeyValue> = vec![
        attribute("service.name", service.name),
        attribute("service.namespace", "shop"),
        attribute("service.version", service.version),
        attribute("service.instance.id", pod.as_str()),
        attribute("deployment.environment.name", "production"),
        attribute("cloud.provider", "aws"),
        attribute("cloud.platform", "aws_eks"),
        attribute("cloud.region", site.cloud_region()),
        attribute("cloud.availability_zone", format!("{}a", site.cloud_region())),
        attribute("k8s.cluster.name", format!("shop-{}", site.name())),
        attribute("k8s.namespace.name", "shop"),
        attribute("k8s.deployment.name", service.name),
        attribute("k8s.pod.name", pod),
        attribute("k8s.node.name", format!("node-{}", part(14, 4))),
        attribute("telemetry.sdk.name", "opentelemetry"),
        attribute("telemetry.sdk.language", service.language.name()),
        attribute("telemetry.sdk.version", service.language.sdk_version()),
    ];
    Resource { attributes, ..Resource::default() }
}
