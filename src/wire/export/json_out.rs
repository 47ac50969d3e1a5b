//! Spans as OTLP/JSON, for people and the tools that read exports. Not on the way of a request, so it may decode.

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

use crate::wire::protobuf::WireError;

/// Writes a protobuf `TracesData` as OTLP/JSON: ids in hex, 64-bit numbers as texts, an object indented.
pub fn json_of_protobuf(trace: &[u8]) -> Result<String, WireError> {
    // What a scan has let through is a message; anything else ends before its end.
    let decoded = TracesData::decode(trace).map_err(|_| WireError::CutOff)?;
    // Writing numbers and texts to memory does not fail.
    serde_json::to_string_pretty(&decoded).map_err(|_| WireError::WrongType)
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
}
