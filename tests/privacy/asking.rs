//! How every route and every method is asked, by chance. A route that is not here fails a test: say how it is asked, or
//! why it need not be.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tutti::api::grpc::METHODS;
use tutti::api::router;

use crate::tempopb::{MetricsRequest, SearchRequest, TagValuesRequest, TagsRequest};
use crate::world::{CLASSES, OTHER_KEYS, TRACES, id, value};

/// Around the spans.
const START: u32 = 1_794_999_940;
const END: u32 = 1_795_000_060;

/// A request: where to, with which headers, and what it carries.
#[derive(Debug, Clone)]
pub struct Question {
    pub path: String,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Option<String>,
}

fn get(path: String, headers: &[(&'static str, &'static str)]) -> Question {
    Question { path, headers: headers.to_vec(), body: None }
}

/// Routes without personal data, each with its reason: they are asked all the same.
pub const OF_NOBODY: [(&str, &str); 8] = [
    ("/ready", "whether it answers"),
    ("/metrics", "numbers by region and endpoint"),
    ("/status", "regions and versions"),
    ("/status/version", "a version"),
    ("/api/echo", "one word"),
    ("/api/status/buildinfo", "a version"),
    ("/api/tutti/v1/audit/witness", "signatures over hashes of logs"),
    ("/api/tutti/v1/audit/witness/add-checkpoint", "the same"),
];

/// Requests to a route; none where this file does not know it.
pub fn of_route(route: &str, chance: &mut StdRng) -> Option<Vec<Question>> {
    let path = ["/strict", "/fast"].iter().find_map(|mode| route.strip_prefix(mode)).unwrap_or(route);
    if OF_NOBODY.iter().any(|(known, _)| *known == path) {
        return Some(vec![get(route.to_owned(), &[])]);
    }
    Some(match path {
        "/api/traces/{id}" | "/api/v2/traces/{id}" => traces(route, chance),
        "/api/tutti/v1/traces/{id}" | "/api/tutti/v1/traces/{id}/stream" => {
            let id = id(chance.random_range(0..=TRACES));
            vec![get(route.replace("{id}", &id), &[])]
        }
        "/api/v2/traces/diff" => differences(route, chance),
        "/api/search" => searches(route, chance),
        "/api/tutti/v1/search" => {
            let one = search(chance);
            vec![get(asking(route, &one), &[]), get(asking(route, &one).replace("limit=50", "limit=1"), &[])]
        }
        "/api/search/tags" | "/api/v2/search/tags" => {
            let filtered = filter(chance);
            vec![get(asking(route, &filtered), &[]), get(route.to_owned(), &[("accept", PROTOBUF)])]
        }
        "/api/search/tag/{name}/values" | "/api/v2/search/tag/{name}/values" => values(route, chance),
        "/api/metrics/query_range" | "/api/metrics/query" => {
            vec![get(asking(route, &series(chance)), &[])]
        }
        "/api/tutti/v1/audit/records" => {
            let wanted = format!("caller={}&trace={}&limit=5", encoded(&literal(chance)), id(0));
            vec![get(format!("{route}?{wanted}"), &[]), get(format!("{route}?since=x"), &[])]
        }
        "/api/tutti/v1/audit/receipts/{*receipt}" => vec![get(route.replace("{*receipt}", "a/b/0"), &[])],
        "/api/tutti/v1/audit/checkpoint" => vec![get(route.to_owned(), &[])],
        "/api/tutti/v1/audit/tile/{*tile}" => vec![get(route.replace("{*tile}", "entries/000"), &[])],
        "/api/tutti/v1/audit/cosigned/{witness}" => {
            vec![get(route.replace("{witness}", &"0".repeat(32)), &[])]
        }
        _ => return None,
    })
}

const PROTOBUF: &str = "application/protobuf";
const LLM: &str = "application/vnd.grafana.llm";

fn traces(route: &str, chance: &mut StdRng) -> Vec<Question> {
    let path = route.replace("{id}", &id(chance.random_range(0..=TRACES)));
    let kind = ["application/json", PROTOBUF, LLM][chance.random_range(0..3)];
    let mut all =
        vec![get(path.clone(), &[("accept", kind)]), get(path.clone(), &[("tutti-mode", "strict")])];
    all.push(get(format!("{path}?q={}", encoded(&filter(chance))), &[]));
    all.push(get(format!("{path}?start=x"), &[]));
    all
}

fn differences(route: &str, chance: &mut StdRng) -> Vec<Question> {
    let format = ["trace-patch-v0", "trace-summary-v0-native"][chance.random_range(0..2)];
    let (base, compare) = (id(chance.random_range(0..TRACES)), id(chance.random_range(0..=TRACES)));
    let body = json!({"base": {"traceId": base}, "compare": {"traceId": compare}, "format": format});
    vec![Question { path: route.to_owned(), headers: Vec::new(), body: Some(body.to_string()) }]
}

fn searches(route: &str, chance: &mut StdRng) -> Vec<Question> {
    let query = search(chance);
    let kind = ["application/json", PROTOBUF][chance.random_range(0..2)];
    let (key, value) = (key(chance), literal(chance));
    let tags = format!("{route}?start={START}&end={END}&tags={key}={}", encoded(&format!("\"{value}\"")));
    let broken = format!("{route}?q={}", encoded(&format!("{{ .{key} = \"{value}")));
    vec![get(asking(route, &query), &[("accept", kind)]), get(tags, &[]), get(broken, &[])]
}

