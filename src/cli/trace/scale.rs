//! Time as columns: from the first start to the last end of the spans whose clock can be believed.
//!
//! One span of 1970 or 2554 would squeeze everything else into one column. Spans far from the middle one
//! do not count for the scale; they are drawn as an arrow to where they would be.

use super::document::Trace;

/// A span this far from the middle one has a wrong clock, or its time was never set: longer than a trace
/// lasts, shorter than a wrong time zone or year.
const FAR_NANOS: u64 = 24 * 3_600 * 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    pub start: u64,
    pub end: u64,
}

/// Where a span is against the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Half columns, the second past the end.
    Within(usize, usize),
    FarBefore,
    FarAfter,
}

impl Scale {
    pub fn of(trace: &Trace) -> Self {
        let mut starts: Vec<u64> = trace.real().map(|span| span.start).collect();
        let half = starts.len() / 2;
        if starts.is_empty() {
            return Self { start: 0, end: 0 };
        }
        let middle = *starts.select_nth_unstable(half).1;
        let near = |time: &u64| time.abs_diff(middle) <= FAR_NANOS;
        let start = trace.real().map(|span| span.start).filter(near).min().unwrap_or(middle);
        let end = trace.real().flat_map(|span| [span.start, span.end]).filter(near).max().unwrap_or(middle);
        Self { start, end }
    }

    pub fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether this time cannot be meant.
    pub fn is_far(&self, time: u64) -> bool {
        time < self.start.saturating_sub(FAR_NANOS) || time > self.end.saturating_add(FAR_NANOS)
    }

    pub fn place(&self, start: u64, end: u64, columns: usize) -> Place {
        if start < self.start.saturating_sub(FAR_NANOS) {
            return Place::FarBefore;
        }
        if start > self.end.saturating_add(FAR_NANOS) {
            return Place::FarAfter;
        }
        let halves = columns * 2;
        let at = |time: u64| {
            let since = u128::from(time.clamp(self.start, self.end) - self.start);
            let place = since * halves as u128 / u128::from(self.nanos().max(1));
            usize::try_from(place).unwrap_or(halves)
        };
        // Whatever lasts no time at all still gets half a column.
        let from = at(start).min(halves.saturating_sub(1));
        Place::Within(from, at(end).max(from + 1).min(halves))
    }

    /// A bar in `columns`; what lies between `extent` is dotted.
    pub fn bar(&self, span: (u64, u64), extent: (u64, u64), columns: usize) -> String {
        let (from, to) = match self.place(span.0, span.1, columns) {
            Place::Within(from, to) => (from, to),
            Place::FarBefore => return "◂".to_owned(),
            Place::FarAfter => return format!("{}▸", " ".repeat(columns.saturating_sub(1))),
        };
        let (dots_from, dots_to) = match self.place(extent.0, extent.1, columns) {
            Place::Within(from, to) => (from, to),
            Place::FarBefore | Place::FarAfter => (from, to),
        };
        let within = |half: usize| (from..to).contains(&half);
        let cell = |column: usize| match (within(column * 2), within(column * 2 + 1)) {
            (true, true) => '━',
            (true, false) => '╸',
            (false, true) => '╺',
            (false, false) if (dots_from / 2..dots_to.div_ceil(2)).contains(&column) => '┄',
            (false, false) => ' ',
        };
        let bar: String = (0..columns).map(cell).collect();
        bar.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Span;
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_of_the_time() {
        let scale = Scale { start: 1_000, end: 2_000 };
        let bar = |start, end| scale.bar((start, end), (start, end), 10);
        assert_eq!(bar(1_000, 2_000), "━━━━━━━━━━");
        assert_eq!(bar(1_500, 1_700), "     ━━");
        assert_eq!(bar(1_550, 1_650), "     ╺╸");
        assert_eq!(bar(2_000, 2_000), "         ╺");
        assert_eq!(bar(1_000, 1_000), "╸");
        assert_eq!(bar(1_500, 1_200), "     ╸");
        assert_eq!(scale.bar((1_500, 1_600), (1_200, 1_900), 10), "  ┄┄┄━┄┄┄");
    }

    #[test]
    fn one_absurd_time_does_not_squeeze_the_rest() {
        let span = |start, end| Span { start, end, ..Span::default() };
        let day = FAR_NANOS;
        let spans =
            vec![span(0, 1), span(5 * day, 5 * day + 7), span(5 * day + 1, u64::MAX), span(u64::MAX, 0)];
        let trace = Trace { spans, ..Trace::default() };
        let scale = Scale::of(&trace);
        assert_eq!(scale, Scale { start: 5 * day, end: 5 * day + 7 });
        let far: Vec<_> = trace.spans.iter().map(|s| scale.is_far(s.start)).collect();
        assert_eq!(far, [true, false, false, true]);
        assert_eq!(scale.bar((0, 1), (0, 1), 4), "◂");
        assert_eq!(scale.bar((u64::MAX, 0), (u64::MAX, 0), 4), "   ▸");
    }
}
