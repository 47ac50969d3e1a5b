//! Documents as a gateway writes them, made span by span.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// 2025-11-21 07:00:00 UTC.
pub const BEGIN: u64 = 1_763_708_400_000_000_000;

/// A span of the fixture: id, parent (0 is none), service, region, name, start and length in milliseconds.
pub struct Made {
    pub id: u64,
    pub parent: u64,
    pub place: (&'static str, &'static str),
    pub name: String,
    pub ms: (f64, f64),
    pub more: Value,
}

pub fn span(id: u64, parent: u64, place: (&'static str, &'static str), name: &str, ms: (f64, f64)) -> Made {
    Made { id, parent, place, name: name.to_owned(), ms, more: json!({}) }
}

impl Made {
    /// With these fields instead of, or beside, the usual ones.
    pub fn with(mut self, more: Value) -> Self {
        self.more.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self
    }

    pub fn attributes(self, attributes: Value) -> Self {
        self.with(json!({ "attributes": list(attributes) }))
    }

    pub fn fails(self, message: &str) -> Self {
        self.with(json!({ "status": { "code": "STATUS_CODE_ERROR", "message": message } }))
    }

    pub fn crosses(self, from: &str, to: &str, ms: f64, error: f64) -> Self {
        self.attributes(json!({
            "tutti.network.from": from, "tutti.network.to": to, "tutti.network.latency_ms": ms,
            "tutti.network.error_ms": error, "tutti.network.latency": format!("{ms} ms, {from} to {to}"),
            "tutti.clock.offset_ms": 0.2, "tutti.clock.error_ms": error,
        }))
    }

    fn json(&self) -> Value {
        let nanos = |ms: f64| (BEGIN + (ms * 1e6) as u64).to_string();
        let mut span = json!({
            "traceId": STANDARD.encode([7; 16]),
            "spanId": id(self.id),
            "name": self.name,
            "kind": "SPAN_KIND_INTERNAL",
            "startTimeUnixNano": nanos(self.ms.0),
            "endTimeUnixNano": nanos(self.ms.0 + self.ms.1),
            "status": {},
        });
        let fields = span.as_object_mut().unwrap();
        if self.parent != 0 {
            fields.insert("parentSpanId".to_owned(), id(self.parent));
        }
        fields.extend(self.more.as_object().unwrap().clone());
        span
    }
}

fn id(number: u64) -> Value {
    json!(STANDARD.encode(number.to_be_bytes()))
}

/// OTLP's attributes out of an object.
pub fn list(attributes: Value) -> Value {
    let value = |value: Value| match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) => json!({ "doubleValue": number }),
        other => json!({ "arrayValue": { "values": other } }),
    };
    let attributes: Map<String, Value> = attributes.as_object().unwrap().clone();
    attributes.into_iter().map(|(key, v)| json!({ "key": key, "value": value(v) })).collect()
}

pub fn region(name: &str, law: &str, status: &str, ms: f64, spans: u64) -> Value {
    json!({
        "name": name, "jurisdiction": law, "status": status, "detail": null, "httpStatus": 200, "tookMs": ms,
        "firstByteMs": ms, "bytes": spans * 1_357, "spans": spans, "attempts": 1, "treated": 0,
    })
}

pub fn document(outcome: &str, exactness: &str, regions: Value, owed: Value, spans: &[Made]) -> String {
    let batches: Vec<Value> = spans
        .iter()
        .map(|span| {
            let (service, region) = span.place;
            let attributes = list(json!({ "service.name": service, "tutti.region": region }));
            json!({ "resource": { "attributes": attributes }, "scopeSpans": [{ "scope": {}, "spans": [span.json()] }] })
        })
        .collect();
    let trace = if batches.is_empty() { json!({}) } else { json!({ "resourceSpans": batches }) };
    json!({
        "report": {
            "traceId": "07070707070707070707070707070707", "mode": "best_effort", "outcome": outcome,
            "exactness": exactness, "planDigest": "allow", "tookMs": 99.2, "regions": regions, "owed": owed,
        },
        "trace": trace,
    })
    .to_string()
}

pub fn nothing_owed() -> Value {
    json!({ "missingParents": 0, "clientsWithoutServer": 0, "first": [] })
}

const SHOP: (&str, &str) = ("storefront", "us-east");
const CART: (&str, &str) = ("cart", "us-west");
const PAY: (&str, &str) = ("payment", "eu-central");
const LEDGER: (&str, &str) = ("ledger", "eu-central");

fn checkout() -> Vec<Made> {
    let mut spans = vec![
        span(1, 0, SHOP, "POST /api/checkout", (0.0, 812.0)),
        span(2, 1, SHOP, "cart.Get", (4.0, 150.0)).with(json!({ "kind": "SPAN_KIND_CLIENT" })),
        span(3, 2, CART, "cart.Cart/Get", (36.0, 88.0)).crosses("us-east", "us-west", 31.0, 1.2),
    ];
    spans.extend(
        (0..12)
            .map(|n| span(10 + n, 3, CART, "redis HGETALL", (40.0 + 6.0 * n as f64, 3.0 + 0.1 * n as f64))),
    );
    spans
}

