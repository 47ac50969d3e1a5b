//! What is asked of each region, by what is known of it.

use super::*;
use crate::traceql::ast::Intrinsic;

const NAMES: [&str; 3] = ["eu", "us", "ap"];

fn names_alone() -> Vec<Facts> {
    NAMES.map(|name| Facts::nothing().saying("tutti.region", name)).into()
}

fn said(text: &str, facts: &[Facts], withheld: &Withheld) -> Vec<String> {
    let query = compile(text).unwrap_or_else(|error| panic!("{}", error.caret(text)));
    texts(&in_regions(&query, withheld, facts).any)
}

fn texts(asked: &Asked) -> Vec<String> {
    asked.iter().map(|query| query.as_ref().map_or("-".to_owned(), ToString::to_string)).collect()
}

fn check_table(facts: &[Facts], table: &[(&str, [&str; 3])]) {
    for (text, expected) in table {
        assert_eq!(said(text, facts, &Withheld::nothing()), *expected, "{text}");
    }
}

#[test]
fn a_region_that_cannot_match_by_its_name_is_not_asked() {
    check_table(
        &names_alone(),
        &[
            ("{ resource.tutti.region = `eu` }", ["{ true }", "-", "-"]),
            ("{ .tutti.region = `eu` }", ["{ true }", "-", "-"]),
            ("{ `eu` = resource.tutti.region }", ["{ true }", "-", "-"]),
            ("{ resource.tutti.region != `eu` }", ["-", "{ true }", "{ true }"]),
            ("{ resource.tutti.region =~ `e.*|ap` }", ["{ true }", "-", "{ true }"]),
            ("{ resource.tutti.region !~ `.*` }", ["-", "-", "-"]),
            ("{ resource.tutti.region < `eu` }", ["-", "-", "{ true }"]),
            ("{ resource.tutti.region = `eu` && .a = `x` }", ["{ .a = `x` }", "-", "-"]),
            ("{ resource.tutti.region = `eu` || .a = `x` }", ["{ true }", "{ .a = `x` }", "{ .a = `x` }"]),
            (
                "{ (resource.tutti.region = `eu` && .a = `x`) || (resource.tutti.region = `us` && .b = `y`) }",
                ["{ .a = `x` }", "{ .b = `y` }", "-"],
            ),
            ("{ resource.tutti.region = `nowhere` }", ["-", "-", "-"]),
            ("{ resource.tutti.region = `eu` } | count() > 3", ["{ true }", "-", "-"]),
            ("{ resource.tutti.region = `eu` && .a = `x` } | rate()", ["{ .a = `x` }", "-", "-"]),
            (
                "({ resource.tutti.region = `eu` } | rate()) / ({ .a = `x` } | rate())",
                ["{ true }", "{ .a = `x` }", "{ .a = `x` }"],
            ),
        ],
    );
}

#[test]
fn what_the_name_cannot_decide_is_asked_of_all_and_never_by_name() {
    let everything = ["{ true }"; 3];
    check_table(
        &names_alone(),
        &[
            ("{ !(resource.tutti.region = `eu`) }", everything),
            ("{ resource.tutti.region = nil }", everything),
            ("{ resource.tutti.region != nil }", everything),
            ("{ `eu` < resource.tutti.region }", everything),
            ("{ resource.tutti.region = 1 }", everything),
            ("{ resource.tutti.region = .a }", ["{ .a != nil }"; 3]),
            ("{ resource.tutti.region = `eu` || !(.a = `x`) }", everything),
            // The event's attribute may answer.
            ("{ .tutti.region = `eu` && event.tutti.region = `x` }", ["{ event.tutti.region = `x` }"; 3]),
            ("{ .tutti.region = nil || .tutti.region = `eu` }", everything),
            ("{ } | by(resource.tutti.region)", everything),
            ("{ .a = `x` } | select(.tutti.region)", ["{ .a = `x` }"; 3]),
            ("{ .a = `x` } | rate() by(resource.tutti.region)", ["{ .a = `x` }"; 3]),
        ],
    );
}

#[test]
fn regions_are_asked_for_the_same_condition_of_several() {
    check_table(
        &names_alone(),
        &[
            // Each of the two finds all; asked for one here and the other there, they would find none.
            ("{ resource.tutti.region = `eu` } >> { resource.tutti.region = `us` }", ["{ true }", "-", "-"]),
            ("{ .a = `x` } >> { resource.tutti.region = `us` && .b = `y` }", ["-", "{ .b = `y` }", "-"]),
            (
                "{ resource.tutti.region = `eu` } || { resource.tutti.region = `us` && .b = `y` }",
                ["{ true }", "{ .b = `y` }", "-"],
            ),
            ("{ } !>> { resource.tutti.region = `ap` }", ["-", "-", "{ true }"]),
        ],
    );
}

