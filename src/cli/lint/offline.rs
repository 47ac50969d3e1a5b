//! Spans from standard input: every attribute of every resource, scope, span, event and link of an export in
//! OTLP/JSON.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use serde_json::Value;

use super::seen::{Asked, Seen};
use crate::classify::detect::Scratch;
use crate::cli::redact::{documents, read};
use crate::model::tags::TagScope;
use crate::redaction::Redactor;
use crate::redaction::inspect::Names;
use crate::wire::export::json_of_protobuf;

pub(super) fn look(redactor: &Redactor, input: &mut dyn Read) -> Result<(Seen, Vec<Asked>), String> {
    let text = read(input)?;
    let (mut seen, mut scratch) = (Seen::default(), Scratch::default());
    // A program says the same few keys over and over, and each is looked at once.
    let (mut names, mut known) = (Names::new(redactor.classifier()), HashMap::new());
    let mut telling = BTreeSet::new();
    for document in documents(&text) {
        let json = json_of_protobuf(&document?).map_err(|error| error.to_string())?;
        let export: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        each_attribute(&export, &mut |scope, key, value| {
            let is_telling = match known.get(key) {
                Some(is_telling) => *is_telling,
                None => *known.entry(key.to_owned()).or_insert(names.is_telling(key)),
            };
            if is_telling {
                telling.insert((scope, key.to_owned()));
            } else if let Some(tally) = seen.of(scope, key, redactor) {
                each_text(value, &mut |text| tally.take(text, &mut scratch));
            }
        });
    }
    let (keys, unknown) = seen.counts();
    Ok((seen, vec![Asked { keys, unknown, telling: telling.len(), ..Asked::default() }]))
}

fn list<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn each_attribute(export: &Value, take: &mut impl FnMut(TagScope, &str, &Value)) {
    let mut attributes = |scope: TagScope, of: &Value| {
        for attribute in list(of, "attributes") {
            let key = attribute.get("key").and_then(Value::as_str).unwrap_or_default();
            take(scope, key, attribute.get("value").unwrap_or(&Value::Null));
        }
    };
    for resource_spans in list(export, "resourceSpans") {
        attributes(TagScope::Resource, resource_spans.get("resource").unwrap_or(&Value::Null));
        for scope_spans in list(resource_spans, "scopeSpans") {
            attributes(TagScope::Instrumentation, scope_spans.get("scope").unwrap_or(&Value::Null));
            for span in list(scope_spans, "spans") {
                attributes(TagScope::Span, span);
                list(span, "events").for_each(|event| attributes(TagScope::Event, event));
                list(span, "links").for_each(|link| attributes(TagScope::Link, link));
            }
        }
    }
}

/// The texts and numbers of a value, however deep they lie: what waits is kept in a list, so that no depth matters.
fn each_text(value: &Value, take: &mut impl FnMut(&str)) {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => take(text),
            Value::Number(number) => take(&number.to_string()),
            Value::Bool(flag) => take(if *flag { "true" } else { "false" }),
            Value::Array(values) => waiting.extend(values),
            Value::Object(members) => {
                // Bytes are base64 here, and nobody's words.
                let named = members.iter().filter(|(name, _)| *name != "bytesValue" && *name != "key");
                waiting.extend(named.map(|(_, value)| value));
            }
            Value::Null => {}
        }
    }
}
