//! Spans as OTLP/JSON, for people and the tools that read exports. Not on the way of a request, so it may decode.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

use crate::wire::protobuf::WireError;

/// Writes a protobuf `TracesData` as OTLP/JSON: ids in hex, 64-bit numbers as texts, an object indented.
pub fn json_of_protobuf(trace: &[u8]) -> Result<String, WireError> {
    // What a scan has let through is a message; anything else ends before its end.
    let mut decoded = TracesData::decode(trace).map_err(|_| WireError::CutOff)?;
    let stand_ins = take_strange(&mut decoded);
    // Writing numbers and texts to memory does not fail.
    let mut json = serde_json::to_string_pretty(&decoded).map_err(|_| WireError::WrongType)?;
    for (stand_in, name) in stand_ins {
        // A quote within a text has a backslash before it, so that this is a member and nothing else.
        let number = serde_json::to_string(&stand_in).map_err(|_| WireError::WrongType)?;
        json = json.replace(&format!("\"doubleValue\": {number}"), &format!("\"doubleValue\": \"{name}\""));
    }
    Ok(json)
}

/// Puts numbers that stand nowhere else in the place of those that JSON has no number for: which ones, and what
/// proto3 JSON writes for them.
fn take_strange(trace: &mut TracesData) -> Vec<(f64, &'static str)> {
    let mut others: BTreeSet<u64> = BTreeSet::new();
    let mut has_strange = false;
    doubles(trace, &mut |double| {
        has_strange |= !double.is_finite();
        others.insert(double.to_bits());
    });
    if !has_strange {
        return Vec::new();
    }
    // There are far more such numbers than a trace has.
    let mut free = (1..=u64::MAX).filter(|bits| !others.contains(bits)).map(f64::from_bits);
    let names = ["NaN", "Infinity", "-Infinity"];
    let stand_ins: Vec<(f64, &str)> = names.iter().filter_map(|name| Some((free.next()?, *name))).collect();
    doubles(trace, &mut |double| {
        let name = match *double {
            nan if nan.is_nan() => "NaN",
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => return,
        };
        if let Some((stand_in, _)) = stand_ins.iter().find(|(_, other)| *other == name) {
            *double = *stand_in;
        }
    });
    stand_ins
}

/// Every double of a trace.
fn doubles(trace: &mut TracesData, each: &mut impl FnMut(&mut f64)) {
    for batch in &mut trace.resource_spans {
        batch.resource.iter_mut().for_each(|resource| within(&mut resource.attributes, each));
        for scope in &mut batch.scope_spans {
            scope.scope.iter_mut().for_each(|scope| within(&mut scope.attributes, each));
            for span in &mut scope.spans {
                within(&mut span.attributes, each);
                span.events.iter_mut().for_each(|event| within(&mut event.attributes, each));
                span.links.iter_mut().for_each(|link| within(&mut link.attributes, each));
            }
        }
    }
}

fn within(attributes: &mut [KeyValue], each: &mut impl FnMut(&mut f64)) {
    let mut open: Vec<&mut AnyValue> = attributes.iter_mut().filter_map(|pair| pair.value.as_mut()).collect();
    while let Some(any) = open.pop() {
        match &mut any.value {
            Some(Value::DoubleValue(double)) => each(double),
            Some(Value::ArrayValue(list)) => open.extend(&mut list.values),
            Some(Value::KvlistValue(list)) => {
                open.extend(list.values.iter_mut().filter_map(|pair| pair.value.as_mut()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::export::protobuf_of_json;

    #[test]
    fn what_is_written_is_read_back() {
        let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
            "spanId":"b7ad6b7169203331","name":"GET","startTimeUnixNano":"18446744073709551615","attributes":[
            {"key":"n","value":{"intValue":"-9223372036854775808"}},{"key":"d","value":{"doubleValue":1.5}},
            {"key":"b","value":{"bytesValue":"/wE="}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}},
            {"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]}]}]}]}"#;
        let protobuf = protobuf_of_json(json.as_bytes()).unwrap();
        let written = json_of_protobuf(&protobuf).unwrap();
        assert!(written.contains("\"0af7651916cd43dd8448eb211c80319c\""), "{written}");
        assert_eq!(protobuf_of_json(written.as_bytes()).unwrap(), protobuf);
        assert!(json_of_protobuf(&[0x0a, 5]).is_err());
    }

    #[test]
    fn what_is_no_number_is_written_as_proto3_names_it() {
        let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"doubleValue":"NaN"}},
            {"key":"s","value":{"stringValue":"\"doubleValue\": 5e-324"}},{"key":"t","value":{"doubleValue":5e-324}}]},
            "scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
            "attributes":[{"key":"l","value":{"arrayValue":{"values":[{"doubleValue":"Infinity"},
            {"kvlistValue":{"values":[{"key":"m","value":{"doubleValue":"-Infinity"}}]}}]}}}]}]}]}]}"#;
        let protobuf = protobuf_of_json(json.as_bytes()).unwrap();
        let written = json_of_protobuf(&protobuf).unwrap();
        for name in ["NaN", "Infinity", "-Infinity"] {
            assert_eq!(
                written.matches(&format!("\"doubleValue\": \"{name}\"")).count(),
                1,
                "{name}: {written}"
            );
        }
        assert!(written.contains("\"doubleValue\": 5e-324"), "{written}");
        assert_eq!(protobuf_of_json(written.as_bytes()).unwrap(), protobuf);
    }
}
