//! What one series holds for each interval while spans are counted; two of a kind add up to one.
//!
//! Adding up is associative and commutative but for the rounding of floats, which is kept small: sums carry
//! what rounding lost (Neumaier), means are running means with their weights, as Tempo's are.

/// How values of an interval become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    Count,
    Min,
    Max,
    Sum,
    Mean,
}

/// One cell for each interval.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    Counts(Vec<f64>),
    /// Not a number where there was no value.
    Least(Vec<f64>),
    Greatest(Vec<f64>),
    Sums(Vec<Sum>),
    Means(Vec<Mean>),
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    total: f64,
    lost: f64,
    has_value: bool,
}

/// No value yet where the weight is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    mean: f64,
    lost: f64,
    weight: f64,
}

impl Cells {
    pub fn new(fold: Fold, intervals: usize) -> Self {
        match fold {
            Fold::Count => Self::Counts(vec![0.0; intervals]),
            Fold::Min => Self::Least(vec![f64::NAN; intervals]),
            Fold::Max => Self::Greatest(vec![f64::NAN; intervals]),
            Fold::Sum => Self::Sums(vec![Sum::default(); intervals]),
            Fold::Mean => Self::Means(vec![Mean::default(); intervals]),
        }
    }

    /// Takes one span in. `weight` is how many spans it stands for; an extreme is the same for all of them.
    pub fn add(&mut self, interval: usize, value: f64, weight: f64) {
        match self {
            Self::Counts(cells) => on(cells, interval, |cell| *cell += weight),
            Self::Least(cells) => on(cells, interval, |cell| *cell = least(*cell, value)),
            Self::Greatest(cells) => on(cells, interval, |cell| *cell = greatest(*cell, value)),
            Self::Sums(cells) => on(cells, interval, |cell| cell.add(value * weight)),
            Self::Means(cells) => on(cells, interval, |cell| cell.add(value, weight)),
        }
    }

    /// Adds cells of the same kind.
    pub fn merge(&mut self, other: &Cells) {
        match (self, other) {
            (Self::Counts(cells), Self::Counts(others)) => each(cells, others, |cell, other| *cell += other),
            (Self::Least(cells), Self::Least(others)) => {
                each(cells, others, |cell, other| *cell = least(*cell, other));
            }
            (Self::Greatest(cells), Self::Greatest(others)) => {
                each(cells, others, |cell, other| *cell = greatest(*cell, other));
            }
            (Self::Sums(cells), Self::Sums(others)) => each(cells, others, |cell, other| cell.merge(other)),
            (Self::Means(cells), Self::Means(others)) => {
                each(cells, others, |cell, other| cell.merge(other));
            }
            (_, _) => debug_assert!(false, "cells of different kinds"),
        }
    }

    /// The samples; not a number where there is none.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Counts(cells) | Self::Least(cells) | Self::Greatest(cells) => cells.clone(),
            Self::Sums(cells) => cells.iter().map(Sum::value).collect(),
            Self::Means(cells) => cells.iter().map(Mean::value).collect(),
        }
    }
}

fn on<T>(cells: &mut [T], interval: usize, change: impl FnOnce(&mut T)) {
    if let Some(cell) = cells.get_mut(interval) {
        change(cell);
    }
}

fn each<T: Copy>(cells: &mut [T], others: &[T], mut change: impl FnMut(&mut T, T)) {
    for (cell, other) in cells.iter_mut().zip(others) {
        change(cell, *other);
    }
}

fn least(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.total_cmp(&one).is_lt() && !other.is_nan() { other } else { one }
}

fn greatest(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.total_cmp(&one).is_gt() && !other.is_nan() { other } else { one }
}

/// A sum and what its rounding loses, the latter on top of what was lost before.
fn added(sum: f64, value: f64, lost: f64) -> (f64, f64) {
    let total = sum + value;
    if !total.is_finite() {
        return (total, 0.0);
    }
    let missed = if sum.abs() >= value.abs() { (sum - total) + value } else { (value - total) + sum };
    (total, lost + missed)
}

impl Sum {
    fn add(&mut self, value: f64) {
        (self.total, self.lost) = added(self.total, value, self.lost);
        self.has_value = true;
    }

    fn merge(&mut self, other: Sum) {
        if other.has_value {
            self.add(other.total);
            self.lost += other.lost;
        }
    }

    fn value(&self) -> f64 {
        if self.has_value { self.total + self.lost } else { f64::NAN }
    }
}

