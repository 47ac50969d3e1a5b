//! What one gateway's processor time buys: see docs/capacity.md.
//!
//! `cargo bench --bench capacity` serves fake regions on loopback from this process and starts the gateway
//! itself (`tutti serve`) as a child. Lookups go out at a fixed rate, whether or not earlier ones are answered,
//! and each latency counts from the moment at which the lookup was due; every second one goes to a region
//! itself. The cost of a lookup is the processor time of the child alone, from `/proc`: what else the machine does
//! moves latencies, but hardly this. At the end a model of two terms is fitted to some cells, and held against those
//! that it has not seen.
//!
//! `TUTTI_CAPACITY_SECONDS=6` is how long each cell is measured; `TUTTI_CAPACITY_ONLY=regions` measures one table.
//! Linux only, since it reads `/proc`.

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

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tutti::api::serve::{ServeSettings, serve};
use tutti::wire::protobuf::put_bytes_field;

/// Ticks of the kernel's clock for processes: USER_HZ, 100 on every Linux that is met.
const TICK: Duration = Duration::from_millis(10);
/// Lookups under way at one time, at most: an open loop that is never caught up with must still end.
const UNDER_WAY_MAX: usize = 2_000;
/// Before each cell, so that connections and caches are as they will be.
const WARM_UP: usize = 40;
/// Replicas are planned to be this busy: room for a burst, and for one of them being away.
const BUSY: f64 = 0.6;

struct Setting {
    regions: usize,
    spans: usize,
    /// Lines of `[gateway]` and tables that follow.
    policy: &'static str,
    keys: usize,
    cache_bytes: &'static str,
    /// Ids that are asked for, one after the other; 0 is a new one each time.
    ids: u64,
    per_second: u32,
}

const USUAL: Setting = Setting {
    regions: 3,
    spans: 100,
    policy: "packs = []",
    keys: 0,
    cache_bytes: "0",
    ids: 0,
    per_second: 200,
};

struct Cell {
    cpu_micros: f64,
    through: Vec<f64>,
    direct: Vec<f64>,
    answer: usize,
    resident_kb: u64,
    peak_kb: u64,
}

fn main() {
    // `cargo test --benches` runs this too; there is nothing to test.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let only = std::env::var("TUTTI_CAPACITY_ONLY").unwrap_or_default();
        let is_wanted = |table: &str| only.is_empty() || only == table;
        let mut seen = Vec::new();
        if is_wanted("regions") {
            title("regions, 100 spans, nothing withheld, no cache");
            for regions in [1, 2, 3, 5, 8] {
                let setting = Setting { regions, ..USUAL };
                seen.push((regions, 100, measured(&regions.to_string(), &setting).await.cpu_micros));
            }
        }
        if is_wanted("spans") {
            title("spans, 3 regions, nothing withheld, no cache");
            for (spans, per_second) in [(10, 200), (100, 200), (1_000, 100), (10_000, 10)] {
                let setting = Setting { spans, per_second, ..USUAL };
                seen.push((3, spans, measured(&spans.to_string(), &setting).await.cpu_micros));
            }
        }
        if is_wanted("policy") {
            title("policy, 3 regions, 1000 spans, no cache");
            let of = |policy, keys| Setting { policy, keys, spans: 1_000, per_second: 60, ..USUAL };
            measured("nothing withheld", &of("packs = []", 0)).await;
            measured("10 listed keys", &of("packs = []", 10)).await;
            measured("100 listed keys", &of("packs = []", 100)).await;
            measured("baseline", &of("", 0)).await;
        }
        if is_wanted("cache") {
            title("cache, 3 regions, 100 spans, 200 ids in turn (12 MB)");
            for (cache_bytes, per_second) in [("0", 200), ("4MiB", 200), ("64MiB", 800)] {
                let setting = Setting { cache_bytes, ids: 200, per_second, ..USUAL };
                measured(cache_bytes, &setting).await;
            }
        }
        if is_wanted("model") {
            title("what the model is held against");
            let held = [(8, 1_000, 40), (5, 300, 100), (2, 3_000, 30)];
            let mut unseen = Vec::new();
            for (regions, spans, per_second) in held {
                let setting = Setting { regions, spans, per_second, ..USUAL };
                let name = format!("{regions} regions, {spans} spans");
                unseen.push((regions, spans, measured(&name, &setting).await.cpu_micros));
            }
            model(&seen, &unseen);
        }
    });
}

