//! `tutti vulture` against a gateway over embedded regions, and against the same one behind a hand that loses, leaks
//! and delays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and runs in real time"
)]

#[path = "process/running.rs"]
#[allow(dead_code, reason = "shared with tests/process.rs")]
mod running;

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use running::{Running, tutti};
use tokio::net::TcpListener;
use tutti::api::serve::{ServeSettings, serve};

/// What stands between the vulture and what it speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Passes everything on as it is.
    Still,
    /// Throws away the export of a region, which the region would have taken.
    Loses,
    /// Puts what it overheard of the canary into traces.
    Leaks,
    /// Keeps exports for longer than the settling time.
    Delays,
    /// Says of the first trace it is asked for that a server was something else.
    Lies,
    /// Takes every question and answers none.
    Hangs,
    /// Has no metrics, as a gateway over several Tempos.
    CountsNothing,
}

const KIND: &str = "SPAN_KIND_SERVER";
const LIED: &str = "lied once";

const KEPT_BACK: Duration = Duration::from_secs(6);

fn free_port() -> u16 {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A gateway over two regions that take spans.
async fn gateway(folder: &std::path::Path) -> (Running, [u16; 2]) {
    let ports = [free_port(), free_port()];
    let mut text = "[gateway]\nregion = \"us-east\"\n".to_owned();
    for (name, jurisdiction, port) in [("us-east", "US", ports[0]), ("eu-central", "EU", ports[1])] {
        text.push_str(&format!(
            "[[region]]\nname = \"{name}\"\njurisdiction = \"{jurisdiction}\"\nkind = \"memory\"\notlp = \"127.0.0.1:{port}\"\n"
        ));
    }
    let config = folder.join("regions.toml");
    std::fs::write(&config, text).unwrap();
    (Running::serve(&config).await, ports)
}

/// Passes requests on to a server, by its hand.
async fn between(hand: Hand, server: SocketAddr, overheard: Arc<Mutex<String>>) -> SocketAddr {
    // The provider of another test is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let pass = move |request: Request| {
        let (client, overheard) = (client.clone(), overheard.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            listen(&body, &overheard);
            if hand == Hand::Loses && head.uri.path() == "/v1/traces" {
                return StatusCode::OK.into_response();
            }
            if hand == Hand::Hangs {
                std::future::pending::<()>().await;
            }
            if hand == Hand::CountsNothing && head.uri.path().starts_with("/api/metrics/") {
                return (StatusCode::NOT_IMPLEMENTED, "no metrics over these yet\n").into_response();
            }
            let url = format!("http://{server}{}", head.uri);
            let mut headers = head.headers;
            headers.remove(header::HOST);
            headers.remove(header::CONTENT_LENGTH);
            let asked = client.request(head.method, url).headers(headers).body(body).send();
            if hand == Hand::Delays && head.uri.path() == "/v1/traces" {
                let kept = async move {
                    tokio::time::sleep(KEPT_BACK).await;
                    asked.await.unwrap();
                };
                tokio::spawn(kept);
                return StatusCode::OK.into_response();
            }
            let answer = asked.await.unwrap();
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::TRANSFER_ENCODING);
            let body = changed(hand, answer.bytes().await.unwrap(), &overheard);
            (status, headers, body).into_response()
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(pass);
    tokio::spawn(serve(listener, routes, ServeSettings::default(), std::future::pending()));
    address
}

/// Remembers the canary of an export: its texts lie in protobuf as they are.
fn listen(body: &[u8], overheard: &Mutex<String>) {
    let text = String::from_utf8_lossy(body);
    let Some(at) = text.find("canary") else { return };
    *overheard.lock().unwrap() = text[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
}

fn changed(hand: Hand, body: Bytes, overheard: &Mutex<String>) -> Bytes {
    if hand == Hand::Lies && body.windows(KIND.len()).any(|part| part == KIND.as_bytes()) {
        let text = String::from_utf8(body.to_vec()).unwrap();
        // The canary is a mark here that one answer was changed already.
        let is_first = std::mem::replace(&mut *overheard.lock().unwrap(), LIED.to_owned()) != LIED;
        return if is_first { text.replace(KIND, "SPAN_KIND_CONSUMER").into() } else { body };
    }
    if hand != Hand::Leaks {
        return body;
    }
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.replace("planted request", &overheard.lock().unwrap()).into()
}

/// One round, through a hand that holds what goes to one region and what is asked.
async fn one_round(hand: Hand, more: &[&str]) -> (Output, Running) {
    let folder = tempfile::tempdir().unwrap();
    let (running, ports) = gateway(folder.path()).await;
    let overheard = Arc::new(Mutex::new(String::new()));
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let eu = between(hand, local(ports[1]), overheard.clone()).await;
    let front = between(hand, running.address, overheard).await;
    let regions = [format!("us-east=http://{}", local(ports[0])), format!("eu-central=http://{eu}")];
    let server = format!("http://{front}");
    let line = ["vulture", "--once", "--every", "5s", "--settle", "1s", "--server", &server];
    let line = [&line[..], &["--region", &regions[0], "--region", &regions[1]], more].concat();
    let mut command = tutti(&line);
    let output = tutti::task::blocking(move || command.output().unwrap()).await.unwrap();
    (output, running)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn check(hand: Hand, code: i32, words: &[&str]) {
    let (output, _running) = one_round(hand, &["--patience", "4s"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in\n{said}");
    }
    assert!(!said.contains("canary") || said.contains("the canary"), "{said}");
}

#[tokio::test]
async fn a_gateway_that_shows_what_was_written_is_good() {
    check(Hand::Still, 0, &["1 rounds, 7 checks: all as it was written"]).await;
}

#[tokio::test]
async fn spans_that_are_nowhere_are_missing_and_the_region_is_named() {
    check(Hand::Loses, 1, &["trace missing: ", "eu-central", "metrics missing", "without a word"]).await;
}

#[tokio::test]
async fn a_value_that_no_policy_shows_is_a_leak_and_is_not_repeated() {
    let (output, _running) = one_round(Hand::Leaks, &["--patience", "4s"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("trace leaked: the canary is shown as it was written"), "{said}");
    // The word alone is the vulture's; the value has digits behind it.
    assert!(said.match_indices("canary").all(|(at, _)| said[at + 6..].starts_with(' ')), "{said}");
}

#[tokio::test]
async fn spans_that_come_later_than_the_settling_time_are_late_and_not_missing() {
    let (output, _running) = one_round(Hand::Delays, &["--patience", "40s"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("trace late") && said.contains("something was late"), "{said}");
}

#[tokio::test]
async fn an_answer_that_was_wrong_once_is_wrong_and_not_late() {
    check(Hand::Lies, 1, &["trace wrong: a span of", "another kind", "1 rounds, 7 checks"]).await;
}

#[tokio::test]
async fn metrics_that_a_gateway_does_not_answer_are_named_and_nothing_else_is_held_against_it() {
    let words = [
        "metrics is not checked: the gateway answers 501: no metrics over these yet",
        "1 rounds, 5 checks: all as it was written; not checked, since the gateway does not answer it: metrics, range",
    ];
    check(Hand::CountsNothing, 0, &words).await;
}

#[tokio::test]
async fn told_to_end_while_it_asks_it_ends_at_once_and_does_not_call_that_good() {
    let folder = tempfile::tempdir().unwrap();
    let (running, ports) = gateway(folder.path()).await;
    let front = between(Hand::Hangs, running.address, Arc::default()).await;
    let server = format!("http://{front}");
    let regions =
        [0, 1].map(|at| format!("{}=http://127.0.0.1:{}", ["us-east", "eu-central"][at], ports[at]));
    let line = ["vulture", "--every", "5s", "--settle", "100ms", "--server", &server];
    let mut command = tutti(&[&line[..], &["--region", &regions[0], "--region", &regions[1]]].concat());
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // It has written by then and is asking: the answer would be waited for for 40 s.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let pid = child.id().to_string();
    let told = tokio::time::Instant::now();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = tutti::task::blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert!(told.elapsed() < Duration::from_secs(10), "it took {:?}", told.elapsed());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("told to end before the rest was decided"), "{}", said(&output));
}

#[tokio::test]
async fn what_cannot_be_written_or_asked_is_no_verdict_on_the_gateway() {
    let closed = format!("us-east=http://127.0.0.1:{}", free_port());
    let mut command = tutti(&["vulture", "--once", "--region", &closed]);
    let output = tutti::task::blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("not written to us-east"), "{}", said(&output));
}

#[tokio::test]
async fn a_wrong_command_line_says_what_would_be_right() {
    for (line, word) in [
        (&["vulture"][..], "--region"),
        (&["vulture", "--region", "us-east"], "NAME=URL"),
        (&["vulture", "--region", "a=ftp://x"], "http://127.0.0.1:4318"),
        (&["vulture", "--region", "a=http://x", "--region", "a=http://y"], "twice"),
        (&["vulture", "--region", "a=http://x", "--every", "1s"], "5s"),
        (&["vulture", "--region", "a=http://x", "--canary", "a b"], "letters"),
        (&["vulture", "--region", "a=http://x", "--header-env", "X-A=TUTTI_NOT_SET_ANYWHERE"], "is not set"),
        (&["vulture", "--region", "a=http://x", "--server", "nonsense", "--once"], "no server"),
    ] {
        let mut command = tutti(line);
        let output = tutti::task::blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{line:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{line:?}: {}", said(&output));
    }
}

#[tokio::test]
async fn the_same_seed_asks_for_what_an_earlier_run_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let (running, ports) = gateway(folder.path()).await;
    let regions = [
        format!("us-east=http://127.0.0.1:{}", ports[0]),
        format!("eu-central=http://127.0.0.1:{}", ports[1]),
    ];
    let server = running.url();
    let line = ["vulture", "--every", "5s", "--settle", "500ms", "--patience", "1s", "--server", &server];
    let line = [&line[..], &["--region", &regions[0], "--region", &regions[1]]].concat();
    let run = async |more: &[&str]| {
        let mut command = tutti(&[&line[..], more].concat());
        tutti::task::blocking(move || command.output().unwrap()).await.unwrap()
    };
    let first = run(&["--for", "6s"]).await;
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(said(&first).contains("2 rounds"), "{}", said(&first));
    let ended = tokio::time::Instant::now();
    // One round back is what the run before this one wrote, if no round passed between the two.
    let again = run(&["--once", "--written-since", "5s"]).await;
    let told = said(&again);
    assert!(told.contains("2 rounds"), "{told}");
    let was_at_once = ended.elapsed() < Duration::from_secs(4);
    assert!(again.status.code() == Some(0) || !was_at_once, "{told}");
    // Of another seed nothing was written.
    let other = run(&["--once", "--written-since", "5s", "--seed", "2"]).await;
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(said(&other).contains("trace missing"), "{}", said(&other));
}

#[tokio::test]
async fn its_metrics_say_what_was_found_and_ready_says_whether_a_gateway_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, ports) = gateway(folder.path()).await;
    let shown = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let regions = [
        format!("us-east=http://127.0.0.1:{}", ports[0]),
        format!("eu-central=http://127.0.0.1:{}", ports[1]),
    ];
    let (server, metrics) = (running.url(), shown.to_string());
    let line = ["vulture", "--every", "5s", "--settle", "1s", "--server", &server, "--metrics", &metrics];
    let mut child = tutti(&[&line[..], &["--region", &regions[0], "--region", &regions[1]]].concat());
    let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    let text = loop {
        let text = running::get(shown, "/metrics").await.unwrap_or_default();
        if text.contains("tutti_vulture_rounds_total 1") || tokio::time::Instant::now() > end {
            break text;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let _ = child.kill();
    let _ = child.wait();
    for line in [
        "tutti_vulture_checks_total{check=\"trace\",verdict=\"good\"} 1",
        "tutti_vulture_writes_total{region=\"eu-central\",result=\"taken\"}",
        "tutti_vulture_visible_seconds_count 1",
        "tutti_vulture_last_good_timestamp_seconds 1",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let ready = async |server: &str| {
        let mut command = tutti(&["ready", "--server", server]);
        tutti::task::blocking(move || command.output().unwrap()).await.unwrap().status.code()
    };
    assert_eq!(ready(&server).await, Some(0));
    assert_eq!(ready(&format!("http://{shown}")).await, Some(5));
    assert_eq!(ready("nonsense").await, Some(1));
    running.signal("TERM");
    running.ended().await;
}
