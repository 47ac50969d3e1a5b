//! `compare()`: how often each attribute has each value, inside a selection and outside of it.

use super::exemplar::{Candidate, Exemplars};
use super::group::GroupValue;
use super::label::{Label, LabelValue};
use super::leaf::{CELL_BYTES, CELLS_MAX};
use super::set::{FinalExemplar, FinalSeries, SeriesSet, insert};
use crate::traceql::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label that says which side a series is of.
const META_TYPE: &str = "__meta_type";

/// What a value costs beside its text that is counted for the first time, and an interval of it, in cells.
const VALUE_CELLS: usize = 32;
const INTERVAL_CELLS: usize = 2;

/// Of one leaf; parts merge in any order.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many values of an attribute are kept at the end.
    top: usize,
    intervals: usize,
    baseline: Side,
    selection: Side,
    /// Of the side that a candidate's rank says; see [`Comparison::offer`].
    pub exemplars: [Exemplars; 2],
    /// How many cells there may be, and how many there are.
    room: usize,
    taken: usize,
    is_full: bool,
}

/// By attribute, value and interval.
type Side = BTreeMap<Arc<str>, BTreeMap<LabelValue, BTreeMap<u32, f64>>>;

impl Comparison {
    pub fn new(top: usize, intervals: usize, exemplars: Exemplars) -> Self {
        Self {
            top,
            intervals,
            baseline: Side::new(),
            selection: Side::new(),
            exemplars: [exemplars.clone(), exemplars],
            room: CELLS_MAX,
            taken: 0,
            is_full: false,
        }
    }

    /// With room for so many cells only.
    pub fn within(self, room: usize) -> Self {
        Self { room, ..self }
    }

    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Counts one attribute of a span. Durations are not compared: nearly every span has its own.
    pub fn observe(
        &mut self,
        selected: bool,
        interval: usize,
        name: &Arc<str>,
        value: &Value<'_>,
        weight: f64,
    ) {
        if !matches!(value, Value::Duration(_)) {
            let label = GroupValue::of(value).label().unwrap_or_else(LabelValue::nil);
            self.add(selected, name, label, interval as u32, weight);
        }
    }

    fn add(&mut self, selected: bool, name: &Arc<str>, value: LabelValue, interval: u32, weight: f64) {
        let Self { baseline, selection, room, taken, is_full, .. } = self;
        let side = if selected { selection } else { baseline };
        let counted = side.get_mut(name).and_then(|values| values.get_mut(&value));
        let needed = match &counted {
            Some(intervals) if intervals.contains_key(&interval) => 0,
            Some(_) => INTERVAL_CELLS,
            None => {
                let text = if let LabelValue::Text(text) = &value { text.len() } else { 0 };
                VALUE_CELLS + (name.len() + text) / CELL_BYTES
            }
        };
        if *taken + needed > *room {
            *is_full = true;
            return;
        }
        *taken += needed;
        let intervals = match counted {
            Some(intervals) => intervals,
            None => side.entry(name.clone()).or_default().entry(value).or_default(),
        };
        *intervals.entry(interval).or_default() += weight;
    }

    pub fn wants(&self, selected: bool, rank: u64, timestamp_ms: u64) -> bool {
        self.exemplars.get(usize::from(selected)).is_some_and(|side| side.wants(rank, timestamp_ms))
    }

    pub fn offer(&mut self, selected: bool, candidate: Candidate) {
        if let Some(side) = self.exemplars.get_mut(usize::from(selected)) {
            side.offer(candidate);
        }
    }

    pub fn merge(&mut self, other: Comparison) {
        self.is_full |= other.is_full;
        for (selected, side) in [(false, other.baseline), (true, other.selection)] {
            for (name, values) in side {
                for (value, intervals) in values {
                    for (interval, count) in intervals {
                        self.add(selected, &name, value.clone(), interval, count);
                    }
                }
            }
        }
        for (mine, others) in self.exemplars.iter_mut().zip(other.exemplars) {
            mine.merge(others);
        }
    }

