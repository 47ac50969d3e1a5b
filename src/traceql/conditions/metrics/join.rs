//! Metrics by what only the root knows: first the ids of the traces from the region that holds their root,
//! then their spans from every region, by id.
//!
//! The list of ids stands where the condition on the root stood, and belongs to the trace as that did, so what
//! the search sees of a span stays the same.

use super::{Way, of_local};
use crate::traceql::ast::{
    Attribute, AttributeName, Binary, Chain, FieldExpr, Intrinsic, Literal, MetricsFunction, Pipeline, Query,
    Root, SpansetExpr, SpansetFilter, Stage,
};
use crate::traceql::conditions::Class;
use crate::traceql::conditions::local;
use crate::traceql::conditions::reason::Reason;
use crate::traceql::conditions::withheld::Withheld;
use crate::traceql::fold::fold;
use crate::traceql::pattern::Patterns;
use crate::traceql::place::Place;
use crate::traceql::types::Operator;

/// Ids in one question: some 48 bytes each, so that the text stays below what a region reads.
pub const IDS_MAX: usize = 2500;

/// A leaf that is answered in two rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct RootJoin {
    /// Finds, by their root spans, the traces whose root fits.
    pub roots: Query,
    /// What the root gives each series of its traces: where not empty, the second round is asked for each
    /// value of these on its own.
    pub labels: Vec<Attribute>,
    /// Whether traces without any root can't be meant, so that nothing is left out.
    pub is_exact: bool,
    /// What is asked of the spans beside their trace's id; nothing where every span counts.
    rest: Option<FieldExpr>,
    function: MetricsFunction,
}

impl RootJoin {
    /// What is asked about the spans of these traces, at most [`IDS_MAX`] in lower-case hexadecimal; nothing
    /// where there are none.
    pub fn second(&self, ids: &[String]) -> Option<Way> {
        self.way(ids, &mut Vec::new())
    }

    fn way(&self, ids: &[String], reasons: &mut Vec<Reason>) -> Option<Way> {
        let place = Place::default();
        let of_trace = |id: &String| {
            FieldExpr::Binary(Box::new(Binary {
                operator: Operator::Equal,
                left: FieldExpr::Attribute(Attribute {
                    name: AttributeName::Intrinsic(Intrinsic::TraceId),
                    place,
                }),
                right: FieldExpr::Literal { value: Literal::Text(id.clone()), place },
                place,
            }))
        };
        let mut tests = ids.iter().take(IDS_MAX).map(of_trace);
        let first = tests.next()?;
        let others = tests.map(|test| (Operator::Or, test));
        let rest: Vec<_> = others.chain(self.rest.iter().map(|rest| (Operator::And, rest.clone()))).collect();
        let field =
            if rest.is_empty() { first } else { FieldExpr::Chain(Box::new(Chain { first, rest, place })) };
        of_local(&pipeline_of(field), &self.function, reasons)
    }
}

/// The two rounds of a leaf, where they are exact for traces that have a root.
pub(super) fn of(
    pipeline: &Pipeline,
    function: &MetricsFunction,
    withheld: &Withheld,
    reasons: &mut Vec<Reason>,
) -> Option<RootJoin> {
    let [Stage::Spanset(SpansetExpr::Filter(filter))] = pipeline.stages.as_slice() else { return None };
    let (roots, rest): (Vec<FieldExpr>, Vec<FieldExpr>) =
        conjuncts(&fold(&filter.field))?.into_iter().partition(is_of_root);
    let (function, labels) = without_root_labels(function)?;
    let is_local = |field: &FieldExpr| local::field(field, withheld, &mut Vec::new()) == Class::SpanLocal;
    let reads_root = roots.iter().chain(&rest).any(|field| names_withheld(field, withheld))
        || labels.iter().any(|label| withheld.covers(&label.name));
    let is_read_locally = super::read_locally(&function, withheld, &mut Vec::new()) == Class::SpanLocal;
    if reads_root || !rest.iter().all(is_local) || !is_read_locally {
        return None;
    }
    // Without a condition on the trace, a list of ids would bring one in and change what is seen.
    if roots.is_empty() && !rest.iter().all(is_positive) {
        return None;
    }
    if !roots.iter().all(wants_a_root) {
        return None;
    }
    let join = RootJoin {
        is_exact: !roots.is_empty(),
        roots: roots_query(roots),
        labels,
        rest: rest.into_iter().reduce(chained),
        function,
    };
    // The second round must add up as well.
    join.way(&["0".to_owned()], reasons).is_some().then_some(join)
}

