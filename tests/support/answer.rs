//! Answers made comparable: lines in an order of their own, times since the beginning of the estate.
//!
//! Left away is what has no defined order or value: which attribute or set comes first, exemplars, and what
//! answering took.

use std::fmt::Write as _;

use serde_json::Value;

use crate::http::Reply;
use crate::question::Question;
use crate::sketch::nanos;

/// How many steps of a double two sums may be apart that were added in another order.
const ULPS_MAX: u64 = 4;

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The query is none.
    Refused(String),
    /// The query is one, and evaluating it fails.
    Failed(String),
    Lines(Vec<String>),
}

impl Answer {
    /// Reads what Tempo's API answers.
    pub fn of(question: &Question, reply: &Reply, beginning: u64) -> Self {
        match reply.status {
            200 => {}
            400 => return Self::Refused(reply.text()),
            _ => return Self::Failed(format!("{} {}", reply.status, reply.text())),
        }
        let json: Value = serde_json::from_slice(&reply.unpacked()).expect("an answer in JSON");
        let mut lines = match question {
            Question::Search { .. } => {
                list(&json["traces"]).iter().map(|row| trace(row, beginning)).collect()
            }
            Question::Range { .. } => {
                list(&json["series"]).iter().map(|one| series(one, beginning)).collect()
            }
            Question::Instant { .. } => list(&json["series"]).iter().map(instant).collect(),
            Question::Names { .. } => list(&json["scopes"]).iter().flat_map(names).collect(),
            Question::Values { .. } => list(&json["tagValues"])
                .iter()
                .map(|value| format!("{} {}", text(&value["type"]), value["value"]))
                .collect::<Vec<_>>(),
        };
        lines.sort();
        Self::Lines(lines)
    }

    /// Reads what [`std::fmt::Display`] wrote.
    pub fn from_lines(text: &str) -> Option<Self> {
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            let line = line.strip_prefix("> ")?;
            match lines.last_mut() {
                Some(last) if line.starts_with(' ') => {
                    last.push('\n');
                    last.push_str(line);
                }
                _ => lines.push(line.to_owned()),
            }
        }
        Some(match lines.first().map(String::as_str) {
            Some("refused") => Self::Refused(String::new()),
            Some("fails") => Self::Failed(String::new()),
            Some("nothing") => Self::Lines(Vec::new()),
            _ => Self::Lines(lines),
        })
    }

    /// Whether two answers say the same.
    pub fn is(&self, other: &Self) -> bool {
        self.is_within(other, ULPS_MAX)
    }

    /// Whether two answers say the same, with doubles so many steps apart.
    pub fn is_within(&self, other: &Self, ulps: u64) -> bool {
        match (self, other) {
            (Self::Lines(ours), Self::Lines(theirs)) => {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(ours, theirs)| is_same_line(ours, theirs, ulps))
            }
            (Self::Refused(_), Self::Refused(_)) | (Self::Failed(_), Self::Failed(_)) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(_) => writeln!(out, "> refused"),
            Self::Failed(_) => writeln!(out, "> fails"),
            Self::Lines(lines) if lines.is_empty() => writeln!(out, "> nothing"),
            Self::Lines(lines) => {
                lines.iter().flat_map(|line| line.lines()).try_for_each(|line| writeln!(out, "> {line}"))
            }
        }
    }
}

