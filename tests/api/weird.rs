//! Traces that no service should send and some do: each is shown in full, on every endpoint, and soon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::Span;
use tutti::backend::{Backend, Behaviour};

use crate::estate::{Answered, Estate, estate};
use crate::fakes::{Sends, simulated};
use crate::seen::{self, Seen};
use crate::spans::{CLIENT, ID, INTERNAL, MS, NOON, SERVER, at, part, span};

/// What an answer may take in real time, in a build without optimisation on a busy machine. A step that
/// looks at every span for every span takes minutes.
const SOON: Duration = Duration::from_secs(30);

/// What one region sends, and how many spans must come out.
async fn check(spans: Vec<Span>) -> Vec<Seen> {
    check_regions(vec![spans]).await
}

/// Sends each part from a region of its own, asks every endpoint, and holds that all tell of every span.
async fn check_regions(parts: Vec<Vec<Span>>) -> Vec<Seen> {
    let sent: usize = parts.iter().map(Vec::len).sum();
    let names = ["us-east", "us-west", "eu-central"];
    let regions = names
        .iter()
        .zip(&parts)
        .map(|(name, spans)| (*name, Sends::new(part(name, spans.clone())) as Arc<dyn Backend>));
    let estate = estate(regions.collect());
    let all = on_every_endpoint(&estate).await;
    for (number, seen) in all.iter().enumerate() {
        assert_eq!(seen.real().count(), sent, "endpoint {number}");
        assert_eq!(seen.synthetic().count(), 0);
    }
    all
}

async fn on_every_endpoint(estate: &Estate) -> Vec<Seen> {
    let (v1, v2) = (format!("/api/traces/{ID}"), format!("/api/v2/traces/{ID}"));
    let document = format!("/api/tutti/v1/traces/{ID}");
    let get = async |path: &str, accept: &str| {
        let began = real_time();
        let answer = estate.ask(path, &[("accept", accept)]).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "complete"), "{path} {accept}");
        assert!(began.elapsed() < SOON, "{path} {accept} took {:?}", began.elapsed());
        answer
    };
    let llm = get(&v2, "application/vnd.grafana.llm").await.json();
    assert!(llm["trace"].is_object(), "{llm}");
    let began = real_time();
    let events = seen::events(&estate.get(&format!("{document}/stream")).await);
    assert!(began.elapsed() < SOON);
    let (name, last) = &events[events.len() - 1];
    assert_eq!(name, "answer");
    vec![
        seen::v1_json(&get(&v1, "application/json").await),
        seen::v1_protobuf(&get(&v1, "application/protobuf").await),
        seen::v1_json(&get(&v1, "application/vnd.grafana.llm").await),
        seen::v2_json(&get(&v2, "application/json").await),
        seen::v2_protobuf(&get(&v2, "application/protobuf").await),
        seen::v2_protobuf(&get(&format!("{v2}?adjust=skew"), "application/protobuf").await),
        seen::document(&get(&document, "*/*").await.json()),
        seen::document(last),
    ]
}

#[expect(clippy::disallowed_methods, reason = "this is about the time that really passes")]
fn real_time() -> std::time::Instant {
    std::time::Instant::now()
}

