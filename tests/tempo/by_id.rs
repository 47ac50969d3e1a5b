//! Traces by id: every version, encoding and form of an id.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;

use crate::Test;
use crate::canonical::{Node, assert_same, in_order, json_spans, protobuf_spans, v2_json_parts, v2_parts};
use crate::estate::{Estate, Server};
use crate::http::Reply;
use crate::traces::Case;

pub const TESTS: &[Test] = &[
    ("every_trace_is_the_same_in_json", every_trace_is_the_same_in_json),
    ("every_trace_is_the_same_in_protobuf", every_trace_is_the_same_in_protobuf),
    ("all_that_is_added_is_named_tutti", all_that_is_added_is_named_tutti),
    ("a_trace_of_one_batch_is_the_same_to_the_byte", a_trace_of_one_batch_is_the_same_to_the_byte),
    ("the_document_for_language_models_is_the_same", the_document_for_language_models_is_the_same),
    ("several_shared_ids_are_the_same_but_for_their_numbers", several_shared_ids_are_the_same),
    ("a_span_sent_twice_is_shown_once", a_span_sent_twice_is_shown_once),
    ("spans_and_batches_are_in_tempos_order", spans_and_batches_are_in_tempos_order),
    ("an_id_may_be_written_in_every_form", an_id_may_be_written_in_every_form),
    ("a_miss_is_the_same", a_miss_is_the_same),
    ("parameters_change_what_they_change_in_tempo", parameters_change_what_they_change_in_tempo),
];

const JSON: &str = "application/json";
pub const PROTOBUF: &str = "application/protobuf";
const LLM: &str = "application/vnd.grafana.llm";

fn v1(case: &Case) -> String {
    format!("/api/traces/{}", case.id_hex())
}

fn v2(case: &Case) -> String {
    format!("/api/v2/traces/{}", case.id_hex())
}

/// The body of an answer that has to be there.
fn body(server: &Server, target: &str, accept: &str) -> Vec<u8> {
    let reply = server.get_as(target, accept);
    assert_eq!(reply.status, 200, "{} to {target}: {}", server.name, reply.text());
    reply.body
}

/// An attribute of the gateway where nothing is to be added: only on a resource that would be bare.
fn assert_adds_only_to_bare_resources(what: &str, protobuf: &[u8]) {
    let trace = TracesData::decode(protobuf).expect("a trace in protobuf");
    for batch in trace.resource_spans {
        let resource = batch.resource.expect("a resource is always there");
        let own = resource.attributes.iter().filter(|pair| pair.key.starts_with("tutti.")).count();
        assert!(own == 0 || resource.attributes.len() == 1, "{what}: {resource:?}");
        let spans = batch.scope_spans.iter().flat_map(|scope| &scope.spans);
        let keys = spans.flat_map(|span| span.attributes.iter().map(|pair| pair.key.as_str()));
        assert_eq!(keys.filter(|key| key.starts_with("tutti.")).count(), 0, "{what}");
    }
}

fn every_trace_is_the_same_in_json(estate: &Estate) {
    for case in &estate.kept.random {
        let spans = |server: &Server| json_spans(&Node::parse(&body(server, &v1(case), JSON)));
        assert_same(&format!("v1, {}", case.note), &spans(&estate.plain).lines, &spans(&estate.union).lines);
        let parts = |server: &Server| v2_json_parts(&body(server, &v2(case), JSON));
        let ((ours, our_rest), (theirs, their_rest)) = (parts(&estate.plain), parts(&estate.union));
        assert_eq!(our_rest, their_rest, "{}", case.note);
        assert_same(&format!("v2, {}", case.note), &json_spans(&ours).lines, &json_spans(&theirs).lines);
    }
}

