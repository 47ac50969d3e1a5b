//! How searches, tags and metrics are asked where nothing of what is withheld may show: by every way there is
//! to name a key, to compare it, to group by it and to have it shown.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use prost::Message;

use crate::residency::LISTED;
use crate::tempopb::{MetricsRequest, SearchRequest, TagValuesRequest, TagsRequest};

/// A path and the headers it is asked with.
pub type Question = (String, Vec<(&'static str, &'static str)>);

/// Of so many texts one is asked at a time: all of them would take minutes.
const TURNS: usize = 4;

/// A minute on both sides of the spans.
const WINDOW: &str = "start=1794999940&end=1795000060";

/// Asked of each key that is listed: whether it is there, what it is, what it is like, what it adds up to.
/// Some name a value that only one of two estates has.
const FILTERS: [&str; 8] = [
    "{ .KEY != nil }",
    "{ .KEY = nil }",
    "{ span.KEY =~ \"canary.*\" }",
    "{ resource.KEY !~ \".*longer.*\" }",
    "{ .KEY > 3000000 || .KEY < 1.5 }",
    "{ .KEY = \"<redacted>\" }",
    "{ event.KEY != \"\" || link.KEY != \"\" || instrumentation.KEY != \"\" }",
    "{ } >> { .KEY =~ \".*a.*\" }",
];

/// Stages that show values.
const STAGES: [&str; 3] = ["| select(.KEY, event.KEY)", "| by(.KEY) | count() > 0", "| max(.KEY) > 0"];

const FUNCTIONS: [&str; 6] = [
    "{ } | rate() by (.KEY)",
    "{ .KEY =~ \"canary.*\" } | count_over_time()",
    "{ } | max_over_time(.KEY)",
    "{ } | quantile_over_time(.KEY, .5)",
    "{ } | histogram_over_time(duration) by (resource.KEY)",
    "{ } | compare({ .KEY != nil })",
];

fn asking(path: &str, query: &str) -> Question {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    (format!("{path}?{WINDOW}&limit=50&spss=50&exemplars=50&step=10&q={query}"), vec![])
}

/// The questions of a number, until every text was asked of every key.
pub fn until_all(questions: fn(&str, u64) -> Vec<Question>, path: &str, nth: u64) -> Vec<Question> {
    let is_over = nth as usize >= LISTED.len() * TURNS;
    if is_over { Vec::new() } else { questions(path, nth) }
}

/// Other ones of these texts for each number; together they are all.
fn of_turn(texts: &[&str], nth: u64) -> impl Iterator<Item = String> {
    let (turn, every) = (nth as usize / LISTED.len(), TURNS.min(texts.len()));
    let asked = texts.iter().enumerate().filter(move |(number, _)| (number + turn).is_multiple_of(every));
    asked.map(|(_, text)| (*text).to_owned())
}

/// The same of one listed key, which is another one for each number.
fn of_key(texts: &[&str], nth: u64) -> Vec<String> {
    let key = LISTED[nth as usize % LISTED.len()].0;
    of_turn(texts, nth).map(|text| text.replace("KEY", key)).collect()
}

pub fn searches(path: &str, nth: u64) -> Vec<Question> {
    let mut all: Vec<Question> = of_key(&FILTERS, nth).iter().map(|query| asking(path, query)).collect();
    all.extend(of_key(&STAGES, nth).iter().map(|stage| asking(path, &format!("{{ }} {stage}"))));
    all.extend(
        of_key(&["KEY=%22canary%20a%201%22"], nth)
            .into_iter()
            .map(|tags| (format!("{path}?{WINDOW}&tags={tags}"), vec![])),
    );
    all.push((format!("{path}?{WINDOW}"), vec![("accept", "application/protobuf")]));
    all.push((format!("{path}?{WINDOW}"), vec![("tutti-mode", "strict")]));
    all.push((format!("{path}?q=%7B%20.user.email%20%3D%20"), vec![]));
    all
}

