//! The configuration as resolved: what the given values mean together and with the world outside. Every
//! fault is found before anything is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::audit;
use super::break_glass;
use super::cache;
use super::facts;
use super::fault::{Faults, Finding, Findings, LoadError, Place, Source, quoted};
use super::file::{self, GivenDeadlines, GivenFile, GivenRegion};
use super::given::{At, Given};
use super::identity;
use super::locality;
use super::memory::{self, Memory};
use super::modes;
use super::peers;
use super::quantity::closest;
use super::regions::{self, require};
use super::senders::Listener;
use super::telemetry;
use super::token_keys;
use super::world::{CONFIG_BYTES_MAX, Environment, World};
use super::{
    DeadlineSettings, GatewaySettings, LimitSettings, ListenError, RawEgress, ServerTls, Settings,
    check_listen, collide, is_loopback, policies, tls, warnings,
};
use crate::api::audit::EdgeSettings;
use crate::api::serve::ServeSettings;
use crate::backend::settings::{RegionSettings, Signer};
use crate::federation::settings::{Additions, FederationSettings, MetricsSettings, SearchSettings};
use crate::identity::IdentitySettings;
use crate::identity::grants::Grants;
use crate::model::{Jurisdiction, RegionName};
use crate::policy::Policies;
use crate::redaction::ring::HeldKeys;
use crate::redaction::{KeyRing, Redactor, RedactorError};

/// Where a gateway listens when nothing is said: Tempo's own port, on loopback.
const LISTEN: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3200);
/// Every answer asks every region; more is a slip or needs another design.
const REGIONS_MAX: usize = 100;

pub(super) fn load(path: &Path, environment: Environment<'_>) -> Result<(Settings, Vec<Finding>), LoadError> {
    let mut world = World::around(path, environment);
    let unreadable = |why: String| LoadError::Unreadable { path: path.to_owned(), why };
    let bytes = world.read(path, CONFIG_BYTES_MAX).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("is no text in UTF-8".to_owned()))?;
    let source = Source::new(path.display().to_string(), text);
    let mut out = Findings::default();
    let given = file::read(&source, &mut out);
    // Of a broken file no one can say what is missing, only what is wrong with the values that stand.
    let settings = if given.is_whole { resolve(&given, &mut world, &mut out) } else { None };
    let faulty = out.has_faults();
    let findings = out.sorted();
    match settings {
        Some(mut settings) if !faulty => {
            settings.sources = world.sources;
            settings.digest = digest(&source.text);
            Ok((settings, findings))
        }
        _ => Err(LoadError::Faulty(Faults { findings, sources: world.sources })),
    }
}

fn resolve(given: &GivenFile, world: &mut World<'_>, out: &mut Findings) -> Option<Settings> {
    let deadlines = deadlines(&given.deadlines, out);
    let declared = declared(given, out);
    check_gateway_region(given, &declared, out);
    let name = peers::name(&given.gateway.name, &given.gateway.region);
    let signer = peers::signer(&given.peers, name.as_deref(), world, out);
    let egress = raw_egress(given);
    let regions = resolve_regions(given, deadlines.complete, (signer.as_ref(), &egress), world, out);
    let memory = memory::resolve(&given.limits, &regions, &locality::resolve(&given.locality), out);
    let listener = listener(given, given.gateway.listen.or(LISTEN));
    let trusted = peers::resolve(&given.peers, name.as_deref(), listener, world, out);
    let identity = identity::resolve(&given.identity, listener, world, out);
    check_addresses(given, &regions, &identity, out);
    let (folder, policies) = resolve_policies(given, &declared, world, out);
    let token_keys = given.keys.is().map(|at| &at.value);
    let token_keys = Arc::new(token_keys::resolve(token_keys, &declared, world, out));
    let redactor = redactor(given, &policies, &token_keys, out);
    let places = (declared.names.as_slice(), &behind_gateways(given));
    let grants = break_glass::resolve(&given.break_glass, places, &policies, world, out);
    let grants = Arc::new(Grants::new(grants, policies.classes().clone()));
    let audit = audit::resolve(given.audit.is().map(|at| &at.value), deadlines.complete, world, out);
    let (audit, audit_edge) = audit.map_or((None, EdgeSettings::default()), |(log, edge)| (Some(log), edge));
    let tls = tls::resolve_server(&given.gateway.tls, world, out);
    let cache_shared = cache::shared(&given.cache, world, out);
    let taken: Vec<_> = std::iter::once(listener.address).chain(doors(given)).collect();
    let telemetry = telemetry::resolve(&given.telemetry, &taken, world, out);
    warnings::find(given, &regions, &egress, out);
    let gateway = gateway(given, name?, listener, (tls, folder))?;
    let mut settings = Settings {
        gateway,
        federation: federation(given, &deadlines, memory, out),
        modes: modes::resolve(&given.modes),
        deadlines,
        limits: limits(given, memory),
        identity: Arc::new(identity),
        grants,
        peers: Arc::new(trusted),
        audit,
        telemetry,
        audit_edge,
        digest: String::new(),
        regions,
        policies,
        token_keys,
        redactor,
        raw_egress: egress,
        cache_shared,
        sources: super::Sources::default(),
    };
    if let Some(mut shared) = settings.cache_shared.take() {
        shared.estate = cache::estate(&settings, &shared.vault);
        settings.cache_shared = Some(shared);
    }
    Some(settings)
}