impl Mean {
    /// A mean known already, such as a sum divided by its count.
    pub fn of(mean: f64, weight: f64) -> Self {
        Self { mean, lost: 0.0, weight }
    }

    fn add(&mut self, value: f64, weight: f64) {
        if self.weight == 0.0 {
            *self = Self::of(value, weight);
            return;
        }
        self.weight += weight;
        if !(self.mean.is_finite() && value.is_finite()) {
            // Infinity stays, and infinities of both signs have no mean.
            self.mean += value;
            self.lost = 0.0;
            return;
        }
        // Divided before it is subtracted, so that the difference of great values does not overflow.
        let change = if weight == 1.0 {
            value / self.weight - self.mean / self.weight
        } else {
            let share = weight / self.weight;
            value * share - self.mean * share
        };
        (self.mean, self.lost) = added(self.mean, change, self.lost);
    }

    fn merge(&mut self, other: Mean) {
        if other.weight != 0.0 {
            self.add(other.value(), other.weight);
        }
    }

    fn value(&self) -> f64 {
        if self.weight == 0.0 { f64::NAN } else { self.mean + self.lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FOLDS: [Fold; 5] = [Fold::Count, Fold::Min, Fold::Max, Fold::Sum, Fold::Mean];

    fn cells(fold: Fold, values: &[f64]) -> Cells {
        let mut cells = Cells::new(fold, 1);
        values.iter().for_each(|value| cells.add(0, *value, 1.0));
        cells
    }

    fn value(fold: Fold, values: &[f64]) -> f64 {
        cells(fold, values).values()[0]
    }

    #[test]
    fn each_fold_says_what_its_name_says() {
        let all = [2.0, -1.0, 5.0];
        let expected = [3.0, -1.0, 5.0, 6.0, 2.0];
        for (fold, expected) in FOLDS.into_iter().zip(expected) {
            assert_eq!(value(fold, &all), expected, "{fold:?}");
        }
        assert_eq!(value(Fold::Count, &[]), 0.0);
        for fold in &FOLDS[1..] {
            assert!(value(*fold, &[]).is_nan(), "{fold:?}");
        }
    }

    #[test]
    fn sums_and_means_do_not_lose_small_values_nor_overflow() {
        assert_eq!(value(Fold::Sum, &[1e16, 1.0, 1.0, -1e16]), 2.0);
        assert_eq!(value(Fold::Mean, &[1e308, 1e308, 1e308]), 1e308);
        assert_eq!(value(Fold::Mean, &[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(value(Fold::Mean, &[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert_eq!(value(Fold::Sum, &[f64::INFINITY, 1.0]), f64::INFINITY);
    }

    #[test]
    fn a_span_can_stand_for_several() {
        for (fold, expected) in FOLDS.into_iter().zip([4.0, 1.0, 5.0, 16.0, 4.0]) {
            let mut cells = Cells::new(fold, 1);
            cells.add(0, 5.0, 3.0);
            cells.add(0, 1.0, 1.0);
            assert_eq!(cells.values()[0], expected, "{fold:?}");
        }
    }

    /// But for what rounding loses of values of such a size: they may cancel out to far less than that.
    fn is_close(one: f64, other: f64, values: &[f64]) -> bool {
        let size = values.iter().fold(1.0, |size: f64, value| size.max(value.abs()));
        one == other || (one - other).abs() <= 1e-13 * size
    }

    proptest! {
        #[test]
        fn adding_parts_in_any_order_is_adding_the_whole(
            values in prop::collection::vec(-1e6..1e6f64, 1..40),
            cut in 0..40usize,
            other_cut in 0..40usize,
        ) {
            let (cut, other_cut) = (cut.min(values.len()), other_cut.min(values.len()));
            let (first, last) = (cut.min(other_cut), cut.max(other_cut));
            for fold in FOLDS {
                let whole = value(fold, &values);
                let [a, b, c] = [&values[..first], &values[first..last], &values[last..]]
                    .map(|part| cells(fold, part));
                let (mut left, mut right, mut turned) = (a.clone(), b.clone(), c.clone());
                left.merge(&b);
                left.merge(&c);
                right.merge(&c);
                let mut outer = a.clone();
                outer.merge(&right);
                turned.merge(&b);
                turned.merge(&a);
                for merged in [left, outer, turned] {
                    prop_assert!(is_close(merged.values()[0], whole, &values), "{fold:?} {merged:?} {whole}");
                }
            }
        }
    }
}