fn every_trace_is_the_same_in_protobuf(estate: &Estate) {
    for case in &estate.kept.random {
        let ours = body(&estate.plain, &v1(case), PROTOBUF);
        assert_adds_only_to_bare_resources(&case.note, &ours);
        let theirs = protobuf_spans(&body(&estate.union, &v1(case), PROTOBUF));
        assert_same(&format!("v1, {}", case.note), &protobuf_spans(&ours).lines, &theirs.lines);
        let parts = |server: &Server| v2_parts(&body(server, &v2(case), PROTOBUF));
        let ((ours, our_rest), (theirs, their_rest)) = (parts(&estate.plain), parts(&estate.union));
        assert_eq!(our_rest, their_rest, "{}", case.note);
        assert_same(
            &format!("v2, {}", case.note),
            &protobuf_spans(&ours).lines,
            &protobuf_spans(&theirs).lines,
        );
    }
}

fn all_that_is_added_is_named_tutti(estate: &Estate) {
    for case in &estate.kept.random {
        let json = |server: &Server| json_spans(&Node::parse(&body(server, &v1(case), JSON)));
        let (ours, theirs) = (json(&estate.adding), json(&estate.union));
        assert!(ours.own_attributes > 0, "every resource names its region: {}", case.note);
        assert_eq!(theirs.own_attributes, 0, "{}", case.note);
        assert_same(&format!("JSON, {}", case.note), &ours.lines, &theirs.lines);
        let protobuf = |server: &Server| protobuf_spans(&v2_parts(&body(server, &v2(case), PROTOBUF)).0);
        let (ours, theirs) = (protobuf(&estate.adding), protobuf(&estate.union));
        assert!(ours.own_attributes > 0, "{}", case.note);
        assert_same(&format!("protobuf, {}", case.note), &ours.lines, &theirs.lines);
    }
}

