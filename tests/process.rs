//! The gateway as a process: how it ends, how it takes up a new configuration, and what the demo says of
//! a region that is slow or down. Regions are scripted on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

#[path = "support/fake_region.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod fake_region;

#[path = "process/audit.rs"]
mod audit;
#[path = "process/demo.rs"]
mod demo;
#[path = "process/end.rs"]
mod end;
#[path = "process/identity.rs"]
mod identity;
#[path = "process/memory.rs"]
mod memory;
#[path = "process/reload.rs"]
mod reload;
#[path = "process/running.rs"]
mod running;
#[path = "process/telemetry.rs"]
mod telemetry;

use std::time::Duration;

use fake_region::{Asked, FakeRegion, Reply, after, protobuf, text};
use tutti::wire::export::protobuf_of_json;
use tutti::wire::protobuf::put_message;

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const V2: &str = "/api/v2/traces/0af7651916cd43dd8448eb211c80319c";

/// How long a slow region takes: long enough for a signal to overtake it on a busy machine.
const SLOW: Duration = Duration::from_millis(1500);

/// One span of the trace, as a region answers it on v2.
fn trace(span: u64) -> Vec<u8> {
    let export = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"scope":{{}},"spans":[{{"traceId":"{ID}","spanId":"{span:016x}","name":"step {span}","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000001000000"}}]}}]}}]}}"#
    );
    let export = protobuf_of_json(export.as_bytes()).unwrap();
    let mut body = Vec::new();
    put_message(&mut body, 1, |trace| trace.extend_from_slice(&export));
    put_message(&mut body, 2, |_| {});
    body
}

/// A Tempo that holds one span and takes its time.
async fn region(span: u64, takes: Duration) -> FakeRegion {
    let body = trace(span);
    FakeRegion::start(move |asked: &Asked| -> Reply {
        match asked.path.as_str() {
            V2 => after(takes, protobuf(&body)),
            "/api/status/buildinfo" => text(200, r#"{"version":"2.9.0"}"#),
            _ => text(404, "404 page not found\n"),
        }
    })
    .await
}

/// Waits until the region was asked for the trace.
async fn is_asked(region: &FakeRegion) {
    running::until("the region is asked", || region.paths().iter().any(|path| path == V2)).await;
}
