//! The configuration as given: every key of `regions.toml`, each value by itself and with its place.
//! Does not know how values depend on each other, on the environment or on other files; `resolve` does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Uri};

use super::fault::{Findings, Place, Source, quoted};
use super::table::{self, At, Given, Table};
use super::words;
use crate::model::{Jurisdiction, RegionName};

/// A whole file.
#[derive(Debug)]
pub(super) struct GivenFile {
    pub place: Place,
    pub gateway: GivenGateway,
    pub deadlines: GivenDeadlines,
    pub limits: GivenLimits,
    pub additions: GivenAdditions,
    pub identity: Given<IdentityWord>,
    pub regions: Vec<GivenRegion>,
    /// A `[[region]]` stands in the file, even if it cannot be read.
    pub has_regions: bool,
    /// The file is TOML. What is absent from a broken file may only have been lost with the rest.
    pub is_whole: bool,
}

#[derive(Debug)]
pub(super) struct GivenGateway {
    pub place: Place,
    pub region: Given<RegionName>,
    pub listen: Given<SocketAddr>,
    pub policies: Given<String>,
    pub http_api_prefix: Given<String>,
}

#[derive(Debug)]
pub(super) struct GivenDeadlines {
    pub complete: Given<Duration>,
    pub fast: Given<Duration>,
    pub reserve: Given<Duration>,
}

#[derive(Debug)]
pub(super) struct GivenLimits {
    pub trace_bytes_max: Given<u64>,
    pub requests_concurrent_max: Given<u64>,
    pub connections_max: Given<u64>,
}

#[derive(Debug)]
pub(super) struct GivenAdditions {
    pub region: Given<bool>,
    pub crossings: Given<bool>,
    pub missing_region_spans: Given<bool>,
    pub placeholder_parents: Given<bool>,
    pub cycles: Given<bool>,
}

/// The one mode of identity this version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityWord {
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindWord {
    Tempo,
    Memory,
}

#[derive(Debug)]
pub(super) struct GivenRegion {
    pub place: Place,
    pub name: Given<RegionName>,
    pub jurisdiction: Given<Jurisdiction>,
    pub kind: Given<KindWord>,
    pub allow_raw_egress: Given<bool>,
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
}

#[derive(Debug)]
pub(super) struct GivenMemory {
    pub otlp: Given<SocketAddr>,
    pub bytes_max: Given<u64>,
    pub age_max: Given<Duration>,
}

#[derive(Debug, Clone)]
pub(super) enum GivenAuth {
    Bearer(Given<GivenSecret>),
    Basic { user: Given<String>, password: Given<GivenSecret> },
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub(super) enum GivenSecret {
    Environment(At<String>),
    File(At<String>),
    /// In the file itself: a fault for what is always a secret.
    Inline(At<String>),
}

#[derive(Debug, Clone)]
pub(super) struct GivenTls {
    pub ca_file: Given<String>,
    pub cert_file: Given<String>,
    pub key_file: Given<String>,
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
        limits: limits(&mut root, out),
        additions: additions(&mut root, out),
        identity: identity(&mut root, out),
        has_regions: !regions.is_absent(),
        regions: regions.into_value().unwrap_or_default().into_iter().map(|t| region(t, out)).collect(),
        is_whole,
    };
    for (key, what, remedy) in words::TABLES_TO_COME {
        root.refuse(key, what, remedy, out);
    }
    root.close(out);
    file
}

