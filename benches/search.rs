//! What a search over three regions costs beside the same search in one of them, and in one that holds all.
//!
//! `cargo bench --bench search`. Spans of the same traces lie in three embedded regions by chance, and all of them
//! in a fourth. Each stands behind a gateway of its own on loopback, which answers for it as a Tempo does. Over the
//! three there are two more: one that asks them over HTTP, and one in whose process they lie. All are asked in
//! turn in one run, and what the three sent is counted where it leaves them.
//!
//! With `TEMPO_BIN` the same over four real Tempos. Client, gateways and regions share the machine: what regions
//! elsewhere would do beside each other, they do here one after the other. So each is held beside two baselines: the
//! region asked alone, with all processors to itself, and the same while two other regions answer the same question,
//! as they do in a search over the three. Over embedded regions everything happens in this process, and the
//! processor's time that a search takes is told beside that of the three regions' own.
//!
//! `TUTTI_SEARCH_TRACES=400`, `TUTTI_SEARCH_ROUNDS=40`, `TUTTI_SEARCH_DELAYS=0,20` (ms, of each answer of a region;
//! not of real Tempos).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    dead_code,
    reason = "a load tool may stop at the first surprise, measures real time, and uses a part of the tests' tools"
)]

#[path = "../tests/support/http.rs"]
mod http;
#[path = "../tests/support/query_tempo.rs"]
mod query_tempo;
#[path = "../tests/support/server.rs"]
mod server;
#[path = "support/serving.rs"]
mod serving;
#[path = "../tests/support/sketch.rs"]
mod sketch;
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::http::Response;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use query_tempo::{Held, QueryTempo};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serving::{is_bench, listening, number, numbers};
use sketch::{BEGINNING, Trace, export};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{Auth, LayerSettings, MemorySettings, TempoSettings};
use tutti::backend::{Backend, Region, TempoBackend};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REGIONS: [&str; 3] = ["one", "two", "three"];
const ROWS: usize = 20;

/// The whole run is bounded, whatever is asked for.
const ROUNDS_MAX: u64 = 1_000;
const TRACES_MAX: u64 = 5_000;

/// What is asked, beside what it is held to: the slowest of the three, or the one that holds all.
const QUERIES: [(&str, &str, Beside); 4] = [
    ("span-local, common", "{ span.http.response.status_code = 500 }", Beside::Slowest),
    ("span-local, rare", "{ resource.service.name = `service-3` && status = error }", Beside::Slowest),
    (
        "structural, common",
        "{ resource.service.name = `service-3` } >> { span.http.response.status_code = 500 }",
        Beside::Union,
    ),
    ("structural, rare", "{ resource.service.name = `service-3` } >> { status = error }", Beside::Union),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    /// At most 2.5 times.
    Slowest,
    /// At most 4 times.
    Union,
}

/// Questions and bytes of answers, as they leave a region.
#[derive(Debug, Default)]
struct Sent {
    searches: AtomicU64,
    lookups: AtomicU64,
    bytes: AtomicU64,
}

