//! Canonical text of a tree: the same query, written one way.
//!
//! What is printed parses to the same tree again (a property test holds it). The form is the one Tempo
//! prints, because it becomes visible as the names of attributes in answers (`avg(duration)`): operands in
//! parentheses unless they are plain, strings in back quotes, scoped intrinsics without their scope where
//! an unscoped word exists. Where Tempo's own text would not parse again, this one differs.

use super::ast::*;
use super::lex::is_attribute_char;
use super::number::{duration_text, float_text};
use super::value::{Kind, Status};
use std::fmt::{Display, Formatter, Result, Write as _};

/// Below so many operands a chain of `&&` and `||` is printed with Tempo's nested parentheses, which say the
/// same as none; longer ones, and chains of chains, flat, or they would nest deeper than the parser follows.
const NESTED_CHAIN_MAX: usize = 16;

impl Display for Query {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match &self.root {
            Root::Pipeline(pipeline) => write!(out, "{pipeline}")?,
            Root::Metrics(metrics) => metrics.print_root(out)?,
        }
        if self.hints.is_empty() {
            return Ok(());
        }
        let hints: Vec<String> =
            self.hints.iter().map(|hint| format!("{}={}", hint.name, hint.value)).collect();
        write!(out, " with({})", hints.join(","))
    }
}

impl Display for Pipeline {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        join(out, &self.stages, " | ")
    }
}

impl Display for Stage {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Spanset(spanset) => write!(out, "{spanset}"),
            Self::Scalar(filter) => write!(out, "{filter}"),
            Self::By { field, .. } => write!(out, "by({field})"),
            Self::Coalesce { .. } => out.write_str("coalesce()"),
            Self::Select { attributes, .. } => {
                out.write_str("select(")?;
                join(out, attributes, ", ")?;
                out.write_str(")")
            }
        }
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Filter(filter) => write!(out, "{filter}"),
            Self::Operation(operation) => {
                spanset_operand(out, &operation.left)?;
                write!(out, " {} ", operation.operator.sign())?;
                spanset_operand(out, &operation.right)
            }
            Self::Pipeline(pipeline) => write!(out, "{pipeline}"),
        }
    }
}

/// In parentheses, but for an operation that begins with a spanset and goes on with a pipeline: only beside
/// another pipeline, where it came from, is it read as one, and parentheses would cut it off from there.
fn spanset_operand(out: &mut Formatter<'_>, spanset: &SpansetExpr) -> Result {
    let bare = matches!(spanset, SpansetExpr::Operation(_))
        && spanset.holds_pipeline()
        && !spanset.begins_with_pipeline();
    if bare { write!(out, "{spanset}") } else { write!(out, "({spanset})") }
}

impl Display for SpansetFilter {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        write!(out, "{{ {} }}", self.field)
    }
}

impl Display for ScalarFilter {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        scalar_operand(out, &self.left)?;
        write!(out, " {} ", self.operator.sign())?;
        scalar_operand(out, &self.right)
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Aggregate(aggregate) => write!(out, "{aggregate}"),
            Self::Constant { value, .. } => write!(out, "{}", Constant(value)),
            Self::Operation(operation) => {
                scalar_operand(out, &operation.left)?;
                write!(out, " {} ", operation.operator.sign())?;
                scalar_operand(out, &operation.right)
            }
            Self::Pipeline { pipeline, aggregate, .. } => write!(out, "{pipeline} | {aggregate}"),
        }
    }
}

fn scalar_operand(out: &mut Formatter<'_>, scalar: &ScalarExpr) -> Result {
    match scalar {
        ScalarExpr::Constant { .. } => write!(out, "{scalar}"),
        _ => write!(out, "({scalar})"),
    }
}

impl Display for Aggregate {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match &self.field {
            Some(field) => write!(out, "{}({field})", self.function.word()),
            None => write!(out, "{}()", self.function.word()),
        }
    }
}

