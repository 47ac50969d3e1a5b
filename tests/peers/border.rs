//! What a caller may not see never crosses: every byte between the gateways is read.

use rand::SeedableRng;
use rand::rngs::StdRng;
use tutti::api::grpc::METHODS;
use tutti::policy::{Cell, Rung};

use crate::asking::{encoded, of_method, of_route};
use crate::same::{behind_peers, send};
use crate::tempopb;
use crate::world::{CLASSES, REGIONS, Rules, value};

const SEEDS: u64 = 4;

/// Every protected value of the second version of an estate.
fn canaries() -> Vec<String> {
    let of = |(class, _): &(&str, &str)| (0..3).map(|number| value(class, number, 1)).collect::<Vec<_>>();
    CLASSES.iter().flat_map(of).collect()
}

/// Every question of every kind that is asked of the outer gateway, and the answers of its peers to it.
async fn all_answers(seed: u64, rules: &Rules) -> Vec<(String, String)> {
    let (outer, gates) = behind_peers(seed, 1, rules);
    let mut chance = StdRng::seed_from_u64(seed);
    let mut all = Vec::new();
    let crossed = |asked: String, all: &mut Vec<(String, String)>| {
        let answers: String = gates.iter().map(|gate| gate.wire.answered()).collect();
        all.push((asked, answers));
    };
    for route in tutti::api::router::paths("") {
        for question in of_route(&route, &mut chance).unwrap() {
            send(&outer.estate, &question).await;
            crossed(format!("{question:?}"), &mut all);
        }
    }
    for method in METHODS.iter().filter(|method| !method.contains("health")) {
        for message in of_method(method, &mut chance).unwrap() {
            tempopb::ask(&outer.estate.router, method, &message, &[]).await;
            crossed(String::from_utf8_lossy(&message).into_owned(), &mut all);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn no_value_that_is_protected_in_a_region_is_ever_on_the_way_from_it() {
    let masked = Cell { rung: Rung::Masked, ..Cell::OPEN };
    let dropped = Cell { rung: Rung::Dropped, ..Cell::OPEN };
    let (mut read, mut asked) = (0, 0);
    for seed in 0..SEEDS {
        let rules = Rules::of(&REGIONS, if seed % 2 == 0 { masked } else { dropped });
        for (question, answers) in all_answers(seed, &rules).await {
            read += answers.len();
            asked += 1;
            for canary in canaries() {
                let is_own = question.contains(&canary) || question.contains(&encoded(&canary));
                assert!(is_own || !answers.contains(&canary), "seed {seed}: `{canary}` after {question}");
            }
        }
    }
    assert!(read > 100_000 && asked > 100, "{read} bytes after {asked} questions");
}

/// What the test above does not find could also be something it cannot find.
#[tokio::test(start_paused = true)]
async fn where_everything_is_shown_the_values_are_on_the_way() {
    // The same values in estates that protect nothing.
    let (rules, made_for) =
        (Rules::of(&[], Cell::OPEN), Rules::of(&REGIONS, Cell { rung: Rung::Masked, ..Cell::OPEN }));
    let (outer, gates) = crate::same::behind_peers_of(0, 1, &made_for, &rules);
    let mut chance = StdRng::seed_from_u64(0);
    for question in of_route("/api/v2/traces/{id}", &mut chance).unwrap() {
        send(&outer.estate, &question).await;
    }
    let answers: String = gates.iter().map(|gate| gate.wire.answered()).collect();
    assert!(canaries().iter().any(|canary| answers.contains(canary.as_str())));
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_peers_ends_as_it_does_over_the_regions() {
    let mut ended = 0;
    for seed in 0..3 {
        let rules = Rules::by(&mut StdRng::seed_from_u64(seed ^ 0xbeef));
        let one = crate::world::world(seed, 0, &rules);
        let (outer, _gates) = behind_peers(seed, 0, &rules);
        let mut chance = StdRng::seed_from_u64(seed);
        for method in METHODS.iter().filter(|method| method.contains("Search")) {
            for message in of_method(method, &mut chance).unwrap() {
                let direct = tempopb::ask(&one.estate.router, method, &message, &[]).await;
                let through = tempopb::ask(&outer.estate.router, method, &message, &[]).await;
                assert_eq!(through.code(), direct.code(), "seed {seed} {method}: {}", through.line());
                if method.ends_with("/Search") && direct.code() == 0 {
                    let ids = |streamed: &tempopb::Streamed| {
                        let found = streamed.messages::<tempopb::SearchResponse>();
                        found
                            .into_iter()
                            .flat_map(|one| one.traces)
                            .map(|row| row.trace_id)
                            .collect::<std::collections::BTreeSet<_>>()
                    };
                    assert_eq!(ids(&through), ids(&direct), "seed {seed}");
                }
                ended += 1;
            }
        }
    }
    assert!(ended >= 15, "{ended}");
}
