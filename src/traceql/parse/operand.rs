//! Everything between the bars: spansets, scalars, constants, parenthesised pipelines and metrics.
//!
//! They all may begin with `(`, so one loop reads a sum of them and says which operators each takes and
//! with what.

use super::{Deep, Parser};
use crate::traceql::ast::*;
use crate::traceql::error::Error;
use crate::traceql::place::Place;
use crate::traceql::token::Token;
use crate::traceql::types::Operator;
use crate::traceql::value::{self, Failure, Value};

/// What was read so far.
#[derive(Debug)]
pub(super) enum Operand {
    /// Numbers and durations, folded.
    Constant(Literal, Place),
    /// Something with an aggregate in it.
    Scalar(ScalarExpr),
    /// Filters and operations between them.
    Spanset(SpansetExpr),
    /// Parenthesised pipelines and operations between them.
    Pipelines(SpansetExpr),
    /// Pipelines that end in an aggregate, and arithmetic between them.
    ScalarPipeline(ScalarExpr),
    /// Parenthesised metrics queries and arithmetic between them.
    Metrics(MetricsExpr),
}

/// Whether an operand may be anything, or must be a parenthesised pipeline because its left sibling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Anything,
    Pipeline,
}

mod level {
    pub const ANY: u8 = 0;
    pub const LOGIC: u8 = 1;
    pub const RELATION: u8 = 2;
    pub const ADD: u8 = 3;
    pub const MULTIPLY: u8 = 4;
    pub const POWER: u8 = 5;
}

impl Operand {
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Constant(_, place) => *place,
            Self::Scalar(scalar) | Self::ScalarPipeline(scalar) => scalar.place(),
            Self::Spanset(spanset) | Self::Pipelines(spanset) => spanset.place(),
            Self::Metrics(metrics) => metrics.place(),
        }
    }

    /// How an error names it.
    fn name(&self) -> &'static str {
        match self {
            Self::Constant(..) => "a constant",
            Self::Scalar(_) => "an aggregate",
            Self::Spanset(_) => "a spanset",
            Self::Pipelines(_) => "a parenthesised pipeline",
            Self::ScalarPipeline(_) => "a pipeline that ends in an aggregate",
            Self::Metrics(_) => "a metrics query",
        }
    }

    /// Whether its operators are those between spansets.
    fn is_spansets(&self) -> bool {
        matches!(self, Self::Spanset(_) | Self::Pipelines(_))
    }
}

fn arithmetic_level(operator: Operator) -> u8 {
    match operator {
        Operator::Add | Operator::Sub => level::ADD,
        Operator::Pow => level::POWER,
        _ => level::MULTIPLY,
    }
}

