//! What may be asked of whom, and how much of it they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::model::search::SearchAsked;
use crate::model::tags::{TagLimits, TagsForm};
use crate::model::{MetricsQuery, SearchQuery, TagValuesQuery};
use crate::policy::{
    Cell, ClassFacts, Classes, KeyLists, KeyRules, Plan, RegionPlan, Ruled, Rung, Treatment,
};
use crate::redaction::{KeyRing, Redactor};
use crate::traceql;
use crate::traceql::conditions::{Discretion, Latitude};

const REGIONS: [&str; 3] = ["eu", "us", "ap"];

fn classes() -> Arc<Classes> {
    let class = |name: &str, key: &str, structure: Option<&str>| ClassFacts {
        name: name.to_owned(),
        keys: vec![key.to_owned()],
        detectors: if name == "pii.email" { vec!["email".to_owned()] } else { Vec::new() },
        structure: structure.map(str::to_owned),
        ladder: vec![Rung::Generalised, Rung::Pseudonymised, Rung::Masked],
        ..ClassFacts::default()
    };
    let all = vec![
        class("pii.email", "user.email", None),
        class("pii.id", "user.id", None),
        class("url", "url.full", Some("url")),
    ];
    let safe_keys = vec!["service.name".to_owned()];
    let lists = KeyLists { safe_keys, scan_keys: vec!["note".to_owned()], ..KeyLists::default() };
    Arc::new(Classes::new(all, lists).unwrap())
}

/// In `eu` by class, in `us` listed keys, in `ap` everything.
fn plan(classes: &Arc<Classes>, cell: impl Fn(&str) -> Cell) -> Plan {
    let name = |region: &str| RegionName::parse(region).unwrap();
    let ruled = Ruled::fixed(classes.clone(), name("eu"), |id| cell(&classes.get(id).name));
    let keys = KeyRules::new([("user.email".to_owned(), Treatment::Mask)]);
    Plan::new(BTreeMap::from([
        (name("eu"), RegionPlan::Ruled(Arc::new(ruled))),
        (name("us"), RegionPlan::Keys(keys)),
    ]))
}

