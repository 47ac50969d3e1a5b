//! What of a region's own words passes, and as what.

use std::sync::Arc;

use super::*;
use crate::model::RegionName;
use crate::model::metrics::{Exemplar, Series};
use crate::policy::{Cell, ClassFacts, Classes, KeyLists, KeyRules};
use crate::redaction::{KeyRing, Redactor};

/// E-mail addresses, names that are looked for elsewhere too, and statements.
fn classes() -> Arc<Classes> {
    let class = |name: &str, key: &str| ClassFacts {
        name: name.to_owned(),
        keys: vec![key.to_owned()],
        ladder: vec![Rung::Masked],
        ..ClassFacts::default()
    };
    let all = vec![
        ClassFacts { detectors: vec!["email".to_owned()], ..class("pii.email", "user.email") },
        ClassFacts { echo: true, ..class("pii.name", "user.full_name") },
        ClassFacts { structure: Some("statement".to_owned()), ..class("db", "db.query.text") },
        ClassFacts { structure: Some("url".to_owned()), ..class("url", "url.full") },
        ClassFacts {
            structure: Some("command_argument".to_owned()),
            ..class("argument", "process.command_args")
        },
    ];
    let lists = KeyLists { safe_keys: vec!["service.name".to_owned()], ..KeyLists::default() };
    Arc::new(Classes::new(all, lists).unwrap())
}

const MASKED: Cell = Cell { rung: Rung::Masked, ..Cell::OPEN };
const DROPPED: Cell = Cell { rung: Rung::Dropped, ..Cell::OPEN };

fn emails(class: &str) -> Cell {
    if class == "pii.email" { MASKED } else { Cell::OPEN }
}

fn names_too(class: &str) -> Cell {
    if class.starts_with("pii.") { MASKED } else { Cell::OPEN }
}

