//! The body of a question for the difference of two traces, read as Go reads it: the first JSON value counts
//! and what follows does not; names in any case; unknown ones are passed over, and null is as good as nothing.

use serde_json::{Map, Value};

use super::bad;
use crate::api::error::ApiError;
use crate::api::go;
use crate::model::{DiffFormat, DiffQuery, DiffSide, TraceId, TraceQuery};

/// What the structures are called in an error about a value of the wrong kind.
const WHOLE: &str = "TraceDiffRequest";
const SIDE: &str = "TraceDiffTraceRequest";

/// Tempo's checks in its order: kinds of values, then the format, then each trace.
pub fn query(body: &[u8]) -> Result<DiffQuery, ApiError> {
    let whole = object(body)?;
    let base = Given::read(&whole, "base")?;
    let compare = Given::read(&whole, "compare")?;
    let format = text(&whole, WHOLE, "format", "format")?;
    let format = match format.as_str() {
        "" => DiffFormat::default(),
        named => DiffFormat::parse(named).ok_or_else(|| {
            bad(format!(
                "invalid format {}: must be one of \"{}\", \"{}\", \"{}\"",
                go::quoted(named),
                DiffFormat::Composed.as_str(),
                DiffFormat::Patch.as_str(),
                DiffFormat::Summary.as_str()
            ))
        })?,
    };
    Ok(DiffQuery { base: base.checked("base")?, compare: compare.checked("compare")?, format })
}

/// One trace as it was asked for.
#[derive(Default)]
struct Given {
    id: String,
    start: Option<i64>,
    end: Option<i64>,
}

impl Given {
    fn read(whole: &Map<String, Value>, name: &str) -> Result<Self, ApiError> {
        let side = match member(whole, name) {
            Value::Null => return Ok(Self::default()),
            Value::Object(side) => side,
            other => return Err(wrong_kind(other, &format!("{WHOLE}.{name}"), &format!("api.{SIDE}"))),
        };
        Ok(Self {
            id: text(side, SIDE, "traceId", &format!("{name}.traceId"))?,
            start: seconds(side, "start", name)?,
            end: seconds(side, "end", name)?,
        })
    }

    fn checked(self, name: &str) -> Result<DiffSide, ApiError> {
        let Self { id: written, start, end } = self;
        if written.is_empty() {
            return Err(bad(format!("{name}.traceId is required")));
        }
        let id = TraceId::parse(&written).map_err(|error| bad(format!("invalid {name}.traceId: {error}")))?;
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            return Err(bad(format!(
                "{name}.start must be before {name}.end. received start={start} end={end}"
            )));
        }
        Ok(DiffSide { query: TraceQuery { start, end, ..TraceQuery::of(id) }, written })
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let invalid = |why: &str| bad(format!("invalid trace diff request body: {why}"));
    let read = serde_json::Deserializer::from_slice(body).into_iter::<Value>().next();
    match read {
        None => Err(invalid("EOF")),
        Some(Err(error)) if error.is_eof() => Err(invalid("unexpected EOF")),
        Some(Err(error)) => Err(invalid(&error.to_string())),
        Some(Ok(Value::Object(whole))) => Ok(whole),
        Some(Ok(Value::Null)) => Ok(Map::new()),
        Some(Ok(other)) => {
            let kind = kind(&other);
            Err(invalid(&format!("json: cannot unmarshal {kind} into Go value of type api.{WHOLE}")))
        }
    }
}

/// The member of this name; else of this name in another case.
fn member<'m>(object: &'m Map<String, Value>, name: &str) -> &'m Value {
    let similar = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    object.get(name).or_else(similar).unwrap_or(&Value::Null)
}

fn text(object: &Map<String, Value>, of: &str, name: &str, path: &str) -> Result<String, ApiError> {
    match member(object, name) {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_kind(other, &format!("{of}.{path}"), "string")),
    }
}

fn seconds(side: &Map<String, Value>, name: &str, of: &str) -> Result<Option<i64>, ApiError> {
    let wrong = |kind: &dyn std::fmt::Display| {
        wrong_kind_named(&kind.to_string(), &format!("{SIDE}.{of}.{name}"), "int64")
    };
    match member(side, name) {
        Value::Null => Ok(None),
        Value::Number(number) => {
            number.as_i64().map(Some).ok_or_else(|| wrong(&format_args!("number {number}")))
        }
        other => Err(wrong(&kind(other))),
    }
}

fn wrong_kind(value: &Value, place: &str, wanted: &str) -> ApiError {
    wrong_kind_named(kind(value), place, wanted)
}

fn wrong_kind_named(kind: &str, place: &str, wanted: &str) -> ApiError {
    bad(format!(
        "invalid trace diff request body: json: cannot unmarshal {kind} into Go struct field {place} of type \
         {wanted}"
    ))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        match query(body.as_bytes()) {
            Err(ApiError::BadRequest(line)) => line,
            other => panic!("{body} is taken: {other:?}"),
        }
    }

    #[test]
    fn two_ids_are_enough_and_the_format_is_the_patch() {
        let read = query(br#"{"base":{"traceId":"ABC"},"compare":{"traceId":"2","start":5,"end":6}} rest"#);
        let read = read.unwrap();
        assert_eq!((read.format, read.base.written.as_str()), (DiffFormat::Patch, "ABC"));
        assert_eq!(read.base.query, TraceQuery::of(TraceId::parse("abc").unwrap()));
        assert_eq!((read.compare.query.start, read.compare.query.end), (Some(5), Some(6)));
    }

    #[test]
    fn names_may_be_in_any_case_and_unknown_ones_are_passed_over() {
        let body = br#"{"BASE":{"traceid":"1","x":[]},"Compare":{"TraceID":"2","start":null},"format":null}"#;
        assert_eq!(query(body).unwrap().compare.written, "2");
    }

    #[test]
    fn every_format_has_its_name() {
        for format in [DiffFormat::Patch, DiffFormat::Summary, DiffFormat::Composed] {
            let body = format!(
                r#"{{"base":{{"traceId":"1"}},"compare":{{"traceId":"2"}},"format":"{}"}}"#,
                format.as_str()
            );
            assert_eq!(query(body.as_bytes()).unwrap().format, format);
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_tempos_words_and_order() {
        let check = |body: &str, expected: &str| assert_eq!(refused(body), expected);
        check("", "invalid trace diff request body: EOF");
        check(" \n", "invalid trace diff request body: EOF");
        check("{\"base\":", "invalid trace diff request body: unexpected EOF");
        check("{}", "base.traceId is required");
        check(r#"{"base":{"traceId":"1"}}"#, "compare.traceId is required");
        check(
            r#"{"base":{"traceId":"1","start":5,"end":2}}"#,
            "base.start must be before base.end. received start=5 end=2",
        );
        check(
            r#"{"format":"x\u0001"}"#,
            "invalid format \"x\\x01\": must be one of \"trace-summary-v0-composed\", \"trace-patch-v0\", \
             \"trace-summary-v0-native\"",
        );
        check(
            r#"{"base":{"start":"5"}}"#,
            "invalid trace diff request body: json: cannot unmarshal string into Go struct field \
             TraceDiffTraceRequest.base.start of type int64",
        );
        assert!(refused(r#"{"base":{"traceId":"xyz"}}"#).starts_with("invalid base.traceId: "));
        assert!(refused("{]").starts_with("invalid trace diff request body: "));
    }
}
