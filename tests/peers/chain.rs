//! Three gateways in a row, and circles of them.

use std::sync::Arc;
use std::time::Duration;

use tutti::backend::{Backend, Behaviour, Distance, Simulated};
use tutti::model::Caller;
use tutti::proof::statement::check;

use crate::gates::{Gate, Made, Who, peer, region, who};
use crate::spans::{ID, span};
use crate::trouble::holding;

struct Row {
    near: Gate,
    middle: Gate,
    far: Gate,
    near_is: Who,
    middle_is: Who,
    /// One of the two regions of the furthest.
    failing: Arc<Simulated>,
}

fn row() -> Row {
    let (near_is, middle_is, far_is) = (who("near", "US"), who("middle", "CH"), who("far", "EU"));
    let simulated = |backend: Arc<dyn Backend>| Arc::new(Simulated::new(backend, Distance::default(), 1));
    let failing = simulated(holding(vec![span(4, Some(1), 2)]));
    let far_regions = vec![
        region("eu-central", "EU", holding(vec![span(3, Some(1), 2)])),
        region("eu-west", "EU", failing.clone()),
    ];
    let mut middle_trust = middle_is.trust();
    middle_trust.delivers.insert(crate::gates::place("US"));
    let mut far = Made::new(&far_is, far_regions);
    far.trusts.push(middle_trust);
    let far = far.gate();
    let middle_regions =
        vec![region("ch", "CH", holding(vec![span(2, Some(1), 2)])), peer(&middle_is, "eu", &far_is, &far)];
    let middle = Made::new(&middle_is, middle_regions).trusting(&near_is).gate();
    let near_regions = vec![
        region("us", "US", holding(vec![span(1, None, 3)])),
        peer(&near_is, "europe", &middle_is, &middle),
    ];
    let mut near = Made::new(&near_is, near_regions);
    let alice =
        Caller { subject: "alice".to_owned(), roles: ["sre".to_owned()].into(), ..Caller::anonymous() };
    assert!(near.callers.know("token-of-alice", alice));
    Row { near: near.gate(), middle, far, near_is, middle_is, failing }
}

async fn document(gate: &Gate) -> serde_json::Value {
    let path = format!("/api/tutti/v1/traces/{ID}");
    gate.estate.ask(&path, &[("authorization", "Bearer token-of-alice")]).await.json()
}

fn spans_of(document: &serde_json::Value) -> usize {
    let batches = document["trace"]["resourceSpans"].as_array().unwrap();
    let scopes = batches.iter().flat_map(|batch| batch["scopeSpans"].as_array().unwrap());
    let spans = scopes.flat_map(|scope| scope["spans"].as_array().unwrap());
    spans.filter(|span| !span.to_string().contains("tutti.synthetic")).count()
}

