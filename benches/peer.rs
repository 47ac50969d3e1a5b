//! What a gateway in between costs: a region asked by its peer, beside the same region asked directly.
//!
//! `cargo bench --bench peer` starts an embedded region behind a gateway that answers for it as a Tempo does, a peer
//! gateway over that, and two gateways that ask: one the region, one the peer. All on loopback, asked in turn in one
//! run. Printed are the medians and their ratio: the toll of a hop with its statement, its plan and its account.
//! Client and gateways share the machine, so the ratios are upper bounds; over a distance, the way counts in both.
//!
//! `TUTTI_PEER_SPANS=100,10000`, `TUTTI_PEER_ROUNDS=200`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a load tool may stop at the first surprise, and measures real time"
)]

#[path = "support/serving.rs"]
mod serving;
mod support;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use http::header::AUTHORIZATION;
use serving::{at, client, is_bench, listening, number, numbers, trace_path};
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::Region;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{
    Auth, KindSettings, LayerSettings, MemorySettings, PeerSettings, RegionSettings, Signer,
};
use tutti::federation::{Federation, FederationSettings};
use tutti::identity::{Factor, Peers, Secret, Trust};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::proof::SigningKey;
use tutti::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole run is bounded, whatever is asked for.
const ROUNDS_MAX: u64 = 10_000;

const SECRET: &str = "of-the-outer";

fn place() -> Jurisdiction {
    Jurisdiction::parse("EU").unwrap()
}

fn name() -> RegionName {
    RegionName::parse("eu-central").unwrap()
}

fn over(region: Region, peers: Option<Peers>) -> Router {
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(vec![Arc::new(region)], FederationSettings::default(), plan);
    let peers = peers.unwrap_or_else(|| Peers::new("outer", []));
    let in_force = InForce::of(federation).with_peers(Arc::new(peers), place());
    router(ApiState::over(in_force, Metrics::default(), ApiSettings::default()))
}

fn built(kind: KindSettings) -> Region {
    let (name, jurisdiction, layers) = (name(), place(), LayerSettings::default());
    Region::build(&RegionSettings {
        name,
        jurisdiction,
        kind,
        replicas: Vec::new(),
        layers,
        is_raw_egress: false,
    })
    .unwrap()
}

/// Asks each in turn; the median of each in microseconds.
async fn medians(client: &reqwest::Client, urls: [String; 2], rounds: usize) -> [f64; 2] {
    let mut took: [Vec<f64>; 2] = Default::default();
    for _ in 0..rounds {
        for (url, took) in urls.iter().zip(&mut took) {
            let begun = Instant::now();
            let answer = client.get(url).header("accept", "application/protobuf").send().await.unwrap();
            assert_eq!(answer.headers()["tutti-outcome"], "complete", "{url} {:?}", answer.headers());
            answer.bytes().await.unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    took.map(|mut took| {
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    })
}

async fn measure(spans: usize, rounds: usize) {
    let memory = MemoryBackend::new(MemorySettings::default());
    memory.ingest(support::whole(1, spans)).unwrap();
    let held = Region::new(name(), place(), Arc::new(memory), LayerSettings::default());
    let region = listening(over(held, None)).await;
    let key = SigningKey::generate().unwrap();
    let secret = Secret::new(AUTHORIZATION, &format!("Bearer {SECRET}"));
    let factor = Factor { secret: Some(secret), certificate: None };
    let trust = Trust::new("outer", place(), vec![key.public().clone()], factor);
    let tempo = || built(KindSettings::Tempo(at(region, Auth::None)));
    let peer = listening(over(tempo(), Some(Peers::new("eu-central", [trust])))).await;
    let direct = listening(over(tempo(), None)).await;
    let asked = PeerSettings {
        at: at(peer, Auth::Bearer(SECRET.into())),
        gateway: "eu-central".to_owned(),
        signer: Signer::new("outer", key),
    };
    let through = listening(over(built(KindSettings::Tutti(asked)), None)).await;
    let client = client();
    for (what, path) in [
        ("by id", trace_path()),
        ("search", "/api/search?q=%7B%20%7D&limit=20".to_owned()),
        ("tags", "/api/v2/search/tags".to_owned()),
    ] {
        let urls = [direct, through].map(|address| format!("http://{address}{path}"));
        medians(&client, urls.clone(), rounds / 10 + 1).await;
        let [direct, through] = medians(&client, urls, rounds).await;
        println!(
            "{spans:>6} spans  {what:<7} direct {direct:>9.0} us  through a peer {through:>9.0} us  ratio {:.2}",
            through / direct
        );
    }
}

fn main() {
    if !is_bench() {
        return;
    }
    let runtime = serving::runtime();
    let rounds = number("TUTTI_PEER_ROUNDS", 200, ROUNDS_MAX) as usize;
    for spans in numbers("TUTTI_PEER_SPANS", "100,10000") {
        runtime.block_on(measure(spans as usize, rounds));
    }
}
