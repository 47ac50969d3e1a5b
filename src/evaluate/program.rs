//! A field expression made ready to run over many spans: rewritten as Tempo rewrites it, patterns compiled,
//! attributes numbered.

use super::fetch::Loaded;
use super::slots::{Slot, Slots};
use crate::traceql::ast::{AttributeName, FieldExpr};
use crate::traceql::pattern::{PatternError, PatternStore, Patterns};
use crate::traceql::rewrite::{Rewritten, folded, rewrite};
use crate::traceql::types::{Operator, Type};
use crate::traceql::value::{self, Failure, Value};

/// An expression of a query, reading what was fetched.
#[derive(Debug)]
pub struct Program {
    node: Node<Slot>,
}

impl Program {
    /// Compiles an expression that was checked; its attributes get their slots.
    pub fn compile(field: &FieldExpr, slots: &mut Slots) -> Result<Self, PatternError> {
        Self::of(&rewrite(field), slots)
    }

    /// The same for the filter of `compare()`, which Tempo does not rewrite.
    pub fn compile_folded(field: &FieldExpr, slots: &mut Slots) -> Result<Self, PatternError> {
        Self::of(&folded(field), slots)
    }

    fn of(field: &Rewritten, slots: &mut Slots) -> Result<Self, PatternError> {
        let node = build(field, Absence::Text, &mut slots.patterns)?;
        Ok(Self { node: node.mapped(&mut |name| slots.of(&name)) })
    }

    /// What the expression is for a kept candidate once the second pass is in.
    pub fn run_after<'t>(&self, loaded: &Loaded<'t>, candidate: u32) -> Result<Value<'t>, Failure> {
        self.node.run(&|slot| loaded.value_after(candidate, *slot).clone())
    }

    /// What the expression is for a candidate.
    pub fn run<'t>(&self, loaded: &Loaded<'t>, candidate: u32) -> Result<Value<'t>, Failure> {
        self.node.run(&|slot| loaded.value(candidate, *slot).clone())
    }
}

#[derive(Debug)]
pub(super) enum Node<A = AttributeName> {
    Constant(Value<'static>),
    Attribute(A),
    /// The text is for the error.
    Not {
        node: Box<Node<A>>,
        text: String,
    },
    Negative {
        node: Box<Node<A>>,
        text: String,
    },
    Exists {
        node: Box<Node<A>>,
        negated: bool,
    },
    /// What asks `= nil` of what storage fetched.
    IsNilText(Box<Node<A>>),
    Binary {
        operator: Operator,
        left: Box<Node<A>>,
        right: Box<Node<A>>,
    },
    Match {
        left: Box<Node<A>>,
        patterns: Patterns,
        negated: bool,
    },
    Chain {
        first: Box<Node<A>>,
        rest: Vec<Link<A>>,
    },
}

/// An operand of `&&` or `||` after the first.
#[derive(Debug)]
pub(super) struct Link<A> {
    operator: Operator,
    node: Node<A>,
    /// Whether it may be passed over once the left side is false (for `&&`) or true (for `||`). It may not
    /// where it could fail, or be no boolean, because both show in the result.
    skippable: bool,
}

/// Compiles an expression that was checked.
pub(super) fn compile(field: &FieldExpr) -> Result<Node, PatternError> {
    build(&rewrite(field), Absence::Nil, &mut PatternStore::default())
}

/// What an expression finds in place of an attribute that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    Nil,
    /// What storage puts there where a query asks `= nil`: the text "nil", which a value can be too.
    Text,
}

fn build(field: &Rewritten, absence: Absence, store: &mut PatternStore) -> Result<Node, PatternError> {
    let mut inner = |field: &Rewritten| build(field, absence, store).map(Box::new);
    Ok(match field {
        Rewritten::Constant(value) => Node::Constant(value.clone()),
        Rewritten::Attribute(name) => Node::Attribute(name.clone()),
        Rewritten::Not { inner: field, text } => Node::Not { node: inner(field)?, text: text.clone() },
        Rewritten::Negative { inner: field, text } => {
            Node::Negative { node: inner(field)?, text: text.clone() }
        }
        Rewritten::Exists(field) => Node::Exists { node: inner(field)?, negated: false },
        Rewritten::Missing(field) if absence == Absence::Text => Node::IsNilText(inner(field)?),
        Rewritten::Missing(field) => Node::Exists { node: inner(field)?, negated: true },
        Rewritten::Binary { operator, left, right } => {
            Node::Binary { operator: *operator, left: inner(left)?, right: inner(right)? }
        }
        Rewritten::Match { left, patterns, negated } => {
            let left = inner(left)?;
            Node::Match { left, patterns: store.compile_all(patterns)?, negated: *negated }
        }
        Rewritten::Chain { first, rest } => {
            let first = inner(first)?;
            let rest = rest.iter().map(|link| {
                let node = build(&link.field, absence, store)?;
                let skippable = !node.can_fail() && (link.operator == Operator::And || link.is_boolean);
                Ok(Link { operator: link.operator, node, skippable })
            });
            Node::Chain { first, rest: rest.collect::<Result<_, _>>()? }
        }
    })
}

