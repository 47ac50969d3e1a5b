//! What several embedded regions say together of what each of them holds in part, beside one that holds all.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tutti::backend::Backend;

use crate::estate::estate;
use crate::fakes::holding;
use crate::spans::{CLIENT, NOON, SERVER, batch, pair, span, trace};

/// Filters that storage does not test as they are written, so that a metrics query counts what they would not
/// leave; and some that it does.
const COUNTED: [&str; 8] = [
    "{ span:id = \"zz\" }",
    "{ span:id = \"00000000000000AB\" }",
    "{ span:parentID = \"\" }",
    "{ link:traceID = \"xyz\" }",
    "{ duration = 1.5 }",
    "{ duration = 10ms }",
    "{ span:id = \"0000000000000002\" }",
    "{ name = \"span 2\" }",
];

const SEARCHED: [&str; 6] = [
    "{ !.flag }",
    "{ .flag = .flag }",
    "{ } | by(trace:id)",
    "{ } | by(-.flag)",
    "{ span:id = \"zz\" }",
    "{ 1 / 0 = 1 }",
];

#[tokio::test(start_paused = true)]
async fn regions_that_hold_parts_answer_as_one_that_holds_them_together() {
    let mut root = span(1, None, CLIENT);
    root.attributes = vec![pair("flag", Value::BoolValue(false))];
    let mut child = span(2, Some(1), SERVER);
    child.attributes = vec![pair("flag", Value::BoolValue(true))];
    let (shop, cart) = (batch("shop", vec![root]), batch("cart", vec![child, span(0xab, Some(2), CLIENT)]));
    let whole =
        estate(vec![("us-east", holding(&trace(vec![shop.clone(), cart.clone()])) as Arc<dyn Backend>)]);
    let parts = estate(vec![
        ("us-east", holding(&trace(vec![shop])) as Arc<dyn Backend>),
        ("eu-central", holding(&trace(vec![cart])) as Arc<dyn Backend>),
    ]);
    let noon = NOON / 1_000_000_000;
    let window = format!("start={}&end={}", noon - 60, noon + 60);
    let target = |path: &str, query: &str| {
        format!("{path}?q={}&{window}", utf8_percent_encode(query, NON_ALPHANUMERIC))
    };
    let counted = COUNTED
        .iter()
        .map(|filter| target("/api/metrics/query", &format!("{filter} | count_over_time() by (name)")));
    let searched = SEARCHED.iter().map(|query| target("/api/search", query));
    let values = std::iter::once(format!("/api/v2/search/tag/trace:duration/values?{window}"));
    let mut found = 0;
    for target in counted.chain(searched).chain(values) {
        let (ours, theirs) = (parts.get(&target).await, whole.get(&target).await);
        assert_eq!(ours.status, theirs.status, "{target}: {} and {}", ours.text(), theirs.text());
        if !theirs.status.is_success() {
            assert_eq!(ours.text(), theirs.text(), "{target}");
            continue;
        }
        let [mut ours, mut theirs] = [ours.json(), theirs.json()];
        for json in [&mut ours, &mut theirs] {
            json.as_object_mut().unwrap().remove("metrics");
        }
        assert_eq!(ours, theirs, "{target}");
        found += usize::from(theirs.to_string().len() > 30);
    }
    assert!(found > 8, "only {found} answers say anything");
}
