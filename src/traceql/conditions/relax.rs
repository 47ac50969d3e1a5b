//! One filter, weakened so that it holds for a span wherever the filter held for it in the whole.
//!
//! Kept are tests of single values joined by `&&` and `||`. Such a test held because a value was visible;
//! the same value is accepted by the test alone, so a region sees it too. Everything else is asked as "has
//! a value", or not at all.

use super::discretion::{self, Discretion};
use super::facts::Facts;
use super::formula::{Atom, Formula, Test, many};
use super::names::Names;
use super::reason::{Cause, Reason};
use super::withheld::Withheld;
use crate::traceql::ast::{
    Attribute, AttributeName, Binary, Chain, FieldExpr, Intrinsic, Literal, Scope, SpansetFilter,
};
use crate::traceql::fold::fold;
use crate::traceql::pattern::Patterns;
use crate::traceql::types::Operator;

/// Whom the tests are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Span,
    Root,
}

pub(super) struct Relaxer<'q> {
    names: &'q Names,
    withheld: &'q Withheld,
    /// By region; nothing of any where there are none.
    facts: &'q [Facts],
    /// What each of them may be told.
    discretion: &'q dyn Discretion,
    of: Of,
    /// Whether storage alone may decide, as it does of a metrics query that asks for what every span has.
    is_counted: bool,
    pub reasons: Vec<Reason>,
}

impl<'q> Relaxer<'q> {
    pub fn new(names: &'q Names, withheld: &'q Withheld) -> Self {
        Self {
            names,
            withheld,
            facts: &[],
            discretion: &discretion::Open,
            of: Of::Span,
            is_counted: false,
            reasons: Vec::new(),
        }
    }

    /// Of a metrics query, which may count spans that storage lets through and that pass no filter.
    pub fn counted(mut self) -> Self {
        self.is_counted = true;
        self
    }

    /// With what is known of regions, by rank.
    pub fn knowing(mut self, facts: &'q [Facts]) -> Self {
        self.facts = facts;
        self
    }

    /// With what each may be told.
    pub fn with_discretion(mut self, discretion: &'q dyn Discretion) -> Self {
        self.discretion = discretion;
        self
    }

    /// What the span must satisfy.
    pub fn span(&mut self, filter: &SpansetFilter) -> Formula {
        self.of = Of::Span;
        self.field(&fold(&filter.field))
    }

    /// What the root must satisfy.
    pub fn root(&mut self, filter: &SpansetFilter) -> Formula {
        self.of = Of::Root;
        self.field(&fold(&filter.field))
    }

    fn open(&mut self, cause: Cause, field: &FieldExpr) -> Formula {
        self.note(cause, field);
        Formula::True
    }

    fn note(&mut self, cause: Cause, field: &FieldExpr) {
        // Whatever is said of the root's conditions is said once already.
        if self.of == Of::Span {
            self.reasons.push(Reason::new(cause, field.place(), field));
        }
    }

    fn field(&mut self, field: &FieldExpr) -> Formula {
        match field {
            FieldExpr::Literal { value: Literal::Bool(true), .. } => Formula::True,
            FieldExpr::Literal { value: Literal::Bool(false), .. } => match self.of {
                Of::Span => Formula::False,
                // Said once is enough.
                Of::Root => Formula::True,
            },
            FieldExpr::Literal { .. } | FieldExpr::Negative(_) => self.open(Cause::Shape, field),
            FieldExpr::Attribute(attribute) => {
                self.compare(attribute, Operator::Equal, &Literal::Bool(true), field)
            }
            // True of a flag that is there; on anything else that is there, the search fails.
            FieldExpr::Not(inner) => match &inner.field {
                FieldExpr::Attribute(attribute) => self.exists(attribute, field, Some(Cause::Negation)),
                _ => self.open(Cause::Negation, field),
            },
            FieldExpr::Missing(_) => self.open(Cause::Missing, field),
            FieldExpr::Exists(inner) => match &inner.field {
                FieldExpr::Attribute(attribute) => self.exists(attribute, field, None),
                _ => self.open(Cause::Shape, field),
            },
            FieldExpr::Binary(binary) => self.binary(binary, field),
            FieldExpr::Chain(chain) => self.chain(chain),
        }
    }