/// All who are asked: each region alone, the union, and those who answer for the three.
struct Estate {
    regions: Vec<String>,
    union: String,
    over: Vec<(&'static str, String)>,
    sent: Option<Arc<Sent>>,
    /// Unix seconds.
    window: (u64, u64),
}

fn main() {
    if !is_bench() {
        return;
    }
    let runtime = serving::runtime();
    let count = number("TUTTI_SEARCH_TRACES", 400, TRACES_MAX);
    let rounds = number("TUTTI_SEARCH_ROUNDS", 40, ROUNDS_MAX).max(1);
    let all: Vec<Trace> = (0..count).map(trace).collect();
    let parts = split(&all);
    let spans: usize = all.iter().map(|trace| trace.spans().count()).sum();
    println!("{count} traces of {spans} spans, {ROWS} rows, {rounds} rounds; medians in milliseconds");
    for delay in numbers("TUTTI_SEARCH_DELAYS", "0,20") {
        println!("\nembedded regions behind gateways, {delay} ms away");
        runtime.block_on(async {
            let estate = embedded(&all, &parts, Duration::from_millis(delay)).await;
            measure(&estate, count, rounds).await;
        });
    }
    let Ok(program) = std::env::var("TEMPO_BIN") else {
        println!("\nTEMPO_BIN is not set: NOTHING was measured over real Tempos");
        return;
    };
    println!("\nreal Tempos");
    let now = tutti::task::clock::wall_nanos();
    let start = |held: &[Trace]| {
        let tempo = QueryTempo::start(Path::new(&program), now).unwrap();
        // Several exports, each below what a Tempo takes at once.
        let held = held.chunks(50).map(|traces| Held { tenant: TENANT.to_owned(), traces, again: &[] });
        tempo.fill(&held.collect::<Vec<_>>()).unwrap();
        tempo
    };
    let (regions, union): (Vec<_>, _) = (parts.iter().map(|part| start(part)).collect(), start(&all));
    runtime.block_on(async {
        let far = regions.iter().map(|tempo| far(tempo.address())).collect();
        let estate = Estate {
            regions: regions.iter().map(|tempo| tempo.address().to_string()).collect(),
            union: union.address().to_string(),
            over: vec![("over HTTP", gateway(far).await.to_string())],
            sent: None,
            window: window(union.beginning, count),
        };
        measure(&estate, count, rounds).await;
    });
}

const TENANT: &str = "bench";

/// A trace of 10 to 90 spans. They start a second apart.
fn trace(number: u64) -> Trace {
    let mut rng = StdRng::seed_from_u64(number);
    let body = support::whole(number + 1, rng.random_range(10..90));
    let mut id = support::TRACE_ID;
    id[8..].copy_from_slice(&(number + 1).to_be_bytes());
    let mut batches = TracesData::decode(body).unwrap().resource_spans;
    let spans = batches.iter_mut().flat_map(|batch| &mut batch.scope_spans);
    spans.flat_map(|scope| &mut scope.spans).for_each(|span| span.trace_id = id.to_vec());
    let later = (BEGINNING + number * 1_000_000_000).wrapping_sub(support::BEGIN);
    Trace { id, batches }.shifted(later).canonical()
}

/// Each span in one region, by chance.
fn split(all: &[Trace]) -> Vec<Vec<Trace>> {
    let part = |rank: usize| {
        let mut rng = StdRng::seed_from_u64(7);
        let mut kept = all.to_vec();
        for scope in kept.iter_mut().flat_map(|t| &mut t.batches).flat_map(|batch| &mut batch.scope_spans) {
            scope.spans.retain(|_| rng.random_range(0..REGIONS.len()) == rank);
        }
        kept.iter().map(Trace::canonical).filter(|trace| !trace.batches.is_empty()).collect()
    };
    (0..REGIONS.len()).map(part).collect()
}

fn window(beginning: u64, count: u64) -> (u64, u64) {
    let begin = beginning / 1_000_000_000;
    (begin - 60, begin + count + 60)
}

async fn embedded(all: &[Trace], parts: &[Vec<Trace>], delay: Duration) -> Estate {
    let holding = |traces: &[Trace]| {
        let memory = Arc::new(MemoryBackend::new(MemorySettings::default()));
        for trace in traces {
            let taken = memory.ingest(export([trace]).encode_to_vec().into()).unwrap();
            assert_eq!(taken.rejected.total(), 0);
        }
        memory as Arc<dyn Backend>
    };
    let sent = Arc::new(Sent::default());
    let (mut regions, mut far_ones, mut near) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let memory = holding(part);
        near.push(memory.clone());
        let counted = served(vec![memory]).layer(from_fn({
            let sent = sent.clone();
            move |request, next| count(sent.clone(), delay, request, next)
        }));
        let address = listening(counted).await;
        regions.push(address.to_string());
        far_ones.push(far(address));
    }
    let delayed = move |request: Request, next: Next| async move {
        tokio::time::sleep(delay).await;
        next.run(request).await
    };
    let union = listening(served(vec![holding(all)]).layer(from_fn(delayed))).await;
    let mut over = vec![("over HTTP", gateway(far_ones).await.to_string())];
    if delay.is_zero() {
        over.push(("in process", gateway(near).await.to_string()));
    }
    let window = window(BEGINNING, all.len() as u64);
    Estate { regions, union: union.to_string(), over, sent: Some(sent), window }
}

/// Counts what a region is asked and sends, packed as it is.
async fn count(sent: Arc<Sent>, delay: Duration, request: Request, next: Next) -> Response<Body> {
    let is_search = request.uri().path() == "/api/search";
    let kind = if is_search { &sent.searches } else { &sent.lookups };
    kind.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(delay).await;
    let answered = next.run(request).await;
    let counted = move |frame: axum::body::Bytes| {
        sent.bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
        frame
    };
    answered.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(counted.clone()))))
}

fn far(address: SocketAddr) -> Arc<dyn Backend> {
    let settings = TempoSettings { tenant: Some(TENANT.to_owned()), ..serving::at(address, Auth::None) };
    Arc::new(TempoBackend::new(&settings, 64 << 20).unwrap())
}

