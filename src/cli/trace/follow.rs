//! `tutti trace --follow`: the trace as it grows. Each region that lands is drawn with those before it; on a terminal
//! in the same place, elsewhere one picture below the other. The whole comes after them and is drawn as ever.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};

use tokio::time::Instant;

use super::client::{self, Ask, Event};
use super::document::{Begin, Document, Kind, RegionReport, Report, Trace};
use super::draw::draw_growing;
use super::layout::Limits;
use super::{Ended, TraceArgs, TraceError, read};
use crate::cli::gateway::Gateway;
use crate::cli::output;

/// Rows of the tree where the height of a terminal is not known.
const ROWS_USUAL: usize = 24;

/// Rows beside the tree: the summary, its blank lines, the axis and what says how much is not shown.
const ROWS_BESIDE: usize = 8;

/// What has landed so far.
#[derive(Debug)]
pub struct Following {
    document: Document,
    /// Spans that are drawn already: copies lie in several regions.
    drawn: HashSet<(Vec<u8>, Kind)>,
}

impl Following {
    pub fn new(trace_id: String) -> Self {
        let report = Report { trace_id, outcome: "growing".to_owned(), ..Report::default() };
        Self { document: Document { report, trace: Trace::default() }, drawn: HashSet::new() }
    }

    pub fn begin(&mut self, begin: &Begin) {
        let waiting = |region: &RegionReport| RegionReport { status: "waiting".to_owned(), ..region.clone() };
        self.document.report.regions = begin.regions.iter().map(waiting).collect();
        self.count();
    }

    /// A region has landed with its spans, so many milliseconds after it was asked for.
    pub fn land(&mut self, landed: RegionReport, part: Trace, took_ms: f64) {
        let Document { report, trace } = &mut self.document;
        report.took_ms = took_ms;
        // A region that was not declared in the beginning is none.
        if let Some(region) = report.regions.iter_mut().find(|region| region.name == landed.name) {
            *region = landed;
        }
        let first = trace.resources.len();
        trace.resources.extend(part.resources);
        for mut span in part.spans {
            if span.id.is_empty() || self.drawn.insert((span.id.clone(), span.kind)) {
                span.resource += first;
                trace.spans.push(span);
            }
        }
        self.count();
    }

    fn count(&mut self) {
        let report = &mut self.document.report;
        let landed = report.regions.iter().filter(|region| region.status != "waiting").count();
        report.exactness = format!("{landed} of {} regions", report.regions.len());
    }

    /// What is there, as text.
    pub fn frame(&self, limits: Limits, columns: usize, out: &mut dyn Write) -> io::Result<()> {
        draw_growing(&self.document, limits, columns, out)
    }

    fn regions(&self) -> usize {
        self.document.report.regions.len()
    }
}

/// Where frames are drawn.
struct Screen {
    columns: usize,
    limits: Limits,
    /// Rows of a terminal; none where each picture stands below the one before.
    rows: Option<usize>,
    /// Lines of the last frame.
    drawn: usize,
}

impl Screen {
    fn new(args: &TraceArgs) -> Self {
        let of_terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(_, rows)| rows.0.into());
        let rows = io::stdout().is_terminal().then(|| of_terminal().unwrap_or(ROWS_USUAL));
        let limits = if args.all { Limits::ALL } else { Limits::USUAL };
        Self { columns: output::columns(args.width), limits, rows, drawn: 0 }
    }

    fn show(&mut self, following: &Following) -> io::Result<()> {
        let mut frame = Vec::new();
        let limits = match self.rows {
            // What has left a terminal at its top cannot be drawn again.
            Some(rows) => {
                let room = rows.saturating_sub(ROWS_BESIDE + following.regions()).max(1);
                Limits { rows_max: self.limits.rows_max.min(room), ..self.limits }
            }
            None => self.limits,
        };
        following.frame(limits, self.columns, &mut frame)?;
        self.clear()?;
        let lines = frame.iter().filter(|byte| **byte == b'\n').count();
        output::print(|out| {
            out.write_all(&frame)?;
            if self.rows.is_none() { writeln!(out) } else { Ok(()) }
        })?;
        self.drawn = lines;
        Ok(())
    }

    /// Takes the last frame away, where that can be done.
    fn clear(&mut self) -> io::Result<()> {
        let drawn = std::mem::take(&mut self.drawn);
        if self.rows.is_none() || drawn == 0 {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        write!(out, "\u{1b}[{drawn}A\u{1b}[J")?;
        out.flush()
    }
}

/// Follows a trace to its end; what is drawn on the way is gone then, where that can be done.
pub(super) async fn follow(gateway: &Gateway, ask: &Ask, args: &TraceArgs) -> Result<Ended, TraceError> {
    let begun = Instant::now();
    let mut events = client::open(gateway, ask).await?;
    let (mut screen, mut following) = (Screen::new(args), Following::new(ask.id.to_string()));
    loop {
        match events.next().await? {
            Event::Begin(begin) => following.begin(&begin),
            Event::Region(report, json) => {
                let part = read::part(&json).map_err(|error| events.malformed("region", &error))?;
                following.land(*report, part, begun.elapsed().as_secs_f64() * 1e3);
            }
            Event::Answer(json) => {
                screen.clear()?;
                return Ok(Ended::Answer(json, Box::new(events)));
            }
            Event::Refused(json, refused) => {
                screen.clear()?;
                return Ok(Ended::Refused(json, refused));
            }
        }
        screen.show(&following)?;
    }
}
