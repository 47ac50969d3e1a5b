//! The traces a search found: one a line, or two where the columns are few. An id is never cut, as a person copies
//! it.

use super::read::Trace;
use crate::cli::line::{FAINT, Line, PLAIN, STRONG};
use crate::cli::text::{clean, count, duration, right, utc, width};

const START_COLUMNS: usize = "11-21 07:00:00.123".len();
const TIME_COLUMNS: usize = START_COLUMNS - "11-21 ".len();
const DURATION_COLUMNS: usize = 8;
const MATCHED_COLUMNS: usize = 7;
pub const ID_COLUMNS: usize = 32;
/// Below this the name of the root would be a stub, and the day goes.
const NAME_COLUMNS_MIN: usize = 24;
/// Below this there would be hardly a name at all, and the id gets a line of its own.
const NAME_COLUMNS_LEAST: usize = 12;

/// How rows are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    columns: usize,
    id_columns: usize,
    has_day: bool,
    /// Whether the id stands below.
    is_two_lines: bool,
}

pub fn table(traces: &[Trace], limit: u32, columns: usize) -> String {
    if traces.is_empty() {
        return String::new();
    }
    let id_columns = traces.iter().map(|trace| width(&clean(&trace.id.0))).max().unwrap_or(0);
    let table = Table::new(id_columns, columns);
    let full = traces.len() >= limit as usize;
    let more = if full { "; there may be more: --limit, or --all" } else { "" };
    let last = format!("{}{more}", count(traces.len() as u64, "trace"));
    table.head() + &table.rows(traces) + &table.foot(&last)
}

impl Table {
    pub fn new(id_columns: usize, columns: usize) -> Self {
        let id_columns = id_columns.min(ID_COLUMNS);
        let fixed = DURATION_COLUMNS + MATCHED_COLUMNS + id_columns + 8;
        let has_day = columns >= fixed + START_COLUMNS + NAME_COLUMNS_MIN;
        let is_two_lines = columns < fixed + TIME_COLUMNS + NAME_COLUMNS_LEAST;
        Self { columns, id_columns, has_day, is_two_lines }
    }

    fn start_columns(&self) -> usize {
        if self.has_day { START_COLUMNS } else { TIME_COLUMNS }
    }

    fn name_columns(&self) -> usize {
        let id = if self.is_two_lines { 0 } else { self.id_columns + 2 };
        let others = self.start_columns() + DURATION_COLUMNS + MATCHED_COLUMNS + id + 6;
        self.columns.saturating_sub(others)
    }

    /// Where the duration, the root and what follows it begin.
    fn places(&self) -> [usize; 3] {
        let duration = self.start_columns() + 2;
        let root = duration + DURATION_COLUMNS + 2;
        [duration, root, root + self.name_columns() + 2]
    }

    pub fn head(&self) -> String {
        let to = self.places();
        let mut head = Line::new(self.columns);
        head.put(FAINT, "start, UTC").to(to[0]).put(FAINT, &right("took", DURATION_COLUMNS)).to(to[1]);
        head.put(FAINT, "root").to(to[2]).put(FAINT, &right("matched", MATCHED_COLUMNS));
        if self.is_two_lines {
            let mut below = Line::new(self.columns);
            below.put(FAINT, "  trace");
            return head.end() + &below.end();
        }
        head.put(FAINT, "  trace");
        head.end()
    }

    pub fn rows(&self, traces: &[Trace]) -> String {
        traces.iter().map(|trace| self.row(trace)).collect()
    }

    fn row(&self, trace: &Trace) -> String {
        let to = self.places();
        let mut line = Line::new(self.columns);
        line.put(PLAIN, &start(trace.start(), self.has_day)).to(to[0]);
        line.put(PLAIN, &right(&duration(trace.duration_nanos()), DURATION_COLUMNS)).to(to[1]);
        line.append(root(trace, self.name_columns())).to(to[2]);
        line.put(PLAIN, &right(&trace.matched().to_string(), MATCHED_COLUMNS));
        if self.is_two_lines {
            let mut below = Line::new(self.columns);
            below.put(PLAIN, "  ").put(PLAIN, &clean(&trace.id.0));
            return line.end() + &below.end();
        }
        line.put(PLAIN, "  ").put(PLAIN, &clean(&trace.id.0));
        line.end()
    }

    pub fn foot(&self, said: &str) -> String {
        let mut last = Line::new(self.columns);
        last.put(FAINT, said);
        last.end()
    }
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
