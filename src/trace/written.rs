//! An assembled trace read back from what was written of it: the same spans in the order in which they stand, under an
//! index of their own. Whether the bytes are what this program wrote is for whoever keeps them to know.

use bytes::Bytes;

use super::arrange::{Assembled, OutBatch, OutScope};
use super::index::scan;
use super::join::Joined;
use crate::model::TraceId;

impl Assembled {
    /// None where the bytes are no trace of this id, or none that was written whole: there each span stands once.
    pub fn read_back(body: Bytes, id: &TraceId) -> Option<Self> {
        let joined = Joined::as_sent(vec![(0, scan(body, Some(id)).ok()?)]).ok()?;
        if joined.kept.iter().any(|is_kept| !is_kept) {
            return None;
        }
        let count = u32::try_from(joined.spans.len()).ok()?;
        let mut trace = Self { spans: (0..count).collect(), joined, ..Self::default() };
        let mut first = 0u32;
        while let Some(scope) = trace.joined.spans.get(first as usize).map(|span| span.scope) {
            let own = trace.joined.spans.iter().skip(first as usize).take_while(|span| span.scope == scope);
            let end = first + u32::try_from(own.count()).ok()?;
            let len = trace.written_len(scope, first..end);
            trace.scopes.push(OutScope { scope, first, end, len });
            first = end;
        }
        for (out, position) in trace.scopes.iter().zip(0u32..) {
            let batch = trace.joined.scopes.get(out.scope as usize)?.batch;
            match trace.batches.last_mut() {
                Some(last) if last.batch == batch => last.end = position + 1,
                _ => trace.batches.push(OutBatch { batch, first: position, end: position + 1, len: 0 }),
            }
        }
        trace.measure();
        Some(trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::emit::to_protobuf;
    use crate::trace::tree::Tree;
    use crate::wire::otlp::{resource_spans, scope_spans, span, trace};
    use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message, put_varint_field};

    const ID: [u8; 16] = [7; 16];

    /// Spans over several resources and scopes, not in order, without status.
    fn part(spans: u64) -> Bytes {
        let mut out = Vec::new();
        for resource in 0..3 {
            put_message(&mut out, trace::RESOURCE_SPANS, |batch| {
                put_bytes_field(batch, resource_spans::RESOURCE, b"");
                for scope in 0..2 {
                    put_message(batch, resource_spans::SCOPE_SPANS, |message| {
                        put_bytes_field(message, scope_spans::SCOPE, b"");
                        for nth in 0..spans {
                            let number = 1 + nth * 6 + resource * 2 + scope;
                            put_message(message, scope_spans::SPANS, |body| {
                                put_bytes_field(body, span::TRACE_ID, &ID);
                                put_bytes_field(body, span::SPAN_ID, &number.to_be_bytes());
                                put_varint_field(body, span::KIND, 1);
                                let start = 1_000 + (number * 7919) % 101;
                                put_fixed64_field(body, span::START_TIME_UNIX_NANO, start);
                                put_fixed64_field(body, span::END_TIME_UNIX_NANO, start + 5);
                            });
                        }
                    });
                }
            });
        }
        out.into()
    }

    #[test]
    fn what_was_written_is_read_back_as_the_same_trace() {
        for spans in [0, 1, 4, 40] {
            let chunk = scan(part(spans), None).unwrap();
            let joined = Joined::of(vec![(0, chunk)]).unwrap();
            let tree = Tree::of(&joined);
            let assembled = Assembled::of(joined, &tree).unwrap();
            let written = to_protobuf(&assembled);
            let again = Assembled::read_back(written.clone().into(), &TraceId::from_bytes(ID)).unwrap();
            assert_eq!(again.span_count(), assembled.span_count());
            assert_eq!(again.ends_at(), assembled.ends_at());
            assert_eq!(to_protobuf(&again), written);
        }
    }

    #[test]
    fn bytes_of_another_trace_or_of_none_are_not_read_back() {
        let other = TraceId::from_bytes([8; 16]);
        assert!(Assembled::read_back(part(2), &other).is_none());
        assert!(Assembled::read_back(Bytes::from_static(b"\x0a\xff"), &other).is_none());
        let twice = [part(1), part(1)].concat();
        assert!(Assembled::read_back(twice.into(), &TraceId::from_bytes(ID)).is_none());
    }
}
