//! Who the listener says it is, and whose certificates it asks for: both can be replaced while connections are open.
//! What may be spoken behind it is agreed on in the same handshake, HTTP/2 first, as gRPC needs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Whose certificates clients show.
#[derive(Debug, Clone)]
pub struct Clients {
    pub roots: Arc<RootCertStore>,
    /// Whether a client without one is turned away, or let in as one that shows none.
    pub is_required: bool,
}

/// What a listener shows and asks for. Its clones are one: replacing it in one replaces it in all.
#[derive(Clone)]
pub struct Certificate(Arc<ArcSwap<ServerConfig>>);

/// The one certificate there is, whatever name a client asks for.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate(..)")
    }
}

/// Why no secure connection could be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}")]
    Protocol(#[from] rustls::Error),
    #[error("no client can be checked: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

impl Certificate {
    pub fn new(key: Arc<CertifiedKey>, clients: Option<&Clients>) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(ArcSwap::new(config(key, clients)?))))
    }

    /// Holds from the next handshake on.
    pub fn replace(&self, key: Arc<CertifiedKey>, clients: Option<&Clients>) -> Result<(), TlsError> {
        self.0.store(config(key, clients)?);
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn config(key: Arc<CertifiedKey>, clients: Option<&Clients>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(clients.roots.clone(), provider);
            let verifier = if clients.is_required { verifier } else { verifier.allow_unauthenticated() };
            config.with_client_cert_verifier(verifier.build()?)
        }
    };
    let mut config = config.with_cert_resolver(Arc::new(Shown(key)));
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    Ok(Arc::new(config))
}
