//! Names of attributes and their values, trace by trace.

use super::{Gather, Order, Reach};
use crate::evaluate::rows::Summary;
use crate::evaluate::tags::{TagNamesCollector, TagValuesCollector, TagsError};
use crate::evaluate::{TraceRows, overlaps};
use crate::model::search::{Inspected, Window};
use crate::model::{TagNames, TagValues, TagValuesQuery, TagsQuery};
use crate::traceql::value::Failure;

/// What is gathered of the traces in a window.
#[derive(Debug)]
pub struct TagsGather<C> {
    collector: C,
    window: Option<Window>,
}

/// The names that exist.
pub type TagNamesGather = TagsGather<TagNamesCollector>;

/// The values of one name.
pub type TagValuesGather = TagsGather<TagValuesCollector>;

/// What names and values have in common while they are gathered.
pub trait Collect: Send + 'static {
    type Answer: Send + 'static;

    fn observe(&mut self, trace: &TraceRows<'_>);

    /// Whether no trace can add anything any more.
    fn is_done(&self) -> bool;

    /// Takes what somebody else gathered, and what that took.
    fn add(&mut self, told: Self::Answer) -> Inspected;

    fn finish(self, inspected: Inspected) -> Self::Answer;
}

impl TagNamesGather {
    pub fn of(query: &TagsQuery) -> Result<Self, TagsError> {
        Ok(Self { collector: TagNamesCollector::new(query)?, window: query.window })
    }
}

impl TagValuesGather {
    pub fn of(query: &TagValuesQuery) -> Result<Self, TagsError> {
        Ok(Self { collector: TagValuesCollector::new(query)?, window: query.window })
    }
}

impl<C: Collect> TagsGather<C> {
    /// The answer from what several told of their own, each within the limits.
    pub fn of_told(mut self, told: Vec<C::Answer>) -> C::Answer {
        let mut inspected = Inspected::default();
        for one in told {
            inspected.add(self.collector.add(one));
        }
        self.collector.finish(inspected)
    }
}

impl<C: Collect> Gather for TagsGather<C> {
    type Answer = C::Answer;

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
        self.collector.observe(trace);
        Ok(())
    }

    fn wants(&self, _: u64) -> bool {
        !self.collector.is_done()
    }

    fn finish(self, inspected: Inspected) -> C::Answer {
        self.collector.finish(inspected)
    }
}

impl Collect for TagNamesCollector {
    type Answer = TagNames;

    fn observe(&mut self, trace: &TraceRows<'_>) {
        self.observe(trace);
    }

    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn add(&mut self, told: TagNames) -> Inspected {
        self.add(&told);
        told.inspected
    }

    fn finish(self, inspected: Inspected) -> TagNames {
        TagNames { inspected, ..self.finish() }
    }
}

impl Collect for TagValuesCollector {
    type Answer = TagValues;

    fn observe(&mut self, trace: &TraceRows<'_>) {
        self.observe(trace);
    }

    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn add(&mut self, told: TagValues) -> Inspected {
        self.add(told.values);
        told.inspected
    }

    fn finish(self, inspected: Inspected) -> TagValues {
        TagValues { inspected, ..self.finish() }
    }
}
