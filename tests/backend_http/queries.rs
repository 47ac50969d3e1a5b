//! A search put to a region over a real connection: what it is asked, and every way in which it fails.

use tutti::backend::{RegionAnswer, SearchCall};
use tutti::model::search::{SearchAsked, Window};
use tutti::model::{SearchAnswer, SearchQuery};

use super::fake_region::*;
use super::*;

/// Rows with ids as regions pad them.
fn rows(ids: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for id in ids {
        put_message(&mut body, 1, |row| {
            put_bytes_field(row, 1, id.as_bytes());
            put_varint_field(row, 4, 1_700_000_000_000_000_000);
        });
    }
    body
}

async fn search(region: &FakeRegion, patience: Duration) -> Result<RegionAnswer<SearchAnswer>, Fault> {
    let query = SearchQuery {
        asked: SearchAsked::Query("{ .a = 1 }".to_owned()),
        limit: 2,
        spans_per_set: 1,
        window: Some(Window { start: 5, end: 9 }),
        page: None,
    };
    backend(region).search(SearchCall { query, deadline: Deadline::starting_now(patience) }).await
}

async fn fault_of(reply: Reply) -> Fault {
    let region = FakeRegion::start(move |_| reply.clone()).await;
    search(&region, PATIENCE).await.expect_err("a fault")
}

#[tokio::test]
async fn a_region_is_searched_for_protobuf() {
    let region = FakeRegion::start(|_| protobuf(&rows(&["abc", "00000000000000000000000000000abd"]))).await;
    let answer = search(&region, PATIENCE).await.unwrap();
    assert!(answer.first_byte.is_some() && !answer.is_partial);
    let asked = region.asked();
    assert_eq!(asked[0].path, "/api/search");
    assert_eq!(asked[0].query, "q=%7B%20.a%20%3D%201%20%7D&limit=2&spss=1&start=5&end=9");
    assert_eq!(asked[0].headers["accept"], "application/protobuf");
}

#[tokio::test]
async fn every_fault_of_a_searched_region_has_its_status() {
    let good = rows(&["abc"]);
    let cases = [
        (text(400, "invalid TraceQL"), RegionStatus::Rejected, true),
        (text(401, "no org id"), RegionStatus::Rejected, false),
        (text(404, NO_ROUTE), RegionStatus::Rejected, false),
        (text(422, "too much"), RegionStatus::Rejected, false),
        (text(429, "slow down"), RegionStatus::Overloaded, false),
        (text(500, "boom"), RegionStatus::Error, false),
        (text(503, ""), RegionStatus::Error, false),
        (text(200, "<html>log in</html>"), RegionStatus::Malformed, false),
        (answer(200, "application/json", b"{}"), RegionStatus::Malformed, false),
        (protobuf(b"\xffno protobuf"), RegionStatus::Malformed, false),
        (protobuf(&rows(&["no id"])), RegionStatus::Malformed, false),
        (protobuf(&rows(&["1", "2", "3"])), RegionStatus::Malformed, false),
        (cut_short(&good), RegionStatus::CutOff, false),
        (protobuf(&vec![0; CAP as usize + 1]), RegionStatus::TooLarge, false),
    ];
    for (reply, status, is_of_the_query) in cases {
        let fault = fault_of(reply.clone()).await;
        assert_eq!((fault.status, fault.is_of_the_query), (status, is_of_the_query), "{fault:?}");
        assert!(!fault.is_retryable, "{fault:?}");
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_ends_at_its_deadline() {
    for reply in [black_hole(), dripping(&rows(&["abc"]), Duration::from_millis(100))] {
        let region = FakeRegion::start(move |_| reply.clone()).await;
        let fault = search(&region, Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(fault.status, RegionStatus::Timeout);
    }
}