/// The parts of a filter that must all hold; nothing where it has another shape.
fn conjuncts(field: &FieldExpr) -> Option<Vec<FieldExpr>> {
    match field {
        FieldExpr::Literal { value: Literal::Bool(true), .. } => Some(Vec::new()),
        FieldExpr::Literal { .. } => None,
        FieldExpr::Chain(chain) if chain.rest.iter().all(|(operator, _)| *operator == Operator::And) => {
            let rest = chain.rest.iter().map(|(_, part)| part.clone());
            Some(std::iter::once(chain.first.clone()).chain(rest).collect())
        }
        other => Some(vec![other.clone()]),
    }
}

fn is_root_name(attribute: &Attribute) -> bool {
    matches!(attribute.name, AttributeName::Intrinsic(Intrinsic::RootName | Intrinsic::RootServiceName))
}

fn is_of_root(field: &FieldExpr) -> bool {
    let mut found = Vec::new();
    field.attributes(&mut found);
    found.iter().any(|attribute| is_root_name(attribute))
}

fn names_withheld(field: &FieldExpr, withheld: &Withheld) -> bool {
    let mut found = Vec::new();
    field.attributes(&mut found);
    found.iter().any(|attribute| withheld.covers(&attribute.name))
}

/// Whether a condition on the root can't hold for a trace without one, whose root is called "".
fn wants_a_root(field: &FieldExpr) -> bool {
    match field {
        FieldExpr::Binary(binary) => match (&binary.left, binary.operator, &binary.right) {
            (
                FieldExpr::Attribute(attribute),
                operator,
                FieldExpr::Literal { value: Literal::Text(text), .. },
            ) if is_root_name(attribute) => match operator {
                Operator::Equal => !text.is_empty(),
                Operator::Match => Patterns::brief(text).is_ok_and(|patterns| !patterns.is_match("")),
                _ => false,
            },
            _ => false,
        },
        FieldExpr::Chain(chain) => {
            wants_a_root(&chain.first) && chain.rest.iter().all(|(_, part)| wants_a_root(part))
        }
        _ => false,
    }
}

/// Whether nothing in it is negated.
fn is_positive(field: &FieldExpr) -> bool {
    match field {
        FieldExpr::Literal { .. } | FieldExpr::Attribute(_) | FieldExpr::Exists(_) => true,
        FieldExpr::Not(_) | FieldExpr::Missing(_) => false,
        FieldExpr::Negative(inner) => is_positive(&inner.field),
        FieldExpr::Binary(binary) => is_positive(&binary.left) && is_positive(&binary.right),
        FieldExpr::Chain(chain) => {
            is_positive(&chain.first) && chain.rest.iter().all(|(_, part)| is_positive(part))
        }
    }
}

/// The function grouped only by what spans know, and the labels that their root gives.
fn without_root_labels(function: &MetricsFunction) -> Option<(MetricsFunction, Vec<Attribute>)> {
    let parted = |by: &[Attribute]| by.iter().cloned().partition::<Vec<_>, _>(is_root_name);
    match function {
        MetricsFunction::Over { function, attribute, by, place } => {
            let (labels, by) = parted(by);
            let (function, attribute, place) = (*function, attribute.clone(), *place);
            Some((MetricsFunction::Over { function, attribute, by, place }, labels))
        }
        MetricsFunction::Quantile { attribute, quantiles, by, place } => {
            let (labels, by) = parted(by);
            let (attribute, quantiles, place) = (attribute.clone(), quantiles.clone(), *place);
            Some((MetricsFunction::Quantile { attribute, quantiles, by, place }, labels))
        }
        MetricsFunction::Compare { .. } => None,
    }
}

/// Where a trace without root would stand beside those that are meant, its parts must not answer either.
fn roots_query(roots: Vec<FieldExpr>) -> Query {
    let place = Place::default();
    let has_no_parent = FieldExpr::Binary(Box::new(Binary {
        operator: Operator::Less,
        left: FieldExpr::Attribute(Attribute {
            name: AttributeName::Intrinsic(Intrinsic::NestedSetParent),
            place,
        }),
        right: FieldExpr::Literal { value: Literal::Int(0), place },
        place,
    }));
    let field = roots.into_iter().fold(has_no_parent, chained);
    Query { root: Root::Pipeline(pipeline_of(field)), hints: Vec::new() }
}

/// `left && right`; a chain of alternatives on the left is read from the left and goes on.
fn chained(left: FieldExpr, right: FieldExpr) -> FieldExpr {
    let place = left.place().to(right.place());
    match left {
        FieldExpr::Chain(mut chain) => {
            chain.rest.push((Operator::And, right));
            FieldExpr::Chain(chain)
        }
        first => FieldExpr::Chain(Box::new(Chain { first, rest: vec![(Operator::And, right)], place })),
    }
}

fn pipeline_of(field: FieldExpr) -> Pipeline {
    let filter = SpansetFilter { field, place: Place::default() };
    Pipeline { stages: vec![Stage::Spanset(SpansetExpr::Filter(filter))], place: Place::default() }
}
