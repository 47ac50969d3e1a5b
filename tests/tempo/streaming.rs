//! The streaming API, asked of a real Tempo and of a gateway over one embedded region that hold the same
//! spans: what a client has put together at the end, and the code and words where there is nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tonic::Code;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tutti::backend::Backend;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{MemorySettings, Streaming};
use tutti::task::Deadline;

use crate::QueryTest;
use crate::answer::Answer;
use crate::grpc_client::{call_with, client};
use crate::http::Reply;
use crate::judge::Judge;
use crate::question::Question;
use crate::region::bare;
use crate::search;
use crate::several::asked_by;
use crate::sketch::{BEGINNING, export};
use crate::tempopb::{
    self, InstantResponse, MetricsRequest, RangeResponse, SERVICE, SearchRequest, SearchResponse, TagNames,
    TagScopes, TagValuesRequest, TagsRequest, TypedValues,
};

pub const TESTS: &[QueryTest] = &[
    ("a_stream_comes_to_the_same_in_the_end", the_same),
    ("a_region_says_the_same_by_streams_and_over_http", by_either_way),
];

const S: u64 = 1_000_000_000;
/// Around everything that is held.
const BEFORE: u64 = 60;
const AFTER: u64 = 1_200;

/// Messages, and the code and words after them.
type Streamed = (Vec<Bytes>, i32, String);