impl MetricsExpr {
    /// As the whole query: second stages follow bare.
    fn print_root(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Query { pipeline, function, .. } => write!(out, "{pipeline} | {function}"),
            Self::Second { input, stage, .. } => {
                input.print_root(out)?;
                write!(out, "{stage}")
            }
            Self::Scaled { .. } | Self::Math { .. } => self.print_math(out),
        }
    }

    fn print_math(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Query { .. } | Self::Second { .. } => self.print_root(out),
            Self::Scaled { operator, constant, constant_first: true, input, .. } => {
                write!(out, "{} {} ", Constant(constant), operator.sign())?;
                input.print_nested(out)
            }
            Self::Scaled { operator, constant, input, .. } => {
                input.print_nested(out)?;
                write!(out, " {} {}", operator.sign(), Constant(constant))
            }
            Self::Math { operator, left, right, .. } => {
                left.print_nested(out)?;
                write!(out, " {} ", operator.sign())?;
                right.print_nested(out)
            }
        }
    }

    fn print_nested(&self, out: &mut Formatter<'_>) -> Result {
        out.write_str("(")?;
        self.print_math(out)?;
        out.write_str(")")
    }
}

impl Display for MetricsExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        self.print_root(out)
    }
}

impl Display for SecondStage {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Top { limit, bottom: false } => write!(out, " | topk({limit})"),
            Self::Top { limit, bottom: true } => write!(out, " | bottomk({limit})"),
            Self::Compare { operator, constant } => {
                write!(out, " {} {}", operator.sign(), Constant(constant))
            }
        }
    }
}

impl Display for MetricsFunction {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let by = match self {
            Self::Over { function, attribute, by, .. } => {
                write!(out, "{}(", function.word())?;
                if let Some(attribute) = attribute {
                    write!(out, "{attribute}")?;
                }
                by
            }
            Self::Quantile { attribute, quantiles, by, .. } => {
                let quantiles: Vec<String> = quantiles.iter().map(|q| float_text(*q)).collect();
                write!(out, "quantile_over_time({attribute}, {}", quantiles.join(", "))?;
                by
            }
            Self::Compare { filter, top, window, .. } => {
                write!(out, "compare({filter}, {top}")?;
                if let Some((start, end)) = window {
                    write!(out, ", {start}, {end}")?;
                }
                return out.write_str(")");
            }
        };
        out.write_str(")")?;
        if by.is_empty() {
            return Ok(());
        }
        out.write_str(" by(")?;
        join(out, by, ", ")?;
        out.write_str(")")
    }
}

impl Display for FieldExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Literal { value, .. } => write!(out, "{value}"),
            Self::Attribute(attribute) => write!(out, "{attribute}"),
            Self::Negative(inner) => {
                out.write_str("-")?;
                field_operand(out, &inner.field)
            }
            Self::Not(inner) => {
                out.write_str("!")?;
                field_operand(out, &inner.field)
            }
            Self::Exists(inner) => {
                field_operand(out, &inner.field)?;
                out.write_str(" != nil")
            }
            Self::Missing(inner) => {
                field_operand(out, &inner.field)?;
                out.write_str(" = nil")
            }
            Self::Binary(binary) => {
                field_operand(out, &binary.left)?;
                write!(out, " {} ", binary.operator.sign())?;
                field_operand(out, &binary.right)
            }
            Self::Chain(chain) => chain.print(out),
        }
    }
}

impl Chain {
    fn print(&self, out: &mut Formatter<'_>) -> Result {
        let of_chains = self.rest.iter().any(|(_, field)| field.holds_chain()) || self.first.holds_chain();
        let nested = self.rest.len() < NESTED_CHAIN_MAX && !of_chains;
        if nested {
            out.write_str(&"(".repeat(self.rest.len().saturating_sub(1)))?;
        }
        field_operand(out, &self.first)?;
        for (at, (operator, field)) in self.rest.iter().enumerate() {
            write!(out, " {} ", operator.sign())?;
            field_operand(out, field)?;
            if nested && at + 1 < self.rest.len() {
                out.write_str(")")?;
            }
        }
        Ok(())
    }
}

fn field_operand(out: &mut Formatter<'_>, field: &FieldExpr) -> Result {
    match field {
        FieldExpr::Literal { .. } | FieldExpr::Attribute(_) => write!(out, "{field}"),
        _ => write!(out, "({field})"),
    }
}

