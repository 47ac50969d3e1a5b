//! What an answer says: a trace in its envelope, nothing, or something that is no answer. Pure; looks at
//! the envelope and never into the trace.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use serde::Deserialize;

use crate::backend::{Fault, fault};
use crate::wire::otlp::trace;
use crate::wire::protobuf::Reader;
use crate::wire::tempo::read_trace_by_id;

pub(in crate::backend) const PROTOBUF: &str = "application/protobuf";

/// Tempo names its versions in fewer.
const VERSION_CHARS_MAX: usize = 64;

/// The trace and what the envelope says of it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::backend) struct Parts {
    pub trace: Bytes,
    pub is_partial: bool,
    pub inspected_bytes: u64,
}

/// The three things a 404 can mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// The router's own text: this version of the API is not there.
    NoSuchRoute,
    /// No text at all: the trace is not there.
    Silent,
    /// Something else answered.
    Otherwise,
}

pub(super) fn read_not_found(text: &[u8]) -> NotFound {
    match text.trim_ascii() {
        b"" => NotFound::Silent,
        b"404 page not found" => NotFound::NoSuchRoute,
        _ => NotFound::Otherwise,
    }
}

/// A v2 answer. The trace is a slice of the body; only one that came in pieces is copied.
pub(in crate::backend) fn from_v2(body: Bytes) -> Result<Parts, Fault> {
    let parts = read_trace_by_id(&body).map_err(|_| fault::no_envelope())?;
    // The ranges come from reading this very body, so they lie in it.
    let trace = match parts.traces.as_slice() {
        [] => Bytes::new(),
        [whole] => body.slice(whole.clone()),
        pieces => {
            let mut joined = BytesMut::with_capacity(body.len());
            for piece in pieces {
                joined.extend_from_slice(body.get(piece.clone()).unwrap_or_default());
            }
            joined.freeze()
        }
    };
    Ok(Parts { trace, is_partial: parts.is_partial, inspected_bytes: parts.inspected_bytes })
}

/// A v1 answer: the trace without an envelope, so its own first level is looked over instead.
pub(super) fn from_v1(body: Bytes) -> Result<Parts, Fault> {
    let mut reader = Reader::new(&body);
    while let Some(field) = reader.next().map_err(|_| fault::no_envelope())? {
        if field.number == trace::RESOURCE_SPANS {
            field.bytes().map_err(|_| fault::no_envelope())?;
        }
    }
    Ok(Parts { trace: body, is_partial: false, inspected_bytes: 0 })
}

pub(in crate::backend) fn is_protobuf(headers: &HeaderMap) -> bool {
    media_type(headers)
        .is_some_and(|it| ["application/protobuf", "application/x-protobuf"].contains(&it.as_str()))
}

pub(super) fn is_html(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|it| it == "text/html")
}

/// `Content-Type` without its parameters, in lower case.
pub(in crate::backend) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (media_type, _) = value.split_once(';').unwrap_or((value, ""));
    Some(media_type.trim().to_ascii_lowercase())
}

/// The version in a `buildinfo` answer; builds from source name none. It is shown to people, so a text
/// that does not look like a version is none.
pub(in crate::backend) fn version(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct BuildInfo {
        version: String,
    }
    let BuildInfo { version } = serde_json::from_slice(body).ok()?;
    let looks_right = (1..=VERSION_CHARS_MAX).contains(&version.len())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_".contains(&b));
    looks_right.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegionStatus;
    use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

    #[test]
    fn a_trace_in_one_piece_is_not_copied() {
        let mut body = Vec::new();
        put_bytes_field(&mut body, 1, b"a trace");
        put_message(&mut body, 2, |metrics| put_varint_field(metrics, 1, 77));
        put_varint_field(&mut body, 3, 1);
        let body = Bytes::from(body);
        let parts = from_v2(body.clone()).unwrap();
        assert_eq!(parts.trace, "a trace");
        assert!(body.as_ptr_range().contains(&parts.trace.as_ptr()));
        assert!(parts.is_partial);
        assert_eq!(parts.inspected_bytes, 77);
    }

    #[test]
    fn a_trace_in_pieces_is_joined_in_order() {
        let mut body = Vec::new();
        put_bytes_field(&mut body, 1, b"first,");
        put_varint_field(&mut body, 3, 0);
        put_bytes_field(&mut body, 1, b"second");
        let parts = from_v2(body.into()).unwrap();
        assert_eq!((parts.trace, parts.is_partial), (Bytes::from("first,second"), false));
    }

    #[test]
    fn an_answer_without_a_trace_is_empty() {
        assert!(from_v2(Bytes::new()).unwrap().trace.is_empty());
        assert!(from_v1(Bytes::new()).unwrap().trace.is_empty());
    }

    #[test]
    fn bytes_that_do_not_scan_are_malformed() {
        for (lie, why) in [
            (&b"<html>no</html>"[..], "text"),
            (b"\x0a\x7fshort", "a field that ends beyond the body"),
            (b"\x08\x01", "a trace that is a number"),
        ] {
            for taken in [from_v2(Bytes::from_static(lie)), from_v1(Bytes::from_static(lie))] {
                assert_eq!(taken.unwrap_err().status, RegionStatus::Malformed, "{why}");
            }
        }
    }

    #[test]
    fn a_404_is_read_by_its_text() {
        assert_eq!(read_not_found(b""), NotFound::Silent);
        assert_eq!(read_not_found(b"404 page not found\n"), NotFound::NoSuchRoute);
        assert_eq!(read_not_found(b"<html>not here</html>"), NotFound::Otherwise);
    }

    #[test]
    fn a_content_type_is_compared_without_case_and_parameters() {
        let is = |value: &'static str| {
            is_protobuf(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]))
        };
        assert!(is("application/protobuf"));
        assert!(is("Application/X-Protobuf; proto=tempopb.Trace"));
        assert!(!is("application/json"));
        assert!(!is("text/html; charset=utf-8"));
        assert!(!is_protobuf(&HeaderMap::new()));
    }

    #[test]
    fn a_version_that_is_none_is_not_shown() {
        let said = |text: &str| version(text.as_bytes());
        assert_eq!(said(r#"{"version":"2.8.1","revision":"x"}"#), Some("2.8.1".to_owned()));
        assert_eq!(said(r#"{"version":""}"#), None);
        assert_eq!(said(r#"{"version":"<script>"}"#), None);
        assert_eq!(said("<html>"), None);
    }
}
