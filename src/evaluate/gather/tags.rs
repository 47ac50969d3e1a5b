//! Names of attributes and their values, trace by trace.

use std::collections::BTreeSet;

use super::{Gather, Order, Reach};
use crate::evaluate::rows::Summary;
use crate::evaluate::tags::{TagNamesCollector, TagValuesCollector, TagsError};
use crate::evaluate::{TraceRows, overlaps};
use crate::model::search::{Inspected, Window};
use crate::model::tags::{TagLimits, TagScope, TagValue};
use crate::model::{TagNames, TagValues, TagValuesQuery, TagsQuery};
use crate::traceql::value::Failure;

/// The names that exist.
#[derive(Debug)]
pub struct TagNamesGather {
    names: TagNamesCollector,
    window: Option<Window>,
    /// Where names may be told before the end: those that were.
    told: Option<BTreeSet<(TagScope, String)>>,
}

/// The values of one name.
#[derive(Debug)]
pub struct TagValuesGather {
    values: TagValuesCollector,
    window: Option<Window>,
    /// Where values may be told before the end: those that were.
    told: Option<BTreeSet<TagValue>>,
}

/// Nothing that was told, if anything may be: what a caller limits is only known in the end. The bytes that the
/// gateway allows are no such limit: what is told beyond them is as true.
fn nothing_told<T: Ord>(limits: TagLimits) -> Option<BTreeSet<T>> {
    (limits.count_max == 0 && limits.stale_max == 0).then(BTreeSet::new)
}

impl TagNamesGather {
    pub fn of(query: &TagsQuery) -> Result<Self, TagsError> {
        let (names, told) = (TagNamesCollector::new(query)?, nothing_told(query.limits));
        Ok(Self { names, window: query.window, told })
    }

    /// Never tells of this name before the end: whoever takes the answer takes it out.
    pub fn without(mut self, (scope, name): (TagScope, &str)) -> Self {
        if let Some(told) = &mut self.told {
            told.insert((scope, name.to_owned()));
        }
        self
    }

    /// What one tells of its own, and with it the names that stand in the answer and were not told before.
    pub fn hear(&mut self, told: &TagNames) -> Option<TagNames> {
        self.names.add(told);
        self.settled(0)
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
        let (values, told) = (TagValuesCollector::new(query)?, nothing_told(query.limits));
        Ok(Self { values, window: query.window, told })
    }

    /// What one tells of its own, and with it the values that stand in the answer and were not told before.
    pub fn hear(&mut self, told: TagValues) -> Option<TagValues> {
        self.values.add(told.values);
        self.settled(0)
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

    fn settled(&mut self, _: u64) -> Option<TagNames> {
        let told = self.told.as_mut()?;
        let new = |(scope, names): (TagScope, Vec<String>)| {
            let names: Vec<String> =
                names.into_iter().filter(|name| told.insert((scope, name.clone()))).collect();
            (!names.is_empty()).then_some((scope, names))
        };
        let scopes: Vec<_> = self.names.so_far().scopes.into_iter().filter_map(new).collect();
        (!scopes.is_empty()).then(|| TagNames { scopes, ..TagNames::default() })
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

    fn settled(&mut self, _: u64) -> Option<TagValues> {
        let told = self.told.as_mut()?;
        let all = self.values.so_far().values;
        let values: Vec<TagValue> = all.into_iter().filter(|value| told.insert(value.clone())).collect();
        (!values.is_empty()).then(|| TagValues { values, ..TagValues::default() })
    }

    fn finish(self, inspected: Inspected) -> TagValues {
        TagValues { inspected, ..self.values.finish() }
    }
}