fn title(text: &str) {
    println!("\n{text}\n");
    println!(
        "| | rate /s | CPU µs | per core /s | through p50 / p99 ms | region p50 / p99 ms | answer B | RSS / peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
}

async fn measured(name: &str, setting: &Setting) -> Cell {
    let mut cell = measure(setting).await;
    let (through, direct) = (shown(&mut cell.through), shown(&mut cell.direct));
    println!(
        "| {name} | {} | {:.0} | {:.0} | {through} | {direct} | {} | {} / {} |",
        setting.per_second,
        cell.cpu_micros,
        1e6 / cell.cpu_micros,
        cell.answer,
        cell.resident_kb / 1_000,
        cell.peak_kb / 1_000
    );
    cell
}

fn shown(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    format!("{:.1} / {:.1}", at(0.5), at(0.99))
}

async fn measure(setting: &Setting) -> Cell {
    let parts = support::regions(setting.spans);
    let mut regions = Vec::new();
    for rank in 0..setting.regions {
        regions.push(fake_region(share(&parts, rank, setting.regions)).await);
    }
    let gateway = Gateway::start(setting, &regions);
    let client = reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]).build().unwrap();
    let mut answer = 0;
    let ids = if setting.ids == 0 { WARM_UP as u64 } else { setting.ids };
    // Ids of the warm-up are asked for again only where the same are asked for in turn.
    let before = if setting.ids == 0 { 1 << 40 } else { 0 };
    for id in 0..ids {
        answer = ask(&client, gateway.address, before + id, Instant::now()).await.1;
    }
    let seconds: u32 = std::env::var("TUTTI_CAPACITY_SECONDS").map_or(6, |text| text.parse().unwrap());
    let lookups = (setting.per_second * seconds.clamp(1, 600)) as usize;
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (begun, cpu) = (Instant::now(), gateway.processor_time());
    let mut under_way = Vec::new();
    for number in 0..lookups {
        // Twice the rate, since every other one goes to a region.
        for is_direct in [false, true] {
            let half = f64::from(u8::from(is_direct)) / 2.0;
            let due = begun + Duration::from_secs_f64((number as f64 + half) / f64::from(setting.per_second));
            tokio::time::sleep_until(due.into()).await;
            let permit = places.clone().acquire_owned().await.unwrap();
            let (client, server) = (client.clone(), if is_direct { regions[0] } else { gateway.address });
            let id = if setting.ids == 0 { number as u64 } else { number as u64 % setting.ids };
            under_way.push((
                is_direct,
                tokio::spawn(async move {
                    let took = ask(&client, server, id, due).await.0;
                    drop(permit);
                    took
                }),
            ));
        }
    }
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for (is_direct, task) in under_way {
        let times = if is_direct { &mut direct } else { &mut through };
        times.push(task.await.unwrap());
    }
    let cpu = gateway.processor_time() - cpu;
    let (resident_kb, peak_kb) = gateway.memory_kb();
    Cell {
        cpu_micros: cpu.as_secs_f64() * 1e6 / lookups as f64,
        through,
        direct,
        answer,
        resident_kb,
        peak_kb,
    }
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

