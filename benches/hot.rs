//! A kept trace, and the same bytes from nginx: requests a second, and processor time for each, side by side.
//!
//! `cargo bench --bench hot` starts a gateway over three regions in a process of its own with one thread, and an nginx
//! with one worker that has the gateway's answer as a file; both on loopback and, with `taskset`, on the first
//! processor, while `wrk` asks from the others. Rounds alternate. Processor time is that of the serving process, read
//! from /proc before and after each round; what is most telling is requests for each second of it, since on a small
//! machine the client saturates first. Needs `nginx` and `wrk`, and says so where they are absent.
//!
//! `TUTTI_HOT_SPANS=220` (about 200 kB), `TUTTI_HOT_ROUNDS=5`, `TUTTI_HOT_SECONDS=3`, `TUTTI_HOT_CONNECTIONS=32`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a load tool may stop at the first surprise, and measures real time"
)]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;
mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use process::processor_seconds;
use serving::{PROTOBUF, client, fake_region, is_bench, number, region};
use tokio::net::TcpListener;
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::cache::HotSettings;
use tutti::federation::{Federation, FederationSettings};
use tutti::policy::Plan;
use tutti::telemetry::Metrics;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Set in the process that serves.
const SERVES: &str = "TUTTI_HOT_SERVES";

fn main() {
    if std::env::var_os(SERVES).is_some() {
        return serve_gateway();
    }
    if !is_bench() {
        return;
    }
    for (program, flag) in [("nginx", "-v"), ("wrk", "-v")] {
        let found = Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            println!("not measured: `{program}` is not on this machine");
            return;
        }
    }
    measure();
}

/// One thing that serves.
struct Served {
    child: Child,
    address: SocketAddr,
    path: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// On the first processor, where that can be said.
fn pinned(program: &Path, processors: &str) -> Command {
    let has = Command::new("taskset").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !has {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", processors]).arg(program);
    command
}

fn gateway() -> Served {
    let mut child = pinned(&std::env::current_exe().unwrap(), "0")
        .env(SERVES, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Served { child, address: line.trim().parse().unwrap(), path: serving::trace_path() }
}

fn nginx(dir: &Path, body: &[u8]) -> Served {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    std::fs::create_dir_all(dir.join("html")).unwrap();
    std::fs::write(dir.join("html/trace"), body).unwrap();
    let dir_text = dir.display();
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {dir_text}/pid; error_log {dir_text}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=10;\n\
         default_type {PROTOBUF}; client_body_temp_path {dir_text}/a; proxy_temp_path {dir_text}/b;\n\
         fastcgi_temp_path {dir_text}/c; uwsgi_temp_path {dir_text}/d; scgi_temp_path {dir_text}/e;\n\
         server {{ listen 127.0.0.1:{port}; root {dir_text}/html; }} }}\n"
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = pinned(&PathBuf::from("nginx"), "0");
    let child = command.arg("-c").arg(&file).arg("-p").arg(dir).stderr(Stdio::null()).spawn().unwrap();
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    // Ends with what it is in, however this ends.
    let served = Served { child, address, path: "/trace".to_owned() };
    for _ in 0..200 {
        if std::net::TcpStream::connect(address).is_ok() {
            return served;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nginx does not listen: see {dir_text}/error.log");
}

fn body_of(gateway: &Served) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        rustls::crypto::ring::default_provider().install_default().unwrap();
        let client = client();
        let url = format!("http://{}{}", gateway.address, gateway.path);
        let mut body = Bytes::new();
        // Asked for, then kept, then written.
        for expected in ["miss", "hit", "hit", "hit"] {
            let response = client.get(&url).header(header::ACCEPT, PROTOBUF).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["tutti-cache"], expected);
            body = response.bytes().await.unwrap();
        }
        body.to_vec()
    })
}

/// Requests a second, and for each second of the server's processor time.
fn round(served: &Served, seconds: u64, connections: u64) -> (f64, f64) {
    let before = processor_seconds(served.child.id());
    let output = pinned(&PathBuf::from("wrk"), "1-63")
        .args(["-t", "1", "-c", &connections.to_string(), "-d", &format!("{seconds}s")])
        .args(["-H", &format!("Accept: {PROTOBUF}")])
        .arg(format!("http://{}{}", served.address, served.path))
        .output()
        .unwrap();
    let spent = processor_seconds(served.child.id()) - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{text}");
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in")).unwrap().0;
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap();
    (rate.trim().parse().unwrap(), requests.trim().parse::<f64>().unwrap() / spent)
}

fn measure() {
    let rounds = number("TUTTI_HOT_ROUNDS", 5, 50);
    let seconds = number("TUTTI_HOT_SECONDS", 3, 60);
    let connections = number("TUTTI_HOT_CONNECTIONS", 32, 1000);
    let dir = tempfile::tempdir().unwrap();
    let gateway = gateway();
    let body = body_of(&gateway);
    let nginx = nginx(dir.path(), &body);
    println!(
        "{} bytes, {connections} connections, {rounds} rounds of {seconds} s each in turn\n",
        body.len()
    );
    println!("{:>7} {:>22} {:>32}", "", "requests a second", "requests a processor-second");
    println!(
        "{:>7} {:>8} {:>8} {:>5} {:>12} {:>12} {:>6}",
        "round", "tutti", "nginx", "", "tutti", "nginx", ""
    );
    let mut ratios = Vec::new();
    for nth in 1..=rounds {
        let ours = round(&gateway, seconds, connections);
        let theirs = round(&nginx, seconds, connections);
        let (rate, share) = (ours.0 / theirs.0, ours.1 / theirs.1);
        println!(
            "{nth:>7} {:>8.0} {:>8.0} {rate:>5.2} {:>12.0} {:>12.0} {share:>6.2}",
            ours.0, theirs.0, ours.1, theirs.1
        );
        ratios.push((rate, share));
    }
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = ratios.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!(
        "\nmedian of the ratios: {:.2} of the requests a second (goal: 0.80 at least),",
        median(|r| r.0)
    );
    println!("{:.2} of the requests a processor-second (goal: 1.00 at least)", median(|r| r.1));
}

fn serve_gateway() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let spans = number("TUTTI_HOT_SPANS", 220, 100_000) as usize;
        let mut regions = Vec::new();
        for part in support::regions(spans) {
            regions.push(region(regions.len(), fake_region(part, Duration::ZERO).await));
        }
        let hot = HotSettings {
            young: Duration::from_hours(1),
            old: Duration::from_hours(1),
            ..HotSettings::GATEWAY
        };
        let settings = FederationSettings { hot, ..FederationSettings::default() };
        let federation = Federation::new(regions, settings, Arc::new(Plan::allow_all()));
        let routes = router(ApiState::new(federation, Metrics::default(), ApiSettings::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let settings = ServeSettings::default();
        tokio::spawn(serve(listener, routes, settings, std::future::pending())).await.unwrap().unwrap();
    });
}