fn list(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn text(json: &Value) -> &str {
    json.as_str().unwrap_or_default()
}

/// An integer as proto3 JSON writes it: 64 bits as text.
fn number(json: &Value) -> i128 {
    match json {
        Value::String(text) => text.parse().expect("an integer"),
        json => json.as_i64().unwrap_or_default().into(),
    }
}

fn since(json: &Value, beginning: u64) -> String {
    // Negative durations wrap in the storage, and starts before the beginning are told as such.
    nanos(number(json) - i128::from(beginning))
}

fn trace(row: &Value, beginning: u64) -> String {
    let mut out = format!("trace {}", text(&row["traceID"]).trim_start_matches('0'));
    let _ = write!(out, " @{} {}ms", since(&row["startTimeUnixNano"], beginning), number(&row["durationMs"]));
    let root = text(&row["rootServiceName"]);
    let root = if root == "<root span not yet received>" { "" } else { root };
    let _ = write!(out, " root={root:?} {:?} stats", text(&row["rootTraceName"]));
    let stats = row["serviceStats"].as_object().into_iter().flatten();
    let mut stats: Vec<String> = stats
        .map(|(service, counts)| {
            format!(" {service:?}:{}/{}", number(&counts["spanCount"]), number(&counts["errorCount"]))
        })
        .collect();
    stats.sort();
    out.push_str(&stats.concat());
    let mut sets: Vec<String> = list(&row["spanSets"]).iter().map(|set| span_set(set, beginning)).collect();
    sets.sort();
    sets.iter().for_each(|set| out.push_str(set));
    out
}

fn span_set(set: &Value, beginning: u64) -> String {
    let mut out = format!("\n  set {}{}", number(&set["matched"]), attributes(&set["attributes"]));
    let mut spans: Vec<String> = list(&set["spans"])
        .iter()
        .map(|span| {
            let id = text(&span["spanID"]).trim_start_matches('0');
            let duration = nanos(number(&span["durationNanos"]));
            let start = since(&span["startTimeUnixNano"], beginning);
            let name = text(&span["name"]);
            format!("\n    span {id} {name:?} @{start} +{duration}{}", attributes(&span["attributes"]))
        })
        .collect();
    spans.sort();
    out.push_str(&spans.concat());
    out
}

fn attributes(json: &Value) -> String {
    let mut pairs: Vec<String> = list(json)
        .iter()
        .map(|pair| format!(" {}={}", key(text(&pair["key"])), shown(&pair["value"])))
        .collect();
    pairs.sort();
    pairs.concat()
}

pub fn key(name: &str) -> String {
    if name.contains(char::is_whitespace) || name.is_empty() { format!("{name:?}") } else { name.to_owned() }
}

fn shown(json: &Value) -> String {
    let Some((kind, value)) = json.as_object().and_then(|members| members.iter().next()) else {
        return "-".to_owned();
    };
    match kind.as_str() {
        "stringValue" => format!("{:?}", text(value)),
        "intValue" => number(value).to_string(),
        "doubleValue" => match value.as_f64() {
            Some(number) => format!("{number:?}"),
            None => text(value).to_owned(),
        },
        "arrayValue" => {
            let items: Vec<String> = list(&value["values"]).iter().map(shown).collect();
            format!("[{}]", items.join(","))
        }
        _ => value.to_string(),
    }
}

fn labels(json: &Value) -> String {
    let pairs: Vec<String> = list(json)
        .iter()
        .map(|pair| format!("{}={}", key(text(&pair["key"])), shown(&pair["value"])))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn series(json: &Value, beginning: u64) -> String {
    let mut out = labels(&json["labels"]);
    for sample in list(&json["samples"]) {
        let since = number(&sample["timestampMs"]) * 1_000_000 - i128::from(beginning);
        let _ = write!(out, " {}:{}", nanos(since), double(&sample["value"]));
    }
    out
}

fn instant(json: &Value) -> String {
    format!("{} {}", labels(&json["labels"]), double(&json["value"]))
}

/// Zero is left away in JSON; what is no number is a word there.
fn double(json: &Value) -> String {
    match json {
        Value::String(word) => word.clone(),
        json => format!("{:?}", json.as_f64().unwrap_or_default()),
    }
}

fn names(scope: &Value) -> Vec<String> {
    let name = text(&scope["name"]);
    list(&scope["tags"]).iter().map(|tag| format!("{name} {tag}")).collect()
}

fn is_same_line(ours: &str, theirs: &str, ulps: u64) -> bool {
    if ours == theirs {
        return true;
    }
    let cut = |line: &str| -> Vec<String> {
        line.split_inclusive([' ', ':', '=', ',', '}', '\n']).map(str::to_owned).collect()
    };
    let (ours, theirs) = (cut(ours), cut(theirs));
    ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(ours, theirs)| is_same_word(ours, theirs, ulps))
}

fn is_same_word(ours: &str, theirs: &str, ulps: u64) -> bool {
    let double = |word: &str| -> Option<f64> {
        let word = word.trim_end_matches([' ', ':', '=', ',', '}', '\n']);
        if word.contains(['.', 'e']) { word.parse().ok() } else { None }
    };
    match (double(ours), double(theirs)) {
        (Some(ours), Some(theirs)) => {
            ours == theirs
                || (ours.signum() == theirs.signum() && ours.to_bits().abs_diff(theirs.to_bits()) <= ulps)
        }
        _ => ours == theirs,
    }
}
