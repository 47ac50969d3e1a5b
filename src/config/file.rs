//! The configuration as given: every key of `regions.toml`, each value by itself and with its place.
//! Does not know how values depend on each other, on the environment or on other files; `resolve` does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Uri};

use super::audit::{self, GivenAudit};
use super::break_glass::{self, GivenBreakGlass};
use super::credentials::{self, GivenAuth, GivenSecret, GivenServerTls, GivenTls};
use super::facts::{self, GivenFacts};
use super::fault::{Findings, Place, Source};
use super::given::{At, Given};
use super::identity::{self, GivenIdentity};
use super::locality::{self, GivenLocality};
use super::modes::{self, GivenModes};
use super::peers::{self, GivenPeers};
use super::table::{self, Table};
use super::telemetry::{self, GivenTelemetry};
use super::token_keys::{self, GivenKeys};
use super::words;
use crate::backend::settings::Streaming;
use crate::model::{Jurisdiction, RegionName};

/// A whole file.
#[derive(Debug)]
pub(super) struct GivenFile {
    pub place: Place,
    pub gateway: GivenGateway,
    pub deadlines: GivenDeadlines,
    pub cache: GivenCache,
    pub locality: GivenLocality,
    pub modes: GivenModes,
    pub limits: GivenLimits,
    pub search: GivenSearch,
    pub metrics: GivenMetrics,
    pub additions: GivenAdditions,
    pub keys: Given<GivenKeys>,
    pub identity: GivenIdentity,
    pub break_glass: GivenBreakGlass,
    pub peers: GivenPeers,
    pub telemetry: GivenTelemetry,
    pub audit: Given<GivenAudit>,
    pub regions: Vec<GivenRegion>,
    /// A `[[region]]` stands in the file, even if it cannot be read.
    pub has_regions: bool,
    /// The file is TOML. What is absent from a broken file may only have been lost with the rest.
    pub is_whole: bool,
}

#[derive(Debug)]
pub(super) struct GivenGateway {
    pub place: Place,
    /// What it calls itself to its peers.
    pub name: Given<String>,
    pub region: Given<RegionName>,
    pub listen: Given<SocketAddr>,
    pub tls: Given<GivenServerTls>,
    pub policies: Given<String>,
    /// Packs of the folder that are in force.
    pub packs: Given<Vec<At<String>>>,
    pub http_api_prefix: Given<String>,
}

#[derive(Debug)]
pub(super) struct GivenDeadlines {
    pub complete: Given<Duration>,
    pub fast: Given<Duration>,
    pub fast_max: Given<Duration>,
    pub reserve: Given<Duration>,
}

#[derive(Debug)]
pub(super) struct GivenCache {
    pub bytes_max: Given<u64>,
    pub lateness: Given<Duration>,
    pub young_for: Given<Duration>,
    pub old_for: Given<Duration>,
}

#[derive(Debug)]
pub(super) struct GivenLimits {
    pub trace_bytes_max: Given<u64>,
    pub requests_concurrent_max: Given<u64>,
    pub connections_max: Given<u64>,
}

#[derive(Debug)]
pub(super) struct GivenSearch {
    pub duration_max: Given<Duration>,
    pub limit_default: Given<u64>,
    pub limit_max: Given<u64>,
    pub spss_default: Given<u64>,
    pub spss_max: Given<u64>,
    pub tags_bytes_max: Given<u64>,
    pub longest_trace: Given<Duration>,
    pub candidates_max: Given<u64>,
    pub traces_max: Given<u64>,
    pub bytes_max: Given<u64>,
    pub assembly_concurrent_max: Given<u64>,
}

#[derive(Debug)]
pub(super) struct GivenMetrics {
    pub duration_max: Given<Duration>,
    pub intervals_max: Given<u64>,
    pub exemplars_max: Given<u64>,
    pub series_max: Given<u64>,
}