fn with<R>(cell: impl Fn(&str) -> Cell, look: impl FnOnce(RegionRules<'_>) -> R) -> R {
    let (classes, name) = (classes(), RegionName::parse("eu").unwrap());
    let ruled = Ruled::fixed(classes.clone(), name.clone(), |id| cell(&classes.get(id).name));
    let plan = RegionPlan::Ruled(Arc::new(ruled));
    let redactor = Redactor::new(classes, KeyRing::none(), 2026).unwrap();
    look(RegionRules { region: &name, plan: &plan, redactor: &redactor, marks: Marks::None })
}

fn value(kind: TagValueKind, text: &str) -> TagValue {
    TagValue { kind, value: text.to_owned() }
}

/// The values of a name as they are shown.
fn shown(cell: fn(&str) -> Cell, name: &str, told: &[TagValue]) -> Option<Vec<String>> {
    let name = traceql::identifier(name).unwrap().name;
    let inspected = Inspected { bytes: 7, ..Inspected::default() };
    let raw = Raw::seal(TagValues { values: told.to_vec(), inspected });
    let seen = with(cell, |rules| values(raw, &name, rules))?;
    assert_eq!(seen.inspected, Inspected::default(), "nothing is said of how much there is");
    Some(seen.values.iter().map(|value| format!("{} {}", value.kind.as_str(), value.value)).collect())
}

#[test]
fn each_value_of_a_key_that_may_hold_anything_is_treated_by_itself() {
    use TagValueKind::{Bool, Float, Int, Text};
    let told = [
        value(Text, "gold"),
        value(Text, "for jane@example.com"),
        value(Int, "5"),
        value(Int, "-123456789012"),
        value(Float, "0.5"),
        value(Bool, "true"),
        value(Text, ""),
    ];
    let expected = [
        "string gold",
        "string for ‹pii.email›",
        "int 5",
        "int -123456789012",
        "float 0.5",
        "bool true",
        "string ",
    ];
    for name in [".shop.tier", "span.shop.tier", "resource.shop.tier", "event.shop.tier"] {
        assert_eq!(shown(emails, name, &told).unwrap(), expected, "{name}");
    }
    let name = [value(Text, "GET /users/jane@example.com"), value(Text, "pay")];
    assert_eq!(shown(emails, "name", &name).unwrap()[1], "string pay");
    assert!(!shown(emails, "name", &name).unwrap()[0].contains("jane"));
    assert_eq!(
        shown(emails, "statusMessage", &[value(Text, "no jane@example.com")]).unwrap(),
        ["string no ‹pii.email›"]
    );
    assert_eq!(shown(emails, "status", &[value(TagValueKind::Keyword, "ok")]).unwrap(), ["keyword ok"]);
    let url =
        shown(emails, "span.url.full", &[value(Text, "https://a.example/?to=jane@example.com")]).unwrap();
    assert!(!url[0].contains("jane") && url[0].contains("a.example"), "{url:?}");
}

#[test]
fn values_of_a_class_are_masked_or_gone() {
    use TagValueKind::{Bool, Int, Text};
    let told = [value(Text, "jane@example.com"), value(Int, "7"), value(Bool, "true")];
    for mask in shown(emails, ".user.email", &told).unwrap() {
        assert!(mask.starts_with("string ‹pii.email"), "{mask}");
    }
    let dropping = |class: &str| if class == "pii.email" { DROPPED } else { Cell::OPEN };
    assert_eq!(shown(dropping, ".user.email", &told).unwrap(), Vec::<String>::new());
}

#[test]
fn where_a_value_may_be_treated_for_what_stands_beside_it_only_the_traces_tell() {
    use TagValueKind::Text;
    let told = [value(Text, "Jane Roe")];
    assert_eq!(shown(emails, ".shop.tier", &told).unwrap(), ["string Jane Roe"]);
    for name in [".shop.tier", "name", "span.url.full"] {
        assert_eq!(shown(names_too, name, &told), None, "{name}: an echo of a name may stand there");
    }
    // No echo is looked for in what is safe, nor in what is treated as a whole.
    assert_eq!(shown(names_too, "resource.service.name", &told).unwrap(), ["string Jane Roe"]);
    assert_eq!(shown(names_too, ".user.full_name", &told).unwrap(), ["string ‹pii.name›"]);
    // In which language it is stands beside it.
    assert_eq!(shown(emails, "span.db.query.text", &told), None);
    // The flag before it in its list says what it is.
    let told = ["curl", "--password", "hunter2"].map(|word| value(Text, word));
    assert_eq!(shown(emails, "span.process.command_args", &told), None);
    // It is shown under another key.
    assert_eq!(shown(emails, "span.\"of jane@example.com\"", &told), None);
}

#[test]
fn listed_keys_are_masked_in_what_is_told_too() {
    let rules = KeyRules::new([("a".to_owned(), Treatment::Mask), ("b".to_owned(), Treatment::Drop)]);
    let (plan, name) = (RegionPlan::Keys(rules), RegionName::parse("us").unwrap());
    let redactor = Redactor::without_classes();
    let rules = RegionRules { region: &name, plan: &plan, redactor: &redactor, marks: Marks::None };
    let told = |key: &str| {
        let name = traceql::identifier(key).unwrap().name;
        let all = vec![value(TagValueKind::Text, "x"), value(TagValueKind::Int, "5")];
        let seen =
            values(Raw::seal(TagValues { values: all, ..TagValues::default() }), &name, rules).unwrap();
        seen.values.iter().map(|value| value.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(".a"), ["<redacted>", "<redacted>"]);
    assert_eq!((told("span.b"), told(".c")), (vec![], vec!["x".to_owned(), "5".to_owned()]));
    let scopes = vec![(TagScope::Span, ["a", "b", "c"].map(str::to_owned).to_vec())];
    let seen = names(Raw::seal(TagNames { scopes, ..TagNames::default() }), rules).unwrap();
    assert_eq!(seen.scopes, [(TagScope::Span, vec!["a".to_owned(), "c".to_owned()])]);
}

fn names_shown(cell: fn(&str) -> Cell, told: &[&str]) -> Option<Vec<String>> {
    let told = told.iter().map(|name| (*name).to_owned()).collect();
    let intrinsics = (TagScope::Intrinsic, vec!["name".to_owned()]);
    let inspected = Inspected { traces: 3, ..Inspected::default() };
    let raw = Raw::seal(TagNames { scopes: vec![(TagScope::Span, told), intrinsics.clone()], inspected });
    let seen = with(cell, |rules| names(raw, rules))?;
    assert_eq!((seen.scopes.last(), seen.inspected), (Some(&intrinsics), Inspected::default()));
    Some(
        seen.scopes
            .iter()
            .filter(|(scope, _)| *scope == TagScope::Span)
            .flat_map(|(_, of)| of.clone())
            .collect(),
    )
}

#[test]
fn names_are_told_where_their_keys_decide_what_is_left() {
    let told = ["shop.tier", "user.email", "service.name", "url.full"];
    assert_eq!(names_shown(emails, &told).unwrap(), told);
    let dropping = |class: &str| if class == "pii.email" { DROPPED } else { Cell::OPEN };
    assert_eq!(names_shown(dropping, &told).unwrap(), ["shop.tier", "service.name", "url.full"]);
    assert_eq!(names_shown(emails, &["shop.tier", "of jane@example.com"]), None, "it is shown as another");
    assert_eq!(names_shown(names_too, &["shop.tier"]), None, "it may be the name of somebody");
    assert_eq!(names_shown(names_too, &["service.name", "user.full_name"]).unwrap().len(), 2);
}

fn counted(labels: &[(&str, ShownValue)], cell: fn(&str) -> Cell) -> bool {
    let labels: Vec<_> = labels.iter().map(|(label, value)| ((*label).to_owned(), value.clone())).collect();
    let exemplar = Exemplar { labels: labels.clone(), value: 1.0, timestamp_ms: 5 };
    let of_exemplar = Series { exemplars: vec![exemplar], ..Series::default() };
    let seen = [Series { labels, ..Series::default() }, of_exemplar].map(|series| {
        let inspected = Inspected { spans: 9, ..Inspected::default() };
        let answer = MetricsAnswer { series: vec![series], inspected, ..MetricsAnswer::default() };
        let seen = with(cell, |rules| super::series(Raw::seal(answer), rules));
        assert!(seen.as_ref().is_none_or(|seen| seen.inspected == Inspected::default()));
        seen.is_some()
    });
    assert_eq!(seen[0], seen[1], "labels of exemplars are looked at like those of series");
    seen[0]
}

#[test]
fn series_pass_where_whatever_names_them_is_shown_as_it_is_stored() {
    let text = ShownValue::text;
    assert!(counted(&[], emails));
    assert!(counted(&[("__name__", text("rate")), ("p", ShownValue::Float(0.5))], emails));
    assert!(counted(&[("status", text("error")), ("resource.service.name", text("shop"))], names_too));
    assert!(counted(&[("span.shop.tier", text("gold")), ("trace:id", text("abc"))], emails));
    assert!(!counted(&[("span.shop.tier", text("gold"))], names_too));
    assert!(!counted(&[("span.shop.tier", text("jane@example.com"))], emails));
    assert!(!counted(&[("resource.service.name", text("jane@example.com"))], emails));
    assert!(!counted(&[("span.user.email", text("x"))], emails));
    assert!(!counted(&[("span.shop.tier", ShownValue::Array(Vec::new()))], emails));
    assert!(!counted(&[("no name at all", text("x"))], emails));
    assert!(!counted(&[("span.process.command_args", text("hunter2"))], emails));
}
