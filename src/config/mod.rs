//! The configuration: from `regions.toml`, the policies, the environment and the files they name to the
//! settings of the rooms below.
//!
//! Two stages: as given (`file`, every value by itself, with its place) and as resolved (`resolve`, what
//! the values mean together and with the world outside). Nothing past `resolve` sees raw input, and every
//! fault is reported at once. This room does not know who uses the settings or when they are swapped.

mod audit;
mod break_glass;
mod changes;
mod claims;
mod credentials;
mod development;
mod excerpt;
mod facts;
mod fault;
mod file;
mod given;
mod identity;
mod issuers;
mod keys;
mod locality;
mod modes;
mod peers;
pub mod policies;
mod quantity;
mod regions;
mod reload;
mod resolve;
mod senders;
mod table;
mod telemetry;
mod tls;
mod token_keys;
mod warnings;
mod witnesses;
mod words;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::CertifiedKey;

pub use changes::Changes;
pub use claims::{ClaimsError, read_claims};
pub use development::{DevelopmentKey, development_key};
pub use excerpt::write_findings;
pub use fault::{Faults, Finding, Level, LoadError, Place, Source};
pub use keys::parse_keys;
pub use quantity::closest;
pub use reload::Watch;
pub use resolve::redactor_of;
pub use telemetry::{LogFormat, TelemetrySettings};
pub use world::{Environment, Sources, process_environment};

use crate::api::Modes;
use crate::api::audit::EdgeSettings;
use crate::api::tls::Clients;
use crate::audit::AuditSettings;
use crate::backend::settings::{KindSettings, RegionSettings};
use crate::federation::settings::FederationSettings;
use crate::identity::grants::Grants;
use crate::identity::{IdentitySettings, Mode, Peers};
use crate::model::{Jurisdiction, RegionName};
use crate::policy::Policies;
use crate::redaction::Redactor;
use crate::redaction::ring::HeldKeys;

/// A text that a command names on its line; one line says why there is none.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let no_environment: Environment<'_> = &|_| None;
    let read = world::World::around(path, no_environment).read(path, bytes_max);
    let bytes = read.map_err(|why| format!("{} {why}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is no text in UTF-8", path.display()))
}

/// Everything a gateway is told, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub gateway: GatewaySettings,
    pub deadlines: DeadlineSettings,
    pub federation: FederationSettings,
    /// Which mode a question has that names none.
    pub modes: Modes,
    pub limits: LimitSettings,
    /// Who may ask, and how they show who they are.
    pub identity: Arc<IdentitySettings>,
    /// Who may let whom see more for a while.
    pub grants: Arc<Grants>,
    /// Gateways that may ask here on behalf of others.
    pub peers: Arc<Peers>,
    /// Where what was seen is put on record; none where it is not.
    pub audit: Option<AuditSettings>,
    /// In which form the log is written, and where own spans go.
    pub telemetry: TelemetrySettings,
    /// Who may read that, and who is asked to sign it.
    pub audit_edge: EdgeSettings,
    /// In the order of the file; at least one.
    pub regions: Vec<RegionSettings>,
    /// What decides what may be seen.
    pub policies: Arc<Policies>,
    /// Roots of tokens.
    pub token_keys: Arc<HeldKeys>,
    /// What treats values by the classes of the policies.
    pub redactor: Arc<Redactor>,
    /// Regions whose raw spans leave their jurisdiction on the way to this gateway.
    pub raw_egress: Vec<RawEgress>,
    /// What all this was made of, for `Watch`.
    pub sources: Sources,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// What it calls itself to its peers: its region, where nothing else is said.
    pub name: String,
    /// The region this instance runs in.
    pub region: RegionName,
    /// Where answers are assembled, in law: that region's.
    pub jurisdiction: Jurisdiction,
    pub listen: SocketAddr,
    /// What it shows there; none serves in the open.
    pub tls: Option<ServerTls>,
    /// Before `/api`, as Tempo's own; empty for none.
    pub http_api_prefix: String,
    /// The folder of policies; none shows everything as it is stored.
    pub policies: Option<PathBuf>,
}

