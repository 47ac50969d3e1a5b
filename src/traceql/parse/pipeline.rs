//! The whole query, its stages, and what may stand in parentheses.

use super::operand::{Operand, Wanted};
use super::{Deep, Parser};
use crate::traceql::ast::*;
use crate::traceql::error::Error;
use crate::traceql::place::Place;
use crate::traceql::token::Token;
use crate::traceql::types::Operator;

/// What a text or a pair of parentheses holds.
#[derive(Debug)]
enum Body {
    Operand(Operand),
    Pipeline(Pipeline),
    ScalarPipeline(Pipeline, Aggregate),
    Metrics(MetricsExpr),
}

/// What one stage turned out to be.
enum Step {
    Stage(Stage),
    /// An aggregate without a comparison, which ends a pipeline in parentheses.
    Aggregate(Aggregate),
    Function(MetricsFunction),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Parentheses,
}

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query, Error> {
        let body = self.body(Around::Nothing)?;
        let root = match body.node {
            Body::Pipeline(pipeline) => Root::Pipeline(pipeline),
            Body::Metrics(metrics) => Root::Metrics(metrics),
            Body::Operand(Operand::Spanset(spanset)) => Root::Pipeline(single(Stage::Spanset(spanset))),
            Body::Operand(Operand::Pipelines(SpansetExpr::Pipeline(pipeline))) => Root::Pipeline(pipeline),
            Body::Operand(Operand::Pipelines(spanset)) => Root::Pipeline(single(Stage::Spanset(spanset))),
            Body::Operand(Operand::Metrics(metrics)) => {
                let metrics = Deep { node: metrics, depth: body.depth };
                Root::Metrics(self.second_stages(metrics)?.node)
            }
            Body::Operand(Operand::ScalarPipeline(left)) => {
                Root::Pipeline(single(Stage::Scalar(self.scalar_pipeline_filter(left)?)))
            }
            Body::Operand(Operand::Scalar(_) | Operand::Constant(..)) | Body::ScalarPipeline(..) => {
                return Err(self
                    .unexpected("a comparison")
                    .remedy("an aggregate needs one: { } | count() > 2"));
            }
        };
        let hints = self.hints()?;
        match self.now.token {
            Token::End => Ok(Query { root, hints }),
            _ => Err(self.unexpected("an operator, `|` or the end of the query")),
        }
    }

    /// What stands in the parentheses that begin here, as an operand.
    pub(super) fn parenthesised(&mut self, wanted: Wanted) -> Result<Deep<Operand>, Error> {
        let start = self.take("(")?;
        self.enter()?;
        self.enter()?;
        let body = self.body(Around::Parentheses)?;
        self.leave();
        self.leave();
        if !self.at(")") {
            return Err(self.unexpected("an operator, `|` or `)`"));
        }
        let place = start.to(self.advance()?.place);
        let depth = body.depth;
        let node = match (body.node, wanted) {
            // A pipeline of one spanset is that spanset.
            (Body::Operand(Operand::Spanset(spanset)), Wanted::Pipeline)
            | (Body::Operand(Operand::Pipelines(spanset)), _) => Operand::Pipelines(spanset),
            (Body::Pipeline(pipeline), _) => Operand::Pipelines(SpansetExpr::Pipeline(pipeline)),
            (body, Wanted::Pipeline) => {
                let found = match body {
                    Body::Metrics(_) | Body::Operand(Operand::Metrics(_)) => "a metrics query",
                    _ => "a number",
                };
                return Err(self.error(
                    place,
                    format!("syntax error: unexpected {found}, expecting a parenthesised pipeline"),
                ));
            }
            (Body::Operand(operand), Wanted::Anything) => return Ok(Deep { node: operand, depth }),
            (Body::ScalarPipeline(pipeline, aggregate), Wanted::Anything) => {
                Operand::ScalarPipeline(ScalarExpr::Pipeline { pipeline, aggregate, place })
            }
            (Body::Metrics(metrics), Wanted::Anything) => Operand::Metrics(metrics),
        };
        self.over(place, &[depth], node)
    }

    fn body(&mut self, around: Around) -> Result<Deep<Body>, Error> {
        let (first, mut depth) = match self.sign() {
            Some("by" | "select") => {
                let stage = self.grouping()?;
                (stage.node, stage.depth)
            }
            Some("coalesce") => {
                return Err(self
                    .unexpected("a filter")
                    .remedy("coalesce() follows a by(): { } | by(name) | coalesce()"));
            }
            Some(word) if self.metrics_word(word) => {
                return Err(self
                    .unexpected("a filter")
                    .remedy(format!("a metrics function follows a filter: {{ }} | {word}(...)")));
            }
            _ => {
                let operand = self.operand(Wanted::Anything)?;
                let depth = operand.depth;
                match operand.node {
                    Operand::Spanset(spanset) if self.at("|") => (Stage::Spanset(spanset), depth),
                    scalar @ (Operand::Scalar(_) | Operand::Constant(..)) if self.comparison().is_some() => {
                        let filter = self.scalar_filter(Deep { node: scalar, depth })?;
                        (Stage::Scalar(filter.node), filter.depth)
                    }
                    other => return Ok(Deep { node: Body::Operand(other), depth }),
                }
            }
        };
        let mut stages = vec![first];
        while self.took("|")? {
            let step = self.step(around)?;
            depth = depth.max(step.depth);
            match step.node {
                Step::Stage(stage) => stages.push(stage),
                Step::Aggregate(aggregate) => {
                    let body = Body::ScalarPipeline(pipeline_of(stages), aggregate);
                    return self.over(self.last, &[depth], body);
                }
                Step::Function(function) => {
                    let pipeline = pipeline_of(stages);
                    let place = pipeline.place.to(self.last);
                    let metrics = MetricsExpr::Query { pipeline, function, place };
                    let metrics = self.over(place, &[depth + 1], metrics)?;
                    return Ok(self.second_stages(metrics)?.map(Body::Metrics));
                }
            }
        }
        let pipeline = pipeline_of(stages);
        self.over(pipeline.place, &[depth], Body::Pipeline(pipeline))
    }

    /// One stage after `|`.
    fn step(&mut self, around: Around) -> Result<Deep<Step>, Error> {
        match self.sign() {
            Some("by" | "select") => return Ok(self.grouping()?.map(Step::Stage)),
            Some("coalesce") => {
                let start = self.advance()?.place;
                self.take("(")?;
                let place = start.to(self.take(")")?);
                return Ok(Deep::leaf(Step::Stage(Stage::Coalesce { place })));
            }
            Some("topk" | "bottomk") => {
                return Err(self
                    .unexpected("a stage")
                    .remedy("topk and bottomk follow a metrics function: { } | rate() by(name) | topk(5)"));
            }
            Some(word) if self.metrics_word(word) => return Ok(self.metrics_function()?.map(Step::Function)),
            _ => {}
        }
        let is_bare_aggregate = !self.at("(");
        let operand = self.operand(Wanted::Anything)?;
        let depth = operand.depth;
        match operand.node {
            Operand::Spanset(spanset) => Ok(Deep { node: Step::Stage(Stage::Spanset(spanset)), depth }),
            Operand::Scalar(ScalarExpr::Aggregate(aggregate))
                if is_bare_aggregate && around == Around::Parentheses && self.at(")") =>
            {
                Ok(Deep { node: Step::Aggregate(aggregate), depth })
            }
            scalar @ (Operand::Scalar(_) | Operand::Constant(..)) => {
                Ok(self.scalar_filter(Deep { node: scalar, depth })?.map(|filter| Step::Stage(Stage::Scalar(filter))))
            }
            other => Err(self
                .error(other.place(), "syntax error: a stage of a pipeline is a filter, an aggregate with a comparison, by(), coalesce(), select() or a metrics function")),
        }
    }

    fn comparison(&self) -> Option<Operator> {
        self.sign().and_then(Operator::of_sign).filter(|operator| operator.is_comparison())
    }

    /// `scalar comparison scalar`, of which one holds an aggregate.
    fn scalar_filter(&mut self, left: Deep<Operand>) -> Result<Deep<ScalarFilter>, Error> {
        let Some(operator) = self.comparison() else {
            return Err(self.unexpected("a comparison").remedy("an aggregate needs one: { } | count() > 2"));
        };
        self.advance()?;
        let right = self.operand(Wanted::Anything)?;
        let place = left.node.place().to(right.node.place());
        let depths = [left.depth, right.depth];
        let constants = matches!((&left.node, &right.node), (Operand::Constant(..), Operand::Constant(..)));
        match (scalar(left.node), scalar(right.node)) {
            (Some(left), Some(right)) if !constants => {
                self.over(place, &depths, ScalarFilter { operator, left, right, place })
            }
            _ => Err(self
                .error(
                    place,
                    format!("syntax error: `{}` must compare an aggregate with a number", operator.sign()),
                )
                .remedy("write it as { } | count() > 2")),
        }
    }

    /// The rest of `(pipeline | count()) > ...`.
    fn scalar_pipeline_filter(&mut self, left: ScalarExpr) -> Result<ScalarFilter, Error> {
        let Some(operator) = self.comparison() else { return Err(self.unexpected("a comparison")) };
        self.advance()?;
        let right = self.operand(Wanted::Anything)?;
        let place = left.place().to(right.node.place());
        let right = match right.node {
            Operand::Constant(value, place) => ScalarExpr::Constant { value, place },
            Operand::ScalarPipeline(right) => right,
            other => {
                return Err(self.error(
                    other.place(),
                    "syntax error: expecting a number or a pipeline that ends in an aggregate",
                ));
            }
        };
        Ok(ScalarFilter { operator, left, right, place })
    }

    /// `by(field)` or `select(attribute, ...)`.
    fn grouping(&mut self) -> Result<Deep<Stage>, Error> {
        let word = self.advance()?;
        self.take("(")?;
        if word.token == Token::Fixed("select") {
            let attributes = self.attributes_to_parenthesis()?;
            let place = word.place.to(self.last);
            return Ok(Deep::leaf(Stage::Select { attributes, place }));
        }
        let field = self.field()?;
        if self.at(",") {
            return Err(self
                .unexpected("`)`")
                .remedy("by() takes one expression here; chain them: by(.a) | by(.b)"));
        }
        let place = word.place.to(self.take(")")?);
        let depth = field.depth;
        self.over(place, &[depth], Stage::By { field: field.node, place })
    }

    /// `with(name = value, ...)`, any number of times; the last one counts.
    fn hints(&mut self) -> Result<Vec<Hint>, Error> {
        let mut hints = Vec::new();
        while self.took("with")? {
            self.take("(")?;
            hints = vec![self.hint()?];
            while self.took(",")? {
                hints.push(self.hint()?);
            }
            self.take(")")?;
        }
        Ok(hints)
    }

    fn hint(&mut self) -> Result<Hint, Error> {
        let place = self.now.place;
        let Token::Unknown(name) = &self.now.token else { return Err(self.unexpected("a hint's name")) };
        let name = name.clone();
        self.advance()?;
        self.take("=")?;
        match self.literal_here()? {
            Some(value) => Ok(Hint { name, value, place: place.to(self.last) }),
            None => Err(self.unexpected("a value")),
        }
    }
}

fn single(stage: Stage) -> Pipeline {
    let place = stage.place();
    Pipeline { stages: vec![stage], place }
}

fn pipeline_of(stages: Vec<Stage>) -> Pipeline {
    let place = match (stages.first(), stages.last()) {
        (Some(first), Some(last)) => first.place().to(last.place()),
        _ => Place::default(),
    };
    Pipeline { stages, place }
}

fn scalar(operand: Operand) -> Option<ScalarExpr> {
    match operand {
        Operand::Scalar(scalar) => Some(scalar),
        Operand::Constant(value, place) => Some(ScalarExpr::Constant { value, place }),
        _ => None,
    }
}
