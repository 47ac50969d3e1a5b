//! What adds up: one function over one pipeline's spans, held so that parts merge in any order.
//!
//! A leaf knows groups and cells, not queries or traces. Averages are held as means with their weights and
//! quantiles as counts of buckets; both become numbers in `settle`, when a leaf is whole.

use super::cells::{Cells, Fold};
use super::exemplar::{Candidate, Exemplars};
use super::group::{GROUP_VALUES_MAX, GroupKey, GroupValue};
use super::quantile::bucket;
use crate::traceql::value::Value;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::Arc;

/// How many cells the leaves of one query may hold, over all their series: about 64 MiB of counts, thrice that of means.
/// An answer of so many samples is several hundred megabytes.
pub const CELLS_MAX: usize = 8 * 1024 * 1024;

/// What a series costs beside its cells and texts, in cells: its key and its place in the table.
const SERIES_CELLS: usize = 32;

/// So many bytes of text cost as much as a cell.
pub const CELL_BYTES: usize = 8;

/// What a leaf computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    Rate,
    Count,
    Min,
    Max,
    Sum,
    Average,
    Histogram,
    Quantile(Vec<f64>),
}

impl Function {
    pub fn fold(&self) -> Fold {
        match self {
            Self::Rate | Self::Count | Self::Histogram | Self::Quantile(_) => Fold::Count,
            Self::Min => Fold::Min,
            Self::Max => Fold::Max,
            Self::Sum => Fold::Sum,
            Self::Average => Fold::Mean,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Count => "count_over_time",
            Self::Min => "min_over_time",
            Self::Max => "max_over_time",
            Self::Sum => "sum_over_time",
            Self::Average => "avg_over_time",
            Self::Histogram => "histogram_over_time",
            Self::Quantile(_) => "quantile_over_time",
        }
    }

    /// Whether values are counted in buckets rather than folded.
    pub fn has_buckets(&self) -> bool {
        matches!(self, Self::Histogram | Self::Quantile(_))
    }

    /// Whether an exemplar shows its span's own value; those of counts show the sample they belong to.
    fn has_values(&self) -> bool {
        !matches!(self, Self::Rate | Self::Count | Self::Histogram)
    }
}

/// What a leaf is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub function: Function,
    /// Whether what is measured is `duration`, which counts in seconds.
    pub of_duration: bool,
    /// What is grouped by, as the labels are called.
    pub by: Vec<Arc<str>>,
}

/// What a leaf needs of one span.
#[derive(Debug)]
pub struct Observation<'v> {
    pub interval: usize,
    /// How many spans it stands for.
    pub weight: f64,
    /// What is measured; nil where nothing is.
    pub measured: &'v Value<'v>,
    /// In the order of [`Shape::by`]; nil beyond.
    pub by: [&'v Value<'v>; GROUP_VALUES_MAX],
}

/// The state of one function.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub shape: Shape,
    intervals: usize,
    hasher: DefaultHashBuilder,
    groups: HashTable<Group>,
    pub exemplars: Exemplars,
    /// How many cells there may be, and how many there are.
    room: usize,
    taken: usize,
    is_full: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The values of [`Shape::by`], then the bucket where there are any.
    pub key: GroupKey<'static>,
    pub cells: Cells,
}

impl Leaf {
    pub fn new(shape: Shape, intervals: usize, exemplars: Exemplars) -> Self {
        Self {
            shape,
            intervals,
            hasher: DefaultHashBuilder::default(),
            groups: HashTable::new(),
            exemplars,
            room: CELLS_MAX,
            taken: 0,
            is_full: false,
        }
    }

    /// With room for so many cells only.
    pub fn within(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// Whether there were more series than there was room for.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    pub fn intervals(&self) -> usize {
        self.intervals
    }