/// The gateway itself.
fn gateway(
    given: &GivenFile,
    name: String,
    listener: Listener,
    (tls, policies): (Option<ServerTls>, Option<PathBuf>),
) -> Option<GatewaySettings> {
    let operators = given.gateway.operators.is().into_iter().flat_map(|at| &at.value);
    Some(GatewaySettings {
        name,
        region: given.gateway.region.value()?,
        jurisdiction: jurisdiction_of_gateway(given)?,
        listen: listener.address,
        tls,
        http_api_prefix: given.gateway.http_api_prefix.or(String::new()),
        policies,
        operators: operators.map(|at| at.value.clone()).collect(),
        drain: given.gateway.drain.or(ServeSettings::default().drain),
    })
}

fn deadlines(given: &GivenDeadlines, out: &mut Findings) -> DeadlineSettings {
    let default = DeadlineSettings::default();
    let complete = given.complete.or(default.complete);
    let earlier = |given: &Given<Duration>, default: Duration, key: &str, out: &mut Findings| {
        if let Some(at) = given.is()
            && at.value >= complete
        {
            let what = format!(
                "`{key}` leaves nothing of `complete`, which is {}",
                humantime::format_duration(complete)
            );
            out.fault(&at.place, what, "write less than `complete`");
        }
        // A default gives way to what a person wrote.
        given.or(default.min(complete / 2))
    };
    let fast = earlier(&given.fast, default.fast, "fast", out);
    let fast_max = earlier(&given.fast_max, fast * 2, "fast_max", out);
    if let Some(at) = given.fast_max.is()
        && at.value < fast
    {
        let what = format!("`fast_max` is less than `fast`, which is {}", humantime::format_duration(fast));
        out.fault(&at.place, what, "write as much at least, or take the line away");
    }
    DeadlineSettings {
        complete,
        fast,
        fast_max: fast_max.max(fast),
        reserve: earlier(&given.reserve, default.reserve, "reserve", out),
    }
}

fn federation(
    given: &GivenFile,
    deadlines: &DeadlineSettings,
    memory: Memory,
    out: &mut Findings,
) -> FederationSettings {
    let default = FederationSettings::default();
    let added = &given.additions;
    FederationSettings {
        deadline: deadlines.complete,
        fast: deadlines.fast,
        fast_max: deadlines.fast_max,
        reserve: deadlines.reserve,
        trace_bytes_max: given.limits.trace_bytes_max.or(default.trace_bytes_max),
        additions: Additions {
            region: added.region.or(default.additions.region),
            crossings: added.crossings.or(default.additions.crossings),
            missing_region_spans: added.missing_region_spans.or(default.additions.missing_region_spans),
            placeholder_parents: added.placeholder_parents.or(default.additions.placeholder_parents),
            cycles: added.cycles.or(default.additions.cycles),
        },
        hot: cache::hot(&given.cache, memory, out),
        prewarm: cache::prewarm(&given.prewarm),
        locality: locality::resolve(&given.locality),
        search: search(given, out),
        metrics: metrics(given),
        facts: facts::resolve(
            given.regions.iter().filter_map(|region| Some((&region.name.is()?.value, &region.facts))),
            out,
        ),
    }
}

