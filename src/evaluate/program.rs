//! A field expression made ready to run over many spans: constants folded, patterns compiled, alternatives
//! of one attribute gathered into one comparison.
//!
//! The gathering is Tempo's rewrite of `.a = 1 || .a = 2` into "in", and it is not neutral: an attribute
//! that is itself an array then fails the query, so it is made here exactly where Tempo makes it, which is
//! everywhere but below `!`, `-` and comparisons with nil.

use super::fetch::Loaded;
use super::slots::{Slot, Slots};
use crate::traceql::ast::{AttributeName, FieldExpr};
use crate::traceql::check::type_of;
use crate::traceql::fold::fold;
use crate::traceql::pattern::{PatternError, Patterns};
use crate::traceql::types::{Operator, Type};
use crate::traceql::value::{self, Failure, Value};
use std::borrow::Cow;

/// An expression of a query, reading what was fetched.
#[derive(Debug)]
pub struct Program {
    node: Node<Slot>,
}

impl Program {
    /// Compiles an expression that was checked; its attributes get their slots.
    pub fn compile(field: &FieldExpr, slots: &mut Slots) -> Result<Self, PatternError> {
        Ok(Self { node: compile(field)?.mapped(&mut |name| slots.of(&name)) })
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
    build(&fold(field), true)
}

fn build(field: &FieldExpr, gather: bool) -> Result<Node, PatternError> {
    Ok(match field {
        FieldExpr::Literal { value, .. } => Node::Constant(owned(value.value())),
        FieldExpr::Attribute(attribute) => Node::Attribute(attribute.name.clone()),
        FieldExpr::Not(inner) => {
            Node::Not { node: Box::new(build(&inner.field, false)?), text: field.to_string() }
        }
        FieldExpr::Negative(inner) => {
            Node::Negative { node: Box::new(build(&inner.field, false)?), text: field.to_string() }
        }
        FieldExpr::Exists(inner) => {
            Node::Exists { node: Box::new(build(&inner.field, false)?), negated: false }
        }
        FieldExpr::Missing(inner) => {
            Node::Exists { node: Box::new(build(&inner.field, false)?), negated: true }
        }
        FieldExpr::Binary(binary) => {
            let left = Box::new(build(&binary.left, gather)?);
            let right = build(&binary.right, gather)?;
            match (binary.operator.is_match(), right) {
                (true, Node::Constant(Value::Text(pattern))) => Node::Match {
                    left,
                    patterns: Patterns::compile(&pattern)?,
                    negated: binary.operator == Operator::NotMatch,
                },
                (_, right) => Node::Binary { operator: binary.operator, left, right: Box::new(right) },
            }
        }
        FieldExpr::Chain(chain) => {
            let mut node = build(&chain.first, gather)?;
            for (operator, field) in &chain.rest {
                let right = build(field, gather)?;
                let boolean = type_of(field) == Type::Bool;
                node = joined(node, *operator, right, boolean, gather);
            }
            node
        }
    })
}

fn joined(left: Node, operator: Operator, right: Node, boolean: bool, gather: bool) -> Node {
    let (left, right) = match if gather { gathered(left, operator, right) } else { Err((left, right)) } {
        Ok(node) => return node,
        Err(apart) => apart,
    };
    let safe = !right.can_fail() && (operator == Operator::And || boolean);
    let link = Link { operator, node: right, skippable: safe };
    match left {
        Node::Chain { first, mut rest } => {
            rest.push(link);
            Node::Chain { first, rest }
        }
        first => Node::Chain { first: Box::new(first), rest: vec![link] },
    }
}

/// `.a = 1 || .a = 2` as one comparison, and likewise `!=` with `&&`, `=~` with `||`, `!~` with `&&`;
/// what is no such pair is given back.
fn gathered(left: Node, operator: Operator, right: Node) -> Result<Node, (Node, Node)> {
    let joins = |comparison: Operator| match operator {
        Operator::Or => comparison == Operator::Equal,
        _ => comparison == Operator::NotEqual,
    };
    match (left, right) {
        (
            Node::Binary { operator: one, left: a, right: b },
            Node::Binary { operator: two, left: c, right: d },
        ) if one == two && joins(one) => {
            match (attribute_and_constant(&a, &b), attribute_and_constant(&c, &d)) {
                (Some((attribute, x)), Some((other, y))) if attribute == other => match appended(x, y) {
                    Some(values) => Ok(Node::Binary {
                        operator: one,
                        left: Box::new(Node::Attribute(attribute.clone())),
                        right: Box::new(Node::Constant(values)),
                    }),
                    None => Err(apart((one, a, b), (two, c, d))),
                },
                _ => Err(apart((one, a, b), (two, c, d))),
            }
        }
        (
            Node::Match { left: a, patterns: x, negated: one },
            Node::Match { left: b, patterns: y, negated: two },
        ) if one == two && one == (operator == Operator::And) => match (&*a, &*b) {
            (Node::Attribute(attribute), Node::Attribute(other)) if attribute == other => {
                Ok(Node::Match { left: a, patterns: x.and(y), negated: one })
            }
            _ => Err((
                Node::Match { left: a, patterns: x, negated: one },
                Node::Match { left: b, patterns: y, negated: two },
            )),
        },
        other => Err(other),
    }
}

type Sides = (Operator, Box<Node>, Box<Node>);

fn apart(one: Sides, two: Sides) -> (Node, Node) {
    let node = |(operator, left, right): Sides| Node::Binary { operator, left, right };
    (node(one), node(two))
}

/// An attribute on one side and a constant on the other.
fn attribute_and_constant<'n>(
    left: &'n Node,
    right: &'n Node,
) -> Option<(&'n AttributeName, &'n Value<'static>)> {
    match (left, right) {
        (Node::Attribute(attribute), Node::Constant(constant))
        | (Node::Constant(constant), Node::Attribute(attribute)) => Some((attribute, constant)),
        _ => None,
    }
}

