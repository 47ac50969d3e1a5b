//! `[cache]`, `[cache.shared]` and `[prewarm]`: what is remembered of whole traces, where else, and what is fetched
//! ahead; as given and as resolved.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use secrecy::ExposeSecret;

use super::Settings;
use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::quantity::Wrong;
use super::regions::require;
use super::table::Table;
use super::tls;
use super::world::World;
use crate::backend::settings::{Auth, KindSettings, RegionSettings, TempoSettings};
use crate::cache::shared::SharedTls;
use crate::cache::{HotSettings, PrewarmSettings, SharedSettings};
use crate::redaction::Vault;
use crate::redaction::ring::RootKey;

/// Where a Redis listens when nothing is said.
const PORT: u16 = 6379;

/// Beyond this a memory is no shortcut any more.
const DEADLINE_MAX: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_millis(20);

/// One value of Redis has 512 MiB; nothing near that comes within the deadline.
const BYTES_MAX: u64 = 1 << 20;
const BYTES_MAX_MAX: u64 = 64 << 20;

const CONNECTIONS: u64 = 8;
const CONNECTIONS_MAX: u64 = 256;

/// Redis has 16 databases unless it is told otherwise.
const DB_MAX: u32 = 1_000_000;

const KEY_REMEDY: &str = "make one with `openssl rand -base64 32`, the same for all gateways that share it";

/// More at one time would be no background.
const CONCURRENT_MAX: u64 = 1000;
const PER_MINUTE_MAX: u64 = 1_000_000;
const IDS_MAX: u64 = 1000;

#[derive(Debug)]
pub(super) struct GivenCache {
    pub bytes_max: Given<u64>,
    pub lateness: Given<Duration>,
    pub young_for: Given<Duration>,
    pub old_for: Given<Duration>,
    pub shared: Given<GivenShared>,
}

#[derive(Debug)]
pub(super) struct GivenShared {
    place: Place,
    url: Given<Address>,
    user: Given<String>,
    password: Given<GivenSecret>,
    key: Given<GivenSecret>,
    ca_file: Given<String>,
    prefix: Given<String>,
    deadline: Given<Duration>,
    bytes_max: Given<u64>,
    connections_max: Given<u64>,
}

#[derive(Debug)]
pub(super) struct GivenPrewarm {
    concurrent_max: Given<u64>,
    per_minute_max: Given<u64>,
    ids_max: Given<u64>,
    popular_min: Given<u64>,
}

/// Where a shared memory is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    db: u32,
    is_secure: bool,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenCache {
    let given = GivenCache {
        bytes_max: table.size("bytes_max", 0, out),
        lateness: table.duration("lateness", out),
        young_for: table.duration("young_for", out),
        old_for: table.duration("old_for", out),
        shared: table.table("shared", out).map(|shared| read_shared(shared, out)),
    };
    table.close(out);
    given
}

fn read_shared(mut shared: Table<'_>, out: &mut Findings) -> GivenShared {
    let given = GivenShared {
        place: shared.place.clone(),
        url: url(&mut shared, out),
        user: shared.text("user", out),
        password: credentials::secret(&mut shared, "password", false, out),
        key: credentials::secret(&mut shared, "key", false, out),
        ca_file: shared.text("ca_file", out),
        prefix: shared.parsed("prefix", out, prefix),
        deadline: shared.duration("deadline", out),
        bytes_max: shared.size("bytes_max", 1 << 10, out),
        connections_max: shared.whole("connections_max", 1..=CONNECTIONS_MAX, out),
    };
    shared.close(out);
    given
}

/// A user and a password do not belong here, and must not be repeated.
fn url(table: &mut Table<'_>, out: &mut Findings) -> Given<Address> {
    match table.peek_text("url").filter(|text| text.value.contains('@')) {
        None => table.parsed("url", out, address),
        Some(text) => {
            let remedy = "write the URL without it, and `user` and `password = { env = \"..\" }` beside it";
            out.secret_fault(&text.place, "user and password do not belong in a URL", remedy);
            Given::Faulty
        }
    }
}

