//! The tree of a query, as written: nothing folded, rewritten or resolved.
//!
//! Every node knows its [`Place`]; two trees are equal when they say the same. Parentheses leave no trace
//! but in the shape of the tree, and `a && b || c` (one level, left to right) is one flat [`Chain`], so that
//! a filter over thousands of ids is no deep tree.

use super::place::Place;
use super::types::Operator;
use super::value::{Kind, Status};

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub root: Root,
    /// Of the last `with(...)`; earlier ones do not count.
    pub hints: Vec<Hint>,
}

impl Query {
    /// The first hint of this name that can be read as what is wanted; others of the name do not count.
    pub fn hint<T>(&self, name: &str, read: impl Fn(&Literal) -> Option<T>) -> Option<T> {
        self.hints.iter().filter(|hint| hint.name == name).find_map(|hint| read(&hint.value))
    }

    /// The same of a flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.hint(name, |value| if let Literal::Bool(flag) = value { Some(*flag) } else { None })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Root {
    /// A search.
    Pipeline(Pipeline),
    /// A metrics query.
    Metrics(MetricsExpr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    pub name: String,
    pub value: Literal,
    pub place: Place,
}

/// Stages with `|` between them; never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub stages: Vec<Stage>,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Spanset(SpansetExpr),
    /// `count() > 1`
    Scalar(ScalarFilter),
    By {
        field: FieldExpr,
        place: Place,
    },
    Coalesce {
        place: Place,
    },
    Select {
        attributes: Vec<Attribute>,
        place: Place,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpr {
    Filter(SpansetFilter),
    Operation(Box<SpansetOperation>),
    /// A parenthesised pipeline of several stages, or of one that is no spanset, as an operand.
    Pipeline(Pipeline),
}

/// `{ field }`; `{ }` is `{ true }`.
#[derive(Debug, Clone, PartialEq)]
pub struct SpansetFilter {
    pub field: FieldExpr,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpansetOperation {
    pub operator: SpansetOperator,
    pub left: SpansetExpr,
    pub right: SpansetExpr,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpansetOperator {
    And,
    Or,
    /// A structural relation; `>` is "the right is a child of the left".
    Structural {
        relation: Relation,
        mode: StructuralMode,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `>`
    Child,
    /// `>>`
    Descendant,
    /// `<`
    Parent,
    /// `<<`
    Ancestor,
    /// `~`
    Sibling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructuralMode {
    /// Right spans that relate to a left one.
    Related,
    /// `!`: right spans that relate to none.
    Unrelated,
    /// `&`: both sides of every related pair.
    Union,
}

/// `left comparison right`; at least one side holds an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    pub operator: Operator,
    pub left: ScalarExpr,
    pub right: ScalarExpr,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpr {
    Aggregate(Aggregate),
    Constant {
        value: Literal,
        place: Place,
    },
    Operation(Box<ScalarOperation>),
    /// `(pipeline | aggregate)`
    Pipeline {
        pipeline: Pipeline,
        aggregate: Aggregate,
        place: Place,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScalarOperation {
    pub operator: Operator,
    pub left: ScalarExpr,
    pub right: ScalarExpr,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub function: AggregateFunction,
    /// `None` for `count()` alone.
    pub field: Option<FieldExpr>,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateFunction {
    Count,
    Min,
    Max,
    Avg,
    Sum,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricsExpr {
    /// `pipeline | function`
    Query { pipeline: Pipeline, function: MetricsFunction, place: Place },
    /// `input | topk(n)`, `input > 5`
    Second { input: Box<MetricsExpr>, stage: SecondStage, place: Place },
    /// `2 * input`, `input / 1000`
    Scaled {
        operator: Operator,
        constant: Literal,
        constant_first: bool,
        input: Box<MetricsExpr>,
        place: Place,
    },
    /// `left / right`
    Math { operator: Operator, left: Box<MetricsExpr>, right: Box<MetricsExpr>, place: Place },
}

#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    Top { limit: i64, bottom: bool },
    Compare { operator: Operator, constant: Literal },
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricsFunction {
    /// `rate()`, `avg_over_time(attribute)`
    Over {
        function: OverTime,
        attribute: Option<Attribute>,
        by: Vec<Attribute>,
        place: Place,
    },
    Quantile {
        attribute: Attribute,
        quantiles: Vec<f64>,
        by: Vec<Attribute>,
        place: Place,
    },
    /// `compare({...}, top, start, end)`; times in nanoseconds of the epoch.
    Compare {
        filter: SpansetFilter,
        top: i64,
        window: Option<(i64, i64)>,
        place: Place,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverTime {
    Rate,
    Count,
    Min,
    Max,
    Avg,
    Sum,
    Histogram,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldExpr {
    Literal {
        value: Literal,
        place: Place,
    },
    Attribute(Attribute),
    /// `-field`
    Negative(Box<Inner>),
    /// `!field`
    Not(Box<Inner>),
    /// `field != nil`
    Exists(Box<Inner>),
    /// `field = nil`
    Missing(Box<Inner>),
    Binary(Box<Binary>),
    Chain(Box<Chain>),
}

/// The operand of an operator that has one, and the place of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Inner {
    pub field: FieldExpr,
    pub place: Place,
}

/// Any operator but `&&` and `||`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub operator: Operator,
    pub left: FieldExpr,
    pub right: FieldExpr,
    pub place: Place,
}

/// `first && a || b ...`, to be read from the left; `rest` is never empty and `first` is no chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    pub first: FieldExpr,
    pub rest: Vec<(Operator, FieldExpr)>,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    Status(Status),
    Kind(Kind),
}

/// What a span is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: AttributeName,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttributeName {
    Intrinsic(Intrinsic),
    Named {
        /// `parent.`, which parses but is not supported.
        parent: bool,
        scope: Scope,
        key: String,
    },
}

impl AttributeName {
    /// The name without its scope: what it is found by where none is asked for.
    pub fn bare(&self) -> &str {
        match self {
            Self::Named { key, .. } => key,
            Self::Intrinsic(intrinsic) => intrinsic.word(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `.key`
    Any,
    Resource,
    Span,
    Event,
    Link,
    Instrumentation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intrinsic {
    Duration,
    Name,
    Status,
    StatusMessage,
    Kind,
    ChildCount,
    SpanId,
    ParentId,
    /// `parent`, which parses but is not supported.
    Parent,
    RootName,
    RootServiceName,
    TraceDuration,
    TraceId,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

impl FieldExpr {
    pub fn place(&self) -> Place {
        match self {
            Self::Literal { place, .. } => *place,
            Self::Attribute(attribute) => attribute.place,
            Self::Negative(inner) | Self::Not(inner) | Self::Exists(inner) | Self::Missing(inner) => {
                inner.place
            }
            Self::Binary(binary) => binary.place,
            Self::Chain(chain) => chain.place,
        }
    }

    /// Whether any attribute occurs in it.
    pub fn reads_span(&self) -> bool {
        match self {
            Self::Literal { .. } => false,
            Self::Attribute(_) => true,
            Self::Negative(inner) | Self::Not(inner) | Self::Exists(inner) | Self::Missing(inner) => {
                inner.field.reads_span()
            }
            Self::Binary(binary) => binary.left.reads_span() || binary.right.reads_span(),
            Self::Chain(chain) => {
                chain.first.reads_span() || chain.rest.iter().any(|(_, field)| field.reads_span())
            }
        }
    }

    /// Whether `&&` or `||` occurs in it.
    pub fn holds_chain(&self) -> bool {
        match self {
            Self::Literal { .. } | Self::Attribute(_) => false,
            Self::Negative(inner) | Self::Not(inner) | Self::Exists(inner) | Self::Missing(inner) => {
                inner.field.holds_chain()
            }
            Self::Binary(binary) => binary.left.holds_chain() || binary.right.holds_chain(),
            Self::Chain(_) => true,
        }
    }

    /// Every attribute in it, from left to right.
    pub fn attributes<'f>(&'f self, into: &mut Vec<&'f Attribute>) {
        match self {
            Self::Literal { .. } => {}
            Self::Attribute(attribute) => into.push(attribute),
            Self::Negative(inner) | Self::Not(inner) | Self::Exists(inner) | Self::Missing(inner) => {
                inner.field.attributes(into);
            }
            Self::Binary(binary) => {
                binary.left.attributes(into);
                binary.right.attributes(into);
            }
            Self::Chain(chain) => {
                chain.first.attributes(into);
                chain.rest.iter().for_each(|(_, field)| field.attributes(into));
            }
        }
    }
}

impl SpansetExpr {
    /// Whether a parenthesised pipeline is among the operands.
    pub fn holds_pipeline(&self) -> bool {
        match self {
            Self::Filter(_) => false,
            Self::Operation(operation) => operation.left.holds_pipeline() || operation.right.holds_pipeline(),
            Self::Pipeline(_) => true,
        }
    }

    /// Whether the leftmost operand is a parenthesised pipeline.
    pub fn begins_with_pipeline(&self) -> bool {
        match self {
            Self::Filter(_) => false,
            Self::Operation(operation) => operation.left.begins_with_pipeline(),
            Self::Pipeline(_) => true,
        }
    }

    pub fn place(&self) -> Place {
        match self {
            Self::Filter(filter) => filter.place,
            Self::Operation(operation) => operation.place,
            Self::Pipeline(pipeline) => pipeline.place,
        }
    }
}

impl ScalarExpr {
    pub fn place(&self) -> Place {
        match self {
            Self::Aggregate(aggregate) => aggregate.place,
            Self::Constant { place, .. } | Self::Pipeline { place, .. } => *place,
            Self::Operation(operation) => operation.place,
        }
    }
}

impl MetricsExpr {
    /// The one pipeline and its function; `None` where series of several are combined.
    pub fn only_leaf(&self) -> Option<(&Pipeline, &MetricsFunction)> {
        let mut metrics = self;
        loop {
            metrics = match metrics {
                Self::Query { pipeline, function, .. } => return Some((pipeline, function)),
                Self::Second { input, .. } | Self::Scaled { input, .. } => input,
                Self::Math { .. } => return None,
            }
        }
    }

    pub fn place(&self) -> Place {
        match self {
            Self::Query { place, .. }
            | Self::Second { place, .. }
            | Self::Scaled { place, .. }
            | Self::Math { place, .. } => *place,
        }
    }
}

impl Stage {
    pub fn place(&self) -> Place {
        match self {
            Self::Spanset(spanset) => spanset.place(),
            Self::Scalar(filter) => filter.place,
            Self::By { place, .. } | Self::Coalesce { place } | Self::Select { place, .. } => *place,
        }
    }
}