impl Parser<'_> {
    pub(super) fn operand(&mut self, wanted: Wanted) -> Result<Deep<Operand>, Error> {
        self.operand_above(level::ANY, wanted)
    }

    fn operand_above(&mut self, floor: u8, wanted: Wanted) -> Result<Deep<Operand>, Error> {
        self.enter()?;
        let mut left = self.operand_primary(wanted)?;
        while let Some(sign) = self.sign() {
            left = if left.node.is_spansets() {
                let Some(operator) = SpansetOperator::of_sign(sign) else { break };
                let level = match operator {
                    SpansetOperator::And | SpansetOperator::Or => level::LOGIC,
                    SpansetOperator::Structural { .. } => level::RELATION,
                };
                if level <= floor {
                    break;
                }
                self.advance()?;
                self.spanset_operation(operator, level, left)?
            } else {
                let arithmetic = Operator::of_sign(sign).filter(|operator| operator.is_arithmetic());
                let Some(operator) = arithmetic else { break };
                if arithmetic_level(operator) <= floor {
                    break;
                }
                self.advance()?;
                self.arithmetic(operator, left)?
            };
        }
        self.leave();
        Ok(left)
    }

    fn spanset_operation(
        &mut self,
        operator: SpansetOperator,
        level: u8,
        left: Deep<Operand>,
    ) -> Result<Deep<Operand>, Error> {
        let pipelines = matches!(left.node, Operand::Pipelines(_));
        let wanted = if pipelines { Wanted::Pipeline } else { Wanted::Anything };
        let right = self.operand_above(level, wanted)?;
        let (depths, sign) = ([left.depth, right.depth], operator.sign());
        let place = left.node.place().to(right.node.place());
        let operation =
            |left, right| SpansetExpr::Operation(Box::new(SpansetOperation { operator, left, right, place }));
        let node = match (left.node, right.node) {
            (Operand::Spanset(left), Operand::Spanset(right)) => Operand::Spanset(operation(left, right)),
            (Operand::Pipelines(left), Operand::Pipelines(right)) => {
                Operand::Pipelines(operation(left, right))
            }
            (left, right) => {
                let what = format!(
                    "syntax error: `{sign}` cannot stand between {} and {}",
                    left.name(),
                    right.name()
                );
                return Err(self.error(right.place(), what).remedy(
                    "it joins two spansets, or two parenthesised pipelines that each have a stage after `|`",
                ));
            }
        };
        self.over(place, &depths, node)
    }

    /// `left operator ...` where left is no spanset; the operator is taken already.
    fn arithmetic(&mut self, operator: Operator, left: Deep<Operand>) -> Result<Deep<Operand>, Error> {
        let level = arithmetic_level(operator);
        let floor = if operator == Operator::Pow { level - 1 } else { level };
        let mut right = self.operand_above(floor, Wanted::Anything)?;
        let folds = !matches!(operator, Operator::Mod | Operator::Pow);
        // No constants are joined by % or ^, so what follows belongs to the right side until an aggregate
        // stands in it: 1 % 2 * count() is 1 % (2 * count()).
        while !folds && matches!((&left.node, &right.node), (Operand::Constant(..), Operand::Constant(..))) {
            let next = self.sign().and_then(Operator::of_sign).filter(|next| next.is_arithmetic());
            let Some(next) = next else {
                return Err(self
                    .error(
                        right.node.place(),
                        format!("syntax error: `{}` between constants", operator.sign()),
                    )
                    .remedy("write the result; only + - * / of constants are computed here"));
            };
            self.advance()?;
            right = self.arithmetic(next, right)?;
        }
        self.combined(operator, left, right)
    }

    fn combined(
        &self,
        operator: Operator,
        left: Deep<Operand>,
        right: Deep<Operand>,
    ) -> Result<Deep<Operand>, Error> {
        let place = left.node.place().to(right.node.place());
        let depths = [left.depth, right.depth];
        let scalar =
            |left, right| ScalarExpr::Operation(Box::new(ScalarOperation { operator, left, right, place }));
        let constant = |value, place| ScalarExpr::Constant { value, place };
        let metric_operator = !matches!(operator, Operator::Mod | Operator::Pow);
        let node = match (left.node, right.node) {
            (Operand::Constant(left, _), Operand::Constant(right, _)) => {
                let folded = self.folded(operator, &left, &right, place)?;
                return Ok(Deep::leaf(Operand::Constant(folded, place)));
            }
            (Operand::Scalar(left), Operand::Scalar(right)) => Operand::Scalar(scalar(left, right)),
            (Operand::Scalar(left), Operand::Constant(right, at)) => {
                Operand::Scalar(scalar(left, constant(right, at)))
            }
            (Operand::Constant(left, at), Operand::Scalar(right)) => {
                Operand::Scalar(scalar(constant(left, at), right))
            }
            (Operand::ScalarPipeline(left), Operand::ScalarPipeline(right)) => {
                Operand::ScalarPipeline(scalar(left, right))
            }
            (Operand::Metrics(left), Operand::Metrics(right)) if metric_operator => {
                Operand::Metrics(MetricsExpr::Math {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                    place,
                })
            }
            (Operand::Metrics(input), Operand::Constant(constant, at)) if metric_operator => {
                Operand::Metrics(self.scaled(operator, (constant, at), false, input, place)?)
            }
            (Operand::Constant(constant, at), Operand::Metrics(input)) if metric_operator => {
                Operand::Metrics(self.scaled(operator, (constant, at), true, input, place)?)
            }
            (left, right) => {
                let what = format!(
                    "syntax error: `{}` cannot stand between {} and {}",
                    operator.sign(),
                    left.name(),
                    right.name()
                );
                return Err(self.error(right.place(), what));
            }
        };
        self.over(place, &depths, node)
    }

    fn scaled(
        &self,
        operator: Operator,
        (constant, at): (Literal, Place),
        constant_first: bool,
        input: MetricsExpr,
        place: Place,
    ) -> Result<MetricsExpr, Error> {
        if matches!(constant, Literal::Duration(_)) {
            return Err(self
                .error(at, "duration cannot be used as a scalar operand in metric arithmetic")
                .remedy("write seconds as a number"));
        }
        Ok(MetricsExpr::Scaled { operator, constant, constant_first, input: Box::new(input), place })
    }

    fn folded(
        &self,
        operator: Operator,
        left: &Literal,
        right: &Literal,
        place: Place,
    ) -> Result<Literal, Error> {
        if matches!((left, right), (Literal::Duration(_), _) | (_, Literal::Duration(_))) {
            return Err(self
                .error(place, "duration cannot be used in scalar arithmetic")
                .remedy("write the sum as one duration, such as 1m30s"));
        }
        let result = value::apply(operator, &left.value(), &right.value());
        let failed = |failure: Failure| self.error(place, failure.to_string());
        Literal::number(&result.map_err(failed)?)
            .ok_or_else(|| self.error(place, "syntax error: not a number"))
    }

    fn operand_primary(&mut self, wanted: Wanted) -> Result<Deep<Operand>, Error> {
        if wanted == Wanted::Pipeline && !self.at("(") {
            return Err(self.unexpected("`(`").remedy(
                "beside a parenthesised pipeline every operand is one: put this side in parentheses",
            ));
        }
        let place = self.now.place;
        match &self.now.token {
            Token::Fixed("{") => {
                Ok(self.filter()?.map(|filter| Operand::Spanset(SpansetExpr::Filter(filter))))
            }
            Token::Fixed("(") => self.parenthesised(wanted),
            Token::Fixed("-") => {
                self.advance()?;
                self.enter()?;
                let operand = self.operand_primary(Wanted::Anything)?;
                self.leave();
                self.negated(place, operand)
            }
            Token::Integer(int) => self.constant(Literal::Int(*int)),
            Token::Float(float) => self.constant(Literal::Float(*float)),
            Token::Duration(nanos) => self.constant(Literal::Duration(*nanos)),
            Token::Fixed(word) if AggregateFunction::of_word(word).is_some() => {
                Ok(self.aggregate()?.map(|aggregate| Operand::Scalar(ScalarExpr::Aggregate(aggregate))))
            }
            _ => Err(self.unexpected("a filter such as { status = error }, or a stage of a pipeline")),
        }
    }

    fn constant(&mut self, value: Literal) -> Result<Deep<Operand>, Error> {
        let place = self.advance()?.place;
        Ok(Deep::leaf(Operand::Constant(value, place)))
    }

    fn negated(&self, start: Place, operand: Deep<Operand>) -> Result<Deep<Operand>, Error> {
        let Operand::Constant(literal, place) = &operand.node else {
            return Err(self.error(
                operand.node.place(),
                format!("syntax error: `-` cannot stand before {}", operand.node.name()),
            ));
        };
        let negated = value::negated(&literal.value());
        match negated.as_ref().and_then(Literal::number) {
            Some(value) => Ok(Deep::leaf(Operand::Constant(value, start.to(*place)))),
            None => Err(self.error(*place, "syntax error: not a number")),
        }
    }

    pub(super) fn filter(&mut self) -> Result<Deep<SpansetFilter>, Error> {
        let start = self.take("{")?;
        if self.took("}")? {
            let place = start.to(self.last);
            let field = FieldExpr::Literal { value: Literal::Bool(true), place };
            return Ok(Deep::leaf(SpansetFilter { field, place }));
        }
        let field = self.field()?;
        if !self.at("}") {
            return Err(self.unexpected("an operator or `}`"));
        }
        let place = start.to(self.advance()?.place);
        let depth = field.depth;
        self.over(place, &[depth], SpansetFilter { field: field.node, place })
    }

    pub(super) fn aggregate(&mut self) -> Result<Deep<Aggregate>, Error> {
        let start = self.now.place;
        let Some(function) = self.sign().and_then(AggregateFunction::of_word) else {
            return Err(self.unexpected("an aggregate"));
        };
        self.advance()?;
        self.take("(")?;
        if function == AggregateFunction::Count {
            let place = start.to(self.take(")")?);
            return Ok(Deep::leaf(Aggregate { function, field: None, place }));
        }
        let field = self.field()?;
        let place = start.to(self.take(")")?);
        let depth = field.depth;
        self.over(place, &[depth], Aggregate { function, field: Some(field.node), place })
    }
}

impl Literal {
    /// The literal as a value.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Int(int) => Value::Int(*int),
            Self::Float(float) => Value::Float(*float),
            Self::Text(text) => Value::Text(text.as_str().into()),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Duration(nanos) => Value::Duration(*nanos),
            Self::Status(status) => Value::Status(*status as i64),
            Self::Kind(kind) => Value::Kind(*kind as i64),
        }
    }

    /// A number or duration as a literal.
    pub fn number(value: &Value<'_>) -> Option<Literal> {
        match value {
            Value::Int(int) => Some(Self::Int(*int)),
            Value::Float(float) => Some(Self::Float(*float)),
            Value::Duration(nanos) => Some(Self::Duration(*nanos)),
            _ => None,
        }
    }
}
