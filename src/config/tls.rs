//! Certificates and keys, read from the files that the configuration names and checked as far as they
//! can be without a connection. Whether a region accepts them shows when it is asked.

use std::sync::Arc;

use http::Uri;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::SecretString;

use super::ServerTls;
use super::credentials::{GivenServerTls, GivenTls};
use super::fault::{Findings, quoted};
use super::given::{At, Given};
use super::regions::require;
use super::world::{PEM_BYTES_MAX, World};
use crate::api::tls::Clients;
use crate::backend::settings::TlsSettings;

/// A PEM file and what it holds.
struct Certificates {
    pem: String,
    chain: Vec<CertificateDer<'static>>,
}

struct Key {
    pem: String,
    key: PrivateKeyDer<'static>,
}

pub(super) fn resolve(
    given: &Given<GivenTls>,
    url: Option<&At<Uri>>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> TlsSettings {
    let Some(At { value: given, place }) = given.is() else { return TlsSettings::default() };
    if url.is_some_and(|url| url.value.scheme_str() == Some("http")) {
        out.fault(place, "`tls` does nothing for an http URL", "write https in `url`, or take `tls` away");
    }
    if given.cert_file.is_absent() != given.key_file.is_absent() {
        out.fault(place, "`cert_file` and `key_file` only work together", "write both, or none");
    }
    let trusted = given.ca_file.is().and_then(|at| certificates(at, world, out));
    let chain = given.cert_file.is().and_then(|at| certificates(at, world, out));
    let key = given.key_file.is().and_then(|at| Some((at, key(at, world, out)?)));
    let client_pem = chain.zip(key).and_then(|(chain, (at, key))| pair(chain, key, at, out));
    TlsSettings { ca_pem: trusted.map(|trusted| trusted.pem.into_bytes()), client_pem }
}

/// What the gateway shows to its clients; both files, or no TLS at all.
pub(super) fn resolve_server(
    given: &Given<GivenServerTls>,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<ServerTls> {
    let At { value: given, place } = given.is()?;
    require(&given.cert_file, place, "cert_file", "cert_file = \"tutti.crt\"", out);
    require(&given.key_file, place, "key_file", "key_file = \"tutti.key\"", out);
    let chain = given.cert_file.is().and_then(|at| certificates(at, world, out));
    let key = given.key_file.is().and_then(|at| Some((at, key(at, world, out)?)));
    let (chain, (at, key)) = chain.zip(key)?;
    let clients = clients(given, world, out);
    let client_pem = clients.as_ref().map(|(pem, _)| pem.as_str()).unwrap_or_default();
    let print = blake3::hash(format!("{}\n{}\n{client_pem}", chain.pem, key.pem).as_bytes());
    let key = certified(chain.chain, key.key, at, out)?;
    Some(ServerTls { key: Arc::new(key), clients: clients.map(|(_, clients)| clients), print })
}

/// Whose certificates clients are asked for, and what it was made of.
fn clients(given: &GivenServerTls, world: &mut World<'_>, out: &mut Findings) -> Option<(String, Clients)> {
    let is_required = given.client_required.or(false);
    let Some(at) = given.client_ca.is() else {
        if let (Some(required), true) = (given.client_required.is(), given.client_ca.is_absent()) {
            let what = "`client_required` asks for certificates, and it is not said whose";
            out.fault(&required.place, what, "write `client_ca = \"clients.pem\"`");
        }
        return None;
    };
    let trusted = certificates(at, world, out)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.chain);
    let pem = format!("{is_required}\n{}", trusted.pem);
    Some((pem, Clients { roots: Arc::new(roots), is_required }))
}

/// Certificates that are trusted, as PEM.
pub(super) fn trusted(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Vec<u8>> {
    certificates(at, world, out).map(|trusted| trusted.pem.into_bytes())
}

fn certificates(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Certificates> {
    let pem = text(at, world, out)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) else {
        let what = format!("file {} holds no certificate in PEM", quoted(&at.value));
        out.fault(&at.place, what, "it begins with `-----BEGIN CERTIFICATE-----`; convert it if it is DER");
        return None;
    };
    let mut store = RootCertStore::empty();
    if chain.iter().any(|certificate| store.add(certificate.clone()).is_err()) {
        let what = format!("file {} holds a certificate that is damaged", quoted(&at.value));
        out.fault(&at.place, what, "export it again; `openssl x509 -text -in FILE` shows what is in it");
        return None;
    }
    Some(Certificates { pem, chain })
}

fn key(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<Key> {
    let pem = text(at, world, out)?;
    if let Ok(key) = PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
        return Some(Key { pem, key });
    }
    let what = format!("file {} holds no private key in PEM", quoted(&at.value));
    out.fault(&at.place, what, "it begins with `-----BEGIN PRIVATE KEY-----` and has no passphrase");
    None
}

/// Chain and key as one PEM, if they belong together.
fn pair(chain: Certificates, key: Key, at: &At<String>, out: &mut Findings) -> Option<SecretString> {
    let pem = format!("{}\n{}", chain.pem, key.pem);
    certified(chain.chain, key.key, at, out).map(|_| SecretString::from(pem))
}

/// Chain and key as one, if they belong together. `at` is the key's place.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    at: &At<String>,
    out: &mut Findings,
) -> Option<CertifiedKey> {
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider()).ok();
    if certified.is_none() {
        let what = format!("the key in {} is not that of the first certificate", quoted(&at.value));
        out.fault(&at.place, what, "name the key the certificate was made for; the chain begins with it");
    }
    certified
}

fn text(at: &At<String>, world: &mut World<'_>, out: &mut Findings) -> Option<String> {
    let bytes = world.file(at, PEM_BYTES_MAX, out)?;
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        out.fault(&at.place, format!("file {} is no text", quoted(&at.value)), "convert it from DER to PEM");
    }
    text
}
