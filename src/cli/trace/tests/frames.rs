//! The frames of `--follow`, without colours and at a fixed width.

use anstream::adapter::strip_str;
use serde_json::{Value, json};

use super::estate::{Made, document, region, span};
use crate::cli::trace::document::Begin;
use crate::cli::trace::follow::Following;
use crate::cli::trace::layout::Limits;
use crate::cli::trace::read;
use crate::cli::trace::text::width;

/// The event of a region that lands with these spans.
fn event(mut report: Value, spans: &[Made]) -> String {
    let whole: Value =
        serde_json::from_str(&document("complete", "exact", json!([]), json!({}), spans)).unwrap();
    report.as_object_mut().unwrap().insert("trace".to_owned(), whole["trace"].clone());
    report.to_string()
}

fn land(following: &mut Following, event: &str, took_ms: f64) {
    following.land(serde_json::from_str(event).unwrap(), read::part(event).unwrap(), took_ms);
}

fn frame(following: &Following) -> String {
    let mut out = Vec::new();
    following.frame(Limits::USUAL, 100, &mut out).unwrap();
    strip_str(&String::from_utf8(out).unwrap()).to_string()
}

/// A trace of which the root lies near, the failing part far away, and nothing in a region that is down.
fn frames() -> Vec<String> {
    let mut following = Following::new("07070707070707070707070707070707".to_owned());
    let declared = |name: &str, law: &str| json!({ "name": name, "jurisdiction": law });
    let regions = [declared("us-east", "US"), declared("eu-central", "EU"), declared("ap-south", "IN")];
    let begin: Begin = serde_json::from_value(json!({ "traceId": "07", "regions": regions })).unwrap();
    following.begin(&begin);
    let mut frames = vec![frame(&following)];
    let near = [
        span(1, 0, ("shop", "us-east"), "POST /checkout", (0.0, 300.0)),
        span(2, 1, ("shop", "us-east"), "pay", (20.0, 250.0)),
    ];
    land(&mut following, &event(region("us-east", "US", "ok", 12.0, 2), &near), 14.0);
    frames.push(frame(&following));
    let mut down = region("ap-south", "IN", "unreachable", 40.0, 0);
    down["detail"] = json!("no connection could be made");
    land(&mut following, &event(down, &[]), 41.0);
    // A copy of a span that lies near, too, is drawn once.
    let far = [
        span(2, 1, ("shop", "us-east"), "pay", (20.0, 250.0)),
        span(3, 2, ("payment", "eu-central"), "charge", (60.0, 150.0)).fails("card declined"),
    ];
    land(&mut following, &event(region("eu-central", "EU", "ok", 180.0, 2), &far), 182.0);
    frames.push(frame(&following));
    frames
}

#[test]
fn each_region_that_lands_is_drawn_with_those_before_it() {
    let frames = frames();
    let [begun, near, all] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!(begun.matches("waiting").count(), 3, "{begun}");
    assert!(!begun.contains("MISSING"), "nothing is missing that is only still to come: {begun}");
    for (frame, told) in [(near, "1 of 3 regions"), (all, "3 of 3 regions")] {
        assert!(frame.contains("growing") && frame.contains(told), "{frame}");
        assert!(frame.contains("POST /checkout"), "{frame}");
        // A copy is drawn once.
        assert_eq!(frame.lines().filter(|line| line.contains("shop pay")).count(), 1, "{frame}");
    }
    assert_eq!((near.matches("waiting").count(), all.matches("waiting").count()), (2, 0), "{near}{all}");
    assert!(
        !near.contains("charge") && all.contains("charge") && all.contains("card declined"),
        "{near}{all}"
    );
    assert!(all.contains("no connection could be made"), "{all}");
    assert!(frames.iter().all(|frame| frame.lines().all(|line| width(line) <= 100)), "{frames:?}");
}

#[test]
fn a_region_without_spans_and_an_event_without_a_trace_add_nothing() {
    assert_eq!(read::part(r#"{"name":"us-east"}"#).unwrap(), read::part(r#"{"trace":null}"#).unwrap());
}
