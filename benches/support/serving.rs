//! What benches that ask over loopback share: the guard of `cargo bench`, their settings, a region that answers its
//! part of the one trace, the same region as a gateway is told of it, and one question with its time. Knows no goal
//! and no table: each bench has its own.

#![allow(dead_code, reason = "each bench uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use tokio::net::TcpListener;
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::Region;
use tutti::backend::settings::{Auth, KindSettings, LayerSettings, RegionSettings, Streaming, TempoSettings};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName, TraceId};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;
use tutti::wire::protobuf::put_bytes_field;

use crate::support::TRACE_ID;

pub const PROTOBUF: &str = "application/protobuf";

/// Whether this was started by `cargo bench`: `cargo test --benches` runs benches too, and there is nothing to test.
pub fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Every processor of the machine, as the executable has it, and the cryptography that it brings.
pub fn runtime() -> tokio::runtime::Runtime {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// The numbers of a variable, with commas between.
pub fn numbers(name: &str, default: &str) -> Vec<u64> {
    let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    text.split(',')
        .map(|part| part.trim().parse().unwrap_or_else(|_| panic!("{name} lists numbers")))
        .collect()
}

/// The number of a variable; a run is bounded, whatever is asked for.
pub fn number(name: &str, default: u64, max: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    if text.is_empty() {
        return default;
    }
    text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number")).min(max)
}

pub fn trace_path() -> String {
    format!("/api/v2/traces/{}", TraceId::from_bytes(TRACE_ID))
}

/// A Tempo at an address, as a gateway is told of it.
pub fn at(address: SocketAddr, auth: Auth) -> TempoSettings {
    TempoSettings {
        url: format!("http://{address}").parse().unwrap(),
        tenant: None,
        auth,
        headers: Vec::new(),
        tls: Default::default(),
        connect_timeout: Duration::from_secs(2),
        idle_connections_max: 16,
        streaming: Streaming::Never,
    }
}

/// `region-0` and so on, in the EU.
pub fn region(rank: usize, address: SocketAddr) -> Arc<Region> {
    let settings = RegionSettings {
        name: RegionName::parse(&format!("region-{rank}")).unwrap(),
        jurisdiction: Jurisdiction::parse("EU").unwrap(),
        kind: KindSettings::Tempo(at(address, Auth::None)),
        replicas: Vec::new(),
        layers: LayerSettings::default(),
        is_raw_egress: false,
    };
    Arc::new(Region::build(&settings).unwrap())
}

/// A region that answers its part of the one trace after a delay, under whatever id it is asked for.
pub async fn fake_region(part: Bytes, delay: Duration) -> SocketAddr {
    let mut answer = Vec::new();
    put_bytes_field(&mut answer, 1, &part);
    let places: Arc<[usize]> = memchr::memmem::find_iter(&answer, &TRACE_ID).collect();
    let answer = Bytes::from(answer);
    let trace = move |Path(asked): Path<String>| {
        let (answer, places) = (answer.clone(), places.clone());
        async move {
            tokio::time::sleep(delay).await;
            let id = TraceId::parse(&asked).unwrap();
            ([(header::CONTENT_TYPE, PROTOBUF)], renamed(answer, &places, id.as_bytes()))
        }
    };
    let routes = Router::new()
        .route("/api/v2/traces/{id}", get(trace))
        .route("/api/status/buildinfo", get(|| async { r#"{"version":"3.0.2"}"# }));
    listening(routes).await
}

/// The trace under another id. Where it is its own, nothing is copied.
fn renamed(answer: Bytes, places: &[usize], id: &[u8]) -> Bytes {
    if id == TRACE_ID {
        return answer;
    }
    let mut answer = answer.to_vec();
    for place in places {
        answer[*place..*place + id.len()].copy_from_slice(id);
    }
    answer.into()
}

/// A gateway over Tempos at these addresses, with all settings as they are by default.
pub async fn gateway(regions: impl IntoIterator<Item = SocketAddr>) -> SocketAddr {
    let regions = regions.into_iter().enumerate().map(|(rank, address)| region(rank, address));
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(regions.collect(), FederationSettings::default(), plan);
    listening(router(ApiState::new(federation, Metrics::default(), ApiSettings::default()))).await
}

/// Serves on loopback until the process ends.
pub async fn listening(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, routes, ServeSettings::default(), std::future::pending()));
    address
}

/// Asks no proxy, and for nothing packed.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]).build().unwrap()
}

/// Asks once for a whole answer; milliseconds to the last byte from when it was due, and the bytes.
pub async fn ask(client: &reqwest::Client, url: &str, due: Instant) -> (f64, usize) {
    let response = client.get(url).header(header::ACCEPT, PROTOBUF).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let outcome = response.headers().get("tutti-outcome").cloned();
    let body = response.bytes().await.unwrap();
    assert!(outcome.is_none_or(|outcome| outcome == "complete"), "the gateway's answer is not whole");
    (due.elapsed().as_secs_f64() * 1e3, body.len())
}

/// What so large a share of them is not above. NaN of none.
pub fn quantile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
