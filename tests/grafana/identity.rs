//! Who asks, as the plugin can show it: over HTTP the headers of the data source and those that Grafana forwards of a
//! user, over gRPC the headers of the data source alone. What was seen of the plugin itself, way by way; certificates
//! of clients are tried in `tests/edge`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use prost::Message;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tonic::Code;
use tonic::metadata::MetadataMap;
use tutti::api::InForce;
use tutti::identity::{
    ClaimPaths, DataSourceSettings, Factor, FetchKeys, FetchedKeys, GrafanaSettings, IdentitySettings,
    IssuerSettings, KeySet, KeysFrom, KeysUrl, Mode, Reception, Secret, SignedBy,
};
use tutti::model::Caller;
use tutti::task::clock::wall_nanos;

use super::client::{Protocol, get};
use super::gateway::{Gateway, Place};
use super::grpc_client::{call_with, client};
use super::streaming::searching;
use super::{whole_in_eu_central, whole_in_us_east};

const ISSUER: &str = "https://idp.example";
const GRAFANA: &str = "https://grafana.example/";
const SECRET_OF_GRAFANA: &str = "of-the-grafana-0123456789";
const SECRET_OF_TEAM: &str = "of-team-a-0123456789";

#[derive(Debug)]
struct Nobody;

impl FetchKeys for Nobody {
    fn fetch<'a>(&'a self, _: &'a KeysUrl) -> futures::future::BoxFuture<'a, Result<FetchedKeys, String>> {
        Box::pin(async { Err("nobody is asked".to_owned()) })
    }
}

/// One key for both, since who signed what is told by the issuer.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn keys(&self) -> KeysFrom {
        let point = &self.0.public_key().as_ref()[1..];
        let [x, y] = [&point[..32], &point[32..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "a", "x": x, "y": y});
        KeysFrom::Set(Arc::new(KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).unwrap()))
    }

    fn token(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message =
            format!("{}.{}", part(&json!({"alg": "ES256", "kid": "a", "typ": "jwt"})), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn secret(value: &str) -> Factor {
    let header = HeaderName::from_static("x-tutti-source");
    Factor { secret: Some(Secret::new(header, value)), certificate: None }
}

fn settings(signer: &Signer) -> IdentitySettings {
    IdentitySettings {
        mode: Mode::Required,
        issuers: vec![IssuerSettings {
            issuer: ISSUER.to_owned(),
            audience: "tutti".to_owned(),
            algorithms: SignedBy::DEFAULT.to_vec(),
            keys: signer.keys(),
            claims: ClaimPaths::default(),
            grants: Vec::new(),
        }],
        grafanas: vec![GrafanaSettings {
            issuer: GRAFANA.to_owned(),
            orgs: [1].into(),
            types: ["user".to_owned()].into(),
            keys: signer.keys(),
            factor: secret(SECRET_OF_GRAFANA),
            everyone: Caller::anonymous(),
            grants: Vec::new(),
        }],
        data_sources: vec![DataSourceSettings {
            name: "team a".to_owned(),
            factor: secret(SECRET_OF_TEAM),
            caller: Arc::new(Caller { subject: "team a".to_owned(), ..Caller::anonymous() }),
        }],
        ..IdentitySettings::default()
    }
}

async fn gateway(signer: &Signer) -> Gateway {
    let places = [
        Place::new("us-east", "US").holding(&whole_in_us_east()),
        Place::new("eu-central", "EU").holding(&whole_in_eu_central()),
    ];
    let gateway = Gateway::over(&places).await;
    let nobody: Arc<dyn FetchKeys> = Arc::new(Nobody);
    let reception = Arc::new(Reception::new(Arc::new(settings(signer)), &nobody, None));
    let federation = (*gateway.state.federation()).clone();
    gateway.state.swap(InForce::of(federation).with_reception(reception));
    gateway
}

/// What "Save & test", a search and the editor get over HTTP: the line of a refusal is the whole body, as the plugin
/// shows it behind the status. Of "Save & test" it shows the status alone, so that must not be 200.
async fn over_http(address: SocketAddr, headers: &[(&str, &str)], refused: Option<&str>) {
    for path in ["/api/echo", "/api/search?q=%7B%7D&limit=20&spss=3", "/api/v2/search/tags?limit=5000"] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let reply = get(address, protocol, path, headers).await;
            match refused {
                None => assert_eq!(reply.status, 200, "{path} {headers:?}: {}", reply.text()),
                Some(line) => {
                    assert_eq!(reply.status, 401, "{path} {headers:?}");
                    assert!(reply.text().starts_with(line), "{path}: {}", reply.text());
                    assert!(
                        !reply.text().contains('\n') && !reply.text().to_lowercase().contains("not found")
                    );
                }
            }
        }
    }
}

