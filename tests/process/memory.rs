//! What a process comes to hold while far more is asked for than it may: measured by the system.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tutti::wire::export::protobuf_of_json;
use tutti::wire::protobuf::put_message;

use super::fake_region::{Asked, FakeRegion, Reply, protobuf, text};
use super::running::Running;

/// What the process may come to hold, and more than twice that is asked for.
const MEMORY_MAX: u64 = 192 << 20;
const REQUESTS: usize = 100;
const SPANS: usize = 400;
const NOTE_BYTES: usize = 10 << 10;

const TEMPLATE: &str = "0af7651916cd43dd8448eb211c80319c";

fn bytes_of(id: &str) -> Vec<u8> {
    (0..16).map(|nth| u8::from_str_radix(&id[nth * 2..nth * 2 + 2], 16).unwrap()).collect()
}

/// A trace of some 4 MB.
fn large() -> Vec<u8> {
    let note = "x".repeat(NOTE_BYTES);
    let spans: Vec<String> = (1..=SPANS)
        .map(|span| {
            format!(
                r#"{{"traceId":"{TEMPLATE}","spanId":"{span:016x}","name":"step","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000001000000","attributes":[{{"key":"note","value":{{"stringValue":"{note}"}}}}]}}"#
            )
        })
        .collect();
    let spans = spans.join(",");
    let export = format!(
        r#"{{"resourceSpans":[{{"resource":{{}},"scopeSpans":[{{"scope":{{}},"spans":[{spans}]}}]}}]}}"#
    );
    let export = protobuf_of_json(export.as_bytes()).unwrap();
    let mut body = Vec::new();
    put_message(&mut body, 1, |trace| trace.extend_from_slice(&export));
    put_message(&mut body, 2, |_| {});
    body
}

/// The same trace by another id.
fn renamed(body: &[u8], id: &str) -> Vec<u8> {
    let (from, to) = (bytes_of(TEMPLATE), bytes_of(id));
    let mut body = body.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&body, &from).collect();
    for at in places {
        body[at..at + 16].copy_from_slice(&to);
    }
    body
}

async fn region() -> FakeRegion {
    let body = Arc::new(large());
    FakeRegion::start(move |asked: &Asked| -> Reply {
        match asked.path.strip_prefix("/api/v2/traces/") {
            Some(id) => protobuf(&renamed(&body, id)),
            None if asked.path == "/api/status/buildinfo" => text(200, r#"{"version":"2.9.0"}"#),
            None => text(404, "404 page not found\n"),
        }
    })
    .await
}

/// The head of an answer, whose body is then read slowly; how many bytes there were in all.
async fn slowly(address: std::net::SocketAddr, path: String) -> (String, usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nAccept: application/protobuf\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut piece = vec![0; 64 << 10];
    let (mut head, mut read) = (String::new(), 0);
    loop {
        let bytes = stream.read(&mut piece).await.unwrap();
        if bytes == 0 {
            return (head, read);
        }
        if head.is_empty() {
            head = String::from_utf8_lossy(&piece[..bytes.min(2000)]).into_owned();
            sleep(Duration::from_secs(1)).await;
        }
        read += bytes;
    }
}

/// The most that the process has had in memory, as the kernel says it.
fn most_held(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn memory_stays_under_its_ceiling_while_far_more_is_asked_for() {
    if !std::path::Path::new("/proc/self/status").exists() {
        eprintln!("SKIPPED: nothing here says what a process holds");
        return;
    }
    let region = region().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    let config = format!(
        "[gateway]\nregion = \"us\"\npacks = []\nlisten = \"127.0.0.1:0\"\n[limits]\nmemory_max = {MEMORY_MAX}\n\
         [[region]]\nname = \"us\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{}\"\n",
        region.url()
    );
    std::fs::write(&path, config).unwrap();
    let running = Running::serve(&path).await;
    let asked = (1..=REQUESTS).map(|nth| slowly(running.address, format!("/api/v2/traces/{nth:032x}")));
    let answers = timeout(Duration::from_secs(120), futures::future::join_all(asked)).await.unwrap();
    let trace = SPANS * NOTE_BYTES;
    let whole =
        answers.iter().filter(|(head, bytes)| head.starts_with("HTTP/1.1 200") && *bytes > trace).count();
    let shed: Vec<_> = answers.iter().filter(|(_, bytes)| *bytes < trace).collect();
    assert!(whole > 0 && whole + shed.len() == REQUESTS, "{whole} and {}", shed.len());
    for (head, _) in &shed {
        let is_honest =
            head.contains("as many bytes") || head.contains("a limit of this gateway was reached");
        assert!(is_honest && !head.starts_with("HTTP/1.1 200"), "{head}");
    }
    let most = most_held(running.pid());
    eprintln!("{whole} whole, {} shed, {} MiB at most", shed.len(), most >> 20);
    assert!(most < MEMORY_MAX, "{most} of {MEMORY_MAX}");
    let metrics = running.get("/metrics").await.unwrap();
    let number = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse::<u64>().unwrap()
    };
    let (peak, max) = (number("tutti_held_bytes_peak"), number("tutti_held_bytes_max"));
    // It is told in steps of 16 MiB.
    assert!(peak < max + (16 << 20) && peak > max / 2, "{peak} of {max}");
}