fn served(backends: Vec<Arc<dyn Backend>>) -> Router {
    let regions = backends.into_iter().zip(REGIONS).map(|(backend, name)| {
        let (name, jurisdiction) = (RegionName::parse(name).unwrap(), Jurisdiction::parse("EU").unwrap());
        Arc::new(Region::new(name, jurisdiction, backend, LayerSettings::default()))
    });
    let plan = Arc::new(Plan::allow_all());
    let federation = Federation::new(regions.collect(), FederationSettings::default(), plan);
    router(ApiState::new(federation, Metrics::default(), ApiSettings::default()))
}

async fn gateway(backends: Vec<Arc<dyn Backend>>) -> SocketAddr {
    listening(served(backends)).await
}

/// One answer: milliseconds to its last byte, its rows, and the bytes of traces that the gateway says were sent.
struct Answered {
    took: f64,
    rows: Vec<String>,
    reported: u64,
}

async fn ask(client: &reqwest::Client, estate: &Estate, address: &str, query: &str) -> Answered {
    ask_for(client, estate, address, query, (ROWS as u32, 3)).await
}

/// For so many rows, and so many spans of each set.
async fn ask_for(
    client: &reqwest::Client,
    estate: &Estate,
    address: &str,
    query: &str,
    (limit, spss): (u32, u32),
) -> Answered {
    let (start, end) = estate.window;
    let q = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
    let target =
        format!("http://{address}/api/search?q={q}&limit={limit}&spss={spss}&start={start}&end={end}");
    let begun = Instant::now();
    let response = client.get(target).header("X-Scope-OrgID", TENANT).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.unwrap();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let said = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let exactness = said("tutti-exactness");
    assert!(exactness.is_empty() || exactness == "exact", "{exactness}: {}", said("tutti-regions"));
    let bytes = said("tutti-regions");
    let bytes = bytes.split("bytes=").skip(1).map(|rest| rest.split(',').next().unwrap());
    let reported = bytes.map(|bytes| bytes.trim().parse::<u64>().unwrap()).sum();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let rows = answer["traces"].as_array().cloned().unwrap_or_default();
    let id = |row: &serde_json::Value| row["traceID"].as_str().unwrap().to_owned();
    Answered { took, rows: rows.iter().map(id).collect(), reported }
}

/// What all threads of this process took of the processors so far, in milliseconds.
fn processors() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The slowest region, and the one that holds all, while two others answer the same.
#[derive(Default)]
struct Sharing {
    slowest: Vec<f64>,
    union: Vec<f64>,
    /// What the three took of the processors together.
    processors: Vec<f64>,
}

impl Sharing {
    async fn ask(&mut self, client: &reqwest::Client, estate: &Estate, query: &str) {
        let [one, two, three] = [0, 1, 2].map(|rank| estate.regions[rank].as_str());
        let three_of = async |addresses: [&str; 3]| {
            let [one, two, three] = addresses.map(|address| ask(client, estate, address, query));
            let answered = futures::join!(one, two, three);
            [answered.0.took, answered.1.took, answered.2.took]
        };
        let before = processors();
        let took = three_of([one, two, three]).await;
        self.processors.push(processors() - before);
        self.slowest.push(took.into_iter().fold(0.0, f64::max));
        self.union.push(three_of([&estate.union, one, two]).await[0]);
    }
}

/// What the questions cost that a search over the three is made of, put to the first region alone: its own search, the
/// listing, what tells traces in outline, and what names those that are too large for it.
async fn questions(client: &reqwest::Client, estate: &Estate, rounds: u64) {
    let (region, query) = (estate.regions[0].as_str(), QUERIES[0].1);
    let listing = format!("{query} with(most_recent=true)");
    let listed = ask_for(client, estate, region, &listing, (24, 1)).await.rows;
    let ids: Vec<String> = listed.iter().map(|id| format!("trace:id=\"{id}\"")).collect();
    let ids = ids.join("||");
    let told = "name, kind, status, span:parentID, resource.service.name, span.http.response.status_code";
    let outline = format!("{{{ids}}} | count() <= 64 | by(span:id) | select({told})");
    let larger = format!("{{{ids}}} | count() > 64");
    let asked = [(query, (20, 3)), (&listing, (24, 1)), (&outline, (25, 2)), (&larger, (25, 2))];
    let mut times = vec![Vec::new(); asked.len()];
    for round in 0..rounds + 2 {
        for ((text, limits), times) in asked.iter().zip(&mut times) {
            let took = ask_for(client, estate, region, text, *limits).await.took;
            if round >= 2 {
                times.push(took);
            }
        }
    }
    let [own, listing, outline, larger] = [0, 1, 2, 3].map(|number: usize| median(times[number].clone()));
    println!(
        "one region alone: own search {own:.2}, listing {listing:.2}, outline {outline:.2}, larger {larger:.2}"
    );
}

