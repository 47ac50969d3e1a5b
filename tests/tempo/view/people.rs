//! Personal data in random traces, and questions about them: under keys that say what they are, in texts that do not,
//! in names, numbers, lists and keys; few values, so that random questions meet them.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

use crate::dice::Dice;
use crate::question::Question;
use crate::sketch::Trace;

const EMAILS: [&str; 2] = ["jane@example.com", "joe.bloggs@example.org"];

/// Keys of spans, each with texts that stand under it.
const OF_SPANS: [(&str, &[&str]); 13] = [
    ("user.email", &["jane@example.com", "Joe.Bloggs@Example.org"]),
    ("user.id", &["u-1001", "u-1002"]),
    ("user.full_name", &["Jane Roe", "Joseph Bloggs"]),
    ("client.address", &["203.0.113.7", "203.0.113.99", "2001:db8::17"]),
    (
        "url.full",
        &[
            "https://shop.example/users/jane@example.com?token=abc&page=2",
            "https://shop.example/cart",
            "nonsense",
        ],
    ),
    ("db.query.text", &["SELECT * FROM users WHERE email = 'jane@example.com'", "SELECT 1", "selec 'x"]),
    ("shop.tier", &["gold", "tin", "Jane Roe", "for jane@example.com", "foo"]),
    ("http.request.method", &["GET", "POST"]),
    ("http.url", &["http://shop.example/a?user=jane@example.com", "http://shop.example/b"]),
    ("payment.card", &["4111111111111111", "4111 1111 1111 1111"]),
    ("password", &["hunter2"]),
    ("user_agent.original", &["Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0", "curl/8.5.0"]),
    ("message", &["asked by Jane Roe again", "ok", "order of u-1001", "card 4111111111111111"]),
];

const OF_RESOURCES: [(&str, &[&str]); 3] = [
    ("host.name", &["janes-macbook", "node-1"]),
    ("deployment.environment", &["prod", "test"]),
    ("team.contact", &["joe.bloggs@example.org", "#shop"]),
];

const OF_EVENTS: [(&str, &[&str]); 2] = [
    ("exception.message", &["no user jane@example.com", "timeout"]),
    ("log.line", &["hello Jane Roe", "took 5 ms"]),
];

const NAMES: [&str; 3] = ["GET /users/jane@example.com", "GET /cart", "mail to joe.bloggs@example.org"];

/// What a random question asks about in place of a key of the other random traces.
const INSTEAD: [(&str, &[&str]); 14] = [
    (".s", &[".user.email", ".shop.tier", ".user.id", ".message", ".http.request.method", ".host.name"]),
    (
        "span.s",
        &["span.user.email", "span.shop.tier", "span.user.full_name", "span.message", "span.url.full"],
    ),
    (".x", &[".user.age", ".order.ref"]),
    ("span.x", &["span.user.age", "span.order.ref"]),
    (".y", &[".order.ref"]),
    (".z", &[".client.address", ".password", ".http.url", ".user.id"]),
    ("span.odd", &["span.db.query.text", "span.payment.card", "span.user_agent.original"]),
    (".arr", &[".people", ".details"]),
    ("span.arr", &["span.people", "span.raw"]),
    ("resource.s", &["resource.host.name", "resource.deployment.environment"]),
    ("resource.z", &["resource.team.contact", "resource.host.name"]),
    ("event.k", &["event.exception.message"]),
    ("event.m", &["event.log.line"]),
    ("link.x", &["link.user.email"]),
];

pub const LISTED: [&str; 24] = [
    ".user.email",
    "span.user.id",
    "span.user.full_name",
    "span.client.address",
    "span.url.full",
    "span.db.query.text",
    ".shop.tier",
    "span.http.request.method",
    "span.http.url",
    "span.payment.card",
    "span.password",
    "span.message",
    ".people",
    "span.order.ref",
    "span.user.age",
    "resource.host.name",
    "resource.service.name",
    "resource.team.contact",
    "event.exception.message",
    "name",
    "statusMessage",
    "event:name",
    "status",
    "span.http.status_code",
];

/// Puts people into a trace.
pub fn plant(dice: &mut Dice, trace: &mut Trace) {
    for batch in &mut trace.batches {
        if let Some(resource) = &mut batch.resource {
            some_of(dice, &OF_RESOURCES, 30, &mut resource.attributes);
        }
        for span in batch.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            plant_in(dice, span);
        }
    }
}

fn plant_in(dice: &mut Dice, span: &mut Span) {
    some_of(dice, &OF_SPANS, 22, &mut span.attributes);
    for (key, value) in odd(dice) {
        if dice.percent(12) {
            span.attributes.push(pair(key, value));
        }
    }
    if dice.percent(20) {
        span.name = (*dice.of(&NAMES)).to_owned();
    }
    if let Some(status) = span.status.as_mut().filter(|_| dice.percent(20)) {
        status.message = format!("no such user {}", dice.of(&EMAILS));
    }
    for event in &mut span.events {
        some_of(dice, &OF_EVENTS, 40, &mut event.attributes);
        if dice.percent(15) {
            event.name = format!("mail to {}", dice.of(&EMAILS));
        }
    }
    for link in &mut span.links {
        if dice.percent(40) {
            link.attributes.push(pair("user.email", text(dice.of(&EMAILS))));
        }
    }
}

