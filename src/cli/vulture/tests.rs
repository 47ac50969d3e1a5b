//! Verdicts on answers that are whole, lose, invent, change or leak.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::judge::{Check, Reply, Said, Verdict, answers, judge};
use crate::demo::{Planted, Planting};
use crate::model::RegionName;

fn planting() -> Planting {
    Planting {
        seed: 1,
        every: Duration::from_secs(10),
        regions: ["us-east", "eu-central"].map(|name| RegionName::parse(name).unwrap()).into(),
        canary_keys: vec!["user.email".to_owned()],
    }
}

/// The trace as a gateway shows it that hides the canaries.
fn shown(planting: &Planting, planted: &Planted, outcome: &str) -> Value {
    let spans = planted.spans.iter().map(|span| {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let mut attributes: Vec<Value> =
            span.attributes.iter().map(|(key, value)| text(key, value)).collect();
        if span.has_canary() {
            attributes.push(json!({"key": "tutti.redacted", "value": {"boolValue": true}}));
        }
        json!({
            "resource": {"attributes": [text("tutti.region", planting.regions[span.region].as_str())]},
            "scopeSpans": [{"spans": [{
                "spanId": STANDARD.encode(span.id),
                "parentSpanId": span.parent.map(|id| STANDARD.encode(id)).unwrap_or_default(),
                "name": span.name,
                "kind": span.kind.as_str(),
                "startTimeUnixNano": span.start.to_string(),
                "endTimeUnixNano": span.end.to_string(),
                "attributes": attributes,
            }]}],
        })
    });
    let status = if outcome == "complete" { "ok" } else { "timeout" };
    json!({
        "report": {"outcome": outcome, "regions": [{"name": "eu-central", "status": status}]},
        "trace": {"resourceSpans": spans.collect::<Vec<_>>()},
    })
}

fn reply(status: u16, outcome: &str, body: &Value) -> Reply {
    let said = Said { outcome: outcome.to_owned(), ..Said::default() };
    Reply { status, said, body: body.to_string() }
}

fn check(outcome: &str, change: impl Fn(&mut Vec<Value>, &Planted), expected: &str) {
    let planting = planting();
    let planted = planting.trace(170_000_000);
    let mut document = shown(&planting, &planted, outcome);
    change(document["trace"]["resourceSpans"].as_array_mut().unwrap(), &planted);
    let verdict = judge(Check::Trace, &reply(200, outcome, &document), &planted, &planting.regions);
    assert_eq!(verdict.as_str(), expected, "{verdict:?}");
    assert!(!verdict.why().contains(&planted.canary));
}

fn span(resource: &mut Value) -> &mut Value {
    &mut resource["scopeSpans"][0]["spans"][0]
}

/// A span without a canary, which nothing excuses.
fn plain<'a>(spans: &'a mut [Value], planted: &Planted) -> &'a mut Value {
    span(&mut spans[planted.spans.iter().position(|span| !span.has_canary()).unwrap()])
}

#[test]
fn a_trace_as_it_was_written_is_good() {
    check("complete", |_, _| {}, "good");
    // In any order, and with spans that say that they are the gateway's own.
    check("complete", |spans, _| spans.reverse(), "good");
    check(
        "complete",
        |spans, _| {
            let mut more = spans[0].clone();
            span(&mut more)["spanId"] = json!("AAAAAAAAAAE=");
            span(&mut more)["attributes"] = json!([{"key": "tutti.synthetic", "value": {"boolValue": true}}]);
            spans.push(more);
        },
        "good",
    );
}

#[test]
fn a_span_that_is_not_there_is_missing_unless_the_answer_says_so() {
    check("complete", |spans, _| drop(spans.pop()), "missing");
    check("partial", |spans, _| drop(spans.pop()), "partial");
    check("partial", |_, _| {}, "partial");
}

