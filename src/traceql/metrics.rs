//! The grid of a metrics query: which step, which start and end, how many intervals, and what is refused.
//!
//! Pure arithmetic over nanoseconds of the epoch, in the order a Tempo frontend does it, so that whoever
//! receives a query and whoever evaluates it agree on every sample's timestamp. No clock: `now` is given.

use super::ast::{Literal, Query};
use super::number::duration_text;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// How many points a step that nobody named aims at: an hour at 15 s.
const POINTS_WANTED: u64 = 240;

/// Why a metrics query has no grid. The texts are Tempo's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    #[error("end must be greater than start")]
    EndBeforeStart,
    #[error("query window falls entirely within query_end_cutoff")]
    WithinCutoff,
    #[error("metrics query time range exceeds the maximum allowed duration of {}", duration_text(signed(*.maximum)))]
    TooLong {
        /// Nanoseconds.
        maximum: u64,
    },
    #[error(
        "step of {} is too small, minimum step for given range is {}",
        duration_text(signed(*.step)),
        duration_text(signed(*.minimum))
    )]
    StepTooSmall { step: u64, minimum: u64 },
}

/// What bounds the grid of a metrics query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridLimits {
    /// Nanoseconds that the end stays behind now, because younger spans may still be on their way.
    pub end_cutoff: u64,
    /// Nanoseconds between start and end; no limit where 0.
    pub range_max: u64,
    /// No limit where 0.
    pub intervals_max: u64,
}

/// Tempo's defaults.
impl Default for GridLimits {
    fn default() -> Self {
        Self { end_cutoff: 30 * SECOND, range_max: 24 * HOUR, intervals_max: 10_000 }
    }
}

/// The step of a query that names none.
pub fn default_step(start: u64, end: u64) -> u64 {
    let range = end.saturating_sub(start);
    let wanted = range / POINTS_WANTED;
    if range < MINUTE {
        let grain = 50 * MILLISECOND;
        return if wanted > grain { wanted / grain * grain } else { grain };
    }
    [HOUR, 5 * MINUTE, MINUTE, 15 * SECOND, 5 * SECOND, SECOND]
        .into_iter()
        .find(|grain| wanted > *grain)
        .map_or(SECOND, |grain| wanted / grain * grain)
}

/// Start and end of a range query on multiples of its step, with one interval before the first, so that a
/// dashboard that reloads sees the same samples again.
pub fn align(start: u64, end: u64, step: u64) -> (u64, u64) {
    if step == 0 {
        return (0, 0);
    }
    let start = start - start % step;
    let end = end.checked_next_multiple_of(step).unwrap_or(end);
    (if start > step { start - step } else { start }, end)
}

/// An end that is not past the cutoff.
pub fn clamp_end(end: u64, now: u64, cutoff: u64) -> u64 {
    end.min(now.saturating_sub(cutoff))
}

/// An aligned end that is not past the cutoff and again a multiple of the step.
pub fn clamp_aligned_end(end: u64, step: u64, now: u64, cutoff: u64) -> u64 {
    let latest = now.saturating_sub(cutoff);
    if end <= latest {
        return end;
    }
    latest - latest.checked_rem(step).unwrap_or(0)
}

/// The end of an instant query, taken back by whole seconds until it is not past the cutoff: fractions of a
/// second that differ from one load to the next would defeat every cache.
pub fn clamp_instant_end(start: u64, end: u64, now: u64, cutoff: u64) -> Result<u64, GridError> {
    if end <= start {
        return Err(GridError::EndBeforeStart);
    }
    let latest = now.saturating_sub(cutoff);
    if end < latest {
        return Ok(end);
    }
    let clamped = end.saturating_sub((end - latest).div_ceil(SECOND).saturating_mul(SECOND));
    if clamped <= start { Err(GridError::WithinCutoff) } else { Ok(clamped) }
}

/// Whether a range is within its limits; before it is aligned, which lengthens it.
pub fn check_range(start: u64, end: u64, step: u64, limits: &GridLimits) -> Result<(), GridError> {
    if start >= end {
        return Err(GridError::EndBeforeStart);
    }
    let range = end - start;
    if limits.range_max != 0 && range > limits.range_max {
        return Err(GridError::TooLong { maximum: limits.range_max });
    }
    let most = limits.intervals_max;
    if most != 0 && range.checked_div(step).is_none_or(|intervals| intervals > most) {
        return Err(GridError::StepTooSmall { step, minimum: range / most });
    }
    Ok(())
}

/// Start and end of a range query as it is evaluated, from what was asked.
pub fn range_grid(
    start: u64,
    end: u64,
    step: u64,
    now: u64,
    limits: &GridLimits,
) -> Result<(u64, u64), GridError> {
    if start >= end {
        return Err(GridError::EndBeforeStart);
    }
    let end = clamp_end(end, now, limits.end_cutoff);
    if start >= end {
        return Err(GridError::WithinCutoff);
    }
    check_range(start, end, step, limits)?;
    let (start, end) = align(start, end, step);
    Ok((start, clamp_aligned_end(end, step, now, limits.end_cutoff)))
}

/// The end of an instant query as it is evaluated; its step is the whole range.
pub fn instant_grid(start: u64, end: u64, now: u64, limits: &GridLimits) -> Result<u64, GridError> {
    let end = clamp_instant_end(start, end, now, limits.end_cutoff)?;
    check_range(start, end, end - start, limits)?;
    Ok(end)
}