fn with<R>(cell: impl Fn(&str) -> Cell, look: impl FnOnce(&Sights<'_>) -> R) -> R {
    let classes = classes();
    let plan = plan(&classes, cell);
    let redactor = Redactor::new(classes, KeyRing::none(), 2026).unwrap();
    let names = REGIONS.map(|region| RegionName::parse(region).unwrap());
    look(&Sights::new(&names, &plan, &redactor))
}

const MASKED: Cell = Cell { rung: Rung::Masked, ..Cell::OPEN };

/// Everything of a person is masked; what is safe or unknown is shown.
fn masking(class: &str) -> Cell {
    if matches!(class, "safe" | "unknown") { Cell::OPEN } else { MASKED }
}

fn search(text: &str) -> SearchQuery {
    let asked = SearchAsked::Query(text.to_owned());
    SearchQuery { asked, limit: 20, spans_per_set: 3, window: None, page: None }
}

fn latitudes(sights: &Sights<'_>, name: &str) -> [Latitude; 3] {
    let name = traceql::identifier(name).unwrap().name;
    [0, 1, 2].map(|rank| sights.latitude(rank, &name))
}

#[test]
fn each_region_is_told_of_a_name_what_its_own_plan_lets_it() {
    use Latitude::{Clean, Everything, Existence, Nothing};
    with(masking, |sights| {
        for (name, eu, us) in [
            ("duration", Everything, Everything),
            ("status", Everything, Everything),
            ("trace:id", Everything, Everything),
            ("resource.tutti.region", Everything, Everything),
            (".tutti.region", Everything, Everything),
            // What a program wrote under the gateway's word is an attribute like others.
            ("span.tutti.region", Clean, Everything),
            ("event.tutti.region", Clean, Everything),
            ("name", Clean, Everything),
            ("statusMessage", Clean, Everything),
            ("rootServiceName", Clean, Everything),
            ("resource.service.name", Clean, Everything),
            (".shop.tier", Clean, Everything),
            ("span.note", Clean, Everything),
            // A list of pairs that becomes a text has a value only as it is shown.
            (".user.email", Nothing, Nothing),
            ("event.user.id", Nothing, Everything),
            ("span.url.full", Existence, Everything),
            // A key that would be shown under another name.
            ("span.\"of jane@example.com\"", Nothing, Everything),
        ] {
            assert_eq!(latitudes(sights, name), [eu, us, Everything], "{name}");
        }
    });
    let dropping =
        |class: &str| Cell { rung: if class == "pii.id" { Rung::Dropped } else { Rung::Raw }, ..Cell::OPEN };
    with(dropping, |sights| {
        assert_eq!(latitudes(sights, ".user.id")[0], Nothing);
        assert_eq!(latitudes(sights, ".user.email")[0], Clean);
    });
    with(|_| Cell::OPEN, |sights| assert_eq!(latitudes(sights, ".user.email")[0], Everything));
}

#[test]
fn only_a_text_that_no_treatment_leaves_and_that_says_nothing_is_clean() {
    let name = |name: &str| traceql::identifier(name).unwrap().name;
    with(masking, |sights| {
        for (text, expected) in [
            ("checkout", true),
            ("GET /cart", true),
            ("order-12345", true),
            ("jane@example.com", false),
            ("mail to jane@example.com", false),
            ("‹pii.email›", false),
            ("<redacted>", false),
            ("pn:pii.email:0:abc", false),
            ("pr:pii.email:0:abc", false),
            ("4111 1111 1111 1111", false),
        ] {
            assert_eq!(sights.is_clean(0, &name(".shop.tier"), text), expected, "{text}");
        }
        assert!(!sights.is_clean(0, &name("name"), "GET /users/{id}"), "one of many may be shown so");
    });
    let coarser = |class: &str| {
        if class == "pii.id" { Cell { rung: Rung::Generalised, ..Cell::OPEN } } else { Cell::OPEN }
    };
    with(coarser, |sights| {
        assert!(!sights.is_clean(0, &name(".shop.tier"), "1980"), "a year may be left of a day");
        assert!(sights.is_clean(0, &name(".shop.tier"), "gold"));
    });
}

#[test]
fn whoever_lacks_a_right_is_denied_by_name_wherever_it_stands() {
    let nothing = Cell { may_filter: false, may_group: false, may_list: false, ..MASKED };
    let of = |class: &str| if class == "pii.id" { nothing } else { Cell::OPEN };
    for (text, right) in [
        ("{ .user.id = `x` }", Some(Right::Filter)),
        ("{ span.user.id != nil }", Some(Right::Filter)),
        ("{ !(event.user.id =~ `x.*`) || .a = 1 }", Some(Right::Filter)),
        ("{ .a = 1 } >> { link.user.id > 5 }", Some(Right::Filter)),
        ("{ } | by(.user.id)", Some(Right::Group)),
        ("{ } | max(.user.id) > 5", Some(Right::Read)),
        ("{ } | select(.user.id)", None),
        ("{ .user.email = `x` && name = `y` }", None),
        ("{ }", None),
    ] {
        let denied = with(of, |sights| permit(search(text), sights).denied().to_vec());
        assert_eq!(denied[0].as_ref().map(|denial| denial.right), right, "{text}");
        assert_eq!(&denied[1..], [None, None], "{text}");
        assert!(denied[0].as_ref().is_none_or(|denial| denial.class == "pii.id"), "{text}");
    }
}

#[test]
fn values_are_listed_with_the_right_to_and_filtered_with_another() {
    let of = |class: &str| match class {
        "pii.id" => Cell { may_list: false, ..MASKED },
        "pii.email" => Cell { may_filter: false, ..MASKED },
        _ => Cell::OPEN,
    };
    let values = |name: &str, query: Option<&str>, form| TagValuesQuery {
        name: name.to_owned(),
        query: query.map(str::to_owned),
        window: None,
        limits: TagLimits::default(),
        form,
    };
    for (question, right) in [
        (values(".user.id", None, TagsForm::V2), Some(Right::List)),
        (values("user.id", None, TagsForm::V1), Some(Right::List)),
        (values(".user.email", None, TagsForm::V2), None),
        (values("name", Some("{ .user.email = `x` && .a = "), TagsForm::V2), Some(Right::Filter)),
        (values("name", Some("{ .user.email = `x` }"), TagsForm::V1), None),
        (values("name", Some("nonsense"), TagsForm::V2), None),
    ] {
        let denied = with(of, |sights| permit(question.clone(), sights).denied()[0].clone());
        assert_eq!(denied.map(|denial| denial.right), right, "{question:?}");
    }
    let tags = [("user.email".to_owned(), "x".to_owned())].into();
    let asked = SearchAsked::Tags { tags, min_duration_ms: 0, max_duration_ms: 0 };
    let older = SearchQuery { asked, ..search("") };
    let denied = with(of, |sights| permit(older, sights).denied()[0].clone());
    assert_eq!(
        denied.unwrap().to_string(),
        "`user.email` may not be asked for: you lack the right filterOn on pii.email"
    );
}

#[test]
fn what_a_comparison_leaves_out_is_said_by_class_whatever_there_is() {
    let of = |class: &str| match class {
        "pii.id" | "pii.email" => Cell { may_group: false, ..MASKED },
        _ => Cell::OPEN,
    };
    let said = |query: &str| {
        let asked = MetricsQuery {
            query: query.to_owned(),
            start: 1,
            end: 2,
            step: 1,
            is_instant: false,
            exemplars: 0,
            max_series: 0,
        };
        with(of, |sights| {
            let permitted = permit(asked.clone(), sights);
            [0, 1, 2].map(|rank| sights.left_out_of_comparison(rank, &permitted))
        })
    };
    let line = "compare() leaves out attributes that may not be grouped by: pii.email, pii.id";
    assert_eq!(said("{ } | compare({ status = error })"), [Some(line.to_owned()), None, None]);
    assert_eq!(said("{ } | rate()"), [None, None, None]);
}

#[test]
fn the_names_of_rights_are_those_of_policies() {
    assert_eq!(Right::ALL.map(Right::as_str), ["filterOn", "groupBy", "listValues", "readRaw"]);
}

#[test]
fn a_region_counts_groups_only_where_each_is_a_series_by_its_own_name() {
    let counted = |text: &str, max_series: u32| {
        let query = traceql::compile(text).unwrap();
        with(masking, |sights| [0, 2].map(|rank| sights.is_counted_alike(rank, &query, max_series)))
    };
    // Two notes that tell of two people are two groups as they are stored, and may be one as they are shown.
    for text in [
        "{ } | by(span.note) | count() > 1 | rate()",
        "{ } | by(span.note) | rate()",
        "{ } | rate() by(span.note) | topk(1)",
        "{ } | rate() by(span.note) | bottomk(1)",
        "({ } | rate() by(span.note)) / ({ } | rate() by(span.note))",
    ] {
        assert_eq!(counted(text, 0), [false, true], "{text}");
    }
    let series = "{ } | rate() by(span.note)";
    assert_eq!((counted(series, 0), counted(series, 5)), ([true, true], [false, true]));
    for text in ["{ } | by(status) | count() > 1 | rate()", "{ } | rate() by(status) | topk(1)"] {
        assert_eq!(counted(text, 5), [true, true], "{text}");
    }
}
