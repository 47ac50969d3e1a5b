//! Answers to searches, tags and metrics to the last byte: one embedded region behind the gateway holds what
//! a real Tempo holds. Asked is only what leaves Tempo nothing to order; what queries find is held elsewhere.

use std::path::Path;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use tempfile::TempDir;
use tutti::wire::export::protobuf_of_json;
use tutti::wire::protobuf::Reader;

use crate::Test;
use crate::errors::essence;
use crate::estate::{Estate, Server};
use crate::http::{Reply, Request};
use crate::query_tempo::{Held, QueryTempo};
use crate::server::free_port;
use crate::sketch::{BEGINNING, Trace, export};

pub const TESTS: &[Test] =
    &[("an_answer_to_a_query_is_written_to_the_byte", an_answer_to_a_query_is_written_to_the_byte)];

/// A gateway over one embedded region.
struct Embedded {
    server: Server,
    _files: TempDir,
}

impl Embedded {
    fn holding(export: &[u8]) -> Self {
        let files = TempDir::new().unwrap();
        let [http, otlp] = [free_port().unwrap(), free_port().unwrap()];
        let text = format!(
            "[gateway]\nregion = \"one\"\npacks = []\n[[region]]\nname = \"one\"\njurisdiction = \"US\"\nkind = \"memory\"\notlp = \
             \"127.0.0.1:{otlp}\"\n[additions]\nregion = false\n"
        );
        let file = files.path().join("regions.toml");
        std::fs::write(&file, text).unwrap();
        let args = [
            "serve".to_owned(),
            format!("--config={}", file.display()),
            format!("--listen=127.0.0.1:{http}"),
        ];
        let program = Path::new(env!("CARGO_BIN_EXE_tutti"));
        let mut server = Server::begin("embedded", program, &args, files.path(), http).unwrap();
        server.wait_until_ready(&files.path().join("log")).unwrap();
        server.otlp = Some(([127, 0, 0, 1], otlp).into());
        let reply = server.export(export);
        assert_eq!(reply.status, 200, "{}", reply.text());
        Self { server, _files: files }
    }
}

/// Without the account of what was read to answer, which is each one's own.
fn without_metrics(reply: &Reply) -> Vec<u8> {
    let body = reply.unpacked();
    if reply.header("content-type") == Some("application/protobuf") {
        let mut reader = Reader::new(&body);
        while let Some(field) = reader.next().unwrap() {
            if field.number == 2 {
                return [&body[..field.start], &body[field.end..]].concat();
            }
        }
        panic!("no metrics in {}", body.escape_ascii());
    }
    let text = String::from_utf8(body).unwrap();
    // The document for language models leaves it out where there is nothing in it.
    let Some(begin) = text.rfind("\"metrics\":{") else { return text.into_bytes() };
    let end = begin + text[begin..].find('}').unwrap() + 1;
    format!("{}{}", text[..begin].trim_end_matches(','), &text[end..]).into_bytes()
}

/// Status, headers and the body but for its metrics.
fn all_of(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let (status, headers, _) = essence(reply);
    (status, headers, without_metrics(reply).escape_ascii().to_string())
}

const TENANT: &str = "written";