/// What is no text, or no key that anyone expects.
fn odd(dice: &mut Dice) -> Vec<(&'static str, Value)> {
    let email = text(dice.of(&EMAILS));
    let listed = vec![AnyValue { value: Some(email.clone()) }, AnyValue { value: Some(text("ok")) }];
    let within = vec![pair("email", email), pair("count", Value::IntValue(2))];
    vec![
        ("user.age", Value::IntValue(*dice.of(&[41, 42]))),
        ("order.ref", Value::IntValue(*dice.of(&[4_111_111_111_111_111, 7, 123_456_789]))),
        ("people", Value::ArrayValue(ArrayValue { values: listed })),
        ("details", Value::KvlistValue(KeyValueList { values: within })),
        ("raw", Value::BytesValue(b"jane@example.com".to_vec())),
        ("of jane@example.com", text("x")),
        ("user.active", Value::BoolValue(dice.percent(50))),
    ]
}

fn some_of(dice: &mut Dice, table: &[(&str, &[&str])], percent: u64, attributes: &mut Vec<KeyValue>) {
    for (key, texts) in table {
        if dice.percent(percent) {
            attributes.push(pair(key, text(dice.of(texts))));
        }
    }
}

fn text(text: impl AsRef<str>) -> Value {
    Value::StringValue(text.as_ref().to_owned())
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Every text that stands in traces: what a caller could try, or has seen.
pub fn texts<'t>(traces: impl IntoIterator<Item = &'t Trace>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for batch in traces.into_iter().flat_map(|trace| &trace.batches) {
        of_batch(batch, &mut found);
    }
    found.into_iter().filter(|text| !text.is_empty()).collect()
}

fn of_batch(batch: &ResourceSpans, found: &mut BTreeSet<String>) {
    let mut take = |pairs: &[KeyValue]| {
        for value in pairs.iter().filter_map(|pair| pair.value.as_ref()?.value.as_ref()) {
            match value {
                Value::StringValue(text) => {
                    found.insert(text.clone());
                }
                Value::ArrayValue(list) => {
                    found.extend(list.values.iter().filter_map(|item| match item.value.as_ref()? {
                        Value::StringValue(text) => Some(text.clone()),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
    };
    batch.resource.iter().for_each(|resource| take(&resource.attributes));
    let spans = || batch.scope_spans.iter().flat_map(|scope| &scope.spans);
    for span in spans() {
        take(&span.attributes);
        span.events.iter().for_each(|event| take(&event.attributes));
        span.links.iter().for_each(|link| take(&link.attributes));
    }
    for span in spans() {
        found.insert(span.name.clone());
        found.extend(span.status.iter().map(|status| status.message.clone()));
        found.extend(span.events.iter().map(|event| event.name.clone()));
    }
}

/// Names under which bytes stand somewhere, as they are told with their scope.
pub fn holding_bytes(traces: &[Trace]) -> BTreeSet<String> {
    named(traces, |value| matches!(value, Some(Value::BytesValue(_))))
}

/// Names of attributes that have no value somewhere.
pub fn without_a_value(traces: &[Trace]) -> BTreeSet<String> {
    named(traces, |value| value.is_none())
}

fn named(traces: &[Trace], is_meant: impl Fn(Option<&Value>) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |scope: &str, pairs: &[KeyValue]| {
        let meant =
            pairs.iter().filter(|pair| is_meant(pair.value.as_ref().and_then(|any| any.value.as_ref())));
        found.extend(meant.map(|pair| format!("{scope} {:?}", pair.key)));
    };
    for batch in traces.iter().flat_map(|trace| &trace.batches) {
        batch.resource.iter().for_each(|resource| take("resource", &resource.attributes));
        for group in &batch.scope_spans {
            group.scope.iter().for_each(|scope| take("instrumentation", &scope.attributes));
            for span in &group.spans {
                take("span", &span.attributes);
                span.events.iter().for_each(|event| take("event", &event.attributes));
                span.links.iter().for_each(|link| take("link", &link.attributes));
            }
        }
    }
    found
}

/// The question with some of its keys and texts exchanged for those of people.
pub fn asking_of_people(dice: &mut Dice, question: &Question, texts: &[String]) -> Question {
    question.with_query(&exchanged(dice, question.query(), texts))
}

pub fn exchanged(dice: &mut Dice, query: &str, texts: &[String]) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "_.:".contains(c);
    let (mut out, mut rest) = (String::new(), query);
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let end = closing(rest);
            let (literal, after) = rest.split_at(end);
            let is_key = out.ends_with('.');
            out.push_str(&if !is_key && dice.percent(60) {
                quoted(dice.of::<String>(texts))
            } else {
                literal.to_owned()
            });
            rest = after;
            continue;
        }
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(end);
        let instead = INSTEAD.iter().find(|(known, _)| *known == word).map(|(_, instead)| instead);
        match instead.filter(|_| dice.percent(70)) {
            Some(instead) => out.push_str(dice.of::<&str>(instead)),
            None => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// A text as TraceQL quotes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Where the text in quotes at the beginning ends.
fn closing(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
