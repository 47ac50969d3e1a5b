//! A corpus from elsewhere: estates of several regions, queries, and what a real engine answers over one block
//! that holds every span. `TRACEQL_CORPUS` names its folder, which holds `search.jsonl.gz` and
//! `metrics.jsonl.gz`; its README says what a line is.
//!
//! It needs no Tempo: the answers lie beside the questions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::Value;

use crate::answer::{Answer, key};
use crate::embedded::Embedded;
use crate::judge::difference;
use crate::known;
use crate::question::Question;
use crate::sketch::{BEGINNING, Trace, hex, nanos};

const SECOND: i64 = 1_000_000_000;
const SHOWN: usize = 10;

pub const NO_CORPUS: &str =
    "TRACEQL_CORPUS is not set: set it to the folder of a corpus of queries to run this";

pub fn folder() -> Option<PathBuf> {
    std::env::var_os("TRACEQL_CORPUS").filter(|path| !path.is_empty()).map(PathBuf::from)
}

pub fn searches(folder: &Path) {
    run(folder, "search.jsonl.gz", |region, query| {
        let second = |at: &Value| text(at).parse::<i64>().ok().map(|at| at - BEGINNING as i64 / SECOND);
        let window = second(&query["start"]).zip(second(&query["end"]));
        region.answer(&Question::Search { query: text(&query["q"]).to_owned(), window })
    });
}

pub fn metrics(folder: &Path) {
    run(folder, "metrics.jsonl.gz", |region, query| {
        let at = |name: &str| text(&query[name]).parse::<u64>().expect("nanoseconds");
        let (start, end, step) = (at("start"), at("end"), at("step"));
        let asked = text(&query["q"]);
        if query["instant"] == true {
            return region.in_one_interval(asked, start, end);
        }
        let (start, end) = if query["align"] == true {
            tutti::traceql::metrics::align(start, end, step)
        } else {
            (start, end)
        };
        region.on_grid(asked, (start, end, step))
    });
}

fn run(folder: &Path, file: &str, ask: impl Fn(&Embedded, &Value) -> Answer) {
    let (mut count, mut differences) = (0, Vec::new());
    let mut known: BTreeMap<&str, u32> = BTreeMap::new();
    for (number, line) in lines(&folder.join(file)).lines().enumerate() {
        let estate: Value = serde_json::from_str(line).expect("a line of JSON");
        let traces = traces(&estate["regions"]);
        let region = Embedded::of(&traces);
        for (query, union) in list(&estate["queries"]).iter().zip(list(&estate["union"])) {
            count += 1;
            let shown_max = query["spss"].as_u64();
            let (ours, theirs) = (ask(&region, query), expected(union));
            if ours.is(&theirs) || is_part(&ours, &theirs, shown_max) {
                continue;
            }
            if let Some(why) = known::of_corpus(text(&query["q"]), &ours, &theirs) {
                *known.entry(why).or_default() += 1;
            } else {
                differences.push(show(number, query, &ours, &theirs, &traces));
            }
        }
    }
    eprintln!("{file}: {count} cases, {} differ", differences.len());
    known.iter().for_each(|(why, count)| eprintln!("  {count} differ as is known: {why}"));
    assert!(count > 0, "a corpus holds cases");
    differences.sort_by_key(String::len);
    let total = differences.len();
    differences.truncate(SHOWN);
    assert!(total == 0, "{total} of {count} cases differ\n\n{}", differences.join("\n======\n"));
}

fn show(estate: usize, query: &Value, ours: &Answer, theirs: &Answer, traces: &[Trace]) -> String {
    let traces: Vec<Trace> = traces.iter().map(Trace::canonical).collect();
    format!("{query}\n(estate {estate})\n{}", difference(ours, theirs, &traces))
}

/// Where fewer spans are shown than match, any will do: these must be among ours, and as many as asked for.
fn is_part(ours: &Answer, theirs: &Answer, shown_max: Option<u64>) -> bool {
    let (Some(most), Answer::Lines(ours), Answer::Lines(theirs)) = (shown_max, ours, theirs) else {
        return false;
    };
    let heads = |row: &str| -> Vec<String> {
        row.lines().filter(|line| !line.starts_with("    ")).map(str::to_owned).collect()
    };
    let spans = |row: &str| -> Vec<String> {
        row.lines().filter(|line| line.starts_with("    ")).map(str::to_owned).collect()
    };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            let (all, shown) = (spans(ours), spans(theirs));
            let sets = heads(ours).len() as u64 - 1;
            let is_enough = sets != 1 || shown.len() == all.len().min(most as usize);
            heads(ours) == heads(theirs) && is_enough && shown.iter().all(|span| all.contains(span))
        })
}

fn lines(path: &Path) -> String {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of text");
    text
}

fn list(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Value) -> &str {
    json.as_str().unwrap_or_default()
}