/// Pages of one row: their header says where the next one begins.
pub fn pages(path: &str, nth: u64) -> Vec<Question> {
    let mut all = searches(path, nth);
    let short: Vec<Question> = of_key(&FILTERS, nth)
        .iter()
        .map(|query| asking(path, query))
        .map(|(target, headers)| (target.replace("limit=50", "limit=1"), headers))
        .collect();
    all.extend(short);
    all.push((format!("{path}?{WINDOW}&limit=1"), vec![]));
    all.push((format!("{path}?{WINDOW}&cursor=AQ"), vec![]));
    all
}

pub fn tags(path: &str, nth: u64) -> Vec<Question> {
    let mut all: Vec<Question> = of_key(&FILTERS, nth).iter().map(|query| asking(path, query)).collect();
    let scopes = ["none", "span", "resource", "event", "link", "instrumentation", "intrinsic", "other"];
    for scope in of_turn(&scopes, nth) {
        all.push((format!("{path}?{WINDOW}&scope={scope}"), vec![("accept", "application/protobuf")]));
        all.push((format!("{path}?{WINDOW}&scope={scope}"), vec![]));
    }
    all
}

pub fn values(path: &str, nth: u64) -> Vec<Question> {
    let mut names = of_key(
        &["KEY", ".KEY", "span.KEY", "resource.KEY", "event.KEY", "link.KEY", "instrumentation.KEY"],
        nth,
    );
    names.extend(of_turn(&[".payload", ".context.request", ".user", "name", "resource.service.name"], nth));
    let at = |name: &str| path.replace("{name}", name);
    let mut all: Vec<Question> =
        names.iter().map(|name| (format!("{}?{WINDOW}", at(name)), vec![])).collect();
    all.push((format!("{}?{WINDOW}", at(".user.email")), vec![("accept", "application/vnd.grafana.llm")]));
    all.extend(of_key(&FILTERS, nth).iter().map(|query| asking(&at("resource.service.name"), query)));
    all
}

pub fn metrics(path: &str, nth: u64) -> Vec<Question> {
    of_key(&FUNCTIONS, nth).iter().map(|query| asking(path, query)).collect()
}

/// The same asked of a method of the streaming API, as messages.
pub fn streamed(method: &str, nth: u64) -> Vec<Vec<u8>> {
    if nth as usize >= LISTED.len() * TURNS {
        return Vec::new();
    }
    let method = method.rsplit('/').next().unwrap();
    let filters = || of_key(&FILTERS, nth).into_iter().chain([String::new()]);
    match method {
        "Search" => {
            let stages = of_key(&STAGES, nth).into_iter().map(|stage| format!("{{ }} {stage}"));
            filters().chain(stages).map(|query| search(query).encode_to_vec()).collect()
        }
        "SearchTags" | "SearchTagsV2" => filters().map(|query| tags_of(query).encode_to_vec()).collect(),
        "SearchTagValues" | "SearchTagValuesV2" => {
            let names = ["KEY", ".KEY", "span.KEY", "resource.KEY", "event.KEY", "link.KEY"];
            of_key(&names, nth).into_iter().map(|name| values_of(name).encode_to_vec()).collect()
        }
        "MetricsQueryRange" | "MetricsQueryInstant" => {
            of_key(&FUNCTIONS, nth).into_iter().map(|query| series(query).encode_to_vec()).collect()
        }
        "Check" => vec![vec![]],
        // It never ends, and is about nobody's data.
        "Watch" => vec![],
        other => panic!("`{other}` is new: say here how it is asked"),
    }
}

const START: u32 = 1_794_999_940;
const END: u32 = 1_795_000_060;

fn search(query: String) -> SearchRequest {
    SearchRequest { query, start: START, end: END, limit: 50, spans_per_span_set: 50, ..Default::default() }
}

fn tags_of(query: String) -> TagsRequest {
    TagsRequest { query, start: START, end: END, ..Default::default() }
}

fn values_of(tag_name: String) -> TagValuesRequest {
    TagValuesRequest { tag_name, start: START, end: END, ..Default::default() }
}

fn series(query: String) -> MetricsRequest {
    let ns = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    MetricsRequest { query, start: ns(START), end: ns(END), step: 10_000_000_000, exemplars: 50 }
}
