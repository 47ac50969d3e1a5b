//! What a process tells of itself: spans to their store, its place in a trace to the regions, one line in the log, and
//! what it says when told to reload or to end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tutti::task::Group;

use super::running::{Running, until};
use super::{FakeRegion, ID, V2, is_asked, region};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Longer than a gateway of these tests drains.
const FOREVER: Duration = Duration::from_secs(20);

/// Takes spans as a collector does.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    heads: Arc<Mutex<Vec<String>>>,
    _group: Group,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let spans = Arc::new(Mutex::new(Vec::<Span>::new()));
        let heads = Arc::new(Mutex::new(Vec::<String>::new()));
        let group = Group::new();
        let (taken, seen) = (spans.clone(), heads.clone());
        group.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                stream.read_exact(&mut body).await.unwrap();
                let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
                taken.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
                seen.lock().unwrap().push(head);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        });
        Self { address, spans, heads, _group: group }
    }
}

fn config(more: &str, region: &FakeRegion, telemetry: &str) -> String {
    format!(
        "[gateway]\nregion = \"us-east\"\npacks = []\nlisten = \"127.0.0.1:0\"\n{more}\n{telemetry}\n\
         [[region]]\nname = \"us-east\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{}\"\n\n\
         [[region]]\nname = \"us-west\"\njurisdiction = \"US\"\nkind = \"memory\"\n",
        region.url()
    )
}

/// Asks exactly this, and reads until the end.
async fn ask(running: &Running, line: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_request_is_one_trace_from_its_client_to_the_regions_in_spans_log_and_metrics() {
    let (region, collector) = (region(1, Duration::ZERO).await, Collector::start().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    let telemetry = format!(
        "[telemetry]\nlog = \"json\"\notlp = {{ endpoint = \"http://{}\", sample_ratio = 0, interval = \"50ms\", \
         tenant = \"own\" }}\n",
        collector.address
    );
    std::fs::write(&path, config("", &region, &telemetry)).unwrap();
    let mut running = Running::serve_json(&path).await;
    let headers = format!("traceparent: {PARENT}\r\ntracestate: vendor=1\r\n");
    let answer = ask(&running, &format!("GET {V2}"), &headers).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // And one of nobody's trace, which the ratio leaves out.
    ask(&running, "GET /api/search?q=%7B%7D", "").await;

    let asked = region.asked().into_iter().find(|asked| asked.path == V2).unwrap();
    let handed_on = asked.headers["traceparent"].clone();
    assert!(handed_on.starts_with(&format!("00-{TRACE}-")) && handed_on.ends_with("-01"), "{handed_on}");
    assert_eq!(asked.headers["tracestate"], "vendor=1");
    let probes: Vec<_> = region.asked().into_iter().filter(|asked| asked.path.contains("status")).collect();
    assert!(!probes.is_empty() && probes.iter().all(|probe| !probe.headers.contains_key("traceparent")));

    until("its spans are sent", || collector.spans.lock().unwrap().len() >= 3).await;
    let spans = collector.spans.lock().unwrap().clone();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:?}");
    let request = spans.iter().find(|span| span.name == "traces_v2").unwrap();
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    let parts: Vec<_> = spans.iter().filter(|span| span.parent_span_id == request.span_id).collect();
    assert_eq!(parts.len(), 2, "one for each region: {spans:?}");
    assert!(parts.iter().any(|part| handed_on.contains(&hex(&part.span_id))), "{handed_on}");
    let head = collector.heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /v1/traces ") && head.contains("x-scope-orgid: own"), "{head}");
    assert!(!head.contains("traceparent"), "what sends spans is not traced");

    until("the log says so", || running.said().contains("\"endpoint\":\"search\"")).await;
    let said = running.said();
    let line = said.lines().find(|line| line.contains(TRACE)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["message"], &line["endpoint"]), (&"answered".into(), &"traces_v2".into()));
    assert_eq!((&line["outcome"], &line["code"]), (&"complete".into(), &"200".into()));
    let report: serde_json::Value = serde_json::from_str(line["report"].as_str().unwrap()).unwrap();
    assert_eq!(report["regions"].as_array().unwrap().len(), 2);

    let metrics = running.get("/metrics").await.unwrap();
    let exemplar = regex::Regex::new(&format!(
        r#"(?m)^tutti_request_seconds_bucket\{{[^}}]*endpoint="traces_v2"[^}}]*\}} [0-9]+ # \{{trace_id="{TRACE}"\}} [0-9.e-]+$"#
    ));
    assert!(exemplar.unwrap().is_match(&metrics), "{metrics}");
    let of_region = format!("# {{trace_id=\"{TRACE}\"}}");
    let is_of_region =
        |line: &str| line.starts_with("tutti_region_request_seconds_bucket") && line.contains(&of_region);
    assert!(metrics.lines().any(is_of_region), "{metrics}");
    assert!(
        !metrics.contains("endpoint=\"search\",mode=\"best_effort\",outcome=\"complete\"} 1 # "),
        "{metrics}"
    );
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.said());
}

