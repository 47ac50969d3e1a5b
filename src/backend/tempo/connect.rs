//! The connections to one region, and what every request over them carries.
//!
//! HTTP/1.1 on purpose: over a distance of 100 ms the default window of an HTTP/2 stream makes a large
//! answer four times slower, while a pool of plain connections reaches the limit of the line. Only calls of gRPC
//! go over HTTP/2, with windows that are large enough.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header, uri};
use reqwest::{Client, ClientBuilder, redirect};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};

use crate::backend::BuildError;
use crate::backend::settings::{Auth, Streaming, TempoSettings, TlsSettings};

const USER_AGENT: &str = concat!("tutti/", env!("CARGO_PKG_VERSION"));
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// An idle connection is closed after this; probes come far more often, so one always stays.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// How long making a connection for a single document may take.
const PLAIN_CONNECT_MAX: Duration = Duration::from_secs(3);

/// What may be under way to us, of one stream and of all of a connection, before we say that it arrived: what a
/// line of 1 Gbit/s carries in 100 ms, and four such.
const STREAM_WINDOW_BYTES: u32 = 12 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 48 << 20;

pub(in crate::backend) fn client(settings: &TempoSettings) -> Result<Client, BuildError> {
    build(common(settings, b"http/1.1")?.http1_only().gzip(true))
}

/// For a document of somebody who is no region. Each is asked for seldom, so no connection is kept.
pub(in crate::backend) fn plain_client(url: &uri::Uri, ca_pem: Option<&[u8]>) -> Result<Client, BuildError> {
    let settings = TempoSettings {
        url: url.clone(),
        tenant: None,
        auth: Auth::None,
        headers: Vec::new(),
        tls: TlsSettings { ca_pem: ca_pem.map(<[u8]>::to_vec), client_pem: None },
        connect_timeout: PLAIN_CONNECT_MAX,
        idle_connections_max: 0,
        streaming: Streaming::Never,
    };
    client(&settings)
}

/// Whether the region is on this machine, where packing and unpacking an answer takes longer than moving it.
pub(super) fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// For calls of gRPC, which need HTTP/2: over TLS by the handshake, otherwise without asking. One connection
/// carries all of them, and a call that is taken back costs none.
pub(super) fn streaming_client(settings: &TempoSettings) -> Result<Client, BuildError> {
    let client = common(settings, b"h2")?
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        // Messages are compressed, each by itself.
        .gzip(false);
    build(client)
}

/// For what is no region: without credentials, and with the system's certificates where it has some.
pub(in crate::backend) fn notice_client() -> Result<Client, BuildError> {
    let settings = TlsSettings::default();
    let trusted = trusted(&settings).unwrap_or_else(|_| RootCertStore::empty());
    let client = Client::builder()
        .tls_backend_preconfigured(tls(trusted, &settings, b"http/1.1")?)
        .user_agent(USER_AGENT)
        .http1_only()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never());
    build(client)
}

fn build(client: ClientBuilder) -> Result<Client, BuildError> {
    client.build().map_err(|error| BuildError::Client(error.to_string()))
}

fn common(settings: &TempoSettings, protocol: &[u8]) -> Result<ClientBuilder, BuildError> {
    let is_secure = settings.url.scheme() == Some(&uri::Scheme::HTTPS);
    let trusted = if is_secure { trusted(&settings.tls)? } else { RootCertStore::empty() };
    Ok(Client::builder()
        .tls_backend_preconfigured(tls(trusted, &settings.tls, protocol)?)
        .default_headers(headers(settings)?)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(settings.idle_connections_max)
        .pool_idle_timeout(IDLE_MAX)
        .tcp_nodelay(true)
        // A redirect would take the credentials to a place nobody configured.
        .redirect(redirect::Policy::none())
        // Where the gateway connects is said in its configuration, not in its environment.
        .no_proxy()
        // Asking again is for the layers around, which know the budget.
        .retry(reqwest::retry::never()))
}

/// The provider is passed by hand, so that the process needs no global one.
fn tls(trusted: RootCertStore, settings: &TlsSettings, protocol: &[u8]) -> Result<ClientConfig, BuildError> {
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Client(error.to_string()))?
        .with_root_certificates(trusted);
    let mut config = match &settings.client_pem {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let (chain, key) = identity(pem)?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|error| BuildError::ClientCertificate(error.to_string()))?
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

/// The system's certificates and those the settings name. Some of the system's may be unreadable; that
/// matters only when nothing is left.
fn trusted(settings: &TlsSettings) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &settings.ca_pem {
        let unusable = |why: String| BuildError::TrustedCertificates(why);
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(unusable("it holds no certificate".to_owned()));
        }
    }
    if roots.is_empty() { Err(BuildError::NothingTrusted) } else { Ok(roots) }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(pem: &SecretString) -> Result<Identity, BuildError> {
    let pem = pem.expose_secret().as_bytes();
    let unusable = |why: &str| BuildError::ClientCertificate(why.to_owned());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| unusable("a certificate in it is damaged"))?;
    if chain.is_empty() {
        return Err(unusable("it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| unusable("it holds no private key"))?;
    Ok((chain, key))
}

/// The headers of every request: the gateway's name, the region's tenant and credentials, and what the
/// settings fix. A fixed header replaces one of ours.
pub(in crate::backend) fn headers(settings: &TempoSettings) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if settings.url.host().is_some_and(is_on_this_machine) {
        // Otherwise the client asks for gzip by itself. What comes packed all the same is unpacked.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(tenant) = &settings.tenant {
        let value = HeaderValue::from_str(tenant).map_err(|_| BuildError::Tenant(tenant.clone()))?;
        headers.insert(TENANT, value);
    }
    if let Some(value) = authorization(&settings.auth)? {
        headers.insert(header::AUTHORIZATION, value);
    }
    for (name, value) in &settings.headers {
        let value = sensitive(value.expose_secret()).ok_or_else(|| BuildError::Header(name.to_string()))?;
        headers.insert(name.clone(), value);
    }
    Ok(headers)
}

fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, BuildError> {
    let text = match auth {
        Auth::None => return Ok(None),
        Auth::Bearer(token) => format!("Bearer {}", token.expose_secret()),
        Auth::Basic { user, password } => {
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose_secret())))
        }
    };
    sensitive(&text).map(Some).ok_or(BuildError::Credentials)
}

/// Marked, so that no layer prints it.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_packed_for_a_region_on_this_machine() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "LocalHost"] {
            assert!(is_on_this_machine(host), "{host}");
        }
        for host in ["10.0.0.1", "[fe80::1]", "tempo", "localhost.example.com", "127.0.0.1.example.com", ""] {
            assert!(!is_on_this_machine(host), "{host}");
        }
    }
}
