//! What a pipeline makes of the candidates of one trace: spansets, stage by stage.
//!
//! Knows candidates by number and reads their values through [`Loaded`]; what is visible at all was decided
//! when they were fetched. Sets and names are Tempo's; where its order is left to chance (the groups of
//! `by`, what a sort leaves of a structural operator), spans keep the order of rows.

mod aggregate;
mod group;
mod name;
mod structural;
mod visible;

use super::fetch::Loaded;
use super::program::Program;
use super::rows::Numbers;
use super::slots::Slots;
use crate::traceql::ast::{self, AggregateFunction, FieldExpr, Literal, ScalarExpr, SpansetOperator};
use crate::traceql::fold::fold;
use crate::traceql::pattern::PatternError;
use crate::traceql::types::Operator;
use crate::traceql::value::{Failure, Value};
use aggregate::Fold;
use group::groups;
use hashbrown::HashSet;
use std::cell::OnceCell;
use visible::Columns;

/// How many computed values the spansets of one trace may carry together: each stage adds one to every set,
/// and a query has room for thousands of stages. A trace of 100,000 spans can be grouped by each ten times.
const COMPUTED_MAX: usize = 1024 * 1024;

/// Spans of one trace that belong together, and what was computed over them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spanset<'t> {
    /// Candidates, each once.
    pub spans: Vec<u32>,
    /// By the canonical text of what was computed: `count()`, `by(.a)`.
    pub attributes: Vec<(String, Value<'t>)>,
}

/// A pipeline made ready to run over many traces.
#[derive(Debug)]
pub struct Pipeline {
    stages: Vec<Stage>,
    /// The numbers of the tree that are read before a `select`.
    columns: Columns,
}

#[derive(Debug)]
enum Stage {
    Spansets(Spansets),
    /// Keeps the sets of which an aggregate compares so with a constant.
    Scalar {
        function: AggregateFunction,
        field: Option<Program>,
        operator: Operator,
        constant: Value<'static>,
        name: String,
    },
    By {
        field: Program,
        name: String,
    },
    Coalesce,
    /// Decides only what is shown.
    Select,
}

#[derive(Debug)]
enum Spansets {
    Filter(Program),
    Operation { operator: SpansetOperator, left: Box<Spansets>, right: Box<Spansets> },
    Pipeline(Vec<Stage>),
}

impl Pipeline {
    /// Compiles a pipeline that was checked; its attributes get their slots.
    pub fn compile(pipeline: &ast::Pipeline, slots: &mut Slots) -> Result<Self, PatternError> {
        Ok(Self { stages: stages(pipeline, slots)?, columns: Columns::read_by(pipeline) })
    }

    /// The spansets the pipeline leaves of all candidates; none where the trace does not match.
    pub fn run<'t>(&self, loaded: &Loaded<'t>) -> Result<Vec<Spanset<'t>>, Failure> {
        self.run_on(loaded, (0..loaded.candidates()).collect())
    }

    /// The same of some candidates, as if there were no others.
    pub fn run_on<'t>(&self, loaded: &Loaded<'t>, spans: Vec<u32>) -> Result<Vec<Spanset<'t>>, Failure> {
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        let run = Run { loaded, columns: self.columns, numbers: OnceCell::new() };
        run.stages(&self.stages, vec![Spanset { spans, attributes: Vec::new() }])
    }
}

/// Whether the pipeline finds nothing in any trace because its filters are `{ false }`, so that no trace
/// need be read. Looks as deep as Tempo does: filters, and operators between two of them.
pub fn is_noop(pipeline: &ast::Pipeline) -> bool {
    let filter_is = |spanset: &ast::SpansetExpr| match spanset {
        ast::SpansetExpr::Filter(filter) => {
            matches!(fold(&filter.field), FieldExpr::Literal { value: Literal::Bool(false), .. })
        }
        _ => false,
    };
    pipeline.stages.iter().all(|stage| match stage {
        ast::Stage::Spanset(ast::SpansetExpr::Operation(operation)) => {
            filter_is(&operation.left) && filter_is(&operation.right)
        }
        ast::Stage::Spanset(spanset) => filter_is(spanset),
        _ => false,
    })
}

fn stages(pipeline: &ast::Pipeline, slots: &mut Slots) -> Result<Vec<Stage>, PatternError> {
    pipeline.stages.iter().map(|stage| compiled(stage, slots)).collect()
}