#[tokio::test]
async fn a_store_of_spans_that_is_this_process_is_a_fault() {
    let region = region(1, Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    let telemetry = "[telemetry]\notlp = { endpoint = \"http://localhost:39871\" }\n";
    let text =
        config("", &region, telemetry).replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:39871\"");
    std::fs::write(&path, text).unwrap();
    let output = super::running::tutti(&["check", "--config", path.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("own spans would come back to this process"), "{said}");
}

#[tokio::test]
async fn a_reload_that_is_asked_for_says_what_came_of_it() {
    let region = region(1, Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config("", &region, "")).unwrap();
    let running = Running::serve(&path).await;
    assert!(ask(&running, "GET /-/healthy", "").await.ends_with("\r\n\r\nhealthy\n"));
    let unchanged = ask(&running, "POST /-/reload", "").await;
    assert!(
        unchanged.starts_with("HTTP/1.1 200 ") && unchanged.ends_with("nothing changed\n"),
        "{unchanged}"
    );
    std::fs::write(&path, config("operators = [\"sre\"]", &region, "")).unwrap();
    let changed = ask(&running, "POST /-/reload", "").await;
    // The watch may have seen it first.
    let is_told =
        changed.ends_with("in force: gateway.operators\n") || changed.ends_with("nothing changed\n");
    assert!(changed.starts_with("HTTP/1.1 200 ") && is_told, "{changed}");
    std::fs::write(&path, config("opperators = []", &region, "")).unwrap();
    let faulty = ask(&running, "POST /-/reload", "").await;
    assert!(faulty.starts_with("HTTP/1.1 422 "), "{faulty}");
    let checked = super::running::tutti(&["check", "--config", path.to_str().unwrap()]).output().unwrap();
    let checked = String::from_utf8(checked.stdout).unwrap();
    let (_, body) = faulty.split_once("\r\n\r\n").unwrap();
    let found = body.strip_suffix("the last good configuration stays in force\n").unwrap();
    assert!(found.contains("did you mean `operators`?") && checked.starts_with(found), "{found}\n{checked}");
    for (line, headers) in [
        ("POST /-/reload", "Origin: http://localhost:3000\r\n"),
        ("POST /-/reload", "X-Forwarded-For: 192.0.2.1\r\n"),
    ] {
        let refused = ask(&running, line, headers).await;
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    }
    assert!(ask(&running, "GET /-/reload", "").await.starts_with("HTTP/1.1 405 "));
    let status = ask(&running, "GET /status", "Accept: application/json\r\n").await;
    let (_, body) = status.split_once("\r\n\r\n").unwrap();
    let status: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(status["config"]["digest"].as_str().unwrap().len(), 16, "{status}");
    assert_eq!(status["regions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_the_end_comes_upon_has_a_last_word() {
    let region = region(1, FOREVER).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config("drain = \"2s\"", &region, "")).unwrap();
    let mut running = Running::serve(&path).await;
    let stream = format!("GET /api/tutti/v1/traces/{ID}/stream");
    let v2 = format!("GET {V2}");
    let meanwhile = async {
        is_asked(&region).await;
        running.signal("TERM");
        running.get_until("/ready", "503 Service Unavailable").await;
    };
    let (streamed, plain, ()) = tokio::join!(ask(&running, &stream, ""), ask(&running, &v2, ""), meanwhile);
    let last = "the gateway ends before this is answered: ask again, and another one answers";
    assert!(streamed.starts_with("HTTP/1.1 200 ") && streamed.contains("event: refused\n"), "{streamed}");
    assert!(streamed.contains(last) && streamed.contains("\"status\":503"), "{streamed}");
    assert!(plain.starts_with("HTTP/1.1 503 ") && plain.contains(last), "{plain}");
    assert!(plain.contains("retry-after: 1\r\n"), "{plain}");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.said());
}
