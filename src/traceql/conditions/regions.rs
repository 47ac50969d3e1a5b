//! What each region is asked for in place of a query, by what is known of it.
//!
//! A trace that answers the query has, for each condition, a span that passes it in *some* region. So regions
//! may be asked for different conditions only if it is the same one everywhere: each of these alone finds all.

use super::facts::Facts;
use super::formula::Formula;
use super::local;
use super::names::Names;
use super::relax::Relaxer;
use super::structure;
use super::withheld::Withheld;
use super::{Class, filter_of, query_of};
use crate::traceql::ast::{Query, Root};

/// What to ask each region, by rank; nothing of one where no span can be part of the answer. Each asks for
/// whole traces: who is listed by any region is a candidate.
pub fn in_regions(query: &Query, withheld: &Withheld, facts: &[Facts]) -> Vec<Option<Query>> {
    let names = Names::of(query);
    let mut relaxer = Relaxer::new(&names, withheld).knowing(facts);
    let (need, itself) = match &query.root {
        Root::Pipeline(pipeline) => {
            // What no region stores can't be asked of one.
            let is_said = names.all().any(|name| facts.iter().any(|facts| facts.says(name)));
            let is_local =
                !is_said && local::pipeline(pipeline, withheld, &mut Vec::new()) == Class::SpanLocal;
            let itself =
                is_local.then(|| Query { root: Root::Pipeline(pipeline.clone()), hints: Vec::new() });
            (structure::pipeline(pipeline, &mut relaxer), itself)
        }
        Root::Metrics(metrics) => (structure::metrics(metrics, &mut relaxer), None),
    };
    let asked = |formula: Formula| match (formula, &itself) {
        (Formula::False, _) => None,
        // Each region decides it as it stands.
        (_, Some(itself)) => Some(itself.clone()),
        (formula, None) => Some(query_of(filter_of(formula.finish()))),
    };
    best(&need.spans, facts.len()).into_iter().map(asked).collect()
}

/// Of the conditions and all of them together, the one that leaves most regions out; of those, the one that
/// asks fewest for everything.
fn best(conditions: &[Formula], regions: usize) -> Vec<Formula> {
    let any = conditions.iter().cloned().reduce(Formula::or).unwrap_or(Formula::True);
    let in_each =
        |formula: &Formula| -> Vec<Formula> { (0..regions).map(|rank| formula.in_region(rank)).collect() };
    if !conditions.iter().any(Formula::differs) {
        return in_each(&any);
    }
    let cost = |asked: &Vec<Formula>| {
        let count = |wanted: fn(&Formula) -> bool| asked.iter().filter(|formula| wanted(formula)).count();
        (count(|formula| *formula != Formula::False), count(|formula| *formula == Formula::True))
    };
    let each = conditions.iter().map(in_each);
    each.min_by_key(cost).into_iter().chain([in_each(&any)]).min_by_key(cost).unwrap_or_default()
}
