//! v2's `q` and what goes with it: a part of a trace, and the words that say so.

use crate::Test;
use crate::by_id::PROTOBUF;
use crate::canonical::{assert_same, json_spans, protobuf_spans, v2_json_parts, v2_parts};
use crate::errors::essence;
use crate::estate::{Estate, Server};
use crate::http::{Reply, Request};

pub const TESTS: &[Test] = &[
    ("a_filter_keeps_the_same_spans", a_filter_keeps_the_same_spans),
    ("a_filter_is_refused_for_the_same_reason", a_filter_is_refused_for_the_same_reason),
];

/// Traces are filtered one by one with each filter, so a part of them is enough.
const TRACES: usize = 12;

const FILTERS: &[&str] = &[
    "{}",
    "{ true }",
    "{ false }",
    "{ kind = server }",
    "{ kind != client && status != error }",
    "{ status = error }",
    "{ statusMessage = \"GET /cart\" }",
    "{ name = \"GET /cart\" || name = \"\" }",
    "{ name =~ \"GET.*\" }",
    "{ duration > 1s }",
    "{ span.a = 1 }",
    "{ span.a > 0.05 }",
    "{ !(.a = 1) }",
    "{ .a != nil }",
    "{ span.http.status_code >= 200 }",
    "{ .http.method = \"GET /cart\" }",
    "{ resource.service.name =~ \".+\" }",
    "{ resource.k8s.pod.name != nil }",
    "{ .user.email = true }",
    "{ event:name = \"GET /cart\" }",
    "{ instrumentation:version = \"1.2.3\" }",
    "{ span.\"b <&> c\" != nil }",
];

const AROUND: &[&str] = &[
    "",
    "&keep_hierarchy=true",
    "&keep_hierarchy=1&ancestor_depth=1",
    "&keep_hierarchy=true&ancestor_depth=0",
    "&match_depth=1",
    "&match_depth=-1",
    "&keep_hierarchy=true&match_depth=2",
];

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// What of an answer does not depend on the order of spans.
fn said(reply: &Reply, read: impl Fn(&[u8]) -> (Vec<String>, String)) -> (u16, Vec<String>, String) {
    if reply.status != 200 {
        return (reply.status, Vec::new(), reply.text());
    }
    let (lines, beside) = read(&reply.body);
    (200, lines, beside)
}

fn a_filter_keeps_the_same_spans(estate: &Estate) {
    let mut kept_some = 0;
    for (number, case) in estate.kept.random.iter().take(TRACES).enumerate() {
        for (place, filter) in FILTERS.iter().enumerate() {
            // Each filter meets each way of keeping more, though not on each trace.
            let around = AROUND[(number + place) % AROUND.len()];
            let target = format!("/api/v2/traces/{}?q={}{around}", case.id_hex(), escaped(filter));
            let what = format!("{filter} {around} on {}", case.note);
            let protobuf = |server: &Server| {
                said(&server.get_as(&target, PROTOBUF), |body| {
                    let (trace, beside) = v2_parts(body);
                    (protobuf_spans(&trace).lines, beside)
                })
            };
            let (ours, theirs) = (protobuf(&estate.plain), protobuf(&estate.union));
            assert_eq!((ours.0, &ours.2), (theirs.0, &theirs.2), "{what}");
            assert_same(&what, &ours.1, &theirs.1);
            kept_some +=
                usize::from(theirs.0 == 200 && theirs.2.contains("filtered") && !theirs.1.is_empty());
        }
        let target = format!("/api/v2/traces/{}?q={}", case.id_hex(), escaped("{ kind = server }"));
        let json = |server: &Server| {
            said(&server.get(&target), |body| {
                let (trace, beside) = v2_json_parts(body);
                (json_spans(&trace).lines, beside)
            })
        };
        assert_eq!(json(&estate.plain), json(&estate.union), "{}", case.note);
    }
    assert!(kept_some > TRACES, "filters that keep a part of a trace are among these: {kept_some}");
}

fn a_filter_is_refused_for_the_same_reason(estate: &Estate) {
    let filters = [
        "{",
        "nonsense",
        "{ a = }",
        "{ .a = 1 } && { .b = 2 }",
        "{ .a = 1 } >> { .b = 2 }",
        "{ .a = 1 } | count() > 2",
        "{ .a = 1 } | rate()",
        "{ rootName = \"a\" }",
        "{ trace:id = \"1\" }",
        "{ name = 1 }",
        "{ .a =~ \"[\" }",
    ];
    let more = [
        "&keep_hierarchy=xx",
        "&match_depth=xx",
        "&match_depth=-2",
        "&keep_hierarchy=true&ancestor_depth=xx",
        "&keep_hierarchy=true&ancestor_depth=-2",
        "&keep_hierarchy=false&ancestor_depth=xx",
    ];
    let mut targets: Vec<String> =
        filters.iter().map(|filter| format!("/api/v2/traces/1?q={}", escaped(filter))).collect();
    targets.extend(more.iter().map(|more| format!("/api/v2/traces/1?q={}{more}", escaped("{ .a = 1 }"))));
    for target in &targets {
        let request = Request::get(target);
        let (ours, theirs) = (essence(&estate.plain.send(&request)), essence(&estate.union.send(&request)));
        assert_eq!((ours.0, &ours.1), (theirs.0, &theirs.1), "{target}");
        assert!(is_same_refusal(&ours.2, &theirs.2), "{target}\n  Tutti: {}\n  Tempo: {}", ours.2, theirs.2);
    }
}

/// Ours says what Tempo says, at the same place, and more: what would be right. Only what a parser calls the
/// unexpected token is worded otherwise.
fn is_same_refusal(ours: &str, theirs: &str) -> bool {
    let theirs = theirs.split_once(": unexpected ").map_or(theirs, |(before, _)| before);
    !theirs.is_empty() && ours.starts_with(theirs)
}