/// How many exemplars a query gets: the hint `exemplars` is obeyed before the parameter, 0 means unsaid.
pub fn exemplars(query: &Query, asked: u32, most: u32) -> u32 {
    let unhinted = if asked == 0 { most } else { asked };
    hinted_exemplars(query).unwrap_or(unhinted).min(most)
}

/// How many exemplars the hint asks for: a number counts before `false`, and `true` says nothing.
pub fn hinted_exemplars(query: &Query) -> Option<u32> {
    let number = |value: &Literal| match value {
        Literal::Int(int) => Some(u32::try_from((*int).max(0)).unwrap_or(u32::MAX)),
        _ => None,
    };
    let refused = || query.flag("exemplars").filter(|flag| !flag).map(|_| 0);
    query.hint("exemplars", number).or_else(refused)
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GridLimits = GridLimits { end_cutoff: 0, range_max: 0, intervals_max: 10_000 };
    const S: u64 = SECOND;

    #[test]
    fn a_step_nobody_named_aims_at_240_points() {
        let table = [
            (10 * S, 50 * MILLISECOND),
            (30 * S, 100 * MILLISECOND),
            (59 * S, 200 * MILLISECOND),
            (MINUTE, S),
            (15 * MINUTE, 3 * S),
            (HOUR, 15 * S),
            (HOUR + 240 * S, 15 * S),
            (3 * HOUR, 45 * S),
            (24 * HOUR, 5 * MINUTE),
            (25 * HOUR, 5 * MINUTE),
            (30 * 24 * HOUR, 3 * HOUR),
        ];
        for (range, step) in table {
            assert_eq!(default_step(S, S + range), step, "{range}");
        }
    }

    #[test]
    fn a_range_is_aligned_outwards_with_one_interval_before_it() {
        let at = 1_795_206_736 * S;
        let (start, end) = align(at, at + 60 * S, 20 * S);
        assert_eq!((start / S, end / S), (1_795_206_700, 1_795_206_800));
        assert_eq!(align(60 * S, 120 * S, 60 * S), (60 * S, 120 * S), "nothing lies before the epoch");
        assert_eq!(align(5, 10, 0), (0, 0));
        assert_eq!(align(5, u64::MAX, 4), (4, u64::MAX));
    }

    #[test]
    fn an_end_past_the_cutoff_is_taken_back() {
        assert_eq!(clamp_end(100, 90, 30), 60);
        assert_eq!(clamp_end(50, 90, 30), 50);
        assert_eq!(clamp_aligned_end(100, 25, 90, 10), 75);
        assert_eq!(clamp_aligned_end(75, 25, 90, 10), 75);
        assert_eq!(clamp_instant_end(0, 100 * S + 7, 90 * S, 30 * S), Ok(59 * S + 7));
        assert_eq!(clamp_instant_end(0, 60 * S, 90 * S, 30 * S), Ok(60 * S));
        assert_eq!(clamp_instant_end(0, 59 * S, 90 * S, 30 * S), Ok(59 * S));
        assert_eq!(clamp_instant_end(59 * S, 100 * S, 90 * S, 31 * S), Err(GridError::WithinCutoff));
        assert_eq!(clamp_instant_end(5, 5, 90, 0), Err(GridError::EndBeforeStart));
    }

    #[test]
    fn what_has_no_grid_is_refused_in_tempos_words() {
        let refused = |start, end, step, limits: GridLimits| {
            range_grid(start, end, step, 1_000 * HOUR, &limits).unwrap_err().to_string()
        };
        assert_eq!(refused(5, 5, S, LIMITS), "end must be greater than start");
        assert_eq!(
            refused(S, 61 * S, MILLISECOND, LIMITS),
            "step of 1ms is too small, minimum step for given range is 6ms"
        );
        assert_eq!(
            refused(S, 61 * S, 0, LIMITS),
            "step of 0s is too small, minimum step for given range is 6ms"
        );
        assert_eq!(
            refused(S, 25 * HOUR + S, HOUR, GridLimits::default()),
            "metrics query time range exceeds the maximum allowed duration of 24h0m0s"
        );
        let late = GridLimits { end_cutoff: 30 * S, ..LIMITS };
        assert_eq!(
            refused(1_000 * HOUR - S, 1_000 * HOUR, S, late),
            "query window falls entirely within query_end_cutoff"
        );
    }

    #[test]
    fn a_range_grid_is_clamped_before_and_after_it_is_aligned() {
        let now = 100 * S + 500 * MILLISECOND;
        let limits = GridLimits { end_cutoff: 0, ..LIMITS };
        assert_eq!(range_grid(50 * S + 1, 200 * S, 3 * S, now, &limits), Ok((45 * S, 99 * S)));
        assert_eq!(instant_grid(50 * S, 200 * S, now, &limits), Ok(100 * S));
    }

    #[test]
    fn the_hint_decides_how_many_exemplars_before_the_parameter_does() {
        let table = [
            ("{} | rate()", 0, 100),
            ("{} | rate()", 7, 7),
            ("{} | rate()", 700, 100),
            ("{} | rate() with(exemplars=5)", 7, 5),
            ("{} | rate() with(exemplars=5000)", 7, 100),
            ("{} | rate() with(exemplars=false)", 7, 0),
            ("{} | rate() with(exemplars=true)", 0, 100),
            ("{} | rate() with(exemplars=\"x\")", 7, 7),
            ("{} | rate() with(exemplars=false, exemplars=5)", 7, 5),
            ("{} | rate() with(exemplars=true, exemplars=false)", 7, 7),
        ];
        for (text, asked, expected) in table {
            let query = crate::traceql::parse(text).unwrap();
            assert_eq!(exemplars(&query, asked, 100), expected, "{text}");
        }
    }
}