/// A method, a message to it, and what its answers come to.
type Case = (&'static str, Vec<u8>, fn(&[Bytes]) -> BTreeSet<String>);

fn decoded<M: Message + Default>(messages: &[Bytes]) -> impl Iterator<Item = M> {
    messages.iter().map(|message| M::decode(message.clone()).unwrap())
}

/// Rows by their trace, each in its last version.
fn rows(messages: &[Bytes]) -> BTreeSet<String> {
    let rows: BTreeMap<String, String> = decoded::<SearchResponse>(messages)
        .flat_map(|part| part.traces)
        .map(|row| (row.trace_id.clone(), format!("{row:?}")))
        .collect();
    rows.into_values().collect()
}

fn names(messages: &[Bytes]) -> BTreeSet<String> {
    decoded::<TagNames>(messages).flat_map(|part| part.names).collect()
}

fn scopes(messages: &[Bytes]) -> BTreeSet<String> {
    let scopes = decoded::<TagScopes>(messages).flat_map(|part| part.scopes);
    scopes.flat_map(|scope| scope.tags.into_iter().map(move |tag| format!("{} {tag}", scope.name))).collect()
}

fn values(messages: &[Bytes]) -> BTreeSet<String> {
    let values = decoded::<TypedValues>(messages).flat_map(|part| part.values);
    values.map(|value| format!("{} {}", value.kind, value.value)).collect()
}

/// Samples by series and time, each in its last version.
fn samples(messages: &[Bytes]) -> BTreeSet<String> {
    let mut samples = BTreeMap::new();
    for series in decoded::<RangeResponse>(messages).flat_map(|part| part.series) {
        for sample in series.samples {
            samples.insert((format!("{:?}", series.labels), sample.timestamp_ms), sample.value);
        }
    }
    samples.into_iter().map(|sample| format!("{sample:?}")).collect()
}

fn moment(messages: &[Bytes]) -> BTreeSet<String> {
    let series = decoded::<InstantResponse>(messages).flat_map(|part| part.series);
    let last: BTreeMap<String, f64> =
        series.map(|series| (format!("{:?}", series.labels), series.value)).collect();
    last.into_iter().map(|one| format!("{one:?}")).collect()
}

fn cases(beginning: u64) -> Vec<Case> {
    let (start, end) = (beginning / S - BEFORE, beginning / S + AFTER);
    let seconds = |at: u64| u32::try_from(at).unwrap();
    let search = |query: &str| {
        let (start, end) = (seconds(start), seconds(end));
        SearchRequest { query: query.to_owned(), start, end, limit: 100, ..Default::default() }
    };
    let tags = |scope: &str| TagsRequest {
        scope: scope.to_owned(),
        start: seconds(start),
        end: seconds(end),
        ..Default::default()
    };
    let of = |name: &str| TagValuesRequest {
        tag_name: name.to_owned(),
        start: seconds(start),
        end: seconds(end),
        ..Default::default()
    };
    let metrics = |query: &str| {
        let (query, start, end) = (query.to_owned(), start * S, end * S);
        MetricsRequest { query, start, end, ..Default::default() }
    };
    let mut cases: Vec<Case> = Vec::new();
    for query in
        ["{ }", "{ status = error }", "{ kind = server } >> { }", "{ name = `none` }", "{", "{ 1 = `a` }"]
    {
        cases.push(("Search", search(query).encode_to_vec(), rows));
    }
    for wrong in [
        SearchRequest { limit: 999_999, ..Default::default() },
        SearchRequest { start: 5, end: 2, ..Default::default() },
        SearchRequest { start: 5, ..Default::default() },
        SearchRequest { start: 1, end: seconds(end), ..Default::default() },
        SearchRequest { spans_per_span_set: 101, ..search("{ }") },
        SearchRequest { tags: [("a".to_owned(), "b".to_owned())].into(), ..search("{ }") },
    ] {
        cases.push(("Search", wrong.encode_to_vec(), rows));
    }
    for scope in ["", "none", "span", "resource", "event", "other"] {
        cases.push(("SearchTags", tags(scope).encode_to_vec(), names));
        cases.push(("SearchTagsV2", tags(scope).encode_to_vec(), scopes));
    }
    for name in ["service.name", "name", "none"] {
        cases.push(("SearchTagValues", of(name).encode_to_vec(), names));
    }
    for name in ["resource.service.name", "name", "kind", ".none", "none", "{"] {
        cases.push(("SearchTagValuesV2", of(name).encode_to_vec(), values));
    }
    for query in [
        "{ } | count_over_time()",
        "{ } | count_over_time() by (resource.service.name)",
        "{ } | max_over_time(duration) by (kind)",
        "{ }",
        "{ | rate()",
        "{ 1 = `a` } | rate()",
    ] {
        cases.push(("MetricsQueryRange", metrics(query).encode_to_vec(), samples));
        cases.push(("MetricsQueryInstant", metrics(query).encode_to_vec(), moment));
    }
    for untimed in
        [MetricsRequest::default(), MetricsRequest { query: "{ } | rate()".to_owned(), ..Default::default() }]
    {
        cases.push(("MetricsQueryRange", untimed.encode_to_vec(), samples));
        cases.push(("MetricsQueryInstant", untimed.encode_to_vec(), moment));
    }
    cases
}

async fn theirs(client: &Grpc<Channel>, tenant: &str, case: &Case) -> Streamed {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-scope-orgid", tenant.parse().unwrap());
    let called = call_with(client.clone(), case.0, case.1.clone().into(), metadata).await;
    let (code, line) = called.status.map_or((Code::Ok as i32, String::new()), |status| {
        (status.code() as i32, status.message().to_owned())
    });
    (called.messages, code, line)
}

/// What our words go on to say, after those of Tempo.
fn is_said_alike(ours: &str, theirs: &str) -> bool {
    // Where a query cannot be read, both name the place; what was expected there is our own affair.
    let head = |line: &str| line.split("syntax error").next().unwrap_or_default().to_owned();
    ours.starts_with(theirs) || head(ours) == head(theirs)
}

fn the_same(judge: &Judge) {
    let (tenant, traces, beginning) = judge.one();
    let memory = Arc::new(MemoryBackend::new(MemorySettings::default()));
    let shifted: Vec<_> =
        traces.iter().map(|trace| trace.shifted(beginning.wrapping_sub(BEGINNING))).collect();
    memory.ingest(export(&shifted).encode_to_vec().into()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let estate = {
        let _inside = runtime.enter();
        bare(vec![("here", memory)])
    };
    let mut differences = Vec::new();
    let mut fruitful = 0;
    runtime.block_on(async {
        let client = client(judge.address()).await;
        for case in cases(beginning) {
            let theirs = theirs(&client, tenant, &case).await;
            let ours = tempopb::ask(&estate.router, &format!("{SERVICE}{}", case.0), &case.1, &[]).await;
            let (mine, of_tempo) = (case.2(&ours.messages), case.2(&theirs.0));
            fruitful += usize::from(!of_tempo.is_empty());
            let is_same = mine == of_tempo && ours.code() == theirs.1;
            if !is_same || !is_said_alike(&ours.line(), &theirs.2) {
                differences.push(format!(
                    "{} {}\n  ours {} {:?} {mine:?}\n  theirs {} {:?} {of_tempo:?}",
                    case.0,
                    String::from_utf8_lossy(&case.1).escape_debug(),
                    ours.code(),
                    ours.line(),
                    theirs.1,
                    theirs.2,
                ));
            }
        }
    });
    assert!(fruitful > 10, "answers that hold nothing judge nothing");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
}

/// A gateway over one Tempo, asked one way and the other.
fn by_either_way(judge: &Judge) {
    let (tenant, _, beginning) = judge.one();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let over = |streaming| {
        let _inside = runtime.enter();
        bare(vec![("here", Arc::new(asked_by(judge.address(), tenant, streaming)) as Arc<dyn Backend>)])
    };
    let estates = [over(Streaming::Never), over(Streaming::Always)];
    let mut questions: Vec<Question> =
        search::corpus().into_iter().filter(|question| matches!(question, Question::Search { .. })).collect();
    for name in ["resource.service.name", "span.s", ".x", "name", "status", "event.k"] {
        questions.push(Question::Values { name: name.to_owned(), query: None });
        questions.push(Question::Values { name: name.to_owned(), query: Some("{ .x = 1 }".to_owned()) });
    }
    for scope in [None, Some("span"), Some("resource"), Some("intrinsic"), Some("none")] {
        questions.push(Question::Names { scope: scope.map(str::to_owned), query: None });
    }
    let (mut differences, mut fruitful) = (Vec::new(), 0);
    for question in &questions {
        let [http, streamed] = [0, 1].map(|way: usize| {
            let answered = runtime.block_on(estates[way].get(&question.target(beginning)));
            let reply =
                Reply { status: answered.status.as_u16(), headers: Vec::new(), body: answered.body.to_vec() };
            Answer::of(question, &reply, beginning)
        });
        fruitful += usize::from(matches!(&http, Answer::Lines(lines) if !lines.is_empty()));
        if !http.is(&streamed) {
            differences.push(format!("{question}\n  http {http:?}\n  streamed {streamed:?}"));
        }
    }
    assert!(fruitful > 50, "answers that hold nothing judge nothing: {fruitful}");
    assert!(differences.is_empty(), "{} differ\n{}", differences.len(), differences.join("\n"));
    // And a probe finds by itself that it streams.
    let region = asked_by(judge.address(), tenant, Streaming::Auto);
    runtime.block_on(async {
        region.probe(Deadline::starting_now(Duration::from_secs(10))).await.unwrap();
        assert!(format!("{region:?}").contains("streams: true"), "{region:?}");
    });
}
