//! What holds for any document: it is drawn, within its width, each span accounted for, and a terminal is
//! told nothing but colours.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cli::trace::document::{
    Crossing, Document, Kind, Marks, Owed, Report, Resource, Span, Synthetic, Trace,
};
use crate::cli::trace::draw::{COLUMNS_MIN, draw};
use crate::cli::trace::layout::{Layout, Limits, Node, ROWS_MAX, layout};
use crate::cli::trace::read;
use crate::cli::trace::text::{misleads, width};

/// Few ids, so that parents, cycles, orphans and duplicates are frequent.
fn any_id() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => Just(Vec::new()), 9 => (0_u8..24).prop_map(|id| vec![0, id])]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("GET /".to_owned()),
        Just("\u{1b}[5m\u{9b}7m\u{7}\r\n".to_owned()),
        "\\PC{0,12}",
        "[\u{0}-\u{ff}]{0,6}[東京👩‍👩‍👧e\u{301}\u{202e}]{0,40}",
    ]
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1_763_708_400_000_000_000_u64..1_763_708_401_000_000_000, 1 => any::<u64>(), 1 => Just(0)]
}

fn any_marks() -> impl Strategy<Value = Marks> {
    let crossing = (any_text(), any_text(), any::<f64>(), prop::option::of(any::<f64>())).prop_map(
        |(from, to, latency, error)| Crossing {
            from,
            to,
            latency_ms: Some(latency),
            error_ms: error,
            clock_offset_ms: error,
        },
    );
    let synthetic = prop_oneof![
        Just(Synthetic::Placeholder),
        Just(Synthetic::Other),
        (any_text(), any_text()).prop_map(|(region, status)| Synthetic::MissingRegion { region, status }),
    ];
    let optional = (prop::option::of(any_text()), prop::option::of(crossing), prop::option::of(synthetic));
    (optional, any::<bool>(), any::<bool>()).prop_map(|((error, crossing, synthetic), in_cycle, redacted)| {
        Marks { error, crossing, synthetic, in_cycle, redacted }
    })
}

fn any_span() -> impl Strategy<Value = Span> {
    let kind = prop_oneof![Just(Kind::Client), Just(Kind::Server), Just(Kind::Other)];
    let rest = (any::<bool>(), prop::option::weighted(0.2, any_marks().prop_map(Box::new)));
    (0_usize..4, any_id(), any_id(), any_text(), kind, any_time(), any_time(), rest).prop_map(
        |(resource, id, parent_id, name, kind, start, end, (is_error, marks))| Span {
            resource,
            id,
            parent_id,
            name,
            kind,
            start,
            end,
            is_error,
            marks,
        },
    )
}

prop_compose! {
    fn any_document()(
        spans in prop::collection::vec(any_span(), 0..60),
        resources in prop::collection::vec((any_text(), any_text()), 0..4),
        texts in prop::collection::vec(any_text(), 4),
        owed in prop::collection::vec((any_id(), any::<bool>(), prop::option::of(any_text())), 0..4),
        regions in prop::collection::vec((any_text(), any_text(), any::<f64>(), any::<u64>()), 0..4),
    ) -> Document {
        let mut report = Report {
            trace_id: texts[0].clone(), outcome: texts[1].clone(), exactness: texts[2].clone(), ..Report::default()
        };
        report.owed.missing_parents = owed.len() as u64;
        report.owed.first = owed.into_iter().map(|(id, parent, suspected)| Owed {
            what: if parent { "missing_parent" } else { "client_without_server" }.to_owned(),
            span_id: super::super::document::hex(&id),
            suspected,
        }).collect();
        report.regions = regions.into_iter().map(|(name, status, took_ms, bytes)| super::super::document::RegionReport {
            name, detail: Some(status.clone()), status, took_ms, bytes, spans: bytes, treated: bytes, ..Default::default()
        }).collect();
        let resources = resources.into_iter().map(|(service, region)| Resource { service, region }).collect();
        Document { report, trace: Trace { resources, spans } }
    }
}

