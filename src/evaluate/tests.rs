//! The filter over spans as bytes, and the spans around a match.
//!
//! `tests/filter.txt` holds queries over the five spans of [`trace`] and what a real Tempo made of them:
//! the matched spans by number, or `fails`.

use super::hierarchy::Ids;
use super::*;
use crate::traceql::value::{Failure, Value};
use crate::wire::otlp;
use crate::wire::protobuf::{put_bytes_field, put_fixed64_field, put_message, put_varint_field};
use proptest::prelude::*;

type Bytes = Vec<u8>;

enum Any {
    Text(&'static str),
    Int(i64),
    Float(f64),
    Bool(bool),
    Array(Vec<Any>),
    Raw,
    Unset,
}
use Any::{Array, Bool, Float, Int, Text};

fn put_any(out: &mut Bytes, any: &Any) {
    match any {
        Text(text) => put_bytes_field(out, otlp::any_value::STRING, text.as_bytes()),
        Int(int) => put_varint_field(out, otlp::any_value::INT, *int as u64),
        Float(float) => put_fixed64_field(out, otlp::any_value::DOUBLE, float.to_bits()),
        Bool(flag) => put_varint_field(out, otlp::any_value::BOOL, u64::from(*flag)),
        Array(all) => put_message(out, otlp::any_value::ARRAY, |out| {
            all.iter().for_each(|any| put_message(out, 1, |out| put_any(out, any)));
        }),
        Any::Raw => put_bytes_field(out, otlp::any_value::BYTES, b"raw"),
        Any::Unset => {}
    }
}

fn put_attributes(out: &mut Bytes, number: u32, attributes: &[(&str, Any)]) {
    for (key, any) in attributes {
        put_message(out, number, |out| {
            put_bytes_field(out, otlp::key_value::KEY, key.as_bytes());
            put_message(out, otlp::key_value::VALUE, |out| put_any(out, any));
        });
    }
}

type Attributes = Vec<(&'static str, Any)>;

struct Made {
    id: &'static [u8],
    parent: &'static [u8],
    name: &'static str,
    kind: u64,
    nanos: i64,
    status: Option<(u64, &'static str)>,
    attributes: Attributes,
    events: Vec<(i64, &'static str, Attributes)>,
    links: Vec<(&'static [u8], &'static [u8], Attributes)>,
}

const START: u64 = 1_000_000_000_000;

impl Made {
    fn bytes(&self) -> Bytes {
        let mut out = Bytes::new();
        put_bytes_field(&mut out, otlp::span::SPAN_ID, self.id);
        put_bytes_field(&mut out, otlp::span::PARENT_SPAN_ID, self.parent);
        put_bytes_field(&mut out, otlp::span::NAME, self.name.as_bytes());
        put_varint_field(&mut out, otlp::span::KIND, self.kind);
        put_fixed64_field(&mut out, otlp::span::START_TIME, START);
        put_fixed64_field(&mut out, otlp::span::END_TIME, START.wrapping_add_signed(self.nanos));
        put_attributes(&mut out, otlp::span::ATTRIBUTES, &self.attributes);
        for (after, name, attributes) in &self.events {
            put_message(&mut out, otlp::span::EVENTS, |out| {
                put_fixed64_field(out, otlp::event::TIME, START.wrapping_add_signed(*after));
                put_bytes_field(out, otlp::event::NAME, name.as_bytes());
                put_attributes(out, otlp::event::ATTRIBUTES, attributes);
            });
        }
        for (trace, span, attributes) in &self.links {
            put_message(&mut out, otlp::span::LINKS, |out| {
                put_bytes_field(out, otlp::link::TRACE_ID, trace);
                put_bytes_field(out, otlp::link::SPAN_ID, span);
                put_attributes(out, otlp::link::ATTRIBUTES, attributes);
            });
        }
        if let Some((code, message)) = self.status {
            put_message(&mut out, otlp::span::STATUS, |out| {
                put_bytes_field(out, otlp::status::MESSAGE, message.as_bytes());
                put_varint_field(out, otlp::status::CODE, code);
            });
        }
        out
    }
}

/// Resource, scope, and the spans under them.
type Batch = (Bytes, Option<Bytes>, Vec<Bytes>);

/// Five spans in two batches; the second has no scope.
fn trace() -> Vec<Batch> {
    let mut shop = Bytes::new();
    put_attributes(
        &mut shop,
        otlp::resource::ATTRIBUTES,
        &[("service.name", Text("shop")), ("both", Text("of resource")), ("zone", Text("a"))],
    );
    let mut scope = Bytes::new();
    put_bytes_field(&mut scope, otlp::scope::NAME, b"http");
    put_bytes_field(&mut scope, otlp::scope::VERSION, b"1.2");
    put_attributes(&mut scope, otlp::scope::ATTRIBUTES, &[("lib", Bool(true)), ("zone", Text("b"))]);
    let root = Made {
        id: &[0, 0, 0, 0, 0, 0, 0, 1],
        parent: &[],
        name: "GET /cart",
        kind: 2,
        nanos: 1_500_000_000,
        status: None,
        attributes: vec![
            ("code", Int(200)),
            ("both", Any::Raw),
            ("ratio", Float(0.5)),
            ("flag", Bool(true)),
            ("tags", Array(vec![Text("x"), Text("y")])),
        ],
        events: vec![
            (1_000, "cache", vec![("hit", Bool(false)), ("size", Int(3))]),
            (-5, "cache", vec![("hit", Bool(true)), ("size", Int(7))]),
        ],
        links: vec![],
    };
    let child = child(root.id);
    let last = Made {
        id: &[1, 2],
        parent: child.id,
        name: "",
        kind: 9,
        nanos: -1,
        status: Some((1, "")),
        attributes: vec![("code", Float(200.0)), ("nil", Text("nil")), ("unset", Any::Unset)],
        events: vec![(0, "exception", vec![])],
        links: vec![(&[1; 16], &[0; 8], vec![])],
    };
    let stray = Made {
        id: &[],
        parent: &[],
        name: "line\nbreak",
        kind: 0,
        nanos: 0,
        status: Some((7, "odd")),
        attributes: vec![("code", Int(-3)), ("floats", Array(vec![Float(0.5), Float(2.0)]))],
        events: vec![],
        links: vec![],
    };
    let twin =
        Made { attributes: vec![("bools", Array(vec![Bool(true), Bool(false)]))], ..stray_of(child.id) };
    vec![
        (shop, Some(scope), vec![root.bytes(), child.bytes()]),
        (Bytes::new(), None, vec![last.bytes(), stray.bytes(), twin.bytes()]),
    ]
}

fn child(parent: &'static [u8]) -> Made {
    Made {
        id: &[0xab, 0, 0, 0, 0, 0, 0, 2],
        parent,
        name: "query",
        kind: 3,
        nanos: 20,
        status: Some((2, "boom")),
        attributes: vec![
            ("code", Text("200")),
            ("both", Text("of span")),
            ("sizes", Array(vec![Int(1), Int(2), Int(3)])),
            ("one", Array(vec![Int(9)])),
            ("mixed", Array(vec![Int(9), Text("9")])),
        ],
        events: vec![],
        links: vec![
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 1], &[0, 7], vec![("why", Text("retry"))]),
            (&[], &[0xab; 9], vec![("why", Text("batch"))]),
        ],
    }
}

fn stray_of(id: &'static [u8]) -> Made {
    Made {
        id,
        parent: id,
        name: "twin",
        kind: 1,
        nanos: 3_600_000_000_000,
        status: Some((0, "")),
        attributes: vec![],
        events: vec![],
        links: vec![],
    }
}

fn matches(query: &str, trace: &[Batch]) -> Result<String, Failure> {
    let filter = Filter::compile(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut matched = Vec::new();
    let spans = trace.iter().flat_map(|(resource, scope, spans)| {
        spans.iter().map(|span| WireSpan { span, scope: scope.as_deref(), resource })
    });
    for (at, span) in spans.enumerate() {
        if filter.matches(&span)? {
            matched.push(at.to_string());
        }
    }
    Ok(if matched.is_empty() { "none".to_owned() } else { matched.join(",") })
}

#[test]
fn a_filter_selects_the_spans_that_tempo_selects() {
    let trace = trace();
    for line in include_str!("tests/filter.txt").lines() {
        let (expected, query) = line.split_once('\t').expect(line);
        let found = matches(query, &trace).unwrap_or_else(|_| "fails".to_owned());
        assert_eq!(found, expected, "{query}");
    }
}

#[test]
fn only_one_filter_of_what_a_span_knows_is_taken() {
    let refused = |query: &str| Filter::compile(query).unwrap_err().to_string();
    let one = "invalid TraceQL filter: only a single TraceQL filter is supported: got";
    let structural = format!("{one} a structural or aggregate query");
    for query in ["{ } >> { }", "{ } && { }", "{ } | count() > 1", "({ } | { .a }) && ({ })"] {
        assert_eq!(refused(query), structural, "{query}");
    }
    assert_eq!(refused("{ } | rate()"), format!("{one} a metrics query"));
    assert_eq!(refused("2 * ({ } | rate() | topk(2))"), format!("{one} a metrics query"));
    let math = format!("{one} a multi-stage pipeline or metrics query");
    assert_eq!(refused("({ } | rate()) / ({ } | rate())"), math);
    assert_eq!(refused("{ .a } | { .b }"), format!("{one} 2 pipeline elements"));
    assert_eq!(refused("by(.a)"), format!("{one} a by() stage"));
    let intrinsic =
        |name: &str| format!("invalid TraceQL filter: intrinsic is not supported by this filter: \"{name}\"");
    assert_eq!(refused("{ .a || rootName = \"x\" || trace:id = \"1\" }"), intrinsic("rootName"));
    assert_eq!(refused("{ !(span:childCount > 1) }"), intrinsic("span:childCount"));
    let parse = "invalid TraceQL filter: failed to parse TraceQL spanset filter: ";
    assert!(refused("{").starts_with(&format!("{parse}parse error at line 1, col 2: ")));
    assert!(refused("{ .a =~ \"(\" }").starts_with(&format!("{parse}invalid regex: `(`")));
    assert!(refused("{ name = nil }").starts_with(&format!("{parse}name=nil is not valid")));
    assert!(Filter::compile("({ .a })").is_ok());
}

#[test]
fn a_failure_names_the_expression() {
    let error = matches("{ !(.code > 1 && .code) && !span.code }", &trace()).unwrap_err();
    assert_eq!(error.to_string(), "expression (!span.code) expected a boolean, but got an integer");
}

#[test]
fn kept_spans_are_those_so_many_steps_from_a_match() {
    // a - b - c - d, b - e, and f alone.
    let tree = [("a", ""), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "b"), ("f", "")];
    let check = |matched: &str, ancestors, descendants, expected: &str| {
        let ids: Vec<Ids<'_>> =
            tree.iter().map(|(id, parent)| Ids { id: id.as_bytes(), parent: parent.as_bytes() }).collect();
        let flags: Vec<bool> = tree.iter().map(|(id, _)| matched.contains(id)).collect();
        let kept = kept(&ids, &flags, Hierarchy { ancestors, descendants });
        let names: String = tree.iter().zip(kept).filter(|(_, kept)| *kept).map(|((id, _), _)| *id).collect();
        assert_eq!(names, expected, "{matched} {ancestors:?} {descendants:?}");
    };
    check("c", None, Some(0), "c");
    check("c", Some(None), Some(0), "abc");
    check("c", Some(Some(1)), Some(0), "bc");
    check("c", Some(Some(0)), Some(1), "cd");
    check("b", None, Some(1), "bce");
    check("b", None, None, "bcde");
    check("df", Some(Some(2)), Some(1), "bcdf");
    check("", Some(None), None, "");
}

#[test]
fn circles_shared_and_missing_ids_do_not_loop_or_leak() {
    let ids = |all: &[(&'static str, &'static str)]| -> Vec<Ids<'static>> {
        all.iter().map(|(id, parent)| Ids { id: id.as_bytes(), parent: parent.as_bytes() }).collect()
    };
    let everything = Hierarchy { ancestors: Some(None), descendants: None };
    // A circle, a span that is its own parent, and a parent that is not there.
    let circle = ids(&[("a", "b"), ("b", "a"), ("c", "c"), ("d", "gone")]);
    assert_eq!(kept(&circle, &[true, false, false, true], everything), [true, true, false, true]);
    // Spans of one id share their relatives, but a match keeps only itself.
    let shared = ids(&[("a", ""), ("b", "a"), ("b", "x"), ("x", "")]);
    assert_eq!(kept(&shared, &[false, true, false, false], everything), [true, true, false, true]);
    // A span without an id has none, though roots name the empty parent.
    let nameless = ids(&[("", ""), ("a", ""), ("", "a")]);
    assert_eq!(kept(&nameless, &[true, false, false], everything), [true, false, false]);
}

#[test]
fn attributes_are_read_as_a_decoder_reads_them() {
    let trace = trace();
    let (resource, scope, spans) = &trace[0];
    let span = WireSpan { span: &spans[1], scope: scope.as_deref(), resource };
    assert_eq!(span.attribute(Holder::Span, "one"), Some(Value::Int(9)));
    assert_eq!(span.attribute(Holder::Span, "sizes"), Some(Value::Ints(vec![1, 2, 3])));
    assert_eq!(span.attribute(Holder::Span, "mixed"), Some(Value::Nil));
    assert_eq!(span.attribute(Holder::Span, "service.name"), None);
    assert_eq!(span.attribute(Holder::Resource, "service.name"), Some(Value::Text("shop".into())));
    assert_eq!(span.attribute(Holder::Instrumentation, "lib"), Some(Value::Bool(true)));
    assert_eq!((span.name(), span.kind(), span.status(), span.status_message()), ("query", 3, 2, "boom"));
    // A message said twice is merged, a scalar said twice counts last.
    let mut twice = spans[1].clone();
    put_message(&mut twice, otlp::span::STATUS, |out| put_varint_field(out, otlp::status::CODE, 1));
    put_bytes_field(&mut twice, otlp::span::NAME, b"later");
    let span = WireSpan { span: &twice, ..span };
    assert_eq!((span.name(), span.status(), span.status_message()), ("later", 1, "boom"));
}

proptest! {
    #[test]
    fn no_bytes_hurt(mut noise in proptest::collection::vec(any::<u8>(), 0..60), cut in 0..400usize, at in 0..400usize) {
        let trace = trace();
        let (resource, scope, spans) = &trace[0];
        let filter = Filter::compile(
            "{ .code = 200 || event.hit || link.why =~ \".\" || name = \"x\" || span.tags = \"x\" || status = ok }"
        ).unwrap();
        let mut broken = spans[0].clone();
        broken.truncate(cut.min(broken.len()));
        let at = at.min(broken.len());
        broken.splice(at..at, noise.drain(..));
        for span in [&broken[..], &broken[at..]] {
            let span = WireSpan { span, scope: scope.as_deref(), resource: &broken };
            let _ = filter.matches(&span);
            let _ = filter.matches(&WireSpan { span: resource, scope: Some(&broken), resource });
        }
    }
}
