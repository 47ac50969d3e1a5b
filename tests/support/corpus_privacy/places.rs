//! Where values of persons are met: alone, in sentences, queries, addresses, traces of stacks, JSON.

use std::ops::Range;

use super::values::Class;
use super::{Attribute, Dice, Kind, Label, Place, digits, word};

const OPAQUE: [&str; 10] =
    ["field1", "value", "data", "arg0", "item", "app.tag.x", "param", "payload.part", "attr", "content"];

const TEXTS: [&str; 14] = [
    "request failed for {}",
    "user {} not found",
    "could not verify {}: timed out after 30 s",
    "retrying {} (attempt 3 of 5)",
    "Hello, we received {} and will answer soon.",
    "validation of '{}' failed",
    "lookup({}) returned 0 rows",
    "duplicate entry {} ignored",
    "sent to {}, status 202",
    "[warn] {} is blocked",
    "Zahlung von {} abgelehnt",
    "échec pour {} : introuvable",
    "rejected <{}>",
    "value=\"{}\" is not allowed",
];

const SQL: [&str; 5] = [
    "SELECT * FROM users WHERE {key} = '{}' LIMIT 10",
    "INSERT INTO t ({key}, n) VALUES ('{}', 7)",
    "UPDATE accounts SET {key}='{}' WHERE id = $1",
    "DELETE FROM sessions WHERE {key} IN ('{}')",
    "select id from c where a = ? and {key} = \"{}\"",
];

const URLS: [&str; 5] = [
    "/api/v1/search?q={}&page=2",
    "https://shop.example.com/find?{key}={}",
    "/callback?state=1&{key}={}#top",
    "GET /v2/lookup?limit=10&value={}",
    "https://example.com/u/{}/orders",
];

const STACKS: [&str; 3] = [
    "java.lang.IllegalArgumentException: bad input {}\n\tat com.acme.shop.Parser.parse(Parser.java:42)\n\tat com.acme.shop.Main.main(Main.java:7)",
    "Traceback (most recent call last):\n  File \"/app/main.py\", line 12, in handle\n    raise ValueError('{}')\nValueError: {key}",
    "panic: cannot use {}\n\ngoroutine 7 [running]:\nmain.run(0xc000010250)\n\t/src/main.go:31 +0x1b",
];

const JSON: [&str; 3] = [
    r#"{"id":17,"{key}":"{}","ok":true}"#,
    r#"{"items":[{"{key}":"{}"}],"n":2}"#,
    r#"{"event":"x","body":{"a":1,"{key}": "{}"}}"#,
];

/// A value of the class, somewhere.
pub fn placed(dice: &mut Dice, class: &Class) -> Attribute {
    let value = (class.make)(dice);
    let key = *dice.of(class.keys);
    match dice.below(100) {
        0..45 => whole(class, key, value, Place::Telling),
        45..57 => whole(class, word(dice, &OPAQUE), value, Place::Opaque),
        57..73 => written(dice, class, &value, Place::Text),
        73..82 => written(dice, class, &value, Place::Sql),
        82..92 => written(dice, class, &value, Place::Url),
        92..96 => written(dice, class, &value, Place::Stack),
        _ => written(dice, class, &value, Place::Json),
    }
}

fn whole(class: &Class, key: &str, value: String, place: Place) -> Attribute {
    let label = label(class, 0, &value, false);
    Attribute { key: key.to_owned(), value, place, labels: vec![label], kind: Kind::Labelled }
}

fn label(class: &Class, start: usize, value: &str, is_encoded: bool) -> Label {
    let within = if class.name == "url_credentials" { person_of(value) } else { 0..value.len() };
    Label {
        range: start + within.start..start + within.end,
        class: class.name,
        detector: class.detector,
        is_encoded,
    }
}

/// Name and password of an address, however it is encoded: its host and path are no secret.
fn person_of(address: &str) -> Range<usize> {
    let scheme = ["://", "%3A%2F%2F", "%253A%252F%252F"]
        .into_iter()
        .find_map(|sign| Some(address.find(sign)? + sign.len()));
    let host = ["@", "%40", "%2540"].into_iter().find_map(|sign| address.rfind(sign));
    scheme.unwrap_or(0)..host.unwrap_or(address.len())
}

fn written(dice: &mut Dice, class: &Class, value: &str, place: Place) -> Attribute {
    let (templates, keys): (&[&str], &[&str]) = match place {
        Place::Sql => (&SQL, &["db.statement", "db.query.text"]),
        Place::Url => (&URLS, &["url.full", "http.url", "http.target", "url.query"]),
        Place::Stack => (&STACKS, &["exception.stacktrace"]),
        Place::Json => (&JSON, &["http.request.body.content", "messaging.payload", "event.data"]),
        _ => (&TEXTS, &["exception.message", "log.message", "event.text", "otel.status_description"]),
    };
    // A column or parameter is called by the last part of its key.
    let name = dice.of(class.keys).rsplit('.').next().unwrap().to_owned();
    let template = dice.of(templates).replace("{key}", &name);
    let encoded = match place {
        Place::Url => percent_encoded(dice, value),
        Place::Json => value.replace('\n', "\\n"),
        _ => value.to_owned(),
    };
    let is_encoded = place == Place::Url && encoded != value;
    let start = template.find("{}").unwrap();
    let text = template.replacen("{}", &encoded, 1);
    let key = (*dice.of(keys)).to_owned();
    Attribute {
        key,
        value: text,
        place,
        labels: vec![label(class, start, &encoded, is_encoded)],
        kind: Kind::Labelled,
    }
}

/// As browsers and libraries write a parameter: once, seldom twice, spaces sometimes as `+`.
fn percent_encoded(dice: &mut Dice, value: &str) -> String {
    let has_plus = dice.percent(30);
    let once: String = value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            b' ' if has_plus => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    if dice.percent(10) { once.replace('%', "%25") } else { once }
}

/// A number of digits for keys that count something.
pub fn small(dice: &mut Dice) -> String {
    let count = dice.below(4) as usize + 1;
    digits(dice, count)
}
