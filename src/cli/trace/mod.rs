//! `tutti trace`: one trace from every region, drawn for an engineer on call.
//!
//! The walk: `client` asks a gateway and reads its `sse`, `spinner` shows who has answered (or `follow` what they have), `read` makes a
//! `document` of the answer, `forest` and `layout` decide the lines, `draw` writes them. A script reads the
//! exit code; each code is one sentence of `EXIT_CODES`.

use std::io;
use std::process::ExitCode;

use anstream::AutoStream;
use clap::Args;

use crate::model::{Mode, TraceId, TraceIdError};

mod client;
mod document;
mod draw;
mod follow;
mod forest;
mod header;
mod layout;
mod lenient;
mod notes;
mod read;
mod scale;
mod spinner;
mod sse;

#[cfg(test)]
mod tests;

use super::gateway::{Gateway, GatewayError};
use super::output::{self, Exit, ModeName, When};
use super::text;
use client::{Ask, Event, Events};
use document::{Document, Refused, Report};
use layout::Limits;
use spinner::Spinner;

const EXIT_CODES: &str = "\
Exit codes:
  0  the trace is whole: every region answered
  1  the command line or the trace id is wrong, or the output cannot be written
  2  the trace does not exist: every region answered, none holds it
  3  a partial answer: something is missing, and the output says what
  4  no answer: the gateway refused, or too many regions failed
  5  the gateway was not reached, or does not answer as one";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct TraceArgs {
    /// 1 to 32 hex digits, or a whole traceparent.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The gateway to ask.
    #[arg(long, value_name = "URL", env = "TUTTI_SERVER", default_value = "http://127.0.0.1:3200")]
    pub server: String,
    /// Print the gateway's document instead of drawing it.
    #[arg(long)]
    pub json: bool,
    /// Draw every span on a line of its own: nothing folded, nothing cut.
    #[arg(long)]
    pub all: bool,
    /// Draw what is there as each region lands, and the whole in the end.
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
    /// Columns to draw in, 40 to 300; by default those of the terminal, of COLUMNS, or 100.
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
    /// When to use colours; auto also minds NO_COLOR and CLICOLOR_FORCE.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub color: When,
    /// What to do when a region fails: refuse, or answer with the rest. The gateway's own choice if unset.
    #[arg(long, value_enum)]
    pub mode: Option<ModeName>,
    /// Look only at data of this time on: unix seconds, or `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = output::seconds)]
    pub start: Option<i64>,
    /// Look only at data up to this time.
    #[arg(long, value_name = "TIME", value_parser = output::seconds)]
    pub end: Option<i64>,
    /// Have the gateway move spans by the clock offsets it estimates between regions.
    #[arg(long)]
    pub adjust_skew: bool,
}

#[derive(Debug, thiserror::Error)]
enum TraceError {
    #[error("`{id}` is no trace id: {why}; it is 1 to 32 hex digits")]
    Id { id: String, why: String },
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("no region holds trace {id}; all {regions} answered, so check the id and its age")]
    NotFound { id: TraceId, regions: usize },
    #[error("no span of {id} was found in the regions that answered; ask again when {missing} is back")]
    NothingYet { id: TraceId, missing: String },
    #[error("the gateway refused (HTTP {status}): {why}; {next}")]
    Refused { status: u16, why: String, next: &'static str },
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl TraceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Id { .. }
            | Self::Gateway(GatewayError::BadServer { .. } | GatewayError::Status { status: 400, .. }) => {
                Exit::Usage
            }
            Self::Refused { status: 400, .. } | Self::Output(_) => Exit::Usage,
            Self::NotFound { .. } | Self::Refused { status: 404, .. } => Exit::NotFound,
            Self::NothingYet { .. } => Exit::Partial,
            Self::Refused { .. } | Self::Gateway(GatewayError::Status { .. }) => Exit::Refused,
            Self::Gateway(_) => Exit::NotReached,
        }
    }
}

/// Runs the command to its end.
pub fn run(args: &TraceArgs) -> ExitCode {
    args.color.apply();
    output::run(show(args), TraceError::exit)
}

