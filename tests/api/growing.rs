//! What a stream tells before its end: rows, names and values that nothing can take back, as soon as they are
//! certain, however slowly they are taken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use prost::Message;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tutti::backend::settings::{BreakerSettings, LayerSettings};
use tutti::backend::{Behaviour, Simulated};

use crate::estate::{Estate, Setup};
use crate::fakes::{Elsewhere, simulated};
use crate::spans::{CLIENT, MS, NOON, SERVER, at, batch, span, text, trace};
use crate::tempopb::{self, SERVICE, SearchMetrics, SearchRequest, TagNames, TagsRequest, TypedValues};

/// What each question to a region takes.
const SLOW: Duration = Duration::from_millis(700);
const TRACES: u64 = 40;

/// Rows as the bytes they are.
#[derive(Clone, PartialEq, Message)]
struct Rows {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    rows: Vec<Bytes>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<SearchMetrics>,
}

#[derive(Debug)]
struct Told {
    messages: Vec<(Duration, Bytes)>,
    code: String,
    line: String,
}

impl Told {
    fn read<M: Message + Default>(&self) -> Vec<(Duration, M)> {
        self.messages.iter().map(|(at, message)| (*at, M::decode(message.clone()).unwrap())).collect()
    }
}

/// Traces over two regions, each a second older than the one before it; what they hold together is told by no one
/// region alone.
fn regions() -> [Arc<Simulated>; 2] {
    let mut parts = [Vec::new(), Vec::new()];
    for nth in 0..TRACES {
        let id = [nth as u8 + 1; 16];
        let start = NOON - nth * 1000 * MS;
        let of = |number, parent, kind| {
            let mut span = at(span(number, parent, kind), start + number * MS, start + (number + 5) * MS);
            span.trace_id = id.to_vec();
            span.attributes = vec![text(&format!("key.of.{kind}"), &format!("value {kind}"))];
            span
        };
        parts[0].push(batch("shop", vec![of(1, None, SERVER), of(2, Some(1), CLIENT)]));
        parts[1].push(batch("pay", vec![of(3, Some(2), SERVER)]));
    }
    parts.map(|part| simulated(&trace(part)))
}

fn over(regions: [Arc<Simulated>; 2]) -> Estate {
    let breaker = BreakerSettings { failures_max: 3, ..BreakerSettings::default() };
    let layers = LayerSettings { deadline: Duration::from_secs(5), breaker, ..LayerSettings::default() };
    let [us, eu] = regions;
    Setup { layers, ..Setup::default() }.over(vec![("us-east", us), ("eu-central", eu)])
}

fn searching(limit: u32) -> Vec<u8> {
    let (start, end) = (1_794_999_900, 1_795_000_060);
    let query = "{ } >> { resource.service.name = `pay` }".to_owned();
    SearchRequest { query, limit, start, end, ..Default::default() }.encode_to_vec()
}

/// Takes a stream, each message when it comes and after a pause.
async fn told(estate: &Estate, method: &str, message: &[u8], mode: &str, pause: Duration) -> Told {
    let headers = [("tutti-mode", mode)];
    let request = tempopb::request(&format!("{SERVICE}{method}"), message, &headers);
    let began = Instant::now();
    let response = estate.router.clone().oneshot(request).await.unwrap();
    let (parts, mut body) = response.into_parts();
    let (mut told, mut bytes, mut trailers) = (Vec::new(), BytesMut::new(), parts.headers);
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
        while bytes.len() >= 5 && bytes.len() >= 5 + (&bytes[1..5]).get_u32() as usize {
            let length = (&bytes[1..5]).get_u32() as usize;
            bytes.advance(5);
            told.push((began.elapsed(), bytes.split_to(length).freeze()));
        }
        sleep(pause).await;
    }
    let said = |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    Told { messages: told, code: said("grpc-status"), line: said("grpc-message") }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_sent_once_it_is_certain_and_is_the_row_of_the_whole() {
    let regions = regions();
    let estate = over(regions.clone());
    regions.iter().for_each(|region| region.behave(Behaviour::Slow(SLOW)));
    let told = told(&estate, "Search", &searching(30), "best_effort", Duration::ZERO).await;
    assert_eq!(told.code, "0");
    let told = told.read::<Rows>();
    let (whole, before) = told.split_last().unwrap();
    assert_eq!(whole.1.rows.len(), 30);
    let early: Vec<&Bytes> = before.iter().flat_map(|(_, message)| &message.rows).collect();
    let distinct: BTreeSet<&Bytes> = early.iter().copied().collect();
    assert_eq!(distinct.len(), early.len(), "each is sent once");
    // The newest first, and each byte for byte as in the end.
    assert!(!early.is_empty() && early.iter().copied().eq(&whole.1.rows[..early.len()]));
    // One way to the regions for what they list, one for the first traces.
    let first = before.iter().find(|(_, message)| !message.rows.is_empty()).unwrap();
    assert_eq!(first.0, SLOW * 2);
    assert!(first.0 < whole.0);
    let jobs: Vec<(u32, u32)> = before
        .iter()
        .map(|(_, message)| message.metrics.as_ref().expect("Grafana takes it by pointer"))
        .map(|metrics| (metrics.completed_jobs, metrics.total_jobs))
        .collect();
    assert!(jobs.is_sorted() && jobs.iter().all(|(over, put)| over <= put), "{jobs:?}");
    assert!(before.iter().all(|(_, message)| message.encoded_len() <= 1 << 20));
}

