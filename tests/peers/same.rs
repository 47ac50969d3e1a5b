//! Through peers, the answer is that of one gateway over the same regions with the same rules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::backend::{Distance, Simulated};
use tutti::policy::Cell;

use crate::asking::{Question, of_route};
use crate::estate::{Answered, request};
use crate::gates::{Gate, Made, peer, region, who};
use crate::world::{REGIONS, Rules, held, world};

const SEEDS: u64 = 6;

/// Each region of the estate behind a gateway of its own, and one that asks them all.
pub fn behind_peers(seed: u64, version: usize, rules: &Rules) -> (Gate, Vec<Gate>) {
    behind_peers_of(seed, version, rules, rules)
}

/// An estate made for some rules, and shown by others.
pub fn behind_peers_of(seed: u64, version: usize, made_for: &Rules, rules: &Rules) -> (Gate, Vec<Gate>) {
    let outer = who("outer", "US");
    let held = held(seed, version, made_for);
    let mut gates = Vec::new();
    let mut regions = Vec::new();
    for (rank, name) in REGIONS.into_iter().enumerate() {
        let jurisdiction = if name.starts_with("eu") { "EU" } else { "US" };
        let inner = who(["gate-0", "gate-1", "gate-2"][rank], jurisdiction);
        let memory = MemoryBackend::new(MemorySettings::default());
        if let Some(export) = held.get(name) {
            memory.ingest(export.clone()).unwrap();
        }
        let distance = Distance { round_trip: Duration::from_millis(5), ..Distance::default() };
        let own = region(name, jurisdiction, Arc::new(Simulated::new(Arc::new(memory), distance, 0)));
        let gate = Made::new(&inner, vec![own]).ruled(rules.plan()).trusting(&outer).gate();
        regions.push(peer(&outer, name, &inner, &gate));
        gates.push(gate);
    }
    (Made::new(&outer, regions).gate(), gates)
}

/// Whether an answer is a trace, whose first field holds resources; of v2, in an envelope.
fn is_trace(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"service.name").is_some() && memchr::memmem::find(body, b"tests").is_some()
}

/// What a search, tags or a metrics query took stands in the second field.
fn without_metrics(body: &[u8]) -> Vec<u8> {
    let mut reader = tutti::wire::protobuf::Reader::new(body);
    let mut kept = Vec::new();
    while let Some(field) = reader.next().unwrap() {
        if field.number != 2 {
            kept.extend_from_slice(&body[field.start..field.end]);
        }
    }
    kept
}

/// Status and body, without what tells of the work and not of the answer.
pub fn essence(answer: &Answered) -> String {
    let is_protobuf = answer.header("content-type").contains("protobuf");
    if is_protobuf && !answer.header("tutti-regions").is_empty() && !is_trace(&answer.body) {
        return format!("{} {:?}", answer.status.as_u16(), without_metrics(&answer.body));
    }
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let Ok(mut json) = serde_json::from_str::<serde_json::Value>(&body) else {
        return format!("{} {body}", answer.status.as_u16());
    };
    if let Some(object) = json.as_object_mut() {
        object.remove("metrics");
        object.remove("report");
        object.remove("message");
    }
    // Far regions tell names, and of the region's own it is said always; embedded ones show it where a span is left.
    let json = json.to_string().replace(",\"tutti.region\"", "").replace("\"tutti.region\",", "");
    format!("{} {json}", answer.status.as_u16())
}

pub async fn send(gate: &crate::estate::Estate, question: &Question) -> Answered {
    let request = match &question.body {
        None => request(&question.path, &question.headers),
        Some(body) => Request::post(&question.path).body(Body::from(body.clone())).unwrap(),
    };
    gate.send(request).await
}

#[tokio::test(start_paused = true)]
async fn what_a_restricted_caller_gets_through_peers_is_what_one_gateway_over_the_regions_gives() {
    let (mut same, mut answered) = (0, 0);
    for seed in 0..SEEDS {
        let rules = Rules::by(&mut StdRng::seed_from_u64(seed ^ 0xbeef));
        let one = world(seed, 0, &rules);
        let (outer, _gates) = behind_peers(seed, 0, &rules);
        let mut chance = StdRng::seed_from_u64(seed);
        for route in tutti::api::router::paths("") {
            if route.contains("status")
                || route.contains("analytics")
                || route == "/metrics"
                || route.contains("/stream")
            {
                continue;
            }
            for question in of_route(&route, &mut chance).unwrap() {
                let direct = send(&one.estate, &question).await;
                let through = send(&outer.estate, &question).await;
                // What may be compared there is theirs to know.
                if through.status.as_u16() == 501 && question.path.contains("compare") {
                    assert!(through.text().starts_with("no compare() over "), "{}", through.text());
                    continue;
                }
                assert_eq!(essence(&through), essence(&direct), "seed {seed} {route}\n{question:?}");
                same += 1;
                answered += usize::from(direct.status.as_u16() == 200);
            }
        }
    }
    assert!(answered > 100, "{answered} of {same}");
}

#[tokio::test(start_paused = true)]
async fn with_everything_allowed_it_is_the_same_too() {
    let rules = Rules::of(&[], Cell::OPEN);
    for seed in 20..24 {
        let one = world(seed, 0, &rules);
        let (outer, _gates) = behind_peers(seed, 0, &rules);
        let mut chance = StdRng::seed_from_u64(seed);
        for route in tutti::api::router::paths("") {
            if route.contains("status")
                || route.contains("analytics")
                || route == "/metrics"
                || route.contains("/stream")
            {
                continue;
            }
            for question in of_route(&route, &mut chance).unwrap() {
                let direct = send(&one.estate, &question).await;
                let through = send(&outer.estate, &question).await;
                assert_eq!(essence(&through), essence(&direct), "seed {seed} {route}\n{question:?}");
            }
        }
    }
}
