//! `tutti query`: a search or a metrics query from the terminal, or the explanation of one.
//!
//! The walk: the query is compiled here, so that a wrong one never leaves; `ask` makes the question, `read`
//! the answer's document, `report` what is missing of it; `rows` and `chart` draw. `explain` needs no gateway.
//! A script reads the exit code; each code is one sentence of `EXIT_CODES`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::gateway::{Gateway, GatewayError, first_line};
use super::output::{self, Exit, ModeName, When};
use super::text::{clean, count};
use crate::config::process_environment;
use crate::traceql;

mod all;
mod ask;
mod chart;
mod explain;
mod read;
pub(super) mod report;
mod rows;

#[cfg(test)]
mod tests;

use ask::{Ask, AskError, Kind};
use report::Report;

/// Columns that are drawn in at least and at most.
const COLUMNS_MIN: usize = 40;
const COLUMNS_MAX: usize = 300;

const EXIT_CODES: &str = "\
Exit codes:
  0  the answer is whole: every region answered
  1  the command line or the query is wrong, or the output cannot be written
  2  nothing matches: every region answered
  3  a partial answer: something is missing, and the error stream says what
  4  no answer: the gateway refused, or too many regions failed
  5  the gateway was not reached, or does not answer as one";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct QueryArgs {
    /// TraceQL: `{ status = error }`, `{ } | rate() by(resource.service.name)`.
    #[arg(value_name = "TRACEQL")]
    pub query: String,
    /// The gateway to ask.
    #[arg(
        long,
        visible_alias = "url",
        value_name = "URL",
        env = "TUTTI_SERVER",
        default_value = "http://127.0.0.1:3200"
    )]
    pub server: String,
    /// Say how the query is answered over several regions, and why; asks nobody.
    #[arg(long, conflicts_with = "json")]
    pub explain: bool,
    /// With --explain: what each region of this configuration (regions.toml) is asked.
    #[arg(long, value_name = "FILE", requires = "explain")]
    pub config: Option<PathBuf>,
    /// Print the gateway's document instead of drawing it.
    #[arg(long)]
    pub json: bool,
    /// From this time on: unix seconds, or `2026-01-31T12:00:00Z`; until now if nothing else is said.
    #[arg(long, value_name = "TIME", value_parser = output::seconds)]
    pub start: Option<i64>,
    /// Up to this time.
    #[arg(long, value_name = "TIME", value_parser = output::seconds)]
    pub end: Option<i64>,
    /// So long before the end: `30m`, `2h`. The gateway's own choice if no time is said.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "start")]
    pub since: Option<Duration>,
    /// Of a search: at most so many traces.
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Of a search: every trace, page after page, written out as they come.
    #[arg(long, conflicts_with_all = ["limit", "explain"])]
    pub all: bool,
    /// With --all: at most so many traces.
    #[arg(long, value_name = "N", requires = "all", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max: u32,
    /// Of a search: at most so many spans shown of each set, seen with --json.
    #[arg(long, value_name = "N")]
    pub spss: Option<u32>,
    /// Of metrics: the time between two samples, `15s`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "instant")]
    pub step: Option<Duration>,
    /// Of metrics: one value for each series over the whole time.
    #[arg(long)]
    pub instant: bool,
    /// Columns to draw in, 40 to 300; by default those of the terminal, of COLUMNS, or 100.
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
    /// When to use colours; auto also minds NO_COLOR and CLICOLOR_FORCE.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub color: When,
    /// What to do when a region fails: refuse, or answer with the rest. The gateway's own choice if unset.
    #[arg(long, value_enum)]
    pub mode: Option<ModeName>,
}

#[derive(Debug, thiserror::Error)]
enum QueryError {
    /// Several lines, the last with a caret.
    #[error("{0}")]
    Query(String),
    /// Lines that begin with what they are, as `serve` shows them.
    #[error("{}", .0.strip_prefix("error: ").unwrap_or(.0))]
    Config(String),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("the gateway refused (HTTP {status}): {why}")]
    Refused { status: u16, why: String },
    #[error("nothing matches{}", .0.as_ref().map(|regions| format!("; {regions} answered")).unwrap_or_default())]
    Nothing(Option<String>),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl QueryError {
    fn exit(&self) -> Exit {
        match self {
            Self::Query(_)
            | Self::Config(_)
            | Self::Ask(_)
            | Self::Output(_)
            | Self::Gateway(GatewayError::BadServer { .. })
            | Self::Refused { status: 400, .. } => Exit::Usage,
            Self::Nothing(_) => Exit::NotFound,
            Self::Refused { .. } => Exit::Refused,
            Self::Gateway(_) => Exit::NotReached,
        }
    }
}

/// Runs the command to its end.
pub fn run(args: &QueryArgs) -> ExitCode {
    args.color.apply();
    output::run(answer(args), QueryError::exit)
}

