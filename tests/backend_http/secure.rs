//! Connections over TLS: whom the gateway trusts, and how it shows who it is.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use secrecy::SecretString;
use tokio_rustls::TlsAcceptor;
use tutti::backend::BuildError;

use super::fake_region::{FakeRegion, protobuf};
use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, as one PEM.
fn issued(by: &Authority, name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    params.signed_by(&key, by).unwrap().pem() + &key.serialize_pem()
}

/// A server that shows a certificate of `server`, and lets in only those who show one of `clients`.
fn acceptor(server: &Authority, clients: Option<&Authority>) -> TlsAcceptor {
    let pem = issued(server, "localhost");
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

async fn ask_with(region: &FakeRegion, tls: TlsSettings) -> Result<RegionTrace, Fault> {
    let settings = TempoSettings { tls, ..settings(&region.url()) };
    ask(&TempoBackend::new(&settings, CAP).unwrap()).await
}

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings { ca_pem: Some(authority.pem().into_bytes()), client_pem: None }
}

#[tokio::test]
async fn a_region_is_believed_when_its_certificate_is_of_the_named_authority() {
    let ours = authority();
    let region = FakeRegion::start_secure(acceptor(&ours, None), |_| protobuf(&envelope(10))).await;
    assert_eq!(status(ask_with(&region, trusting(&ours)).await), RegionStatus::Ok);

    let fault = ask_with(&region, trusting(&authority())).await.unwrap_err();
    assert_eq!((fault.status, fault.is_retryable), (RegionStatus::Unreachable, false));
    assert_eq!(fault.detail, "no secure connection could be agreed on");
    assert_eq!(region.asked().len(), 1, "nothing is asked of who is not believed");
}

#[tokio::test]
async fn the_gateway_shows_its_certificate_where_one_is_demanded() {
    let (ours, clients) = (authority(), authority());
    let tls = acceptor(&ours, Some(&clients));
    let region = FakeRegion::start_secure(tls, |_| protobuf(&envelope(10))).await;
    let client_pem = Some(SecretString::from(issued(&clients, "tutti")));
    let known = TlsSettings { client_pem, ..trusting(&ours) };
    assert_eq!(status(ask_with(&region, known).await), RegionStatus::Ok);

    let fault = ask_with(&region, trusting(&ours)).await.unwrap_err();
    assert_eq!(fault.status, RegionStatus::Unreachable);
    assert_eq!(region.asked().len(), 1);
}

#[test]
fn a_file_that_holds_no_certificate_is_said_before_anything_runs() {
    let of = |tls: TlsSettings| {
        TempoBackend::new(&TempoSettings { tls, ..settings("https://tempo") }, CAP).unwrap_err()
    };
    let empty = TlsSettings { ca_pem: Some(b"nothing".to_vec()), client_pem: None };
    assert!(matches!(of(empty), BuildError::TrustedCertificates(_)));
    let ours = authority();
    let keyless = TlsSettings { client_pem: Some(SecretString::from(ours.pem())), ..trusting(&ours) };
    assert!(matches!(of(keyless), BuildError::ClientCertificate(_)));
}