/// Traces of one service each, whose texts need every escape, and whose ids begin with zeros.
fn traces() -> Vec<Trace> {
    let one = |number: u64| {
        let spans: Vec<String> = (1..=number)
            .map(|span| {
                let parent = if span == 1 { String::new() } else { format!("{:016x}", span - 1) };
                let start = BEGINNING + number * 60_000_000_000 + span * 1_000_000;
                let end = start + 1_900_000_000 / span;
                format!(
                    r#"{{"traceId":"{number:032x}","spanId":"{span:016x}","parentSpanId":"{parent}","name":"a <b> & \"c\" \u2028 {span}","kind":{},"status":{{"code":{}}},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{{"key":"n","value":{{"intValue":"{span}"}}}}]}}"#,
                    span % 6,
                    span % 3
                )
            })
            .collect();
        let json = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"service <{number}>"}}}}]}},"scopeSpans":[{{"scope":{{"name":"s"}},"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        );
        let data = TracesData::decode(&*protobuf_of_json(json.as_bytes()).unwrap()).unwrap();
        Trace { id: u128::from(number).to_be_bytes(), batches: data.resource_spans }
    };
    (1..=6).map(one).collect()
}

/// One span attribute at most is shown: Tempo shows several in the order of chance.
const SEARCHES: [&str; 9] = [
    "",
    "|count()>0",
    "|by(resource.service.name)",
    "|avg(duration)>=0",
    "|max(.n)>0",
    "|select(name)",
    "|select(status)",
    "|select(kind)",
    "|select(.n)",
];

const FUNCTIONS: [&str; 8] = [
    "rate()",
    "count_over_time() by (span.n)",
    "max_over_time(duration)",
    "avg_over_time(duration) by (name)",
    "quantile_over_time(duration,.5,.9)",
    "histogram_over_time(duration)",
    "count_over_time() by (status)",
    "rate() by (kind, resource.service.name)",
];

const OTHERS: [&str; 16] = [
    "/api/search?tags=service.name%3D%22service%20%3C4%3E%22",
    "/api/search?tags=service.name%3Dno-such-service",
    "/api/search?q=%7B.no%3D1%7D",
    "/api/search/tags?",
    "/api/search/tags?scope=intrinsic",
    "/api/search/tags?scope=trace",
    "/api/v2/search/tags?scope=intrinsic",
    "/api/v2/search/tags?scope=span",
    "/api/v2/search/tags?scope=trace",
    "/api/search/tag/n/values?",
    "/api/search/tag/name/values?",
    "/api/search/tag/no.such/values?",
    "/api/v2/search/tag/.no%2Fsuch/values?",
    "/api/v2/search/tag/duration/values?",
    "/api/v2/search/tag/instrumentation:name/values?",
    "/api/metrics/query?q=%7B.no%3D1%7D%7Cmax_over_time(duration)",
];

fn targets(beginning: u64) -> Vec<String> {
    let encoded = |query: &str| utf8_percent_encode(query, NON_ALPHANUMERIC).to_string();
    let start = beginning / 1_000_000_000;
    let window = format!("start={start}&end={}", start + 900);
    let mut targets: Vec<String> = OTHERS.iter().map(|path| format!("{path}&{window}")).collect();
    for number in 1..=6 {
        let of_trace = format!("{{trace:id=\"{number:x}\"}}");
        for stage in SEARCHES {
            let query = encoded(&format!("{of_trace}{stage}"));
            targets.push(format!("/api/search?q={query}&limit=5&spss=100&{window}"));
        }
        for function in FUNCTIONS {
            let query = encoded(&format!("{of_trace}|{function} with(exemplars=false)"));
            targets.push(format!("/api/metrics/query_range?q={query}&step=5m&{window}"));
            targets.push(format!("/api/metrics/query?q={query}&{window}"));
        }
    }
    targets
}

fn an_answer_to_a_query_is_written_to_the_byte(_: &Estate) {
    let program = std::env::var_os("TEMPO_BIN").unwrap();
    let tempo = QueryTempo::start(Path::new(&program), tutti::task::clock::wall_nanos()).unwrap();
    let traces = traces();
    tempo.fill(&[Held { tenant: TENANT.to_owned(), traces: &traces, again: &[] }]).unwrap();
    let shifted: Vec<Trace> =
        traces.iter().map(|trace| trace.shifted(tempo.beginning.wrapping_sub(BEGINNING))).collect();
    let embedded = Embedded::holding(&export(&shifted).encode_to_vec());
    let (mut differences, mut fruitful) = (Vec::new(), 0);
    for target in targets(tempo.beginning) {
        for accept in ["application/json", "application/protobuf", "application/vnd.grafana.llm"] {
            let ours = all_of(&embedded.server.send(&Request::get(&target).with(&[("Accept", accept)])));
            let theirs = all_of(&tempo.ask_as(TENANT, &target, accept));
            // Longer than an answer that says nothing.
            fruitful += usize::from(theirs.0 == 200 && theirs.2.len() > 60);
            if ours != theirs {
                differences.push(format!("{target} as {accept}\n    Tutti: {ours:?}\n    Tempo: {theirs:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(fruitful > 300, "only {fruitful} answers say anything");
}
