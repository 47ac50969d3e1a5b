//! Any bytes as nested messages: a reader ends, never panics, and its places lie inside what it read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tutti::wire::protobuf::{Reader, Value};

/// Deeper than a trace nests; every level is shorter than the one around it, so this only bounds the time.
const DEPTH: usize = 12;

fuzz_target!(|bytes: &[u8]| scan(bytes, DEPTH));

fn scan(bytes: &[u8], depth: usize) {
    let mut reader = Reader::new(bytes);
    let mut at = 0;
    while let Ok(Some(field)) = reader.next() {
        assert_eq!(field.start, at, "fields lie one after the other");
        assert!(field.start < field.value_start && field.value_start <= field.end);
        assert!(field.end <= bytes.len());
        at = field.end;
        if let Value::Bytes(body) = field.value {
            assert_eq!(&bytes[field.value_start..field.end], body);
            if depth > 0 {
                scan(body, depth - 1);
            }
        }
    }
}
