//! The traces a search found, one a line.

use super::read::Trace;
use crate::cli::line::{FAINT, Line, PLAIN, STRONG};
use crate::cli::text::{clean, count, duration, right, utc, width};

const START_COLUMNS: usize = "11-21 07:00:00.123".len();
const DURATION_COLUMNS: usize = 8;
const MATCHED_COLUMNS: usize = 7;
const ID_COLUMNS: usize = 32;
/// Below this the name of the root would be a stub, and the day goes.
const NAME_COLUMNS_MIN: usize = 24;

pub fn table(traces: &[Trace], limit: u32, columns: usize) -> String {
    if traces.is_empty() {
        return String::new();
    }
    let id_columns = traces.iter().map(|trace| width(&clean(&trace.id.0))).max().unwrap_or(0).min(ID_COLUMNS);
    let fixed = DURATION_COLUMNS + MATCHED_COLUMNS + id_columns + 8;
    let has_day = columns >= fixed + START_COLUMNS + NAME_COLUMNS_MIN;
    let start_columns = if has_day { START_COLUMNS } else { START_COLUMNS - "11-21 ".len() };
    let name_columns = columns.saturating_sub(fixed + start_columns);
    let to = [
        start_columns + 2,
        start_columns + DURATION_COLUMNS + 4,
        start_columns + DURATION_COLUMNS + name_columns + 6,
    ];
    let mut drawn = String::new();
    let mut head = Line::new(columns);
    head.put(FAINT, "start, UTC").to(to[0]).put(FAINT, &right("took", DURATION_COLUMNS)).to(to[1]);
    head.put(FAINT, "root").to(to[2]).put(FAINT, &right("matched", MATCHED_COLUMNS)).put(FAINT, "  trace");
    drawn.push_str(&head.end());
    for trace in traces {
        let mut line = Line::new(columns);
        line.put(PLAIN, &start(trace.start(), has_day)).to(to[0]);
        line.put(PLAIN, &right(&duration(trace.duration_nanos()), DURATION_COLUMNS)).to(to[1]);
        line.append(root(trace, name_columns)).to(to[2]);
        line.put(PLAIN, &right(&trace.matched().to_string(), MATCHED_COLUMNS)).put(PLAIN, "  ");
        line.put(PLAIN, &clean(&trace.id.0));
        drawn.push_str(&line.end());
    }
    let full = traces.len() >= limit as usize;
    let more = if full { "; there may be more: --limit" } else { "" };
    let mut last = Line::new(columns);
    last.put(FAINT, &format!("{}{more}", count(traces.len() as u64, "trace")));
    drawn + &last.end()
}

fn root(trace: &Trace, columns: usize) -> Line {
    let mut cell = Line::new(columns);
    match (trace.service.0.as_str(), trace.name.0.as_str()) {
        ("", "") => cell.put(FAINT, "no root was seen"),
        (service, name) => cell.put(STRONG, &clean(service)).put(PLAIN, " ").put(PLAIN, &clean(name)),
    };
    cell
}

/// `11-21 07:00:00.123`
fn start(nanos: u64, has_day: bool) -> String {
    let text = utc(nanos);
    let text = text.trim_end_matches(" UTC");
    let (day, time) = text.split_once(' ').unwrap_or(("", text));
    match day.split_once('-') {
        Some((_, day)) if has_day => format!("{day} {time}"),
        _ => time.to_owned(),
    }
}