fn compiled(stage: &ast::Stage, slots: &mut Slots) -> Result<Stage, PatternError> {
    Ok(match stage {
        ast::Stage::Spanset(spanset) => Stage::Spansets(spansets(spanset, slots)?),
        ast::Stage::Scalar(filter) => scalar(filter, slots)?,
        ast::Stage::By { field, .. } => {
            Stage::By { field: Program::compile(field, slots)?, name: name::of_by(field) }
        }
        ast::Stage::Coalesce { .. } => Stage::Coalesce,
        ast::Stage::Select { .. } => Stage::Select,
    })
}

fn spansets(spanset: &ast::SpansetExpr, slots: &mut Slots) -> Result<Spansets, PatternError> {
    Ok(match spanset {
        ast::SpansetExpr::Filter(filter) => Spansets::Filter(Program::compile(&filter.field, slots)?),
        ast::SpansetExpr::Operation(operation) => Spansets::Operation {
            operator: operation.operator,
            left: Box::new(spansets(&operation.left, slots)?),
            right: Box::new(spansets(&operation.right, slots)?),
        },
        ast::SpansetExpr::Pipeline(pipeline) => Spansets::Pipeline(stages(pipeline, slots)?),
    })
}

fn scalar(filter: &ast::ScalarFilter, slots: &mut Slots) -> Result<Stage, PatternError> {
    let (ScalarExpr::Aggregate(aggregate), ScalarExpr::Constant { value, .. }) =
        (&filter.left, &filter.right)
    else {
        // The check lets only an aggregate beside a constant pass; anything else finds nothing.
        debug_assert!(false, "a scalar filter that was not checked: {filter}");
        return Ok(Stage::Spansets(Spansets::Pipeline(Vec::new())));
    };
    let field = aggregate.field.as_ref().map(|field| Program::compile(field, slots)).transpose()?;
    Ok(Stage::Scalar {
        function: aggregate.function,
        field,
        operator: filter.operator,
        constant: number(value),
        name: name::of_aggregate(aggregate),
    })
}

/// A constant of a scalar filter, which the grammar lets only be a number.
fn number(literal: &Literal) -> Value<'static> {
    match literal {
        Literal::Int(int) => Value::Int(*int),
        Literal::Float(float) => Value::Float(*float),
        Literal::Duration(nanos) => Value::Duration(*nanos),
        Literal::Text(_) | Literal::Bool(_) | Literal::Status(_) | Literal::Kind(_) => Value::Nil,
    }
}

/// One run over the candidates of one trace.
struct Run<'l, 't> {
    loaded: &'l Loaded<'t>,
    columns: Columns,
    numbers: OnceCell<Vec<Numbers>>,
}

