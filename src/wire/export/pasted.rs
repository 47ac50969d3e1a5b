//! Spans as people have them at hand: an export in OTLP/JSON, the bare list in it, or an answer of Tempo about one
//! trace, whose list has another name and whose ids are in base64.
//!
//! Not for what senders send: a receiver that guesses would take what it misreads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::json::{JsonFault, protobuf_of_value};

/// What holds the list, in an export and in answers of both versions of the API.
const LISTS: [&str; 3] = ["resourceSpans", "resource_spans", "batches"];
/// What holds that, in the second version.
const TRACE: &str = "trace";
/// Of a document that holds none of these, so many members are told.
const MEMBERS_SHOWN_MAX: usize = 4;
/// Ids, and how many bytes each has.
const IDS: [(&str, usize); 3] = [("traceId", 16), ("spanId", 8), ("parentSpanId", 8)];

/// Reads a document and writes its spans as protobuf.
pub fn protobuf_of_pasted(json: &str) -> Result<Vec<u8>, JsonFault> {
    let value: Value = serde_json::from_str(json).map_err(|fault| JsonFault::NotJson(fault.to_string()))?;
    let mut list = list_of(value)?;
    ids_in_hex(&mut list);
    protobuf_of_value(&Value::Object(Map::from_iter([("resourceSpans".to_owned(), list)])))
}

fn list_of(value: Value) -> Result<Value, JsonFault> {
    let not = |what: String| JsonFault::NotOtlp { place: "the document".to_owned(), what };
    let mut members = match value {
        Value::Array(_) => return Ok(value),
        Value::Object(members) => members,
        _ => return Err(not("expected an object or a list".to_owned())),
    };
    if let Some(Value::Object(trace)) = members.get_mut(TRACE) {
        members = std::mem::take(trace);
    }
    if let Some(list) = LISTS.iter().find_map(|name| members.remove(*name)) {
        return Ok(list);
    }
    // An export of nothing is one.
    if members.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    let has: Vec<String> = members.keys().take(MEMBERS_SHOWN_MAX).map(|key| format!("`{key}`")).collect();
    Err(not(format!("there is no `resourceSpans` in it, only {}", has.join(", "))))
}

/// Ids in base64 have other lengths than those in hex, so that one is not taken for the other.
fn ids_in_hex(list: &mut Value) {
    for batch in items(list) {
        for scopes in ["scopeSpans", "scope_spans"] {
            for scope in batch.get_mut(scopes).into_iter().flat_map(items) {
                for span in scope.get_mut("spans").into_iter().flat_map(items) {
                    rewrite(span);
                    span.get_mut("links").into_iter().flat_map(items).for_each(rewrite);
                }
            }
        }
    }
}

fn items(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

fn rewrite(holder: &mut Value) {
    for (name, bytes) in IDS {
        let Some(id) = holder.get_mut(name) else { continue };
        let decoded =
            id.as_str().filter(|text| text.len() != bytes * 2).and_then(|text| STANDARD.decode(text).ok());
        if let Some(decoded) = decoded.filter(|decoded| decoded.len() == bytes) {
            *id = Value::String(decoded.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::export::protobuf_of_json;

    const LIST: &str = r#"[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
        "spanId":"b7ad6b7169203331","name":"GET","kind":2,"status":{"code":2},"links":[
        {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}]}]"#;

    #[test]
    fn a_list_and_answers_of_tempo_say_the_same_as_an_export() {
        let export = protobuf_of_json(format!(r#"{{"resourceSpans":{LIST}}}"#).as_bytes()).unwrap();
        let tempos = LIST
            .replace("0af7651916cd43dd8448eb211c80319c", "CvdlGRbNQ92ESOshHIAxnA==")
            .replace("b7ad6b7169203331", "t61rcWkgMzE=")
            .replace("\"kind\":2", "\"kind\":\"SPAN_KIND_SERVER\"")
            .replace("\"code\":2", "\"code\":\"STATUS_CODE_ERROR\"");
        for document in [
            LIST.to_owned(),
            format!(r#"{{"resource_spans":{LIST}}}"#),
            format!(r#"{{"batches":{tempos}}}"#),
            format!(r#"{{"trace":{{"resourceSpans":{tempos}}},"metrics":{{}}}}"#),
            format!(r#"{{"trace":{{"batches":{tempos}}}}}"#),
        ] {
            assert_eq!(protobuf_of_pasted(&document).unwrap(), export, "{document}");
        }
    }

    #[test]
    fn what_is_neither_is_one_clear_line() {
        let check = |json: &str, expected: &str| {
            let refused = protobuf_of_pasted(json).unwrap_err().to_string();
            assert!(refused.starts_with(expected) && refused.lines().count() == 1, "{json}: {refused}");
        };
        check("{\"traces\": []}", "the document: there is no `resourceSpans` in it, only `traces`");
        check(
            "{\"trace\": {\"spans\": []}}",
            "the document: there is no `resourceSpans` in it, only `spans`",
        );
        check("7", "the document: expected an object or a list");
        check("{", "not JSON: EOF");
        check("{\"batches\": 7}", "resourceSpans: expected a list");
        assert_eq!(protobuf_of_pasted("{}").unwrap(), b"");
    }
}
