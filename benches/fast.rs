//! What a region that says nothing costs those who asked for an early answer.
//!
//! `cargo bench --bench fast` starts three healthy fake regions on loopback, two regions that are black holes, one that
//! takes connections and says nothing and one that does not even take them, and a gateway for each case: over the three
//! healthy ones, and over two of them and a black hole. Each case is asked in turn, in mode `fast`, at a fixed pace
//! whether or not earlier answers are there, each time for another trace. The goal: the 99th percentile over a black
//! hole is at most 1.1 times that over healthy regions and the configured wait. It is told of each round, too, since on
//! a busy machine one round may be worse than all others.
//!
//! `TUTTI_FAST_SPANS=200`, `TUTTI_FAST_DELAY=20` (ms until a healthy region answers), `TUTTI_FAST_ROUNDS=5`,
//! `TUTTI_FAST_LOOKUPS=200` (of each case in a round), `TUTTI_FAST_PER_SECOND=20` (of each case).

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

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::header;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tutti::federation::FederationSettings;

use serving::{PROTOBUF, gateway};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of 1.1 times the healthy 99th percentile and the wait.
const GOAL: f64 = 1.1;

/// Before the first round, of each case: connections are made and caches are as they will be.
const WARM_UP: usize = 20;

/// A connection that is taken at all is taken within this on loopback.
const TAKEN: Duration = Duration::from_millis(300);

/// What is asked, and how its regions answer.
struct Case {
    name: &'static str,
    gateway: SocketAddr,
    /// Whether the third region is a black hole, so that no answer can be whole.
    is_holed: bool,
}

/// Of one case in one round.
#[derive(Default)]
struct Told {
    ms: Vec<f64>,
    /// How the third region fared in those answers.
    third: BTreeMap<String, usize>,
}

fn main() {
    if serving::is_bench() {
        serving::runtime().block_on(measure());
    }
}

async fn measure() {
    let spans = serving::number("TUTTI_FAST_SPANS", 200, 100_000) as usize;
    let delay = Duration::from_millis(serving::number("TUTTI_FAST_DELAY", 20, 250));
    let rounds = serving::number("TUTTI_FAST_ROUNDS", 5, 100) as usize;
    let lookups = serving::number("TUTTI_FAST_LOOKUPS", 200, 10_000) as usize;
    let per_second = serving::number("TUTTI_FAST_PER_SECOND", 20, 1_000).max(1);
    let wait = FederationSettings::default().fast;
    let mut healthy = Vec::new();
    for part in support::regions(spans) {
        healthy.push(serving::fake_region(part, delay).await);
    }
    let silent = Silent::new().await;
    let closed = Closed::new().await;
    let [first, second, third] = healthy[..] else { panic!("three regions") };
    let cases = [
        Case { name: "three healthy", gateway: gateway([first, second, third]).await, is_holed: false },
        Case { name: "one says nothing", gateway: gateway([first, second, silent.0]).await, is_holed: true },
        Case {
            name: "one takes nobody",
            gateway: gateway([first, second, closed.address]).await,
            is_holed: true,
        },
    ];
    println!(
        "{spans} spans over three regions that answer after {delay:?}, an early answer waits {wait:?}; {rounds} rounds of \
         {lookups} lookups of each case, {per_second} a second of each\n"
    );
    let pace = Duration::from_secs(1) / per_second as u32;
    let mut ids = 0..u64::MAX;
    round(&cases, WARM_UP, pace, &mut ids).await;
    let mut all: Vec<Vec<Told>> = Vec::new();
    for _ in 0..rounds {
        all.push(round(&cases, lookups, pace, &mut ids).await);
    }
    tell(&cases, all, wait);
}