fn search(given: &GivenFile, out: &mut Findings) -> SearchSettings {
    let (given, default) = (&given.search, SearchSettings::default());
    let limit_max = count(&given.limit_max, default.limit_max);
    let spss_max = count(&given.spss_max, default.spss_max);
    SearchSettings {
        duration_max: given.duration_max.or(default.duration_max),
        limit_default: within(&given.limit_default, default.limit_default, limit_max, out),
        limit_max,
        spss_default: within(&given.spss_default, default.spss_default, spss_max, out),
        spss_max,
        tags_bytes_max: given.tags_bytes_max.or(default.tags_bytes_max),
        longest_trace: given.longest_trace.or(default.longest_trace),
        candidates_max: count(&given.candidates_max, default.candidates_max),
        traces_max: count(&given.traces_max, default.traces_max),
        bytes_max: given.bytes_max.or(default.bytes_max),
        assembly_concurrent_max: given
            .assembly_concurrent_max
            .value()
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default.assembly_concurrent_max),
    }
}

/// A default gives way to a lower limit that a person wrote; what a person wrote must keep it.
fn within(given: &Given<u64>, default: u32, max: u32, out: &mut Findings) -> u32 {
    let max = if max == 0 { u32::MAX } else { max };
    if let Some(at) = given.is()
        && at.value > u64::from(max)
    {
        let what = format!("{} is more than any request may ask for, {max}", at.value);
        out.fault(&at.place, what, "write less, or raise the limit beside it");
    }
    count(given, default.min(max))
}

fn metrics(given: &GivenFile) -> MetricsSettings {
    let (given, default) = (&given.metrics, MetricsSettings::default());
    MetricsSettings {
        duration_max: given.duration_max.or(default.duration_max),
        intervals_max: given.intervals_max.or(default.intervals_max),
        exemplars_max: count(&given.exemplars_max, default.exemplars_max),
        series_max: count(&given.series_max, default.series_max),
    }
}