async fn answer(args: &QueryArgs) -> Result<Exit, QueryError> {
    let query = traceql::compile(&args.query)
        .map_err(|error| QueryError::Query(harmless(&error.caret(&args.query))))?;
    let columns = output::columns(args.width).clamp(COLUMNS_MIN, COLUMNS_MAX);
    if args.explain {
        let mut explained = explain::explained(&args.query, &query, columns);
        if let Some(path) = &args.config {
            let (settings, _) =
                crate::app::load(path, None, &process_environment).map_err(QueryError::Config)?;
            explained.push_str(&explain::refused(&query, &settings, columns));
            explained.push_str(&explain::by_region(&query, &settings, columns));
        }
        output::print(|out| out.write_all(explained.as_bytes()))?;
        return Ok(Exit::Whole);
    }
    let ask = Ask::of(args, &query, crate::task::clock::wall_nanos())?;
    let gateway = Gateway::new(&args.server)?;
    if args.all {
        return all::answer(&gateway, ask, args, columns).await;
    }
    let (json, report) = asked(&gateway, &ask, args).await?;
    let drawn = if args.json { Drawn::default() } else { drawn(&gateway, &ask, &json, columns)? };
    if args.json {
        output::print(|out| output::print_json(&json, out))?;
    } else {
        output::print(|out| out.write_all(drawn.text.as_bytes()))?;
    }
    let missing = report.missing(drawn.message.as_deref());
    if !missing.is_empty() {
        // Nothing is left to be done for a stream that is closed.
        let _ = anstream::stderr().write_all(report::told(&missing, columns).as_bytes());
        return Ok(Exit::Partial);
    }
    if drawn.is_empty {
        let regions = report.regions.len() as u64;
        return Err(QueryError::Nothing((regions > 0).then(|| count(regions, "region"))));
    }
    Ok(Exit::Whole)
}

/// The document that answers, and what its headers say of it.
async fn asked(gateway: &Gateway, ask: &Ask, args: &QueryArgs) -> Result<(String, Report), QueryError> {
    let mut response = gateway.ask(ask.path(), ask.headers(), &ask.parameters).await?;
    let report = Report::of(response.headers());
    let status = response.status();
    // Every gateway has these paths.
    if status.as_u16() == 404 || status.is_redirection() || status.is_informational() {
        return Err(gateway.not_tutti(&format!("HTTP {}", status.as_u16())).into());
    }
    if !status.is_success() {
        let line = first_line(&mut response).await;
        let why = if line.is_empty() { "it does not say why".to_owned() } else { line };
        let why = with_caret(&why, &args.query);
        return Err(QueryError::Refused { status: status.as_u16(), why });
    }
    Ok((gateway.read(response).await?, report))
}

/// An answer as it is shown.
#[derive(Debug, Default)]
struct Drawn {
    text: String,
    is_empty: bool,
    /// What the document itself says is missing.
    message: Option<String>,
}

fn drawn(gateway: &Gateway, ask: &Ask, json: &str, columns: usize) -> Result<Drawn, GatewayError> {
    let unreadable =
        |error: serde_json::Error| gateway.not_tutti(&format!("its answer cannot be read: {error}"));
    if ask.kind == Kind::Search {
        let found = read::search(json).map_err(unreadable)?;
        let text = rows::table(&found.traces, ask.limit, columns);
        return Ok(Drawn { text, is_empty: found.traces.is_empty(), message: None });
    }
    let answer = read::metrics(json).map_err(unreadable)?;
    let is_empty = answer.series.is_empty();
    let message = answer.message();
    let text = match ask.kind {
        Kind::Instant => chart::instant(&answer.series, columns),
        _ => chart::range(&answer.series, columns),
    };
    Ok(Drawn { text, is_empty, message })
}

/// Where the line names a place in the query, the query with a caret there.
fn with_caret(line: &str, query: &str) -> String {
    let Some((row, column)) = place_named(line) else { return line.to_owned() };
    let Some(shown) = row.checked_sub(1).and_then(|row| query.lines().nth(row)) else {
        return line.to_owned();
    };
    let before: String = shown.chars().take(column.saturating_sub(1)).collect();
    let blanks = " ".repeat(super::text::width(&clean(&before)));
    format!("{line}\n  | {}\n  | {blanks}^", clean(shown))
}

/// Of `.. line 1, col 8 ..`.
fn place_named(line: &str) -> Option<(usize, usize)> {
    let (_, after) = line.rsplit_once("line ")?;
    let (row, after) = after.split_once(", col ")?;
    let digits: String = after.trim_start_matches("umn ").chars().take_while(char::is_ascii_digit).collect();
    Some((row.parse().ok()?, digits.parse().ok()?))
}

/// Each line without anything a terminal would act on.
fn harmless(lines: &str) -> String {
    lines.lines().map(clean).collect::<Vec<_>>().join("\n")
}
