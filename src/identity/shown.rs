//! What a request shows of who sent it, and what becomes known by it. Which headers these are is said at the edge.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};

use crate::model::{Caller, Proven};

/// The values of one header. What proves somebody may stand in a request once: of two, a proxy before the gateway
/// and the gateway itself might read different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Once<'r> {
    #[default]
    Absent,
    Is(&'r [u8]),
    /// More than once.
    Several,
}

impl<'r> Once<'r> {
    pub fn of(headers: &'r HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::Is(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }

    pub fn is_absent(self) -> bool {
        self == Self::Absent
    }
}

/// What one request shows. No other header is ever looked at: whoever can send a request could write it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'r> {
    /// `Authorization`.
    pub authorization: Once<'r>,
    /// `X-Grafana-Id`, a token that Grafana signs.
    pub grafana_id: Once<'r>,
    /// `Tutti-Statement`, of a gateway that asks on someone's behalf.
    pub statement: Once<'r>,
    /// `Tutti-Purpose`, which picks among the purposes that a token allows.
    pub purpose: Once<'r>,
    /// All headers, for the secrets that the configuration names.
    pub headers: &'r HeaderMap,
    /// Of the connection, where the listener asks for one. It has been checked against the trusted authorities.
    pub certificate: Option<&'r ShownCertificate>,
}

/// A certificate that a client proved to have the key of.
#[derive(Clone)]
pub struct ShownCertificate {
    der: CertificateDer<'static>,
    print: [u8; 32],
}

impl ShownCertificate {
    pub fn of(der: &CertificateDer<'_>) -> Self {
        Self { print: Sha256::digest(der).into(), der: der.clone().into_owned() }
    }

    /// SHA-256 over the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    pub fn print(&self) -> &[u8; 32] {
        &self.print
    }

    /// Whether it is made out to this name (a DNS name or an address among its alternative names).
    pub fn is_of(&self, name: &ServerName<'_>) -> bool {
        let parsed = ParsedCertificate::try_from(&self.der);
        parsed.is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, name).is_ok())
    }
}

impl fmt::Debug for ShownCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownCertificate(..)")
    }
}

/// Who asks, how that is known, and until when (time since the Unix epoch) it may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub caller: Arc<Caller>,
    pub proven: Arc<Proven>,
    pub expires: Option<Duration>,
}
