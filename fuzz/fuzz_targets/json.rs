//! Any bytes as a message: what is written is JSON, and an error leaves nothing behind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize as _;
use tutti::wire::json::{llm, put_key_value, put_resource, put_schema_url_of, put_scope, put_span};
use tutti::wire::protobuf::WireError;

type Put = fn(&mut Vec<u8>, &[u8], &[u8]) -> Result<(), WireError>;

const WRITERS: [Put; 5] = [
    put_span,
    put_resource,
    llm::put_span,
    |out, body, _| put_scope(out, body),
    |out, body, _| put_key_value(out, body),
];

fuzz_target!(|input: (&[u8], &[u8])| {
    let (body, extra) = input;
    for put in WRITERS {
        let mut out = Vec::new();
        match put(&mut out, body, extra) {
            Ok(()) => assert_json(&out),
            Err(_) => assert!(out.is_empty()),
        }
    }
    let mut out = Vec::from(b"{\"scopeSpans\":[]");
    if put_schema_url_of(&mut out, body).is_ok() {
        out.push(b'}');
        assert_json(&out);
    }
});

fn assert_json(text: &[u8]) {
    // The writers nest deeper than serde's own limit, but not without one.
    let mut parser = serde_json::Deserializer::from_slice(text);
    parser.disable_recursion_limit();
    serde::de::IgnoredAny::deserialize(&mut parser).expect("what is written is JSON");
    parser.end().expect("and nothing stands after it");
}
