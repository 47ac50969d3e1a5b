//! Tempo's streaming API as a client of gRPC speaks it: over HTTP/2 by prior knowledge, and over TLS by what
//! the handshake agrees on, beside HTTP/1.1 on the same port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use hyper_util::rt::TokioIo;
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tonic::Code;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tutti::api::router;
use tutti::api::serve::{ServeSettings, serve_as};
use tutti::api::tls::Certificate;
use tutti::backend::Behaviour;
use tutti::task::Group;

use super::gateway::{Gateway, Place};
use super::grpc_client::{Called, call, client};
use super::tempopb::{SearchRequest, SearchResponse, TagsRequest};
use super::{SMALL, export, places};

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn searching(query: &str) -> SearchRequest {
    SearchRequest { query: query.to_owned(), start: 1_699_999_800, end: 1_700_000_700, ..Default::default() }
}

fn found(messages: &[Bytes]) -> Vec<String> {
    let rows = messages.iter().flat_map(|message| SearchResponse::decode(message.clone()).unwrap().traces);
    rows.map(|row| row.trace_id).collect()
}

#[tokio::test]
async fn a_client_streams_on_the_port_of_http() {
    let gateway = Gateway::over(&places()).await;
    let client = client(gateway.address).await;
    let Called { messages, status } = call(client.clone(), "Search", searching("{ .n = 2 }")).await;
    assert!(status.is_none(), "{status:?}");
    assert_eq!(found(&messages).len(), 2, "{messages:?}");
    let Called { messages, status } = call(client.clone(), "Search", searching("{ .n = ")).await;
    assert_eq!((messages.len(), status.unwrap().code()), (0, Code::InvalidArgument));
    let Called { status, .. } = call(client, "Nothing", searching("")).await;
    assert_eq!(status.unwrap().code(), Code::Unimplemented);
    assert_eq!(gateway.get("/api/echo", &[]).await.text(), "echo\n");
}

#[tokio::test]
async fn rows_come_first_and_then_the_status_that_names_who_is_missing() {
    let [us, eu] = <[Place; 2]>::try_from(places()).ok().unwrap();
    let gateway = Gateway::over(&[us, eu.behaving(Behaviour::BlackHole)]).await;
    let Called { messages, status } =
        call(client(gateway.address).await, "Search", searching("{ .n = 2 }")).await;
    assert_eq!(found(&messages).len(), 2);
    let status = status.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    let line = status.message();
    assert!(line.starts_with("the answer is partial: eu-central did not answer in time"), "{line}");
    let regions = status.metadata().get("tutti-regions").unwrap().to_str().unwrap();
    assert!(regions.contains("eu-central;status=timeout;"), "{regions}");
}

#[tokio::test]
async fn messages_are_compressed_for_who_takes_it_and_read_where_they_are() {
    let gateway = Gateway::over(&places()).await;
    let packed = client(gateway.address)
        .await
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let plain = call(client(gateway.address).await, "SearchTagsV2", TagsRequest::default()).await;
    let packed = call(packed, "SearchTagsV2", TagsRequest::default()).await;
    assert!(plain.status.is_none() && packed.status.is_none(), "{:?}", packed.status);
    assert_eq!(plain.messages, packed.messages);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let place = places().remove(0).behaving(Behaviour::BlackHole);
    let gateway = Gateway::over(&[place]).await;
    let all = gateway.state.gate().numbers().free();
    let client = client(gateway.address).await;
    let left = tokio::time::timeout(Duration::from_millis(200), call(client, "Search", searching("{ }")));
    assert!(left.await.is_err(), "the region's deadline is longer");
    let cancelled = r#"tutti_requests_total{endpoint="search",mode="best_effort",outcome="cancelled"} 1"#;
    for _ in 0..100 {
        if gateway.get("/metrics", &[]).await.text().contains(cancelled) {
            assert_eq!(gateway.state.gate().numbers().free(), all);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was answered to nobody");
}

pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(super) fn issued(by: &Authority) -> Arc<CertifiedKey> {
    let key = KeyPair::generate().unwrap();
    let chain = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, by).unwrap().pem();
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    Arc::new(CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).unwrap())
}

fn trusting(authority: &Authority, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// The gateway once more, behind TLS.
pub(super) async fn securely(gateway: &Gateway, certificate: &Certificate, tasks: &Group) -> SocketAddr {
    securely_with(gateway, certificate, tasks, ServeSettings::default()).await
}

async fn securely_with(
    gateway: &Gateway,
    certificate: &Certificate,
    tasks: &Group,
    settings: ServeSettings,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = router(gateway.state.clone());
    let serving = serve_as(Some(certificate.clone()), listener, routes, settings, std::future::pending());
    tasks.spawn(async move { serving.await.unwrap() });
    address
}

pub(super) fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

pub(super) async fn secure_client(address: SocketAddr, tls: TlsConnector) -> Grpc<Channel> {
    let connect = tower::service_fn(move |_: Uri| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            tls.connect(localhost(), stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_static("https://localhost");
    Grpc::new(endpoint.connect_with_connector(connect).await.unwrap())
}

#[tokio::test]
async fn behind_tls_the_handshake_says_which_http_is_spoken() {
    let gateway = Gateway::over(&places()).await;
    let (ours, tasks) = (authority(), Group::new());
    let certificate = Certificate::new(issued(&ours), None).unwrap();
    let address = securely(&gateway, &certificate, &tasks).await;

    let client = secure_client(address, trusting(&ours, &["h2"])).await;
    let Called { messages, status } = call(client, "Search", searching("{ .n = 2 }")).await;
    assert!(status.is_none(), "{status:?}");
    assert_eq!(found(&messages).len(), 2);

    for protocols in [&["http/1.1"][..], &[]] {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = trusting(&ours, protocols).connect(localhost(), stream).await.unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec),
            protocols.first().map(|p| p.as_bytes().to_vec())
        );
        let ask = b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("echo\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_are_open() {
    let gateway = Gateway::over(&[Place::new("us-east", "US").holding(&export(SMALL, "shop", 1..=2))]).await;
    let (before, after, tasks) = (authority(), authority(), Group::new());
    let certificate = Certificate::new(issued(&before), None).unwrap();
    let address = securely(&gateway, &certificate, &tasks).await;
    let open = secure_client(address, trusting(&before, &["h2"])).await;
    certificate.replace(issued(&after), None).unwrap();
    let Called { messages, status } = call(open, "Search", searching("{ }")).await;
    assert!(status.is_none() && found(&messages).len() == 1, "who is connected stays so");
    let connecting = |authority: &Authority| {
        let tls = trusting(authority, &["h2"]);
        async move { tls.connect(localhost(), TcpStream::connect(address).await.unwrap()).await }
    };
    assert!(connecting(&before).await.is_err());
    assert!(connecting(&after).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_never_shakes_hands_or_speaks_no_tls_is_let_go_of() {
    let gateway = Gateway::over(&places()).await;
    let (ours, tasks) = (authority(), Group::new());
    let certificate = Certificate::new(issued(&ours), None).unwrap();
    let settings = ServeSettings { head_wait: Duration::from_millis(100), ..ServeSettings::default() };
    let address = securely_with(&gateway, &certificate, &tasks, settings).await;
    for said in [&b""[..], b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "it stays open");
        assert!(!answer.starts_with(b"HTTP"), "nothing is said in the open");
    }
}