impl Display for Attribute {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        write!(out, "{}", self.name)
    }
}

impl Display for AttributeName {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let (parent, scope, key) = match self {
            Self::Intrinsic(intrinsic) => return out.write_str(intrinsic.word()),
            Self::Named { parent, scope, key } => (*parent, *scope, key),
        };
        if parent {
            out.write_str("parent.")?;
        }
        match scope {
            Scope::Any if parent => {}
            Scope::Any => out.write_str(".")?,
            scope => write!(out, "{}.", scope.word())?,
        }
        // After `parent.` a name that begins like a scope would be read as one.
        let scope_like = parent && (key.starts_with("span.") || key.starts_with("resource."));
        // And `.5` is a number.
        let number_like = !parent && scope == Scope::Any && key.starts_with(|c: char| c.is_ascii_digit());
        let plain = !key.is_empty() && key.chars().all(|c| is_attribute_char(c) && c != '"');
        if plain && !scope_like && !number_like {
            return out.write_str(key);
        }
        write!(out, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl Display for Literal {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Self::Int(i64::MIN) => out.write_str("minInt"),
            Self::Int(int) => write!(out, "{int}"),
            Self::Float(float) => out.write_str(&float_text(*float)),
            Self::Text(text) => quoted(out, text),
            Self::Bool(flag) => write!(out, "{flag}"),
            Self::Duration(nanos) => out.write_str(&duration_text(*nanos)),
            Self::Status(status) => out.write_str(status.word()),
            Self::Kind(kind) => out.write_str(kind.word()),
        }
    }
}

fn quoted(out: &mut Formatter<'_>, text: &str) -> Result {
    if !text.contains(['`', '\r', '\0']) {
        return write!(out, "`{text}`");
    }
    out.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\0' => out.write_str("\\x00")?,
            other => out.write_char(other)?,
        }
    }
    out.write_str("\"")
}

/// A constant of scalar arithmetic, where `minInt` does not exist and the values that no number is
/// written for are written as the sums that make them.
struct Constant<'l>(&'l Literal);

impl Display for Constant<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self.0 {
            Literal::Int(i64::MIN) => write!(out, "(-{} - 1)", i64::MAX),
            Literal::Float(float) if float.is_nan() => out.write_str("(0.0 / 0.0)"),
            Literal::Float(float) if *float == f64::INFINITY => out.write_str("(1.0 / 0.0)"),
            Literal::Float(float) if *float == f64::NEG_INFINITY => out.write_str("(-1.0 / 0.0)"),
            other => write!(out, "{other}"),
        }
    }
}

fn join<T: Display>(out: &mut Formatter<'_>, parts: &[T], between: &str) -> Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.write_str(between)?;
        }
        write!(out, "{part}")?;
    }
    Ok(())
}

impl SpansetOperator {
    pub fn sign(self) -> &'static str {
        use {Relation::*, StructuralMode::*};
        match self {
            Self::And => "&&",
            Self::Or => "||",
            Self::Structural { relation, mode } => match (mode, relation) {
                (Related, Child) => ">",
                (Related, Descendant) => ">>",
                (Related, Parent) => "<",
                (Related, Ancestor) => "<<",
                (Related, Sibling) => "~",
                (Unrelated, Child) => "!>",
                (Unrelated, Descendant) => "!>>",
                (Unrelated, Parent) => "!<",
                (Unrelated, Ancestor) => "!<<",
                (Unrelated, Sibling) => "!~",
                (Union, Child) => "&>",
                (Union, Descendant) => "&>>",
                (Union, Parent) => "&<",
                (Union, Ancestor) => "&<<",
                (Union, Sibling) => "&~",
            },
        }
    }

    pub fn of_sign(sign: &str) -> Option<SpansetOperator> {
        use {Relation::*, StructuralMode::*};
        match sign {
            "&&" => return Some(Self::And),
            "||" => return Some(Self::Or),
            _ => {}
        }
        let (mode, relation) = match sign.strip_prefix('!') {
            Some(rest) => (Unrelated, rest),
            None => sign.strip_prefix('&').map_or((Related, sign), |rest| (Union, rest)),
        };
        let relation = match relation {
            ">" => Child,
            ">>" => Descendant,
            "<" => Parent,
            "<<" => Ancestor,
            "~" => Sibling,
            _ => return None,
        };
        Some(Self::Structural { relation, mode })
    }
}

