//! Conditions on single values, joined by "and" and "or", and how they become a filter.
//!
//! What is here only ever grows when values become visible to it, with the exceptions that
//! [`Formula::finish`] takes care of: a test of several array elements at once (`!=`), events and links
//! (of which the first that is seen counts), and Tempo's own rewriting of neighbours into one list.

use crate::traceql::ast::{
    Attribute, AttributeName, Binary, Chain, FieldExpr, Inner, Intrinsic, Literal, Scope,
};
use crate::traceql::columns;
use crate::traceql::place::Place;
use crate::traceql::types::Operator;

/// Integers beyond this are not told apart as floats.
const EXACT_AS_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    True,
    False,
    /// Holds in some regions alone, by rank: settled before a region is asked.
    Where(Vec<bool>),
    Atom(Atom),
    And(Vec<Formula>),
    Or(Vec<Formula>),
}

/// A test of one attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    pub attribute: Attribute,
    pub test: Test,
    /// The list of neighbours that Tempo makes one test of in the query itself, by its place.
    pub list: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Compare(Operator, Literal),
    /// `!= nil`; `added` where the query does not say so itself.
    Exists {
        added: bool,
    },
}

/// What one span has many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    Events,
    Links,
}

pub(super) fn many(name: &AttributeName) -> Option<Many> {
    match name {
        AttributeName::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart)
        | AttributeName::Named { scope: Scope::Event, .. } => Some(Many::Events),
        AttributeName::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId)
        | AttributeName::Named { scope: Scope::Link, .. } => Some(Many::Links),
        _ => None,
    }
}

impl Atom {
    pub fn exists(attribute: &Attribute, added: bool) -> Formula {
        Formula::Atom(Self { attribute: attribute.clone(), test: Test::Exists { added }, list: None })
    }

    pub fn compare(attribute: &Attribute, operator: Operator, literal: &Literal) -> Formula {
        let test = Test::Compare(operator, literal.clone());
        Formula::Atom(Self { attribute: attribute.clone(), test, list: None })
    }

    /// Whether the value may be an array, all of whose visible elements must pass.
    fn is_of_all_elements(&self) -> bool {
        let of_all = matches!(self.test, Test::Compare(Operator::NotEqual | Operator::NotMatch, _));
        // The service's name has a column of its own.
        of_all
            && matches!(&self.attribute.name, AttributeName::Named { scope, key, .. }
                if !(*scope == Scope::Resource && key == "service.name"))
    }

    /// Whether the test is on numbers of an attribute, which are asked for as integers and floats.
    fn is_on_any_number(&self) -> bool {
        let number =
            matches!(self.test, Test::Compare(_, Literal::Int(_) | Literal::Float(_) | Literal::Duration(_)));
        number && matches!(self.attribute.name, AttributeName::Named { .. })
    }

    /// Whether the literal, and for a number its two forms, have words.
    fn can_be_written(&self) -> bool {
        match &self.test {
            Test::Exists { .. } => true,
            Test::Compare(operator, literal) if self.is_on_any_number() => {
                as_integer_and_float(*operator, literal).is_some()
            }
            Test::Compare(_, Literal::Float(float)) => float.is_finite(),
            Test::Compare(..) => true,
        }
    }

    /// What Tempo makes one list of, with a neighbour between the same `joiner` that has the same.
    pub fn list_key(
        &self,
        joiner: Operator,
    ) -> Option<(&AttributeName, Operator, std::mem::Discriminant<Literal>)> {
        let Test::Compare(operator, literal) = &self.test else { return None };
        let is_listed = match joiner {
            Operator::Or => matches!(operator, Operator::Equal | Operator::Match),
            _ => matches!(operator, Operator::NotEqual | Operator::NotMatch),
        };
        is_listed.then(|| (&self.attribute.name, *operator, std::mem::discriminant(literal)))
    }

    fn render(&self) -> FieldExpr {
        let place = self.attribute.place;
        let attribute = FieldExpr::Attribute(self.attribute.clone());
        let (operator, literal) = match &self.test {
            Test::Exists { .. } => return self.exists_in_any_column(),
            Test::Compare(operator, literal) => (*operator, literal),
        };
        let test = |operator: Operator, literal: &Literal| {
            let right = written(literal, place);
            FieldExpr::Binary(Box::new(Binary { operator, left: attribute.clone(), right, place }))
        };
        if !self.is_on_any_number() {
            return test(operator, literal);
        }
        let Some((integer, float)) = as_integer_and_float(operator, literal) else {
            return self.exists_in_any_column();
        };
        let float = test(operator, &Literal::Float(float));
        match integer {
            Some((operator, integer)) => chain(test(operator, &Literal::Int(integer)), Operator::Or, float),
            None => float,
        }
    }
}