fn values(route: &str, chance: &mut StdRng) -> Vec<Question> {
    let scope = ["", ".", "span.", "resource.", "event."][chance.random_range(0..5)];
    let name = format!("{scope}{}", key(chance));
    let at = |name: &str| route.replace("{name}", name);
    let kind = ["application/json", PROTOBUF, LLM][chance.random_range(0..3)];
    vec![
        get(format!("{}?start={START}&end={END}", at(&name)), &[("accept", kind)]),
        get(asking(&at("resource.service.name"), &filter(chance)), &[]),
        get(at("name"), &[]),
    ]
}

/// Messages to a method; none where this file does not know it.
pub fn of_method(method: &str, chance: &mut StdRng) -> Option<Vec<Vec<u8>>> {
    let message = match method.rsplit('/').next()? {
        "Search" => {
            let query = search(chance);
            let more = SearchRequest { limit: 50, spans_per_span_set: 50, ..Default::default() };
            SearchRequest { query, start: START, end: END, ..more }.encode_to_vec()
        }
        "SearchTags" | "SearchTagsV2" => {
            TagsRequest { query: filter(chance), start: START, end: END, ..Default::default() }
                .encode_to_vec()
        }
        "SearchTagValues" | "SearchTagValuesV2" => {
            let tag_name = format!("{}{}", [".", "span.", ""][chance.random_range(0..3)], key(chance));
            TagValuesRequest { tag_name, start: START, end: END, ..Default::default() }.encode_to_vec()
        }
        "MetricsQueryRange" | "MetricsQueryInstant" => {
            let ns = |seconds: u32| u64::from(seconds) * 1_000_000_000;
            let (start, end, step) = (ns(START), ns(END), 10_000_000_000);
            MetricsRequest { query: series(chance), start, end, step, exemplars: 50 }.encode_to_vec()
        }
        "Check" => Vec::new(),
        // It never ends, and is about nobody's data.
        "Watch" => return Some(Vec::new()),
        _ => return None,
    };
    Some(vec![message])
}

fn asking(path: &str, query: &str) -> String {
    format!("{path}?start={START}&end={END}&limit=50&spss=50&exemplars=50&step=10&q={}", encoded(query))
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn key(chance: &mut StdRng) -> String {
    let keys: Vec<&str> = CLASSES.iter().map(|(_, key)| *key).chain(OTHER_KEYS).collect();
    keys[chance.random_range(0..keys.len())].to_owned()
}

/// What someone would try: values of both versions, what a treatment leaves, what nothing is.
fn literal(chance: &mut StdRng) -> String {
    let (class, _) = CLASSES[chance.random_range(0..CLASSES.len())];
    let number = chance.random_range(0..3);
    match chance.random_range(0..6) {
        0 | 1 => value(class, number, 0),
        2 | 3 => value(class, number, 1),
        4 => format!("asked by {} again", value(class, number, chance.random_range(0..2))),
        _ => ["gold", "GET", "<redacted>", "pay"][chance.random_range(0..4)].to_owned(),
    }
}

fn condition(chance: &mut StdRng) -> String {
    let scope = [".", ".", "span.", "event.", "resource."][chance.random_range(0..5)];
    let (key, value) = (key(chance), literal(chance));
    let cut = value.chars().take(3).collect::<String>();
    match chance.random_range(0..12) {
        0..=3 => format!("{scope}{key} = `{value}`"),
        4 => format!("{scope}{key} != `{value}`"),
        5 => format!("{scope}{key} =~ `{cut}.*`"),
        6 => format!("{scope}{key} !~ `.*{cut}.*`"),
        7 => format!("{scope}{key} > `{cut}`"),
        8 => format!("{scope}{key} != nil"),
        9 => format!("{scope}{key} = nil"),
        10 => format!("!({scope}{key} = `{value}`)"),
        _ => ["name = `pay`", "status = error", "kind = server", "duration > 7ms", "name =~ `GET.*|pay`"]
            [chance.random_range(0..5)]
        .to_owned(),
    }
}

pub fn filter(chance: &mut StdRng) -> String {
    let one = condition(chance);
    match chance.random_range(0..3) {
        0 => format!("{{ {one} }}"),
        1 => format!("{{ {one} && {} }}", condition(chance)),
        _ => format!("{{ {one} || {} }}", condition(chance)),
    }
}

pub fn search(chance: &mut StdRng) -> String {
    let (one, key) = (filter(chance), key(chance));
    match chance.random_range(0..9) {
        0..=2 => one,
        3 => format!("{one} >> {}", filter(chance)),
        4 => format!("{one} && {}", filter(chance)),
        5 => format!("{one} | select(.{key}, event.{key})"),
        6 => format!("{one} | by(.{key}) | count() > 0"),
        7 => format!("{one} | max(.{key}) > 0"),
        _ => format!("{{ }} | by(span.{key})"),
    }
}

fn series(chance: &mut StdRng) -> String {
    let (one, key) = (filter(chance), key(chance));
    match chance.random_range(0..6) {
        0 => format!("{one} | rate()"),
        1 => format!("{one} | count_over_time() by (.{key})"),
        2 => format!("{{ }} | rate() by (span.{key})"),
        3 => format!("{{ }} | max_over_time(.{key})"),
        4 => format!("{{ }} | quantile_over_time(duration, .5) by (.{key})"),
        _ => format!("{{ }} | compare({one})"),
    }
}

#[test]
fn every_route_and_method_has_a_case() {
    let mut chance = StdRng::seed_from_u64(1);
    for route in router::paths("") {
        assert!(
            of_route(&route, &mut chance).is_some_and(|asked| !asked.is_empty()),
            "`{route}` is new: say in `of_route` how it is asked, or in `OF_NOBODY` why it says nothing of anybody"
        );
    }
    for method in METHODS {
        assert!(
            of_method(method, &mut chance).is_some(),
            "`{method}` is new: say in `of_method` how it is asked"
        );
    }
}
