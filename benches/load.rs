//! What the gateway adds to the slowest region it needs.
//!
//! `cargo bench --bench load` starts three fake regions on loopback, each with a set delay, and a gateway
//! over them, and asks in turn the slowest region itself and the gateway, at a fixed pace. Printed are both
//! and the difference of each pair: the time the gateway adds, with everything it does (fan-out, scan,
//! redaction, merge, writing). Client, gateway and regions share the machine, so the figures are upper bounds.
//!
//! `TUTTI_LOAD_SPANS=100,200,1000,10000`, `TUTTI_LOAD_DELAYS=0,20,50` (ms), `TUTTI_LOAD_PAIRS=300`,
//! `TUTTI_LOAD_PER_SECOND=50`.

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

use std::time::{Duration, Instant};

use serving::{ask, client, fake_region, gateway, is_bench, numbers, quantile, trace_path};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole run is bounded, whatever is asked for.
const PAIRS_MAX: usize = 10_000;

fn main() {
    if !is_bench() {
        return;
    }
    serving::runtime().block_on(async {
        let pairs = (numbers("TUTTI_LOAD_PAIRS", "300")[0] as usize).min(PAIRS_MAX);
        let pace = Duration::from_secs(1) / numbers("TUTTI_LOAD_PER_SECOND", "50")[0].max(1) as u32;
        let delays = numbers("TUTTI_LOAD_DELAYS", "0,20,50");
        println!(
            "three regions with delays of {delays:?} ms, {pairs} pairs, one each {pace:?}; milliseconds\n"
        );
        println!("{:>7} {:>9} {:>14} {:>14} {:>14}", "spans", "bytes", "region", "gateway", "added");
        println!("{:>7} {:>9} {:>14} {:>14} {:>14}", "", "", "p50    p99", "p50    p99", "p50    p99");
        for spans in numbers("TUTTI_LOAD_SPANS", "100,200,1000,10000") {
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
    let gateway = gateway(regions.iter().map(|(address, _)| *address)).await;
    let (client, path) = (client(), trace_path());
    let once = async |url: &str| ask(&client, url, Instant::now()).await;
    let (direct, through) = (format!("http://{slowest}{path}"), format!("http://{gateway}{path}"));
    let mut bytes = 0;
    for _ in 0..20 {
        once(&direct).await;
        bytes = once(&through).await.1;
    }
    let (mut region, mut whole, mut added) = (Vec::new(), Vec::new(), Vec::new());
    let mut tick = tokio::time::interval(pace);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for pair in 0..pairs {
        tick.tick().await;
        // In turn first and second, so that neither always finds the caches warm.
        let (first, second) = if pair % 2 == 0 { (&direct, &through) } else { (&through, &direct) };
        let (first, second) = (once(first).await.0, once(second).await.0);
        let (direct, through) = if pair % 2 == 0 { (first, second) } else { (second, first) };
        region.push(direct);
        whole.push(through);
        added.push(through - direct);
    }
    let shown =
        |mut times: Vec<f64>| format!("{:.2} {:6.2}", quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    println!("{spans:>7} {bytes:>9} {:>14} {:>14} {:>14}", shown(region), shown(whole), shown(added));
}