#[tokio::test(start_paused = true)]
async fn spans_of_three_gateways_are_one_trace_under_the_names_of_the_nearest() {
    let row = row();
    let document = document(&row.near).await;
    assert_eq!(spans_of(&document), 4, "{document}");
    assert_eq!(document["report"]["outcome"], "complete");
    let text = document["trace"].to_string();
    assert!(
        text.contains("\"europe\"") && !text.contains("eu-central") && !text.contains("\"ch\""),
        "{text}"
    );
    let within = &document["report"]["regions"][1]["within"];
    assert_eq!(within["gateway"], "middle");
    assert_eq!(within["regions"][1]["within"]["regions"][1]["name"], "eu-west");
    for path in [
        "/api/search?q=%7B%20name%20%21%3D%20%22%22%20%7D%20%3E%20%7B%20kind%20%3D%20server%20%7D",
        "/api/v2/search/tags",
    ] {
        let answer = row.near.get(path).await;
        assert_eq!((answer.outcome(), answer.header("tutti-exactness")), ("complete", "exact"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_and_through_whom_is_stated_at_every_step() {
    let row = row();
    document(&row.near).await;
    let now = Duration::from_nanos(tutti::task::clock::wall_nanos());
    let stated = |gate: &Gate, by: &Who, to: &str| {
        let requests = gate.wire.requests.lock().unwrap();
        let token = requests.last().unwrap().headers()["tutti-statement"].to_str().unwrap().to_owned();
        check(&token, by.key.public(), to, now).unwrap()
    };
    let first = stated(&row.middle, &row.near_is, "middle");
    let second = stated(&row.far, &row.middle_is, "far");
    for statement in [&first, &second] {
        assert_eq!(statement.asker.caller.subject, "alice");
        assert!(statement.asker.caller.roles.contains("sre"));
        assert!(
            statement.left <= Duration::from_secs(25)
                && statement.expires - statement.issued <= Duration::from_secs(60)
        );
    }
    let places = |statement: &tutti::proof::statement::Statement| {
        statement.asker.delivered.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((first.asker.through.len(), places(&first).as_str()), (0, "US"));
    assert_eq!((second.asker.through.join(" "), places(&second)), ("near".to_owned(), "CH US".to_owned()));
    assert!(second.left <= first.left);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_two_gateways_away_is_missing_here() {
    let row = row();
    row.failing.behave(Behaviour::Down);
    let whole = document(&row.near).await;
    let report = &whole["report"];
    assert_eq!(
        (&report["outcome"], &report["exactness"]),
        (&"partial".into(), &"region_missing".into()),
        "{report}"
    );
    assert_eq!(report["regions"][1]["status"], "partial");
    assert_eq!(report["regions"][1]["within"]["regions"][1]["status"], "partial");
    let furthest = &report["regions"][1]["within"]["regions"][1]["within"]["regions"][1];
    assert_eq!((&furthest["name"], &furthest["status"]), (&"eu-west".into(), &"unreachable".into()));
    assert_eq!(spans_of(&whole), 3);
    for path in ["/api/search?q=%7B%20%7D", "/api/v2/search/tags", "/api/v2/search/tag/name/values"] {
        let answer = row.near.get(path).await;
        assert_eq!(answer.outcome(), "partial", "{path}");
        assert_eq!(answer.header("tutti-exactness"), "region_missing", "{path}");
        assert_eq!(answer.status_of("europe"), "partial", "{path}");
    }
    let strict = row.near.get(&format!("/strict/api/v2/traces/{ID}")).await;
    assert_eq!((strict.status.as_u16(), strict.outcome()), (502, "refused"), "{}", strict.text());
    assert!(strict.text().contains("its region eu"), "{}", strict.text());
}

/// A miss is remembered only where every region of every gateway answered.
#[tokio::test(start_paused = true)]
async fn a_miss_that_a_peer_did_not_vouch_for_is_not_remembered() {
    let row = row();
    row.failing.behave(Behaviour::Down);
    let elsewhere = "0000000000000000000000000000abcd";
    let first = row.near.get(&format!("/api/v2/traces/{elsewhere}")).await;
    assert_eq!(first.outcome(), "refused", "{}", first.text());
    let again = row.near.get(&format!("/api/traces/{elsewhere}")).await;
    assert_eq!(again.header("tutti-cache"), "", "{:?}", again.headers);
    assert_ne!(again.status.as_u16(), 404);
    row.failing.behave(Behaviour::Well);
    let whole = row.near.get(&format!("/api/v2/traces/{elsewhere}")).await;
    assert_eq!(whole.outcome(), "complete");
    let remembered = row.near.get(&format!("/api/traces/{elsewhere}")).await;
    assert_eq!((remembered.status.as_u16(), remembered.header("tutti-cache")), (404, "hit"));
    // For whoever asked, and nobody else: a peer may show others more.
    let whole = row.near.get(&format!("/api/v2/traces/{elsewhere}")).await;
    assert_eq!(whole.outcome(), "complete");
    let path = format!("/api/traces/{elsewhere}");
    let other = row.near.estate.ask(&path, &[("authorization", "Bearer token-of-alice")]).await;
    assert_eq!((other.status.as_u16(), other.header("tutti-cache")), (404, "miss"));
}

/// Two gateways that declare each other as regions.
#[tokio::test(start_paused = true)]
async fn gateways_that_ask_each_other_are_whole_and_nothing_comes_back() {
    let (left_is, right_is) = (who("left", "US"), who("right", "EU"));
    let mut trusting_back = right_is.trust();
    trusting_back.delivers.insert(crate::gates::place("US"));
    // The right one stands first, without its region; the left one's line leads to it.
    let right = Made::new(&right_is, vec![region("eu", "EU", holding(vec![span(2, Some(1), 2)]))])
        .trusting(&left_is)
        .gate();
    let mut left = Made::new(
        &left_is,
        vec![region("us", "US", holding(vec![span(1, None, 3)])), peer(&left_is, "eu", &right_is, &right)],
    );
    left.trusts.push(trusting_back);
    let left = left.gate();
    let circle =
        Made::new(&right_is, vec![right.estate.regions[0].clone(), peer(&right_is, "us", &left_is, &left)]);
    right.estate.state.swap(circle.trusting(&left_is).in_force());
    let document = document_of_nobody(&left).await;
    let report = &document["report"];
    assert_eq!((&report["outcome"], &report["exactness"]), (&"complete".into(), &"exact".into()), "{report}");
    let inner = &report["regions"][1]["within"]["regions"];
    assert_eq!(inner.as_array().unwrap().len(), 1, "of the right one only its own: {report}");
    assert_eq!(inner[0]["name"], "eu", "{report}");
    assert_eq!(left.wire.requests.lock().unwrap().len(), 0, "nothing came back to where it came from");
    let strict = left.get(&format!("/strict/api/v2/traces/{ID}")).await;
    assert_eq!((strict.status.as_u16(), strict.outcome()), (200, "complete"), "{}", strict.text());
}

async fn document_of_nobody(gate: &Gate) -> serde_json::Value {
    gate.get(&format!("/api/tutti/v1/traces/{ID}")).await.json()
}

/// Three gateways in three countries, each of which has a region of its own and asks the two others.
fn mesh() -> [Gate; 3] {
    let who = [who("left", "US"), who("right", "EU"), who("far", "CH")];
    let own = |nth: usize| {
        let held = holding(vec![span(nth as u64 + 1, (nth > 0).then_some(1), 3)]);
        region(["us", "eu", "ch"][nth], who[nth].jurisdiction, held)
    };
    let gates: [Gate; 3] = std::array::from_fn(|nth| Made::new(&who[nth], vec![own(nth)]).gate());
    for (nth, gate) in gates.iter().enumerate() {
        let mut regions = vec![gate.estate.regions[0].clone()];
        let others = (0..3).filter(|other| *other != nth);
        for other in others.clone() {
            regions.push(peer(&who[nth], ["us", "eu", "ch"][other], &who[other], &gates[other]));
        }
        let mut made = Made::new(&who[nth], regions);
        for other in others {
            made = made.trusting(&who[other]);
        }
        gate.estate.state.swap(made.in_force());
    }
    gates
}

/// Nobody lets answers be taken further than to who asks, and nobody has to: each is asked by the first alone.
#[tokio::test(start_paused = true)]
async fn of_three_gateways_that_all_ask_each_other_each_is_asked_once_and_the_answer_is_whole() {
    let gates = mesh();
    let document = document_of_nobody(&gates[0]).await;
    let report = &document["report"];
    assert_eq!((&report["outcome"], &report["exactness"]), (&"complete".into(), &"exact".into()), "{report}");
    assert_eq!(spans_of(&document), 3, "{document}");
    for (nth, name, elsewhere) in [(1, "eu", ["far", "left"]), (2, "ch", ["left", "right"])] {
        let within = &report["regions"][nth]["within"];
        let regions = within["regions"].as_array().unwrap();
        assert_eq!((regions.len(), &regions[0]["name"]), (1, &name.into()), "{within}");
        assert_eq!(within["elsewhere"], serde_json::json!(elsewhere), "{within}");
    }
    let asked = |gate: &Gate| gate.wire.requests.lock().unwrap().len();
    assert_eq!(gates.each_ref().map(asked), [0, 1, 1], "each once, and nothing came back");
    for path in [
        "/api/search?q=%7B%20name%20%21%3D%20%22%22%20%7D%20%3E%20%7B%20kind%20%3D%20server%20%7D",
        "/api/v2/search/tags",
        "/api/v2/search/tag/name/values",
        "/api/metrics/query_range?q=%7B%7D%7Ccount_over_time()&start=1794999940&end=1795000060&step=60",
        "/strict/api/search?q=%7B%7D",
    ] {
        for gate in &gates {
            let answer = gate.get(path).await;
            let said = (answer.outcome(), answer.header("tutti-exactness"));
            assert_eq!(said, ("complete", "exact"), "{path}: {}", answer.text());
        }
    }
}

/// What the first cannot reach is missing, and nobody goes around by another, who was told to leave it out.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_cannot_be_reached_is_missing_though_another_could_reach_it() {
    let gates = mesh();
    gates[2].wire.is(crate::gates::Trouble::Dead);
    let document = document_of_nobody(&gates[0]).await;
    let report = &document["report"];
    assert_eq!((&report["outcome"], &report["exactness"]), (&"partial".into(), &"region_missing".into()));
    assert_eq!(
        (&report["regions"][1]["status"], &report["regions"][2]["status"]),
        (&"ok".into(), &"unreachable".into())
    );
    assert_eq!(spans_of(&document), 2, "{document}");
}

/// A gateway without a region that nobody else asks about has nothing to say, and nothing of it is missing.
#[tokio::test(start_paused = true)]
async fn a_gateway_all_of_whose_regions_are_asked_elsewhere_is_whole() {
    let (near_is, hub_is, far_is) = (who("near", "US"), who("hub", "CH"), who("far", "EU"));
    let far = Made::new(&far_is, vec![region("eu", "EU", holding(vec![span(2, Some(1), 2)]))]);
    let far = far.trusting(&near_is).trusting(&hub_is).gate();
    let hub = Made::new(&hub_is, vec![peer(&hub_is, "eu", &far_is, &far)]).trusting(&near_is).gate();
    let own = region("us", "US", holding(vec![span(1, None, 3)]));
    let near = Made::new(
        &near_is,
        vec![own, peer(&near_is, "hub", &hub_is, &hub), peer(&near_is, "eu", &far_is, &far)],
    );
    let near = near.gate();
    let document = document_of_nobody(&near).await;
    let report = &document["report"];
    assert_eq!((&report["outcome"], &report["exactness"]), (&"complete".into(), &"exact".into()), "{report}");
    assert_eq!(report["regions"][1]["status"], "not_needed", "{report}");
    assert_eq!(report["regions"][1]["within"]["elsewhere"], serde_json::json!(["far"]));
    assert_eq!(spans_of(&document), 2);
    for path in [
        "/api/search?q=%7B%7D",
        "/api/search?q=%7B%20name%20%21%3D%20%22%22%20%7D%20%3E%20%7B%20kind%20%3D%20server%20%7D",
        "/api/v2/search/tags",
        "/api/search/tags",
        "/api/v2/search/tag/name/values",
        "/api/metrics/query_range?q=%7B%7D%7Ccount_over_time()&start=1794999940&end=1795000060&step=60",
    ] {
        let answer = near.get(path).await;
        let said = (answer.outcome(), answer.header("tutti-exactness"));
        assert_eq!(said, ("complete", "exact"), "{path}: {} {:?}", answer.text(), answer.headers);
    }
}