async fn measure(estate: &Estate, count: u64, rounds: u64) {
    let client = serving::client();
    questions(&client, estate, rounds).await;
    println!(
        "{:<19} {:<10} {:>8} {:>7} {:>8} {:>8} {:>7} {:>5} {:>11} {:>9} {:>9} {:>12} {:>9}",
        "query",
        "answered",
        "alone",
        "shared",
        "gateway",
        "ratio",
        "shared",
        "goal",
        "bytes a row",
        "on wire",
        "asked",
        "cpu of three",
        "cpu"
    );
    for (name, query, beside) in QUERIES {
        for (way, gateway) in &estate.over {
            let mut asked: Vec<&str> = estate.regions.iter().map(String::as_str).collect();
            asked.extend([estate.union.as_str(), gateway.as_str()]);
            let mut times = vec![Vec::new(); asked.len()];
            let (mut last, mut moved) = (None, [0; 3]);
            let (mut sharing, mut taken) = (Sharing::default(), Vec::new());
            // The first two rounds open connections, and do not count.
            for round in 0..rounds + 2 {
                let mut rows = Vec::new();
                for (address, times) in asked.iter().zip(&mut times) {
                    let before = estate.sent.as_deref().map(read);
                    let began = processors();
                    let answered = ask(&client, estate, address, query).await;
                    if round >= 2 {
                        times.push(answered.took);
                        if address == gateway {
                            taken.push(processors() - began);
                        }
                    }
                    if let Some((before, sent)) = before.zip(estate.sent.as_deref()) {
                        let after = read(sent);
                        moved = std::array::from_fn(|at| after[at] - before[at]);
                    }
                    rows.push(answered.rows.clone());
                    last = Some(answered);
                }
                let [.., of_union, of_all] = rows.as_slice() else { panic!("all are asked") };
                compare(of_union, of_all, estate.sent.is_some(), name);
                if round >= 2 {
                    sharing.ask(&client, estate, query).await;
                }
            }
            let last = last.expect("somebody was asked");
            let medians: Vec<f64> = times.into_iter().map(median).collect();
            let slowest = medians[..REGIONS.len()].iter().copied().fold(0.0, f64::max);
            let (union, through) = (medians[REGIONS.len()], medians[REGIONS.len() + 1]);
            let (alone, shared, goal) = match beside {
                Beside::Slowest => (slowest, median(sharing.slowest), "2.5"),
                Beside::Union => (union, median(sharing.union), "4"),
            };
            // Real Tempos are processes of their own.
            let taken = estate.sent.as_ref().map(|_| [median(sharing.processors), median(taken)]);
            let [of_three, taken] =
                taken.map_or(["-", "-"].map(str::to_owned), |taken| taken.map(|taken| format!("{taken:.1}")));
            let rows = last.rows.len() as u64;
            let each = |count: u64| count as f64 / REGIONS.len() as f64;
            let (wire, questions) = match estate.sent.is_some() && *way == "over HTTP" {
                true => (
                    (moved[2] / rows.max(1)).to_string(),
                    format!("{:.1}+{:.1}", each(moved[0]), each(moved[1])),
                ),
                false => ("-".to_owned(), "-".to_owned()),
            };
            println!(
                "{name:<19} {way:<10} {alone:>8.2} {shared:>7.2} {through:>8.2} {:>7.2}x {:>6.2}x {goal:>5} {:>11} {wire:>9} {questions:>9} {of_three:>12} {taken:>9}",
                through / alone,
                through / shared,
                last.reported / rows.max(1)
            );
            assert!(rows > 0 && rows <= count, "{name} finds {rows} rows");
        }
    }
}

/// Embedded regions list the newest, as the gateway does. A Tempo lists any so many, and only their number is known.
fn compare(of_union: &[String], of_all: &[String], lists_newest: bool, name: &str) {
    assert_eq!(of_union.len(), of_all.len(), "{name}");
    if lists_newest {
        assert_eq!(of_union, of_all, "{name}");
    }
}

fn read(sent: &Sent) -> [u64; 3] {
    [&sent.searches, &sent.lookups, &sent.bytes].map(|count| count.load(Ordering::Relaxed))
}
