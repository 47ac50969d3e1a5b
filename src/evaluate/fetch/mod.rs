//! What storage lets a query see of a trace: which spans are candidates, and which of their values show.

use super::TraceRows;
use super::slots::{Slot, Slots};
use crate::model::value::ShownValue;
use crate::traceql::fetch::FetchSpec;
use crate::traceql::pattern::PatternError;
use crate::traceql::value::{Failure, Value};

/// Why a query cannot be fetched; Tempo finds it out when it reads a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("{attribute} cannot be compared with `{operator}`")]
    Operator { attribute: String, operator: &'static str },
    #[error("{attribute} can only be compared with {wanted}")]
    Operand { attribute: String, wanted: &'static str },
    #[error("invalid regex: {0}")]
    Pattern(#[from] PatternError),
}

/// The conditions of a query made ready to read traces.
#[derive(Debug)]
pub struct Fetch {}

/// What is fetched of one trace.
#[derive(Debug)]
pub struct Loaded<'t> {
    trace: &'t TraceRows<'t>,
    rows: Vec<u32>,
    nil: Value<'t>,
}

impl Fetch {
    pub fn of(spec: &FetchSpec, slots: &Slots) -> Result<Self, FetchError> {
        let _ = (spec, slots);
        Ok(Self {})
    }

    /// The candidates of a trace; `None` where it has none.
    pub fn load<'t>(&self, trace: &'t TraceRows<'t>) -> Result<Option<Loaded<'t>>, Failure> {
        let rows: Vec<u32> = (0..trace.rows().len() as u32).collect();
        Ok((!rows.is_empty()).then_some(Loaded { trace, rows, nil: Value::Nil }))
    }
}

impl<'t> Loaded<'t> {
    /// How many candidates there are; they are numbered from 0 in row order.
    pub fn candidates(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The row of a candidate in the trace.
    pub fn row(&self, candidate: u32) -> u32 {
        self.rows.get(candidate as usize).copied().unwrap_or_default()
    }

    pub fn rows(&self) -> &'t TraceRows<'t> {
        self.trace
    }

    /// What a candidate has for an attribute while the engine runs.
    pub fn value(&self, candidate: u32, slot: Slot) -> &Value<'t> {
        let _ = (candidate, slot);
        &self.nil
    }

    /// Fetches the second pass for what the engine kept; candidates in any order.
    pub fn complete(&mut self, fetch: &Fetch, kept: impl IntoIterator<Item = u32>) -> Result<(), Failure> {
        let _ = (fetch, kept.into_iter());
        Ok(())
    }

    /// What a kept candidate has for an attribute once the second pass is in.
    pub fn value_after(&self, candidate: u32, slot: Slot) -> &Value<'t> {
        let _ = (candidate, slot);
        &self.nil
    }

    /// The attributes a search row shows for a kept candidate, by bare name.
    pub fn shown(&self, candidate: u32) -> Vec<(String, ShownValue)> {
        let _ = candidate;
        Vec::new()
    }

    /// The span's name where a search row shows it: where the query looks at names.
    pub fn name(&self, candidate: u32) -> &str {
        let _ = candidate;
        ""
    }
}
