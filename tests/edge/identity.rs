//! Where somebody must be shown: over HTTP and gRPC, in the open and behind TLS with certificates of clients. What
//! Grafana tries a data source by says the same sentence as a query would.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderName;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tutti::api::InForce;
use tutti::api::tls::{Certificate, Clients};
use tutti::backend::Behaviour;
use tutti::identity::{
    CertificateOf, DataSourceSettings, Factor, FetchKeys, FetchedKeys, IdentitySettings, KeysUrl, Mode,
    Reception, Secret,
};
use tutti::model::Caller;
use tutti::task::Group;

use super::gateway::{Gateway, Place};
use super::grpc::{Authority, authority, issued, localhost, searching, secure_client, securely};
use super::grpc_client::{call, call_with, client};
use super::{SMALL, export, places};

const SECRET: &str = "x-tutti-source: of-team-a-and-nobody";

#[derive(Debug)]
struct Nobody;

impl FetchKeys for Nobody {
    fn fetch<'a>(&'a self, _: &'a KeysUrl) -> futures::future::BoxFuture<'a, Result<FetchedKeys, String>> {
        Box::pin(async { Err("nobody is asked".to_owned()) })
    }
}

fn source(name: &str, factor: Factor) -> DataSourceSettings {
    let caller = Caller { subject: name.to_owned(), ..Caller::anonymous() };
    DataSourceSettings { name: name.to_owned(), factor, caller: Arc::new(caller) }
}

/// From now on only these are somebody.
fn require(gateway: &Gateway, data_sources: Vec<DataSourceSettings>) {
    let settings = IdentitySettings { mode: Mode::Required, data_sources, ..IdentitySettings::default() };
    let nobody: Arc<dyn FetchKeys> = Arc::new(Nobody);
    let reception = Arc::new(Reception::new(Arc::new(settings), &nobody, None));
    let federation = (*gateway.state.federation()).clone();
    gateway.state.swap(InForce::of(federation).with_reception(reception));
}

fn by_secret() -> DataSourceSettings {
    let (header, value) = SECRET.split_once(": ").unwrap();
    let secret = Secret::new(HeaderName::try_from(header).unwrap(), value);
    source("team a", Factor { secret: Some(secret), certificate: None })
}

#[tokio::test]
async fn who_shows_nothing_is_told_what_would_be_something_on_every_way_in() {
    let gateway = Gateway::over(&places()).await;
    require(&gateway, vec![by_secret()]);
    let line = "nothing shows who asks: give the data source its secret header or client certificate";
    for path in [
        "/api/echo".to_owned(),
        "/strict/api/echo".to_owned(),
        format!("/api/v2/traces/{SMALL}"),
        format!("/api/tutti/v1/traces/{SMALL}/stream"),
        "/api/search?q=%7B%7D".to_owned(),
        "/api/v2/search/tags".to_owned(),
    ] {
        let refused = gateway.get(&path, &["X-Grafana-User: admin", "X-Grafana-Id: a.b.c"]).await;
        assert_eq!((refused.code(), refused.text()), (401, line), "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{path}");
        assert_eq!(gateway.get(&path, &[SECRET]).await.code(), 200, "{path}");
    }
    for path in ["/ready", "/metrics", "/api/status/buildinfo"] {
        assert_eq!(gateway.get(path, &[]).await.code(), 200, "{path} is about nobody");
    }
}

#[tokio::test]
async fn a_stream_of_nobody_is_unauthenticated_and_says_what_to_do_in_grafana() {
    let gateway = Gateway::over(&places()).await;
    require(&gateway, vec![by_secret()]);
    let refused = call(client(gateway.address).await, "Search", searching("{}")).await;
    let status = refused.status.unwrap();
    assert_eq!((status.code(), refused.messages.len()), (Code::Unauthenticated, 0));
    let hint = "per-user policy needs streaming off in the data source settings";
    assert!(status.message().ends_with(hint), "{}", status.message());
    let mut metadata = MetadataMap::new();
    let (_, value) = SECRET.split_once(": ").unwrap();
    metadata.insert("x-tutti-source", value.parse().unwrap());
    let question = prost::Message::encode_to_vec(&searching("{}")).into();
    let streamed = call_with(client(gateway.address).await, "Search", question, metadata).await;
    assert!(streamed.status.is_none() && !streamed.messages.is_empty(), "{streamed:?}");
}