impl Atom {
    /// That there is a value. Of an attribute with a column of its own, Tempo looks for it in that column alone,
    /// while another test of the query may see a value of another type, which lies elsewhere: so each type is
    /// asked for. No two neighbours are of one type and one operator, which Tempo would read as a list.
    fn exists_in_any_column(&self) -> FieldExpr {
        let place = self.attribute.place;
        let attribute = || FieldExpr::Attribute(self.attribute.clone());
        let exists = FieldExpr::Exists(Box::new(Inner { field: attribute(), place }));
        if !self.has_own_column() {
            return exists;
        }
        let any = |operator, literal| {
            let right = FieldExpr::Literal { value: literal, place };
            FieldExpr::Binary(Box::new(Binary { operator, left: attribute(), right, place }))
        };
        let texts = || Literal::Text(String::new());
        [
            (Operator::Equal, Literal::Bool(true)),
            (Operator::NotEqual, texts()),
            (Operator::Equal, Literal::Bool(false)),
            (Operator::NotEqual, Literal::Int(0)),
            (Operator::Equal, texts()),
            (Operator::NotEqual, Literal::Float(0.5)),
            (Operator::Equal, Literal::Int(0)),
            (Operator::Equal, Literal::Float(0.5)),
        ]
        .into_iter()
        .fold(exists, |all, (operator, literal)| chain(all, Operator::Or, any(operator, literal)))
    }

    fn has_own_column(&self) -> bool {
        match &self.attribute.name {
            AttributeName::Named { parent: false, scope: Scope::Any, key } => columns::of_key(key).is_some(),
            AttributeName::Named { parent: false, scope, key } => columns::own(*scope, key).is_some(),
            _ => false,
        }
    }
}

/// The test that integers pass which pass the whole test, and the number for floats. No test where no integer
/// passes; nothing at all where the two kinds of numbers can't be asked for in so many words.
fn as_integer_and_float(operator: Operator, literal: &Literal) -> Option<(Option<(Operator, i64)>, f64)> {
    let float = match literal {
        Literal::Int(int) | Literal::Duration(int) => return Some((Some((operator, *int)), *int as f64)),
        Literal::Float(float) => *float,
        _ => return None,
    };
    if !float.is_finite() || float.abs() >= EXACT_AS_FLOAT_MAX {
        return None;
    }
    let floor = float.floor();
    let integer = floor as i64;
    if floor == float {
        return Some((Some((operator, integer)), float));
    }
    Some(match operator {
        Operator::Greater | Operator::GreaterEqual => (Some((Operator::Greater, integer)), float),
        Operator::Less | Operator::LessEqual => (Some((Operator::LessEqual, integer)), float),
        Operator::Equal => (None, float),
        _ => return None,
    })
}

/// A literal as it is written: the sign of a number is an operator.
fn written(literal: &Literal, place: Place) -> FieldExpr {
    let positive = match literal {
        Literal::Int(int) if *int < 0 => int.checked_neg().map(Literal::Int),
        Literal::Duration(nanos) if *nanos < 0 => nanos.checked_neg().map(Literal::Duration),
        Literal::Float(float) if float.is_sign_negative() => Some(Literal::Float(-float)),
        _ => None,
    };
    match positive {
        Some(value) => {
            FieldExpr::Negative(Box::new(Inner { field: FieldExpr::Literal { value, place }, place }))
        }
        None => FieldExpr::Literal { value: literal.clone(), place },
    }
}

/// `left operator right` as the parser makes it: what stands left in a chain goes on.
fn chain(left: FieldExpr, operator: Operator, right: FieldExpr) -> FieldExpr {
    let place = left.place().to(right.place());
    match left {
        FieldExpr::Chain(mut chain) => {
            chain.rest.push((operator, right));
            FieldExpr::Chain(chain)
        }
        first => FieldExpr::Chain(Box::new(Chain { first, rest: vec![(operator, right)], place })),
    }
}

impl Formula {
    /// Of a test that may hold in these regions alone, by rank.
    pub fn only_where(may_hold: Vec<bool>) -> Formula {
        if may_hold.iter().all(|may| *may) {
            Self::True
        } else if may_hold.iter().any(|may| *may) {
            Self::Where(may_hold)
        } else {
            Self::False
        }
    }

