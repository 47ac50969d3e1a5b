//! What shows which program sent a request: a secret in a header, or a client certificate. `[[identity.data_source]]`
//! is somebody by that alone; a Grafana's users need it beside their own tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderName;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;

use super::credentials::{self, GivenSecret};
use super::fault::{Findings, Place, quoted};
use super::given::{At, Given};
use super::identity::claims_of;
use super::quantity::Wrong;
use super::regions::require;
use super::table::Table;
use super::words;
use super::world::World;
use crate::identity::{CertificateOf, DataSourceSettings, Factor, Secret};

/// The header of a secret where none is named: Grafana sends it by `httpHeaderName1` of the data source.
const HEADER: HeaderName = HeaderName::from_static("x-tutti-source");

/// A secret with fewer characters could be guessed.
const SECRET_CHARS_MIN: usize = 16;

/// What is known of the listener, for what depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    pub address: SocketAddr,
    /// Whether clients are asked for certificates.
    pub has_client_ca: bool,
    /// Whether other gateways may ask there, on behalf of whom they state.
    pub is_asked_by_gateways: bool,
}

#[derive(Debug)]
pub(super) struct GivenDataSource {
    place: Place,
    name: Given<String>,
    factor: GivenFactor,
    claims: Given<String>,
}

#[derive(Debug)]
pub(super) struct GivenFactor {
    header: Given<HeaderName>,
    secret: Given<GivenSecret>,
    certificate: Given<GivenCertificate>,
}

#[derive(Debug, Clone)]
pub(super) struct GivenCertificate {
    sha256: Given<[u8; 32]>,
    name: Given<ServerName<'static>>,
}

pub(super) fn data_source(mut table: Table<'_>, out: &mut Findings) -> GivenDataSource {
    let given = GivenDataSource {
        place: table.place.clone(),
        name: table.parsed("name", out, words::header_text),
        factor: factor(&mut table, out),
        claims: table.text("claims", out),
    };
    table.close(out);
    require(&given.name, &given.place, "name", "name = \"grafana, team a\"", out);
    require(&given.claims, &given.place, "claims", "claims = \"team-a.json\"", out);
    given
}

pub(super) fn factor(table: &mut Table<'_>, out: &mut Findings) -> GivenFactor {
    let given = GivenFactor {
        header: table.parsed("header", out, words::header_name),
        secret: credentials::secret(table, "secret", false, out),
        certificate: table.table("certificate", out).map(|table| certificate(table, out)),
    };
    if let (Some(header), true) = (given.header.is(), given.secret.is_absent()) {
        let remedy = "write `secret = { env = \"NAME\" }` or `{ file = \"path\" }`";
        out.fault(&header.place, "`header` is that of `secret`, and there is none", remedy);
    }
    given
}

pub(super) fn certificate(mut table: Table<'_>, out: &mut Findings) -> GivenCertificate {
    let place = table.place.clone();
    let given = GivenCertificate {
        sha256: table.parsed("sha256", out, fingerprint),
        name: table.parsed("name", out, name),
    };
    table.close(out);
    if given.sha256.is_absent() == given.name.is_absent() {
        let remedy = "write `{ sha256 = \"AB:CD:..\" }`, or `{ name = \"grafana.example\" }`";
        out.fault(&place, "a certificate is named by its fingerprint or by its name", remedy);
    }
    given
}

/// As `openssl x509 -noout -fingerprint -sha256` prints it, with or without colons.
fn fingerprint(text: &str) -> Result<[u8; 32], Wrong> {
    let wrong = || {
        let what = format!("{} is no SHA-256 of a certificate", quoted(text));
        Wrong::new(what, "`openssl x509 -in FILE -noout -fingerprint -sha256` prints it")
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok().filter(|_| pair.len() == 2)?, 16).ok())
        .collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)
}

fn name(text: &str) -> Result<ServerName<'static>, Wrong> {
    ServerName::try_from(text.to_owned()).map_err(|_| {
        let what = format!("{} is no DNS name and no address", quoted(text));
        Wrong::new(what, "write a name among the certificate's alternative names, as in \"grafana.example\"")
    })
}

pub(super) fn resolve(
    given: &[GivenDataSource],
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Vec<DataSourceSettings> {
    let mut resolved: Vec<DataSourceSettings> = Vec::new();
    for of in given {
        let missing = "nothing would show that a request is of this data source";
        let factor = resolve_factor(&of.factor, &of.place, missing, listener, world, out);
        let caller = of.claims.is().and_then(|at| claims_of(at, world, out));
        let (Some(name), Some(factor), Some(caller)) = (of.name.value(), factor, caller) else { continue };
        if resolved.iter().any(|other| other.name == name) {
            let what = format!("two data sources are named {}", quoted(&name));
            out.fault(&of.place, what, "give each a name of its own");
        }
        if let Some(other) = resolved.iter().find(|other| other.factor == factor) {
            let what = format!("data source {} shows the same", quoted(&other.name));
            out.fault(&of.place, what, "give each a secret or certificate of its own");
        }
        resolved.push(DataSourceSettings { name, factor, caller: Arc::new(caller) });
    }
    resolved
}

/// `missing` says what it would mean if there were none.
pub(super) fn resolve_factor(
    given: &GivenFactor,
    place: &Place,
    missing: &str,
    listener: Listener,
    world: &mut World<'_>,
    out: &mut Findings,
) -> Option<Factor> {
    if given.secret.is_absent() && given.certificate.is_absent() {
        let remedy = "write `secret = { env = \"NAME\" }`, which it sends in a header, or \
                      `certificate = { name = \"grafana.example\" }`";
        out.fault(place, missing, remedy);
        return None;
    }
    let secret = match given.secret.is() {
        None => None,
        Some(At { value, place }) => {
            let secret = world.secret(value, out)?;
            let secret = secret.expose_secret();
            if secret.chars().count() < SECRET_CHARS_MIN {
                let what = format!("the secret has fewer than {SECRET_CHARS_MIN} characters");
                out.secret_fault(place, what, "make one with `openssl rand -base64 32`");
            }
            Some(Secret::new(given.header.or(HEADER), secret))
        }
    };
    let certificate = match given.certificate.is() {
        None => None,
        Some(at) => Some(resolve_certificate(at, listener, out)?),
    };
    // What could not be read has been said.
    let is_whole = given.secret.is_absent() == secret.is_none()
        && given.certificate.is_absent() == certificate.is_none();
    is_whole.then_some(Factor { secret, certificate })
}

/// Which certificate it has to be. What could not be read has been said.
pub(super) fn resolve_certificate(
    At { value, place }: &At<GivenCertificate>,
    listener: Listener,
    out: &mut Findings,
) -> Option<CertificateOf> {
    if !listener.has_client_ca {
        let remedy = "write `[gateway.tls]` with `client_ca = \"clients.pem\"`";
        out.fault(place, "no client is asked for its certificate", remedy);
    }
    let print = value.sha256.value().map(CertificateOf::Print);
    print.or(value.name.value().map(CertificateOf::Name))
}