#[test]
fn conditions_that_must_all_be_met_are_each_asked_where_they_can_be() {
    let each = |text: &str| -> Vec<String> {
        let asked = in_regions(&compile(text).unwrap(), &Withheld::nothing(), &names_alone());
        asked.each.iter().map(|asked| texts(asked).join(" ")).collect()
    };
    assert_eq!(
        each("{ resource.tutti.region = `eu` } >> { resource.tutti.region = `us` }"),
        ["{ true } - -", "- { true } -"]
    );
    assert_eq!(
        each("{ .a = `x` } >> { resource.tutti.region = `us` && .b = `y` }"),
        ["- { .b = `y` } -", "{ .a = `x` } { .a = `x` } { .a = `x` }"]
    );
    assert_eq!(
        each("{ rootName = `r` && resource.tutti.region = `us` }"),
        ["- { true } -", "{ rootName = `r` } { rootName = `r` } { rootName = `r` }"]
    );
    assert_eq!(each("{ .a = `x` && .b = `y` }").len(), 1);
    assert_eq!(each("{ } >> { }"), ["{ true } { true } { true }"]);
}

#[test]
fn what_says_nothing_of_regions_is_asked_of_all_as_ever_or_of_none() {
    let mut same = 0;
    for line in include_str!("../../tests/accepted.txt").lines() {
        let Ok(query) = compile(line) else { continue };
        let asked = in_regions(&query, &Withheld::nothing(), &names_alone()).any;
        let of = of(&query, &Withheld::nothing());
        if names_of_resource(&query, "tutti.region") || of.any.to_string() == "{ false }" {
            continue;
        }
        let is_same = asked.iter().all(|asked| asked.as_ref() == Some(&of.any));
        let is_never = asked.iter().all(Option::is_none);
        assert!(is_same || is_never, "{line}");
        same += usize::from(is_same);
    }
    assert!(same > 200, "{same}");
}

#[test]
fn declared_facts_leave_out_what_they_rule_out_and_nothing_else() {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let facts = [
        Facts::nothing().with_services(owned(&["shop", "pay"])).without("env", owned(&["staging"])),
        Facts::nothing().without("env", owned(&["prod", "live"])),
        Facts::nothing(),
    ];
    let all = |text: &'static str| [text; 3];
    check_table(
        &facts,
        &[
            ("{ resource.service.name = `shop` }", all("{ resource.service.name = `shop` }")),
            (
                "{ resource.service.name = `mail` }",
                ["-", "{ resource.service.name = `mail` }", "{ resource.service.name = `mail` }"],
            ),
            // There may be spans without a service.
            ("{ resource.service.name != `shop` }", all("{ resource.service.name != `shop` }")),
            ("{ resource.service.name =~ `m.*|` }", all("{ resource.service.name =~ `m.*|` }")),
            (
                "{ resource.service.name =~ `m.+` }",
                ["-", "{ resource.service.name =~ `m.+` }", "{ resource.service.name =~ `m.+` }"],
            ),
            // A span may say it too.
            ("{ .service.name = `mail` }", all("{ .service.name = `mail` }")),
            ("{ !(resource.service.name = `mail`) }", all("{ !(resource.service.name = `mail`) }")),
            (
                "{ resource.env = `prod` && .a = `x` }",
                [
                    "{ (resource.env = `prod`) && (.a = `x`) }",
                    "-",
                    "{ (resource.env = `prod`) && (.a = `x`) }",
                ],
            ),
            (
                "{ resource.env = `staging` || resource.env = `prod` }",
                all("{ (resource.env = `staging`) || (resource.env = `prod`) }"),
            ),
            ("{ resource.env =~ `prod` }", all("{ resource.env =~ `prod` }")),
            ("{ resource.env != `prod` }", all("{ resource.env != `prod` }")),
            ("{ .env = `prod` }", all("{ .env = `prod` }")),
            (
                "{ resource.env = `prod` } >> { .a = `x` }",
                ["{ resource.env = `prod` }", "-", "{ resource.env = `prod` }"],
            ),
        ],
    );
}