    fn chain(&mut self, chain: &Chain) -> Formula {
        let mut left = self.field(&chain.first);
        let mut list = Vec::new();
        let joiner = chain.rest.first().map_or(Operator::And, |(operator, _)| *operator);
        let mut rest: Vec<(Operator, Formula)> = Vec::with_capacity(chain.rest.len());
        for (operator, field) in &chain.rest {
            rest.push((*operator, self.field(field)));
        }
        // Neighbours from the left on that Tempo reads as one list.
        let same = rest.iter().take_while(|(operator, _)| *operator == joiner).count();
        list.push(&mut left);
        list.extend(rest.iter_mut().take(same).map(|(_, part)| part));
        mark_list(list, joiner, chain.place.start);
        rest.into_iter().fold(left, |left, (operator, right)| match operator {
            Operator::Or => left.or(right),
            _ => left.and(right),
        })
    }

    fn binary(&mut self, binary: &Binary, whole: &FieldExpr) -> Formula {
        let operator = binary.operator;
        if operator.is_arithmetic() {
            return self.open(Cause::Shape, whole);
        }
        match (&binary.left, &binary.right) {
            (FieldExpr::Attribute(attribute), FieldExpr::Literal { value, .. }) => {
                self.compare(attribute, operator, value, whole)
            }
            (FieldExpr::Literal { value, .. }, FieldExpr::Attribute(attribute)) => match operator {
                Operator::Equal | Operator::NotEqual => self.compare(attribute, operator, value, whole),
                // Tempo's storage reads the operator as if the attribute stood left of it.
                _ => self.exists(attribute, whole, Some(Cause::LiteralLeft)),
            },
            (FieldExpr::Attribute(left), FieldExpr::Attribute(right)) => {
                let left = self.exists(left, whole, Some(Cause::Computed));
                left.and(self.exists(right, whole, Some(Cause::Computed)))
            }
            (computed, FieldExpr::Literal { value, .. }) | (FieldExpr::Literal { value, .. }, computed)
                if is_number(value) && is_arithmetic(computed) =>
            {
                let mut attributes = Vec::new();
                computed.attributes(&mut attributes);
                attributes.into_iter().fold(Formula::True, |all, attribute| {
                    all.and(self.exists(attribute, whole, Some(Cause::Computed)))
                })
            }
            _ => self.open(Cause::Shape, whole),
        }
    }

    /// Whether the attribute can be asked about at all, in a question about whom it is now.
    fn can_ask(&mut self, attribute: &Attribute, whole: &FieldExpr) -> bool {
        let is_root = matches!(
            attribute.name,
            AttributeName::Intrinsic(Intrinsic::RootName | Intrinsic::RootServiceName)
        );
        if is_root != (self.of == Of::Root) {
            if is_root {
                self.note(Cause::Root, whole);
            }
            return false;
        }
        if let Some(cause) = self.withheld.cause(&attribute.name) {
            self.note(cause, whole);
            return false;
        }
        if self.names.is_unsure(&attribute.name) {
            self.note(Cause::Name, whole);
            return false;
        }
        true
    }

    /// That there is a value; `widened` says why no more is asked.
    fn exists(&mut self, attribute: &Attribute, whole: &FieldExpr, widened: Option<Cause>) -> Formula {
        // Every resource has what the gateway says.
        if self.is_said(&attribute.name) || !self.can_ask(attribute, whole) {
            return Formula::True;
        }
        let is_asked = match &attribute.name {
            AttributeName::Named { parent, .. } => !parent,
            // Others always have one.
            AttributeName::Intrinsic(_) => many(&attribute.name).is_some(),
        };
        if self.names.is_stood_for(&attribute.name, &Test::Exists { added: true }) {
            return self.open(Cause::Name, whole);
        }
        if let Some(cause) = widened {
            self.note(cause, whole);
        }
        if is_asked {
            discretion::exists(self.discretion, self.facts.len(), attribute, widened.is_some())
        } else {
            Formula::True
        }
    }

