//! What an OTLP exporter is answered: `ExportTraceServiceResponse` when its spans were taken, all or in
//! part, and `google.rpc.Status` when they were not, each in the encoding the exporter speaks.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>

use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

/// The two encodings of OTLP/HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// `google.rpc.Code`, as far as an OTLP edge needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    ResourceExhausted = 8,
    Internal = 13,
    Unavailable = 14,
}

/// `ExportTraceServiceResponse`.
mod response {
    pub const PARTIAL_SUCCESS: u32 = 1;
}

/// `ExportTracePartialSuccess`.
mod partial_success {
    pub const REJECTED_SPANS: u32 = 1;
    pub const ERROR_MESSAGE: u32 = 2;
}

/// `google.rpc.Status`.
mod rpc_status {
    pub const CODE: u32 = 1;
    pub const MESSAGE: u32 = 2;
}

impl Encoding {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Every span was taken.
pub fn taken(encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => Vec::new(),
        Encoding::Json => b"{}".to_vec(),
    }
}

/// Some spans were not taken; asking again with them would not help.
pub fn partly_taken(encoding: Encoding, rejected: u64, why: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut out = Vec::new();
            put_message(&mut out, response::PARTIAL_SUCCESS, |partial| {
                put_varint_field(partial, partial_success::REJECTED_SPANS, rejected);
                put_bytes_field(partial, partial_success::ERROR_MESSAGE, why.as_bytes());
            });
            out
        }
        // A 64-bit integer is a string in proto3 JSON.
        Encoding::Json => serde_json::json!({
            "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": why }
        })
        .to_string()
        .into_bytes(),
    }
}

/// Nothing was taken.
pub fn refused(encoding: Encoding, code: Code, why: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => {
            let mut out = Vec::new();
            put_varint_field(&mut out, rpc_status::CODE, code as u64);
            put_bytes_field(&mut out, rpc_status::MESSAGE, why.as_bytes());
            out
        }
        Encoding::Json => serde_json::json!({ "code": code as u64, "message": why }).to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    #[test]
    fn what_is_written_is_what_an_exporter_reads() {
        let all = ExportTraceServiceResponse::decode(&*taken(Encoding::Protobuf)).unwrap();
        assert_eq!(all.partial_success, None);
        let some =
            ExportTraceServiceResponse::decode(&*partly_taken(Encoding::Protobuf, 300, "why")).unwrap();
        let expected = ExportTracePartialSuccess { rejected_spans: 300, error_message: "why".into() };
        assert_eq!(some.partial_success, Some(expected));
    }

    #[test]
    fn json_follows_proto3() {
        let json = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(json(taken(Encoding::Json)), "{}");
        assert_eq!(
            json(partly_taken(Encoding::Json, 2, "a \"b\"")),
            r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"a \"b\""}}"#
        );
        assert_eq!(
            json(refused(Encoding::Json, Code::InvalidArgument, "no")),
            r#"{"code":3,"message":"no"}"#
        );
    }
}
