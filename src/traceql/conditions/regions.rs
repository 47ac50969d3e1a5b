//! What each region is asked for in place of a query, by what is known of it.
//!
//! A trace that answers the query has, for each condition, a span that passes it in *some* region. So regions
//! may be asked for different conditions only if it is the same one everywhere: each of these alone finds all.

use super::discretion::{Discretion, Latitude, Open};
use super::facts::Facts;
use super::formula::Formula;
use super::local;
use super::names::Names;
use super::relax::Relaxer;
use super::structure;
use super::withheld::Withheld;
use super::{Class, always_lists, everything, filter_of, query_of};
use crate::traceql::ast::{Query, Root, SpansetExpr, Stage};

/// What regions are asked, by rank; nothing of one where no span can pass.
pub type Asked = Vec<Option<Query>>;

/// What regions are asked in place of a query, by what is known of each.
#[derive(Debug, Clone, PartialEq)]
pub struct InRegions {
    /// Never empty. Every trace of the answer is found by each of them in some region. Those that leave most
    /// regions out come first.
    pub each: Vec<Asked>,
    /// One that finds every candidate alone.
    pub any: Asked,
}

/// By the rank of the facts. A region may be asked for something else than another, but nobody is asked about
/// what the gateway says itself.
pub fn in_regions(query: &Query, withheld: &Withheld, facts: &[Facts]) -> InRegions {
    discreetly(query, withheld, facts, &Open)
}

/// The same where not every region may be told everything. A region that may not is asked for more traces.
pub fn discreetly(
    query: &Query,
    withheld: &Withheld,
    facts: &[Facts],
    discretion: &dyn Discretion,
) -> InRegions {
    let names = Names::of(query);
    let mut relaxer = Relaxer::new(&names, withheld).knowing(facts).with_discretion(discretion);
    if matches!(query.root, Root::Metrics(_)) {
        relaxer = relaxer.counted();
    }
    let tells_all = (0..facts.len())
        .all(|region| names.all().all(|name| discretion.latitude(region, name) == Latitude::Everything));
    // What no region stores can't be asked of one.
    let is_said = names.all().any(|name| facts.iter().any(|facts| facts.says(name)));
    let is_local = !is_said
        && tells_all
        && matches!(&query.root, Root::Pipeline(pipeline)
            if always_lists(pipeline)
                && local::pipeline(pipeline, withheld, &mut Vec::new()) == Class::SpanLocal);
    let (need, itself) = match &query.root {
        Root::Pipeline(pipeline) => {
            let itself =
                is_local.then(|| Query { root: Root::Pipeline(pipeline.clone()), hints: Vec::new() });
            (structure::pipeline(pipeline, &mut relaxer), itself)
        }
        Root::Metrics(metrics) => (structure::metrics(metrics, &mut relaxer), None),
    };
    let best = best(&need.spans, facts.len());
    let any = match itself {
        // Each region decides it as it stands.
        Some(itself) => {
            let asked = |formula: Formula| (formula != Formula::False).then(|| itself.clone());
            best.into_iter().map(asked).collect()
        }
        None => asked(best),
    };
    if is_local && is_one_filter(query) {
        return InRegions { each: vec![any.clone()], any };
    }
    let spans = need.spans.iter().map(|formula| in_each(formula, facts.len()));
    let roots = need.roots.iter().map(|formula| in_each(formula, facts.len()));
    let mut each: Vec<Asked> = spans.chain(roots).map(asked).filter(|asked| !is_open(asked)).collect();
    each.sort_by_key(|asked| asked.iter().flatten().count());
    each.dedup();
    if each.is_empty() {
        each.push(any.clone());
    }
    InRegions { each, any }
}

fn is_one_filter(query: &Query) -> bool {
    matches!(&query.root, Root::Pipeline(pipeline)
        if matches!(pipeline.stages.as_slice(), [Stage::Spanset(SpansetExpr::Filter(_))]))
}

fn in_each(formula: &Formula, regions: usize) -> Vec<Formula> {
    (0..regions).map(|rank| formula.in_region(rank)).collect()
}

fn asked(formulas: Vec<Formula>) -> Asked {
    let query = |formula: Formula| query_of(filter_of(formula.finish()));
    formulas.into_iter().map(|formula| (formula != Formula::False).then(|| query(formula))).collect()
}

/// Whether everything of every region is asked for.
fn is_open(asked: &Asked) -> bool {
    let everything = query_of(everything());
    asked.iter().all(|query| query.as_ref() == Some(&everything))
}

/// Of the conditions and all of them together, the one that leaves most regions out; of those, the one that
/// asks fewest for everything.
fn best(conditions: &[Formula], regions: usize) -> Vec<Formula> {
    let any = conditions.iter().cloned().reduce(Formula::or).unwrap_or(Formula::True);
    let any_in_each = in_each(&any, regions);
    if !conditions.iter().any(Formula::differs) {
        return any_in_each;
    }
    let cost = |asked: &Vec<Formula>| {
        let count = |wanted: fn(&Formula) -> bool| asked.iter().filter(|formula| wanted(formula)).count();
        (count(|formula| *formula != Formula::False), count(|formula| *formula == Formula::True))
    };
    let each = conditions.iter().map(|formula| in_each(formula, regions));
    each.chain([any_in_each]).min_by_key(cost).unwrap_or_default()
}
