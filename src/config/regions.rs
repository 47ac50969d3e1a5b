//! Regions as resolved: each from what was given, with its defaults and its secrets. Knows one region at
//! a time; what regions mean together is `resolve`'s.

use std::time::Duration;

use http::{HeaderName, Uri};
use secrecy::{ExposeSecret, SecretString};

use super::credentials::{GivenAuth, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::file::{GivenBreaker, GivenLayers, GivenMemory, GivenRegion, GivenTempo, KindWord};
use super::given::{At, Given};
use super::tls;
use super::world::World;
use crate::backend::settings::{
    Auth, BreakerSettings, KindSettings, LayerSettings, MemorySettings, PeerSettings, RegionSettings,
    RetrySettings, Signer, Streaming, TempoSettings,
};

/// A handshake over TCP and TLS is three round trips, a second between far continents; twice that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A quarter of the questions a region takes at one time by default.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// One region, or nothing when something it needs is at fault (and reported).
pub(super) fn resolve(
    given: &GivenRegion,
    complete: Duration,
    signer: Option<&Signer>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<RegionSettings> {
    require(&given.name, &given.place, "name", "name = \"us-east\"", out);
    require(&given.jurisdiction, &given.place, "jurisdiction", "jurisdiction = \"US\"", out);
    require(&given.kind, &given.place, "kind", "kind = \"tempo\"", out);
    let layers = layers(&given.layers, complete, out);
    let Some(kind) = given.kind.value() else {
        // What stands there is wrong whatever kind was meant.
        let _ = (
            auth(&given.tempo.auth, world, out),
            headers(&given.tempo.headers, !given.tempo.auth.is_absent(), world, out),
        );
        tls::resolve(&given.tempo.tls, given.tempo.url.is(), world, out);
        return None;
    };
    let kind = match kind {
        KindWord::Tempo => {
            refuse_memory_keys(&given.memory, "tempo", out);
            refuse(&given.gateway, "gateway", "tempo", out);
            KindSettings::Tempo(tempo(&given.tempo, &given.place, world, out)?)
        }
        KindWord::Tutti => {
            refuse_memory_keys(&given.memory, "tutti", out);
            KindSettings::Tutti(peer(given, signer, world, out)?)
        }
        KindWord::Memory => {
            refuse(&given.gateway, "gateway", "memory", out);
            refuse_tempo_keys(&given.tempo, out);
            KindSettings::Memory(memory(&given.memory))
        }
    };
    Some(RegionSettings {
        name: given.name.value()?,
        jurisdiction: given.jurisdiction.value()?,
        kind,
        layers,
        is_raw_egress: false,
    })
}

/// Reports a key that is absent. One that is faulty has been reported.
pub(super) fn require<T>(given: &Given<T>, of: &Place, key: &str, example: &str, out: &mut Findings) {
    if given.is_absent() {
        let place = Place { key: format!("{}.{key}", of.key), ..of.clone() };
        out.fault(&place, format!("`{key}` is missing"), format!("write `{example}`"));
    }
}

fn layers(given: &GivenLayers, complete: Duration, out: &mut Findings) -> LayerSettings {
    let default = LayerSettings::default();
    if let Some(deadline) = given.deadline.is()
        && deadline.value > complete
    {
        let what = format!(
            "this region may take {}, but the whole answer only {}",
            humantime::format_duration(deadline.value),
            humantime::format_duration(complete)
        );
        out.warn(
            &deadline.place,
            what,
            "it is cut off with the answer: shorten it, or raise `deadlines.complete`",
        );
    }
    LayerSettings {
        deadline: given.deadline.or(default.deadline).min(complete),
        concurrent_max: count(&given.concurrent_max, default.concurrent_max),
        body_bytes_max: given.body_bytes_max.or(default.body_bytes_max),
        breaker: breaker(&given.breaker, default.breaker, out),
        retry: RetrySettings {
            budget_percent: given
                .retry_budget_percent
                .value()
                .and_then(|percent| u32::try_from(percent).ok())
                .unwrap_or(default.retry.budget_percent),
            ..default.retry
        },
        probe_interval: given.probe_interval.or(default.probe_interval),
    }
}

fn breaker(given: &Given<GivenBreaker>, default: BreakerSettings, out: &mut Findings) -> BreakerSettings {
    let Some(At { value: given, place }) = given.is() else { return default };
    let pause = given.pause.or(default.pause);
    let pause_max = given.pause_max.or(default.pause_max.max(pause));
    if pause_max < pause {
        let place = given.pause_max.is().map_or(place, |at| &at.place);
        out.fault(place, "`pause_max` is shorter than `pause`", "write at least as much as `pause`");
    }
    let failures_max = given.failures_max.value().and_then(|n| u32::try_from(n).ok());
    BreakerSettings { failures_max: failures_max.unwrap_or(default.failures_max), pause, pause_max }
}

fn tempo(given: &GivenTempo, of: &Place, world: &mut World<'_>, out: &mut Findings) -> Option<TempoSettings> {
    require(&given.url, of, "url", "url = \"http://127.0.0.1:3200\"", out);
    let auth = auth(&given.auth, world, out);
    let headers = headers(&given.headers, !given.auth.is_absent(), world, out);
    let tls = tls::resolve(&given.tls, given.url.is(), world, out);
    let url = given.url.is()?;
    warn_of_plain_credentials(url, given, out);
    Some(TempoSettings {
        url: url.value.clone(),
        tenant: given.tenant.value(),
        auth: auth?,
        headers,
        tls,
        connect_timeout: given.connect_timeout.or(CONNECT_TIMEOUT),
        idle_connections_max: count(&given.idle_connections_max, IDLE_CONNECTIONS_MAX),
        streaming: given.streaming.or(Streaming::default()),
    })
}

/// A gateway like this one. It takes no tenant, which is for it to know, and is not asked by streams.
fn peer(
    given: &GivenRegion,
    signer: Option<&Signer>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<PeerSettings> {
    refuse(&given.tempo.tenant, "tenant", "tutti", out);
    refuse(&given.tempo.streaming, "streaming", "tutti", out);
    let at = tempo(&given.tempo, &given.place, world, out);
    let has_certificate = given.tempo.tls.is().is_some_and(|tls| !tls.value.cert_file.is_absent());
    if given.tempo.auth.is_absent() && !has_certificate {
        let what = "a peer gateway must be shown who asks, besides what is stated";
        let remedy = "write `auth = { bearer = { env = \"NAME\" } }` or `tls = { cert_file = \"us.crt\", key_file = \
                      \"us.key\" }`, as its [[peer.trusts]] has it";
        out.fault(&given.place, what, remedy);
    }
    let gateway = given.gateway.value().or_else(|| given.name.value().map(|name| name.to_string()));
    Some(PeerSettings {
        at: TempoSettings { streaming: Streaming::Never, ..at? },
        gateway: gateway?,
        signer: signer?.clone(),
    })
}

fn auth(given: &Given<GivenAuth>, world: &mut World<'_>, out: &mut Findings) -> Option<Auth> {
    let At { value: auth, place } = match given {
        Given::Absent => return Some(Auth::None),
        Given::Faulty => return None,
        Given::Is(at) => at,
    };
    match auth {
        GivenAuth::Bearer(token) => Some(Auth::Bearer(world.secret(&token.is()?.value, out)?)),
        GivenAuth::Basic { user, password } => {
            let of = Place { key: format!("{}.basic", place.key), ..place.clone() };
            require(user, &of, "user", "user = \"tutti\"", out);
            require(password, &of, "password", "password = { env = \"NAME\" }", out);
            let password = password.is().and_then(|password| world.secret(&password.value, out));
            Some(Auth::Basic { user: user.value()?, password: password? })
        }
    }
}

pub(super) fn headers(
    given: &Given<Vec<(At<HeaderName>, Given<GivenSecret>)>>,
    has_auth: bool,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<(HeaderName, SecretString)> {
    let mut headers = Vec::new();
    for (name, source) in given.is().map_or(&[][..], |at| &at.value) {
        if name.value == http::header::AUTHORIZATION && has_auth {
            out.fault(&name.place, "`auth` already sends this header", "keep one of them");
        }
        let Some(source) = source.is() else { continue };
        if let GivenSecret::Inline(text) = &source.value
            && super::excerpt::smells_of_a_secret(name.value.as_str())
        {
            let what = format!(
                "header {} is probably a secret, and stands in the file",
                quoted(name.value.as_str())
            );
            out.secret_warning(&text.place, what, "write `{ env = \"NAME\" }` or `{ file = \"path\" }`");
        }
        if let Some(value) = world.secret(&source.value, out) {
            headers.push((name.value.clone(), value));
        }
    }
    headers
}

/// Credentials that anyone on the way could read.
fn warn_of_plain_credentials(url: &At<Uri>, given: &GivenTempo, out: &mut Findings) {
    let sends_secrets = given.auth.is().is_some()
        || given.headers.is().is_some_and(|headers| {
            let is_secret = |source: &GivenSecret| !matches!(source, GivenSecret::Inline(_));
            headers.value.iter().any(|(_, source)| source.is().is_some_and(|at| is_secret(&at.value)))
        });
    if sends_secrets && url.value.scheme_str() == Some("http") && !is_here(&url.value) {
        let what = "credentials are sent in the clear to another machine";
        out.warn(&url.place, what, "write https, or make sure that the way there is encrypted");
    }
}

fn is_here(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn memory(given: &GivenMemory) -> MemorySettings {
    let default = MemorySettings::default();
    MemorySettings {
        otlp: given.otlp.value(),
        bytes_max: given.bytes_max.or(default.bytes_max),
        age_max: given.age_max.or(default.age_max),
    }
}

/// A key that would silently do nothing.
fn refuse<T>(given: &Given<T>, key: &str, kind: &str, out: &mut Findings) {
    if let Some(at) = given.is() {
        let what = format!("`{key}` means nothing to a region of kind \"{kind}\"");
        out.fault(&at.place, what, "take it away, or change `kind`");
    }
}

fn refuse_memory_keys(given: &GivenMemory, kind: &str, out: &mut Findings) {
    refuse(&given.otlp, "otlp", kind, out);
    refuse(&given.bytes_max, "bytes_max", kind, out);
    refuse(&given.age_max, "age_max", kind, out);
}

fn refuse_tempo_keys(given: &GivenTempo, out: &mut Findings) {
    refuse(&given.url, "url", "memory", out);
    refuse(&given.tenant, "tenant", "memory", out);
    refuse(&given.auth, "auth", "memory", out);
    refuse(&given.tls, "tls", "memory", out);
    refuse(&given.headers, "headers", "memory", out);
    refuse(&given.connect_timeout, "connect_timeout", "memory", out);
    refuse(&given.idle_connections_max, "idle_connections_max", "memory", out);
    refuse(&given.streaming, "streaming", "memory", out);
}

fn count(given: &Given<u64>, default: usize) -> usize {
    given.value().and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
}

/// Whether two secrets are the same; for `changes`, which must not show either.
pub(super) fn same_secret(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}
