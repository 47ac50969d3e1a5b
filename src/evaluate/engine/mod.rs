//! What a pipeline makes of the candidates of one trace: spansets, stage by stage.
//!
//! Knows candidates by number and reads their values through [`Loaded`]; what is visible at all was decided
//! when they were fetched.

use super::fetch::Loaded;
use super::slots::Slots;
use crate::traceql::ast;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::{Failure, Value};

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
pub struct Pipeline {}

impl Pipeline {
    /// Compiles a pipeline that was checked; its attributes get their slots.
    pub fn compile(pipeline: &ast::Pipeline, slots: &mut Slots) -> Result<Self, PatternError> {
        let _ = (pipeline, slots);
        Ok(Self {})
    }

    /// The spansets the pipeline leaves of all candidates; none where the trace does not match.
    pub fn run<'t>(&self, loaded: &Loaded<'t>) -> Result<Vec<Spanset<'t>>, Failure> {
        let _ = loaded;
        Ok(Vec::new())
    }
}

/// Whether the pipeline finds nothing in any trace because its filters are `{ false }`, so that no trace
/// need be read.
pub fn is_noop(pipeline: &ast::Pipeline) -> bool {
    let _ = pipeline;
    false
}
