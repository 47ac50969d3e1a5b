//! Tempo's JSON, written straight from protobuf bytes without decoding them into objects.
//!
//! Two dialects. The first is what Tempo's gogo `jsonpb` writes: fields in the order the `.proto` declares
//! them, ids in base64, 64-bit numbers quoted, zero scalars left out. The second is the document for
//! language models ([`llm`]), which Tempo writes with Go's `encoding/json`. Strings and doubles follow
//! Go's rules in both, byte for byte, so that a client can't tell the gateway from a Tempo.
//!
//! A message is looked at twice: once to note where its fields lie, whatever their order on the wire, once
//! to write them. Nothing is allocated but what `out` grows by.
//!
//! This room knows no trace, no region and no document around the spans: whoever holds an index writes
//! `{"resource":…,"scopeSpans":[…]}` around what the functions here write.

mod fields;
pub mod llm;
mod number;
mod resource;
mod span;
mod text;
mod value;
mod view;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use fields::Message;
pub use number::{put_double, put_int, put_uint};
pub use resource::{put_resource, put_schema_url_of, put_scope};
pub use span::put_span;
pub use text::{put_base64, put_hex, put_string};
pub use value::{put_key_value, put_key_values};

use super::protobuf::WireError;

/// How many values may be nested in one attribute: what a scan lets through can be written.
pub const MAX_VALUE_DEPTH: usize = super::limits::VALUE_DEPTH_MAX;

/// Runs `write`; when it fails, `out` is as it was before.
fn all_or_nothing(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mark = out.len();
    write(out).inspect_err(|_| out.truncate(mark))
}

/// Ends an object or array whose members, since `mark`, were each written with a comma before them:
/// the first comma becomes the opening bracket. So no writer has to know whether it is the first.
#[inline]
fn close(out: &mut Vec<u8>, mark: usize, open: u8, end: u8) {
    match out.get_mut(mark) {
        Some(first) => *first = open,
        None => out.push(open),
    }
    out.push(end);
}