    /// Whether the gateway itself says this of the resources of some region.
    fn is_said(&self, name: &AttributeName) -> bool {
        self.facts.iter().any(|facts| facts.says(name))
    }

    /// The regions where a test can hold, by what is known of them. Only of a name that no other condition
    /// can answer.
    fn known(&self, name: &AttributeName, operator: Operator, literal: &Literal) -> Formula {
        if self.of == Of::Root || self.names.is_unsure(name) {
            return Formula::True;
        }
        let may_hold = (0..).zip(self.facts).map(|(region, facts)| {
            // What is known is known of values as they are stored.
            !discretion::is_of_stored(self.discretion, region, name, (operator, literal))
                || facts.may_hold(name, operator, literal)
        });
        Formula::only_where(may_hold.collect())
    }

    fn compare(
        &mut self,
        attribute: &Attribute,
        operator: Operator,
        literal: &Literal,
        whole: &FieldExpr,
    ) -> Formula {
        // What the gateway says itself is decided here and asked of no one, withheld or not.
        if self.is_said(&attribute.name) {
            return self.known(&attribute.name, operator, literal);
        }
        if !self.can_ask(attribute, whole) {
            return Formula::True;
        }
        match &attribute.name {
            AttributeName::Intrinsic(intrinsic) => {
                let left = matches!(whole, FieldExpr::Binary(binary)
                    if matches!(binary.left, FieldExpr::Attribute(_)));
                let is_sure = !self.is_counted || passes_as_stored(*intrinsic, operator, literal);
                if is_sure && is_askable(*intrinsic, operator, literal, left) {
                    self.told(attribute, operator, literal)
                } else {
                    let cause = if is_of_trace(*intrinsic) { Cause::Trace } else { Cause::Shape };
                    self.open(cause, whole)
                }
            }
            AttributeName::Named { parent: true, .. } => Formula::True,
            name if self.names.is_stood_for(name, &Test::Compare(operator, literal.clone())) => {
                self.open(Cause::Name, whole)
            }
            AttributeName::Named { scope, .. } => match literal {
                Literal::Status(_) | Literal::Kind(_) => {
                    discretion::exists(self.discretion, self.facts.len(), attribute, true)
                }
                _ if matches!(scope, Scope::Event | Scope::Link) && is_negative(operator) => {
                    self.note(Cause::Event, whole);
                    discretion::exists(self.discretion, self.facts.len(), attribute, true)
                }
                _ => {
                    if is_number(literal) {
                        self.note(Cause::Number, whole);
                    }
                    let known = self.known(&attribute.name, operator, literal);
                    known.and(self.told(attribute, operator, literal))
                }
            },
        }
    }
}

impl Relaxer<'_> {
    /// A test, as far as each region may be told it.
    fn told(&self, attribute: &Attribute, operator: Operator, literal: &Literal) -> Formula {
        discretion::compared(self.discretion, self.facts.len(), attribute, (operator, literal))
    }
}

/// Marks those from the left on that Tempo makes one list of.
fn mark_list(parts: Vec<&mut Formula>, joiner: Operator, place: u32) {
    let mut first: Option<Atom> = None;
    for part in parts {
        let Formula::Atom(atom) = part else { return };
        let leads = first.get_or_insert_with(|| atom.clone());
        if leads.list_key(joiner).is_none() || leads.list_key(joiner) != atom.list_key(joiner) {
            return;
        }
        atom.list = Some(place);
    }
}

