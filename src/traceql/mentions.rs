//! Which attributes a query names, and what for. Whoever decides what may be asked looks at this, and at nothing
//! else of a query: what is not named cannot be asked.

use std::collections::BTreeSet;

use super::ast::{
    Aggregate, Attribute, AttributeName, FieldExpr, MetricsExpr, MetricsFunction, Pipeline, Query, Root,
    ScalarExpr, SpansetExpr, Stage,
};

/// What an attribute is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// `select(.a)`: to be shown as it may be seen.
    Shown,
    /// `{ .a = 1 }`
    Tested,
    /// `by(.a)`
    Grouped,
    /// `max(.a)`, `quantile_over_time(.a, .5)`: a number is made of its values.
    Measured,
}

/// An attribute of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub name: AttributeName,
    pub purpose: Purpose,
}

/// A place of a query that names attributes.
#[derive(Debug, Clone, Copy)]
pub enum Named<'q> {
    Field(&'q FieldExpr),
    Attribute(&'q Attribute),
}

/// What a query names, each once for each purpose, in the order of the text.
pub fn mentions(query: &Query) -> Vec<Mention> {
    let (mut mentions, mut known) = (Vec::new(), BTreeSet::new());
    let mut add = |name: &AttributeName, purpose: Purpose| {
        if known.insert((name.to_string(), purpose)) {
            mentions.push(Mention { name: name.clone(), purpose });
        }
    };
    each(query, &mut |named, purpose| match named {
        Named::Attribute(attribute) => add(&attribute.name, purpose),
        Named::Field(field) => {
            let mut found = Vec::new();
            field.attributes(&mut found);
            found.into_iter().for_each(|attribute| add(&attribute.name, purpose));
        }
    });
    mentions
}

/// Shows every place of a query that names attributes, and what for, in the order of the text.
pub fn each<'q>(query: &'q Query, look: &mut dyn FnMut(Named<'q>, Purpose)) {
    let mut walk = Walk { look };
    match &query.root {
        Root::Pipeline(pipeline) => walk.pipeline(pipeline),
        Root::Metrics(metrics) => walk.metrics(metrics),
    }
}

/// Whether it has a `compare()`, which groups by every attribute without naming one.
pub fn compares(query: &Query) -> bool {
    fn any(metrics: &MetricsExpr) -> bool {
        match metrics {
            MetricsExpr::Query { function, .. } => matches!(function, MetricsFunction::Compare { .. }),
            MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => any(input),
            MetricsExpr::Math { left, right, .. } => any(left) || any(right),
        }
    }
    matches!(&query.root, Root::Metrics(metrics) if any(metrics))
}

struct Walk<'l, 'q> {
    look: &'l mut dyn FnMut(Named<'q>, Purpose),
}

impl<'q> Walk<'_, 'q> {
    fn all(&mut self, attributes: impl IntoIterator<Item = &'q Attribute>, purpose: Purpose) {
        attributes.into_iter().for_each(|attribute| (self.look)(Named::Attribute(attribute), purpose));
    }

    fn field(&mut self, field: &'q FieldExpr, purpose: Purpose) {
        (self.look)(Named::Field(field), purpose);
    }

    fn pipeline(&mut self, pipeline: &'q Pipeline) {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spanset(spanset) => self.spanset(spanset),
                Stage::Scalar(filter) => {
                    self.scalar(&filter.left);
                    self.scalar(&filter.right);
                }
                Stage::By { field, .. } => self.field(field, Purpose::Grouped),
                Stage::Coalesce { .. } => {}
                Stage::Select { attributes, .. } => self.all(attributes, Purpose::Shown),
            }
        }
    }

    fn spanset(&mut self, spanset: &'q SpansetExpr) {
        match spanset {
            SpansetExpr::Filter(filter) => self.field(&filter.field, Purpose::Tested),
            SpansetExpr::Operation(operation) => {
                self.spanset(&operation.left);
                self.spanset(&operation.right);
            }
            SpansetExpr::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn scalar(&mut self, scalar: &'q ScalarExpr) {
        match scalar {
            ScalarExpr::Constant { .. } => {}
            ScalarExpr::Aggregate(aggregate) => self.aggregate(aggregate),
            ScalarExpr::Operation(operation) => {
                self.scalar(&operation.left);
                self.scalar(&operation.right);
            }
            ScalarExpr::Pipeline { pipeline, aggregate, .. } => {
                self.pipeline(pipeline);
                self.aggregate(aggregate);
            }
        }
    }

    fn aggregate(&mut self, aggregate: &'q Aggregate) {
        if let Some(field) = &aggregate.field {
            self.field(field, Purpose::Measured);
        }
    }

    fn metrics(&mut self, metrics: &'q MetricsExpr) {
        match metrics {
            MetricsExpr::Query { pipeline, function, .. } => {
                self.pipeline(pipeline);
                match function {
                    MetricsFunction::Over { attribute, by, .. } => {
                        self.all(attribute, Purpose::Measured);
                        self.all(by, Purpose::Grouped);
                    }
                    MetricsFunction::Quantile { attribute, by, .. } => {
                        self.all([attribute], Purpose::Measured);
                        self.all(by, Purpose::Grouped);
                    }
                    MetricsFunction::Compare { filter, .. } => self.field(&filter.field, Purpose::Tested),
                }
            }
            MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => self.metrics(input),
            MetricsExpr::Math { left, right, .. } => {
                self.metrics(left);
                self.metrics(right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let query = crate::traceql::parse(text).unwrap();
        let all = mentions(&query);
        all.iter().map(|of| format!("{} {:?}", of.name, of.purpose)).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn whatever_is_named_is_found_with_what_it_is_named_for() {
        for (text, expected) in [
            ("{ }", ""),
            ("{ .a = 1 && (span.b = nil || !(.c > .d)) }", ".a Tested, span.b Tested, .c Tested, .d Tested"),
            ("{ .a = 1 } >> { .a = 2 }", ".a Tested"),
            ("{ } | select(.a, name) | by(.b)", ".a Shown, name Shown, .b Grouped"),
            ("{ } | max(.a) > 2 | { .b = 1 }", ".a Measured, .b Tested"),
            ("({ .a = 1 } | avg(.b)) > ({ .c = 1 } | count())", ".a Tested, .b Measured, .c Tested"),
            ("{ .a = 1 } | rate() by(.b, resource.c)", ".a Tested, .b Grouped, resource.c Grouped"),
            ("{ } | max_over_time(.a) by(name)", ".a Measured, name Grouped"),
            ("{ } | quantile_over_time(.a, .5) by(.b)", ".a Measured, .b Grouped"),
            ("{ } | compare({ .a = 1 })", ".a Tested"),
            ("({ .a = 1 } | rate()) / ({ .b = 1 } | rate())", ".a Tested, .b Tested"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn a_comparison_of_everything_is_told() {
        let told = |text: &str| compares(&crate::traceql::compile(text).unwrap());
        assert!(told("{ } | compare({ .a = 1 })"));
        assert!(!told("{ .compare = 1 }") && !told("{ } | rate()"));
    }
}
