//! What regions are told: nothing that tests a value which the caller may not see there; and yet enough that every
//! trace of the answer is found.

use rand::SeedableRng;
use rand::rngs::StdRng;
use tutti::policy::{Cell, Rung};

use crate::asking::{encoded, search};
use crate::world::{CLASSES, REGIONS, Rules, World, id, one_far, world};

const SEEDS: u64 = 20;
const QUERIES: usize = 30;

#[tokio::test(start_paused = true)]
async fn no_region_is_asked_about_a_value_that_it_protects() {
    let (mut told, mut named) = (0, 0);
    for seed in 0..SEEDS {
        let mut chance = StdRng::seed_from_u64(seed);
        let rules = Rules::by(&mut chance);
        let world = world(seed, 0, &rules);
        for _ in 0..QUERIES {
            let query = search(&mut chance);
            world.estate.get(&format!("/api/search?q={}", encoded(&query))).await;
        }
        for (region, question) in world.told.lock().unwrap().iter() {
            told += 1;
            for (class, key) in CLASSES {
                let rung = rules.cell(region, class).rung;
                for (at, _) in question.match_indices(key) {
                    named += 1;
                    let asked = &question[at + key.len()..];
                    let is_existence = asked.starts_with(" != nil");
                    let may = rung == Rung::Raw || (is_existence && rung != Rung::Dropped);
                    assert!(may, "seed {seed}: {region} protects {class} and was asked {question}");
                }
            }
        }
    }
    assert!(told > 500 && named > 50, "{told} questions, {named} names");
}

/// The traces as they may be seen, in one region that shows everything.
async fn treated(of: &World) -> World {
    use tutti::backend::memory::MemoryBackend;
    use tutti::backend::settings::MemorySettings;
    let memory = MemoryBackend::new(MemorySettings::default());
    for number in 0..crate::world::TRACES {
        let path = format!("/api/traces/{}", id(number));
        let answer = of.estate.ask(&path, &[("accept", "application/protobuf")]).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        memory.ingest(answer.body).unwrap();
    }
    let setup = crate::estate::Setup::default();
    let estate = setup.over(vec![("one", std::sync::Arc::new(memory))]);
    World { estate, told: Default::default() }
}

/// What far regions tell of names and values, treated on its way, is what one region tells that holds what may be seen.
#[tokio::test(start_paused = true)]
async fn names_and_values_that_far_regions_tell_are_those_of_what_may_be_seen() {
    let (mut asked_by_word, mut found) = (0, 0);
    for seed in 0..SEEDS {
        let mut chance = StdRng::seed_from_u64(seed ^ 0x7e11);
        let mut rules = Rules::by(&mut chance);
        for cell in rules.0.values_mut() {
            (cell.may_filter, cell.may_group, cell.may_list) = (true, true, true);
        }
        let one = treated(&crate::world::plain(seed, &rules)).await;
        let many = crate::world::far(seed, 0, &rules, REGIONS.len());
        let filter = crate::asking::filter(&mut chance);
        let keys =
            CLASSES.iter().map(|(_, key)| *key).chain(crate::world::OTHER_KEYS).chain(["service.name"]);
        let mut paths: Vec<String> = vec!["/api/v2/search/tags".to_owned()];
        for key in keys {
            paths.push(format!("/api/v2/search/tag/.{key}/values"));
            paths.push(format!("/api/v2/search/tag/span.{key}/values"));
        }
        paths.extend(
            ["name", "statusMessage", "event:name", "rootName"]
                .map(|name| format!("/api/v2/search/tag/{name}/values")),
        );
        for path in paths {
            for query in [
                String::new(),
                format!("&q={}", encoded(&filter)),
                format!("&q={}", encoded("{ status = error }")),
            ] {
                let path = format!("{path}?start=1794999940&end=1795000060{query}");
                many.told.lock().unwrap().clear();
                let (of_many, of_one) = (many.estate.get(&path).await, one.estate.get(&path).await);
                assert_eq!(
                    (of_many.status.as_u16(), of_many.outcome()),
                    (200, "complete"),
                    "{path}: {}",
                    of_many.text()
                );
                let read = |answer: &crate::estate::Answered| {
                    let said = answer.json();
                    let mut lines: Vec<String> =
                        said["tagValues"].as_array().into_iter().flatten().map(ToString::to_string).collect();
                    let scopes = said["scopes"].as_array().into_iter().flatten();
                    lines.extend(scopes.flat_map(|of| {
                        of["tags"]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .map(move |tag| format!("{} {tag}", of["name"]))
                    }));
                    // It is said of every resource by the one, and the other has none to say it of.
                    lines.retain(|line| !line.contains("tutti."));
                    lines.sort();
                    lines
                };
                assert_eq!(
                    read(&of_many),
                    read(&of_one),
                    "seed {seed}: {path}\n{:?}",
                    many.told.lock().unwrap()
                );
                found += usize::from(!read(&of_one).is_empty());
                let told = many.told.lock().unwrap();
                asked_by_word += usize::from(
                    told.iter().all(|(_, question)| question.contains("Tag") && !question.contains("Search")),
                );
            }
        }
    }
    assert!(found > 400 && asked_by_word > 200, "{found} found, {asked_by_word} told by regions");
}

