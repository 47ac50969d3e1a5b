//! Walks the stages of a query and gathers the conditions in them.

use super::{Comparison, Condition, FetchSpec, Fetched};
use crate::traceql::ast::{
    Aggregate, AttributeName, FieldExpr, Pipeline, Relation, ScalarExpr, SpansetExpr, SpansetOperator, Stage,
};
use crate::traceql::rewrite::{Link, Rewritten, rewrite};
use crate::traceql::types::Operator;
use crate::traceql::value::Value;

/// What is gathered so far.
pub(super) struct Extractor {
    spec: FetchSpec,
}

impl Extractor {
    pub(super) fn of_pipeline(pipeline: &Pipeline) -> FetchSpec {
        let mut all = Self { spec: FetchSpec { all_conditions: true, ..FetchSpec::default() } };
        all.pipeline(pipeline, None);
        all.spec
    }

    /// The aggregate, where there is one, is a last stage. What stands behind `select()` is fetched only when
    /// the query has run, so it is not there for the stages that ask for it.
    fn pipeline(&mut self, pipeline: &Pipeline, aggregate: Option<&Aggregate>) {
        let mut is_late = false;
        for stage in &pipeline.stages {
            self.now_or_late(is_late, |all| all.stage(stage));
            is_late |= matches!(stage, Stage::Select { .. });
        }
        if let Some(aggregate) = aggregate {
            self.now_or_late(is_late, |all| all.aggregate(aggregate));
        }
    }

    fn now_or_late(&mut self, is_late: bool, gather: impl FnOnce(&mut Self)) {
        if !is_late {
            return gather(self);
        }
        let mut late = Self { spec: FetchSpec::default() };
        gather(&mut late);
        for condition in late.spec.conditions.into_iter().chain(late.spec.second_pass) {
            if !self.fetches_all_of(&condition.attribute) {
                self.spec.second_pass.push(condition);
            }
        }
    }

    fn fetches_all_of(&self, attribute: &Fetched) -> bool {
        let all = self.spec.conditions.iter().chain(&self.spec.second_pass);
        all.filter(|one| one.comparison == Comparison::Any).any(|one| one.attribute.covers(attribute))
    }

    fn stage(&mut self, stage: &Stage) {
        match stage {
            Stage::Spanset(spanset) => self.spanset(spanset),
            Stage::Scalar(filter) => {
                self.scalar(&filter.left);
                self.scalar(&filter.right);
            }
            Stage::By { field, .. } => {
                self.field(field);
                self.spec.all_conditions = false;
            }
            Stage::Coalesce { .. } => {}
            Stage::Select { attributes, .. } => {
                let all = attributes.iter().map(|attribute| Condition::any((&attribute.name).into()));
                self.spec.second_pass.extend(all);
            }
        }
    }

    fn spanset(&mut self, spanset: &SpansetExpr) {
        match spanset {
            SpansetExpr::Filter(filter) => {
                let field = rewrite(&filter.field);
                self.rewritten(&field);
                if field == Rewritten::Constant(Value::Bool(true)) {
                    self.every_span();
                }
            }
            SpansetExpr::Operation(operation) => {
                if let SpansetOperator::Structural { relation, .. } = operation.operator {
                    self.spec.conditions.push(Condition::any(match relation {
                        Relation::Descendant | Relation::Ancestor => Fetched::Descendants,
                        Relation::Child | Relation::Parent => Fetched::Children,
                        Relation::Sibling => Fetched::Siblings,
                    }));
                }
                self.spanset(&operation.left);
                self.spanset(&operation.right);
                self.spec.all_conditions = false;
            }
            SpansetExpr::Pipeline(pipeline) => self.pipeline(pipeline, None),
        }
    }

    /// `{ }` needs something that every span has, where nothing else is asked for that is no attribute.
    fn every_span(&mut self) {
        let is_there = |one: &Condition| one.comparison == Comparison::Any && one.attribute.is_intrinsic();
        if !self.spec.conditions.iter().any(is_there) {
            self.spec.conditions.push(Condition::any(Fetched::SpanStart));
        }
    }

