//! How one trace differs from another: three formats, and what is refused.

use serde_json::{Value, json};

use crate::Test;
use crate::errors::essence;
use crate::estate::{Estate, Server};
use crate::http::{Reply, Request};
use crate::traces::Case;

pub const TESTS: &[Test] = &[
    ("a_difference_is_the_same", traces_differ_as_they_differ_in_tempo),
    ("a_difference_is_refused_for_the_same_reason", a_difference_is_refused_for_the_same_reason),
    ("a_difference_of_traces_that_are_missing_or_too_large_is_none", traces_that_are_missing_or_too_large),
];

pub const TARGET: &str = "/api/v2/traces/diff";
pub const FORMATS: [&str; 3] = ["trace-patch-v0", "trace-summary-v0-native", "trace-summary-v0-composed"];

fn post(server: &Server, body: &str) -> Reply {
    let headers = [("Content-Type", "application/json")];
    server.send(&Request { method: "POST", target: TARGET, headers: &headers, body: body.as_bytes() })
}

fn question(base: &Case, compare: &Case, format: &str) -> String {
    body([&base.id_hex(), &compare.id_hex()], format)
}

/// What is asked about two traces.
pub fn body([base, compare]: [&str; 2], format: &str) -> String {
    json!({"base": {"traceId": base}, "compare": {"traceId": compare}, "format": format}).to_string()
}

/// A document, without what is chance in it.
pub fn read(body: &[u8]) -> Value {
    let mut document = serde_json::from_slice(body).expect("JSON");
    without_chance(&mut document);
    document
}

/// What was compared, so that agreement says something.
#[derive(Default, Debug)]
struct Tally {
    compared: usize,
    same: usize,
    to_the_byte: usize,
    modified: u64,
    field_changes: u64,
    attribute_changes: u64,
    added: u64,
    removed: u64,
    moved: usize,
    omitted: usize,
    warned: usize,
    too_large: usize,
}

impl Tally {
    fn count(&mut self, document: &Value) {
        let stats = &document["stats"];
        let number = |name: &str| stats[name].as_u64().unwrap_or(0);
        if document["version"] == "trace-patch-v0" {
            self.modified += number("modifiedSpans");
            self.field_changes += number("fieldChanges");
            self.attribute_changes += number("attributeChanges");
            self.added += number("addedSpans");
            self.removed += number("removedSpans");
        }
        let is_even = number("addedSpans") + number("removedSpans") == 0;
        self.moved += usize::from(is_even && document["signals"]["structure"] == "changed");
        self.omitted += usize::from(document.get("patchOmitted").is_some());
        self.warned += usize::from(document["warnings"].as_array().is_some_and(|all| !all.is_empty()));
    }
}

/// Which of several names with an id is warned of is the first as spans happen to lie in a Tempo's block. It is
/// taken out, and its length of the patch that was left out.
fn without_chance(document: &mut Value) {
    let mut length = 0;
    for part in ["", "/summary", "/patch"] {
        let list = document.pointer_mut(&format!("{part}/warnings")).and_then(Value::as_array_mut);
        for warning in list.into_iter().flatten() {
            if warning["code"] == "high_cardinality_span_name" {
                let message = warning["message"].take();
                // As it stands in JSON, where Go escapes some of it.
                let text = message.to_string();
                length = text.len() + 5 * text.matches(['<', '>', '&']).count();
            }
        }
    }
    if let Some(bytes) = document.pointer_mut("/patchOmitted/bytes") {
        *bytes = json!(bytes.as_u64().map(|bytes| bytes - length as u64));
    }
}

/// The gateway that has the union's limit, since it is that of two traces together.
fn compare(estate: &Estate, base: &Case, other: &Case, format: &str, tally: &mut Tally) -> Option<String> {
    let body = question(base, other, format);
    let (ours, theirs) = (post(&estate.limited, &body), post(&estate.union, &body));
    let what = format!("{format}, {} against {}", other.note, base.note);
    if theirs.status != 200 {
        // Too large together: bytes are counted as each holds them.
        assert_eq!(theirs.status, 429, "{what}: {}", theirs.text());
        tally.too_large += 1;
        return (ours.status != 429).then(|| format!("{what}: {} and {}", ours.status, theirs.status));
    }
    assert_eq!(ours.status, 200, "{what}: {}", ours.text());
    assert_eq!(ours.header("content-type"), theirs.header("content-type"), "{what}");
    tally.compared += 1;
    tally.to_the_byte += usize::from(ours.body == theirs.body);
    let read = |reply: &Reply| -> Value { serde_json::from_slice(&reply.body).expect("JSON") };
    let (mut ours, mut theirs) = (read(&ours), read(&theirs));
    tally.count(&theirs);
    tally.same += usize::from(ours == theirs);
    without_chance(&mut ours);
    without_chance(&mut theirs);
    (ours != theirs).then(|| format!("{what}\n    Tutti: {ours}\n    Tempo: {theirs}"))
}

