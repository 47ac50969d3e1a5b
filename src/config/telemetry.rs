//! `[telemetry]`: in which form the log is written, and where own spans go, as given and as resolved.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderName, Uri};

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, quoted};
use super::given::{At, Given};
use super::quantity::{Wrong, closest};
use super::regions;
use super::table::Table;
use super::tls;
use super::words;
use super::world::World;
use crate::backend::ExportSettings;

/// How long a span waits for others where nothing is said.
const INTERVAL: Duration = Duration::from_secs(5);

/// The longest it may wait: the queue holds 4096.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// The share of traces that is kept where nothing is said.
const SAMPLE_RATIO: f64 = 0.1;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// What the gateway tells of itself, and to whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TelemetrySettings {
    /// None where the configuration does not say.
    pub log: Option<LogFormat>,
    /// None where own spans are not kept.
    pub otlp: Option<ExportSettings>,
}

#[derive(Debug)]
pub(super) struct GivenTelemetry {
    log: Given<LogFormat>,
    otlp: Given<GivenOtlp>,
}

#[derive(Debug)]
struct GivenOtlp {
    endpoint: Given<Uri>,
    tenant: Given<String>,
    headers: Given<Vec<(At<HeaderName>, Given<GivenSecret>)>>,
    ca_file: Given<String>,
    sample_ratio: Given<f64>,
    interval: Given<Duration>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenTelemetry {
    let log = table.parsed("log", out, |text| {
        LogFormat::parse(text).ok_or_else(|| {
            let remedy = closest(text, ["json", "text"]).unwrap_or("text");
            Wrong::new(format!("{} is no form of a log", quoted(text)), format!("write \"{remedy}\""))
        })
    });
    let otlp = table.table("otlp", out).map(|mut otlp| {
        let given = GivenOtlp {
            endpoint: otlp.parsed("endpoint", out, words::url),
            tenant: otlp.parsed("tenant", out, words::header_text),
            headers: otlp.table("headers", out).map(|headers| credentials::headers(&headers, out)),
            ca_file: otlp.text("ca_file", out),
            sample_ratio: otlp.ratio("sample_ratio", out),
            interval: otlp.duration("interval", out),
        };
        otlp.close(out);
        given
    });
    table.close(out);
    GivenTelemetry { log, otlp }
}

/// `taken` are the addresses of this process: where it answers, and where it takes spans in.
pub(super) fn resolve(
    given: &GivenTelemetry,
    taken: &[SocketAddr],
    world: &mut World<'_>,
    out: &mut Findings,
) -> TelemetrySettings {
    let log = given.log.value();
    let Some(at) = given.otlp.is() else { return TelemetrySettings { log, otlp: None } };
    let otlp = &at.value;
    let Some(endpoint) = otlp.endpoint.is() else {
        if otlp.endpoint.is_absent() {
            out.fault(
                &at.place,
                "own spans have nowhere to go",
                "write `endpoint`, as \"http://collector:4318\"",
            );
        }
        return TelemetrySettings { log, otlp: None };
    };
    if let Some(own) = taken.iter().find(|own| is_at(&endpoint.value, **own)) {
        let what = format!("own spans would come back to this process, which is at {own}");
        out.fault(&endpoint.place, what, "write the address of a collector, or of a Tempo");
    }
    if let Some(interval) = otlp.interval.is().filter(|interval| interval.value > INTERVAL_MAX) {
        out.fault(&interval.place, "spans would wait too long and be lost", "write at most \"60s\"");
    }
    let ca_pem = otlp.ca_file.is().and_then(|file| tls::trusted(file, world, out));
    let mut headers = regions::headers(&otlp.headers, false, world, out);
    if let Some(tenant) = otlp.tenant.value() {
        headers.push((HeaderName::from_static("x-scope-orgid"), tenant.into()));
    }
    let settings = ExportSettings {
        endpoint: whole(&endpoint.value),
        headers,
        ca_pem,
        sample_ratio: otlp.sample_ratio.value().unwrap_or(SAMPLE_RATIO),
        interval: otlp.interval.or(INTERVAL),
    };
    TelemetrySettings { log, otlp: Some(settings) }
}

/// Without a path it is the one that the protocol has for spans.
fn whole(endpoint: &Uri) -> Uri {
    if !matches!(endpoint.path(), "" | "/") {
        return endpoint.clone();
    }
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/v1/traces"));
    Uri::from_parts(parts).unwrap_or_else(|_| endpoint.clone())
}

/// Whether an address leads to a listener of this machine.
fn is_at(endpoint: &Uri, own: SocketAddr) -> bool {
    let default = if endpoint.scheme_str() == Some("https") { 443 } else { 80 };
    if own.port() == 0 || endpoint.port_u16().unwrap_or(default) != own.port() {
        return false;
    }
    let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = own.ip().is_loopback() || own.ip().is_unspecified();
    match host.parse::<IpAddr>() {
        Ok(host) => host == own.ip() || is_here && (host.is_loopback() || host.is_unspecified()),
        Err(_) => is_here && host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_path_is_the_one_for_spans() {
        let of = |text: &str| whole(&text.parse().unwrap()).to_string();
        assert_eq!(of("http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(of("http://collector:4318/"), "http://collector:4318/v1/traces");
        assert_eq!(of("https://a.example/otlp/v1/traces"), "https://a.example/otlp/v1/traces");
    }

    #[test]
    fn an_address_of_this_process_is_known_by_all_its_names() {
        let is = |endpoint: &str, own: &str| is_at(&endpoint.parse().unwrap(), own.parse().unwrap());
        for own in ["127.0.0.1:4318", "0.0.0.0:4318", "[::1]:4318", "[::]:4318"] {
            for endpoint in ["http://127.0.0.1:4318", "http://localhost:4318/x", "http://[::1]:4318"] {
                assert!(is(endpoint, own), "{endpoint} {own}");
            }
            assert!(!is("http://127.0.0.1:4319", own) && !is("http://collector:4318", own), "{own}");
        }
        assert!(
            is("http://192.0.2.1:4318", "192.0.2.1:4318") && !is("http://localhost:4318", "192.0.2.1:4318")
        );
        assert!(is("http://127.0.0.1", "127.0.0.1:80") && is("https://127.0.0.1", "127.0.0.1:443"));
    }
}