/// Several regions under a policy answer as one that holds what may be seen.
#[tokio::test(start_paused = true)]
async fn an_answer_is_that_of_one_region_which_holds_what_may_be_seen() {
    let mut found = 0;
    for seed in 0..SEEDS {
        let mut chance = StdRng::seed_from_u64(seed ^ 0xbee);
        let mut rules = Rules::by(&mut chance);
        for cell in rules.0.values_mut() {
            (cell.may_filter, cell.may_group, cell.may_list) = (true, true, true);
        }
        let world = crate::world::plain(seed, &rules);
        let one = treated(&world).await;
        for _ in 0..QUERIES {
            let query = search(&mut chance);
            let path =
                format!("/api/search?start=1794999940&end=1795000060&limit=50&spss=50&q={}", encoded(&query));
            let (of_many, of_one) = (world.estate.get(&path).await, one.estate.get(&path).await);
            if query.contains("max(") {
                // It takes values as they are stored, in regions that show them so.
                continue;
            }
            assert_eq!(of_many.status, of_one.status, "seed {seed}: {query}");
            if of_many.status.is_success() {
                let rows = |answer: &crate::estate::Answered| answer.json()["traces"].clone();
                assert_eq!(of_many.outcome(), "complete", "seed {seed}: {query}");
                assert_eq!(
                    rows(&of_many),
                    rows(&of_one),
                    "seed {seed}: {query}\n{:?}",
                    world.told.lock().unwrap().last()
                );
                found += usize::from(rows(&of_one).as_array().is_some_and(|rows| !rows.is_empty()));
            }
        }
    }
    assert!(found > 100, "{found}");
    assert_eq!(REGIONS.len(), 3);
}

/// A limit counts what may be seen: a region that counted what it stores would show how much of it is taken away.
#[tokio::test(start_paused = true)]
async fn a_limit_of_names_and_values_counts_what_may_be_seen() {
    use crate::spans::{MS, NOON, span, text};
    let dropped = Cell { rung: Rung::Dropped, ..Cell::OPEN };
    let rules = Rules([((REGIONS[0], "pii.place"), dropped)].into());
    let of = |made: u64, zone: &str| opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: (1u128 << 100).to_be_bytes().to_vec(),
        start_time_unix_nano: NOON,
        end_time_unix_nano: NOON + MS,
        attributes: vec![text("user.city", "Lisbon 1"), text("zone", zone)],
        ..span(made, (made > 1).then_some(1), 1)
    };
    let world = one_far(vec![of(1, "a"), of(2, "b")], &rules);
    let window = "start=1794999940&end=1795000060";
    for limits in ["limit=1", "limit=1&maxStaleValues=1"] {
        let names = world.estate.get(&format!("/api/v2/search/tags?scope=span&{limits}&{window}")).await;
        assert_eq!(names.json()["scopes"][0]["tags"], serde_json::json!(["zone"]), "{}", names.text());
        let path = format!("/api/v2/search/tag/span.zone/values?{limits}&{window}");
        let values = world.estate.get(&path).await;
        assert_eq!(values.json()["tagValues"].as_array().map(Vec::len), Some(1), "{}", values.text());
    }
    let told = world.told.lock().unwrap();
    assert_eq!(told.len(), 4, "the region tells it: {told:?}");
    for (_, question) in told.iter() {
        assert!(question.contains("count_max: 0, stale_max: 0"), "{question}");
    }
}
