//! A message that is written anew from its first change on; what is kept is copied as it lies, run by run.

use crate::wire::otlp::{any_value, key_value};
use crate::wire::protobuf::{Field, message_len, put_bytes_field, put_tag, put_varint};

const DELIMITED: u8 = 2;

/// A message and what becomes of it.
pub(super) struct Edit<'a> {
    source: &'a [u8],
    /// How far the source has been copied or left out.
    done: usize,
    out: Vec<u8>,
    is_changed: bool,
}

impl<'a> Edit<'a> {
    pub fn of(source: &'a [u8]) -> Self {
        Self { source, done: 0, out: Vec::new(), is_changed: false }
    }

    /// Leaves a field out.
    pub fn drop(&mut self, field: &Field<'_>) {
        self.replace(field);
    }

    /// Puts bytes in the place of a field's.
    pub fn bytes(&mut self, field: &Field<'_>, bytes: &[u8]) {
        put_bytes_field(self.replace(field), field.number, bytes);
    }

    /// Leaves a field out and says where to write what stands in its place.
    pub fn replace(&mut self, field: &Field<'_>) -> &mut Vec<u8> {
        if !self.is_changed {
            self.out.reserve(self.source.len());
            self.is_changed = true;
        }
        self.out.extend_from_slice(self.source.get(self.done..field.start).unwrap_or_default());
        self.done = field.end;
        &mut self.out
    }

    /// The message anew; none where nothing changed.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if !self.is_changed {
            return None;
        }
        self.out.extend_from_slice(self.source.get(self.done..).unwrap_or_default());
        Some(self.out)
    }
}

/// Writes an attribute as a field of this number.
pub(super) fn put_pair(out: &mut Vec<u8>, number: u32, key: &[u8], any: &[u8]) {
    put_tag(out, number, DELIMITED);
    put_varint(out, (message_len(key.len()) + message_len(any.len())) as u64);
    put_bytes_field(out, key_value::KEY, key);
    put_bytes_field(out, key_value::VALUE, any);
}

/// Writes an attribute with a text as a field of this number.
pub(super) fn put_text_pair(out: &mut Vec<u8>, number: u32, key: &[u8], text: &str) {
    let any = message_len(text.len());
    put_tag(out, number, DELIMITED);
    put_varint(out, (message_len(key.len()) + message_len(any)) as u64);
    put_bytes_field(out, key_value::KEY, key);
    put_tag(out, key_value::VALUE, DELIMITED);
    put_varint(out, any as u64);
    put_bytes_field(out, any_value::STRING, text.as_bytes());
}

/// An `AnyValue` that holds this text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes_field(out, any_value::STRING, text.as_bytes());
}
