//! What may not be asked is refused before any region hears of it, in the same words whatever they hold; the regions
//! where it may be asked still answer, and the answer says who did not.

use std::collections::BTreeMap;

use tutti::policy::{Cell, Rung};

use crate::asking::encoded;
use crate::estate::Answered;
use crate::tempopb::{self, SearchRequest};
use crate::world::{REGIONS, Rules, World, id, over, world};

const MASKED: Cell = Cell { rung: Rung::Masked, ..Cell::OPEN };

fn search(query: &str) -> String {
    format!("/api/search?q={}", encoded(query))
}

fn heard_by(world: &World) -> Vec<String> {
    let told = world.told.lock().unwrap();
    let mut regions: Vec<String> = told.iter().map(|(region, _)| region.clone()).collect();
    regions.sort();
    regions.dedup();
    regions
}

fn without_id(answer: &Answered) -> String {
    let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "x-request-id").collect();
    format!("{} {headers:?} {:?}", answer.status, answer.body)
}

#[tokio::test(start_paused = true)]
async fn a_region_where_it_may_not_be_asked_is_left_out_and_the_answer_says_so() {
    let rules = Rules::of(&["eu-central"], Cell { may_filter: false, ..MASKED });
    for path in [
        search("{ .user.email =~ `jane.*` }"),
        search("{ .user.email =~ `jane.*` } >> { }"),
        search("{ .shop.tier = `gold` && span.user.id != nil }"),
        "/api/search?tags=user.email%3Djane".to_owned(),
        format!("/api/search/tags?q={}", encoded("{ .user.email = `x` }")).replace("/tags", "/tags"),
        format!("/api/v2/search/tags?q={}", encoded("{ .user.email = `x` }")),
        format!("/api/v2/search/tag/.shop.tier/values?q={}", encoded("{ .user.email = `x` }")),
        format!("/api/metrics/query_range?q={}", encoded("{ .user.email = `x` } | rate()")),
        format!("/api/v2/traces/{}?q={}", id(1), encoded("{ .user.email != `x` }")),
    ] {
        let world = world(7, 0, &rules);
        let answer = world.estate.get(&path).await;
        if path.starts_with("/api/search/tags") {
            // The older form has no filter.
            assert_eq!(answer.outcome(), "complete", "{path}");
            continue;
        }
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{path}: {}", answer.text());
        assert_eq!(answer.header("tutti-exactness"), "region_withheld", "{path}");
        assert_eq!(answer.status_of("eu-central"), "withheld", "{path}");
        assert!(!heard_by(&world).contains(&"eu-central".to_owned()), "{path}: {:?}", world.told);
        assert!(heard_by(&world).len() == 2, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_region_may_be_asked_the_line_names_attribute_class_and_right() {
    let nothing =
        Cell { rung: Rung::Dropped, may_filter: false, may_group: false, may_list: false, ..Cell::OPEN };
    let rules = Rules::of(&REGIONS, nothing);
    let everywhere = "eu-central, us-east, us-west";
    for (path, said) in [
        (
            search("{ .user.email = `x` }"),
            "`.user.email` may not be asked for: you lack the right filterOn on pii.email",
        ),
        (
            search("{ } | by(span.user.id)"),
            "`span.user.id` may not be grouped by: you lack the right groupBy on pii.id",
        ),
        (
            format!("/api/metrics/query?q={}", encoded("{ } | max_over_time(.payment.card)")),
            "`.payment.card` may not be computed with: you lack the right readRaw on pay.card",
        ),
        (
            format!("/api/v2/traces/{}?q={}", id(1), encoded("{ event.user.city = `x` }")),
            "`event.user.city` may not be asked for: you lack the right filterOn on pii.place",
        ),
        (
            "/api/search?tags=user.email%3Dx".to_owned(),
            "`user.email` may not be asked for: you lack the right filterOn on pii.email",
        ),
    ] {
        let full = world(8, 0, &rules);
        let bare = over(BTreeMap::new(), &rules);
        let (of_full, of_bare) = (full.estate.get(&path).await, bare.estate.get(&path).await);
        assert_eq!(of_full.status.as_u16(), 403, "{path}");
        assert_eq!(of_full.text(), format!("{said} in {everywhere}"), "{path}");
        assert_eq!(without_id(&of_full), without_id(&of_bare), "{path}");
        // The same work, which is none, in no time.
        assert!(heard_by(&full).is_empty() && heard_by(&bare).is_empty(), "{path}");
        assert_eq!((of_full.took, of_full.outcome()), (of_bare.took, "refused"), "{path}");
        assert!(of_full.statuses().iter().all(|(_, status)| status == "withheld"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_is_there_and_one_that_is_not_are_refused_alike() {
    let rules = Rules::of(&REGIONS, Cell { may_filter: false, ..MASKED });
    let world = world(9, 0, &rules);
    let ask = async |number: u64| {
        let path = format!("/api/v2/traces/{}?q={}", id(number), encoded("{ .user.email = `x` }"));
        without_id(&world.estate.get(&path).await)
    };
    assert_eq!(ask(1).await, ask(4711).await);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_refused_with_the_same_words() {
    let rules = Rules::of(&REGIONS, Cell { may_filter: false, ..MASKED });
    let world = world(9, 0, &rules);
    let message = SearchRequest { query: "{ .user.email = `x` }".to_owned(), ..Default::default() };
    let message = prost::Message::encode_to_vec(&message);
    let streamed =
        tempopb::ask(&world.estate.router, "/tempopb.StreamingQuerier/Search", &message, &[]).await;
    assert_eq!(streamed.code(), tonic::Code::PermissionDenied as i32);
    assert!(streamed.line().contains("filterOn"), "{}", streamed.line());
    assert!(streamed.messages.is_empty() && heard_by(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn values_that_may_not_be_listed_are_none_and_the_report_says_why() {
    let rules = Rules::of(&REGIONS, Cell { may_list: false, ..MASKED });
    let world = world(10, 0, &rules);
    for path in ["/api/v2/search/tag/.user.email/values", "/api/search/tag/user.email/values"] {
        let answer = world.estate.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "partial"), "{path}");
        assert_eq!(answer.header("tutti-exactness"), "region_withheld", "{path}");
        assert!(!answer.text().contains("jane") && !answer.text().contains("redacted"), "{path}");
        assert!(heard_by(&world).is_empty(), "{path}");
    }
    let strict = world.estate.ask("/api/v2/search/tag/.user.email/values", &[("tutti-mode", "strict")]).await;
    assert_eq!(strict.status.as_u16(), 403);
    let safe = world.estate.get("/api/v2/search/tag/.shop.tier/values?start=1794999940&end=1795000060").await;
    assert_eq!((safe.status.as_u16(), safe.outcome()), (200, "complete"));
    assert!(safe.text().contains("gold"), "{}", safe.text());
}

#[tokio::test(start_paused = true)]
async fn one_who_takes_only_whole_answers_is_refused_where_a_region_is_left_out() {
    let rules = Rules::of(&["us-west"], Cell { may_filter: false, ..MASKED });
    let world = world(11, 0, &rules);
    let path = format!("/strict{}", search("{ .user.email != nil }"));
    let answer = world.estate.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (403, "refused"), "{}", answer.text());
    assert!(answer.text().contains("us-west"), "{}", answer.text());
}

/// What is only shown needs no right: it is shown as it may be seen.
#[tokio::test(start_paused = true)]
async fn to_be_shown_what_may_be_seen_takes_no_right() {
    let rules = Rules::of(&REGIONS, Cell { may_filter: false, may_group: false, may_list: false, ..MASKED });
    let world = world(12, 0, &rules);
    let answer = world.estate.get(&search("{ } | select(.user.email, .user.id)")).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "complete"), "{}", answer.text());
    assert!(!answer.text().contains("jane") && !answer.text().contains("customer-"), "{}", answer.text());
}