/// Whether a region finds the spans that a test of an intrinsic finds in the whole.
fn is_askable(intrinsic: Intrinsic, operator: Operator, literal: &Literal, is_left: bool) -> bool {
    match intrinsic {
        Intrinsic::Duration
        | Intrinsic::Name
        | Intrinsic::Status
        | Intrinsic::StatusMessage
        | Intrinsic::Kind
        | Intrinsic::RootName
        | Intrinsic::RootServiceName => true,
        // Ids are stored as bytes, which have no order.
        Intrinsic::TraceId | Intrinsic::SpanId | Intrinsic::ParentId => {
            matches!(operator, Operator::Equal | Operator::NotEqual)
        }
        Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => {
            operator == Operator::Equal && !holds_for_nothing(operator, literal)
        }
        // What has no events passes a list of names it must not be, and a list of names with "" in it.
        Intrinsic::EventName => !is_negative(operator) && !holds_for_nothing(operator, literal),
        Intrinsic::EventTimeSinceStart => {
            !is_negative(operator)
                && !holds_for_nothing(operator, literal)
                && matches!(literal, Literal::Int(_) | Literal::Duration(_))
        }
        Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => {
            !is_negative(operator)
                && !holds_for_nothing(operator, literal)
                && matches!(literal, Literal::Text(_))
        }
        // A part of a trace is never longer than the whole.
        Intrinsic::TraceDuration => is_left && matches!(operator, Operator::Less | Operator::LessEqual),
        Intrinsic::NestedSetParent => is_left && is_root_idiom(operator, literal),
        Intrinsic::NestedSetLeft | Intrinsic::NestedSetRight | Intrinsic::ChildCount | Intrinsic::Parent => {
            false
        }
    }
}

/// Whether a filter leaves every span that storage lets through for the same test: storage does not test what
/// can't be equal to an integer or is no id, and reads ids in every form, while a filter compares their text.
fn passes_as_stored(intrinsic: Intrinsic, operator: Operator, literal: &Literal) -> bool {
    match (intrinsic, literal) {
        (Intrinsic::Duration | Intrinsic::TraceDuration, Literal::Float(_)) => {
            !matches!(operator, Operator::Equal | Operator::NotEqual)
        }
        (Intrinsic::TraceId, Literal::Text(id)) => is_id(id),
        (Intrinsic::LinkTraceId, Literal::Text(id)) => is_id(id) && id.len() == 32,
        (Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::LinkSpanId, Literal::Text(id)) => {
            is_id(id) && id.len() == 16
        }
        _ => true,
    }
}

/// As ids are written: in small letters, and without zeros in front.
fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    !text.is_empty() && text.len() <= 32 && !text.starts_with('0') && text.bytes().all(is_digit)
}

/// `nestedSetParent < 0`: true of spans without parent, in every part of a trace as in the whole.
pub(super) fn is_root_idiom(operator: Operator, literal: &Literal) -> bool {
    matches!(
        (operator, literal),
        (Operator::Less, Literal::Int(0)) | (Operator::LessEqual | Operator::Equal, Literal::Int(-1))
    )
}

pub(super) fn is_of_trace(intrinsic: Intrinsic) -> bool {
    matches!(
        intrinsic,
        Intrinsic::TraceDuration
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent
            | Intrinsic::ChildCount
    )
}

/// Whether a test takes the empty text, or zero, as which a list reads what is not there.
fn holds_for_nothing(operator: Operator, literal: &Literal) -> bool {
    match (operator, literal) {
        (Operator::Match, Literal::Text(pattern)) => {
            Patterns::brief(pattern).map_or(true, |patterns| patterns.is_match(""))
        }
        (Operator::Less | Operator::LessEqual, Literal::Text(_)) => true,
        (Operator::Equal | Operator::GreaterEqual, Literal::Text(text)) => text.is_empty(),
        (Operator::Equal, Literal::Int(0) | Literal::Duration(0)) => true,
        _ => false,
    }
}

fn is_negative(operator: Operator) -> bool {
    matches!(operator, Operator::NotEqual | Operator::NotMatch)
}

fn is_number(literal: &Literal) -> bool {
    matches!(literal, Literal::Int(_) | Literal::Float(_) | Literal::Duration(_))
}

/// Arithmetic on values, which is a number only where every value is one.
fn is_arithmetic(field: &FieldExpr) -> bool {
    let is_operand = |field: &FieldExpr| {
        matches!(field, FieldExpr::Literal { value, .. } if is_number(value))
            || matches!(field, FieldExpr::Attribute(_))
            || is_arithmetic(field)
    };
    match field {
        FieldExpr::Negative(inner) => is_operand(&inner.field),
        FieldExpr::Binary(binary) => {
            binary.operator.is_arithmetic() && is_operand(&binary.left) && is_operand(&binary.right)
        }
        _ => false,
    }
}
