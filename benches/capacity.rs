//! What one gateway's processor time buys: see docs/capacity.md.
//!
//! `cargo bench --bench capacity` serves fake regions on loopback from this process and starts the gateway
//! itself (`tutti serve`) as a child. Lookups go out at a fixed rate, whether or not earlier ones are answered,
//! and each latency counts from the moment at which the lookup was due; every second one goes to a region
//! itself. The cost of a lookup is the processor time of the child alone, from `/proc`: what else the machine does
//! moves latencies, but hardly this. A model of two terms is fitted to some cells, and held against those that it has
//! not seen; at last one gateway is given the share of 10,000 lookups a second that the model gives to a replica.
//!
//! Ends in failure where a gateway held more than its `limits.memory_max`. `TUTTI_CAPACITY_SECONDS=6` is how long each
//! cell is measured; `TUTTI_CAPACITY_ONLY=regions,spans` measures some of the tables `regions`, `spans`, `policy`,
//! `cache`, `model` (which needs the first two) and `replica` (which needs the model); `TUTTI_CAPACITY_SLOWEST=5` shows
//! what the gateway's log says of the slowest answers of each cell. Linux only, since it reads `/proc`.

#![allow(
    clippy::needless_range_loop,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a load tool may stop at the first surprise, and measures real time"
)]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;
mod support;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use process::Gateway;
use prost::Message;
use serving::{ask, client, fake_region, is_bench, number, quantile};
use tokio::sync::Semaphore;

/// Lookups under way at one time, at most: an open loop that is never caught up with must still end.
const UNDER_WAY_MAX: usize = 2_000;
/// Before each cell, so that connections and caches are as they will be.
const WARM_UP: u64 = 40;
/// Of them at one time, so that as many connections are open as will be.
const WARM_UP_AT_ONCE: u64 = 8;
/// By then what the gateway wrote to its log has been read.
const READ_BY: Duration = Duration::from_millis(100);
/// Replicas are planned to be this busy: room for a burst, and for one of them being away.
const BUSY: f64 = 0.6;
/// What is to be carried, by how many replicas is the question.
const PLANNED_PER_SECOND: f64 = 10_000.0;
/// `limits.memory_max` of every gateway that is measured, that of a small container.
const MEMORY_MAX_KB: u64 = 512 << 10;

struct Setting {
    regions: usize,
    spans: usize,
    policy: Policy,
    cache_bytes: &'static str,
    /// Ids that are asked for, one after the other; 0 is a new one each time.
    ids: u64,
    per_second: u32,
}

/// What is withheld.
#[derive(Clone, Copy)]
enum Policy {
    Nothing,
    /// So many keys by name, and one besides that every span has.
    Keys(usize),
    /// The built-in policies by class.
    Baseline,
}

const USUAL: Setting =
    Setting { regions: 3, spans: 100, policy: Policy::Nothing, cache_bytes: "0", ids: 0, per_second: 200 };

struct Cell {
    cpu_micros: f64,
    busy: f64,
    through: Vec<f64>,
    direct: Vec<f64>,
    /// As the gateway's own log has it: until an answer had left it.
    own: Vec<f64>,
    answer: usize,
    memory: process::MemoryKb,
}

/// What the gateway's log says of its answers: milliseconds until each had left, and the line of the slowest.
#[derive(Clone, Default)]
struct Own(Arc<Mutex<Vec<(f64, String)>>>);