fn address(text: &str) -> Result<Address, Wrong> {
    let remedy = "write it as in \"redis://127.0.0.1:6379\"; `rediss` for TLS, `/1` behind it for a database";
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), remedy);
    let uri = text.parse::<Uri>().map_err(|_| wrong("is no URL"))?;
    let is_secure = match uri.scheme_str() {
        Some("redis" | "valkey") => false,
        Some("rediss" | "valkeys") => true,
        _ => return Err(wrong("is no URL that begins with redis:// or rediss://")),
    };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(PORT);
    let db = match uri.path().trim_matches('/') {
        "" => Some(0),
        number => number.parse().ok().filter(|db| *db <= DB_MAX),
    };
    match (host.is_empty() || port == 0 || uri.query().is_some(), db) {
        (false, Some(db)) => Ok(Address { host, port, db, is_secure }),
        (true, _) => Err(wrong("names no host and port alone")),
        (_, None) => Err(wrong("has something behind the port that is no number of a database")),
    }
}

fn prefix(text: &str) -> Result<String, Wrong> {
    let is_good = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if is_good {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("this is no beginning of a name", "write 1 to 64 printable characters without space"))
}

pub(super) fn read_prewarm(mut table: Table<'_>, out: &mut Findings) -> GivenPrewarm {
    let given = GivenPrewarm {
        concurrent_max: table.whole("concurrent_max", 1..=CONCURRENT_MAX, out),
        per_minute_max: table.whole("per_minute_max", 0..=PER_MINUTE_MAX, out),
        ids_max: table.whole("ids_max", 1..=IDS_MAX, out),
        popular_min: table.whole("popular_min", 0..=u64::from(u16::MAX), out),
    };
    table.close(out);
    given
}

pub(super) fn hot(given: &GivenCache) -> HotSettings {
    let default = HotSettings::GATEWAY;
    HotSettings {
        bytes_max: given.bytes_max.or(default.bytes_max),
        lateness: given.lateness.or(default.lateness),
        young: given.young_for.or(default.young),
        old: given.old_for.or(default.old),
    }
}

pub(super) fn prewarm(given: &GivenPrewarm) -> PrewarmSettings {
    let default = PrewarmSettings::default();
    PrewarmSettings {
        concurrent_max: number(&given.concurrent_max, default.concurrent_max),
        per_minute_max: number(&given.per_minute_max, default.per_minute_max),
        ids_max: number(&given.ids_max, default.ids_max),
        popular_min: number(&given.popular_min, default.popular_min),
    }
}

/// Read within its bounds.
fn number<N: TryFrom<u64>>(given: &Given<u64>, default: N) -> N {
    given.value().and_then(|number| N::try_from(number).ok()).unwrap_or(default)
}

