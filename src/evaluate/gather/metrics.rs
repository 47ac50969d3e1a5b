//! A metrics query, trace by trace.

use super::{Gather, Order, Reach};
use crate::evaluate::rows::Summary;
use crate::evaluate::series::Metrics;
use crate::evaluate::{QueryError, TraceRows};
use crate::model::search::Inspected;
use crate::model::{MetricsAnswer, MetricsQuery};
use crate::traceql::value::Failure;

/// The series of a metrics query.
#[derive(Debug)]
pub struct MetricsGather {
    metrics: Metrics,
    reach: Reach,
}

impl MetricsGather {
    pub fn of(query: &MetricsQuery) -> Result<Self, QueryError> {
        let reach = Reach { start: query.start, end: query.end };
        Ok(Self { metrics: Metrics::compile(query)?, reach })
    }
}

impl Gather for MetricsGather {
    type Answer = MetricsAnswer;

    fn order(&self) -> Order {
        Order::Id
    }

    fn reach(&self) -> Option<Reach> {
        Some(self.reach)
    }

    /// Every span is counted by its own start, whenever its trace was.
    fn reaches(&self, _: &Summary) -> bool {
        true
    }

    fn take(&mut self, trace: &TraceRows<'_>, _listed: u64) -> Result<(), Failure> {
        self.metrics.observe(trace)
    }

    fn wants(&self, _: u64) -> bool {
        !self.metrics.is_noop()
    }

    fn finish(self, inspected: Inspected) -> MetricsAnswer {
        MetricsAnswer { inspected, ..self.metrics.finish() }
    }
}