/// Asks every case in turn; each lookup counts from when it was due.
async fn round(cases: &[Case], lookups: usize, pace: Duration, ids: &mut std::ops::Range<u64>) -> Vec<Told> {
    let client = serving::client();
    let begun = Instant::now();
    let mut asked = JoinSet::new();
    for nth in 0..lookups {
        for (place, case) in cases.iter().enumerate() {
            // Which comes first changes, so that none always finds the caches as the same other left them.
            let turn = (place + nth) % cases.len();
            let due = begun + pace * nth as u32 + pace / cases.len() as u32 * turn as u32;
            let url = format!(
                "http://{}/api/v2/traces/{:032x}",
                case.gateway,
                (0x7u128 << 124) + u128::from(ids.next().unwrap())
            );
            let (client, is_holed) = (client.clone(), case.is_holed);
            asked.spawn(async move {
                sleep_until(due.into()).await;
                let third = ask(&client, &url, is_holed).await;
                (place, due.elapsed().as_secs_f64() * 1e3, third)
            });
        }
    }
    let mut told: Vec<Told> = cases.iter().map(|_| Told::default()).collect();
    while let Some(answer) = asked.join_next().await {
        let (place, ms, third) = answer.unwrap();
        told[place].ms.push(ms);
        *told[place].third.entry(third).or_default() += 1;
    }
    told
}

/// How the third region fared, once the whole body is there.
async fn ask(client: &reqwest::Client, url: &str, is_holed: bool) -> String {
    let request = client.get(url).header(header::ACCEPT, PROTOBUF).header("tutti-mode", "fast");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let said = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(said("tutti-outcome"), if is_holed { "partial" } else { "complete" });
    let third = said("tutti-regions").split(", ").nth(2).unwrap().to_owned();
    let status = third.split(';').find_map(|part| part.strip_prefix("status=")).unwrap().to_owned();
    assert!(!response.bytes().await.unwrap().is_empty());
    status
}

fn tell(cases: &[Case], mut all: Vec<Vec<Told>>, wait: Duration) {
    let wait = wait.as_secs_f64() * 1e3;
    println!(
        "{:>18} {:>9} {:>9} {:>9} {:>28}  the third region",
        "ms", "p50", "p99", "longest", "p99 : healthy p99 and wait"
    );
    let healthy: Vec<f64> = all.iter_mut().map(|round| serving::quantile(&mut round[0].ms, 0.99)).collect();
    let of_all =
        |place: usize| -> Vec<f64> { all.iter().flat_map(|round| &round[place].ms).copied().collect() };
    let mut pooled: Vec<Vec<f64>> = (0..cases.len()).map(of_all).collect();
    let base = serving::quantile(&mut pooled[0], 0.99);
    for (place, (case, mut ms)) in cases.iter().zip(pooled).enumerate() {
        let [p50, p99, longest] = [0.5, 0.99, 1.0].map(|share| serving::quantile(&mut ms, share));
        let mut third: BTreeMap<String, usize> = BTreeMap::new();
        for (status, count) in all.iter().flat_map(|round| &round[place].third) {
            *third.entry(status.clone()).or_default() += count;
        }
        let third: Vec<String> = third.iter().map(|(status, count)| format!("{status} {count}")).collect();
        let ratio = if case.is_holed {
            let mut of_rounds: Vec<f64> = (all.iter_mut().zip(&healthy))
                .map(|(round, base)| serving::quantile(&mut round[place].ms, 0.99) / (base + wait))
                .collect();
            let [median, worst] = [0.5, 1.0].map(|share| serving::quantile(&mut of_rounds, share));
            format!("{:.3}, rounds {median:.3} to {worst:.3}", p99 / (base + wait))
        } else {
            String::new()
        };
        println!("{:>18} {p50:>9.1} {p99:>9.1} {longest:>9.1} {ratio:>28}  {}", case.name, third.join(", "));
    }
    println!(
        "\ngoal: {GOAL} at most; told is the ratio over all lookups, and of the rounds the median and the worst"
    );
}

/// Takes every connection, reads nothing and says nothing.
struct Silent(SocketAddr);

impl Silent {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                taken.push(stream);
            }
        });
        Self(address)
    }
}

/// An address whose queue is full, so that the kernel drops what asks for a connection: a network that swallows it.
struct Closed {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Closed {
    async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        // Bounded: a queue of one is full after two or three.
        for _ in 0..16 {
            match timeout(TAKEN, TcpStream::connect(address)).await {
                Ok(stream) => queue.push(stream.unwrap()),
                Err(_) => return Self { address, _listener: listener, _queue: queue },
            }
        }
        panic!("the queue of a listener does not fill up here");
    }
}