    fn scalar(&mut self, scalar: &ScalarExpr) {
        match scalar {
            ScalarExpr::Aggregate(aggregate) => self.aggregate(aggregate),
            ScalarExpr::Constant { .. } => {}
            ScalarExpr::Operation(operation) => {
                self.scalar(&operation.left);
                self.scalar(&operation.right);
            }
            ScalarExpr::Pipeline { pipeline, aggregate, .. } => self.pipeline(pipeline, Some(aggregate)),
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.spec.all_conditions = false;
        if let Some(field) = &aggregate.field {
            self.field(field);
        }
    }

    fn field(&mut self, field: &FieldExpr) {
        self.rewritten(&rewrite(field));
    }

    fn rewritten(&mut self, field: &Rewritten) {
        match field {
            Rewritten::Constant(_) => {}
            Rewritten::Attribute(name) => self.any(name),
            Rewritten::Not { inner, .. } | Rewritten::Negative { inner, .. } => self.rewritten(inner),
            Rewritten::Exists(inner) => self.presence(inner, Comparison::Exists),
            Rewritten::Missing(inner) => self.presence(inner, Comparison::Missing),
            Rewritten::Binary { operator, left, right } => self.binary(*operator, left, right),
            Rewritten::Match { left, patterns, negated } => match &**left {
                Rewritten::Attribute(name) => {
                    let patterns = patterns.clone();
                    let comparison = match negated {
                        true => Comparison::NotMatch(patterns),
                        false => Comparison::Match(patterns),
                    };
                    self.push(name, comparison);
                }
                left => self.rewritten(left),
            },
            Rewritten::Chain { first, rest } => self.chain(first, rest),
        }
    }

    fn presence(&mut self, inner: &Rewritten, comparison: Comparison) {
        match inner {
            Rewritten::Attribute(name) => self.push(name, comparison),
            inner => self.rewritten(inner),
        }
    }

    /// Which side the attribute stands on is lost: `1 < .a` asks for `.a < 1`.
    fn binary(&mut self, operator: Operator, left: &Rewritten, right: &Rewritten) {
        match (left, right) {
            (Rewritten::Attribute(name), Rewritten::Constant(constant))
            | (Rewritten::Constant(constant), Rewritten::Attribute(name)) => {
                self.push(name, comparison(operator, constant));
            }
            (left, right) => {
                self.rewritten(left);
                self.rewritten(right);
            }
        }
    }

    /// Tempo reads a chain as operations of two sides each, from the left. `||` frees the conditions only
    /// where its left side is itself an operation.
    fn chain(&mut self, first: &Rewritten, rest: &[Link]) {
        self.rewritten(first);
        let mut left_is_operation = !matches!(first, Rewritten::Attribute(_) | Rewritten::Constant(_));
        for link in rest {
            self.rewritten(&link.field);
            self.spec.all_conditions &= !(left_is_operation && link.operator == Operator::Or);
            left_is_operation = true;
        }
    }

    fn any(&mut self, name: &AttributeName) {
        self.push(name, Comparison::Any);
    }

    fn push(&mut self, name: &AttributeName, comparison: Comparison) {
        self.spec.conditions.push(Condition { attribute: name.into(), comparison });
    }
}

fn comparison(operator: Operator, constant: &Value<'static>) -> Comparison {
    let constant = constant.clone();
    match operator {
        Operator::Equal => Comparison::Equal(constant),
        Operator::NotEqual => Comparison::NotEqual(constant),
        Operator::Less => Comparison::Less(constant),
        Operator::LessEqual => Comparison::LessEqual(constant),
        Operator::Greater => Comparison::Greater(constant),
        Operator::GreaterEqual => Comparison::GreaterEqual(constant),
        // No storage can decide arithmetic.
        _ => Comparison::Any,
    }
}
