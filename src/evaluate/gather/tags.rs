//! Names of attributes and their values, trace by trace.

use super::{Gather, Order, Reach};
use crate::evaluate::rows::Summary;
use crate::evaluate::tags::{TagNamesCollector, TagValuesCollector, TagsError};
use crate::evaluate::{TraceRows, overlaps};
use crate::model::search::{Inspected, Window};
use crate::model::{TagNames, TagValues, TagValuesQuery, TagsQuery};
use crate::traceql::value::Failure;

/// The names that exist.
#[derive(Debug)]
pub struct TagNamesGather {
    names: TagNamesCollector,
    window: Option<Window>,
}

/// The values of one name.
#[derive(Debug)]
pub struct TagValuesGather {
    values: TagValuesCollector,
    window: Option<Window>,
}

impl TagNamesGather {
    pub fn of(query: &TagsQuery) -> Result<Self, TagsError> {
        Ok(Self { names: TagNamesCollector::new(query)?, window: query.window })
    }

    /// The answer from what several told of their own, each within the limits.
    pub fn of_told(mut self, told: Vec<TagNames>) -> TagNames {
        let mut inspected = Inspected::default();
        for one in told {
            inspected.add(one.inspected);
            self.names.add(&one);
        }
        TagNames { inspected, ..self.names.finish() }
    }
}

impl TagValuesGather {
    pub fn of(query: &TagValuesQuery) -> Result<Self, TagsError> {
        Ok(Self { values: TagValuesCollector::new(query)?, window: query.window })
    }

    /// The answer from what several told of their own, each within the limits.
    pub fn of_told(mut self, told: Vec<TagValues>) -> TagValues {
        let mut inspected = Inspected::default();
        for one in told {
            inspected.add(one.inspected);
            self.values.add(one.values);
        }
        TagValues { inspected, ..self.values.finish() }
    }
}

impl Gather for TagNamesGather {
    type Answer = TagNames;

    fn order(&self) -> Order {
        Order::Id
    }

    fn reach(&self) -> Option<Reach> {
        Reach::of(self.window)
    }

    fn reaches(&self, summary: &Summary) -> bool {
        self.window.is_none_or(|window| overlaps(summary, window))
    }

    fn take(&mut self, trace: &TraceRows<'_>, _listed: u64) -> Result<(), Failure> {
        self.names.observe(trace);
        Ok(())
    }

    fn wants(&self, _: u64) -> bool {
        !self.names.is_done()
    }

    fn finish(self, inspected: Inspected) -> TagNames {
        TagNames { inspected, ..self.names.finish() }
    }
}

impl Gather for TagValuesGather {
    type Answer = TagValues;

    fn order(&self) -> Order {
        Order::Id
    }

    fn reach(&self) -> Option<Reach> {
        Reach::of(self.window)
    }

    fn reaches(&self, summary: &Summary) -> bool {
        self.window.is_none_or(|window| overlaps(summary, window))
    }

    fn take(&mut self, trace: &TraceRows<'_>, _listed: u64) -> Result<(), Failure> {
        self.values.observe(trace);
        Ok(())
    }

    fn wants(&self, _: u64) -> bool {
        !self.values.is_done()
    }

    fn finish(self, inspected: Inspected) -> TagValues {
        TagValues { inspected, ..self.values.finish() }
    }
}