#[test]
fn nothing_is_told_of_what_is_withheld() {
    let facts = [Facts::nothing().without("env", ["prod".to_owned()]), Facts::nothing(), Facts::nothing()];
    let withheld: Withheld = [attribute(".env")].into_iter().collect();
    // The caller may see another value than the one that is declared.
    assert_eq!(said("{ resource.env = `prod` }", &facts, &withheld), ["{ true }"; 3]);
    // Where spans come from is no secret, and is known to the gateway whatever is withheld.
    let withheld: Withheld = [attribute(".tutti.region"), attribute(".a")].into_iter().collect();
    let asked = said("{ resource.tutti.region = `us` && .a = 1 }", &names_alone(), &withheld);
    assert_eq!(asked, ["-", "{ true }", "-"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever else stands in a query: what the gateway says is asked of no region.
    #[test]
    fn no_region_is_asked_about_its_name(query in generated::query()) {
        let facts = [
            Facts::nothing().saying("a", "x"),
            Facts::nothing().saying("a", "y"),
        ];
        let InRegions { each, any } = in_regions(&query, &Withheld::nothing(), &facts);
        prop_assert!(!each.is_empty());
        for asked in each.into_iter().chain([any]).flatten().flatten() {
            prop_assert!(!names_of_resource(&asked, "a"), "{} of {}", asked, query);
        }
    }
}

/// By rank: everything, clean texts, existence, nothing.
struct Told;

impl Discretion for Told {
    fn latitude(&self, region: usize, name: &AttributeName) -> Latitude {
        use Latitude::{Clean, Everything, Existence, Nothing};
        match name {
            AttributeName::Intrinsic(Intrinsic::Name) => [Everything, Clean, Clean, Clean][region],
            AttributeName::Named { key, .. } if key == "k" => [Everything, Clean, Existence, Nothing][region],
            _ => Everything,
        }
    }

    fn is_clean(&self, _: usize, _: &AttributeName, text: &str) -> bool {
        !text.contains("secret")
    }
}

#[test]
fn each_region_is_told_as_much_as_it_may_be_and_always_finds_enough() {
    let facts = vec![Facts::nothing(); 4];
    for (text, expected) in [
        ("{ .k = `a` }", ["{ .k = `a` }", "{ .k = `a` }", "{ .k != nil }", "{ true }"]),
        ("{ .k = `secret` }", ["{ .k = `secret` }", "{ .k != nil }", "{ .k != nil }", "{ true }"]),
        ("{ .k != `a` }", ["{ .k != `a` }", "{ .k != nil }", "{ .k != nil }", "{ true }"]),
        ("{ .k > `a` }", ["{ .k > `a` }", "{ .k != nil }", "{ .k != nil }", "{ true }"]),
        ("{ .k =~ `a.*` }", ["{ .k =~ `a.*` }", "{ .k != nil }", "{ .k != nil }", "{ true }"]),
        ("{ .k =~ `a|secret` }", ["{ .k =~ `a|secret` }", "{ .k != nil }", "{ .k != nil }", "{ true }"]),
        ("{ .k = true }", ["{ .k = true }", "{ .k = true }", "{ .k != nil }", "{ true }"]),
        ("{ name = `a` }", ["{ name = `a` }", "{ name = `a` }", "{ name = `a` }", "{ name = `a` }"]),
        ("{ name != `a` }", ["{ name != `a` }", "{ true }", "{ true }", "{ true }"]),
        (
            "{ .k = `a` && .b = `c` }",
            [
                "{ .k = `a` && .b = `c` }",
                "{ .k = `a` && .b = `c` }",
                "{ .k != nil && .b = `c` }",
                "{ .b = `c` }",
            ],
        ),
        (
            "{ .k = `a` || .b = `c` }",
            ["{ .k = `a` || .b = `c` }", "{ .k = `a` || .b = `c` }", "{ .k != nil || .b = `c` }", "{ true }"],
        ),
    ] {
        let query = compile(text).unwrap();
        let asked = discreetly(&query, &Withheld::nothing(), &facts, &Told);
        let said: Vec<String> = texts(&asked.any).iter().map(|text| text.replace(['(', ')'], "")).collect();
        assert_eq!(said, expected, "{text}");
    }
    let long = compile("{ .k > 4111111111111110 }").unwrap();
    let asked = texts(&discreetly(&long, &Withheld::nothing(), &facts, &Told).any);
    assert_eq!(asked[1], "{ .k != nil }", "a number that means something is not tested");
    let several = compile("{ .k =~ `a|b` }").unwrap();
    let asked = texts(&discreetly(&several, &Withheld::nothing(), &facts, &Told).any);
    assert!(asked[1].contains(".k = `a`") && asked[1].contains(".k = `b`"), "{asked:?}");
}
