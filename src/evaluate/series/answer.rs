//! Final series as an answer carries them: sorted, cut, stamped, with exemplars that show their sample.

use super::grid::Grid;
use super::label::answer_key;
use super::leaf::CELLS_MAX;
use super::set::{FinalSeries, SeriesSet};
use crate::model::metrics::{Exemplar, Sample, Series};

/// The series that have samples, at most so many of them; no limit where 0.
pub fn series(set: SeriesSet, grid: &Grid, most: usize) -> Vec<Series> {
    let mut all: Vec<FinalSeries> = set.into_values().filter(FinalSeries::has_samples).collect();
    all.sort_by_cached_key(|series| answer_key(&series.labels));
    if most > 0 {
        all.truncate(most);
    }
    all.into_iter().map(|series| shown(series, grid)).collect()
}

/// What Tempo says when there are at least as many series as it may answer with.
pub fn too_many(most: u32) -> String {
    format!(
        "Response exceeds maximum series limit of {most}, a partial response is returned. Warning: the \
         accuracy of each individual value is not guaranteed."
    )
}

/// What is said when series were left out for want of room.
pub fn no_room() -> String {
    format!(
        "Response exceeds {CELLS_MAX} samples, a partial response is returned. Narrow the query, group by \
         less or choose a longer step."
    )
}

fn shown(series: FinalSeries, grid: &Grid) -> Series {
    let FinalSeries { labels, values, exemplars } = series;
    let sample_at = |interval: usize| values.get(interval).copied().filter(|value| !value.is_nan());
    let mut exemplars: Vec<Exemplar> = exemplars
        .into_iter()
        .filter_map(|exemplar| {
            let sample = sample_at(grid.interval_of_ms(exemplar.timestamp_ms)?)?;
            let value = if exemplar.value.is_nan() { sample } else { exemplar.value };
            let timestamp_ms = i64::try_from(exemplar.timestamp_ms).ok()?;
            Some(Exemplar { labels: exemplar.labels, value, timestamp_ms })
        })
        .collect();
    exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
    let samples = (0..values.len())
        .filter_map(|at| Some(Sample { timestamp_ms: grid.timestamp_ms(at), value: sample_at(at)? }))
        .collect();
    let labels = labels.into_iter().map(|(name, value)| (name.to_string(), value.shown())).collect();
    Series { labels, samples, exemplars }
}