impl<'t> Run<'_, 't> {
    /// Runs until nothing is left.
    fn stages(&self, stages: &[Stage], input: Vec<Spanset<'t>>) -> Result<Vec<Spanset<'t>>, Failure> {
        let mut sets = input;
        for stage in stages {
            self.loaded.rows().patience().go_on()?;
            sets = self.stage(stage, sets)?;
            if sets.is_empty() {
                break;
            }
        }
        Ok(sets)
    }

    fn stage(&self, stage: &Stage, input: Vec<Spanset<'t>>) -> Result<Vec<Spanset<'t>>, Failure> {
        match stage {
            Stage::Spansets(Spansets::Filter(program)) => self.filter(program, input),
            Stage::Spansets(spansets) => {
                let mut output = Vec::new();
                for set in &input {
                    output.extend(self.spansets(spansets, set)?);
                }
                Ok(output)
            }
            Stage::Scalar { function, field, operator, constant, name } => {
                let mut output = Vec::new();
                for mut set in input {
                    let Some(result) = self.folded(*function, field.as_ref(), &set)? else { continue };
                    if aggregate::holds(*operator, &result, constant)? {
                        set.attributes.push((name.clone(), result));
                        output.push(set);
                    }
                }
                bounded(output)
            }
            Stage::By { field, name } => bounded(self.grouped(field, name, input)?),
            Stage::Coalesce => {
                let spans = input.into_iter().flat_map(|set| set.spans).collect();
                Ok(vec![Spanset { spans, attributes: Vec::new() }])
            }
            Stage::Select => Ok(input),
        }
    }

    fn grouped(
        &self,
        field: &Program,
        name: &str,
        input: Vec<Spanset<'t>>,
    ) -> Result<Vec<Spanset<'t>>, Failure> {
        let mut output = Vec::new();
        for mut set in input {
            let values = set.spans.iter().map(|span| field.run(self.loaded, *span));
            let mut groups = groups(&set.spans, values)?.into_iter();
            while let Some((value, spans)) = groups.next() {
                // The last group takes what the set has, so that grouping again copies nothing.
                let mut attributes = match groups.len() {
                    0 => std::mem::take(&mut set.attributes),
                    _ => set.attributes.clone(),
                };
                attributes.push((name.to_owned(), value));
                output.push(Spanset { spans, attributes });
            }
        }
        Ok(output)
    }

    fn filter(&self, program: &Program, input: Vec<Spanset<'t>>) -> Result<Vec<Spanset<'t>>, Failure> {
        let mut output = Vec::with_capacity(input.len());
        for mut set in input {
            let mut kept = Vec::with_capacity(set.spans.len());
            for (number, span) in set.spans.iter().enumerate() {
                self.loaded.rows().patience().go_on_at(number)?;
                if program.run(self.loaded, *span)? == Value::Bool(true) {
                    kept.push(*span);
                }
            }
            if !kept.is_empty() {
                set.spans = kept;
                output.push(set);
            }
        }
        Ok(output)
    }

    /// What an operand makes of one set; what it computes itself is forgotten by the operator around it.
    fn spansets(&self, spansets: &Spansets, input: &Spanset<'t>) -> Result<Vec<Spanset<'t>>, Failure> {
        self.loaded.rows().patience().go_on()?;
        let (operator, left, right) = match spansets {
            Spansets::Filter(program) => return self.filter(program, vec![input.clone()]),
            Spansets::Pipeline(stages) => return self.stages(stages, vec![input.clone()]),
            Spansets::Operation { operator, left, right } => (*operator, left, right),
        };
        let left = self.spansets(left, input)?;
        let right = self.spansets(right, input)?;
        let spans = match operator {
            SpansetOperator::And if left.is_empty() || right.is_empty() => Vec::new(),
            SpansetOperator::And | SpansetOperator::Or => united(&left, &right),
            SpansetOperator::Structural { relation, mode } => {
                let Some(first) = right.first() else { return Ok(Vec::new()) };
                if left.len() > 1 || right.len() > 1 {
                    return Err(Failure::SeveralSpansets);
                }
                let others = left.first().map_or(&[] as &[u32], |set| &set.spans);
                structural::join((relation, mode), others, &first.spans, &|span| self.numbers(span))
            }
        };
        if spans.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Spanset { spans, attributes: input.attributes.clone() }])
    }

    fn folded(
        &self,
        function: AggregateFunction,
        field: Option<&Program>,
        set: &Spanset<'t>,
    ) -> Result<Option<Value<'t>>, Failure> {
        let mut fold = Fold::new(function);
        for span in &set.spans {
            fold.add(match field {
                Some(field) => field.run(self.loaded, *span)?,
                None => Value::Nil,
            });
        }
        Ok(fold.finish())
    }

    fn numbers(&self, span: u32) -> Numbers {
        let all = self.numbers.get_or_init(|| {
            let by_row = self.loaded.rows().numbers();
            let row = |span| by_row.get(self.loaded.row(span) as usize).copied().unwrap_or_default();
            (0..self.loaded.candidates()).map(|span| self.columns.of(row(span))).collect()
        });
        all.get(span as usize).copied().unwrap_or_default()
    }
}

/// The sets, if they carry no more than there is room for.
fn bounded(sets: Vec<Spanset<'_>>) -> Result<Vec<Spanset<'_>>, Failure> {
    let computed: usize = sets.iter().map(|set| set.attributes.len()).sum();
    if computed > COMPUTED_MAX { Err(Failure::TooManyGroups { most: COMPUTED_MAX }) } else { Ok(sets) }
}

/// The spans of both sides, each once: those of the smaller side first, of two alike those of the right.
fn united(left: &[Spanset<'_>], right: &[Spanset<'_>]) -> Vec<u32> {
    let size = |side: &[Spanset<'_>]| side.iter().map(|set| set.spans.len()).sum::<usize>();
    let (smaller, larger) = if size(left) < size(right) { (left, right) } else { (right, left) };
    let mut spans: Vec<u32> = smaller.iter().flat_map(|set| &set.spans).copied().collect();
    let known: HashSet<u32> = spans.iter().copied().collect();
    spans.extend(larger.iter().flat_map(|set| &set.spans).filter(|span| !known.contains(*span)));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sets_carry_together_is_bounded() {
        let with = |attributes: usize| {
            let attributes = vec![(String::new(), Value::Nil); attributes];
            vec![Spanset::default(), Spanset { attributes, ..Spanset::default() }]
        };
        assert_eq!(bounded(with(COMPUTED_MAX)).map(|sets| sets.len()), Ok(2));
        assert_eq!(bounded(with(COMPUTED_MAX + 1)), Err(Failure::TooManyGroups { most: COMPUTED_MAX }));
    }
}
