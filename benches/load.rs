//! What the gateway adds to the slowest region it needs.
//!
//! `cargo bench --bench load` starts three fake regions on loopback, each with a set delay, and a gateway
//! over them, and asks in turn the slowest region itself and the gateway, at a fixed pace. Printed are both
//! and the difference of each pair: the time the gateway adds, with everything it does (fan-out, scan,
//! redaction, merge, writing). Client, gateway and regions share the machine, so the figures are upper bounds.
//!
//! `TUTTI_LOAD_SPANS=100,1000,10000`, `TUTTI_LOAD_DELAYS=0,20,50` (ms), `TUTTI_LOAD_PAIRS=300`,
//! `TUTTI_LOAD_PER_SECOND=50`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a load tool may stop at the first surprise, and measures real time"
)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use tokio::net::TcpListener;
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::Region;
use tutti::backend::settings::{Auth, KindSettings, LayerSettings, RegionSettings, TempoSettings};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName, TraceId};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;
use tutti::wire::protobuf::put_bytes_field;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole run is bounded, whatever is asked for.
const PAIRS_MAX: usize = 10_000;

fn numbers(name: &str, default: &str) -> Vec<u64> {
    let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    text.split(',')
        .map(|part| part.trim().parse().unwrap_or_else(|_| panic!("{name} lists numbers")))
        .collect()
}

fn main() {
    // `cargo test --benches` runs this too; there is nothing to test.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pairs = (numbers("TUTTI_LOAD_PAIRS", "300")[0] as usize).min(PAIRS_MAX);
        let pace = Duration::from_secs(1) / numbers("TUTTI_LOAD_PER_SECOND", "50")[0].max(1) as u32;
        let delays = numbers("TUTTI_LOAD_DELAYS", "0,20,50");
        println!(
            "three regions with delays of {delays:?} ms, {pairs} pairs, one each {pace:?}; milliseconds\n"
        );
        println!("{:>7} {:>9} {:>14} {:>14} {:>14}", "spans", "bytes", "region", "gateway", "added");
        println!("{:>7} {:>9} {:>14} {:>14} {:>14}", "", "", "p50    p99", "p50    p99", "p50    p99");
        for spans in numbers("TUTTI_LOAD_SPANS", "100,1000,10000") {
            measure(spans as usize, &delays, pairs, pace).await;
        }
    });
}

async fn measure(spans: usize, delays: &[u64], pairs: usize, pace: Duration) {
    let parts = support::regions(spans);
    let mut regions = Vec::new();
    for (rank, part) in parts.iter().enumerate() {
        let delay = Duration::from_millis(delays.get(rank).copied().unwrap_or(0));
        regions.push((fake_region(part.clone(), delay).await, delay));
    }
    let slowest = regions.iter().max_by_key(|(_, delay)| *delay).unwrap().0;
    let gateway = gateway(&regions).await;
    let client = reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]).build().unwrap();
    let path = format!("/api/v2/traces/{}", TraceId::from_bytes(support::TRACE_ID));
    let (direct, through) = (format!("http://{slowest}{path}"), format!("http://{gateway}{path}"));
    let mut bytes = 0;
    for _ in 0..20 {
        ask(&client, &direct).await;
        bytes = ask(&client, &through).await.1;
    }
    let (mut region, mut whole, mut added) = (Vec::new(), Vec::new(), Vec::new());
    let mut tick = tokio::time::interval(pace);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for pair in 0..pairs {
        tick.tick().await;
        // In turn first and second, so that neither always finds the caches warm.
        let (first, second) = if pair % 2 == 0 { (&direct, &through) } else { (&through, &direct) };
        let (first, second) = (ask(&client, first).await.0, ask(&client, second).await.0);
        let (direct, through) = if pair % 2 == 0 { (first, second) } else { (second, first) };
        region.push(direct);
        whole.push(through);
        added.push(through - direct);
    }
    let shown = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        format!("{:.2} {:6.2}", at(0.5), at(0.99))
    };
    println!("{spans:>7} {bytes:>9} {:>14} {:>14} {:>14}", shown(region), shown(whole), shown(added));
}

/// Asks once; milliseconds to the last byte, and the bytes.
async fn ask(client: &reqwest::Client, url: &str) -> (f64, usize) {
    let begun = Instant::now();
    let response = client.get(url).header(header::ACCEPT, "application/protobuf").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let outcome = response.headers().get("tutti-outcome").cloned();
    let body = response.bytes().await.unwrap();
    assert!(outcome.is_none_or(|outcome| outcome == "complete"), "the gateway's answer is not whole");
    (begun.elapsed().as_secs_f64() * 1e3, body.len())
}

/// A region that answers its part of the one trace after a delay.
async fn fake_region(part: Bytes, delay: Duration) -> SocketAddr {
    let mut answer = Vec::new();
    put_bytes_field(&mut answer, 1, &part);
    let answer = Bytes::from(answer);
    let trace = move || {
        let answer = answer.clone();
        async move {
            tokio::time::sleep(delay).await;
            ([(header::CONTENT_TYPE, "application/protobuf")], answer)
        }
    };
    let routes = Router::new()
        .route("/api/v2/traces/{id}", get(trace))
        .route("/api/status/buildinfo", get(|| async { r#"{"version":"3.0.2"}"# }));
    listen(routes).await
}

async fn gateway(regions: &[(SocketAddr, Duration)]) -> SocketAddr {
    let regions = regions.iter().enumerate().map(|(rank, (address, _))| {
        let settings = RegionSettings {
            name: RegionName::parse(&format!("region-{rank}")).unwrap(),
            jurisdiction: Jurisdiction::parse("EU").unwrap(),
            kind: KindSettings::Tempo(TempoSettings {
                url: format!("http://{address}").parse().unwrap(),
                tenant: None,
                auth: Auth::None,
                headers: Vec::new(),
                tls: Default::default(),
                connect_timeout: Duration::from_secs(1),
                idle_connections_max: 8,
                streaming: tutti::backend::settings::Streaming::Never,
            }),
            replicas: Vec::new(),
            layers: LayerSettings::default(),
            is_raw_egress: false,
        };
        Arc::new(Region::build(&settings).unwrap())
    });
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(regions.collect(), FederationSettings::default(), plan);
    listen(router(ApiState::new(federation, Metrics::default(), ApiSettings::default()))).await
}

async fn listen(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, routes, ServeSettings::default(), std::future::pending()));
    address
}
