//! What it costs to know who asks: a token that was seen before, with the plan of its caller, and one that is new.
//!
//! `cargo bench --bench identity`. Budget: 5 µs warm. The token has some 1 kB, as one with twenty groups has.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may stop at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tutti::config::policies::shipped;
use tutti::federation::{Federation, FederationSettings};
use tutti::identity::{
    ClaimPaths, FetchKeys, FetchedKeys, IdentitySettings, IssuerSettings, KeySet, KeysFrom, KeysUrl, Mode,
    Once, Reception, Shown, SignedBy, publish,
};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::proof::{self, SigningKey};
use tutti::task::clock::wall_nanos;

#[derive(Debug)]
struct Nobody;

impl FetchKeys for Nobody {
    fn fetch<'a>(&'a self, _: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
        async { Err("nobody is asked".to_owned()) }.boxed()
    }
}

fn reception(key: &SigningKey) -> Reception {
    let issuer = IssuerSettings {
        issuer: "https://idp.example".to_owned(),
        audience: "tutti".to_owned(),
        algorithms: SignedBy::DEFAULT.to_vec(),
        keys: KeysFrom::Set(Arc::new(KeySet::parse(publish(key.public()).as_bytes()).unwrap())),
        claims: ClaimPaths::default(),
        grants: Vec::new(),
    };
    let settings =
        IdentitySettings { mode: Mode::Required, issuers: vec![issuer], ..IdentitySettings::default() };
    let nobody: Arc<dyn FetchKeys> = Arc::new(Nobody);
    Reception::new(Arc::new(settings), &nobody, None)
}

fn headers(key: &SigningKey, number: u64) -> HeaderMap {
    let groups: Vec<String> = (0..20).map(|nth| format!("department-{nth}/team-{nth}")).collect();
    let now = wall_nanos() / 1_000_000_000;
    let claims = json!({"iss": "https://idp.example", "aud": "tutti", "sub": "jane", "iat": now, "exp": now + 3600,
        "roles": ["sre"], "groups": groups, "purpose": "incident", "jti": number});
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.kid = Some(key.public().name());
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    headers
}

fn shown(headers: &HeaderMap) -> Shown<'_> {
    let once = |name: &'static str| Once::of(headers, &HeaderName::from_static(name));
    Shown {
        authorization: once("authorization"),
        grafana_id: once("x-grafana-id"),
        statement: once("tutti-statement"),
        purpose: once("tutti-purpose"),
        headers,
        certificate: None,
    }
}

/// Nothing of it waits where the key is known.
fn who(reception: &Reception, headers: &HeaderMap) -> tutti::identity::Known {
    let now = Duration::from_nanos(wall_nanos());
    reception.who(&shown(headers), now).now_or_never().unwrap().unwrap()
}

fn bench(criterion: &mut Criterion) {
    proof::ready();
    let key = SigningKey::generate().unwrap();
    let reception = reception(&key);
    let known = headers(&key, 0);
    let place = |name: &str| Jurisdiction::parse(name).unwrap();
    let regions = [("us-east", "US"), ("eu-central", "EU"), ("jp-east", "JP")]
        .map(|(name, of)| (RegionName::parse(name).unwrap(), place(of)));
    let policies = shipped(&regions, place("US")).unwrap();
    let federation = Federation::new(Vec::new(), FederationSettings::default(), Arc::new(Plan::allow_all()));
    criterion.bench_function("identity/warm, token and plan and estate", |bencher| {
        bencher.iter(|| {
            let known = who(&reception, black_box(&known));
            black_box(federation.seen_by(policies.plan(&known.caller)))
        });
    });
    criterion.bench_function("identity/warm, token alone", |bencher| {
        bencher.iter(|| black_box(who(&reception, black_box(&known))));
    });
    let mut number = 0;
    criterion.bench_function("identity/new token, EdDSA", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                headers(&key, number)
            },
            |headers| black_box(who(&reception, &headers)),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