    /// In the order of their keys, so that nothing depends on the order of spans.
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        groups.sort_by(|one, other| one.key.cmp(&other.key));
        groups
    }

    /// Counts a span; `false` where the function has no use for it because it has no value.
    pub fn observe(&mut self, span: &Observation<'_>) -> bool {
        let Some((key, value)) = self.shape.measure(span) else { return false };
        if let Some(cells) = self.cells(key) {
            cells.add(span.interval, value, span.weight);
        }
        true
    }

    /// Lets a span stand for its series, with the value it shows: not a number where that is the sample's.
    pub fn offer(
        &mut self,
        span: &Observation<'_>,
        candidate: impl FnOnce(GroupKey<'static>, f64) -> Candidate,
    ) {
        let Some((key, _)) = self.shape.measure(span) else { return };
        let own = self.shape.function.has_values().then(|| self.shape.number(span.measured)).flatten();
        self.exemplars.offer(candidate(key.into_owned(), own.unwrap_or(f64::NAN)));
    }

    /// The cells of a group, new ones where it is new and there is room.
    fn cells(&mut self, key: GroupKey<'_>) -> Option<&mut Cells> {
        let Self { shape, intervals, hasher, groups, room, taken, is_full, .. } = self;
        let hash = hasher.hash_one(&key);
        if groups.find(hash, |group| group.key == key).is_none() {
            let cost = *intervals + SERIES_CELLS + key.text_bytes() / CELL_BYTES;
            if *taken + cost > *room {
                *is_full = true;
                return None;
            }
            *taken += cost;
            let cells = Cells::new(shape.function.fold(), *intervals);
            let group = Group { key: key.clone().into_owned(), cells };
            groups.insert_unique(hash, group, |group| hasher.hash_one(&group.key));
        }
        groups.find_mut(hash, |group| group.key == key).map(|group| &mut group.cells)
    }

    /// Adds another part of the same leaf.
    pub fn merge(&mut self, other: Leaf) {
        debug_assert_eq!(self.shape, other.shape, "parts of one leaf have one shape");
        self.is_full |= other.is_full;
        for group in other.groups {
            if let Some(cells) = self.cells(group.key) {
                cells.merge(&group.cells);
            }
        }
        self.exemplars.merge(other.exemplars);
    }
}

impl Shape {
    /// The group a span belongs to and the value it counts with there.
    fn measure<'v>(&self, span: &Observation<'v>) -> Option<(GroupKey<'v>, f64)> {
        let value = match self.function {
            Function::Rate | Function::Count => 1.0,
            Function::Histogram | Function::Quantile(_) => self.edge(span.measured)?,
            _ => self.number(span.measured)?,
        };
        let mut key = GroupKey::default();
        for (at, value) in span.by.iter().take(self.by.len()).enumerate() {
            key.set(at, GroupValue::of(value));
        }
        if self.function.has_buckets() {
            key.set(self.by.len(), GroupValue::Float(value.to_bits()));
        }
        Some((key, value))
    }

    /// A number; `duration` counts in seconds, other durations in nanoseconds.
    fn number(&self, value: &Value<'_>) -> Option<f64> {
        let number = match value {
            Value::Duration(nanos) if self.of_duration => *nanos as u64 as f64 / 1e9,
            // One that storage does not show, since the filter does not accept it, is 0.
            Value::Nil if self.of_duration => 0.0,
            other => other.float(),
        };
        (!number.is_nan()).then_some(number)
    }

    /// The upper edge of the bucket a value lies in: of durations in seconds; floats have none.
    fn edge(&self, value: &Value<'_>) -> Option<f64> {
        let positive = |int: i64| (int >= 2).then_some(int as f64 as u64);
        match value {
            Value::Duration(nanos) if self.of_duration => Some(bucket(*nanos as u64)? / 1e9),
            Value::Duration(nanos) => Some(bucket(positive(*nanos)?)? / 1e9),
            Value::Int(int) => bucket(positive(*int)?),
            _ => None,
        }
    }
}