#[test]
fn a_span_that_differs_is_wrong() {
    check("complete", |spans, _| span(&mut spans[1])["parentSpanId"] = json!(""), "wrong");
    check("complete", |spans, _| span(&mut spans[0])["startTimeUnixNano"] = json!("5"), "wrong");
    check("complete", |spans, _| span(&mut spans[0])["kind"] = json!("SPAN_KIND_CONSUMER"), "wrong");
    check("complete", |spans, planted| plain(spans, planted)["name"] = json!("other"), "wrong");
    check("complete", |spans, planted| plain(spans, planted)["attributes"] = json!([]), "wrong");
    check("complete", |spans, _| spans.push(spans[0].clone()), "wrong");
    let elsewhere = json!([{"key": "tutti.region", "value": {"stringValue": "us-west"}}]);
    check("complete", |spans, _| spans[0]["resource"]["attributes"] = elsewhere.clone(), "wrong");
    let invented = |spans: &mut Vec<Value>, _: &Planted| {
        let mut more = spans[0].clone();
        span(&mut more)["spanId"] = json!("AAAAAAAAAAE=");
        spans.push(more);
    };
    check("complete", invented, "wrong");
}

#[test]
fn of_a_span_that_says_it_was_treated_names_and_texts_may_differ() {
    let treated = |spans: &mut Vec<Value>, planted: &Planted| {
        let span = plain(spans, planted);
        span["name"] = json!("<redacted>");
        span["attributes"] = json!([{"key": "tutti.redacted", "value": {"boolValue": true}}]);
    };
    check("complete", treated, "good");
}

#[test]
fn the_canary_is_a_leak_wherever_it_stands_and_whatever_else_is_said() {
    let leaking =
        |spans: &mut Vec<Value>, planted: &Planted| span(&mut spans[0])["name"] = json!(planted.canary);
    check("complete", leaking, "leaked");
    check("partial", leaking, "leaked");
    let planting = planting();
    let planted = planting.trace(5);
    for check in Check::ALL {
        for status in [200, 403, 500] {
            let verdict =
                judge(check, &reply(status, "complete", &json!(planted.canary)), &planted, &planting.regions);
            assert_eq!(verdict.as_str(), "leaked");
        }
    }
}

#[test]
fn a_refusal_is_good_where_what_is_asked_may_not_be_known() {
    let planting = planting();
    let planted = planting.trace(5);
    let of = |check: Check, status: u16| {
        judge(check, &reply(status, "refused", &json!({})), &planted, &planting.regions)
    };
    assert_eq!((of(Check::Oracle, 403), of(Check::Values, 403)), (Verdict::Good, Verdict::Good));
    assert_eq!(of(Check::Search, 403).as_str(), "refused");
    assert_eq!(of(Check::Oracle, 502).as_str(), "refused");
    assert_eq!(of(Check::Oracle, 429).as_str(), "refused");
    assert_eq!(of(Check::Values, 401).as_str(), "refused");
    assert_eq!(
        (of(Check::Metrics, 501).as_str(), of(Check::Range, 501).as_str()),
        ("not_offered", "not_offered")
    );
    // Only of metrics may a gateway say so.
    assert_eq!(of(Check::Search, 501).as_str(), "refused");
    assert_eq!(of(Check::Trace, 404).as_str(), "partial");
}