/// Both values as one array, where they are of one type that has arrays.
fn appended(left: &Value<'static>, right: &Value<'static>) -> Option<Value<'static>> {
    fn both<T: Clone>(left: &[T], right: &[T]) -> Vec<T> {
        [left, right].concat()
    }
    use Value::{Bool, Bools, Float, Floats, Int, Ints, Text, Texts};
    Some(match (left, right) {
        (Int(l), Int(r)) => Ints(vec![*l, *r]),
        (Int(l), Ints(r)) => Ints(both(&[*l], r)),
        (Ints(l), Int(r)) => Ints(both(l, &[*r])),
        (Ints(l), Ints(r)) => Ints(both(l, r)),
        (Float(l), Float(r)) => Floats(vec![*l, *r]),
        (Float(l), Floats(r)) => Floats(both(&[*l], r)),
        (Floats(l), Float(r)) => Floats(both(l, &[*r])),
        (Floats(l), Floats(r)) => Floats(both(l, r)),
        (Bool(l), Bool(r)) => Bools(vec![*l, *r]),
        (Bool(l), Bools(r)) => Bools(both(&[*l], r)),
        (Bools(l), Bool(r)) => Bools(both(l, &[*r])),
        (Bools(l), Bools(r)) => Bools(both(l, r)),
        (Text(l), Text(r)) => Texts(vec![l.clone(), r.clone()]),
        (Text(l), Texts(r)) => Texts(both(std::slice::from_ref(l), r)),
        (Texts(l), Text(r)) => Texts(both(l, std::slice::from_ref(r))),
        (Texts(l), Texts(r)) => Texts(both(l, r)),
        _ => return None,
    })
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Int(int) => Value::Int(int),
        Value::Float(float) => Value::Float(float),
        Value::Bool(flag) => Value::Bool(flag),
        Value::Duration(nanos) => Value::Duration(nanos),
        Value::Status(status) => Value::Status(status),
        Value::Kind(kind) => Value::Kind(kind),
        // No literal is an array.
        Value::Nil | Value::Ints(_) | Value::Floats(_) | Value::Texts(_) | Value::Bools(_) => Value::Nil,
    }
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
            Self::Exists { node, .. } => node.can_fail(),
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
            Self::Not { .. } | Self::Exists { .. } | Self::Match { .. } => true,
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
