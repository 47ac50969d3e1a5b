//! Spans as a message of OTLP.

use crate::telemetry::spans::{Kind, Said, Span};
use crate::wire::otlp::{
    any_value, key_value, resource, resource_spans, scope, scope_spans, span, status, trace,
};
use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message, put_tag, put_varint_field};

/// OTLP's numbers of kinds.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// Of the flags: whether it is sampled.
const SAMPLED: u32 = 1;

/// Wire type of four bytes.
const FIXED_32: u8 = 5;

pub(super) fn of(of: &[(&'static str, String)], spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, trace::RESOURCE_SPANS, |out| {
        put_message(out, resource_spans::RESOURCE, |out| {
            for (key, text) in of {
                put_message(out, resource::ATTRIBUTES, |out| pair(out, key, &Said::Text(text.clone())));
            }
        });
        put_message(out, resource_spans::SCOPE_SPANS, |out| {
            put_message(out, scope_spans::SCOPE, |out| {
                put_bytes_field(out, scope::NAME, b"tutti");
                put_bytes_field(out, scope::VERSION, env!("CARGO_PKG_VERSION").as_bytes());
            });
            for span in spans {
                put_message(out, scope_spans::SPANS, |out| one(out, span));
            }
        });
    });
    out
}

fn one(out: &mut Vec<u8>, of: &Span) {
    put_bytes_field(out, span::TRACE_ID, &of.context.trace);
    put_bytes_field(out, span::SPAN_ID, &of.context.span);
    if let Some(state) = &of.context.state {
        put_bytes_field(out, span::TRACE_STATE, state.as_bytes());
    }
    if let Some(parent) = &of.parent {
        put_bytes_field(out, span::PARENT_SPAN_ID, parent);
    }
    put_bytes_field(out, span::NAME, of.name.as_bytes());
    let kind = match of.kind {
        Kind::Server => SERVER,
        Kind::Client => CLIENT,
    };
    put_varint_field(out, span::KIND, kind);
    put_fixed64_field(out, span::START_TIME, of.start);
    put_fixed64_field(out, span::END_TIME, of.end);
    for (key, said) in &of.said {
        put_message(out, span::ATTRIBUTES, |out| pair(out, key, said));
    }
    if let Some(why) = of.failed {
        put_message(out, span::STATUS, |out| {
            put_bytes_field(out, status::MESSAGE, why.as_bytes());
            put_varint_field(out, status::CODE, status::CODE_ERROR);
        });
    }
    put_tag(out, span::FLAGS, FIXED_32);
    let flags = if of.context.is_sampled { SAMPLED } else { 0 };
    out.extend_from_slice(&flags.to_le_bytes());
}

fn pair(out: &mut Vec<u8>, key: &str, said: &Said) {
    put_bytes_field(out, key_value::KEY, key.as_bytes());
    put_message(out, key_value::VALUE, |out| match said {
        Said::Text(text) => put_bytes_field(out, any_value::STRING, text.as_bytes()),
        Said::Whole(number) => put_varint_field(out, any_value::INT, number.cast_unsigned()),
        Said::Flag(flag) => put_varint_field(out, any_value::BOOL, u64::from(*flag)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::spans::Context;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    #[test]
    fn a_message_reads_as_the_protocol_has_it() {
        let context =
            Context::read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some("a=b")).unwrap();
        let said = vec![
            ("tutti.region", Said::Text("eu".to_owned())),
            ("n", Said::Whole(-1)),
            ("tutti.from_memory", Said::Flag(true)),
        ];
        let span = Span {
            context: context.clone(),
            parent: Some([1; 8]),
            name: "ask",
            kind: Kind::Client,
            start: 5,
            end: 7,
            said,
            failed: Some("timeout"),
        };
        let bytes = of(&[("service.name", "tutti".to_owned())], &[span]);
        let read = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let sent = &read.resource_spans[0];
        assert_eq!(sent.resource.as_ref().unwrap().attributes[0].key, "service.name");
        let span = &sent.scope_spans[0].spans[0];
        assert_eq!(
            (span.trace_id.as_slice(), span.span_id.as_slice()),
            (&context.trace[..], &context.span[..])
        );
        assert_eq!((span.parent_span_id.as_slice(), span.trace_state.as_str()), (&[1; 8][..], "a=b"));
        assert_eq!((span.name.as_str(), span.kind, span.flags), ("ask", 3, 1));
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (5, 7));
        assert_eq!(
            span.status.as_ref().map(|status| (status.code, status.message.as_str())),
            Some((2, "timeout"))
        );
        let keys: Vec<_> = span.attributes.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(keys, ["tutti.region", "n", "tutti.from_memory"]);
    }
}
