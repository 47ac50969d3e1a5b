//! Trace answers made comparable: each span with its resource and scope as one line, in no order.
//!
//! How spans lie in batches and scopes, and events and links in a span, depends in Tempo on when spans
//! were flushed into which block, and the attributes of a resource or scope are sorted when two of them
//! are found to be equal; nothing can be compared with such order. All else is kept to the letter:
//! JSON is cut into its members and never read as numbers or strings, so that `"1"` and `1`, `1e+21`
//! and `1000000000000000000000`, `<` and its escape, and another order of members are differences.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;

/// What the gateway adds is named so.
const OWN: &str = "tutti.";

/// JSON as text in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Members in order; a name as written, with its quotes.
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    /// A string, number, or word, as written.
    Scalar(String),
}

impl Node {
    pub fn parse(text: &[u8]) -> Self {
        let text = std::str::from_utf8(text).expect("JSON is text in UTF-8");
        serde_json::from_str::<serde::de::IgnoredAny>(text).expect("an answer that says it is JSON");
        let mut at = 0;
        let node = parse(text.as_bytes(), &mut at);
        assert_eq!(at, text.len(), "no space or line feed after the document");
        node
    }

    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key.trim_matches('"') == name).map(|(_, value)| value)
    }

    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    pub fn render(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Array(items) => {
                format!("[{}]", items.iter().map(Self::render).collect::<Vec<_>>().join(","))
            }
            Self::Object(members) => {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("{key}:{}", value.render())).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    fn is_own(&self) -> bool {
        matches!(self.member("key"), Some(Self::Scalar(key)) if key.starts_with(&format!("\"{OWN}")))
    }

    /// Without the gateway's own attributes; a list that held no others is not there in Tempo's.
    fn strip(&mut self) -> usize {
        let Self::Object(members) = self else { return 0 };
        let mut count = 0;
        members.retain_mut(|(key, value)| match (key.as_str(), value) {
            ("\"attributes\"", Self::Array(items)) => {
                let before = items.len();
                items.retain(|item| !item.is_own());
                count += before - items.len();
                before == items.len() || !items.is_empty()
            }
            _ => true,
        });
        count
    }

    fn sort(&mut self, lists: &[&str]) {
        let Self::Object(members) = self else { return };
        for (key, value) in members {
            if let (true, Self::Array(items)) = (lists.contains(&key.trim_matches('"')), value) {
                items.sort_by_cached_key(Self::render);
            }
        }
    }
}

/// The text has been checked to be JSON without spaces: Tempo writes none.
fn parse(text: &[u8], at: &mut usize) -> Node {
    match text[*at] {
        open @ (b'{' | b'[') => {
            let (mut members, mut items) = (Vec::new(), Vec::new());
            *at += 1;
            while !matches!(text[*at], b'}' | b']') {
                if text[*at] == b',' {
                    *at += 1;
                }
                let node = parse(text, at);
                match (open, node) {
                    (b'{', Node::Scalar(key)) => {
                        assert_eq!(text[*at], b':', "no space before a colon");
                        *at += 1;
                        members.push((key, parse(text, at)));
                    }
                    (_, node) => items.push(node),
                }
            }
            *at += 1;
            if open == b'{' { Node::Object(members) } else { Node::Array(items) }
        }
        first => {
            let start = *at;
            *at += 1;
            if first == b'"' {
                while text[*at] != b'"' {
                    *at += if text[*at] == b'\\' { 2 } else { 1 };
                }
                *at += 1;
            } else {
                while !matches!(text.get(*at), None | Some(b',' | b'}' | b']')) {
                    *at += 1;
                }
            }
            Node::Scalar(String::from_utf8_lossy(&text[start..*at]).into_owned())
        }
    }
}

/// The spans of an answer, each as one line, and how many attributes of the gateway were taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans {
    pub lines: Vec<String>,
    pub own_attributes: usize,
}

/// Of a JSON `Trace`, under either name of its batches.
pub fn json_spans(trace: &Node) -> Spans {
    let mut spans = Spans::default();
    let batches = trace.member("batches").or_else(|| trace.member("resourceSpans"));
    for batch in batches.map(Node::items).unwrap_or_default() {
        let resource = take_apart(batch, "resource", &mut spans.own_attributes);
        let around_scopes = without(batch, &["resource", "scopeSpans"]);
        for scope in batch.member("scopeSpans").map(Node::items).unwrap_or_default() {
            let around_spans =
                format!("{} {}", take_apart(scope, "scope", &mut 0), without(scope, &["scope", "spans"]));
            for span in scope.member("spans").map(Node::items).unwrap_or_default() {
                let mut span = span.clone();
                spans.own_attributes += span.strip();
                span.sort(&["events", "links"]);
                spans.lines.push(format!("{resource} {around_scopes} {around_spans} {}", span.render()));
            }
        }
    }
    spans.lines.sort();
    spans
}

