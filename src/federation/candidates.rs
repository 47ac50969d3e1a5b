//! What regions are asked in place of a query: conditions that each can decide of its own spans, and that no
//! trace of the answer escapes.

use crate::evaluate::gather::{Order, Reach};
use crate::federation::listing::Wanted;
use crate::policy::Plan;
use crate::traceql::ast::{AttributeName, Scope};
use crate::traceql::conditions::{self, Conditions};
use crate::traceql::{self, lenient};

/// Lists every trace.
const EVERY_TRACE: &str = "{ }";

/// A Tempo lists any so many traces, and the newest only where it is asked for them.
const NEWEST: &str = "with(most_recent=true)";

/// Conditions that are asked of every region at once: each is a search more, and makes fewer traces candidates.
const CONDITIONS_MAX: usize = 4;

/// Traces of a first page: of a search twice its rows, since candidates may be none; of what needs every trace
/// as many as a page may have.
const FIRST_MIN: u32 = 64;
const FIRST_MAX: u32 = 512;
const FIRST_OF_ALL: u32 = 4096;

/// Every trace in reach.
pub(super) fn everything(reach: Option<Reach>, order: Order, rows: Option<u32>) -> Wanted {
    wanted(vec![EVERY_TRACE.to_owned()], reach, order, rows)
}

/// Traces that a search may find: those that meet each condition somewhere.
pub(super) fn of_search(text: &str, plan: &Plan, reach: Option<Reach>, rows: u32) -> Wanted {
    let queries = match conditions_of(text, plan) {
        None => vec![EVERY_TRACE.to_owned()],
        Some(conditions) => conditions.each.iter().take(CONDITIONS_MAX).map(ToString::to_string).collect(),
    };
    wanted(queries, reach, Order::Newest, Some(rows))
}

/// Traces that a metrics query may count.
pub(super) fn of_metrics(text: &str, plan: &Plan, reach: Option<Reach>) -> Wanted {
    let any = conditions_of(text, plan).map_or(EVERY_TRACE.to_owned(), |found| found.any.to_string());
    wanted(vec![any], reach, Order::Id, None)
}

/// Whether what a half-typed query leaves of a trace can be told by each region for its own spans.
pub(super) fn is_span_local(text: &str) -> bool {
    use traceql::ast::Intrinsic as I;
    let of_trace = |name: &AttributeName| {
        matches!(
            name,
            AttributeName::Intrinsic(
                I::RootName
                    | I::RootServiceName
                    | I::TraceDuration
                    | I::ChildCount
                    | I::NestedSetLeft
                    | I::NestedSetRight
                    | I::NestedSetParent
                    | I::Parent
            )
        )
    };
    // More alternatives than are read are refused by whoever reads them.
    let groups = lenient::condition_groups(text).unwrap_or_default();
    !groups.iter().flatten().any(|condition| of_trace(&condition.attribute))
}

fn wanted(queries: Vec<String>, reach: Option<Reach>, order: Order, rows: Option<u32>) -> Wanted {
    let queries = queries.into_iter().map(|query| format!("{query} {NEWEST}")).collect();
    let first = match (order, rows) {
        (Order::Newest, Some(rows)) => rows.saturating_mul(2).clamp(FIRST_MIN, FIRST_MAX),
        _ => FIRST_OF_ALL,
    };
    Wanted { queries, reach, order, first }
}

fn conditions_of(text: &str, plan: &Plan) -> Option<Conditions> {
    let withheld = plan.withheld_keys().into_iter().map(|key| AttributeName::Named {
        parent: false,
        scope: Scope::Any,
        key: key.to_owned(),
    });
    let query = traceql::compile(text).ok()?;
    Some(conditions::of(&query, &withheld.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegionName;
    use crate::policy::plan::RegionPlan;
    use crate::policy::{KeyRules, Treatment};

    fn asked(text: &str, plan: &Plan) -> Vec<String> {
        of_search(text, plan, None, 20).queries
    }

    #[test]
    fn regions_are_asked_what_they_can_decide_and_nothing_about_what_is_withheld() {
        let all = Plan::allow_all();
        assert_eq!(asked("{ .a = \"1\" } >> { .b = true }", &all).len(), 2);
        assert_eq!(asked("{ .a = \"1\" } | count() > 2", &all).len(), 1);
        assert_eq!(asked("{ rootName = \"a\" } | count() > 2", &all).len(), 1);
        for text in ["{ .a = 1 } >> { .b = 2 }", "{ .a = 1 }", "{ } | count() > 3", "{ } | by(.a)"] {
            for query in asked(text, &all) {
                assert!(traceql::compile(&query).is_ok(), "{query}");
                assert!(query.ends_with(NEWEST), "{query}");
            }
        }
        let rules = KeyRules::new([("user.email".to_owned(), Treatment::Mask)]);
        let plan = Plan::new([(RegionName::parse("eu").unwrap(), RegionPlan::Keys(rules))].into());
        for nosy in [
            "{ .user.email = \"jane\" }",
            "{ span.user.email =~ \"j.*\" && .a = 1 }",
            "{ .a = 1 } | select(.user.email)",
            "{ .a = 1 } && { resource.user.email != nil }",
            "{ .user.email = \"jane\" } >> { .a = 1 }",
        ] {
            let asked = asked(nosy, &plan).join(" ");
            assert!(!asked.contains("email"), "{nosy}: {asked}");
        }
        let asked = of_metrics("{ .user.email = \"jane\" } | rate() by(.user.email)", &plan, None);
        assert!(!asked.queries.join("").contains("email"), "{asked:?}");
    }

    #[test]
    fn a_filter_on_what_belongs_to_the_whole_trace_is_not_span_local() {
        for text in ["", "{ }", "{ .a = 1 && name = \"b\" }", "{ .a = ", "{ trace:id = \"1\" }"] {
            assert!(is_span_local(text), "{text}");
        }
        for text in
            ["{ rootName = \"a\" }", "{ .a = 1 && traceDuration > 1s }", "{ rootServiceName = \"a\" && .b ="]
        {
            assert!(!is_span_local(text), "{text}");
        }
    }
}