async fn show(args: &TraceArgs) -> Result<Exit, TraceError> {
    let id = trace_id(&args.id)
        .map_err(|why| TraceError::Id { id: text::clean(&args.id), why: text::clean(&why.to_string()) })?;
    let gateway = Gateway::new(&args.server)?;
    let mode = args.mode.map(ModeName::mode);
    let ask = Ask { id, mode, start: args.start, end: args.end, adjust_skew: args.adjust_skew };
    let waited = match args.follow {
        true => follow::follow(&gateway, &ask, args).await?,
        false => wait(&gateway, &ask).await?,
    };
    let (json, events) = match waited {
        Ended::Answer(json, events) => (json, events),
        Ended::Refused(json, refused) => return refuse(args, id, &json, refused),
    };
    let document = read::document(&json).map_err(|error| events.malformed("answer", &error))?;
    let exit = verdict(id, &document);
    if args.json {
        output::print(|out| output::print_json(&json, out))?;
    } else if document.trace.real().next().is_some() {
        let limits = if args.all { Limits::ALL } else { Limits::USUAL };
        output::print(|out| draw::draw(&document, limits, output::columns(args.width), out))?;
    } else {
        output::print(|out| draw::draw_report(&document.report, output::columns(args.width), out))?;
    }
    exit
}

enum Ended {
    Answer(String, Box<Events>),
    Refused(String, Refused),
}

/// Waits for the answer; who has answered so far is seen meanwhile.
async fn wait(gateway: &Gateway, ask: &Ask) -> Result<Ended, GatewayError> {
    let mut spinner = Spinner::new();
    let mut events = spinner.during(client::open(gateway, ask)).await?;
    loop {
        match spinner.during(events.next()).await? {
            Event::Begin(begin) => spinner.begin(&begin),
            Event::Region(report, _) => spinner.region(&report),
            Event::Answer(json) => return Ok(Ended::Answer(json, Box::new(events))),
            Event::Refused(json, refused) => return Ok(Ended::Refused(json, refused)),
        }
    }
}

/// What a document means for a script.
fn verdict(id: TraceId, document: &Document) -> Result<Exit, TraceError> {
    let report = &document.report;
    let is_empty = document.trace.real().next().is_none();
    match (report.outcome.as_str(), is_empty) {
        ("complete", false) => Ok(Exit::Whole),
        ("complete", true) => Err(TraceError::NotFound { id, regions: report.regions.len() }),
        ("refused", _) => Ok(Exit::Refused),
        (_, false) => Ok(Exit::Partial),
        (_, true) => Err(TraceError::NothingYet { id, missing: missing_names(report) }),
    }
}

fn missing_names(report: &Report) -> String {
    let names: Vec<String> = report.missing().map(|region| text::clean(&region.name)).collect();
    if names.is_empty() { "the rest".to_owned() } else { names.join(", ") }
}

/// A refusal is one line; who failed stands above it, where a person reads.
fn refuse(args: &TraceArgs, id: TraceId, json: &str, refused: Refused) -> Result<Exit, TraceError> {
    if args.json {
        output::print(|out| output::print_json(json, out))?;
    } else if let Some(report) = &refused.report {
        // That the regions cannot be shown changes nothing of the refusal.
        let _ = draw::draw_report(report, output::columns(args.width), &mut AutoStream::auto(io::stderr()));
    }
    if refused.status == 404 {
        let regions = refused.report.map_or(0, |report| report.regions.len());
        return Err(TraceError::NotFound { id, regions });
    }
    let strict = refused.report.is_some_and(|report| report.mode == Mode::Strict.as_str());
    let next = if strict { "--mode best_effort shows what the others hold" } else { "ask again" };
    let why = text::clean(refused.error.lines().next().unwrap_or_default());
    Err(TraceError::Refused { status: refused.status, why, next })
}

/// Takes what people paste: an id, or the traceparent it stands in.
fn trace_id(given: &str) -> Result<TraceId, TraceIdError> {
    let given = given.trim();
    let fields: Vec<&str> = given.split('-').collect();
    match fields.as_slice() {
        [version, id, parent, ..] if (version.len(), id.len(), parent.len()) == (2, 32, 16) => {
            TraceId::parse(id)
        }
        _ => TraceId::parse(given),
    }
}
