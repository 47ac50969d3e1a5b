//! Metrics functions and what follows them.

use super::operand::{Operand, Wanted};
use super::{Deep, Parser};
use crate::traceql::ast::{Attribute, MetricsExpr, MetricsFunction, OverTime, SecondStage};
use crate::traceql::error::Error;
use crate::traceql::token::Token;
use crate::traceql::types::Operator;

/// How many values `compare()` keeps for each attribute unless told.
const COMPARE_TOP_DEFAULT: i64 = 10;

impl Parser<'_> {
    pub(super) fn metrics_word(&self, word: &str) -> bool {
        OverTime::of_word(word).is_some() || matches!(word, "quantile_over_time" | "compare")
    }

    pub(super) fn metrics_function(&mut self) -> Result<Deep<MetricsFunction>, Error> {
        let word = self.advance()?;
        self.take("(")?;
        let Token::Fixed(name) = word.token else { return Err(self.unexpected("a metrics function")) };
        if name == "compare" {
            return self.compare(word.place);
        }
        let function = OverTime::of_word(name);
        let mut attribute = None;
        if !matches!(function, Some(OverTime::Rate | OverTime::Count)) {
            attribute = Some(self.attribute()?);
        } else if !self.at(")") {
            return Err(self
                .unexpected("`)`")
                .remedy(format!("{name}() takes nothing; group with {name}() by(...)")));
        }
        let mut quantiles = Vec::new();
        if function.is_none() {
            self.take(",")?;
            quantiles.push(self.quantile()?);
            while self.took(",")? {
                quantiles.push(self.quantile()?);
            }
        }
        self.take(")")?;
        let by = self.by()?;
        let place = word.place.to(self.last);
        let function = match (function, attribute) {
            (Some(function), attribute) => MetricsFunction::Over { function, attribute, by, place },
            (None, Some(attribute)) => MetricsFunction::Quantile { attribute, quantiles, by, place },
            (None, None) => return Err(self.unexpected("an attribute")),
        };
        Ok(Deep::leaf(function))
    }

    fn by(&mut self) -> Result<Vec<Attribute>, Error> {
        if !self.took("by")? {
            return Ok(Vec::new());
        }
        self.take("(")?;
        self.attributes_to_parenthesis()
    }

    fn quantile(&mut self) -> Result<f64, Error> {
        let quantile = match self.now.token {
            Token::Float(float) => float,
            Token::Integer(int) => int as f64,
            _ => return Err(self.unexpected("a quantile between 0 and 1")),
        };
        self.advance()?;
        Ok(quantile)
    }

    fn compare(&mut self, start: crate::traceql::place::Place) -> Result<Deep<MetricsFunction>, Error> {
        let filter = self.filter()?;
        let (mut top, mut window) = (COMPARE_TOP_DEFAULT, None);
        if self.took(",")? {
            top = self.integer("how many values to keep")?;
            if self.took(",")? {
                let from = self.integer("the selection's start in unix nanoseconds")?;
                self.take(",")?;
                window = Some((from, self.integer("the selection's end in unix nanoseconds")?));
            }
        }
        let place = start.to(self.take(")")?);
        let depth = filter.depth;
        self.over(place, &[depth], MetricsFunction::Compare { filter: filter.node, top, window, place })
    }

    /// Any number of `| topk(n)`, `| bottomk(n)` and comparisons with a constant.
    pub(super) fn second_stages(&mut self, mut input: Deep<MetricsExpr>) -> Result<Deep<MetricsExpr>, Error> {
        loop {
            let comparison = self.sign().and_then(Operator::of_sign).filter(|sign| sign.is_comparison());
            let stage = if let Some(operator) = comparison {
                self.advance()?;
                let operand = self.operand(Wanted::Anything)?;
                match operand.node {
                    Operand::Constant(constant, _) => SecondStage::Compare { operator, constant },
                    other => {
                        return Err(self
                            .error(other.place(), "syntax error: series are compared with a constant only"));
                    }
                }
            } else if self.took("|")? {
                self.top()?
            } else {
                return Ok(input);
            };
            let place = input.node.place().to(self.last);
            let depth = input.depth;
            let second = MetricsExpr::Second { input: Box::new(input.node), stage, place };
            input = self.over(place, &[depth], second)?;
        }
    }

    fn top(&mut self) -> Result<SecondStage, Error> {
        let bottom = match self.sign() {
            Some("topk") => false,
            Some("bottomk") => true,
            _ => {
                return Err(self
                    .unexpected("topk or bottomk")
                    .remedy("after a metrics function only topk(n), bottomk(n) and comparisons follow"));
            }
        };
        self.advance()?;
        self.take("(")?;
        let limit = self.integer("how many series to keep")?;
        self.take(")")?;
        Ok(SecondStage::Top { limit, bottom })
    }
}
