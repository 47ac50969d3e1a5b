//! Trees of every shape the parser can make, for the printer's property.

use super::ast::*;
use super::place::Place;
use super::types::Operator;
use super::value::{Kind, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NOWHERE: Place = Place { start: 0, end: 0 };

const INTRINSICS: [Intrinsic; 22] = [
    Intrinsic::Duration,
    Intrinsic::Name,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Kind,
    Intrinsic::ChildCount,
    Intrinsic::SpanId,
    Intrinsic::ParentId,
    Intrinsic::Parent,
    Intrinsic::RootName,
    Intrinsic::RootServiceName,
    Intrinsic::TraceDuration,
    Intrinsic::TraceId,
    Intrinsic::NestedSetLeft,
    Intrinsic::NestedSetRight,
    Intrinsic::NestedSetParent,
    Intrinsic::EventName,
    Intrinsic::EventTimeSinceStart,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

pub fn query() -> impl Strategy<Value = Query> {
    let root = prop_oneof![
        pipeline().prop_map(Root::Pipeline),
        pipelines(2).prop_map(|spanset| Root::Pipeline(single(Stage::Spanset(spanset)))),
        scalar_pipelines().prop_map(|filter| Root::Pipeline(single(Stage::Scalar(filter)))),
        metrics().prop_map(Root::Metrics),
    ];
    (root, vec(hint(), 0..3)).prop_map(|(root, hints)| Query { root, hints })
}

fn single(stage: Stage) -> Pipeline {
    Pipeline { stages: vec![stage], place: NOWHERE }
}

fn hint() -> impl Strategy<Value = Hint> {
    let name = select(vec!["sample", "most_recent", "exemplars", "other"]);
    (name, literal()).prop_map(|(name, value)| Hint { name: name.to_owned(), value, place: NOWHERE })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,5}", "[a-z`\"\\\\\r\n\t é{}|]{0,8}", "\\PC{0,6}"]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        prop_oneof![0..1000i64, 0..=i64::MAX, Just(i64::MIN)].prop_map(Literal::Int),
        prop_oneof![0.0..10.0f64, 0.0..1e300f64, Just(1e6), Just(0.0)].prop_map(Literal::Float),
        text().prop_map(Literal::Text),
        any::<bool>().prop_map(Literal::Bool),
        prop_oneof![0..10_000_000_000i64, 0..=i64::MAX].prop_map(Literal::Duration),
        select(vec![Status::Error, Status::Ok, Status::Unset]).prop_map(Literal::Status),
        select(vec![
            Kind::Unspecified,
            Kind::Internal,
            Kind::Client,
            Kind::Server,
            Kind::Producer,
            Kind::Consumer
        ])
        .prop_map(Literal::Kind),
    ]
}

/// Numbers and durations as they come out of folding: of either sign, and beyond what is written.
fn constant() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<i64>().prop_map(Literal::Int),
        prop_oneof![-10.0..10.0f64, Just(f64::INFINITY), Just(f64::NEG_INFINITY)].prop_map(Literal::Float),
        (-i64::MAX..=i64::MAX).prop_map(Literal::Duration),
    ]
}

/// Durations are refused where metrics are computed with.
fn factor() -> impl Strategy<Value = Literal> {
    prop_oneof![any::<i64>().prop_map(Literal::Int), (-10.0..10.0f64).prop_map(Literal::Float)]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let scope = select(vec![Scope::Any, Scope::Resource, Scope::Span]);
    let further = select(vec![Scope::Event, Scope::Link, Scope::Instrumentation]);
    let key = || {
        prop_oneof![
            "[a-z.]{1,6}",
            "[a-z0-9+*/ \"\\\\(){}=é-]{0,6}",
            select(vec!["span.x", "resource.x", "5"]).prop_map(str::to_owned)
        ]
    };
    let name = prop_oneof![
        select(INTRINSICS.to_vec()).prop_map(AttributeName::Intrinsic),
        (any::<bool>(), scope, key()).prop_map(|(parent, scope, key)| AttributeName::Named {
            parent,
            scope,
            key
        }),
        (further, key()).prop_map(|(scope, key)| AttributeName::Named { parent: false, scope, key }),
    ];
    name.prop_map(|name| Attribute { name, place: NOWHERE })
}

fn binary_operator() -> impl Strategy<Value = Operator> {
    use Operator::*;
    select(vec![
        Add,
        Sub,
        Mul,
        Div,
        Mod,
        Pow,
        Equal,
        NotEqual,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Match,
        NotMatch,
    ])
}

fn arithmetic() -> impl Strategy<Value = Operator> {
    use Operator::*;
    select(vec![Add, Sub, Mul, Div, Mod, Pow])
}

fn comparison() -> impl Strategy<Value = Operator> {
    use Operator::*;
    select(vec![Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual])
}

fn field() -> impl Strategy<Value = FieldExpr> {
    let leaf = prop_oneof![
        literal().prop_map(|value| FieldExpr::Literal { value, place: NOWHERE }),
        attribute().prop_map(FieldExpr::Attribute),
    ];
    leaf.prop_recursive(5, 24, 4, |field| {
        let inner = field.clone().prop_map(|field| Box::new(Inner { field, place: NOWHERE }));
        let link = (any::<bool>(), field.clone())
            .prop_map(|(and, field)| (if and { Operator::And } else { Operator::Or }, field));
        prop_oneof![
            inner.clone().prop_map(FieldExpr::Negative),
            inner.clone().prop_map(FieldExpr::Not),
            inner.clone().prop_map(FieldExpr::Exists),
            inner.prop_map(FieldExpr::Missing),
            (binary_operator(), field.clone(), field.clone()).prop_map(|(operator, left, right)| {
                FieldExpr::Binary(Box::new(Binary { operator, left, right, place: NOWHERE }))
            }),
            (field, vec(link, 1..20)).prop_map(|(first, mut rest)| {
                let first = match first {
                    // What stands left in a chain goes on; the parser never nests it there.
                    FieldExpr::Chain(chain) => {
                        rest.splice(0..0, chain.rest);
                        chain.first
                    }
                    first => first,
                };
                FieldExpr::Chain(Box::new(Chain { first, rest, place: NOWHERE }))
            }),
        ]
    })
}

fn filter() -> impl Strategy<Value = SpansetFilter> {
    field().prop_map(|field| SpansetFilter { field, place: NOWHERE })
}

fn spanset_operator() -> impl Strategy<Value = SpansetOperator> {
    let signs = [
        "&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~",
    ];
    select(signs.to_vec()).prop_map(|sign| SpansetOperator::of_sign(sign).unwrap())
}

fn operation(operator: SpansetOperator, left: SpansetExpr, right: SpansetExpr) -> SpansetExpr {
    SpansetExpr::Operation(Box::new(SpansetOperation { operator, left, right, place: NOWHERE }))
}

fn spanset() -> BoxedStrategy<SpansetExpr> {
    filter()
        .prop_map(SpansetExpr::Filter)
        .prop_recursive(3, 6, 2, |spanset| {
            (spanset_operator(), spanset.clone(), spanset)
                .prop_map(|(operator, left, right)| operation(operator, left, right))
        })
        .boxed()
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    use AggregateFunction::*;
    prop_oneof![
        Just(Aggregate { function: Count, field: None, place: NOWHERE }),
        (select(vec![Min, Max, Avg, Sum]), field()).prop_map(|(function, field)| Aggregate {
            function,
            field: Some(field),
            place: NOWHERE
        }),
    ]
}

fn constant_expr() -> impl Strategy<Value = ScalarExpr> {
    constant().prop_map(|value| ScalarExpr::Constant { value, place: NOWHERE })
}

/// Something with an aggregate in it.
fn scalar() -> BoxedStrategy<ScalarExpr> {
    let made = |(operator, left, right)| {
        ScalarExpr::Operation(Box::new(ScalarOperation { operator, left, right, place: NOWHERE }))
    };
    aggregate()
        .prop_map(ScalarExpr::Aggregate)
        .prop_recursive(3, 6, 2, move |scalar| {
            prop_oneof![
                (arithmetic(), scalar.clone(), scalar.clone()).prop_map(made),
                (arithmetic(), constant_expr(), scalar.clone()).prop_map(made),
                (arithmetic(), scalar, constant_expr()).prop_map(made),
            ]
        })
        .boxed()
}

fn scalar_filter() -> impl Strategy<Value = ScalarFilter> {
    let sides = prop_oneof![
        (scalar(), scalar()),
        (scalar(), constant_expr()).prop_map(|sides| sides),
        (constant_expr(), scalar()).prop_map(|sides| sides),
    ];
    (comparison(), sides).prop_map(|(operator, (left, right))| ScalarFilter {
        operator,
        left,
        right,
        place: NOWHERE,
    })
}

fn first_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        4 => spanset().prop_map(Stage::Spanset),
        2 => scalar_filter().prop_map(Stage::Scalar),
        1 => field().prop_map(|field| Stage::By { field, place: NOWHERE }),
        1 => vec(attribute(), 1..4).prop_map(|attributes| Stage::Select { attributes, place: NOWHERE }),
    ]
}

fn pipeline() -> BoxedStrategy<Pipeline> {
    let further = prop_oneof![4 => first_stage(), 1 => Just(Stage::Coalesce { place: NOWHERE })];
    (first_stage(), vec(further, 0..3))
        .prop_map(|(first, mut stages)| {
            stages.insert(0, first);
            Pipeline { stages, place: NOWHERE }
        })
        .boxed()
}

/// Operations between parenthesised pipelines. The leftmost is one that no spanset could be.
fn pipelines(depth: u32) -> BoxedStrategy<SpansetExpr> {
    let leaf = || {
        pipeline()
            .prop_map(|mut pipeline| {
                pipeline.stages.push(Stage::Coalesce { place: NOWHERE });
                SpansetExpr::Pipeline(pipeline)
            })
            .boxed()
    };
    let side = if depth == 0 { leaf() } else { prop_oneof![leaf(), pipelines(depth - 1)].boxed() };
    let right = prop_oneof![side.clone(), spanset()];
    (spanset_operator(), side, right)
        .prop_map(|(operator, left, right)| operation(operator, left, right))
        .boxed()
}

fn scalar_pipelines() -> impl Strategy<Value = ScalarFilter> {
    let leaf = || {
        (pipeline(), aggregate()).prop_map(|(pipeline, aggregate)| ScalarExpr::Pipeline {
            pipeline,
            aggregate,
            place: NOWHERE,
        })
    };
    let left = prop_oneof![
        leaf().boxed(),
        (arithmetic(), leaf(), leaf())
            .prop_map(|(operator, left, right)| {
                ScalarExpr::Operation(Box::new(ScalarOperation { operator, left, right, place: NOWHERE }))
            })
            .boxed()
    ];
    let right = prop_oneof![leaf().boxed(), constant_expr().boxed()];
    (comparison(), left, right).prop_map(|(operator, left, right)| ScalarFilter {
        operator,
        left,
        right,
        place: NOWHERE,
    })
}

fn function() -> impl Strategy<Value = MetricsFunction> {
    use OverTime::*;
    let by = || vec(attribute(), 0..3);
    let window = option::of((0..i64::MAX, 0..i64::MAX));
    prop_oneof![
        (select(vec![Rate, Count]), by()).prop_map(|(function, by)| MetricsFunction::Over {
            function,
            attribute: None,
            by,
            place: NOWHERE
        }),
        (select(vec![Min, Max, Avg, Sum, Histogram]), attribute(), by()).prop_map(
            |(function, attribute, by)| MetricsFunction::Over {
                function,
                attribute: Some(attribute),
                by,
                place: NOWHERE
            }
        ),
        (attribute(), vec(0.0..2.0f64, 1..3), by()).prop_map(|(attribute, quantiles, by)| {
            MetricsFunction::Quantile { attribute, quantiles, by, place: NOWHERE }
        }),
        (filter(), 0..2000i64, window).prop_map(|(filter, top, window)| MetricsFunction::Compare {
            filter,
            top,
            window,
            place: NOWHERE
        }),
    ]
}

fn seconds(input: impl Strategy<Value = MetricsExpr>) -> impl Strategy<Value = MetricsExpr> {
    let stage = prop_oneof![
        (0..100i64, any::<bool>()).prop_map(|(limit, bottom)| SecondStage::Top { limit, bottom }),
        (comparison(), constant())
            .prop_map(|(operator, constant)| SecondStage::Compare { operator, constant }),
    ];
    (input, vec(stage, 0..3)).prop_map(|(input, stages)| {
        stages.into_iter().fold(input, |input, stage| MetricsExpr::Second {
            input: Box::new(input),
            stage,
            place: NOWHERE,
        })
    })
}

fn metrics() -> impl Strategy<Value = MetricsExpr> {
    let query = (pipeline(), function()).prop_map(|(pipeline, function)| MetricsExpr::Query {
        pipeline,
        function,
        place: NOWHERE,
    });
    let operator = || select(vec![Operator::Add, Operator::Sub, Operator::Mul, Operator::Div]);
    let math = seconds(query).prop_recursive(2, 4, 2, move |metrics| {
        prop_oneof![
            (operator(), metrics.clone(), metrics.clone()).prop_map(|(operator, left, right)| {
                MetricsExpr::Math { operator, left: Box::new(left), right: Box::new(right), place: NOWHERE }
            }),
            (operator(), factor(), any::<bool>(), metrics).prop_map(
                |(operator, constant, constant_first, input)| MetricsExpr::Scaled {
                    operator,
                    constant,
                    constant_first,
                    input: Box::new(input),
                    place: NOWHERE
                }
            ),
        ]
    });
    seconds(math)
}
