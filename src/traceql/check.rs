//! Whether a query makes sense: types, regular expressions, limits, and what Tempo parses but does not run.
//!
//! Accepts exactly what Tempo accepts. The first words of an error are Tempo's, then come the place and a
//! remedy.

use super::ast::*;
use super::error::{Class, Error};
use super::pattern;
use super::place::Place;
use super::types::{Operator, Type};

/// Attributes in a `by` of a metrics function; those that need a label of their own take one less.
const METRICS_BY_MAX: usize = 5;
/// Values `compare()` may keep.
const COMPARE_TOP_MAX: i64 = 1000;

/// Checks a parsed query; `text` is what it was parsed from.
pub fn check(text: &str, query: &Query) -> Result<(), Error> {
    let checker = Checker { text };
    match &query.root {
        Root::Pipeline(pipeline) => checker.pipeline(pipeline),
        Root::Metrics(metrics) => {
            checker.metrics(metrics)?;
            match compare_in(metrics) {
                Some(place) if !matches!(metrics, MetricsExpr::Query { .. }) => {
                    Err(checker.error(place, "`compare()` cannot be used with second stage functions"))
                }
                _ => Ok(()),
            }
        }
    }
}

/// The type of a field expression, as far as it is known without a span.
pub fn type_of(field: &FieldExpr) -> Type {
    match field {
        FieldExpr::Literal { value, .. } => value.value().of_type(),
        FieldExpr::Attribute(attribute) => attribute.name.type_of(),
        FieldExpr::Negative(inner) | FieldExpr::Not(inner) => type_of(&inner.field),
        FieldExpr::Exists(_) | FieldExpr::Missing(_) | FieldExpr::Chain(_) => Type::Bool,
        FieldExpr::Binary(binary) if binary.operator.is_arithmetic() => match type_of(&binary.left) {
            Type::Attribute => type_of(&binary.right),
            known => known,
        },
        FieldExpr::Binary(_) => Type::Bool,
    }
}

impl AttributeName {
    /// The type every value has, where that is certain.
    pub fn type_of(&self) -> Type {
        let Self::Intrinsic(intrinsic) = self else { return Type::Attribute };
        match intrinsic {
            Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart => Type::Duration,
            Intrinsic::ChildCount
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent => Type::Int,
            Intrinsic::Status => Type::Status,
            Intrinsic::Kind => Type::Kind,
            Intrinsic::Parent => Type::Nil,
            // Texts in truth, but Tempo does not say so, and accepts the query.
            Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion => Type::Attribute,
            Intrinsic::Name
            | Intrinsic::StatusMessage
            | Intrinsic::SpanId
            | Intrinsic::ParentId
            | Intrinsic::RootName
            | Intrinsic::RootServiceName
            | Intrinsic::TraceId
            | Intrinsic::EventName
            | Intrinsic::LinkTraceId
            | Intrinsic::LinkSpanId => Type::Text,
        }
    }
}

struct Checker<'t> {
    text: &'t str,
}