impl AggregateFunction {
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Sum => "sum",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Count, Self::Min, Self::Max, Self::Avg, Self::Sum].into_iter().find(|f| f.word() == word)
    }
}

impl OverTime {
    pub fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Count => "count_over_time",
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Avg => "avg_over_time",
            Self::Sum => "sum_over_time",
            Self::Histogram => "histogram_over_time",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Rate, Self::Count, Self::Min, Self::Max, Self::Avg, Self::Sum, Self::Histogram]
            .into_iter()
            .find(|function| function.word() == word)
    }
}

impl Scope {
    /// The scope's word; nothing for attributes of any scope.
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Resource => "resource",
            Self::Span => "span",
            Self::Event => "event",
            Self::Link => "link",
            Self::Instrumentation => "instrumentation",
        }
    }
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Ok => "ok",
            Self::Unset => "unset",
        }
    }
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Client => "client",
            Self::Server => "server",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Intrinsic {
    /// The canonical word, as Tempo prints it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Name => "name",
            Self::Status => "status",
            Self::StatusMessage => "statusMessage",
            Self::Kind => "kind",
            Self::ChildCount => "span:childCount",
            Self::SpanId => "span:id",
            Self::ParentId => "span:parentID",
            Self::Parent => "parent",
            Self::RootName => "rootName",
            Self::RootServiceName => "rootServiceName",
            Self::TraceDuration => "traceDuration",
            Self::TraceId => "trace:id",
            Self::NestedSetLeft => "nestedSetLeft",
            Self::NestedSetRight => "nestedSetRight",
            Self::NestedSetParent => "nestedSetParent",
            Self::EventName => "event:name",
            Self::EventTimeSinceStart => "event:timeSinceStart",
            Self::LinkTraceId => "link:traceID",
            Self::LinkSpanId => "link:spanID",
            Self::InstrumentationName => "instrumentation:name",
            Self::InstrumentationVersion => "instrumentation:version",
        }
    }

    /// An intrinsic by its unscoped word.
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "duration" => Self::Duration,
            "name" => Self::Name,
            "status" => Self::Status,
            "statusMessage" => Self::StatusMessage,
            "kind" => Self::Kind,
            "parent" => Self::Parent,
            "rootName" => Self::RootName,
            "rootServiceName" => Self::RootServiceName,
            "traceDuration" => Self::TraceDuration,
            "nestedSetLeft" => Self::NestedSetLeft,
            "nestedSetRight" => Self::NestedSetRight,
            "nestedSetParent" => Self::NestedSetParent,
            _ => return None,
        })
    }

    /// An intrinsic by its scope (`span:`) and the word after it.
    pub fn of_scoped_word(scope: &str, word: &str) -> Option<Self> {
        Some(match (scope, word) {
            ("trace:", "duration") => Self::TraceDuration,
            ("trace:", "rootName") => Self::RootName,
            ("trace:", "rootService") => Self::RootServiceName,
            ("trace:", "id") => Self::TraceId,
            ("span:", "duration") => Self::Duration,
            ("span:", "name") => Self::Name,
            ("span:", "kind") => Self::Kind,
            ("span:", "status") => Self::Status,
            ("span:", "statusMessage") => Self::StatusMessage,
            ("span:", "id") => Self::SpanId,
            ("span:", "parentID") => Self::ParentId,
            ("span:", "childCount") => Self::ChildCount,
            ("event:", "name") => Self::EventName,
            ("event:", "timeSinceStart") => Self::EventTimeSinceStart,
            ("link:", "traceID") => Self::LinkTraceId,
            ("link:", "spanID") => Self::LinkSpanId,
            ("instrumentation:", "name") => Self::InstrumentationName,
            ("instrumentation:", "version") => Self::InstrumentationVersion,
            _ => return None,
        })
    }
}
