//! `/status`: for people, what this gateway is and how its regions are; as a text, or as JSON for who accepts that.
//!
//! Open to whoever reaches the port, as `/metrics` is. It says how regions fare and nothing of what they hold: not how
//! many bytes are remembered either, since among them are those of values that are not shown.

use axum::extract::{Request, State};
use axum::response::Response;
use http::header;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::analytics::share;
use super::audit::Auditor;
use super::report;
use super::state::ApiState;
use super::status::with_type;
use crate::backend::Region;
use crate::telemetry::analytics::{Tally, WINDOW_MAX};
use crate::telemetry::metrics::{AuditNumbers, WitnessNumbers};

pub async fn status(State(state): State<ApiState>, request: Request) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/json")) {
        with_type("application/json", as_json(&state).to_string())
    } else {
        with_type("text/plain", as_text(&state))
    }
}

fn as_text(state: &ApiState) -> String {
    let (federation, in_force) = (state.federation(), state.in_force());
    let mut text =
        format!("GET /status/version\ntutti, version {}\n\nGET /status/regions\n", env!("CARGO_PKG_VERSION"));
    let width = federation.regions().iter().map(|region| region.name().as_str().len()).max().unwrap_or(0);
    let tally = state.analytics.last(WINDOW_MAX).tally;
    for region in federation.regions() {
        let _ = write!(
            text,
            "{:width$}  jurisdiction={}  circuit={}  tempo={}",
            region.name().as_str(),
            region.jurisdiction(),
            region.circuit().as_str(),
            region.info().version.as_deref().unwrap_or("unknown"),
        );
        let (in_flight, places) = region.places();
        let _ = write!(text, "  in_flight={in_flight}/{places}");
        if let [Some(p50), Some(p99)] = quantiles(&tally, region) {
            let _ = write!(text, "  p50={}ms  p99={}ms", p50.as_millis(), p99.as_millis());
        }
        text.push('\n');
    }
    let settings = federation.settings();
    let _ = write!(
        text,
        "\nGET /status/limits\ndeadline={}  trace_bytes_max={}  policy={}\n\nGET /status/cache\nbytes_max={}\n",
        humantime::format_duration(settings.deadline),
        settings.trace_bytes_max,
        federation.plan().digest(),
        settings.hot.bytes_max,
    );
    if let Some(digest) = in_force.config_digest() {
        let _ = write!(
            text,
            "\nGET /status/config\nconfig={digest}  policies={}  in_force_since={}  process_since={}\n",
            in_force.policies_digest().unwrap_or("none"),
            at(in_force.since()),
            at(state.begun),
        );
    }
    if let Some(auditor) = state.auditor() {
        write_audit(&mut text, auditor);
    }
    text
}

fn as_json(state: &ApiState) -> Value {
    let (federation, in_force) = (state.federation(), state.in_force());
    let tally = state.analytics.last(WINDOW_MAX).tally;
    let regions: Vec<Value> = federation
        .regions()
        .iter()
        .map(|region| {
            let (in_flight, places) = region.places();
            let [p50, p99] = quantiles(&tally, region);
            json!({
                "region": region.name().as_str(),
                "jurisdiction": region.jurisdiction().as_str(),
                "circuit": region.circuit().as_str(),
                "tempo": region.info().version,
                "inFlight": in_flight,
                "concurrentMax": places,
                "lastHourMs": {"p50": p50.map(report::in_ms), "p99": p99.map(report::in_ms)},
            })
        })
        .collect();
    let settings = federation.settings();
    let audit = state.auditor().map(|auditor| audit_as_json(auditor));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "region": state.here().as_ref().map(|here| here.as_str()),
        "stopping": state.is_stopping(),
        "processSince": at(state.begun),
        "config": {"digest": in_force.config_digest(), "inForceSince": at(in_force.since())},
        "policies": in_force.policies_digest(),
        "plan": federation.plan().digest(),
        "limits": {
            "deadlineMs": report::in_ms(settings.deadline),
            "traceBytesMax": settings.trace_bytes_max,
            "requestsConcurrentMax": state.settings.requests_concurrent_max,
        },
        "cache": {"bytesMax": settings.hot.bytes_max, "fromMemoryShare": share(tally.from_memory, tally.lookups)},
        "audit": audit,
        "regions": regions,
    })
}

/// How the audit log is, and how it stands before its witnesses.
fn write_audit(text: &mut String, auditor: &Auditor) {
    let AuditNumbers { is_failing, records, unpublished, bytes, bytes_max, unrecorded, .. } =
        auditor.numbers();
    let _ = write!(
        text,
        "\nGET /status/audit\nlog={}  failing={is_failing}  records={records}  unpublished={unpublished}  \
         bytes={bytes}  bytes_max={bytes_max}  unrecorded={unrecorded}\n",
        auditor.log().origin(),
    );
    for WitnessNumbers { name, standing, size, lag, .. } in auditor.witnesses() {
        let lag = humantime::format_duration(Duration::from_secs(lag.as_secs()));
        let _ = writeln!(text, "witness={name}  state={standing}  signed={size}  lag={lag}");
    }
}

fn audit_as_json(auditor: &Auditor) -> Value {
    let audit = auditor.numbers();
    let witnesses: Vec<Value> = auditor
        .witnesses()
        .map(|WitnessNumbers { name, standing, size, lag, .. }| {
            json!({"witness": name, "state": standing, "signed": size, "lagSeconds": lag.as_secs()})
        })
        .collect();
    json!({
        "log": auditor.log().origin(),
        "failing": audit.is_failing,
        "records": audit.records,
        "unpublished": audit.unpublished,
        "bytes": audit.bytes,
        "bytesMax": audit.bytes_max,
        "unrecorded": audit.unrecorded,
        "witnesses": witnesses,
    })
}

/// What half, and all but one in a hundred, of its answers of the last hour stayed within.
fn quantiles(tally: &Tally, region: &Region) -> [Option<Duration>; 2] {
    let region = tally.regions.get(region.name());
    [0.5, 0.99].map(|share| region.and_then(|region| region.latencies.quantile(share)))
}

fn at(since: Duration) -> String {
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}