/// Read within 32 bits.
fn count(given: &Given<u64>, default: u32) -> u32 {
    given.value().and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn limits(given: &GivenFile, memory: Memory) -> LimitSettings {
    let default = LimitSettings::default();
    let count =
        |given: &Given<u64>, default| given.value().and_then(|n| usize::try_from(n).ok()).unwrap_or(default);
    LimitSettings {
        requests_concurrent_max: count(
            &given.limits.requests_concurrent_max,
            default.requests_concurrent_max,
        ),
        connections_max: count(&given.limits.connections_max, default.connections_max),
        memory_max: memory.max,
        in_flight_bytes_max: memory.in_flight,
    }
}

/// The regions a name can mean.
pub(super) struct Declared {
    /// In the order of the file, each once.
    pub names: Vec<RegionName>,
    /// Of regions whose name is at fault: what it was probably meant to be.
    pub meant: Vec<String>,
}

impl Declared {
    pub(super) fn find(&self, written: &At<impl AsRef<str>>, out: &mut Findings) -> Option<RegionName> {
        let text = written.value.as_ref();
        let found = self.names.iter().find(|name| name.as_str() == text).cloned();
        if found.is_none() && !self.meant.iter().any(|meant| meant == text) {
            let what = format!("region {} is not declared", quoted(text));
            out.fault(&written.place, what, self.remedy(text));
        }
        found
    }

    fn remedy(&self, written: &str) -> String {
        let names: Vec<&str> = self.names.iter().map(RegionName::as_str).collect();
        match closest(written, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one that is declared ({}), or declare it", names.join(", ")),
        }
    }
}

/// The names of all regions that have one.
fn declared(given: &GivenFile, out: &mut Findings) -> Declared {
    let mut declared: Vec<RegionName> = Vec::new();
    if !given.has_regions {
        let place = Place { key: "region".to_owned(), ..given.place.clone() };
        let remedy = "write `[[region]]` with name, jurisdiction, kind and url, once for each region";
        out.fault(&place, "no region is declared, so there is nothing to ask", remedy);
    }
    if let Some(first_too_many) = given.regions.get(REGIONS_MAX) {
        let what = format!("more than {REGIONS_MAX} regions: every answer would ask all of them");
        out.fault(&first_too_many.place, what, "put a gateway in between, or merge regions");
    }
    for name in given.regions.iter().filter_map(|region| region.name.is()) {
        if declared.contains(&name.value) {
            let what = format!("a second region is named {}", quoted(name.value.as_str()));
            out.fault(&name.place, what, "give each region a name of its own");
        } else {
            declared.push(name.value.clone());
        }
    }
    let faulty = given.regions.iter().filter(|region| region.name.is().is_none());
    let meant = faulty.filter_map(|region| region.written_name.as_deref()).map(as_a_name).collect();
    Declared { names: declared, meant }
}

/// `US West` as `us-west`, so that only one of the two places is called a fault.
fn as_a_name(written: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    written.trim().chars().map(fit).collect()
}

fn check_gateway_region(given: &GivenFile, declared: &Declared, out: &mut Findings) {
    let example = declared.names.first().map_or("us-east", RegionName::as_str);
    let example = format!("region = \"{example}\"");
    require(&given.gateway.region, &given.gateway.place, "region", &example, out);
    if let Some(At { value, place }) = given.gateway.region.is()
        && given.has_regions
    {
        declared.find(&At { value: value.as_str(), place: place.clone() }, out);
    }
}

fn resolve_regions(
    given: &GivenFile,
    complete: Duration,
    (signer, egress): (Option<&Signer>, &[RawEgress]),
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<RegionSettings> {
    let is_peer = |region: &&GivenRegion| region.kind.value() == Some(file::KindWord::Tutti);
    if let Some(peer) = given.regions.iter().find(is_peer)
        && given.peers.key.is_absent()
    {
        let what = "a peer gateway is asked by signed statements, and nothing says by which key";
        out.fault(&peer.place, what, "write `[peer]` with `key = { file = \"gateway.pem\" }`");
    }
    let resolved = given.regions.iter().map(|region| regions::resolve(region, complete, signer, world, out));
    // All of them, so that every fault is found; one without settings has been reported.
    let mut resolved: Vec<RegionSettings> = resolved.collect::<Vec<_>>().into_iter().flatten().collect();
    for region in &mut resolved {
        region.is_raw_egress = egress.iter().any(|egress| egress.region == region.name);
    }
    resolved
}

/// 16 hex digits that stand for a file.
fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

/// Where embedded regions take spans.
fn doors(given: &GivenFile) -> impl Iterator<Item = std::net::SocketAddr> {
    given.regions.iter().filter_map(|region| region.memory.otlp.value())
}

fn check_addresses(
    given: &GivenFile,
    regions: &[RegionSettings],
    identity: &IdentitySettings,
    out: &mut Findings,
) {
    let listen = given.gateway.listen.or(LISTEN);
    let place = given.gateway.listen.is().map_or(&given.gateway.place, |at| &at.place);
    match check_listen(listen, identity, &[]) {
        Err(error @ ListenError::OpenToOthers(_)) => {
            let remedy = "listen on 127.0.0.1, or write [identity] with mode = \"required\"";
            out.fault(place, error.to_string(), remedy);
        }
        // The first has been said of the tokens.
        Err(ListenError::DevelopmentToOthers(_) | ListenError::TakenByRegion(..)) | Ok(()) => {}
    }
    let mut earlier: Vec<&At<std::net::SocketAddr>> = Vec::new();
    for otlp in given.regions.iter().filter_map(|region| region.memory.otlp.is()) {
        if !is_loopback(otlp.value) {
            let what = format!(
                "{} can be reached from other machines, and nobody is asked there who they are: anyone could \
                 send spans",
                quoted(&otlp.value.to_string())
            );
            out.fault(&otlp.place, what, "write \"127.0.0.1:4318\" or another port of loopback");
        }
        if collide(otlp.value, listen) {
            out.fault(&otlp.place, "the gateway listens on this address itself", "write another port");
        }
        if earlier.iter().any(|other| collide(other.value, otlp.value)) {
            out.fault(&otlp.place, "another region takes spans on this address", "write another port");
        }
        earlier.push(otlp);
    }
    debug_assert!(out.has_faults() || check_listen(listen, identity, regions).is_ok());
}

/// What senders are held against.
fn listener(given: &GivenFile, address: std::net::SocketAddr) -> Listener {
    let tls = given.gateway.tls.is();
    let has_client_ca = tls.is_some_and(|tls| !tls.value.client_ca.is_absent());
    Listener { address, has_client_ca, is_asked_by_gateways: given.peers.has_trusts() }
}

fn resolve_policies(
    given: &GivenFile,
    declared: &Declared,
    world: &mut World<'_>,
    out: &mut Findings,
) -> (Option<PathBuf>, Arc<Policies>) {
    let located: Vec<(RegionName, &At<Jurisdiction>)> = given
        .regions
        .iter()
        .filter_map(|region| Some((region.name.value()?, region.jurisdiction.is()?)))
        .collect();
    let regions: Vec<_> = located.iter().map(|(name, at)| (name.clone(), at.value.clone())).collect();
    let places: Vec<Place> = located.iter().map(|(_, at)| at.place.clone()).collect();
    let peers = behind_gateways(given);
    let Some(at) = given.gateway.policies.is() else {
        return (None, Arc::new(built_in(given, (&regions, &places), out).with_peers(peers)));
    };
    let wanted = policies::Wanted {
        folder: at,
        packs: &given.gateway.packs,
        delivered: jurisdiction_of_gateway(given),
        regions: &regions,
        places: &places,
    };
    let loaded = policies::load(&wanted, declared, world, out);
    debug_assert!(loaded.is_some() || out.has_faults(), "what cannot be loaded has been said");
    let policies = loaded.unwrap_or_else(Policies::allow_all).with_peers(peers);
    (Some(world.path(&at.value)), Arc::new(policies))
}

/// Regions before which another gateway decides.
fn behind_gateways(given: &GivenFile) -> BTreeSet<RegionName> {
    let is_peer = |region: &&GivenRegion| region.kind.value() == Some(file::KindWord::Tutti);
    given.regions.iter().filter(is_peer).filter_map(|region| region.name.value()).collect()
}

/// What is in force where no folder is named: the baseline, or nothing where someone says so.
fn built_in(
    given: &GivenFile,
    (regions, places): (&[(RegionName, Jurisdiction)], &[Place]),
    out: &mut Findings,
) -> Policies {
    if let Some(packs) = given.gateway.packs.is() {
        if packs.value.is_empty() {
            return Policies::allow_all();
        }
        if packs.value.iter().any(|pack| pack.value != policies::BASELINE) {
            let remedy = "write `policies = \"policies\"`, the folder that they are in";
            out.fault(&packs.place, "packs of no folder: `policies` is missing", remedy);
            return Policies::allow_all();
        }
    }
    // What is faulty already is not taken, and a gateway without a jurisdiction is.
    let Some(delivered) = jurisdiction_of_gateway(given) else { return Policies::allow_all() };
    match policies::shipped(regions, delivered) {
        Ok(policies) => {
            if let Some(book) = policies.book() {
                policies::find_strangers(book.facts(), (regions, places), &[], out);
            }
            policies
        }
        Err(findings) => {
            findings.into_iter().for_each(|finding| out.fault(&finding.place, finding.what, finding.remedy));
            Policies::allow_all()
        }
    }
}

/// What knows the classes of the policies. Without, nothing of a region with classes would be seen.
fn redactor(
    given: &GivenFile,
    policies: &Policies,
    token_keys: &Arc<HeldKeys>,
    out: &mut Findings,
) -> Arc<Redactor> {
    let redactor = redactor_of(policies, KeyRing::new(token_keys.clone()));
    Arc::new(redactor.unwrap_or_else(|why| {
        let place = given.gateway.policies.is().map_or(&given.place, |at| &at.place);
        out.fault(place, why.to_string(), "correct classes.toml of the folder, or of its packs");
        Redactor::without_classes()
    }))
}

/// The same without a configuration, for the policies that ship.
pub fn redactor_of(policies: &Policies, keys: KeyRing) -> Result<Redactor, RedactorError> {
    // A year is 365.2425 days, and no one was born within the hours that this may be wrong.
    let years = crate::task::clock::wall_nanos() / 31_556_952_000_000_000;
    let year = i32::try_from(years).unwrap_or_default().saturating_add(1970);
    Redactor::new(policies.classes().clone(), keys, year)
}

fn gateways_own(given: &GivenFile) -> Option<&GivenRegion> {
    let name = given.gateway.region.is()?;
    given.regions.iter().find(|region| region.name.is().is_some_and(|at| at.value == name.value))
}

fn jurisdiction_of_gateway(given: &GivenFile) -> Option<Jurisdiction> {
    gateways_own(given)?.jurisdiction.value()
}

/// Regions read raw over a border. An embedded region has no raw bytes elsewhere.
fn raw_egress(given: &GivenFile) -> Vec<RawEgress> {
    let Some(to) = jurisdiction_of_gateway(given) else { return Vec::new() };
    let crossing = |region: &GivenRegion| {
        let from = region.jurisdiction.value()?;
        let is_tempo = region.kind.value()? == file::KindWord::Tempo;
        (is_tempo && from != to).then_some(RawEgress {
            region: region.name.value()?,
            from,
            to: to.clone(),
            is_allowed: region.allow_raw_egress.or(false),
        })
    };
    given.regions.iter().filter_map(crossing).collect()
}
