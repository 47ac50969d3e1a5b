//! Who the listener says it is: a certificate that can be replaced while connections are open. What may be
//! spoken behind it is agreed on in the same handshake, HTTP/2 first, as gRPC needs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// What a listener shows. Its clones are one: replacing it in one replaces it in all.
#[derive(Clone)]
pub struct Certificate {
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

/// Each handshake takes the one that holds at that moment.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate(..)")
    }
}

impl Certificate {
    pub fn new(key: Arc<CertifiedKey>) -> Result<Self, rustls::Error> {
        let shown = Arc::new(Shown(ArcSwap::new(key)));
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self { shown, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shown from the next handshake on.
    pub fn replace(&self, key: Arc<CertifiedKey>) {
        self.shown.0.store(key);
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}