#[tokio::test(start_paused = true)]
async fn rows_come_before_the_status_that_names_who_went_away_meanwhile() {
    let regions = regions();
    let estate = over(regions.clone());
    regions.iter().for_each(|region| region.behave(Behaviour::Slow(SLOW)));
    let leaves = async {
        // While the parts of the first traces are on their way.
        sleep(SLOW * 3 / 2).await;
        regions[1].behave(Behaviour::ServerError);
    };
    let message = searching(30);
    let (told, ()) = tokio::join!(told(&estate, "Search", &message, "best_effort", Duration::ZERO), leaves);
    assert_eq!(told.code, "14", "{}", told.line);
    assert!(told.line.contains("eu-central"), "{}", told.line);
    let told = told.read::<Rows>();
    let (whole, before) = told.split_last().unwrap();
    let early: Vec<&Bytes> = before.iter().flat_map(|(_, message)| &message.rows).collect();
    assert!(!early.is_empty() && early.iter().all(|row| whole.1.rows.contains(row)));
}

#[tokio::test(start_paused = true)]
async fn who_takes_only_the_whole_is_sent_no_part_of_it() {
    let regions = regions();
    let estate = over(regions.clone());
    regions.iter().for_each(|region| region.behave(Behaviour::Slow(SLOW)));
    let told = told(&estate, "Search", &searching(30), "strict", Duration::ZERO).await;
    let told = told.read::<Rows>();
    let (whole, before) = told.split_last().unwrap();
    assert_eq!(whole.1.rows.len(), 30);
    assert!(!before.is_empty() && before.iter().all(|(_, message)| message.rows.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_makes_no_region_slow() {
    let regions = regions();
    let estate = over(regions.clone());
    regions.iter().for_each(|region| region.behave(Behaviour::Slow(SLOW)));
    // Longer than any region may take.
    let told = told(&estate, "Search", &searching(30), "best_effort", Duration::from_secs(9)).await;
    assert_eq!((told.code.as_str(), told.line.as_str()), ("0", ""));
    let told = told.read::<Rows>();
    assert_eq!(told.last().unwrap().1.rows.len(), 30);
    assert!(told.len() <= 3, "what was not taken in time is part of the whole: {}", told.len());
    let metrics = estate.get("/metrics").await.text();
    assert!(!metrics.contains("status=\"timeout\""), "{metrics}");
}

fn far([us, eu]: [Arc<Simulated>; 2]) -> Estate {
    Setup::default().over(vec![("us-east", Arc::new(Elsewhere(us))), ("eu-central", Arc::new(Elsewhere(eu)))])
}

/// Far regions tell their own names, and each adds what the others do not have.
#[tokio::test(start_paused = true)]
async fn names_and_values_are_sent_as_regions_tell_them() {
    let regions = regions();
    let estate = far(regions.clone());
    regions[1].behave(Behaviour::Slow(SLOW));
    let (start, end) = (1_794_999_900, 1_795_000_060);
    let names = |limit| TagsRequest { start, end, max_tags_per_scope: limit, ..Default::default() };
    let told_names =
        told(&estate, "SearchTags", &names(0).encode_to_vec(), "best_effort", Duration::ZERO).await;
    let told_names = told_names.read::<TagNames>();
    let [(first, early), (last, whole)] = told_names.as_slice() else { panic!("{told_names:?}") };
    assert_eq!((*first, *last), (Duration::ZERO, SLOW));
    assert_eq!(early.names, ["key.of.2", "key.of.3", "service.name"]);
    assert_eq!(whole.names, ["key.of.2", "key.of.3", "service.name", "tutti.region"]);
    assert!(early.metrics.is_some());
    let limited = names(2).encode_to_vec();
    let limited = told(&estate, "SearchTagsV2", &limited, "best_effort", Duration::ZERO);
    assert_eq!(limited.await.messages.len(), 1, "what a caller limits is known in the end");
    let values = tempopb::TagValuesRequest {
        tag_name: "resource.service.name".to_owned(),
        start,
        end,
        ..Default::default()
    }
    .encode_to_vec();
    let values = told(&estate, "SearchTagValuesV2", &values, "best_effort", Duration::ZERO).await;
    let values: Vec<Vec<String>> = values
        .read::<TypedValues>()
        .into_iter()
        .map(|(_, part)| part.values.into_iter().map(|value| value.value).collect())
        .collect();
    assert_eq!(values, [vec!["shop"], vec!["pay", "shop"]]);
}