    /// Whether it says something else in one region than in another.
    pub fn differs(&self) -> bool {
        match self {
            Self::True | Self::False | Self::Atom(_) => false,
            Self::Where(_) => true,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::differs),
        }
    }

    /// What it says in the region of this rank.
    pub fn in_region(&self, rank: usize) -> Formula {
        let within =
            |parts: &[Formula]| -> Vec<Formula> { parts.iter().map(|part| part.in_region(rank)).collect() };
        match self {
            Self::Where(may_hold) if may_hold.get(rank).is_none_or(|may| *may) => Self::True,
            Self::Where(_) => Self::False,
            Self::And(parts) => within(parts).into_iter().fold(Self::True, Formula::and),
            Self::Or(parts) => within(parts).into_iter().fold(Self::False, Formula::or),
            other => other.clone(),
        }
    }

    pub fn and(self, other: Formula) -> Formula {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, other) | (other, Self::True) => other,
            (left, right) => Self::And(joined(left, right, |formula| match formula {
                Self::And(parts) => Ok(parts),
                other => Err(other),
            })),
        }
    }

    pub fn or(self, other: Formula) -> Formula {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, other) | (other, Self::False) => other,
            (left, right) => Self::Or(joined(left, right, |formula| match formula {
                Self::Or(parts) => Ok(parts),
                other => Err(other),
            })),
        }
    }

    /// The field of a filter that says this, sound beside any conditions.
    pub fn finish(self) -> FieldExpr {
        let alone = matches!(self, Self::Atom(_));
        let mut formula = if alone { self } else { self.seen_once() };
        // A lone test of an event is exact, but not as two tests.
        formula.each_atom(&mut |atom| {
            let is_unsettled = many(&atom.attribute.name).is_some() && (!alone || atom.is_on_any_number());
            if is_unsettled || !atom.can_be_written() {
                atom.weaken();
            }
        });
        formula.settle_arrays();
        formula.render()
    }

    /// Of several tests of events that must hold together, the first: only it is sure to find the event
    /// another found.
    fn seen_once(self) -> Formula {
        let Self::And(parts) = self else {
            return match self {
                Self::Or(parts) => {
                    parts.into_iter().map(Self::seen_once).fold(Self::False, |all, part| all.or(part))
                }
                other => other,
            };
        };
        let mut seen: Vec<Many> = Vec::new();
        parts.into_iter().map(Self::seen_once).fold(Self::True, |all, part| {
            let mut found = Vec::new();
            part.many(&mut found);
            let part = seen.iter().fold(part, |part, seen| part.without(*seen));
            seen.append(&mut found);
            all.and(part)
        })
    }

    fn many(&self, into: &mut Vec<Many>) {
        match self {
            Self::True | Self::False | Self::Where(_) => {}
            Self::Atom(atom) => into.extend(many(&atom.attribute.name)),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.many(into)),
        }
    }

    fn without(self, out: Many) -> Formula {
        match self {
            Self::Atom(atom) if many(&atom.attribute.name) == Some(out) => Self::True,
            Self::And(parts) => {
                parts.into_iter().map(|part| part.without(out)).fold(Self::True, |all, part| all.and(part))
            }
            Self::Or(parts) => {
                parts.into_iter().map(|part| part.without(out)).fold(Self::False, |all, part| all.or(part))
            }
            other => other,
        }
    }

    fn each_atom(&mut self, with: &mut impl FnMut(&mut Atom)) {
        match self {
            Self::True | Self::False | Self::Where(_) => {}
            Self::Atom(atom) => with(atom),
            Self::And(parts) | Self::Or(parts) => parts.iter_mut().for_each(|part| part.each_atom(with)),
        }
    }

    /// What all visible elements of an array must pass can only be asked while nothing that was added makes
    /// more elements visible than the query itself does.
    fn settle_arrays(&mut self) {
        let (mut numbers, mut numbers_of_all, mut added) = (0_usize, false, false);
        self.each_atom(&mut |atom| {
            let named = matches!(atom.attribute.name, AttributeName::Named { .. });
            numbers += usize::from(atom.is_on_any_number());
            numbers_of_all |= atom.is_on_any_number() && atom.is_of_all_elements();
            added |= named && atom.test == Test::Exists { added: true };
        });
        let added = added || (numbers_of_all && numbers > 1);
        self.each_atom(&mut |atom| {
            if added && atom.is_of_all_elements() {
                atom.weaken();
            }
        });
    }

    fn render(&self) -> FieldExpr {
        let constant =
            |flag: bool| FieldExpr::Literal { value: Literal::Bool(flag), place: Place::default() };
        match self {
            // What is not settled finds more.
            Self::True | Self::Where(_) => constant(true),
            Self::False => constant(false),
            Self::Atom(atom) => atom.render(),
            Self::And(parts) => rendered(parts, Operator::And, &constant(true)),
            Self::Or(parts) => rendered(parts, Operator::Or, &constant(false)),
        }
    }
}

impl Atom {
    fn weaken(&mut self) {
        self.test = Test::Exists { added: true };
        self.list = None;
    }
}

/// The parts of both in one list, each once.
fn joined(
    left: Formula,
    right: Formula,
    parts_of: impl Fn(Formula) -> Result<Vec<Formula>, Formula>,
) -> Vec<Formula> {
    let list = |formula| parts_of(formula).unwrap_or_else(|other| vec![other]);
    let mut parts = list(left);
    for part in list(right) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

fn rendered(parts: &[Formula], operator: Operator, neutral: &FieldExpr) -> FieldExpr {
    let mut fields = Vec::with_capacity(parts.len());
    for part in parts {
        let field = part.render();
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    // Tempo would read these as one list though the query has none, and a list can't be compared with arrays.
    let guard = matches!(parts, [Formula::Atom(first), Formula::Atom(second), ..]
        if first.list_key(operator).is_some()
            && first.list_key(operator) == second.list_key(operator)
            && !first.is_on_any_number()
            && (first.list.is_none() || first.list != second.list));
    let fields = guard.then(|| neutral.clone()).into_iter().chain(fields);
    fields.reduce(|left, right| chain(left, operator, right)).unwrap_or_else(|| neutral.clone())
}