fn gateway(root: &mut Table<'_>, out: &mut Findings) -> GivenGateway {
    let mut table = optional(root, "gateway", out);
    let given = GivenGateway {
        place: table.place.clone(),
        region: table.parsed("region", out, words::region_name),
        listen: table.parsed("listen", out, words::address),
        policies: table.text("policies", out),
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
        reserve: table.duration("reserve", out),
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

fn identity(root: &mut Table<'_>, out: &mut Findings) -> Given<IdentityWord> {
    let mut table = optional(root, "identity", out);
    let mode = table.parsed("mode", out, words::identity_mode);
    let remedy = "take `[[identity.issuer]]` away; until a later version checks who asks, listen on loopback";
    table.refuse("issuer", "this version does not check tokens", remedy, out);
    table.close(out);
    mode
}

fn region(mut table: Table<'_>, out: &mut Findings) -> GivenRegion {
    let region = GivenRegion {
        place: table.place.clone(),
        name: table.parsed("name", out, words::region_name),
        jurisdiction: table.parsed("jurisdiction", out, words::jurisdiction),
        kind: table.parsed("kind", out, words::kind),
        allow_raw_egress: table.flag("allow_raw_egress", out),
        layers: layers(&mut table, out),
        tempo: tempo(&mut table, out),
        memory: GivenMemory {
            otlp: table.parsed("otlp", out, words::address),
            bytes_max: table.size("bytes_max", 1, out),
            age_max: table.duration("age_max", out),
        },
    };
    for (key, what, remedy) in words::REGION_KEYS_MISPLACED {
        table.refuse(key, what, remedy, out);
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
        url: url(table, out),
        tenant: table.parsed("tenant", out, words::header_text),
        auth: auth(table, out),
        tls: table.table("tls", out).map(|mut tls| {
            let given = GivenTls {
                ca_file: tls.text("ca_file", out),
                cert_file: tls.text("cert_file", out),
                key_file: tls.text("key_file", out),
            };
            tls.close(out);
            given
        }),
        headers: table.table("headers", out).map(|headers| self::headers(&headers, out)),
        connect_timeout: table.duration("connect_timeout", out),
        idle_connections_max: table.whole("idle_connections_max", 0..=10_000, out),
    }
}

/// A URL with a user in it is a secret, and must not be repeated.
fn url(table: &mut Table<'_>, out: &mut Findings) -> Given<Uri> {
    if let Some(text) = table.peek_text("url")
        && text.value.contains('@')
    {
        let remedy = "write the URL without it, and `auth = { basic = { user = \"..\", password = { env = \"..\" } } }`";
        out.secret_fault(&text.place, "user and password do not belong in a URL", remedy);
        return Given::Faulty;
    }
    table.parsed("url", out, words::url)
}

fn auth(table: &mut Table<'_>, out: &mut Findings) -> Given<GivenAuth> {
    if let Some(text) = table.peek_text("auth") {
        out.secret_fault(&text.place, INLINE_SECRET, "write `{ bearer = { env = \"NAME\" } }`");
        return Given::Faulty;
    }
    let Given::Is(At { value: mut auth, place }) = table.table("auth", out) else {
        return if table.has("auth") { Given::Faulty } else { Given::Absent };
    };
    let bearer = secret(&mut auth, "bearer", false, out);
    let basic = auth.table("basic", out).map(|mut basic| {
        let user = basic.parsed("user", out, words::basic_user);
        let password = secret(&mut basic, "password", false, out);
        basic.close(out);
        (user, password)
    });
    auth.close(out);
    let (what, remedy) = match (bearer, basic) {
        (bearer @ (Given::Is(_) | Given::Faulty), Given::Absent) => {
            return Given::Is(At { value: GivenAuth::Bearer(bearer), place });
        }
        (Given::Absent, Given::Is(At { value: (user, password), .. })) => {
            return Given::Is(At { value: GivenAuth::Basic { user, password }, place });
        }
        (Given::Absent, Given::Faulty) => return Given::Faulty,
        (Given::Absent, Given::Absent) => ("no way to authenticate is named", "write `bearer` or `basic`, or take `auth` away"),
        _ => ("`bearer` and `basic` exclude each other", "keep one of them"),
    };
    out.fault(&place, what, remedy);
    Given::Faulty
}

fn headers(table: &Table<'_>, out: &mut Findings) -> Vec<(At<HeaderName>, Given<GivenSecret>)> {
    let mut headers: Vec<(At<HeaderName>, Given<GivenSecret>)> = Vec::new();
    for (key, value, place) in table.entries() {
        let name = match words::header_name(&key.value) {
            Ok(name) => name,
            Err(wrong) => {
                out.fault(&key.place, wrong.what, wrong.remedy);
                continue;
            }
        };
        if headers.iter().any(|(earlier, _)| earlier.value == name) {
            out.fault(&key.place, format!("header {} stands here twice", quoted(&key.value)), "keep one of them");
        }
        let given = match value.as_str() {
            Some(_) => {
                let remedy = "write `{ value = \"..\" }` if anyone may see it, else `{ env = \"NAME\" }` or `{ file = \"path\" }`";
                out.secret_fault(&place, "a text stands here", remedy);
                Given::Faulty
            }
            None => table::table_of(value, place, out).and_then(|table| source_of(table, true, out)),
        };
        headers.push((At { value: name, place: key.place }, given));
    }
    headers
}

const INLINE_SECRET: &str = "a secret stands in the file";
const SECRET_REMEDY: &str = "write `{ env = \"NAME\" }` or `{ file = \"path\" }`";

fn secret(table: &mut Table<'_>, key: &'static str, may_inline: bool, out: &mut Findings) -> Given<GivenSecret> {
    if let Some(text) = table.peek_text(key) {
        out.secret_fault(&text.place, INLINE_SECRET, SECRET_REMEDY);
        return Given::Faulty;
    }
    table.table(key, out).and_then(|table| source_of(table, may_inline, out))
}

/// Exactly one of `env`, `file` and `value`.
fn source_of(mut table: Table<'_>, may_inline: bool, out: &mut Findings) -> Given<GivenSecret> {
    let place = table.place.clone();
    let inline = table.peek_text("value");
    let env = table.parsed("env", out, words::environment_name);
    let file = table.text("file", out);
    let value = table.parsed("value", out, |text| Ok(text.to_owned()));
    table.close(out);
    if let (Some(inline), false) = (inline, may_inline) {
        out.secret_fault(&inline.place, INLINE_SECRET, SECRET_REMEDY);
        return Given::Faulty;
    }
    let given = match (env, file, value) {
        (Given::Is(env), Given::Absent, Given::Absent) => GivenSecret::Environment(env),
        (Given::Absent, Given::Is(file), Given::Absent) => GivenSecret::File(file),
        (Given::Absent, Given::Absent, Given::Is(value)) => GivenSecret::Inline(value),
        (Given::Absent, Given::Absent, Given::Absent) => {
            out.fault(&place, "it is not said where the value comes from", SECRET_REMEDY);
            return Given::Faulty;
        }
        (env, file, value) => {
            let given = [env.is_absent(), file.is_absent(), value.is_absent()];
            if given.iter().filter(|is_absent| !**is_absent).count() > 1 {
                out.secret_fault(&place, "more than one source of one value", SECRET_REMEDY);
            }
            return Given::Faulty;
        }
    };
    Given::Is(At { value: given, place })
}

/// A table that may be absent: then it is read as an empty one.
fn optional<'d>(root: &mut Table<'d>, key: &'static str, out: &mut Findings) -> Table<'d> {
    match root.table(key, out) {
        Given::Is(table) => table.value,
        Given::Absent | Given::Faulty => root.empty(key),
    }
}