/// A region that has every trace that is asked for: one, under all ids.
async fn fake_region(part: Bytes) -> SocketAddr {
    let mut answer = Vec::new();
    put_bytes_field(&mut answer, 1, &part);
    let id = support::TRACE_ID;
    let places: Arc<[usize]> = memchr::memmem::find_iter(&answer, &id).collect();
    let answer = Bytes::from(answer);
    let trace = move |Path(asked): Path<String>| {
        let mut answer = answer.to_vec();
        let places = places.clone();
        async move {
            let id = u128::from_str_radix(&asked, 16).unwrap().to_be_bytes();
            for place in places.iter() {
                answer[*place..*place + id.len()].copy_from_slice(&id);
            }
            ([(header::CONTENT_TYPE, "application/protobuf")], answer)
        }
    };
    let routes = Router::new()
        .route("/api/v2/traces/{id}", get(trace))
        .route("/api/status/buildinfo", get(|| async { r#"{"version":"3.0.2"}"# }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, routes, ServeSettings::default(), std::future::pending()));
    address
}

/// Asks once; milliseconds from when it was due to the last byte, and the bytes.
async fn ask(client: &reqwest::Client, server: SocketAddr, id: u64, due: Instant) -> (f64, usize) {
    // No id of Tempo is all zeros in front.
    let url = format!("http://{server}/api/v2/traces/{:032x}", (0x7u128 << 124) + u128::from(id));
    let response = client.get(url).header(header::ACCEPT, "application/protobuf").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let outcome = response.headers().get("tutti-outcome").cloned();
    let body = response.bytes().await.unwrap();
    assert!(outcome.is_none_or(|outcome| outcome == "complete"), "the gateway's answer is not whole");
    (due.elapsed().as_secs_f64() * 1e3, body.len())
}

/// The executable, serving; killed when it is let go.
struct Gateway {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Gateway {
    fn start(setting: &Setting, regions: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::new();
        let policies = if setting.keys > 0 { "policies = \"policies\"\n" } else { "" };
        let policy = if setting.keys > 0 { "packs = []" } else { setting.policy };
        writeln!(text, "[gateway]\nregion = \"region-0\"\n{policies}{policy}").unwrap();
        writeln!(text, "[cache]\nbytes_max = \"{}\"\nlateness = \"1s\"", setting.cache_bytes).unwrap();
        for (rank, address) in regions.iter().enumerate() {
            writeln!(text, "[[region]]\nname = \"region-{rank}\"\njurisdiction = \"EU\"\nkind = \"tempo\"")
                .unwrap();
            writeln!(text, "url = \"http://{address}\"\nconcurrent_max = 1000").unwrap();
        }
        if setting.keys > 0 {
            let keys: Vec<String> = (0..setting.keys).map(|key| format!("\"app.listed.{key}\"")).collect();
            let names: Vec<String> = (0..regions.len()).map(|rank| format!("\"region-{rank}\"")).collect();
            let rule = format!(
                "[[rule]]\nregions = [{}]\nkeys = [{}, \"url.full\"]\ntreatment = \"mask\"\n",
                names.join(", "),
                keys.join(", ")
            );
            std::fs::create_dir(folder.path().join("policies")).unwrap();
            std::fs::write(folder.path().join("policies/keys.toml"), rule).unwrap();
        }
        let config = folder.path().join("regions.toml");
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tutti"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()])
            .env("RUST_LOG", "warn,tutti=info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else { panic!("the gateway ended:\n{said}") };
            if let Some(address) =
                line.split("listen=").nth(1).and_then(|rest| rest.split_whitespace().next())
            {
                break address.parse().unwrap();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // Somebody has to read on, or the child waits for its log.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _folder: folder }
    }

    fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name, which may hold anything: the state is field 3, utime and stime are 14 and 15.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        TICK * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
    }

    /// Resident now, and at most since it began.
    fn memory_kb(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cpu = request + region * regions + span * spans`, by least squares over what was seen, each cell weighed by its
/// own size so that small ones count.
fn model(seen: &[(usize, usize, f64)], unseen: &[(usize, usize, f64)]) {
    if seen.len() < 4 {
        println!("\nthe model needs the tables `regions` and `spans` of the same run");
        return;
    }
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
    let [request, region, span] = solved(normal);
    println!("\nCPU µs of a lookup = {request:.0} + {region:.0} a region + {span:.3} a span\n");
    println!("| regions | spans | measured | model | off |\n|---|---|---|---|---|");
    for (regions, spans, cost) in seen.iter().chain(unseen) {
        let told = request + region * *regions as f64 + span * *spans as f64;
        let off = (told / cost - 1.0) * 100.0;
        println!("| {regions} | {spans} | {cost:.0} | {told:.0} | {off:+.0} % |");
    }
    for spans in [100.0, 1_000.0] {
        let cost = request + region * 8.0 + span * spans;
        let cores = 10_000.0 * cost / 1e6;
        println!(
            "\n10000 lookups a second, 8 regions, {spans} spans, none from memory: {cores:.1} cores, {:.0} replicas of one core that are {:.0} % busy",
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
