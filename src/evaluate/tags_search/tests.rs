//! What each kind of tag is compared with, and where tags may be met.

use super::*;
use crate::evaluate::made::{ID, batch, joined, span, text, texts, with_status};
use crate::trace::Joined;
use opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue;

fn trace() -> Joined {
    let root = span(
        1,
        0,
        &[
            ("http.method", text("GET")),
            ("http.status_code", IntValue(503)),
            ("order", text("a-1")),
            ("tags", texts(&["x", "y"])),
        ],
    );
    let child =
        span(2, 1, &[("order", text("b-2")), ("count", IntValue(7)), ("http.status_code", text("odd"))]);
    joined(vec![
        batch(&[("service.name", text("shop-front")), ("zone", text("eu-1"))], vec![root]),
        batch(
            &[("service.name", text("shop-back")), ("zone", text("us-1")), ("k8s.pod.name", text("back-7f"))],
            vec![with_status(2, child)],
        ),
    ])
}

fn matches(tags: &[(&str, &str)], (least, most): (u32, u32)) -> bool {
    let joined = trace();
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    TagsSearch::new(&tags, least, most).decide(&TraceRows::of(ID, &joined)).is_some()
}

#[test]
fn names_and_columns_contain_a_value_and_other_attributes_equal_it() {
    let table: [(&[(&str, &str)], bool); 25] = [
        (&[], true),
        (&[("name", "span")], true),
        (&[("name", "Span")], false),
        (&[("service.name", "back")], true),
        (&[("service.name", "db")], false),
        (&[("root.name", "pan 1")], true),
        (&[("root.name", "span 2")], false),
        (&[("root.service.name", "front")], true),
        (&[("root.service.name", "back")], false),
        (&[("status.code", "error")], true),
        (&[("status.code", "unset")], true),
        (&[("status.code", "ok")], false),
        (&[("status.code", "nonsense")], true),
        (&[("http.method", "GE")], true),
        (&[("http.method", "get")], false),
        (&[("http.status_code", "503")], true),
        (&[("http.status_code", "50")], false),
        (&[("http.status_code", "odd")], true),
        (&[("k8s.pod.name", "back-")], true),
        (&[("order", "a-1")], true),
        (&[("order", "a")], false),
        (&[("zone", "eu-1")], true),
        (&[("count", "7")], false),
        (&[("tags", "y")], true),
        (&[("error", "true")], false),
    ];
    for (tags, expected) in table {
        assert_eq!(matches(tags, (0, 0)), expected, "{tags:?}");
    }
}

#[test]
fn what_is_asked_of_regions_finds_all_that_the_tags_find() {
    type Tags = &'static [(&'static str, &'static str)];
    let said: [(Tags, Option<&str>); 5] = [
        (&[], None),
        (&[("name", "")], None),
        (&[("name", "a.b")], Some("{ name =~ `.*a\\.b.*` }")),
        (&[("zone", "eu \"1\"")], Some("{ resource.zone = `eu \"1\"` || span.zone = `eu \"1\"` }")),
        (
            &[("http.status_code", "503"), ("status.code", "error")],
            Some("{ span.http.status_code = 503 } && { status = error }"),
        ),
    ];
    for (tags, expected) in said {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(TagsSearch::new(&tags, 5, 6).weaker().as_deref(), expected, "{tags:?}");
    }
    let joined = trace();
    let trace = TraceRows::of(ID, &joined);
    let keys = [
        "name",
        "service.name",
        "root.name",
        "root.service.name",
        "status.code",
        "http.method",
        "order",
        "tags",
        "zone",
        "http.status_code",
        "count",
        "k8s.pod.name",
        "a \"b\"",
    ];
    let values =
        ["", "span 1", "front", "shop", "GET", "ET", "a-1", "b-2", "x", "y", "503", "odd", "error", "back-"];
    let pairs = keys.iter().flat_map(|key| values.iter().map(move |value| (*key, *value)));
    let (mut found, mut all) = (0, Vec::new());
    for one in pairs {
        all.push(vec![one]);
        all.push(vec![one, ("order", "a-1")]);
    }
    for tags in all {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let search = TagsSearch::new(&tags, 0, 0);
        let (Some(_), Some(text)) = (search.decide(&trace), search.weaker()) else { continue };
        let weaker = search::Search::compile(&text).unwrap();
        assert!(weaker.decide(&trace, 3).unwrap().is_some(), "{tags:?}: {text}");
        found += 1;
    }
    assert!(found > 30, "{found}");
}

#[test]
fn attributes_are_met_together_in_one_resource_and_columns_anywhere() {
    assert!(matches(&[("order", "a-1"), ("zone", "eu-1")], (0, 0)));
    assert!(!matches(&[("order", "a-1"), ("zone", "us-1")], (0, 0)));
    assert!(matches(&[("order", "a-1"), ("service.name", "back"), ("status.code", "error")], (0, 0)));
    // Two elements of one array that are both asked for.
    assert!(!matches(&[("tags", "x"), ("order", "y")], (0, 0)));
}

#[test]
fn a_trace_lasts_between_the_bounds() {
    // From the first start to the last end: one second and two milliseconds.
    let table =
        [((1002, 0), true), ((1003, 0), false), ((0, 1002), true), ((0, 1001), false), ((1002, 1002), true)];
    for (bounds, expected) in table {
        assert_eq!(matches(&[], bounds), expected, "{bounds:?}");
    }
}

#[test]
fn a_row_has_no_spans() {
    let joined = trace();
    let row = TagsSearch::new(&BTreeMap::new(), 0, 0).decide(&TraceRows::of(ID, &joined)).unwrap();
    assert_eq!((row.root_service.as_str(), row.root_name.as_str()), ("shop-front", "span 1"));
    assert_eq!((row.start, row.duration_ns), (1_001_000_000_000, 1_002_000_000));
    assert!(row.span_sets.is_empty() && row.service_stats.is_empty());
}