impl Own {
    fn hear(&self, line: &str) {
        let sent = line.split("sent_ms=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let Some(sent) = sent {
            self.0.lock().unwrap().push((sent, line.to_owned()));
        }
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    /// And prints the lines of the slowest, where that is asked for.
    fn times(&self) -> Vec<f64> {
        let mut heard = self.0.lock().unwrap();
        heard.sort_by(|one, other| other.0.total_cmp(&one.0));
        let shown = number("TUTTI_CAPACITY_SLOWEST", 0, 100) as usize;
        heard.iter().take(shown).for_each(|(_, line)| println!("    {line}"));
        heard.iter().map(|(sent, _)| *sent).collect()
    }
}

/// Regions, spans, and what a lookup cost.
type Cost = (usize, usize, f64);

fn main() -> ExitCode {
    if !is_bench() {
        return ExitCode::SUCCESS;
    }
    let only = std::env::var("TUTTI_CAPACITY_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split(',').filter(|table| !table.is_empty()).collect();
    let peak = serving::runtime().block_on(tables(&|table| only.is_empty() || only.contains(&table)));
    let is_kept = peak <= MEMORY_MAX_KB;
    let word = if is_kept { "never above" } else { "ABOVE" };
    println!("\nMemory: {} MB at most, {word} the ceiling of {} MB.", peak / 1_000, MEMORY_MAX_KB / 1_000);
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The most that any gateway held.
async fn tables(is_wanted: &dyn Fn(&str) -> bool) -> u64 {
    let mut peak = 0;
    let mut seen: Vec<Cost> = Vec::new();
    if is_wanted("regions") {
        title("regions, 100 spans, nothing withheld, no cache");
        for regions in [1, 2, 3, 5, 8] {
            let setting = Setting { regions, ..USUAL };
            seen.push((regions, 100, measured(&regions.to_string(), &setting, &mut peak).await));
        }
    }
    if is_wanted("spans") {
        title("spans, 3 regions, nothing withheld, no cache");
        for (spans, per_second) in [(10, 200), (100, 200), (1_000, 100), (10_000, 10)] {
            let setting = Setting { spans, per_second, ..USUAL };
            seen.push((3, spans, measured(&spans.to_string(), &setting, &mut peak).await));
        }
    }
    if is_wanted("policy") {
        title("policy, 3 regions, 1000 spans, no cache");
        for (name, policy) in [
            ("nothing withheld", Policy::Nothing),
            ("10 listed keys", Policy::Keys(10)),
            ("100 listed keys", Policy::Keys(100)),
            ("1000 listed keys", Policy::Keys(1_000)),
            ("baseline", Policy::Baseline),
        ] {
            measured(name, &Setting { policy, spans: 1_000, per_second: 60, ..USUAL }, &mut peak).await;
        }
    }
    if is_wanted("cache") {
        title("cache, 3 regions, 100 spans, 200 ids in turn (16 MB of answers)");
        for (cache_bytes, per_second) in [("0", 200), ("4MiB", 200), ("64MiB", 200), ("64MiB", 800)] {
            let setting = Setting { cache_bytes, ids: 200, per_second, ..USUAL };
            measured(cache_bytes, &setting, &mut peak).await;
        }
    }
    if is_wanted("model") && seen.len() > 3 {
        let terms = held_against_unseen(&seen, &mut peak).await;
        if is_wanted("replica") {
            replica(terms, &mut peak).await;
        }
    }
    peak
}

async fn held_against_unseen(seen: &[Cost], peak: &mut u64) -> [f64; 3] {
    title("what the model is held against");
    let mut unseen = Vec::new();
    for (regions, spans, per_second) in [(8, 1_000, 40), (5, 300, 100), (2, 3_000, 30)] {
        let setting = Setting { regions, spans, per_second, ..USUAL };
        let name = format!("{regions} regions, {spans} spans");
        unseen.push((regions, spans, measured(&name, &setting, peak).await));
    }
    let terms = model(seen);
    told(terms, seen, &unseen);
    terms
}

/// One gateway with the share of a replica, by the model, and with half and one and a half times that.
async fn replica(terms: [f64; 3], peak: &mut u64) {
    let cost = cost(terms, 8, 100);
    let replicas = (PLANNED_PER_SECOND * cost / 1e6 / BUSY).ceil();
    let share = PLANNED_PER_SECOND / replicas;
    title(&format!("one of {replicas} replicas: 8 regions, 100 spans, new ids"));
    for times in [0.5, 1.0, 1.5] {
        let setting = Setting { regions: 8, per_second: (share * times) as u32, ..USUAL };
        let name = format!("{times} of its share");
        measured(&name, &setting, peak).await;
    }
}

fn title(text: &str) {
    println!("\n{text}\n");
    println!(
        "| | rate /s | CPU µs | per core /s | cores busy | through p50 / p99 ms | by its log | region p50 / p99 ms | answer kB | RSS / peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
}

async fn measured(name: &str, setting: &Setting, peak: &mut u64) -> f64 {
    let mut cell = measure(setting).await;
    let (through, direct, own) = (shown(&mut cell.through), shown(&mut cell.direct), shown(&mut cell.own));
    println!(
        "| {name} | {} | {:.0} | {:.0} | {:.2} | {through} | {own} | {direct} | {:.1} | {} / {} |",
        setting.per_second,
        cell.cpu_micros,
        1e6 / cell.cpu_micros,
        cell.busy,
        cell.answer as f64 / 1e3,
        cell.memory.resident / 1_000,
        cell.memory.peak / 1_000
    );
    *peak = (*peak).max(cell.memory.peak);
    cell.cpu_micros
}

fn shown(times: &mut [f64]) -> String {
    format!("{:.1} / {:.1}", quantile(times, 0.5), quantile(times, 0.99))
}

async fn measure(setting: &Setting) -> Cell {
    let parts = support::regions(setting.spans);
    let mut regions = Vec::new();
    for rank in 0..setting.regions {
        regions.push(fake_region(share(&parts, rank, setting.regions), Duration::ZERO).await);
    }
    let (config, rules) = configured(setting, &regions);
    let own = Own::default();
    let hearing = own.clone();
    let gateway = Gateway::start(&config, rules.as_deref(), move |line| hearing.hear(line));
    let client = client();
    let answer = warm_up(&client, gateway.address, setting.ids).await;
    // Lines of the warm-up have been read by then.
    tokio::time::sleep(READ_BY).await;
    own.forget();
    let seconds = number("TUTTI_CAPACITY_SECONDS", 6, 600).max(1);
    let lookups = u64::from(setting.per_second) * seconds;
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (begun, cpu) = (Instant::now(), gateway.processor_seconds());
    let mut under_way = Vec::new();
    for number in 0..lookups {
        // Twice the rate, since every other one goes to a region.
        for is_direct in [false, true] {
            let half = f64::from(u8::from(is_direct)) / 2.0;
            let due = begun + Duration::from_secs_f64((number as f64 + half) / f64::from(setting.per_second));
            tokio::time::sleep_until(due.into()).await;
            let permit = places.clone().acquire_owned().await.unwrap();
            let server = if is_direct { regions[0] } else { gateway.address };
            let id = if setting.ids == 0 { number } else { number % setting.ids };
            let (client, url) = (client.clone(), url(server, id));
            let asked = tokio::spawn(async move {
                let took = ask(&client, &url, due).await.0;
                drop(permit);
                took
            });
            under_way.push((is_direct, asked));
        }
    }
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for (is_direct, task) in under_way {
        let times = if is_direct { &mut direct } else { &mut through };
        times.push(task.await.unwrap());
    }
    let cpu = gateway.processor_seconds() - cpu;
    let busy = cpu / begun.elapsed().as_secs_f64();
    tokio::time::sleep(READ_BY).await;
    Cell {
        cpu_micros: cpu * 1e6 / lookups as f64,
        busy,
        own: own.times(),
        through,
        direct,
        answer,
        memory: gateway.memory_kb(),
    }
}

/// The size of an answer. Ids of the warm-up are asked for again only where the same are asked for in turn.
async fn warm_up(client: &reqwest::Client, gateway: SocketAddr, ids: u64) -> usize {
    let (first, count) = if ids == 0 { (1 << 40, WARM_UP) } else { (0, ids) };
    let mut bytes = 0;
    for begin in (first..first + count).step_by(WARM_UP_AT_ONCE as usize) {
        let some = begin..(begin + WARM_UP_AT_ONCE).min(first + count);
        let urls: Vec<String> = some.map(|id| url(gateway, id)).collect();
        let asked = urls.iter().map(|url| ask(client, url, Instant::now()));
        bytes = futures::future::join_all(asked).await.iter().map(|asked| asked.1).max().unwrap();
    }
    bytes
}

/// No id of Tempo is all zeros in front.
fn url(server: SocketAddr, id: u64) -> String {
    format!("http://{server}/api/v2/traces/{:032x}", (0x7u128 << 124) + u128::from(id))
}

/// The share of one of so many regions in a trace of always the same spans: its resources, dealt out in turn.
fn share(parts: &[Bytes], rank: usize, regions: usize) -> Bytes {
    if regions == parts.len() {
        return parts[rank].clone();
    }
    let all = parts.iter().flat_map(|part| TracesData::decode(part.clone()).unwrap().resource_spans);
    let own = all.enumerate().filter(|(number, _)| number % regions == rank).map(|(_, resource)| resource);
    TracesData { resource_spans: own.collect() }.encode_to_vec().into()
}

/// `regions.toml`, and `keys.toml` where keys are listed.
fn configured(setting: &Setting, regions: &[SocketAddr]) -> (String, Option<String>) {
    let policy = match setting.policy {
        Policy::Nothing => "packs = []",
        Policy::Keys(_) => "policies = \"policies\"\npacks = []",
        Policy::Baseline => "",
    };
    let mut text = format!("[gateway]\nregion = \"region-0\"\n{policy}\n");
    writeln!(text, "[limits]\nmemory_max = \"{MEMORY_MAX_KB}KiB\"").unwrap();
    writeln!(text, "[cache]\nbytes_max = \"{}\"\nlateness = \"1s\"", setting.cache_bytes).unwrap();
    for (rank, address) in regions.iter().enumerate() {
        writeln!(text, "[[region]]\nname = \"region-{rank}\"\njurisdiction = \"EU\"\nkind = \"tempo\"")
            .unwrap();
        writeln!(text, "url = \"http://{address}\"\nconcurrent_max = 1000").unwrap();
    }
    let Policy::Keys(count) = setting.policy else { return (text, None) };
    let keys: Vec<String> = (0..count).map(|key| format!("\"app.listed.{key}\"")).collect();
    let keys = keys.join(", ");
    let rules = format!("[[rule]]\nregions = \"*\"\nkeys = [{keys}, \"url.path\"]\ntreatment = \"mask\"\n");
    (text, Some(rules))
}

/// `cost = request + region * regions + span * spans`, by least squares over what was seen, each cell weighed by its
/// own size so that small ones count.
fn model(seen: &[Cost]) -> [f64; 3] {
    let mut normal = [[0.0f64; 4]; 3];
    for (regions, spans, cost) in seen {
        let row = [1.0, *regions as f64, *spans as f64];
        for (line, left) in row.iter().enumerate() {
            for (column, right) in row.iter().enumerate() {
                normal[line][column] += left * right / (cost * cost);
            }
            normal[line][3] += left / cost;
        }
    }
    solved(normal)
}

fn cost([request, region, span]: [f64; 3], regions: usize, spans: usize) -> f64 {
    request + region * regions as f64 + span * spans as f64
}

fn told(terms: [f64; 3], seen: &[Cost], unseen: &[Cost]) {
    let [request, region, span] = terms;
    println!("\nCPU µs of a lookup = {request:.0} + {region:.0} a region + {span:.3} a span\n");
    println!("| regions | spans | | measured | model | off |\n|---|---|---|---|---|---|");
    let seen = seen.iter().map(|cell| (cell, "fitted"));
    for ((regions, spans, measured), how) in seen.chain(unseen.iter().map(|cell| (cell, "not seen"))) {
        let told = cost(terms, *regions, *spans);
        let off = (told / measured - 1.0) * 100.0;
        println!("| {regions} | {spans} | {how} | {measured:.0} | {told:.0} | {off:+.0} % |");
    }
    for spans in [100, 1_000] {
        let cores = PLANNED_PER_SECOND * cost(terms, 8, spans) / 1e6;
        println!(
            "\n{PLANNED_PER_SECOND} lookups a second, 8 regions, {spans} spans, none from memory: {cores:.1} cores, {:.0} replicas of one core that are {:.0} % busy",
            (cores / BUSY).ceil(),
            BUSY * 100.0
        );
    }
}

/// Of three equations, by elimination.
fn solved(mut rows: [[f64; 4]; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        let best = (pivot..3).max_by(|a, b| rows[*a][pivot].abs().total_cmp(&rows[*b][pivot].abs())).unwrap();
        rows.swap(pivot, best);
        for line in 0..3 {
            if line != pivot {
                let share = rows[line][pivot] / rows[pivot][pivot];
                for column in 0..4 {
                    rows[line][column] -= share * rows[pivot][column];
                }
            }
        }
    }
    [rows[0][3] / rows[0][0], rows[1][3] / rows[1][1], rows[2][3] / rows[2][2]]
}