    /// How many series Tempo would say there are: it counts attributes here, of values and of totals.
    pub fn length(&self) -> usize {
        2 * (self.baseline.len() + self.selection.len())
    }

    /// The final series: of each attribute the most frequent values and the total of all.
    ///
    /// That an attribute had more values is a series without samples for Tempo, which no answer carries.
    pub fn settle(self) -> SeriesSet {
        let mut set = SeriesSet::new();
        let [outside, inside] = self.exemplars;
        let sides = [
            ("baseline", "baseline_total", self.baseline, outside),
            ("selection", "selection_total", self.selection, inside),
        ];
        for (each, total, side, exemplars) in sides {
            let mut totals = SeriesSet::new();
            for (name, values) in side {
                let mut sum = vec![0.0; self.intervals];
                values.values().for_each(|intervals| add(&mut sum, intervals));
                let named = labels(total, &name, LabelValue::nil());
                insert(&mut totals, FinalSeries::new(named, sum));
                for (value, intervals) in most_frequent(values, self.top) {
                    let mut counts = vec![0.0; self.intervals];
                    add(&mut counts, &intervals);
                    insert(&mut set, FinalSeries::new(labels(each, &name, value), counts));
                }
            }
            exemplars.take().into_iter().for_each(|candidate| place(&mut totals, total, candidate));
            set.append(&mut totals);
        }
        set
    }
}

fn add(sum: &mut [f64], intervals: &BTreeMap<u32, f64>) {
    for (interval, count) in intervals {
        if let Some(cell) = sum.get_mut(*interval as usize) {
            *cell += count;
        }
    }
}

/// Of values that are equally frequent the first in order stay, where Tempo keeps any.
fn most_frequent(
    values: BTreeMap<LabelValue, BTreeMap<u32, f64>>,
    top: usize,
) -> Vec<(LabelValue, BTreeMap<u32, f64>)> {
    let mut all: Vec<_> = values.into_iter().collect();
    if all.len() > top {
        let frequency = |intervals: &BTreeMap<u32, f64>| intervals.values().sum::<f64>();
        all.sort_by(|(_, one), (_, other)| frequency(other).total_cmp(&frequency(one)));
        all.truncate(top);
    }
    all
}

/// An exemplar belongs to the total of any attribute it has; its rank picks one, so that they spread.
fn place(totals: &mut SeriesSet, total: &str, candidate: Candidate) {
    let named: Vec<Vec<Label>> = candidate
        .labels
        .iter()
        .map(|(name, _)| labels(total, &Arc::from(name.as_str()), LabelValue::nil()))
        .filter(|key| totals.contains_key(key))
        .collect();
    let Some(pick) = candidate.rank.checked_rem(named.len() as u64) else { return };
    if let Some(series) = named.get(pick as usize).and_then(|key| totals.get_mut(key)) {
        let Candidate { labels, value, timestamp_ms, .. } = candidate;
        series.exemplars.push(FinalExemplar { labels, value, timestamp_ms });
    }
}