/// The shared memory as far as it is known before everything else is; its estate follows.
pub(super) fn shared(
    given: &GivenCache,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<SharedSettings> {
    let At { value: given_shared, place } = given.shared.is()?;
    require(&given_shared.url, place, "url", "url = \"redis://127.0.0.1:6379\"", out);
    require(&given_shared.key, place, "key", "key = { file = \"cache.key\" }", out);
    if given.bytes_max.value() == Some(0) {
        let what = "there is no memory that this one could be behind";
        out.fault(
            &given_shared.place,
            what,
            "write a size as `bytes_max` of [cache], or take this table away",
        );
    }
    if let Some(at) = given_shared.deadline.is().filter(|at| at.value > DEADLINE_MAX || at.value.is_zero()) {
        let what = "a lookup would wait too long for a memory, or not at all";
        out.fault(&at.place, what, "write 1s or less, as in \"20ms\"");
    }
    if let Some(at) = given_shared.bytes_max.is().filter(|at| at.value > BYTES_MAX_MAX) {
        out.fault(&at.place, "so much does not come within the deadline", "write 64MiB or less");
    }
    let url = given_shared.url.is();
    if let (Some(at), Some(false)) = (given_shared.ca_file.is(), url.map(|url| url.value.is_secure)) {
        out.fault(
            &at.place,
            "`ca_file` does nothing without TLS",
            "write rediss:// in `url`, or take it away",
        );
    }
    let password = given_shared.password.is().and_then(|at| world.secret(&at.value, out));
    let root = given_shared.key.is().and_then(|at| {
        let text = world.secret(&at.value, out)?;
        let root = RootKey::parse(text.expose_secret());
        root.map_err(|why| out.fault(&at.place, why.to_string(), KEY_REMEDY)).ok()
    });
    let ca_pem = given_shared.ca_file.is().and_then(|at| tls::trusted(at, world, out));
    let Address { host, port, db, is_secure } = url?.value.clone();
    Some(SharedSettings {
        host,
        port,
        tls: is_secure.then_some(SharedTls { ca_pem }),
        user: given_shared.user.value(),
        password,
        db,
        prefix: given_shared.prefix.value().unwrap_or_else(|| "tutti".to_owned()),
        deadline: given_shared.deadline.or(DEADLINE),
        bytes_max: usize::try_from(given_shared.bytes_max.or(BYTES_MAX)).unwrap_or(usize::MAX),
        connections_max: usize::try_from(given_shared.connections_max.or(CONNECTIONS)).unwrap_or(1),
        vault: Arc::new(Vault::new(root?)),
        estate: String::new(),
    })
}

/// Stands for all on which an answer depends beside its plan, so that gateways share what they would both have
/// answered. Keyed, since it is made of secrets, too: what a region shows may depend on by whom it is asked.
pub(super) fn estate(settings: &Settings, vault: &Vault) -> String {
    let mut said = String::new();
    // Cannot fail: it is a text.
    let _ = write!(
        said,
        "{}\n{:?}\n{:?}\n{:?}\n{:?}\n{}\n{}\n",
        env!("CARGO_PKG_VERSION"),
        settings.gateway.jurisdiction,
        settings.federation.additions,
        settings.federation.trace_bytes_max,
        settings.federation.hot,
        settings.policies.digest(),
        vault.print_of(&settings.token_keys),
    );
    for RegionSettings { name, jurisdiction, kind, is_raw_egress, .. } in &settings.regions {
        let _ = write!(said, "{name:?} {jurisdiction:?} {is_raw_egress} ");
        match kind {
            KindSettings::Tempo(tempo) => tempo_of(tempo, &mut said),
            KindSettings::Tutti(peer) => {
                let _ = write!(said, "{:?} ", peer.gateway);
                tempo_of(&peer.at, &mut said);
            }
            KindSettings::Memory(_) => said.push_str("memory\n"),
        }
    }
    vault.name(said.as_bytes())
}

fn tempo_of(tempo: &TempoSettings, said: &mut String) {
    let auth = match &tempo.auth {
        Auth::None => String::new(),
        Auth::Bearer(token) => format!("bearer {}", token.expose_secret()),
        Auth::Basic { user, password } => format!("basic {user:?} {}", password.expose_secret()),
    };
    let headers: Vec<(&str, &str)> =
        tempo.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    let _ = writeln!(said, "{:?} {:?} {auth:?} {headers:?}", tempo.url, tempo.tenant);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_a_port_a_database_and_says_whether_it_is_secure() {
        let of = |text: &str| address(text).ok().map(|a| (a.host, a.port, a.db, a.is_secure));
        let is = |host: &str, port, db, is_secure| Some((host.to_owned(), port, db, is_secure));
        assert_eq!(of("redis://127.0.0.1:6379"), is("127.0.0.1", 6379, 0, false));
        assert_eq!(of("rediss://cache.example/2"), is("cache.example", 6379, 2, true));
        assert_eq!(of("valkey://[::1]:7000/"), is("::1", 7000, 0, false));
        for bad in ["http://a:1", "redis://", "redis://a:0", "redis://a/x", "redis://a?b", "a:1", ""] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