#[test]
fn a_row_is_the_whole_trace_or_it_is_wrong() {
    let planting = planting();
    let planted = planting.trace(170_000_000);
    let duration = (planted.end() - planted.start()) / 1_000_000;
    let row = |start: u64, duration: u64, matched: usize| {
        json!({"traces": [{
            "traceID": planted.trace.to_string().trim_start_matches('0'),
            "startTimeUnixNano": start.to_string(),
            "durationMs": duration,
            "spanSets": [{"matched": matched}],
        }]})
    };
    let judged = |check: Check, outcome: &str, body: &Value| {
        judge(check, &reply(200, outcome, body), &planted, &planting.regions).as_str()
    };
    let answers = answers(&planted);
    let good = row(planted.start(), duration, answers);
    assert_eq!(judged(Check::Search, "complete", &good), "good");
    assert_eq!(judged(Check::Structure, "complete", &good), "good");
    assert_eq!(judged(Check::Structure, "complete", &row(planted.start(), duration, answers + 1)), "wrong");
    assert_eq!(judged(Check::Structure, "complete", &row(planted.start(), duration, answers - 1)), "missing");
    assert_eq!(judged(Check::Search, "complete", &row(planted.start() + 1, duration, 1)), "wrong");
    assert_eq!(judged(Check::Search, "partial", &row(planted.start() + 1, duration, 1)), "wrong");
    assert_eq!(judged(Check::Search, "complete", &row(planted.start(), duration + 1, 1)), "wrong");
    // So it would be without the root's end, or without the spans that begin first: those may still come.
    assert_eq!(judged(Check::Search, "complete", &row(planted.start(), duration - 1, 1)), "missing");
    assert_eq!(judged(Check::Search, "complete", &row(planted.spans[1].start, duration - 4, 1)), "missing");
    assert_eq!(judged(Check::Search, "partial", &row(planted.start(), duration - 1, 1)), "partial");
    assert_eq!(judged(Check::Search, "complete", &json!({"traces": []})), "missing");
    assert_eq!(judged(Check::Search, "partial", &json!({"traces": []})), "partial");
    assert_eq!(judged(Check::Oracle, "complete", &good), "leaked");
    assert_eq!(judged(Check::Oracle, "complete", &json!({"traces": []})), "good");
}

#[test]
fn every_span_is_counted_once() {
    let planting = planting();
    let planted = planting.trace(170_000_000);
    let judged = |outcome: &str, value: usize| {
        let body = json!({"series": [{"labels": [], "value": value}]});
        judge(Check::Metrics, &reply(200, outcome, &body), &planted, &planting.regions).as_str()
    };
    let count = planted.spans.len();
    assert_eq!(judged("complete", count), "good");
    assert_eq!((judged("complete", count - 1), judged("partial", count - 1)), ("missing", "partial"));
    assert_eq!(judged("complete", count + 1), "wrong");
}

#[test]
fn a_series_over_time_counts_every_span_once_too() {
    let planting = planting();
    let planted = planting.trace(170_000_000);
    // The last stands at the end of the round, those before it of rounds before.
    let judged = |values: &[usize]| {
        let back = |nth: usize| planted.round_end - 10 * (values.len() - 1 - nth) as u64;
        let at = |(nth, value): (usize, &usize)| json!({"timestampMs": (back(nth) * 1_000).to_string(), "value": value});
        let samples: Vec<Value> = values.iter().enumerate().map(at).collect();
        let body = json!({"series": [{"labels": [], "samples": samples}]});
        judge(Check::Range, &reply(200, "complete", &body), &planted, &planting.regions).as_str()
    };
    let count = planted.spans.len();
    assert_eq!((judged(&[0, count]), judged(&[7, count])), ("good", "good"));
    assert_eq!(
        (judged(&[1, count - 1]), judged(&[count, 0]), judged(&[])),
        ("missing", "missing", "missing")
    );
    assert_eq!(judged(&[count + 1]), "wrong");
}

#[test]
fn only_what_was_missing_is_late() {
    let missing = || Verdict::Missing("1 of 5 spans".to_owned());
    let refused = || Verdict::Refused("HTTP 502".to_owned());
    assert_eq!(Verdict::Good.after(None), Verdict::Good);
    assert_eq!(Verdict::Good.after(Some(missing())).as_str(), "late");
    assert_eq!(Verdict::Good.after(Some(refused())).as_str(), "refused");
    assert_eq!(missing().after(Some(missing())).as_str(), "missing");
    // A failure between is not forgotten over what was missing, in whichever order they came.
    assert_eq!(Verdict::Good.after(Some(missing().or_worse(Some(refused())))).as_str(), "refused");
    assert_eq!(Verdict::Good.after(Some(refused().or_worse(Some(missing())))).as_str(), "refused");
    // What was shown wrongly once is decided: nothing after it can make it late.
    assert!(Verdict::Wrong(String::new()).is_final() && Verdict::Leaked(String::new()).is_final());
    assert!(!missing().is_final() && !refused().is_final());
}
