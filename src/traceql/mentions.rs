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

/// What a query names, each once for each purpose, in the order of the text.
pub fn mentions(query: &Query) -> Vec<Mention> {
    let mut found = Found::default();
    match &query.root {
        Root::Pipeline(pipeline) => found.pipeline(pipeline),
        Root::Metrics(metrics) => found.metrics(metrics),
    }
    found.mentions
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

#[derive(Default)]
struct Found {
    mentions: Vec<Mention>,
    known: BTreeSet<(String, Purpose)>,
}

impl Found {
    fn add(&mut self, name: &AttributeName, purpose: Purpose) {
        if self.known.insert((name.to_string(), purpose)) {
            self.mentions.push(Mention { name: name.clone(), purpose });
        }
    }

    fn all<'a>(&mut self, attributes: impl IntoIterator<Item = &'a Attribute>, purpose: Purpose) {
        attributes.into_iter().for_each(|attribute| self.add(&attribute.name, purpose));
    }

    fn field(&mut self, field: &FieldExpr, purpose: Purpose) {
        let mut named = Vec::new();
        field.attributes(&mut named);
        self.all(named, purpose);
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
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

    fn spanset(&mut self, spanset: &SpansetExpr) {
        match spanset {
            SpansetExpr::Filter(filter) => self.field(&filter.field, Purpose::Tested),
            SpansetExpr::Operation(operation) => {
                self.spanset(&operation.left);
                self.spanset(&operation.right);
            }
            SpansetExpr::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn scalar(&mut self, scalar: &ScalarExpr) {
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

    fn aggregate(&mut self, aggregate: &Aggregate) {
        if let Some(field) = &aggregate.field {
            self.field(field, Purpose::Measured);
        }
    }

    fn metrics(&mut self, metrics: &MetricsExpr) {
        match metrics {
            MetricsExpr::Query { pipeline, function, .. } => {
                self.pipeline(pipeline);
                match function {
                    MetricsFunction::Over { attribute, by, .. } => {
                        self.all(attribute, Purpose::Measured);
                        self.all(by, Purpose::Grouped);
                    }
                    MetricsFunction::Quantile { attribute, by, .. } => {
                        self.add(&attribute.name, Purpose::Measured);
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