/// A request through three regions, with a failure at the far end.
pub fn three_regions() -> String {
    let mut spans = checkout();
    spans.extend([
        span(40, 1, SHOP, "payment.Charge", (170.0, 560.0))
            .with(json!({ "kind": "SPAN_KIND_CLIENT" }))
            .fails("card declined"),
        span(41, 40, PAY, "payment.Payment/Charge", (268.0, 364.0)).crosses(
            "us-east",
            "eu-central",
            98.0,
            4.0,
        ),
        span(42, 41, PAY, "SELECT accounts", (280.0, 41.0)),
        span(43, 41, LEDGER, "ledger.Reserve", (330.0, 290.0)).with(json!({
            "status": { "code": "STATUS_CODE_ERROR" },
            "events": [{ "name": "exception", "attributes": list(json!({
                "exception.type": "CardDeclined", "exception.message": "insufficient funds" })) }],
        })),
        span(50, 1, SHOP, "render", (745.0, 60.0)).attributes(json!({ "tutti.redacted": ["user.email"] })),
    ]);
    let regions = json!([
        region("us-east", "US", "ok", 4.1, 4),
        region("us-west", "US", "ok", 61.7, 13),
        region("eu-central", "EU", "ok", 98.4, 3),
    ]);
    document("complete", "exact", regions, nothing_owed(), &spans)
}

/// The same while eu-central does not answer.
pub fn partial() -> String {
    let mut spans = checkout();
    spans.extend([
        span(40, 1, SHOP, "payment.Charge", (170.0, 560.0)).with(json!({ "kind": "SPAN_KIND_CLIENT" })),
        span(60, 0x99, CART, "inventory.Reserve", (500.0, 60.0)),
        span(0x99, 0, ("tutti", "us-east"), "span in eu-central (unavailable)", (500.0, 60.0)).attributes(json!({
            "tutti.synthetic": true, "tutti.placeholder": true, "tutti.missing.region": "eu-central" })),
        span(61, 0x88, CART, "audit.Write", (640.0, 12.0)),
        span(0x77, 1, ("tutti", "us-east"), "eu-central did not answer", (0.0, 812.0)).attributes(json!({
            "tutti.synthetic": true, "tutti.missing.region": "eu-central", "tutti.missing.status": "timeout" })),
    ]);
    let mut late = region("eu-central", "EU", "timeout", 5_000.0, 0);
    late.as_object_mut().unwrap().extend(
        json!({ "httpStatus": null, "bytes": 0, "attempts": 2,
        "detail": "no answer within 5 s" })
        .as_object()
        .unwrap()
        .clone(),
    );
    let mut treated = region("us-west", "US", "ok", 61.7, 15);
    treated["treated"] = json!(3);
    let owed = json!({ "missingParents": 2, "clientsWithoutServer": 1, "first": [
        { "what": "missing_parent", "spanId": "0000000000000099", "suspected": "eu-central" },
        { "what": "missing_parent", "spanId": "0000000000000088", "suspected": "eu-central" },
        { "what": "client_without_server", "spanId": "0000000000000028", "suspected": "eu-central" },
    ] });
    document(
        "partial",
        "region_missing",
        json!([region("us-east", "US", "ok", 4.1, 3), treated, late]),
        owed,
        &spans,
    )
}

/// Everything a trace should not be.
pub fn weird() -> String {
    let odd = |id, parent, name: &str, ms| span(id, parent, ("wörker", "us-east"), name, ms);
    let spans = vec![
        odd(1, 0, "first root", (0.0, 50.0)),
        odd(2, 0, "second root", (10.0, 50.0)),
        odd(3, 3, "its own parent", (12.0, 5.0)),
        odd(4, 5, "cycle a", (20.0, 9.0)).attributes(json!({ "tutti.cycle": true })),
        odd(5, 4, "cycle b", (21.0, 9.0)).attributes(json!({ "tutti.cycle": true })),
        odd(6, 5, "below the cycle", (22.0, 3.0)),
        odd(7, 0xdead, "orphan", (30.0, 3.0)),
        odd(8, 0xdead, "its brother", (34.0, 3.0)),
        odd(9, 1, "clear \u{1b}[2J\u{1b}]0;owned\u{7} \u{9b}31m\r\nnext \u{202e}txt.exe", (2.0, 3.0)),
        odd(10, 1, "東京の注文を確認する処理がとても長い名前を持っている場合はどうなるのか", (3.0, 30.0)),
        odd(11, 1, "of 1970", (0.0, 0.0)).with(json!({ "startTimeUnixNano": "0", "endTimeUnixNano": "5" })),
        odd(12, 1, "of 2554", (0.0, 0.0)).with(json!({ "startTimeUnixNano": u64::MAX.to_string() })),
        odd(13, 1, "ends too early", (20.0, 0.0)).with(json!({ "endTimeUnixNano": BEGIN.to_string() })),
        odd(14, 1, "never ends", (20.0, 0.0)).with(json!({ "endTimeUnixNano": u64::MAX.to_string() })),
        odd(15, 1, "no id", (40.0, 1.0)).with(json!({ "spanId": null })),
        odd(16, 1, "id of two bytes", (41.0, 1.0)).with(json!({ "spanId": "AAE=" })),
        odd(17, 1, "", (42.0, 1.0)).fails("\u{1b}[31mline one\nline two"),
        odd(18, 1, "numbers as they are", (0.0, 0.0)).with(json!({
            "startTimeUnixNano": BEGIN, "endTimeUnixNano": BEGIN + 7, "kind": 3, "attributes": null, "events": null })),
    ];
    let mut odd_region = region("us-east", "US", "a_status_of_the_future", 3.0, 18);
    odd_region["detail"] = json!("\u{1b}[2Jcleared");
    document("partial", "region_partial", json!([odd_region]), nothing_owed(), &spans)
}

/// A chain of calls, each within the one before.
pub fn deep(levels: u64) -> String {
    let spans: Vec<Made> = (1..=levels)
        .map(|n| span(n, n - 1, ("recursive", "us-east"), "again", (n as f64, 1_000.0 - 2.0 * n as f64)))
        .collect();
    document("complete", "exact", json!([region("us-east", "US", "ok", 3.0, levels)]), nothing_owed(), &spans)
}