/// The picture without the sequences that we write ourselves.
fn without_our_colours(picture: &str) -> String {
    let ours = [0_u8, 1, 2, 31, 32, 33, 34, 35, 36, 95, 96].map(|code| format!("\u{1b}[{code}m"));
    ours.iter().fold(picture.to_owned(), |text, ours| text.replace(ours, ""))
}

fn accounted(layout: &Layout) -> u64 {
    let spans = layout.rows.iter().filter(|row| matches!(row.node, Node::Span(_)));
    spans.map(|row| row.times).sum::<u64>() + layout.rest
}

proptest! {
    #[test]
    fn any_document_is_drawn_within_its_width(document in any_document(), columns in 0_usize..200, fold in any::<bool>()) {
        let mut out = Vec::new();
        draw(&document, Limits { rows_max: 40, fold }, columns, &mut out).unwrap();
        let picture = without_our_colours(&String::from_utf8(out).unwrap());
        for line in picture.lines() {
            prop_assert!(!line.chars().any(|c| c.is_control() || misleads(c)), "{line:?}");
            prop_assert!(width(line) <= columns.max(COLUMNS_MIN), "{} columns: {line:?}", width(line));
        }
    }

    #[test]
    fn each_span_is_on_a_line_or_folded_or_in_the_rest(document in any_document(), rows_max in 0_usize..80, fold in any::<bool>()) {
        let spans = document.trace.spans.len() as u64;
        let cut = layout(&document.trace, &document.report, Limits { rows_max, fold });
        prop_assert!(cut.rows.len() <= rows_max);
        prop_assert_eq!(accounted(&cut), spans);
        let all = layout(&document.trace, &document.report, Limits::ALL);
        let mut shown: Vec<_> = all.rows.iter().filter_map(|row| match row.node { Node::Span(at) => Some(at), _ => None }).collect();
        shown.sort_unstable();
        prop_assert_eq!(shown, (0..document.trace.spans.len()).collect::<Vec<_>>());
    }

    #[test]
    fn any_json_is_a_document_or_an_error(json in any_json()) {
        let document = json!({ "report": {}, "trace": json });
        if let Ok(document) = read::document(&document.to_string()) {
            draw(&document, Limits::USUAL, 80, &mut Vec::new()).unwrap();
        }
        let _ = read::document(&json.to_string());
    }
}

/// JSON whose keys are those of a trace, with values of any kind.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number.to_string())),
        any_text().prop_map(|text| json!(text)),
        Just(json!("AAAAAAAAAAE=")),
    ];
    let key = prop::sample::select(vec![
        "resourceSpans",
        "resource",
        "scopeSpans",
        "spans",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "status",
        "code",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "events",
        "key",
        "value",
        "stringValue",
    ]);
    leaf.prop_recursive(8, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

/// As many spans as the largest traces have, in the shapes that cost a careless tree most.
#[test]
fn a_hundred_thousand_spans_are_laid_out_in_every_shape() {
    const SPANS: u64 = 100_000;
    /// The parent's id of the span at a place; its own id is one more than the place.
    type ParentOf = fn(u64) -> u64;
    let shapes: [(&str, ParentOf); 6] = [
        ("a chain", |n| n),
        ("a fan", |n| u64::from(n > 0)),
        ("one cycle", |n| if n == 0 { SPANS } else { n }),
        ("pairs that are each other's parent", |n| (n ^ 1) + 1),
        ("each its own parent", |n| n + 1),
        ("orphans", |n| SPANS + 1 + n),
    ];
    for (shape, parent) in shapes {
        let bytes = |id: u64| if id == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
        let spans = (0..SPANS)
            .map(|n| Span {
                id: bytes(n + 1),
                parent_id: bytes(parent(n)),
                name: (n % 7).to_string(),
                start: n,
                end: n + 9,
                ..Span::default()
            })
            .collect();
        let trace = Trace { resources: vec![Resource::default()], spans };
        let usual = layout(&trace, &Report::default(), Limits::USUAL);
        assert!(usual.rows.len() <= ROWS_MAX, "{shape}");
        assert_eq!(accounted(&usual), SPANS, "{shape}");
        let all = layout(&trace, &Report::default(), Limits::ALL);
        assert_eq!((accounted(&all), all.rest), (SPANS, 0), "{shape}");
    }
}