impl<A> Node<A> {
    /// The same with other names for attributes.
    fn mapped<B>(self, name: &mut impl FnMut(A) -> B) -> Node<B> {
        let mut inner = |node: Box<Node<A>>| Box::new(node.mapped(name));
        match self {
            Self::Constant(value) => Node::Constant(value),
            Self::Attribute(attribute) => Node::Attribute(name(attribute)),
            Self::Not { node, text } => Node::Not { node: inner(node), text },
            Self::Negative { node, text } => Node::Negative { node: inner(node), text },
            Self::Exists { node, negated } => Node::Exists { node: inner(node), negated },
            Self::IsNilText(node) => Node::IsNilText(inner(node)),
            Self::Binary { operator, left, right } => {
                let left = inner(left);
                Node::Binary { operator, left, right: inner(right) }
            }
            Self::Match { left, patterns, negated } => Node::Match { left: inner(left), patterns, negated },
            Self::Chain { first, rest } => {
                let first = inner(first);
                let rest = rest.into_iter().map(|Link { operator, node, skippable }| Link {
                    operator,
                    node: node.mapped(name),
                    skippable,
                });
                Node::Chain { first, rest: rest.collect() }
            }
        }
    }

    /// Evaluates; `read` gives what a span has for an attribute.
    pub(super) fn run<'s>(&self, read: &dyn Fn(&A) -> Value<'s>) -> Result<Value<'s>, Failure> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Attribute(name) => Ok(read(name)),
            Self::Not { node, text } => {
                let value = node.run(read)?;
                value::not(&value).ok_or_else(|| wrong_type(text, "a boolean", &value))
            }
            Self::Negative { node, text } => {
                let value = node.run(read)?;
                value::negated(&value).ok_or_else(|| wrong_type(text, "a numeric", &value))
            }
            Self::Exists { node, negated } => Ok(Value::Bool((node.run(read)? == Value::Nil) == *negated)),
            Self::IsNilText(node) => {
                Ok(Value::Bool(matches!(node.run(read)?, Value::Text(text) if text == "nil")))
            }
            Self::Binary { operator, left, right } => {
                // Borrowing a constant spares a copy for every span.
                match (&**left, &**right) {
                    (left, Self::Constant(right)) => value::apply(*operator, &left.run(read)?, right),
                    (Self::Constant(left), right) => value::apply(*operator, left, &right.run(read)?),
                    (left, right) => {
                        let left = left.run(read)?;
                        value::apply(*operator, &left, &right.run(read)?)
                    }
                }
            }
            Self::Match { left, patterns, negated } => {
                Ok(Value::Bool(patterns.decide(&left.run(read)?, *negated)?))
            }
            Self::Chain { first, rest } => {
                let mut left = first.run(read)?;
                for link in rest {
                    let decided = Value::Bool(link.operator == Operator::Or);
                    if link.skippable && left == decided {
                        continue;
                    }
                    left = value::apply(link.operator, &left, &link.node.run(read)?)?;
                }
                Ok(left)
            }
        }
    }
}

impl Node {
    /// Whether some span makes it fail rather than answer.
    pub(super) fn can_fail(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Attribute(_) => false,
            Self::Not { node, .. } => node.can_fail() || !node.is_boolean(),
            Self::Negative { .. } => true,
            Self::Exists { node, .. } | Self::IsNilText(node) => node.can_fail(),
            Self::Binary { operator, left, right } => {
                let one_scalar = left.is_scalar() || right.is_scalar();
                let arrays_possible = !(left.is_scalar() && right.is_scalar());
                left.can_fail()
                    || right.can_fail()
                    || !one_scalar
                    || (operator.is_arithmetic() && arrays_possible)
                    || matches!(operator, Operator::Div | Operator::Mod)
            }
            // Several patterns over an attribute that is an array are two arrays.
            Self::Match { left, .. } => left.can_fail() || !left.is_scalar(),
            Self::Chain { first, rest } => {
                let certain = first.is_scalar() && rest.iter().all(|link| link.node.is_scalar());
                !certain || first.can_fail() || rest.iter().any(|link| link.node.can_fail())
            }
        }
    }

    fn is_boolean(&self) -> bool {
        match self {
            Self::Constant(value) => value.of_type() == Type::Bool,
            Self::Not { .. } | Self::Exists { .. } | Self::IsNilText(_) | Self::Match { .. } => true,
            Self::Binary { operator, .. } => !operator.is_arithmetic(),
            Self::Chain { .. } => true,
            Self::Attribute(_) | Self::Negative { .. } => false,
        }
    }

    /// Whether it is certainly no array.
    fn is_scalar(&self) -> bool {
        match self {
            Self::Constant(value) => value.of_type().element().is_none(),
            Self::Attribute(name) => matches!(name, AttributeName::Intrinsic(_)),
            _ => true,
        }
    }
}

fn wrong_type(text: &str, wanted: &'static str, value: &Value<'_>) -> Failure {
    Failure::WrongType { expression: text.to_owned(), wanted, found: value.of_type() }
}
