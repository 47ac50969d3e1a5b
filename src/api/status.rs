//! What is asked of the gateway itself rather than of the regions.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use super::account;
use super::audit::Auditor;
use super::error::plain;
use super::state::ApiState;
use crate::telemetry::metrics::{AuditNumbers, KeysNumbers, RegionCare, WitnessNumbers};

/// Grafana's "Save & test".
pub async fn echo() -> Response {
    said("echo\n")
}

/// Tempo's build info, its six keys in its order: strict readers know no others.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildInfo {
    version: String,
    revision: &'static str,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

/// The lowest Tempo version among the regions: Grafana turns features on by it, and a feature needs every
/// region.
pub async fn buildinfo(State(state): State<ApiState>) -> Response {
    let versions = state.federation().regions().iter().filter_map(|region| region.info().version).collect();
    let info = BuildInfo { version: lowest(versions).unwrap_or_default(), ..BuildInfo::default() };
    // Texts without a map or a number that is none: they can always be written.
    let mut body = serde_json::to_string(&info).unwrap_or_default();
    body.push('\n');
    let mut response = with_type("application/json", body);
    account::put_protocol(response.headers_mut());
    response
}

/// What Tempo answers to `GET` alone. Its 405 is bare, without the list of methods that would do.
pub async fn get_only(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        next.run(request).await
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

/// The lowest of those that can be read as versions; else any, else none.
fn lowest(versions: Vec<String>) -> Option<String> {
    let parsed = versions.iter().filter_map(|text| {
        let version = semver::Version::parse(text.trim_start_matches('v')).ok()?;
        Some((version, text))
    });
    parsed.min_by(|a, b| a.0.cmp(&b.0)).map(|(_, text)| text.clone()).or_else(|| versions.into_iter().next())
}

pub async fn ready(State(state): State<ApiState>) -> Response {
    if state.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, said("Application is stopping\n")).into_response();
    }
    said("ready\n")
}

/// For a person at a terminal: who this is and how the regions are.
pub async fn status(State(state): State<ApiState>) -> Response {
    let federation = state.federation();
    let mut text =
        format!("GET /status/version\ntutti, version {}\n\nGET /status/regions\n", env!("CARGO_PKG_VERSION"));
    let width = federation.regions().iter().map(|region| region.name().as_str().len()).max().unwrap_or(0);
    for region in federation.regions() {
        text.push_str(&format!(
            "{:width$}  jurisdiction={}  circuit={}  tempo={}\n",
            region.name().as_str(),
            region.jurisdiction(),
            region.circuit().as_str(),
            region.info().version.as_deref().unwrap_or("unknown"),
        ));
    }
    text.push_str(&format!(
        "\nGET /status/limits\ndeadline={}  trace_bytes_max={}  policy={}\n",
        humantime::format_duration(federation.settings().deadline),
        federation.settings().trace_bytes_max,
        federation.plan().digest(),
    ));
    if let Some(auditor) = state.auditor() {
        text.push_str(&audit(auditor));
    }
    with_type("text/plain", text)
}

/// How the audit log is, and how it stands before its witnesses.
fn audit(auditor: &Auditor) -> String {
    let AuditNumbers { is_failing, records, unpublished, unrecorded, .. } = auditor.numbers();
    let state = if is_failing { "failing" } else { "written" };
    let mut text = format!(
        "\nGET /status/audit\nlog={}  state={state}  records={records}  unpublished={unpublished}  unrecorded={unrecorded}\n",
        auditor.log().origin(),
    );
    for WitnessNumbers { name, standing, size, lag, .. } in auditor.witnesses() {
        let lag = humantime::format_duration(Duration::from_secs(lag.as_secs()));
        text.push_str(&format!("witness={name}  state={standing}  signed={size}  lag={lag}\n"));
    }
    text
}

pub async fn version() -> Response {
    let text = format!("GET /status/version\ntutti, version {}\n", env!("CARGO_PKG_VERSION"));
    with_type("text/plain", text)
}

pub async fn metrics(State(state): State<ApiState>) -> Response {
    for region in state.federation().regions() {
        let (in_flight, places) = region.places();
        let care = RegionCare { circuit: region.circuit().as_number(), in_flight, places };
        state.metrics.care(region.name(), care);
    }
    let in_force = state.in_force();
    let keys = in_force.reception().keys().map(|(issuer, keys, age)| KeysNumbers {
        issuer: issuer.to_owned(),
        keys: keys as u64,
        age,
    });
    state.metrics.keys_of_issuers(&keys.collect::<Vec<_>>());
    if let Some(auditor) = state.auditor() {
        state.metrics.audit(&auditor.numbers());
        auditor.witnesses().for_each(|witness| state.metrics.audit_witness(&witness));
    }
    with_type("application/openmetrics-text; version=1.0.0; charset=utf-8", state.metrics.render())
}

/// A word to a probe, as Go says it.
fn said(line: &'static str) -> Response {
    let mut response = plain(line);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn with_type(kind: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::lowest;

    #[test]
    fn the_lowest_version_is_by_number_and_not_by_text() {
        let of = |versions: &[&str]| lowest(versions.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(of(&["2.10.0", "2.9.1", "v3.0.2"]), Some("2.9.1".to_owned()));
        assert_eq!(of(&["main-abc", "2.8.0"]), Some("2.8.0".to_owned()));
        assert_eq!(of(&["main-abc"]), Some("main-abc".to_owned()));
        assert_eq!(of(&[]), None);
    }
}