/// A certificate with its key. Equal are those that were read from equal files.
#[derive(Clone)]
pub struct ServerTls {
    pub key: Arc<CertifiedKey>,
    /// Whose certificates clients show; none asks for none.
    pub clients: Option<Clients>,
    print: blake3::Hash,
}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for ServerTls {}

/// Nothing of the key is shown.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(..)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineSettings {
    /// One whole answer; also `federation.deadline`.
    pub complete: Duration,
    /// What the fast path waits for.
    pub fast: Duration,
    /// And the longest it waits for what is about to come.
    pub fast_max: Duration,
    /// Kept for merging; also `federation.reserve`.
    pub reserve: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// Requests that are worked on at one time; more are answered as overload at once.
    pub requests_concurrent_max: usize,
    /// Connections that are open at one time; more wait to be accepted.
    pub connections_max: usize,
}

/// Raw spans of a region cross into the gateway's jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEgress {
    pub region: RegionName,
    pub from: Jurisdiction,
    pub to: Jurisdiction,
    /// Someone wrote `allow_raw_egress = true` there and answers for it.
    pub is_allowed: bool,
}

/// Why an address cannot be listened on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    #[error("`{0}` can be reached from other machines, and identity is open: anyone could read every trace")]
    OpenToOthers(SocketAddr),
    #[error("`{0}` can be reached from other machines, and tokens of the configuration are for development")]
    DevelopmentToOthers(SocketAddr),
    #[error("`{0}` is where region `{1}` takes spans")]
    TakenByRegion(SocketAddr, RegionName),
}

impl Default for DeadlineSettings {
    fn default() -> Self {
        let federation = FederationSettings::default();
        Self {
            complete: federation.deadline,
            fast: federation.fast,
            fast_max: federation.fast_max,
            reserve: federation.reserve,
        }
    }
}

impl Default for LimitSettings {
    /// 512 requests of a few hundred kB each are well under a gigabyte; eight connections for each
    /// request is what browsers and Grafana's pools keep idle.
    fn default() -> Self {
        Self { requests_concurrent_max: 512, connections_max: 4096 }
    }
}

impl Settings {
    /// Loads a configuration whole, or says everything that is wrong with it. Reads files: call it
    /// through `task::blocking` where requests are served.
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<(Self, Vec<Finding>), LoadError> {
        resolve::load(path, environment)
    }

    /// The same settings on another address (`--listen`), if that is allowed.
    pub fn listening_on(mut self, listen: SocketAddr) -> Result<Self, ListenError> {
        check_listen(listen, &self.identity, &self.regions)?;
        self.gateway.listen = listen;
        Ok(self)
    }

    /// Whether a gateway that is bound here already may go on with these: the address of a new file is taken only
    /// with a restart, and whoever reaches the socket until then is let in by the new identity.
    pub fn may_serve_on(&self, bound: SocketAddr) -> Result<(), ListenError> {
        check_listen(bound, &self.identity, &self.regions)
    }
}

/// Whether a gateway without identity and without a configuration, as the demo is, may listen here.
pub fn check_open_listen(listen: SocketAddr) -> Result<(), ListenError> {
    check_listen(listen, &IdentitySettings::default(), &[])
}

/// The rules of the gateway's own address, which may also come from the command line.
fn check_listen(
    listen: SocketAddr,
    identity: &IdentitySettings,
    regions: &[RegionSettings],
) -> Result<(), ListenError> {
    if !is_loopback(listen) {
        if identity.mode == Mode::Open {
            return Err(ListenError::OpenToOthers(listen));
        }
        if identity.callers.tokens() > 0 {
            return Err(ListenError::DevelopmentToOthers(listen));
        }
    }
    let taken = regions.iter().find(|region| match &region.kind {
        KindSettings::Memory(memory) => memory.otlp.is_some_and(|otlp| collide(otlp, listen)),
        KindSettings::Tempo(_) | KindSettings::Tutti(_) => false,
    });
    match taken {
        Some(region) => Err(ListenError::TakenByRegion(listen, region.name.clone())),
        None => Ok(()),
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Two listeners that could not both be bound. Port 0 asks for any free port.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let is_same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && is_same_host
}
