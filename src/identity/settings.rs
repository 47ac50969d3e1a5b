//! Who may ask, as the configuration says it, already checked. `config` makes these; nothing here reads a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderName, Uri};
use rustls::pki_types::ServerName;

use super::callers::{Callers, digest};
use super::jwks::{KeySet, SignedBy};
use crate::model::Caller;

/// Whether somebody must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Who shows nothing is everyone; only on loopback.
    #[default]
    Open,
    /// Who shows nothing is refused.
    Required,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentitySettings {
    pub mode: Mode,
    /// Who everyone is, and tokens for development.
    pub callers: Callers,
    pub issuers: Vec<IssuerSettings>,
    pub grafanas: Vec<GrafanaSettings>,
    pub data_sources: Vec<DataSourceSettings>,
}

/// An issuer of bearer tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Exactly as `iss` says it.
    pub issuer: String,
    /// One of those that `aud` names.
    pub audience: String,
    pub algorithms: Vec<SignedBy>,
    pub keys: KeysFrom,
    pub claims: ClaimPaths,
    pub grants: Vec<Grant>,
}

/// A Grafana that signs who its users are (`X-Grafana-Id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrafanaSettings {
    /// Its root URL, exactly as `iss` says it.
    pub issuer: String,
    /// Its organisations that are let in; `aud` names one of them.
    pub orgs: BTreeSet<u64>,
    /// Kinds of identities that are let in.
    pub types: BTreeSet<String>,
    pub keys: KeysFrom,
    /// What shows that this Grafana sent the request.
    pub factor: Factor,
    /// What each of its users has.
    pub everyone: Caller,
    pub grants: Vec<Grant>,
}

/// A data source of a Grafana, or another program, that is one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSourceSettings {
    pub name: String,
    pub factor: Factor,
    pub caller: Arc<Caller>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    Set(Arc<KeySet>),
    Url(KeysUrl),
}

/// Where an issuer publishes its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysUrl {
    pub url: Uri,
    /// Trusted besides the system's own certificates.
    pub ca_pem: Option<Vec<u8>>,
}

/// A secret, a certificate, or both: all that is named must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub secret: Option<Secret>,
    pub certificate: Option<CertificateOf>,
}

/// A header and what it must say, of which only a digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub(super) header: HeaderName,
    pub(super) digest: [u8; 32],
}

impl Secret {
    pub fn new(header: HeaderName, value: &str) -> Self {
        Self { header, digest: digest(value.as_bytes()) }
    }

    pub fn header(&self) -> &HeaderName {
        &self.header
    }
}

/// Not even the digest is shown.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Which certificate it must be, of those the listener trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateOf {
    /// The one with this SHA-256.
    Print([u8; 32]),
    /// One made out to this name.
    Name(ServerName<'static>),
}

/// Where claims stand in a token: a name, or names with dots between, from the outermost in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPaths {
    pub subject: String,
    pub roles: String,
    pub groups: String,
    pub clearances: String,
    pub home: String,
    pub purpose: String,
}

impl Default for ClaimPaths {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            roles: "roles".to_owned(),
            groups: "groups".to_owned(),
            clearances: "clearances".to_owned(),
            home: "home".to_owned(),
            purpose: "purpose".to_owned(),
        }
    }
}

/// What someone has besides what their token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub to: Holder,
    pub roles: BTreeSet<String>,
    pub clearances: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Group(String),
    Role(String),
    /// By `sub`.
    User(String),
    /// By `preferred_username`, or `username` of a Grafana.
    Username(String),
    /// By an address that is verified.
    Email(String),
}