fn take_apart(batch: &Node, name: &str, own: &mut usize) -> String {
    let Some(mut part) = batch.member(name).cloned() else { return "none".to_owned() };
    *own += part.strip();
    part.sort(&["attributes"]);
    part.render()
}

fn without(node: &Node, names: &[&str]) -> String {
    let Node::Object(members) = node else { return node.render() };
    let others = members.iter().filter(|(key, _)| !names.contains(&key.trim_matches('"'))).cloned();
    Node::Object(others.collect()).render()
}

/// Of a protobuf `Trace`.
pub fn protobuf_spans(trace: &[u8]) -> Spans {
    let trace = TracesData::decode(trace).expect("a trace in protobuf");
    let mut spans = Spans::default();
    for mut batch in trace.resource_spans {
        if let Some(resource) = &mut batch.resource {
            spans.own_attributes += strip(&mut resource.attributes);
            resource.attributes.sort_by_cached_key(Message::encode_to_vec);
        }
        for mut scope in batch.scope_spans {
            if let Some(scope) = &mut scope.scope {
                scope.attributes.sort_by_cached_key(Message::encode_to_vec);
            }
            for mut span in scope.spans {
                spans.own_attributes += strip(&mut span.attributes);
                span.events.sort_by_cached_key(Message::encode_to_vec);
                span.links.sort_by_cached_key(Message::encode_to_vec);
                spans.lines.push(format!(
                    "{:?} {:?} {:?} {:?} {span:?}",
                    batch.resource, batch.schema_url, scope.scope, scope.schema_url
                ));
            }
        }
    }
    spans.lines.sort();
    spans
}

fn strip(attributes: &mut Vec<KeyValue>) -> usize {
    let before = attributes.len();
    attributes.retain(|pair| !pair.key.starts_with(OWN));
    before - attributes.len()
}

/// All spans of a protobuf `Trace` in the order sent, batch by batch and scope by scope.
pub fn in_order(trace: &[u8]) -> Vec<Vec<Vec<Span>>> {
    let trace = TracesData::decode(trace).expect("a trace in protobuf");
    let scopes = |batch: opentelemetry_proto::tonic::trace::v1::ResourceSpans| {
        batch.scope_spans.into_iter().map(|scope| scope.spans).collect()
    };
    trace.resource_spans.into_iter().map(scopes).collect()
}

/// A v2 answer in protobuf: its trace, and what stands beside it but for the metrics, which depend on
/// what was read to answer.
pub fn v2_parts(body: &[u8]) -> (Vec<u8>, String) {
    use tutti::wire::protobuf::{Reader, Value};
    let (mut trace, mut beside) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(body);
    while let Some(field) = reader.next().expect("a v2 answer") {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => trace.extend_from_slice(bytes),
            (2, Value::Bytes(_)) => beside.push("metrics".to_owned()),
            (number, Value::Bytes(bytes)) => {
                beside.push(format!("{number}={}", String::from_utf8_lossy(bytes)));
            }
            (number, value) => beside.push(format!("{number}={value:?}")),
        }
    }
    (trace, beside.join(" "))
}

/// The same of a v2 answer in JSON.
pub fn v2_json_parts(body: &[u8]) -> (Node, String) {
    let document = Node::parse(body);
    let Node::Object(members) = &document else { panic!("a v2 answer is an object") };
    let beside: Vec<String> = members
        .iter()
        .map(|(key, value)| match key.as_str() {
            "\"trace\"" | "\"metrics\"" => key.clone(),
            _ => format!("{key}={}", value.render()),
        })
        .collect();
    let trace = document.member("trace").cloned().expect("a v2 answer has a trace, be it empty");
    (trace, beside.join(" "))
}

/// Fails with what only one of two has.
pub fn assert_same(what: &str, ours: &[String], theirs: &[String]) {
    if ours == theirs {
        return;
    }
    let only = |these: &[String], those: &[String]| -> String {
        let those: BTreeSet<&String> = those.iter().collect();
        let lines: Vec<&String> = these.iter().filter(|line| !those.contains(line)).collect();
        let shown: Vec<String> = lines.iter().take(3).map(|line| format!("    {line}")).collect();
        format!("{} in all, {} only here:\n{}", these.len(), lines.len(), shown.join("\n"))
    };
    panic!(
        "{what}\n  seed {}\n  Tutti, {}\n  Tempo, {}",
        crate::estate::seed(),
        only(ours, theirs),
        only(theirs, ours)
    );
}