fn traces_differ_as_they_differ_in_tempo(estate: &Estate) {
    let kept = &estate.kept;
    let mut pairs: Vec<(&Case, &Case)> = kept.alike.iter().map(|(base, other)| (base, other)).collect();
    pairs.extend(kept.alike.iter().map(|(base, other)| (other, base)));
    pairs.extend(kept.alike.iter().take(10).map(|(base, _)| (base, base)));
    pairs.extend(kept.random.windows(2).map(|two| (&two[0], &two[1])));
    pairs.extend(kept.one_batch.windows(2).map(|two| (&two[0], &two[1])));
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    for (base, other) in pairs {
        for format in FORMATS {
            differences.extend(compare(estate, base, other, format, &mut tally));
        }
    }
    println!("{tally:?}");
    let shown: Vec<&str> = differences.iter().take(5).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} of {tally:?} differ:\n{}", differences.len(), shown.join("\n"));
    let met = [tally.modified, tally.field_changes, tally.attribute_changes, tally.added, tally.removed];
    assert!(met.iter().all(|count| *count > 100), "{tally:?}");
    assert!(tally.moved > 5 && tally.warned > 20 && tally.omitted > 4, "{tally:?}");
    assert!(tally.too_large * 4 < tally.compared, "{tally:?}");
    assert!(tally.same * 2 > tally.compared, "few differ even in what is chance: {tally:?}");
}

fn a_difference_is_refused_for_the_same_reason(estate: &Estate) {
    let bodies = [
        "",
        " ",
        "{",
        "{\"base\":",
        "{\"base\":{\"traceId\":\"1\"",
        "{}",
        "null",
        "[]",
        "\"x\"",
        "5",
        "true",
        r#"{"base":"1"}"#,
        r#"{"base":[]}"#,
        r#"{"compare":true}"#,
        r#"{"base":{"traceId":1}}"#,
        r#"{"base":{"traceId":"1","start":"5"}}"#,
        r#"{"base":{"traceId":"1","end":1.5}}"#,
        r#"{"base":{"traceId":"1"},"compare":{"end":{}}}"#,
        r#"{"format":7}"#,
        r#"{"base":{"traceId":""},"compare":{"traceId":"1"}}"#,
        r#"{"base":{"traceId":"1"}}"#,
        r#"{"base":{"traceId":"1"},"compare":{}}"#,
        r#"{"base":{"traceId":"xyz"},"compare":{"traceId":"1"}}"#,
        r#"{"base":{"traceId":"1"},"compare":{"traceId":"123456781234567812345678123456789"}}"#,
        r#"{"base":{"traceId":"1","start":5,"end":2},"compare":{"traceId":"1"}}"#,
        r#"{"base":{"traceId":"1"},"compare":{"traceId":"1","start":5,"end":5}}"#,
        r#"{"base":{"traceId":"1"},"compare":{"traceId":"1"},"format":"x"}"#,
        r#"{"base":{"traceId":"1"},"compare":{"traceId":"1"},"format":"Trace-Patch-V0"}"#,
        r#"{"base":{"traceId":"xyz"},"format":"é\u0001\"","x":1}"#,
        r#"{"BASE":{"TRACEID":"xyz"}}"#,
        r#"{"base":{"traceId":"1","x":[1,{"y":2}]}} and more"#,
    ];
    let mut differences = Vec::new();
    let mut compare = |what: &str, request: &Request<'_>| {
        let answer = |server: &Server| {
            let (status, headers, body) = essence(&server.send(request));
            // HTTP wants the methods named that are answered; Tempo does not name them.
            (status, headers.into_iter().filter(|(name, _)| name != "allow").collect::<Vec<_>>(), body)
        };
        let (ours, theirs) = (answer(&estate.plain), answer(&estate.union));
        if ours != theirs {
            differences.push(format!("{what}\n    Tutti: {ours:?}\n    Tempo: {theirs:?}"));
        }
    };
    for body in bodies {
        let request = Request { method: "POST", target: TARGET, headers: &[], body: body.as_bytes() };
        compare(body, &request);
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        compare(method, &Request { method, ..Request::get(TARGET) });
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    // What is no JSON at all: the same first words, and Tempo's own say which character it was.
    for body in ["{]", "x", r#"{"base":}"#, r#"{"base" 1}"#] {
        let (ours, theirs) = (post(&estate.plain, body), post(&estate.union, body));
        let begins = "invalid trace diff request body: ";
        assert_eq!((ours.status, theirs.status), (400, 400), "{body}");
        assert!(ours.text().starts_with(begins) && theirs.text().starts_with(begins), "{body}");
    }
}

fn traces_that_are_missing_or_too_large(estate: &Estate) {
    let kept = &estate.kept;
    let nowhere = Case { id: [0xee; 16], note: "nowhere".to_owned() };
    let here = &kept.short;
    for (base, other, status) in [(&nowhere, here, 404), (here, &nowhere, 404), (&nowhere, &nowhere, 404)] {
        let body = question(base, other, "");
        let (ours, theirs) = (essence(&post(&estate.limited, &body)), essence(&post(&estate.union, &body)));
        assert_eq!((ours.0, &ours), (status, &theirs));
    }
    // A trace over its limit is known in part only.
    for (base, other) in [(&kept.large_in_one, here), (here, &kept.large_spread)] {
        let body = question(base, other, "");
        let (ours, theirs) = (post(&estate.limited, &body), post(&estate.union, &body));
        assert_eq!((ours.status, theirs.status), (422, 422), "{}\n{}", ours.text(), theirs.text());
        assert!(ours.text().starts_with(&theirs.text()), "{}\n{}", ours.text(), theirs.text());
    }
    // Each within it, and both together not.
    let body = question(&kept.half_of_limit, &kept.half_of_limit, "");
    let (ours, theirs) = (post(&estate.limited, &body), post(&estate.union, &body));
    assert_eq!((ours.status, theirs.status), (429, 429), "{}\n{}", ours.text(), theirs.text());
    assert_eq!(ours.text(), theirs.text());
}
