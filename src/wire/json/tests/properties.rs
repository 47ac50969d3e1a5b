//! For every trace: what is written is what the model writes, however the bytes are arranged.

use super::arbitrary;
use super::scramble::{Dice, Kind, scramble};
use super::support::{document, llm_document, llm_span_json, span_json};
use crate::wire::json::llm::Outcome;
use crate::wire::json::{model, put_key_value, put_resource, put_schema_url_of, put_scope, put_span};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::prelude::*;
use prost::Message as _;

/// Whether a document is JSON, however deep.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

const OUTCOME: Outcome<'static> = Outcome { inspected_bytes: 59968, is_partial: true, message: "a <b>" };

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn any_trace_is_written_as_the_model_writes_it(trace in arbitrary::trace()) {
        let written = document(&trace.encode_to_vec()).unwrap();
        prop_assert_eq!(&written, &model::trace(&trace));
        prop_assert!(is_json(&written));
    }

    #[test]
    fn the_order_and_the_pieces_on_the_wire_do_not_matter(trace in arbitrary::trace(), seed: u64) {
        let bytes = scramble(&trace.encode_to_vec(), Kind::Trace, &mut Dice::new(seed));
        // What prost makes of the scrambled bytes is the reference, so that a fault of the scrambler shows too.
        let decoded = TracesData::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(document(&bytes).unwrap(), model::trace(&decoded));
        prop_assert_eq!(document(&bytes).unwrap(), model::trace(&trace));
    }

    #[test]
    fn any_trace_is_told_to_language_models_as_the_model_does(trace in arbitrary::trace(), seed: u64) {
        let expected = model::llm::trace(&trace, 59968, "PARTIAL", "a <b>");
        let bytes = trace.encode_to_vec();
        prop_assert_eq!(&llm_document(&bytes, OUTCOME).unwrap(), &expected);
        prop_assert!(is_json(&expected));
        let bytes = scramble(&bytes, Kind::Trace, &mut Dice::new(seed));
        prop_assert_eq!(&llm_document(&bytes, OUTCOME).unwrap(), &expected);
    }

    #[test]
    fn any_bytes_are_json_or_an_error_that_leaves_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_any(&bytes)?;
    }

    #[test]
    fn a_damaged_span_is_json_or_an_error_that_leaves_nothing(
        span in arbitrary::span(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = span.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        check_any(&bytes)?;
    }
}

type Put = fn(&mut Vec<u8>, &[u8]) -> Result<(), crate::wire::protobuf::WireError>;

fn check_any(bytes: &[u8]) -> Result<(), TestCaseError> {
    for written in [span_json(bytes), llm_span_json(bytes)].into_iter().flatten() {
        prop_assert!(is_json(&written), "{written}");
    }
    let all: [Put; 5] = [
        |out, bytes| put_span(out, bytes, &[]),
        |out, bytes| put_resource(out, &[], bytes),
        put_scope,
        put_key_value,
        put_schema_url_of,
    ];
    for put in all {
        let mut out = Vec::from(b"before");
        if put(&mut out, bytes).is_err() {
            prop_assert_eq!(&out, b"before");
        }
        prop_assert!(std::str::from_utf8(&out).is_ok());
    }
    Ok(())
}