/// Every span of every region, by trace.
fn traces(regions: &Value) -> Vec<Trace> {
    let mut traces: BTreeMap<Vec<u8>, Trace> = BTreeMap::new();
    for export in regions.as_object().expect("regions").values().flat_map(list) {
        let mut export = export.clone();
        ids_in_hex(&mut export);
        let protobuf = tutti::wire::export::protobuf_of_json(export.to_string().as_bytes()).expect("OTLP");
        for batch in TracesData::decode(protobuf.as_slice()).expect("OTLP").resource_spans {
            let Some(first) = batch.scope_spans.iter().flat_map(|scope| &scope.spans).next() else {
                continue;
            };
            let id = first.trace_id.clone();
            let is_one =
                batch.scope_spans.iter().flat_map(|scope| &scope.spans).all(|span| span.trace_id == id);
            assert!(is_one, "a batch holds spans of one trace");
            let bytes: [u8; 16] = id.clone().try_into().expect("an id of 16 bytes");
            let trace = traces.entry(id).or_insert(Trace { id: bytes, batches: Vec::new() });
            trace.batches.push(batch);
        }
    }
    traces.into_values().collect()
}

/// Ids come in base64, and OTLP's JSON has them in hex.
fn ids_in_hex(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(ids_in_hex),
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), &*value) {
                    ("traceId" | "spanId" | "parentSpanId", Value::String(id)) => {
                        *value = Value::String(hex(&STANDARD.decode(id).expect("base64")));
                    }
                    _ => ids_in_hex(value),
                }
            }
        }
        _ => {}
    }
}

/// What is expected, in the lines of an [`Answer`].
fn expected(union: &Value) -> Answer {
    if let Some(error) = union["error"].as_str() {
        return Answer::Failed(error.to_owned());
    }
    let rows = list(&union["traces"]).iter().map(row);
    let mut lines: Vec<String> = rows.chain(list(&union["final"]).iter().map(series)).collect();
    lines.sort();
    Answer::Lines(lines)
}

fn since(nanoseconds: &Value) -> String {
    nanos(text(nanoseconds).parse::<i128>().expect("nanoseconds") - i128::from(BEGINNING))
}

fn row(row: &Value) -> String {
    let mut out = format!("trace {} @{} {}ms", text(&row["trace"]), since(&row["start"]), row["durMs"]);
    let _ = write!(out, " root={} {} stats", row["rootService"], row["rootName"]);
    let stats = row["stats"].as_object().into_iter().flatten();
    let mut stats: Vec<String> =
        stats.map(|(service, counts)| format!(" {service:?}:{}/{}", counts[0], counts[1])).collect();
    stats.sort();
    out.push_str(&stats.concat());
    let mut sets: Vec<String> = list(&row["sets"]).iter().map(set).collect();
    sets.sort();
    out.push_str(&sets.concat());
    out
}

fn set(set: &Value) -> String {
    let mut out = format!("\n  set {}{}", set["matched"], pairs(&set["attrs"], " ", ""));
    let mut spans: Vec<String> = list(&set["spans"])
        .iter()
        .map(|span| {
            let (id, name) = (text(&span["id"]).trim_start_matches('0'), text(&span["name"]));
            let duration = nanos(text(&span["dur"]).parse().expect("nanoseconds"));
            let start = since(&span["start"]);
            format!("\n    span {id} {name:?} @{start} +{duration}{}", pairs(&span["attrs"], " ", ""))
        })
        .collect();
    spans.sort();
    out.push_str(&spans.concat());
    out
}

fn pairs(json: &Value, before: &str, between: &str) -> String {
    let mut pairs: Vec<String> = list(json)
        .iter()
        .map(|pair| format!("{before}{}={}", key(text(&pair[0])), shown(text(&pair[1]).trim())))
        .collect();
    if between.is_empty() {
        pairs.sort();
    }
    pairs.join(between)
}

/// A value in the text form of protobuf.
fn shown(value: &str) -> String {
    let (kind, value) = value.split_once(':').unwrap_or((value, ""));
    match kind {
        "array_value" => {
            let inside = value.trim_start_matches('<').trim_end_matches('>').trim();
            let items: Vec<String> = inside
                .split("values:<")
                .filter(|item| !item.is_empty())
                .map(|item| shown(item.trim().trim_end_matches('>').trim()))
                .collect();
            format!("[{}]", items.join(","))
        }
        "double_value" => value.parse::<f64>().map_or(value.to_owned(), |number| format!("{number:?}")),
        _ => value.to_owned(),
    }
}

fn series(json: &Value) -> String {
    let mut out = format!("{{{}}}", pairs(&json["labels"], "", ", "));
    for sample in list(&json["samples"]) {
        let at = i128::from(sample[0].as_i64().expect("milliseconds")) * 1_000_000;
        let value = sample[1].as_f64().expect("a number");
        let _ = write!(out, " {}:{value:?}", nanos(at - i128::from(BEGINNING)));
    }
    out
}
