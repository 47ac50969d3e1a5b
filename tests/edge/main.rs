//! The edge as a client sees it: whole answers, header by header, to a table of requests. What they say
//! was held against a real Tempo; from then on the pictures here hold it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

mod answers;
mod auditors;
mod drain;
mod failures;
#[path = "../support/gateway.rs"]
#[allow(dead_code, reason = "shared with other tests, which use other parts")]
mod gateway;
mod grpc;
#[path = "../support/grpc_client.rs"]
mod grpc_client;
mod identity;
mod parameters;
mod paths;
mod queries;
mod strangers;
#[path = "../support/tempopb.rs"]
mod tempopb;
mod witnesses;

use std::io::Read;
use std::sync::LazyLock;

use gateway::{Answer, Gateway, Place};
use regex::Regex;

/// Two spans in us-east, of which one is the root.
const SMALL: &str = "0af7651916cd43dd8448eb211c80319c";
/// Fifteen spans over both regions: over the size from which answers are compressed.
const LARGE: &str = "0000000000000000000123456789abcd";
/// In no region.
const MISSING: &str = "ffff";

/// Two regions that answer.
fn places() -> Vec<Place> {
    vec![
        Place::new("us-east", "US").holding(&export(SMALL, "storefront", 1..=2)).holding(&export(
            LARGE,
            "storefront",
            1..=9,
        )),
        Place::new("eu-central", "EU").holding(&export(LARGE, "payments", 10..=15)),
    ]
}

/// A service's spans, each the child of the one before it.
fn export(trace: &str, service: &str, spans: std::ops::RangeInclusive<u64>) -> String {
    let spans: Vec<String> = spans
        .map(|number| {
            let parent = if number == 1 { String::new() } else { format!("{:016x}", number - 1) };
            let start = 1_700_000_000_000_000_000 + number * 1_000_000;
            let end = start + 40_000_000 - number * 2_000_000;
            format!(
                r#"{{"traceId":"{trace}","spanId":"{number:016x}","parentSpanId":"{parent}","name":"step {number} <&>","kind":1,"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{{"key":"n","value":{{"intValue":"{number}"}}}}]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"scope":{{"name":"shop"}},"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
}

async fn gateway() -> Gateway {
    Gateway::over(&places()).await
}

/// Answers to a table of requests, one below the other.
struct Picture(String);

impl Picture {
    fn new() -> Self {
        Self(String::new())
    }

    fn add(&mut self, request: &str, headers: &[&str], answer: &Answer) {
        let headers: Vec<String> = headers.iter().map(|header| format!(" [{header}]")).collect();
        self.0.push_str(&format!("### {}{}\n{}\n", shortened(request), headers.concat(), picture(answer)));
    }

    async fn ask(&mut self, gateway: &Gateway, line: &str, headers: &[&str]) {
        let answer = gateway.ask(line, headers).await;
        self.add(line, headers, &answer);
    }

    async fn get(&mut self, gateway: &Gateway, target: &str) {
        self.ask(gateway, &format!("GET {target}"), &[]).await;
    }
}

fn shortened(request: &str) -> String {
    if request.len() <= 200 { request.to_owned() } else { format!("{} ...", &request[..100]) }
}

/// A whole answer without what differs from one to the next: its date, its id, what it took.
fn picture(answer: &Answer) -> String {
    static TIMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"ms=\d+|after \d+ ms").unwrap());
    let mut picture = format!("{}\n", answer.status);
    let is_packed = answer.header("content-encoding") == Some("gzip");
    for (name, value) in &answer.headers {
        match name.as_str() {
            "date" => {}
            // How long a body is that says what it took differs, too; it must only be right.
            "content-length" if !answer.body.is_empty() => {
                assert_eq!(*value, answer.body.len().to_string());
                picture.push_str("content-length: of the body\n");
            }
            "x-request-id" => picture.push_str("x-request-id: #\n"),
            _ => picture.push_str(&format!("{name}: {value}\n")),
        }
    }
    let body = if is_packed { unpacked(&answer.body) } else { answer.body.clone() };
    match String::from_utf8(body) {
        Ok(text) if !text.contains('\0') => picture.push_str(&format!("\n{}\n", text.escape_debug())),
        Ok(text) => picture.push_str(&format!("\n{}\n", text.as_bytes().escape_ascii())),
        Err(bytes) => picture.push_str(&format!("\n{}\n", bytes.as_bytes().escape_ascii())),
    }
    let picture = picture.replace("\\\"", "\"");
    TIMES
        .replace_all(
            &picture,
            |found: &regex::Captures<'_>| {
                if found[0].starts_with("ms") { "ms=#" } else { "after # ms" }
            },
        )
        .into_owned()
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut unpacked).unwrap();
    unpacked
}
