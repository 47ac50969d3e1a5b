//! What stands around a body: its type, its packing, what caches are told.

use crate::Test;
use crate::by_id::PROTOBUF;
use crate::errors::{assert_all_same, essence, varies};
use crate::estate::Estate;
use crate::http::{Reply, Request};
use crate::traces::Case;

pub const TESTS: &[Test] = &[
    ("an_answer_has_the_form_asked_for", an_answer_has_the_form_asked_for),
    ("a_body_is_packed_when_tempo_packs_it", a_body_is_packed_when_tempo_packs_it),
    ("a_head_says_what_a_get_would", a_head_says_what_a_get_would),
    ("echo_and_buildinfo_are_the_same", echo_and_buildinfo_are_the_same),
];

fn an_answer_has_the_form_asked_for(estate: &Estate) {
    let accepts = [
        "",
        "*/*",
        "application/json",
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.grafana.llm",
        "application/vnd.grafana.llm+json",
        "application/json;q=0.9, application/protobuf;q=0.1",
        "application/vnd.grafana.llm, application/json",
        "APPLICATION/PROTOBUF",
        "text/html",
    ];
    // A trace with a double that JSON has no number for makes Tempo fail as a document for language models.
    let is_written = |case: &&Case| {
        let target = format!("/api/v2/traces/{}", case.id_hex());
        estate.union.get_as(&target, "application/vnd.grafana.llm").status == 200
    };
    let one = estate.kept.one_batch.iter().find(is_written).expect("most have none");
    for prefix in ["/api/traces", "/api/v2/traces"] {
        let target = format!("{prefix}/{}", one.id_hex());
        let no_accept = (estate.plain.get(&target), estate.union.get(&target));
        assert_same_around(&format!("{target} without Accept"), &no_accept.0, &no_accept.1);
        for accept in accepts {
            let (ours, theirs) = (estate.plain.get_as(&target, accept), estate.union.get_as(&target, accept));
            assert_same_around(&format!("{target} as `{accept}`"), &ours, &theirs);
        }
    }
}

fn assert_same_around(what: &str, ours: &Reply, theirs: &Reply) {
    let around = |reply: &Reply| {
        let (status, headers, _) = essence(reply);
        (status, headers)
    };
    assert_eq!(around(ours), around(theirs), "{what}");
}

/// Longer bodies are packed.
const PACKED_BYTES_MIN: usize = 1024;

fn a_body_is_packed_when_tempo_packs_it(estate: &Estate) {
    // Tempo packs with zstd too, and reads `*`, other names of gzip and preferences otherwise: there the
    // gateway's answer only has to be one that the client can read.
    let same = ["gzip", "gzip, deflate, br", "deflate", "identity", "gzip;q=0", "GZIP", ""];
    let own = ["br, zstd", "gzip, zstd", "*", "x-gzip", "gzip;q=0.5, identity;q=1"];
    let large = format!("/api/v2/traces/{}", estate.kept.random[0].id_hex());
    let small = format!("/api/traces/{}", estate.kept.short.id_hex());
    let mut differences = Vec::new();
    for (target, accept) in [
        (large.as_str(), "application/json"),
        (&large, PROTOBUF),
        (&small, "application/json"),
        ("/api/traces/1", "application/json"),
        ("/api/v2/traces/1", PROTOBUF),
        ("/api/traces/xyz", "application/json"),
    ] {
        for wish in same.into_iter().chain(own) {
            let headers = [("Accept-Encoding", wish), ("Accept", accept)];
            let request = Request::get(target).with(&headers);
            let (ours, theirs) = (estate.plain.send(&request), estate.union.send(&request));
            let packing = |reply: &Reply| {
                let header = |name: &str| reply.header(name).map(str::to_owned);
                let vary = reply.header("vary").map(varies);
                (reply.status, header("content-encoding"), vary, header("content-type"))
            };
            // What a bare resource gets may be what makes a body long enough to be packed.
            let is_long = |reply: &Reply| reply.status == 200 && reply.unpacked().len() > PACKED_BYTES_MIN;
            let differs = same.contains(&wish) && packing(&ours) != packing(&theirs);
            if differs && is_long(&ours) == is_long(&theirs) {
                differences.push(format!(
                    "{target} as {accept} with `{wish}`\n    Tutti: {:?}\n    Tempo: {:?}",
                    packing(&ours),
                    packing(&theirs)
                ));
            }
            // Or it does not unpack, which panics.
            assert!(ours.status == 404 || !ours.unpacked().is_empty(), "{target} with `{wish}`");
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn a_head_says_what_a_get_would(estate: &Estate) {
    for case in [&estate.kept.one_batch[0], &estate.kept.random[0]] {
        for prefix in ["/api/traces", "/api/v2/traces"] {
            let target = format!("{prefix}/{}", case.id_hex());
            let request = Request { method: "HEAD", ..Request::get(&target) };
            let (ours, theirs) = (estate.plain.send(&request), estate.union.send(&request));
            assert_same_around(&format!("HEAD {target}"), &ours, &theirs);
            assert_eq!((ours.body.len(), theirs.body.len()), (0, 0), "HEAD {target}");
        }
    }
}

fn echo_and_buildinfo_are_the_same(estate: &Estate) {
    assert_all_same(estate, &[Request::get("/api/echo"), Request::get("/api/echo?a=b")]);
    let info = |reply: &Reply| {
        let keys: Vec<String> =
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&reply.body)
                .expect("JSON")
                .keys()
                .cloned()
                .collect();
        let (status, headers, body) = essence(reply);
        (status, headers, keys, body.ends_with("}\n"))
    };
    let target = "/api/status/buildinfo";
    assert_eq!(info(&estate.plain.get(target)), info(&estate.union.get(target)));
}