/// Where nothing can lie in another order, nothing at all differs.
fn a_trace_of_one_batch_is_the_same_to_the_byte(estate: &Estate) {
    for case in &estate.kept.one_batch {
        for accept in [JSON, PROTOBUF, LLM] {
            let ours = body(&estate.plain, &v1(case), accept);
            let theirs = body(&estate.union, &v1(case), accept);
            assert_eq!(shown(&ours), shown(&theirs), "v1 as {accept}, {}", case.note);
            assert!(ours == theirs, "v1 as {accept}, {}", case.note);
        }
        // Of v2, all but the count of bytes that were read to answer.
        let json = |server: &Server| {
            let body = String::from_utf8(body(server, &v2(case), JSON)).unwrap();
            let end = body.rfind(",\"metrics\":").expect("metrics stand in every answer");
            body[..end].to_owned()
        };
        assert_eq!(json(&estate.plain), json(&estate.union), "v2, {}", case.note);
        let parts = |server: &Server| v2_parts(&body(server, &v2(case), PROTOBUF));
        let (ours, theirs) = (parts(&estate.plain), parts(&estate.union));
        assert!(ours == theirs, "v2 in protobuf, {}", case.note);
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Tempo writes one document for one batch; for several it joins those of one service, by what came
/// first, so these are compared by their spans. A trace with a double that JSON has no number for makes
/// Tempo fail; such are left out.
fn the_document_for_language_models_is_the_same(estate: &Estate) {
    let document = |server: &Server, case: &Case| {
        let reply = server.get_as(&v2(case), LLM);
        if reply.status == 500 && reply.text().contains("json: unsupported value") {
            return None;
        }
        assert_eq!(reply.status, 200, "{} to {}: {}", server.name, case.note, reply.text());
        let mut document: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        document.as_object_mut().unwrap().remove("metrics").expect("metrics stand in every answer");
        Some(document)
    };
    let both = |case: &Case| {
        let ours = document(&estate.plain, case).expect("the gateway never fails for a number");
        Some((ours, document(&estate.union, case)?))
    };
    let one_batch: Vec<_> = estate.kept.one_batch.iter().filter_map(both).collect();
    assert!(one_batch.len() > 3, "enough that Tempo can write");
    for (ours, theirs) in one_batch {
        assert_eq!(ours, theirs);
    }
    let spans = |document: &serde_json::Value| {
        let items =
            |value: &serde_json::Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let mut lines = Vec::new();
        for service in items(&document["trace"], "services") {
            for scope in items(&service, "scopes") {
                for mut span in items(&scope, "spans") {
                    for list in ["events", "links"] {
                        if let Some(items) = span[list].as_array_mut() {
                            items.sort_by_key(ToString::to_string);
                        }
                    }
                    let (name, version) = (&scope["name"], &scope["version"]);
                    lines.push(format!("{} {name} {version} {span}", service["serviceName"]));
                }
            }
        }
        lines.sort();
        lines
    };
    let mut compared = 0;
    for case in &estate.kept.random {
        let Some((ours, theirs)) = both(case) else { continue };
        assert_same(&case.note, &spans(&ours), &spans(&theirs));
        compared += 1;
    }
    assert!(compared > 10, "enough that Tempo can write");
}

/// Spans with the number of each split server span written as whose it was: Tempo numbers them as they
/// come out of its blocks, the gateway by their start.
fn without_numbers(trace: &[u8]) -> Vec<String> {
    let spans: Vec<Span> = in_order(trace).into_iter().flatten().flatten().collect();
    let names: BTreeMap<Vec<u8>, Vec<u8>> = spans
        .iter()
        .filter(|span| span.kind == 2)
        .map(|span| (span.span_id.clone(), [b"server of ", span.parent_span_id.as_slice()].concat()))
        .collect();
    let named = |id: &Vec<u8>| names.get(id).unwrap_or(id).clone();
    let mut lines: Vec<String> = spans
        .into_iter()
        .map(|span| {
            let (span_id, parent_span_id) = (named(&span.span_id), named(&span.parent_span_id));
            format!("{:?}", Span { span_id, parent_span_id, ..span })
        })
        .collect();
    lines.sort();
    lines
}

fn several_shared_ids_are_the_same(estate: &Estate) {
    for case in &estate.kept.shared_ids {
        let ours = body(&estate.plain, &v1(case), PROTOBUF);
        let theirs = body(&estate.union, &v1(case), PROTOBUF);
        assert_same(&case.note, &without_numbers(&ours), &without_numbers(&theirs));
        let numbers = |trace: &[u8]| -> BTreeSet<Vec<u8>> {
            in_order(trace).into_iter().flatten().flatten().map(|span| span.span_id).collect()
        };
        assert_eq!(numbers(&ours), numbers(&theirs), "the numbers given are the same: {}", case.note);
    }
}

fn a_span_sent_twice_is_shown_once(estate: &Estate) {
    let case = &estate.kept.doubled;
    let ours = protobuf_spans(&body(&estate.plain, &v1(case), PROTOBUF)).lines;
    let mut theirs = protobuf_spans(&body(&estate.union, &v1(case), PROTOBUF)).lines;
    // How often Tempo shows it depends on what of it was flushed together.
    theirs.dedup();
    assert_same(&case.note, &ours, &theirs);
}

/// Tempo sorts what it combined of several parts: spans by start and id, scopes and batches by their
/// first span. A trace of one part it leaves as it lies, so only the gateway's order can be checked.
fn spans_and_batches_are_in_tempos_order(estate: &Estate) {
    for case in &estate.kept.random {
        let batches = in_order(&body(&estate.plain, &v1(case), PROTOBUF));
        let start = |span: &Span| span.start_time_unix_nano;
        for scopes in &batches {
            assert!(scopes.iter().all(|spans| spans.is_sorted_by_key(start)), "{}", case.note);
            assert!(scopes.is_sorted_by_key(|spans| start(&spans[0])), "{}", case.note);
        }
        assert!(batches.is_sorted_by_key(|scopes| start(&scopes[0][0])), "{}", case.note);
        for span in batches.iter().flatten().flatten() {
            let of_event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| {
                (event.time_unix_nano, event.name.clone())
            };
            assert!(span.events.is_sorted_by_key(of_event), "{}: {:?}", case.note, span.events);
        }
    }
}

fn an_id_may_be_written_in_every_form(estate: &Estate) {
    let forms = [
        "abc",
        "ABC",
        "aBc",
        "0abc",
        "00abc",
        "0000000000000abc",
        "00000000000000000000000000000abc",
        "00000000000000000000000000000ABC",
        "%61bc",
    ];
    for form in forms {
        for prefix in ["/api/traces", "/api/v2/traces"] {
            let target = format!("{prefix}/{form}");
            let spans = |server: &Server| {
                let reply = server.get_as(&target, PROTOBUF);
                let trace = if prefix == "/api/traces" { reply.body } else { v2_parts(&reply.body).0 };
                (reply.status, protobuf_spans(&trace).lines)
            };
            let (ours, theirs) = (spans(&estate.plain), spans(&estate.union));
            assert_eq!((theirs.0, theirs.1.len()), (200, 3), "{target}");
            assert_eq!(ours.0, theirs.0, "{target}");
            assert_same(&target, &ours.1, &theirs.1);
        }
    }
}

/// Status, type and body.
fn said(reply: &Reply) -> (u16, Option<&str>, String) {
    (reply.status, reply.header("content-type"), reply.text())
}

fn a_miss_is_the_same(estate: &Estate) {
    for id in ["0", "1", "ffffffffffffffffffffffffffffffff"] {
        for prefix in ["/api/traces", "/api/v2/traces"] {
            for accept in [JSON, PROTOBUF, LLM, "*/*", "application/x-protobuf"] {
                let target = format!("{prefix}/{id}");
                let (ours, theirs) =
                    (estate.plain.get_as(&target, accept), estate.union.get_as(&target, accept));
                assert_eq!(said(&ours), said(&theirs), "{target} as {accept}");
            }
        }
    }
}

/// None of these trims spans in Tempo; they say where it looks.
fn parameters_change_what_they_change_in_tempo(estate: &Estate) {
    let now = tutti::task::clock::wall_nanos() / 1_000_000_000;
    let (hour_ago, in_an_hour) = (now - 3600, now + 3600);
    let queries = [
        format!("start={hour_ago}&end={in_an_hour}"),
        format!("start={hour_ago}"),
        format!("end={in_an_hour}"),
        "start=1&end=2".to_owned(),
        "start=0&end=0".to_owned(),
        "start=-5".to_owned(),
        "start=&end=".to_owned(),
        "mode=".to_owned(),
        "mode=all".to_owned(),
        "mode=ingesters".to_owned(),
        "mode=ingesters&start=nonsense".to_owned(),
        "mode=blocks".to_owned(),
        "blockStart=00000000-0000-0000-0000-000000000000&blockEnd=ffffffff-ffff-ffff-ffff-ffffffffffff"
            .to_owned(),
        "mode=blocks&blockStart=00000000-0000-0000-0000-000000000000\
         &blockEnd=00000000-0000-0000-0000-000000000001"
            .to_owned(),
        "span_pruning=false".to_owned(),
        "unknown=1".to_owned(),
        "start=nonsense;end=5".to_owned(),
        "start=%zz".to_owned(),
        "start=1&start=nonsense".to_owned(),
    ];
    for query in &queries {
        for prefix in ["/api/traces", "/api/v2/traces"] {
            let case = &estate.kept.random[0];
            let target = format!("{prefix}/{}?{query}", case.id_hex());
            let spans = |server: &Server| {
                let reply = server.get_as(&target, PROTOBUF);
                let trace = match (reply.status, prefix) {
                    (200, "/api/traces") => reply.body,
                    (200, _) => v2_parts(&reply.body).0,
                    _ => return (reply.status, vec![reply.text()]),
                };
                (reply.status, protobuf_spans(&trace).lines)
            };
            let (ours, theirs) = (spans(&estate.plain), spans(&estate.union));
            assert_eq!(ours.0, theirs.0, "{target}: {:?} and {:?}", ours.1, theirs.1);
            assert_same(&target, &ours.1, &theirs.1);
        }
    }
}