fn labels(meta: &str, name: &Arc<str>, value: LabelValue) -> Vec<Label> {
    vec![(META_TYPE.into(), LabelValue::Text(meta.to_owned())), (name.clone(), value)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::series::group::GroupKey;
    use crate::model::value::ShownValue;
    use proptest::prelude::*;
    use std::borrow::Cow;

    type Seen = (bool, usize, &'static str, Value<'static>);

    fn text(text: &'static str) -> Value<'static> {
        Value::Text(Cow::Borrowed(text))
    }

    fn comparison(top: usize, seen: &[Seen]) -> Comparison {
        let mut comparison = Comparison::new(top, 2, Exemplars::new(10, 10, (0, 100)));
        for (selected, interval, name, value) in seen {
            comparison.observe(*selected, *interval, &Arc::from(*name), value, 1.0);
        }
        comparison
    }

    fn shown(set: &SeriesSet) -> Vec<String> {
        set.values()
            .map(|series| {
                let labels: Vec<String> = series
                    .labels
                    .iter()
                    .map(|(name, value)| match value.shown() {
                        ShownValue::Text(text) => format!("{name}={text}"),
                        other => format!("{name}={other:?}"),
                    })
                    .collect();
                format!("{} {:?}", labels.join(" "), series.values)
            })
            .collect()
    }

    #[test]
    fn each_value_is_counted_inside_the_selection_and_outside() {
        let seen = [
            (false, 0, "span.a", text("x")),
            (false, 0, "span.a", text("x")),
            (false, 1, "span.a", Value::Ints(vec![1])),
            (true, 1, "span.a", text("x")),
            (true, 1, "duration", Value::Duration(5)),
        ];
        let found = comparison(10, &seen);
        assert_eq!(found.length(), 4);
        assert_eq!(
            shown(&found.settle()),
            [
                "__meta_type=baseline span.a=nil [0.0, 1.0]",
                "__meta_type=baseline span.a=x [2.0, 0.0]",
                "__meta_type=baseline_total span.a=nil [2.0, 1.0]",
                "__meta_type=selection span.a=x [0.0, 1.0]",
                "__meta_type=selection_total span.a=nil [0.0, 1.0]",
            ]
        );
    }

    #[test]
    fn the_most_frequent_values_stay_and_the_total_is_of_all() {
        let of = |value| (false, 0, "name", text(value));
        let seen = [of("c"), of("b"), of("b"), of("a"), of("d"), of("d")];
        assert_eq!(
            shown(&comparison(3, &seen).settle()),
            [
                "__meta_type=baseline name=a [1.0, 0.0]",
                "__meta_type=baseline name=b [2.0, 0.0]",
                "__meta_type=baseline name=d [2.0, 0.0]",
                "__meta_type=baseline_total name=nil [6.0, 0.0]",
            ]
        );
    }

    #[test]
    fn an_exemplar_belongs_to_one_total_of_its_side() {
        let mut found = comparison(3, &[(true, 0, "name", text("a")), (false, 0, "name", text("a"))]);
        let labels =
            vec![("name".to_owned(), ShownValue::text("a")), ("trace:id".to_owned(), ShownValue::text("1"))];
        let candidate =
            Candidate { rank: 7, series: GroupKey::default(), labels, value: f64::NAN, timestamp_ms: 5 };
        assert!(found.wants(true, 7, 5));
        found.offer(true, candidate);
        let with: Vec<String> = found
            .settle()
            .into_values()
            .filter(|series| !series.exemplars.is_empty())
            .map(|series| format!("{:?}", series.labels[0].1))
            .collect();
        assert_eq!(with, ["Text(\"selection_total\")"]);
    }

    #[test]
    fn long_texts_take_the_room_of_values() {
        let mut found = Comparison::new(10, 1, Exemplars::new(0, 0, (0, 1))).within(10_000);
        for n in 0..20 {
            let value = Value::Text(format!("{n:08000}").into());
            found.observe(false, 0, &Arc::from("span.a"), &value, 1.0);
        }
        assert!(found.is_full());
        assert_eq!(found.settle().len(), 9 + 1);
    }

    proptest! {
        #[test]
        fn parts_merged_in_any_order_are_the_whole(
            seen in prop::collection::vec((any::<bool>(), 0..2usize, 0..3u8, 0..4i64, any::<bool>()), 0..40),
        ) {
            let named = |part: Option<bool>| -> Vec<Seen> {
                seen.iter()
                    .filter(|(.., of)| part.is_none_or(|part| part == *of))
                    .map(|(selected, interval, name, value, _)| {
                        let name = ["a", "b", "c"][usize::from(*name)];
                        (*selected, *interval, name, Value::Int(*value))
                    })
                    .collect()
            };
            let whole = comparison(2, &named(None)).settle();
            let [mut one, mut other] = [true, false].map(|part| comparison(2, &named(Some(part))));
            let (first, second) = (one.clone(), other.clone());
            one.merge(second);
            other.merge(first);
            prop_assert_eq!(shown(&one.settle()), shown(&whole));
            prop_assert_eq!(shown(&other.settle()), shown(&whole));
        }
    }
}