impl Checker<'_> {
    fn error(&self, place: Place, what: impl Into<String>) -> Error {
        Error::new(Class::Meaning, self.text, place, what)
    }

    fn unsupported(&self, place: Place, what: &str) -> Error {
        Error::new(Class::Unsupported, self.text, place, format!("{what} not yet supported"))
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Result<(), Error> {
        pipeline.stages.iter().try_for_each(|stage| self.stage(stage))
    }

    fn stage(&self, stage: &Stage) -> Result<(), Error> {
        match stage {
            Stage::Spanset(spanset) => self.spanset(spanset),
            Stage::Scalar(filter) => self.scalar_filter(filter),
            Stage::By { field, place } => {
                if !field.reads_span() {
                    let what = format!("grouping field expressions must reference the span: {stage}");
                    return Err(self
                        .error(*place, what)
                        .remedy("group by an attribute: by(resource.service.name)"));
                }
                self.field(field)
            }
            Stage::Coalesce { .. } => Ok(()),
            Stage::Select { attributes, .. } => {
                attributes.iter().try_for_each(|attribute| self.attribute(attribute))
            }
        }
    }

    fn spanset(&self, spanset: &SpansetExpr) -> Result<(), Error> {
        match spanset {
            SpansetExpr::Filter(filter) => self.filter(filter),
            SpansetExpr::Operation(operation) => {
                self.spanset(&operation.left)?;
                self.spanset(&operation.right)
            }
            SpansetExpr::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn filter(&self, filter: &SpansetFilter) -> Result<(), Error> {
        self.field(&filter.field)?;
        match type_of(&filter.field) {
            Type::Attribute | Type::Bool => Ok(()),
            other => {
                let what = format!("span filter field expressions must resolve to a boolean: {filter}");
                let remedy =
                    format!("it is {}; compare it with something, as in {{ duration > 1s }}", other.name());
                Err(self.error(filter.field.place(), what).remedy(remedy))
            }
        }
    }

    fn attribute(&self, attribute: &Attribute) -> Result<(), Error> {
        match attribute.name {
            AttributeName::Named { parent: true, .. } => Err(self.unsupported(attribute.place, "parent")),
            AttributeName::Intrinsic(Intrinsic::Parent) => {
                Err(self.unsupported(attribute.place, "intrinsic (parent)"))
            }
            _ => Ok(()),
        }
        .map_err(|error| error.remedy("relate spans with { ... } > { ... } instead"))
    }

    fn field(&self, field: &FieldExpr) -> Result<(), Error> {
        match field {
            FieldExpr::Literal { .. } => Ok(()),
            FieldExpr::Attribute(attribute) => self.attribute(attribute),
            FieldExpr::Exists(inner) => self.field(&inner.field),
            FieldExpr::Missing(inner) => {
                self.field(&inner.field)?;
                self.may_be_missing(&inner.field)
            }
            FieldExpr::Negative(inner) => self.unary(field, &inner.field, "a number", Type::is_numeric),
            FieldExpr::Not(inner) => self.unary(field, &inner.field, "a boolean", |t| t == Type::Bool),
            FieldExpr::Binary(binary) => {
                self.field(&binary.left)?;
                self.field(&binary.right)?;
                let types = (type_of(&binary.left), type_of(&binary.right));
                self.operands(binary.operator, types, binary.place, field)?;
                if binary.operator.is_match() { self.regex(&binary.right) } else { Ok(()) }
            }
            FieldExpr::Chain(chain) => {
                self.field(&chain.first)?;
                let mut left = type_of(&chain.first);
                for (operator, right) in &chain.rest {
                    self.field(right)?;
                    self.operands(*operator, (left, type_of(right)), right.place(), field)?;
                    left = Type::Bool;
                }
                Ok(())
            }
        }
    }

    fn may_be_missing(&self, field: &FieldExpr) -> Result<(), Error> {
        let FieldExpr::Attribute(attribute) = field else { return Ok(()) };
        let reason = match &attribute.name {
            AttributeName::Intrinsic(_) => "intrinsics",
            AttributeName::Named { parent: false, scope: Scope::Resource, key } if key == "service.name" => {
                "resource.service.name"
            }
            AttributeName::Named { .. } => return Ok(()),
        };
        let what = format!("{attribute}=nil is not valid because {reason} cannot be nil");
        Err(self.error(attribute.place, what).remedy("compare with an empty value, as in name = \"\""))
    }

    fn unary(
        &self,
        whole: &FieldExpr,
        inner: &FieldExpr,
        wants: &str,
        fits: impl Fn(Type) -> bool,
    ) -> Result<(), Error> {
        self.field(inner)?;
        let found = type_of(inner);
        if found == Type::Attribute || fits(found) {
            return Ok(());
        }
        let what = format!("illegal operation for the given type: {whole}");
        Err(self.error(whole.place(), what).remedy(format!("it takes {wants}, this is {}", found.name())))
    }

    fn operands(
        &self,
        operator: Operator,
        (left, right): (Type, Type),
        place: Place,
        whole: &dyn std::fmt::Display,
    ) -> Result<(), Error> {
        if !left.goes_with(right) {
            let what = format!("binary operations must operate on the same type: {whole}");
            let remedy =
                format!("the left of `{}` is {}, the right {}", operator.sign(), left.name(), right.name());
            return Err(self.error(place, what).remedy(remedy));
        }
        for side in [left, right] {
            if !operator.takes(side) {
                let what = format!("illegal operation for the given types: {whole}");
                let remedy = format!(
                    "{} stands by {}, not by `{}`",
                    side.name(),
                    Operator::taken_by(side),
                    operator.sign()
                );
                return Err(self.error(place, what).remedy(remedy));
            }
        }
        Ok(())
    }

    /// The right of `=~` and `!~` is a string known now, and a regular expression.
    fn regex(&self, right: &FieldExpr) -> Result<(), Error> {
        match right {
            FieldExpr::Literal { value: Literal::Text(text), place } => match pattern::check(text) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let what = format!("invalid regex: {right}: {error}");
                    Err(self
                        .error(*place, what)
                        .remedy("the syntax is RE2's: https://github.com/google/re2/wiki/Syntax"))
                }
            },
            other => {
                let what = format!("invalid type for =~ or !~: {other}");
                Err(self.error(other.place(), what).remedy("write the pattern as a string"))
            }
        }
    }

    fn scalar_filter(&self, filter: &ScalarFilter) -> Result<(), Error> {
        let left = self.scalar(&filter.left)?;
        let right = self.scalar(&filter.right)?;
        self.operands(filter.operator, (left, right), filter.place, filter)?;
        let supported = "an aggregate is compared with a constant only: count() > 2";
        if !matches!(filter.left, ScalarExpr::Aggregate(_)) {
            return Err(self
                .unsupported(
                    filter.left.place(),
                    &format!("scalar filter lhs of type ({})", scalar_name(&filter.left)),
                )
                .remedy(supported));
        }
        if !matches!(filter.right, ScalarExpr::Constant { .. }) {
            return Err(self
                .unsupported(
                    filter.right.place(),
                    &format!("scalar filter rhs of type ({})", scalar_name(&filter.right)),
                )
                .remedy(supported));
        }
        Ok(())
    }

    /// Checks and gives the type.
    fn scalar(&self, scalar: &ScalarExpr) -> Result<Type, Error> {
        match scalar {
            ScalarExpr::Constant { value, .. } => Ok(value.value().of_type()),
            ScalarExpr::Aggregate(aggregate) => self.aggregate(aggregate),
            ScalarExpr::Pipeline { pipeline, aggregate, .. } => {
                self.pipeline(pipeline)?;
                self.aggregate(aggregate)
            }
            ScalarExpr::Operation(operation) => {
                let left = self.scalar(&operation.left)?;
                let right = self.scalar(&operation.right)?;
                self.operands(operation.operator, (left, right), operation.place, scalar)?;
                Ok(if left == Type::Attribute { right } else { left })
            }
        }
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<Type, Error> {
        let Some(field) = &aggregate.field else { return Ok(Type::Int) };
        self.field(field)?;
        let found = type_of(field);
        if found != Type::Attribute && !found.is_numeric() {
            let what = format!("aggregate field expressions must resolve to a number type: {aggregate}");
            return Err(self.error(field.place(), what).remedy(format!("this is {}", found.name())));
        }
        if !field.reads_span() {
            let what = format!("aggregate field expressions must reference the span: {aggregate}");
            return Err(self
                .error(field.place(), what)
                .remedy("aggregate an attribute, as in avg(duration)"));
        }
        Ok(found)
    }

    fn metrics(&self, metrics: &MetricsExpr) -> Result<(), Error> {
        match metrics {
            MetricsExpr::Query { pipeline, function, .. } => {
                self.pipeline(pipeline)?;
                self.function(function)
            }
            MetricsExpr::Second { input, stage, place } => {
                self.metrics(input)?;
                match stage {
                    SecondStage::Top { limit: ..=0, .. } => {
                        Err(self.error(*place, "limit must be greater than 0"))
                    }
                    _ => Ok(()),
                }
            }
            MetricsExpr::Scaled { input, .. } => self.metrics(input),
            MetricsExpr::Math { left, right, .. } => {
                self.metrics(left)?;
                self.metrics(right)
            }
        }
    }

    /// The attributes here are not looked at, as in Tempo: `parent` is accepted and nothing has it.
    fn function(&self, function: &MetricsFunction) -> Result<(), Error> {
        match function {
            MetricsFunction::Over { function, by, place, .. } => {
                let own_label = matches!(function, OverTime::Avg | OverTime::Histogram);
                self.by(by, METRICS_BY_MAX - usize::from(own_label), *place)
            }
            MetricsFunction::Quantile { quantiles, by, place, .. } => {
                self.by(by, METRICS_BY_MAX - 1, *place)?;
                match quantiles.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
                    Some(quantile) => {
                        let what = format!("quantile must be between 0 and 1: {quantile}");
                        Err(self.error(*place, what).remedy("p99 is written 0.99"))
                    }
                    None => Ok(()),
                }
            }
            MetricsFunction::Compare { filter, top, window, place } => {
                self.filter(filter)?;
                if !(1..=COMPARE_TOP_MAX).contains(top) {
                    let what = format!(
                        "compare() top number of values must be an integer between 1 and {COMPARE_TOP_MAX}"
                    );
                    return Err(self.error(*place, what));
                }
                match window {
                    None | Some((0, 0)) => Ok(()),
                    Some((start, end)) if *start <= 0 || *end <= 0 => {
                        Err(self
                            .error(*place, "compare() timestamps must be positive integer unix nanoseconds"))
                    }
                    Some((start, end)) if end <= start => {
                        Err(self
                            .error(*place, "compare() end timestamp must be greater than start timestamp"))
                    }
                    Some(_) => Ok(()),
                }
            }
        }
    }

    fn by(&self, by: &[Attribute], most: usize, place: Place) -> Result<(), Error> {
        if by.len() <= most {
            return Ok(());
        }
        let what = format!("metrics group by {} values", by.len());
        Err(self.unsupported(place, &what).remedy(format!("group by at most {most} attributes here")))
    }
}

fn scalar_name(scalar: &ScalarExpr) -> &'static str {
    match scalar {
        ScalarExpr::Aggregate(_) => "aggregate",
        ScalarExpr::Constant { .. } => "constant",
        ScalarExpr::Operation(_) => "arithmetic",
        ScalarExpr::Pipeline { .. } => "pipeline",
    }
}

fn compare_in(metrics: &MetricsExpr) -> Option<Place> {
    match metrics {
        MetricsExpr::Query { function: MetricsFunction::Compare { place, .. }, .. } => Some(*place),
        MetricsExpr::Query { .. } => None,
        MetricsExpr::Second { input, .. } | MetricsExpr::Scaled { input, .. } => compare_in(input),
        MetricsExpr::Math { left, right, .. } => compare_in(left).or_else(|| compare_in(right)),
    }
}