#[tokio::test(start_paused = true)]
async fn parents_may_be_missing_and_roots_several_or_none() {
    check(vec![span(1, None, SERVER), span(2, None, SERVER), span(3, Some(77), SERVER)]).await;
    check_regions(vec![
        vec![span(3, Some(77), SERVER)],
        vec![span(4, Some(78), SERVER), span(5, Some(3), CLIENT)],
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_span_may_be_its_own_ancestor() {
    let ring = vec![span(1, Some(3), SERVER), span(2, Some(1), CLIENT), span(3, Some(2), INTERNAL)];
    let of_itself = span(9, Some(9), INTERNAL);
    let below = span(4, Some(2), INTERNAL);
    for seen in check([ring.clone(), vec![of_itself, below]].concat()).await {
        let marked: Vec<u64> =
            seen.spans.iter().filter(|s| s.attribute("tutti.cycle").is_some()).map(|s| s.number()).collect();
        assert_eq!(marked.iter().collect::<BTreeSet<_>>(), [1, 2, 3, 9].iter().collect::<BTreeSet<_>>());
        assert_eq!(seen.span(1).parent, 3u64.to_be_bytes(), "its parent stays as it was sent");
    }
    // Also where the ring goes round the world.
    check_regions(ring.into_iter().map(|span| vec![span]).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_may_have_any_length() {
    let with_id = |number: u64, id: &[u8], parent: &[u8]| Span {
        span_id: id.to_vec(),
        parent_span_id: parent.to_vec(),
        ..span(number, None, INTERNAL)
    };
    let spans = vec![
        with_id(1, &[], &[]),
        with_id(2, &[], &[]),
        with_id(3, &[1, 2, 3, 4], &[]),
        with_id(4, &[5; 16], &[1, 2, 3, 4]),
        with_id(5, &[0; 8], &[5; 16]),
        with_id(6, &[0; 16], &[0; 3]),
        with_id(7, &[8; 8], &[7; 40]),
        with_id(8, &[1, 2, 3, 4], &[8; 8]),
    ];
    for seen in check(spans.clone()).await {
        let ids: BTreeSet<(String, Vec<u8>)> =
            seen.spans.iter().map(|s| (s.name.clone(), s.id.clone())).collect();
        let sent: BTreeSet<_> = spans.iter().map(|s| (s.name.clone(), s.span_id.clone())).collect();
        assert_eq!(ids, sent);
    }
    let (one, other) = spans.split_at(4);
    check_regions(vec![one.to_vec(), other.to_vec()]).await;
}

#[tokio::test(start_paused = true)]
async fn a_trace_id_may_be_absent_from_a_span() {
    check(vec![Span { trace_id: Vec::new(), ..span(1, None, SERVER) }, span(2, Some(1), CLIENT)]).await;
}

#[tokio::test(start_paused = true)]
async fn spans_of_other_kinds_may_share_an_id() {
    check_regions(vec![
        vec![span(1, None, SERVER), span(5, Some(1), INTERNAL), span(5, Some(1), 4)],
        vec![span(5, Some(1), 5), span(5, Some(1), 0), span(6, Some(5), INTERNAL), span(5, Some(1), 77)],
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_span_of_one_kind_counts_once_however_often_it_comes() {
    let own = span(5, Some(1), INTERNAL);
    let us = Sends::new(part("a", vec![span(1, None, SERVER), own.clone(), own.clone()]));
    let eu = Sends::new(part("b", vec![own.clone(), own]));
    let estate = estate(vec![("us-east", us), ("eu-central", eu)]);
    for seen in on_every_endpoint(&estate).await {
        assert_eq!(seen.ids(), [1, 5]);
        assert_eq!(seen.span(5).resource["tutti.region"], "us-east");
    }
}

#[tokio::test(start_paused = true)]
async fn times_may_be_absurd() {
    const MAX: u64 = u64::MAX;
    const HALF: u64 = 1 << 63;
    let times =
        [(0, 0), (0, MAX), (MAX, 0), (MAX, MAX), (NOON, 0), (NOON, NOON - MS), (HALF, HALF), (0, HALF)];
    let mut number = 0;
    // Every pair of absurdities as a call, in both directions between the regions.
    let (mut here, mut there) = (vec![span(1, None, SERVER)], Vec::new());
    for client in times {
        for server in times {
            number += 2;
            let client = at(span(1_000 + number, Some(1), CLIENT), client.0, client.1);
            let server = at(span(1_001 + number, Some(1_000 + number), SERVER), server.0, server.1);
            let (from, to) = if number % 4 == 0 { (&mut here, &mut there) } else { (&mut there, &mut here) };
            from.push(client);
            to.push(server);
        }
    }
    check_regions(vec![here.clone(), there.clone()]).await;
    check_regions(vec![there.clone(), here.clone()]).await;
    // Each pair on its own, where no majority outvotes it.
    for server in
        there.iter().chain(&here).filter(|span| span.kind == SERVER && span.span_id != 1u64.to_be_bytes())
    {
        let client =
            here.iter().chain(&there).find(|client| client.span_id == server.parent_span_id).unwrap();
        check_regions(vec![vec![client.clone()], vec![server.clone()]]).await;
        check_regions(vec![vec![server.clone()], vec![client.clone()]]).await;
    }
}

/// Absurd times beside a region that is missing: the gateway's own spans are then made from them.
#[tokio::test(start_paused = true)]
async fn what_the_gateway_adds_stands_absurd_times_too() {
    for (start, end) in [(0, u64::MAX), (u64::MAX, 0), (0, 0)] {
        let us = simulated(&part("shop", vec![at(span(3, Some(77), SERVER), start, end)]));
        let down = simulated(&Bytes::new());
        down.behave(Behaviour::ServerError);
        let estate = estate(vec![("us-east", us), ("eu-central", down)]);
        for path in ["/api/traces/", "/api/v2/traces/", "/api/tutti/v1/traces/"] {
            let answer: Answered = estate.get(&format!("{path}{ID}")).await;
            assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{start} {end} {path}");
        }
        let answer = estate.ask(&format!("/api/v2/traces/{ID}"), &[("accept", "application/protobuf")]).await;
        let seen = seen::v2_protobuf(&answer);
        assert_eq!((seen.real().count(), seen.synthetic().count()), (1, 2));
    }
}

const MANY: u64 = 50_000;

#[tokio::test(start_paused = true)]
async fn fifty_thousand_spans_may_be_one_chain() {
    let spans: Vec<Span> =
        (1..=MANY).map(|id| span(id << 20, (id > 1).then(|| (id - 1) << 20), INTERNAL)).collect();
    check_large(spans, &EVERY).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_spans_may_be_children_of_one() {
    let spans: Vec<Span> = (1..=MANY).map(|id| span(id << 20, (id > 1).then_some(1 << 20), CLIENT)).collect();
    check_large(spans, &EVERY).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_spans_may_have_no_id_at_all() {
    let spans = (1..=MANY).map(|id| Span { span_id: Vec::new(), ..span(id, None, INTERNAL) });
    check_large(spans.collect(), &ONE).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_spans_may_share_an_id_that_is_none_and_be_their_own_parents() {
    let odd = vec![7, 7, 7];
    let spans = (1..=MANY).map(|id| Span {
        span_id: odd.clone(),
        parent_span_id: odd.clone(),
        ..span(id, None, INTERNAL)
    });
    check_large(spans.collect(), &ONE).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_parents_may_be_missing() {
    let spans: Vec<Span> = (1..=MANY).map(|id| span(id << 20, Some((id << 20) + 1), SERVER)).collect();
    let us = Sends::new(part("shop", spans));
    let down = simulated(&Bytes::new());
    down.behave(Behaviour::ServerError);
    let estate = estate(vec![("us-east", us), ("eu-central", down)]);
    let began = real_time();
    let answer = estate.ask(&format!("/api/v2/traces/{ID}"), &[("accept", "application/protobuf")]).await;
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    let seen = seen::v2_protobuf(&answer);
    assert_eq!(seen.real().count() as u64, MANY);
    assert_eq!(
        seen.synthetic().filter(|span| span.is_placeholder()).count(),
        1_000,
        "no more than a person reads"
    );
}

/// The endpoints that write differently.
const EVERY: [(&str, &str); 5] = [
    ("/api/v2/traces/", "application/protobuf"),
    ("/api/v2/traces/", "application/json"),
    ("/api/v2/traces/", "application/vnd.grafana.llm"),
    ("/api/v2/traces/?adjust=skew", "application/protobuf"),
    ("/api/tutti/v1/traces/", "*/*"),
];

/// Where a trace is strange to join and nothing is strange to write.
const ONE: [(&str, &str); 1] = [("/api/v2/traces/", "application/protobuf")];

/// Half of the spans in each of two regions, taking turns.
async fn check_large(spans: Vec<Span>, endpoints: &[(&str, &str)]) {
    let sent = spans.len();
    let (one, other): (Vec<_>, Vec<_>) =
        spans.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let of = |half: Vec<(usize, Span)>| part("shop", half.into_iter().map(|(_, span)| span).collect());
    let estate = estate(vec![("us-east", Sends::new(of(one))), ("eu-central", Sends::new(of(other)))]);
    for (path, accept) in endpoints {
        let path = path.replace("traces/", &format!("traces/{ID}"));
        let began = real_time();
        let answer = estate.ask(&path, &[("accept", *accept)]).await;
        assert!(began.elapsed() < SOON, "{path} {accept} took {:?}", began.elapsed());
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "complete"));
        match *accept {
            "application/protobuf" => assert_eq!(seen::v2_protobuf(&answer).spans.len(), sent),
            "application/json" => assert_eq!(seen::v2_json(&answer).spans.len(), sent),
            "*/*" => assert_eq!(seen::document(&answer.json()).spans.len(), sent),
            _ => assert!(answer.json()["trace"].is_object()),
        }
    }
}

/// A region's answer to a Zipkin pair as Tempo gives it: the server span of each shared id is renumbered,
/// from 1 on, below its client.
fn zipkin_part(client: u64, below: u64) -> Vec<Span> {
    vec![span(client, None, CLIENT), span(1, Some(client), SERVER), span(below, Some(1), INTERNAL)]
}

/// Both regions renumber from 1; joined naively, one of two servers is lost.
#[tokio::test(start_paused = true)]
async fn ids_that_two_regions_renumbered_alike_stay_two_spans() {
    for seen in check_regions(vec![zipkin_part(1_000, 1_001), zipkin_part(2_000, 2_001)]).await {
        let servers: BTreeMap<u64, u64> = seen
            .spans
            .iter()
            .filter(|span| span.kind == SERVER)
            .map(|span| (parent_of(span), span.number()))
            .collect();
        assert_eq!(servers.keys().copied().collect::<Vec<_>>(), [1_000, 2_000], "each below its own client");
        assert_eq!(
            servers.values().copied().collect::<BTreeSet<_>>(),
            [1, 2].into(),
            "numbered as one Tempo would"
        );
        for (client, below) in [(1_000, 1_001), (2_000, 2_001)] {
            assert_eq!(parent_of(seen.span(below)), servers[&client], "children go with their server");
        }
    }
}

/// A pair that lies over two regions: neither saw both halves, so neither renumbered.
#[tokio::test(start_paused = true)]
async fn a_shared_id_over_two_regions_becomes_client_and_server() {
    let us = vec![span(1_000, None, CLIENT)];
    let eu = vec![span(1_000, None, SERVER), span(1_001, Some(1_000), INTERNAL)];
    for parts in [vec![us.clone(), eu.clone()], vec![eu, us]] {
        for seen in check_regions(parts).await {
            let server = seen.spans.iter().find(|span| span.kind == SERVER).unwrap();
            assert_eq!((server.number(), parent_of(server)), (1, 1_000));
            assert_eq!(parent_of(seen.span(1_001)), 1, "its children are the server's");
        }
    }
}

fn parent_of(span: &seen::SeenSpan) -> u64 {
    u64::from_be_bytes(span.parent.as_slice().try_into().unwrap())
}