/// Whoever sends `FromAlert` can only lose by it: what would be partial is refused, over HTTP and gRPC.
#[tokio::test]
async fn who_says_to_be_an_alert_gets_no_more_than_others() {
    let mut places = vec![Place::new("us-east", "US").holding(&export(SMALL, "shop", 1..=2))];
    places.push(Place::new("eu-central", "EU").behaving(Behaviour::Down));
    let gateway = Gateway::over(&places).await;
    require(&gateway, vec![by_secret()]);
    for path in [format!("/api/v2/traces/{SMALL}"), "/api/search?q=%7B%7D".to_owned()] {
        assert_eq!(gateway.get(&path, &["FromAlert: true"]).await.code(), 401, "it proves nobody");
        assert_eq!(gateway.get(&path, &[SECRET]).await.code(), 200, "{path}");
        assert_eq!(gateway.get(&path, &[SECRET, "FromAlert: true"]).await.code(), 502, "{path}");
        let eased = [SECRET, "FromAlert: false", "Tutti-Mode: best_effort"];
        assert_eq!(gateway.get(&path, &eased).await.code(), 502, "{path}");
    }
    let mut metadata = MetadataMap::new();
    metadata.insert("x-tutti-source", SECRET.split_once(": ").unwrap().1.parse().unwrap());
    metadata.insert("fromalert", "true".parse().unwrap());
    let question = prost::Message::encode_to_vec(&searching("{}")).into();
    let streamed = call_with(client(gateway.address).await, "Search", question, metadata).await;
    assert_eq!(streamed.status.unwrap().code(), Code::Unavailable);
    let rows = streamed.messages.iter().map(|message| message.len()).max();
    assert!(rows.is_none_or(|bytes| bytes < 100), "no row was sent");
}

/// A client that shows a certificate of `clients`, and who that is.
fn showing(server: &Authority, clients: Option<&Authority>, protocol: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(server.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(["grafana.example".to_owned()]).unwrap();
            let pem = params.signed_by(&key, clients).unwrap().pem();
            let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    TlsConnector::from(Arc::new(config))
}

fn asking_for(clients: &Authority, is_required: bool) -> Clients {
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    Clients { roots: Arc::new(roots), is_required }
}

/// What is answered over HTTP/1.1, or nothing where there is no connection.
async fn ask(address: SocketAddr, tls: &TlsConnector) -> Option<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tls.connect(localhost(), stream).await.ok()?;
    stream.write_all(b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    Some(answer).filter(|answer| !answer.is_empty())
}

fn by_name() -> DataSourceSettings {
    let name = ServerName::try_from("grafana.example").unwrap();
    source("grafana", Factor { secret: None, certificate: Some(CertificateOf::Name(name)) })
}

#[tokio::test]
async fn a_client_certificate_is_somebody_over_http_and_over_grpc() {
    let gateway = Gateway::over(&places()).await;
    require(&gateway, vec![by_name()]);
    let (server, clients, strangers, tasks) = (authority(), authority(), authority(), Group::new());
    let certificate = Certificate::new(issued(&server), Some(&asking_for(&clients, false))).unwrap();
    let address = securely(&gateway, &certificate, &tasks).await;

    let known = ask(address, &showing(&server, Some(&clients), "http/1.1")).await.unwrap();
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");
    let without = ask(address, &showing(&server, None, "http/1.1")).await.unwrap();
    assert!(without.starts_with("HTTP/1.1 401"), "{without}");
    assert_eq!(ask(address, &showing(&server, Some(&strangers), "http/1.1")).await, None);

    let streaming = secure_client(address, showing(&server, Some(&clients), "h2")).await;
    let streamed = call(streaming, "Search", searching("{}")).await;
    assert!(streamed.status.is_none() && !streamed.messages.is_empty(), "{streamed:?}");
    let streaming = secure_client(address, showing(&server, None, "h2")).await;
    let refused = call(streaming, "Search", searching("{}")).await;
    assert_eq!(refused.status.unwrap().code(), Code::Unauthenticated);
    // In the open nobody shows a certificate, whatever a header says of one.
    let open = gateway.get("/api/echo", &["X-Forwarded-Client-Cert: Subject=\"CN=grafana.example\""]).await;
    assert_eq!(open.code(), 401);
}

#[tokio::test]
async fn where_a_certificate_is_required_nobody_else_is_heard_and_authorities_can_be_replaced() {
    let gateway = Gateway::over(&places()).await;
    require(&gateway, vec![by_name()]);
    let (server, before, after, tasks) = (authority(), authority(), authority(), Group::new());
    let certificate = Certificate::new(issued(&server), Some(&asking_for(&before, true))).unwrap();
    let address = securely(&gateway, &certificate, &tasks).await;
    let asked = async |clients| ask(address, &showing(&server, clients, "http/1.1")).await.is_some();
    assert!(asked(Some(&before)).await && !asked(Some(&after)).await && !asked(None).await);
    certificate.replace(issued(&server), Some(&asking_for(&after, true))).unwrap();
    assert!(!asked(Some(&before)).await && asked(Some(&after)).await && !asked(None).await);
}

#[tokio::test]
async fn how_many_are_refused_is_counted_by_why_and_by_nothing_they_sent() {
    let gateway = Gateway::over(&places()).await;
    require(&gateway, vec![by_secret()]);
    for headers in [&[][..], &["X-Tutti-Source: jane@example.com"], &["X-Tutti-Source: jane@example.com"]] {
        assert_eq!(gateway.get("/api/search?q=%7B%7D", headers).await.code(), 401);
    }
    let refused = call(client(gateway.address).await, "Search", searching("{}")).await;
    assert_eq!(refused.status.unwrap().code(), Code::Unauthenticated);
    let metrics = gateway.get("/metrics", &[]).await;
    for line in [
        "tutti_identity_refused_total{reason=\"nobody\"} 2",
        "tutti_identity_refused_total{reason=\"secret\"} 2",
    ] {
        assert!(metrics.text().contains(line), "{line} is not in\n{}", metrics.text());
    }
    assert!(!metrics.text().contains("jane"));
}
