//! What regions are asked in place of a query: conditions that each can decide of its own spans, and that no
//! trace of the answer escapes.

use crate::evaluate::gather::{Order, Reach};
use crate::federation::listing::Wanted;
use crate::federation::planned::{Asked, Planner};
use crate::traceql;
use crate::traceql::ast::{Query, Root};
use crate::traceql::conditions::InRegions;

/// Lists every trace.
pub(super) const EVERY_TRACE: &str = "{ }";

/// A Tempo lists any so many traces, and the newest only where it is asked for them.
const NEWEST: &str = "with(most_recent=true)";

/// Conditions that are asked of every region at once: each is a search more, and makes fewer traces candidates.
const CONDITIONS_MAX: usize = 4;

/// Traces of a first page: of a search twice its rows, since candidates may be none; of what needs every trace
/// as many as a page may have.
const FIRST_MIN: u32 = 64;
const FIRST_MIN_OF_ITSELF: u32 = 16;
const FIRST_MAX: u32 = 512;
const FIRST_OF_ALL: u32 = 4096;

/// Traces to look at for each row, before any were.
const PER_ROW: u32 = 2;

/// Every trace in reach.
pub(super) fn everything(
    planner: &Planner<'_>,
    reach: Option<Reach>,
    order: Order,
    rows: Option<u32>,
) -> Wanted {
    wanted(vec![planner.everyone(EVERY_TRACE)], reach, order, rows)
}

/// Traces that a search may find: those that meet each condition somewhere.
pub(super) fn of_search(text: &str, planner: &Planner<'_>, reach: Option<Reach>, rows: u32) -> Wanted {
    let Ok(query) = traceql::compile(text) else {
        return everything(planner, reach, Order::Newest, Some(rows));
    };
    let asked = planner.asked(&query);
    let is_itself = matches!(asked.each.as_slice(),
        [one] if one.iter().flatten().all(|asked| asked.root == query.root));
    let wanted = wanted(each_of(asked), reach, Order::Newest, Some(rows));
    if is_itself {
        // Whoever is listed matches; some more, since the newest parts are not always of the newest traces.
        let first = rows.saturating_add(rows / 8).saturating_add(2);
        return Wanted { first: first.clamp(FIRST_MIN_OF_ITSELF, FIRST_MAX), per_row: 1, ..wanted };
    }
    wanted
}

/// Traces that a metrics query may count.
pub(super) fn of_metrics(text: &str, planner: &Planner<'_>, reach: Option<Reach>) -> Wanted {
    let any = match traceql::compile(text) {
        Err(_) => planner.everyone(EVERY_TRACE),
        Ok(query) => texts(planner.asked(&query).any),
    };
    wanted(vec![any], reach, Order::Id, None)
}

/// What each region would be asked for candidates, by rank; nothing of one where nothing can match.
pub fn questions(query: &Query, planner: &Planner<'_>) -> Vec<Vec<String>> {
    let asked = planner.asked(query);
    let each = match &query.root {
        Root::Pipeline(_) => each_of(asked),
        Root::Metrics(_) => vec![texts(asked.any)],
    };
    let regions = each.iter().map(Vec::len).max().unwrap_or(0);
    let of_rank = |rank: usize| each.iter().filter_map(|asked| asked.get(rank)?.clone()).collect();
    (0..regions).map(of_rank).collect()
}

fn each_of(asked: InRegions) -> Vec<Asked> {
    asked.each.into_iter().take(CONDITIONS_MAX).map(texts).collect()
}

fn texts(asked: Vec<Option<Query>>) -> Asked {
    asked.into_iter().map(|query| query.map(|query| query.to_string())).collect()
}

fn wanted(queries: Vec<Asked>, reach: Option<Reach>, order: Order, rows: Option<u32>) -> Wanted {
    let newest = |query: Option<String>| query.map(|query| format!("{query} {NEWEST}"));
    let queries = queries.into_iter().map(|asked| asked.into_iter().map(newest).collect()).collect();
    let first = match (order, rows) {
        (Order::Newest, Some(rows)) => rows.saturating_mul(2).clamp(FIRST_MIN, FIRST_MAX),
        _ => FIRST_OF_ALL,
    };
    Wanted { queries, reach, order, first, per_row: PER_ROW, latest: u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RegionName;
    use crate::policy::plan::RegionPlan;
    use crate::policy::{KeyRules, Plan, Treatment};
    use crate::redaction::Redactor;

    fn with<R>(plan: &Plan, look: impl FnOnce(&Planner<'_>) -> R) -> R {
        let names = ["eu", "us"].map(|name| RegionName::parse(name).unwrap());
        look(&Planner::new(names.iter().collect(), plan, &Redactor::without_classes(), &Default::default()))
    }

    /// What the region of this rank is asked.
    fn asked_of(rank: usize, text: &str, plan: &Plan) -> Vec<String> {
        let queries = with(plan, |planner| of_search(text, planner, None, 20).queries);
        queries.into_iter().filter_map(|asked| asked[rank].clone()).collect()
    }

    /// What every region is asked.
    fn asked(text: &str, plan: &Plan) -> Vec<String> {
        let asked = [asked_of(0, text, plan), asked_of(1, text, plan)];
        assert_eq!(asked[0], asked[1]);
        asked[0].clone()
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
            let asked = [0, 1].map(|rank| asked_of(rank, nosy, &plan).join(" "));
            assert!(!asked[0].contains("email"), "{nosy}: {asked:?}");
            // The other region shows it to this caller.
            assert!(asked[1].contains("email") || nosy.contains("select"), "{nosy}: {asked:?}");
        }
        let text = "{ .user.email = \"jane\" } | rate() by(.user.email)";
        let asked = with(&plan, |planner| of_metrics(text, planner, None));
        assert!(!format!("{:?}", asked.queries[0][0]).contains("email"), "{asked:?}");
    }

    #[test]
    fn a_region_is_asked_nothing_where_its_name_rules_it_out() {
        let query = traceql::compile("{ .a = `x` } >> { resource.tutti.region = `eu` }").unwrap();
        let asked = with(&Plan::allow_all(), |planner| questions(&query, planner));
        assert_eq!(asked, [vec!["{ true }", "{ .a = `x` }"], vec!["{ .a = `x` }"]]);
        let query = traceql::compile("{ resource.tutti.region = `eu` } | rate()").unwrap();
        let asked = with(&Plan::allow_all(), |planner| questions(&query, planner));
        assert_eq!(asked, [vec!["{ true }"], vec![]]);
    }
}
