//! One region over a real connection: what is sent to it, and what becomes of every way in which it can
//! fail. The fakes are on loopback and say exactly what a test scripts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

#[path = "support/fake_region.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod fake_region;

#[path = "backend_http/asking.rs"]
mod asking;
#[path = "backend_http/documents.rs"]
mod documents;
#[path = "backend_http/failing.rs"]
mod failing;
#[path = "backend_http/layers.rs"]
mod layers;
#[path = "backend_http/queries.rs"]
mod queries;
#[path = "backend_http/secure.rs"]
mod secure;
#[path = "backend_http/streaming.rs"]
mod streaming;

use std::time::Duration;

use tutti::backend::settings::{Auth, Streaming, TempoSettings, TlsSettings};
use tutti::backend::{Backend, Fault, RegionTrace, TempoBackend, TraceCall};
use tutti::model::{RegionStatus, TraceId, TraceQuery};
use tutti::task::Deadline;
use tutti::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

use fake_region::FakeRegion;

const ID: &str = "0000000000000000000000000000abcd";
const V2: &str = "/api/v2/traces/0000000000000000000000000000abcd";
const V1: &str = "/api/traces/0000000000000000000000000000abcd";
const BUILD_INFO: &str = "/api/status/buildinfo";
const NO_ROUTE: &str = "404 page not found\n";

/// Largest body in these tests.
const CAP: u64 = 1 << 20;

/// Long enough for loopback on a busy machine, short enough to be waited for.
const PATIENCE: Duration = Duration::from_secs(10);

fn settings(url: &str) -> TempoSettings {
    TempoSettings {
        url: url.parse().unwrap(),
        tenant: None,
        auth: Auth::None,
        headers: Vec::new(),
        tls: TlsSettings::default(),
        connect_timeout: Duration::from_secs(2),
        idle_connections_max: 4,
        // Asked for in its own tests only, since a probe for it is a connection more.
        streaming: Streaming::Never,
    }
}

fn backend(region: &FakeRegion) -> TempoBackend {
    TempoBackend::new(&settings(&region.url()), CAP).unwrap()
}

fn query() -> TraceQuery {
    TraceQuery::of(TraceId::parse(ID).unwrap())
}

async fn ask(backend: &TempoBackend) -> Result<RegionTrace, Fault> {
    ask_within(backend, PATIENCE).await
}

async fn ask_within(backend: &TempoBackend, allowed: Duration) -> Result<RegionTrace, Fault> {
    let deadline = Deadline::starting_now(allowed);
    backend.trace_by_id(TraceCall { query: query(), deadline }).await
}

/// A v2 answer around `trace_bytes` bytes of trace.
fn envelope(trace_bytes: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let resource_spans = vec![0x22; trace_bytes];
    put_message(&mut body, 1, |trace| put_bytes_field(trace, 1, &resource_spans));
    put_message(&mut body, 2, |metrics| put_varint_field(metrics, 1, 1234));
    body
}

fn status(outcome: Result<RegionTrace, Fault>) -> RegionStatus {
    match outcome {
        Ok(_) => RegionStatus::Ok,
        Err(fault) => fault.status,
    }
}
