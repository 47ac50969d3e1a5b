//! What a region is told by the configuration, already checked. `config` makes these; nothing here
//! reads a file or the environment.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, Uri};
use secrecy::{ExposeSecret, SecretString};

use crate::model::{Jurisdiction, RegionName};
use crate::proof::SigningKey;

/// One declared region.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionSettings {
    pub name: RegionName,
    pub jurisdiction: Jurisdiction,
    pub kind: KindSettings,
    pub layers: LayerSettings,
    /// Where the same region is reached, too: gateways to the same spans.
    pub replicas: Vec<Uri>,
    /// Its raw spans cross into another jurisdiction, as somebody allowed.
    pub is_raw_egress: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum KindSettings {
    Tempo(TempoSettings),
    Tutti(PeerSettings),
    Memory(MemorySettings),
}

/// A Grafana Tempo, or what speaks its API, over HTTP.
#[derive(Debug, Clone)]
pub struct TempoSettings {
    /// Scheme, authority and an optional path prefix (`http_api_prefix`).
    pub url: Uri,
    /// Sent as `X-Scope-OrgID`; nothing is sent when unset.
    pub tenant: Option<String>,
    pub auth: Auth,
    pub headers: Vec<(HeaderName, SecretString)>,
    pub tls: TlsSettings,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// Idle connections that are kept open.
    pub idle_connections_max: usize,
    pub streaming: Streaming,
}

/// A gateway like this one.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerSettings {
    /// Where it is, and what shows it who asks. It is not asked by streams.
    pub at: TempoSettings,
    /// What it calls itself: statements are made out to that name.
    pub gateway: String,
    pub signer: Signer,
}

/// Who this gateway is to its peers.
#[derive(Debug, Clone)]
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    pub fn new(name: impl Into<String>, key: SigningKey) -> Self {
        Self { name: name.into(), key }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl PartialEq for Signer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.key.public() == other.key.public()
    }
}

/// Whether a Tempo is asked by its streaming API, which is gRPC on the port of the url, below no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Streaming {
    /// Where a probe finds it; never where the url has a path, since what answers without it may be another.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Default)]
pub enum Auth {
    #[default]
    None,
    Bearer(SecretString),
    Basic {
        user: String,
        password: SecretString,
    },
}

/// PEM, as read from the files that the configuration names.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Trusted besides the system's own certificates.
    pub ca_pem: Option<Vec<u8>>,
    /// Certificate chain and key the gateway presents.
    pub client_pem: Option<SecretString>,
}

/// An embedded region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySettings {
    /// Where it takes OTLP/HTTP; none when it is only fed from inside.
    pub otlp: Option<SocketAddr>,
    pub bytes_max: u64,
    pub age_max: Duration,
}

/// The layers around every region, built once for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSettings {
    /// Of this region; never more than what is left of the request's.
    pub deadline: Duration,
    /// Questions to this region at one time, at most; more wait, within their deadline.
    pub concurrent_max: usize,
    /// As few it may become while the region is slower than it was.
    pub concurrent_min: usize,
    /// As many may wait; the next is refused at once.
    pub waiting_max: usize,
    /// Questions put to a second replica as a share of those answered, in percent; 0 turns it off.
    pub hedge_percent: u32,
    /// Largest body of one answer, decompressed.
    pub body_bytes_max: u64,
    pub breaker: BreakerSettings,
    pub retry: RetrySettings,
    /// How often the region is asked who it is, off the request path.
    pub probe_interval: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open the circuit.
    pub failures_max: u32,
    /// First pause before a probe may close it; doubles up to `pause_max` while probes fail.
    pub pause: Duration,
    pub pause_max: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySettings {
    /// Retries as a share of requests, in percent; 0 turns them off.
    pub budget_percent: u32,
    /// A failure later than this is not asked again: it would cost the caller too much.
    pub quick: Duration,
}

impl Default for LayerSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(20),
            concurrent_max: 64,
            concurrent_min: 4,
            waiting_max: 1024,
            hedge_percent: 5,
            body_bytes_max: 256 << 20,
            breaker: BreakerSettings::default(),
            retry: RetrySettings::default(),
            probe_interval: Duration::from_secs(10),
        }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures_max: 5, pause: Duration::from_secs(1), pause_max: Duration::from_secs(30) }
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { budget_percent: 20, quick: Duration::from_millis(500) }
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { otlp: None, bytes_max: 256 << 20, age_max: Duration::from_secs(3600) }
    }
}

/// Equal where a region built from either would ask the same way; secrets are compared, never shown.
impl PartialEq for TempoSettings {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &SecretString, b: &SecretString| a.expose_secret() == b.expose_secret();
        let same_headers = self.headers.len() == other.headers.len()
            && self.headers.iter().zip(&other.headers).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1));
        let same_auth = match (&self.auth, &other.auth) {
            (Auth::None, Auth::None) => true,
            (Auth::Bearer(a), Auth::Bearer(b)) => same(a, b),
            (Auth::Basic { user: a, password: x }, Auth::Basic { user: b, password: y }) => {
                a == b && same(x, y)
            }
            _ => false,
        };
        let same_tls = self.tls.ca_pem == other.tls.ca_pem
            && match (&self.tls.client_pem, &other.tls.client_pem) {
                (None, None) => true,
                (Some(a), Some(b)) => same(a, b),
                _ => false,
            };
        same_headers
            && same_auth
            && same_tls
            && (&self.url, &self.tenant) == (&other.url, &other.tenant)
            && (self.connect_timeout, self.idle_connections_max)
                == (other.connect_timeout, other.idle_connections_max)
            && self.streaming == other.streaming
    }
}
