//! How much of a query each region may be told.
//!
//! Where values are treated on their way to the caller, a query is about the values as they are shown, and a region
//! has them as they are stored. What a region is asked must not test a value that is protected, and must find
//! every span that the shown values find. Who may see what is not known here: whoever asks says it by name.

use super::formula::{Atom, Formula, many};
use crate::traceql::ast::{Attribute, AttributeName, Literal};
use crate::traceql::pattern;
use crate::traceql::types::Operator;

/// Integers of fewer digits are shown as they are stored, whatever they mean.
const SHORT_INTEGER_MAX: u64 = 100_000;

/// Texts that a pattern may stand for, each asked for by itself.
const TEXTS_MAX: usize = 16;

/// What a region may be told of what is asked about a name, from nothing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Latitude {
    Nothing,
    /// That there is a value.
    Existence,
    /// And tests that hold for a value as it is stored if they hold for it as it is shown.
    Clean,
    /// Everything: values are shown as they are stored.
    Everything,
}

/// What each region may be told, by its rank.
pub trait Discretion {
    fn latitude(&self, region: usize, name: &AttributeName) -> Latitude;

    /// Whether a value that is shown as this text is certainly stored as it, and says nothing that is protected.
    fn is_clean(&self, region: usize, name: &AttributeName, text: &str) -> bool;
}

/// Every region may be told everything.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Discretion for Open {
    fn latitude(&self, _: usize, _: &AttributeName) -> Latitude {
        Latitude::Everything
    }

    fn is_clean(&self, _: usize, _: &AttributeName, _: &str) -> bool {
        true
    }
}

/// A test of a name for the regions that may be told it, and something weaker, down to nothing, for others.
pub(super) fn compared(
    discretion: &dyn Discretion,
    regions: usize,
    attribute: &Attribute,
    (operator, literal): (Operator, &Literal),
) -> Formula {
    in_each(regions, |region| match discretion.latitude(region, &attribute.name) {
        Latitude::Everything => Atom::compare(attribute, operator, literal),
        Latitude::Clean => {
            let is_clean = |text: &str| discretion.is_clean(region, &attribute.name, text);
            clean(attribute, operator, literal, is_clean)
        }
        Latitude::Existence => existing(attribute),
        Latitude::Nothing => Formula::True,
    })
}

/// That there is a value, for the regions that may be told.
pub(super) fn exists(
    discretion: &dyn Discretion,
    regions: usize,
    attribute: &Attribute,
    added: bool,
) -> Formula {
    in_each(regions, |region| match discretion.latitude(region, &attribute.name) {
        Latitude::Nothing => Formula::True,
        _ => Atom::exists(attribute, added),
    })
}

/// Whether a test holds for a value as it is stored if it holds for it as it is shown.
pub(super) fn is_of_stored(
    discretion: &dyn Discretion,
    region: usize,
    name: &AttributeName,
    (operator, literal): (Operator, &Literal),
) -> bool {
    match (discretion.latitude(region, name), literal) {
        (Latitude::Everything, _) => true,
        (Latitude::Clean, Literal::Text(text)) => {
            operator == Operator::Equal && discretion.is_clean(region, name, text)
        }
        _ => false,
    }
}

/// What the test becomes for values of which some are treated.
fn clean(
    attribute: &Attribute,
    operator: Operator,
    literal: &Literal,
    is_clean: impl Fn(&str) -> bool,
) -> Formula {
    let is_order =
        matches!(operator, Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual);
    let as_it_is = match literal {
        Literal::Text(text) if operator == Operator::Equal => is_clean(text),
        Literal::Text(text) if operator == Operator::Match => {
            let texts = pattern::texts(text, TEXTS_MAX).unwrap_or_default();
            if texts.is_empty() || !texts.iter().all(|text| is_clean(text)) {
                return existing(attribute);
            }
            let equal = |text: String| Atom::compare(attribute, Operator::Equal, &Literal::Text(text));
            return texts.into_iter().map(equal).fold(Formula::False, Formula::or);
        }
        Literal::Bool(_) => operator == Operator::Equal,
        // A value that is treated is no number any more.
        Literal::Int(int) => {
            int.unsigned_abs() < SHORT_INTEGER_MAX && (operator == Operator::Equal || is_order)
        }
        _ => false,
    };
    if as_it_is { Atom::compare(attribute, operator, literal) } else { existing(attribute) }
}

/// That there is a value at all; of what every span has, nothing.
fn existing(attribute: &Attribute) -> Formula {
    match &attribute.name {
        AttributeName::Named { parent: false, .. } => Atom::exists(attribute, true),
        name if many(name).is_some() => Atom::exists(attribute, true),
        _ => Formula::True,
    }
}

/// What is said in each region, as one formula.
fn in_each(regions: usize, say: impl Fn(usize) -> Formula) -> Formula {
    let said: Vec<Formula> = (0..regions.max(1)).map(say).collect();
    let mut different: Vec<Formula> = Vec::new();
    for formula in &said {
        if !different.contains(formula) {
            different.push(formula.clone());
        }
    }
    if let [same] = different.as_slice() {
        return same.clone();
    }
    let parts = different.into_iter().map(|formula| {
        let holds = said.iter().map(|other| *other == formula).collect();
        Formula::only_where(holds).and(formula)
    });
    parts.fold(Formula::False, Formula::or)
}
