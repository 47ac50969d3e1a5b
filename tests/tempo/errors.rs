//! What is wrong with a request, in Tempo's words and with its status, and what has no route.

use crate::Test;
use crate::estate::{Estate, Server};
use crate::http::{Reply, Request};

pub const TESTS: &[Test] = &[
    ("a_wrong_request_is_refused_in_the_same_words", a_wrong_request_is_refused_in_the_same_words),
    ("a_path_without_a_route_is_not_found", a_path_without_a_route_is_not_found),
    ("every_method_is_answered_as_by_tempo", every_method_is_answered_as_by_tempo),
];

/// Headers that say when and how an answer was sent, and what the gateway says of itself.
const PASSING: [&str; 6] =
    ["date", "connection", "content-length", "transfer-encoding", "x-request-id", "cache-control"];

/// All that two answers have to have in common.
pub fn essence(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = reply
        .headers
        .iter()
        .filter(|(name, _)| !PASSING.contains(&name.as_str()) && !name.starts_with("tutti-"))
        .map(|(name, value)| (name.clone(), if name == "vary" { varies(value) } else { value.clone() }))
        .collect();
    headers.sort();
    (reply.status, headers, reply.text())
}

/// What an answer depends on, but for who asks: to a Tempo that is all the same.
pub fn varies(value: &str) -> String {
    value.strip_suffix(", Authorization").unwrap_or(value).to_owned()
}

/// Compares all before it fails, so that one difference does not hide another.
pub fn assert_all_same(estate: &Estate, requests: &[Request<'_>]) {
    let mut differences = Vec::new();
    for request in requests {
        let answer = |server: &Server| essence(&server.send(request));
        let (ours, theirs) = (answer(&estate.plain), answer(&estate.union));
        if ours != theirs {
            let asked = format!("{} {}", request.method, request.target);
            differences.push(format!("{asked}\n    Tutti: {ours:?}\n    Tempo: {theirs:?}"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

fn a_wrong_request_is_refused_in_the_same_words(estate: &Estate) {
    let ids = [
        "xyz",
        "12x4",
        "+1",
        "-1",
        "123456781234567812345678123456789",
        "000000000000000000000000000000001",
        "0af7651916cd43dd8448eb211c80319cf",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        "a%20b",
        "%C3%A9",
        "0x12",
    ];
    let queries = [
        "mode=foo",
        "mode=ALL",
        "mode=recent",
        "mode=%20all",
        "start=abc",
        "start=1.5",
        "start=+5&end=3",
        "start=1_000",
        "start=%205",
        "start=99999999999999999999",
        "start=-99999999999999999999",
        "end=abc",
        "end=1e9",
        "end=%22quoted%22",
        "end=%0A",
        "end=%C3%A9",
        "start=10&end=5",
        "start=5&end=5",
        "start=-1&end=-2",
        "start=abc&end=abc",
        "blockStart=abc",
        "blockStart=00000000-0000-0000-0000-00000000000g",
        "blockEnd=abc",
        "blockEnd=00000000_0000-0000-0000-000000000000",
        "blockStart=x&blockEnd=y&start=z&mode=w",
        "blockStart=x&start=z",
        "start=abc&end=5&mode=blocks",
        "q=",
        "keep_hierarchy=xx",
        "match_depth=xx",
        "span_pruning=xx",
        "span_pruning=true&span_pruning_min_spans=x",
    ];
    let mut targets = Vec::new();
    for version in ["/api/traces", "/api/v2/traces"] {
        targets.extend(ids.iter().map(|id| format!("{version}/{id}")));
        targets.extend(queries.iter().map(|query| format!("{version}/1?{query}")));
        // Both the id and a parameter are wrong: the first to be read is named.
        targets.push(format!("{version}/xyz?mode=foo"));
    }
    let requests: Vec<Request<'_>> = targets.iter().map(|target| Request::get(target)).collect();
    assert_all_same(estate, &requests);
}

fn a_path_without_a_route_is_not_found(estate: &Estate) {
    let targets = [
        "/",
        "/nothing",
        "/api",
        "/api/",
        "/api/traces",
        "/api/traces/",
        "/api/traces/1/",
        "/api/traces/1/2",
        "/api/v2/traces",
        "/api/v2/traces/",
        "/api/v2/traces/1/",
        "/api/v2/traces/1/2",
        "/api/v3/traces/1",
        "/api/echo/",
        "/API/echo",
        "//api/echo",
        "/api//echo",
        "/api//traces///1?start=1",
        "/api/./echo",
        "/api/traces/../echo",
        "/api/../api/echo?a=b",
        "/api/metrics/summary",
        "/api/status",
        "/api/overrides",
        "/tempo/api/echo",
    ];
    let requests: Vec<Request<'_>> = targets.iter().map(|target| Request::get(target)).collect();
    assert_all_same(estate, &requests);
}

fn every_method_is_answered_as_by_tempo(estate: &Estate) {
    let one = &estate.kept.one_batch[0];
    let hit = format!("/api/traces/{}", one.id_hex());
    let targets =
        [hit.as_str(), "/api/traces/1", "/api/traces/xyz", "/api/v2/traces/1", "/api/echo", "/nothing"];
    let mut requests = Vec::new();
    for target in targets {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            requests.push(Request { method, ..Request::get(target) });
        }
        requests.push(Request { method: "POST", body: b"{\"ignored\":true}", ..Request::get(target) });
    }
    assert_all_same(estate, &requests);
    // HTTP wants the allowed methods named with a 405; the gateway does and Tempo does not.
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = Request { method, ..Request::get("/api/status/buildinfo") };
        let said = |server: &Server| {
            let reply = server.send(&request);
            (reply.status, reply.header("content-type").map(str::to_owned), reply.body.len())
        };
        assert_eq!(said(&estate.plain), said(&estate.union), "{method}");
        assert_eq!(said(&estate.plain), (405, None, 0), "{method}");
    }
}