/// What "Save & test" and a search get where streaming is on: no header of a user is there.
async fn over_grpc(address: SocketAddr, source: Option<&str>, refused: Option<&str>) {
    let mut metadata = MetadataMap::new();
    if let Some(secret) = source {
        metadata.insert("x-tutti-source", secret.parse().unwrap());
    }
    let question = searching("{}", 1, 3).encode_to_vec().into();
    let called = call_with(client(address).await, "Search", question, metadata).await;
    match (refused, called.status) {
        (None, status) => assert!(status.is_none() && !called.messages.is_empty(), "{status:?}"),
        (Some(line), status) => {
            let status = status.expect("a refusal");
            assert_eq!((status.code(), called.messages.len()), (Code::Unauthenticated, 0));
            assert!(status.message().starts_with(line), "{}", status.message());
        }
    }
}

const NOTHING: &str = "nothing shows who asks: send `Authorization: Bearer TOKEN`";

#[tokio::test]
async fn each_way_shows_over_http_what_it_can_and_over_grpc_no_user() {
    let signer = Signer::new();
    let gateway = gateway(&signer).await;
    let address = gateway.address;
    let now = Duration::from_nanos(wall_nanos()).as_secs();
    let bearer = |expires: u64| {
        let claims = json!({"iss": ISSUER, "aud": "tutti", "sub": "alice", "exp": expires});
        format!("Bearer {}", signer.token(&claims))
    };
    let id = signer.token(&json!({"iss": GRAFANA, "aud": ["org:1"], "sub": "user:abc", "type": "user",
        "exp": now + 600, "username": "jane"}));
    let (good, late) = (bearer(now + 600), bearer(now - 600));

    // `oauthPassThru`: the token is forwarded, and not with a stream.
    over_http(address, &[("authorization", &good)], None).await;
    over_http(address, &[("authorization", &late)], Some("the bearer token: it expired")).await;
    over_grpc(address, None, Some(NOTHING)).await;
    // What Grafana signs, with the secret of the data source, and without.
    let with_secret = [("x-grafana-id", id.as_str()), ("x-tutti-source", SECRET_OF_GRAFANA)];
    over_http(address, &with_secret, None).await;
    over_http(address, &[("x-grafana-id", &id)], Some("`X-Grafana-Id` alone proves nobody")).await;
    over_grpc(address, Some(SECRET_OF_GRAFANA), Some(NOTHING)).await;
    // One secret for each data source is the way that streams.
    over_http(address, &[("x-tutti-source", SECRET_OF_TEAM)], None).await;
    over_grpc(address, Some(SECRET_OF_TEAM), None).await;
    let wrong = "the value of `x-tutti-source` is not known here";
    over_http(address, &[("x-tutti-source", "wrong-wrong-wrong")], Some(wrong)).await;
    over_grpc(address, Some("wrong-wrong-wrong"), Some(wrong)).await;
    // A data source that sends nothing.
    over_http(address, &[], Some(NOTHING)).await;
}

/// Nobody sees from the status of the stream alone what to do about it.
#[tokio::test]
async fn a_stream_without_a_user_says_what_to_switch_in_grafana() {
    let signer = Signer::new();
    let gateway = gateway(&signer).await;
    let question = searching("{}", 1, 3).encode_to_vec().into();
    let called = call_with(client(gateway.address).await, "Search", question, MetadataMap::new()).await;
    let hint = "Grafana sends no user with a stream, so per-user policy needs streaming off in the data source settings";
    assert!(called.status.unwrap().message().ends_with(hint));
}
