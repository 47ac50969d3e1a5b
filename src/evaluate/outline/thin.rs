//! A part of a trace built again from what was told of it, as bytes: of each span what was told.

use bytes::Bytes;

use super::read::{Fragment, Told};
use super::{Outline, SERVICE_NAME};
use crate::model::TraceId;
use crate::model::value::ShownValue;
use crate::trace::index::{Chunk, ScanError, scan};
use crate::wire::otlp::{
    self, Value, put_attribute, resource, resource_spans, scope_spans, span, status, trace,
};
use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message, put_varint_field};

impl Outline {
    pub fn chunk(&self, id: &TraceId, fragment: &Fragment) -> Result<Chunk, ScanError> {
        let mut spans: Vec<(Vec<u8>, &Told)> =
            fragment.spans.iter().map(|told| (self.resource_of(told), told)).collect();
        spans.sort_by(|(one, first), (other, second)| {
            (one, first.start, first.id).cmp(&(other, second.start, second.id))
        });
        let mut out = Vec::new();
        for batch in spans.chunk_by(|(one, _), (other, _)| one == other) {
            put_message(&mut out, trace::RESOURCE_SPANS, |out| {
                let resource = batch.first().map_or(&[][..], |(resource, _)| resource);
                put_bytes_field(out, resource_spans::RESOURCE, resource);
                put_message(out, resource_spans::SCOPE_SPANS, |out| {
                    for (_, told) in batch {
                        put_message(out, scope_spans::SPANS, |out| self.put_span(out, id, told));
                    }
                });
            });
        }
        scan(Bytes::from(out), Some(id))
    }

    fn resource_of(&self, told: &Told) -> Vec<u8> {
        let mut out = Vec::new();
        put_attribute(&mut out, resource::ATTRIBUTES, SERVICE_NAME, Value::String(&told.service));
        self.put_values(&mut out, resource::ATTRIBUTES, &told.of_resource);
        out
    }

    fn put_span(&self, out: &mut Vec<u8>, id: &TraceId, told: &Told) {
        put_bytes_field(out, span::TRACE_ID, id.as_bytes());
        put_bytes_field(out, span::SPAN_ID, &told.id.to_be_bytes());
        if told.parent != 0 {
            put_bytes_field(out, span::PARENT_SPAN_ID, &told.parent.to_be_bytes());
        }
        put_bytes_field(out, span::NAME, told.name.as_bytes());
        put_varint_field(out, span::KIND, told.kind);
        put_fixed64_field(out, span::START_TIME, told.start);
        put_fixed64_field(out, span::END_TIME, told.end);
        self.put_values(out, span::ATTRIBUTES, &told.of_span);
        put_message(out, span::STATUS, |out| {
            if !told.message.is_empty() {
                put_bytes_field(out, status::MESSAGE, told.message.as_bytes());
            }
            put_varint_field(out, status::CODE, told.status);
        });
    }

    fn put_values(&self, out: &mut Vec<u8>, field: u32, values: &[(usize, ShownValue)]) {
        for (number, shown) in values {
            let Some(key) = self.keys.get(*number) else { continue };
            if let Some(value) = plain(shown) {
                put_attribute(out, field, &key.name, value);
            }
        }
    }
}

fn plain(shown: &ShownValue) -> Option<otlp::Value<'_>> {
    Some(match shown {
        ShownValue::Text(text) => Value::String(text),
        ShownValue::Int(int) => Value::Int(*int),
        ShownValue::Float(float) => Value::Double(*float),
        ShownValue::Bool(flag) => Value::Bool(*flag),
        ShownValue::Array(_) => return None,
    })
}
