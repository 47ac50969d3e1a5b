//! Series as small charts, one a line, on one scale; or as values.

use super::read::Series;
use crate::cli::line::{FAINT, GOOD, Line, PLAIN};
use crate::cli::text::{clean, count, cut, duration, left, right, utc, width};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Of a value, as `1.23e-10`.
const VALUE_COLUMNS: usize = 9;
const NAME_COLUMNS_MAX: usize = 48;

/// What all charts are drawn on.
struct Scale {
    /// Milliseconds of the epoch.
    from: i64,
    until: i64,
    lowest: f64,
    highest: f64,
    /// Samples of the longest series: how wide one is drawn.
    samples: usize,
}

pub fn range(series: &[Series], columns: usize) -> String {
    let Some(scale) = Scale::of(series) else { return String::new() };
    let name_columns = name_columns(series, columns);
    let numbers = 3 * (VALUE_COLUMNS + 1);
    let bar_columns = columns.saturating_sub(name_columns + numbers + 2);
    let mut drawn = scale.heading(series, columns);
    let mut head = Line::new(columns);
    head.to(name_columns + bar_columns + 2);
    for word in ["last", "min", "max"] {
        head.put(PLAIN, " ").put(FAINT, &right(word, VALUE_COLUMNS));
    }
    drawn.push_str(&head.end());
    for one in series {
        let mut line = Line::new(columns);
        line.put(PLAIN, &left(&clean(&one.name()), name_columns)).put(PLAIN, " ");
        line.put(GOOD, &scale.bars(one, bar_columns)).to(name_columns + bar_columns + 2);
        let values = || one.samples.iter().map(|sample| sample.value()).filter(|value| !value.is_nan());
        let last = one.samples.iter().max_by_key(|sample| sample.at_ms()).map(|sample| sample.value());
        for value in [last, values().reduce(f64::min), values().reduce(f64::max)] {
            line.put(PLAIN, " ").put(PLAIN, &right(&value.map(shown).unwrap_or_default(), VALUE_COLUMNS));
        }
        drawn.push_str(&line.end());
    }
    drawn
}

pub fn instant(series: &[Series], columns: usize) -> String {
    let name_columns = name_columns(series, columns);
    let highest = series.iter().map(Series::value).fold(0.0, f64::max);
    let bar_columns = columns.saturating_sub(name_columns + VALUE_COLUMNS + 2);
    let mut drawn = String::new();
    for one in series {
        let value = one.value();
        let filled =
            if highest > 0.0 { (value / highest * bar_columns as f64).round().max(0.0) } else { 0.0 };
        let mut line = Line::new(columns);
        line.put(PLAIN, &left(&clean(&one.name()), name_columns)).put(PLAIN, " ");
        line.put(PLAIN, &right(&shown(value), VALUE_COLUMNS)).put(PLAIN, " ");
        line.put(GOOD, &"▇".repeat((filled as usize).min(bar_columns)));
        drawn.push_str(&line.end());
    }
    drawn
}

/// As wide as the widest name, and no more than a third.
fn name_columns(series: &[Series], columns: usize) -> usize {
    let widest = series.iter().map(|one| width(&cut(&clean(&one.name()), NAME_COLUMNS_MAX))).max();
    widest.unwrap_or_default().min(columns / 3)
}

impl Scale {
    fn of(series: &[Series]) -> Option<Self> {
        let samples = || series.iter().flat_map(|one| &one.samples).filter(|sample| !sample.value().is_nan());
        let values = || samples().map(|sample| sample.value()).filter(|value| value.is_finite());
        Some(Self {
            from: samples().map(|sample| sample.at_ms()).min()?,
            until: samples().map(|sample| sample.at_ms()).max()?,
            // Bars stand on zero, or below it where something lies below.
            lowest: values().fold(0.0, f64::min),
            highest: values().fold(0.0, f64::max),
            samples: series.iter().map(|one| one.samples.len()).max().unwrap_or(1).max(1),
        })
    }

    fn heading(&self, series: &[Series], columns: usize) -> String {
        let at = |ms: i64| utc(u64::try_from(ms).unwrap_or_default().saturating_mul(1_000_000));
        let step = series.iter().flat_map(|one| one.samples.windows(2)).filter_map(|pair| match pair {
            [a, b] => u64::try_from(b.at_ms() - a.at_ms()).ok().filter(|step| *step > 0),
            _ => None,
        });
        let step = step.min().map(|ms| format!(", {} a step", duration(ms.saturating_mul(1_000_000))));
        let named = count(series.len() as u64, "line");
        let text = format!("{} to {}{} · {named}", at(self.from), at(self.until), step.unwrap_or_default());
        let mut line = Line::new(columns);
        line.put(FAINT, &text);
        line.end()
    }

    /// The highest value of each column; blank where there is none.
    fn bars(&self, series: &Series, columns: usize) -> String {
        let mut cells: Vec<Option<f64>> = vec![None; columns];
        let span = (self.until - self.from).max(1) as f64;
        for sample in &series.samples {
            let share = (sample.at_ms() - self.from) as f64 / span;
            let column = (share * columns.saturating_sub(1) as f64).round() as usize;
            let value = sample.value();
            if let Some(cell) = cells.get_mut(column).filter(|_| !value.is_nan()) {
                *cell = Some(cell.map_or(value, |held| held.max(value)));
            }
        }
        // A few samples over many columns are drawn as wide as they last.
        let mut held = None;
        let width = columns.div_ceil(self.samples).max(1);
        let mut since = 0;
        let wide = cells.into_iter().map(|cell| {
            (held, since) = if cell.is_some() { (cell, 0) } else { (held, since + 1) };
            if since < width { held } else { None }
        });
        wide.map(|cell| cell.map_or(' ', |value| self.bar(value))).collect()
    }

    fn bar(&self, value: f64) -> char {
        let height = self.highest - self.lowest;
        let share = if height > 0.0 { (value - self.lowest) / height } else { 0.0 };
        let step = (share * (BARS.len() - 1) as f64).round() as usize;
        BARS.get(step.min(BARS.len() - 1)).copied().unwrap_or(' ')
    }
}

/// A number in a few digits.
fn shown(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if value.fract() == 0.0 {
        format!("{value}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
