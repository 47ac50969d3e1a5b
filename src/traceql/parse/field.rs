//! Field expressions: what stands in braces, and in `by()` and the aggregates.

use super::{Deep, Parser};
use crate::traceql::ast::{Binary, Chain, FieldExpr, Inner, Literal};
use crate::traceql::error::Error;
use crate::traceql::place::Place;
use crate::traceql::token::Token;
use crate::traceql::types::Operator;

/// How tightly operators bind. Unary minus sits with addition, `!` above it: `-.a * .b` is `-(.a * .b)`.
mod level {
    pub const ANY: u8 = 0;
    pub const LOGIC: u8 = 1;
    pub const COMPARE: u8 = 2;
    pub const ADD: u8 = 3;
    pub const NOT: u8 = 4;
    pub const MULTIPLY: u8 = 5;
    pub const POWER: u8 = 6;
}

fn level_of(operator: Operator) -> u8 {
    match operator {
        Operator::And | Operator::Or => level::LOGIC,
        Operator::Add | Operator::Sub => level::ADD,
        Operator::Mul | Operator::Div | Operator::Mod => level::MULTIPLY,
        Operator::Pow => level::POWER,
        _ => level::COMPARE,
    }
}

impl Parser<'_> {
    pub(super) fn field(&mut self) -> Result<Deep<FieldExpr>, Error> {
        self.field_above(level::ANY)
    }

    /// A field expression of operators that bind tighter than `floor`.
    fn field_above(&mut self, floor: u8) -> Result<Deep<FieldExpr>, Error> {
        self.enter()?;
        let mut left = self.field_operand()?;
        while let Some(operator) = self.sign().and_then(Operator::of_sign) {
            let level = level_of(operator);
            if level <= floor {
                break;
            }
            self.advance()?;
            if matches!(operator, Operator::Equal | Operator::NotEqual) && self.took("nil")? {
                left = self.compared_with_nil(operator, left, self.last)?;
                continue;
            }
            // Only a power groups from the right.
            let right_floor = if operator == Operator::Pow { level - 1 } else { level };
            let right = self.field_above(right_floor)?;
            left = self.joined(operator, left, right)?;
        }
        self.leave();
        Ok(left)
    }

    fn joined(
        &self,
        operator: Operator,
        left: Deep<FieldExpr>,
        right: Deep<FieldExpr>,
    ) -> Result<Deep<FieldExpr>, Error> {
        let place = left.node.place().to(right.node.place());
        if !operator.is_logic() {
            let depths = [left.depth, right.depth];
            let binary = Binary { operator, left: left.node, right: right.node, place };
            return self.over(place, &depths, FieldExpr::Binary(Box::new(binary)));
        }
        match left.node {
            // Read from the left, so a chain on the left goes on; its depth counts already.
            FieldExpr::Chain(mut chain) => {
                chain.rest.push((operator, right.node));
                chain.place = place;
                let depths = [left.depth - 1, right.depth];
                self.over(place, &depths, FieldExpr::Chain(chain))
            }
            first => {
                let depths = [left.depth, right.depth];
                let chain = Chain { first, rest: vec![(operator, right.node)], place };
                self.over(place, &depths, FieldExpr::Chain(Box::new(chain)))
            }
        }
    }

    fn compared_with_nil(
        &self,
        operator: Operator,
        field: Deep<FieldExpr>,
        nil: Place,
    ) -> Result<Deep<FieldExpr>, Error> {
        let place = field.node.place().to(nil);
        let inner = Box::new(Inner { field: field.node, place });
        let node = match operator {
            Operator::NotEqual => FieldExpr::Exists(inner),
            _ => FieldExpr::Missing(inner),
        };
        self.over(place, &[field.depth], node)
    }

    fn field_operand(&mut self) -> Result<Deep<FieldExpr>, Error> {
        let place = self.now.place;
        match self.sign() {
            Some("(") => {
                self.advance()?;
                let inner = self.field()?;
                self.take(")")?;
                return Ok(inner);
            }
            Some("-") => {
                self.advance()?;
                return self.unary(place, level::ADD, FieldExpr::Negative);
            }
            Some("!") => {
                self.advance()?;
                return self.unary(place, level::NOT, FieldExpr::Not);
            }
            Some("nil") => return self.nil_first(),
            _ => {}
        }
        if let Some(attribute) = self.attribute_here()? {
            return Ok(Deep::leaf(FieldExpr::Attribute(attribute)));
        }
        match self.literal_here()? {
            Some(value) => Ok(Deep::leaf(FieldExpr::Literal { value, place })),
            None if matches!(self.now.token, Token::Fixed("{")) => Err(self
                .unexpected("an attribute or a value")
                .remedy("filters cannot stand inside each other; join conditions with && or ||")),
            None => Err(self.unexpected("an attribute or a value")),
        }
    }

    fn unary(
        &mut self,
        start: Place,
        floor: u8,
        make: impl FnOnce(Box<Inner>) -> FieldExpr,
    ) -> Result<Deep<FieldExpr>, Error> {
        let field = self.field_above(floor)?;
        let place = start.to(field.node.place());
        let depth = field.depth;
        self.over(place, &[depth], make(Box::new(Inner { field: field.node, place })))
    }

    /// `nil = field`, `nil != field`; `nil` is not a value by itself.
    fn nil_first(&mut self) -> Result<Deep<FieldExpr>, Error> {
        let start = self.advance()?.place;
        let operator = match self.sign() {
            Some("=") => Operator::Equal,
            Some("!=") => Operator::NotEqual,
            _ => {
                return Err(self
                    .unexpected("`=` or `!=`")
                    .remedy("nil is no value; it only stands in .a = nil and .a != nil"));
            }
        };
        self.advance()?;
        if self.took("nil")? {
            // Nil is neither equal nor unequal to anything.
            let value = Literal::Bool(false);
            return Ok(Deep::leaf(FieldExpr::Literal { value, place: start.to(self.last) }));
        }
        let field = self.field_above(level::COMPARE)?;
        self.compared_with_nil(operator, field, start)
    }
}