#[derive(Debug)]
pub(super) struct GivenAdditions {
    pub region: Given<bool>,
    pub crossings: Given<bool>,
    pub missing_region_spans: Given<bool>,
    pub placeholder_parents: Given<bool>,
    pub cycles: Given<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindWord {
    Tempo,
    Tutti,
    Memory,
}

#[derive(Debug)]
pub(super) struct GivenRegion {
    pub place: Place,
    pub name: Given<RegionName>,
    /// The name as written, be it one or not.
    pub written_name: Option<String>,
    pub jurisdiction: Given<Jurisdiction>,
    pub kind: Given<KindWord>,
    /// What the gateway there calls itself.
    pub gateway: Given<String>,
    pub allow_raw_egress: Given<bool>,
    pub facts: GivenFacts,
    pub layers: GivenLayers,
    pub tempo: GivenTempo,
    pub memory: GivenMemory,
}

/// What every kind of region may have.
#[derive(Debug)]
pub(super) struct GivenLayers {
    pub deadline: Given<Duration>,
    pub concurrent_max: Given<u64>,
    pub body_bytes_max: Given<u64>,
    pub retry_budget_percent: Given<u64>,
    pub probe_interval: Given<Duration>,
    pub breaker: Given<GivenBreaker>,
}

#[derive(Debug, Clone)]
pub(super) struct GivenBreaker {
    pub failures_max: Given<u64>,
    pub pause: Given<Duration>,
    pub pause_max: Given<Duration>,
}

#[derive(Debug)]
pub(super) struct GivenTempo {
    pub url: Given<Uri>,
    pub tenant: Given<String>,
    pub auth: Given<GivenAuth>,
    pub tls: Given<GivenTls>,
    pub headers: Given<Vec<(At<HeaderName>, Given<GivenSecret>)>>,
    pub connect_timeout: Given<Duration>,
    pub idle_connections_max: Given<u64>,
    pub streaming: Given<Streaming>,
}

#[derive(Debug)]
pub(super) struct GivenMemory {
    pub otlp: Given<SocketAddr>,
    pub bytes_max: Given<u64>,
    pub age_max: Given<Duration>,
}

/// Reads a file as far as it can be read; everything that cannot is a finding.
pub(super) fn read(source: &Arc<Source>, out: &mut Findings) -> GivenFile {
    let (document, is_whole) = table::parse(source, out);
    let mut root = Table::root(source, document.get_ref());
    let regions = root.tables("region", out);
    let file = GivenFile {
        place: Place::whole(source),
        gateway: gateway(&mut root, out),
        deadlines: deadlines(&mut root, out),
        cache: cache(&mut root, out),
        locality: locality::read(optional(&mut root, "locality", out), out),
        modes: modes::read(optional(&mut root, "modes", out), out),
        limits: limits(&mut root, out),
        search: search(&mut root, out),
        metrics: metrics(&mut root, out),
        additions: additions(&mut root, out),
        keys: root.table("keys", out).map(|keys| token_keys::read(keys, out)),
        identity: identity::read(optional(&mut root, "identity", out), out),
        break_glass: break_glass::read(optional(&mut root, "break_glass", out), out),
        peers: peers::read(optional(&mut root, "peer", out), out),
        telemetry: telemetry::read(optional(&mut root, "telemetry", out), out),
        audit: root.table("audit", out).map(|table| audit::read(table, out)),
        has_regions: match &regions {
            Given::Is(at) => !at.value.is_empty(),
            Given::Faulty => true,
            Given::Absent => false,
        },
        regions: regions.into_value().unwrap_or_default().into_iter().map(|t| region(t, out)).collect(),
        is_whole,
    };
    root.close(out);
    file
}

fn gateway(root: &mut Table<'_>, out: &mut Findings) -> GivenGateway {
    let mut table = optional(root, "gateway", out);
    let given = GivenGateway {
        place: table.place.clone(),
        name: table.parsed("name", out, words::gateway_name),
        region: table.parsed("region", out, words::region_name),
        listen: table.parsed("listen", out, words::address),
        tls: table.table("tls", out).map(|tls| credentials::server_tls(tls, out)),
        policies: table.text("policies", out),
        packs: table.texts("packs", out),
        http_api_prefix: table.parsed("http_api_prefix", out, words::path_prefix),
    };
    table.close(out);
    given
}

fn deadlines(root: &mut Table<'_>, out: &mut Findings) -> GivenDeadlines {
    let mut table = optional(root, "deadlines", out);
    let given = GivenDeadlines {
        complete: table.duration("complete", out),
        fast: table.duration("fast", out),
        fast_max: table.duration("fast_max", out),
        reserve: table.duration("reserve", out),
    };
    table.close(out);
    given
}

fn cache(root: &mut Table<'_>, out: &mut Findings) -> GivenCache {
    let mut table = optional(root, "cache", out);
    let given = GivenCache {
        bytes_max: table.size("bytes_max", 0, out),
        lateness: table.duration("lateness", out),
        young_for: table.duration("young_for", out),
        old_for: table.duration("old_for", out),
    };
    table.close(out);
    given
}

/// More connections or requests than any machine serves; larger is a slip.
const CONCURRENT_MAX: u64 = 1_000_000;

fn limits(root: &mut Table<'_>, out: &mut Findings) -> GivenLimits {
    let mut table = optional(root, "limits", out);
    let given = GivenLimits {
        trace_bytes_max: table.size("trace_bytes_max", 0, out),
        requests_concurrent_max: table.whole("requests_concurrent_max", 1..=CONCURRENT_MAX, out),
        connections_max: table.whole("connections_max", 1..=CONCURRENT_MAX, out),
    };
    table.close(out);
    given
}

/// Numbers that requests carry have 32 bits.
const COUNT_MAX: u64 = u32::MAX as u64;

fn search(root: &mut Table<'_>, out: &mut Findings) -> GivenSearch {
    let mut table = optional(root, "search", out);
    let given = GivenSearch {
        duration_max: table.duration("duration_max", out),
        limit_default: table.whole("limit_default", 1..=COUNT_MAX, out),
        limit_max: table.whole("limit_max", 0..=COUNT_MAX, out),
        spss_default: table.whole("spss_default", 1..=COUNT_MAX, out),
        spss_max: table.whole("spss_max", 0..=COUNT_MAX, out),
        tags_bytes_max: table.size("tags_bytes_max", 0, out),
        longest_trace: table.duration("longest_trace", out),
        candidates_max: table.whole("candidates_max", 1..=COUNT_MAX, out),
        traces_max: table.whole("traces_max", 1..=COUNT_MAX, out),
        bytes_max: table.size("bytes_max", 1, out),
        assembly_concurrent_max: table.whole("assembly_concurrent_max", 1..=CONCURRENT_MAX, out),
    };
    table.close(out);
    given
}

fn metrics(root: &mut Table<'_>, out: &mut Findings) -> GivenMetrics {
    let mut table = optional(root, "metrics", out);
    let given = GivenMetrics {
        duration_max: table.duration("duration_max", out),
        intervals_max: table.whole("intervals_max", 0..=COUNT_MAX, out),
        exemplars_max: table.whole("exemplars_max", 0..=COUNT_MAX, out),
        series_max: table.whole("series_max", 0..=COUNT_MAX, out),
    };
    table.close(out);
    given
}

fn additions(root: &mut Table<'_>, out: &mut Findings) -> GivenAdditions {
    let mut table = optional(root, "additions", out);
    let given = GivenAdditions {
        region: table.flag("region", out),
        crossings: table.flag("crossings", out),
        missing_region_spans: table.flag("missing_region_spans", out),
        placeholder_parents: table.flag("placeholder_parents", out),
        cycles: table.flag("cycles", out),
    };
    table.close(out);
    given
}

fn region(mut table: Table<'_>, out: &mut Findings) -> GivenRegion {
    let region = GivenRegion {
        place: table.place.clone(),
        written_name: table.peek_text("name").map(|at| at.value),
        name: table.parsed("name", out, words::region_name),
        jurisdiction: table.parsed("jurisdiction", out, words::jurisdiction),
        kind: table.parsed("kind", out, words::kind),
        gateway: table.parsed("gateway", out, words::gateway_name),
        allow_raw_egress: table.flag("allow_raw_egress", out),
        facts: facts::read(&mut table, out),
        layers: layers(&mut table, out),
        tempo: tempo(&mut table, out),
        memory: GivenMemory {
            otlp: table.parsed("otlp", out, words::address),
            bytes_max: table.size("bytes_max", 1, out),
            age_max: table.duration("age_max", out),
        },
    };
    for (key, what, remedy) in words::REGION_KEYS_MISPLACED {
        if let Some(place) = table.refuse(key, what, remedy, out) {
            out.hide(place.span);
        }
    }
    table.close(out);
    region
}

fn layers(table: &mut Table<'_>, out: &mut Findings) -> GivenLayers {
    GivenLayers {
        deadline: table.duration("deadline", out),
        concurrent_max: table.whole("concurrent_max", 1..=CONCURRENT_MAX, out),
        // An answer is always capped: 0 would let one region fill the memory.
        body_bytes_max: table.size("body_bytes_max", 1, out),
        retry_budget_percent: table.whole("retry_budget_percent", 0..=100, out),
        probe_interval: table.duration("probe_interval", out),
        breaker: table.table("breaker", out).map(|mut breaker| {
            let given = GivenBreaker {
                failures_max: breaker.whole("failures_max", 1..=1000, out),
                pause: breaker.duration("pause", out),
                pause_max: breaker.duration("pause_max", out),
            };
            breaker.close(out);
            given
        }),
    }
}

fn tempo(table: &mut Table<'_>, out: &mut Findings) -> GivenTempo {
    GivenTempo {
        url: credentials::url(table, out),
        tenant: table.parsed("tenant", out, words::header_text),
        auth: credentials::auth(table, out),
        tls: table.table("tls", out).map(|tls| credentials::tls(tls, out)),
        headers: table.table("headers", out).map(|headers| credentials::headers(&headers, out)),
        connect_timeout: table.duration("connect_timeout", out),
        idle_connections_max: table.whole("idle_connections_max", 0..=10_000, out),
        streaming: table.parsed("streaming", out, words::streaming),
    }
}

/// A table that may be absent: then it is read as an empty one.
fn optional<'d>(root: &mut Table<'d>, key: &'static str, out: &mut Findings) -> Table<'d> {
    match root.table(key, out) {
        Given::Is(table) => table.value,
        Given::Absent | Given::Faulty => root.empty(key),
    }
}
