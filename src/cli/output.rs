//! What commands that print an answer have in common: colours, columns, times as people write them, and a
//! reader that has seen enough.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use super::json;
use super::line;
use crate::model::Mode;

/// Columns where nothing tells how many there are.
const COLUMNS_PIPED: usize = 100;

/// What is missing at the end of an answer, as a script sees it; each code is one sentence of a command's help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Whole = 0,
    Usage = 1,
    NotFound = 2,
    Partial = 3,
    Refused = 4,
    NotReached = 5,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ModeName {
    Strict,
    BestEffort,
    Fast,
}

impl ModeName {
    pub fn mode(self) -> Mode {
        match self {
            Self::Strict => Mode::Strict,
            Self::BestEffort => Mode::BestEffort,
            Self::Fast => Mode::Fast,
        }
    }
}

impl When {
    pub fn apply(self) {
        match self {
            Self::Auto => ColorChoice::Auto.write_global(),
            Self::Always => ColorChoice::Always.write_global(),
            Self::Never => ColorChoice::Never.write_global(),
        }
    }
}

/// Runs a command to its end; a failure is one line, and a code.
pub fn run<E: std::fmt::Display>(
    work: impl Future<Output = Result<Exit, E>>,
    exit_of: impl Fn(&E) -> Exit,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no runtime could be made: {error}"));
            return ExitCode::from(Exit::Usage as u8);
        }
    };
    let exit = runtime.block_on(work).unwrap_or_else(|error| {
        complain(&error.to_string());
        exit_of(&error)
    });
    ExitCode::from(exit as u8)
}

fn complain(what: &str) {
    let style = line::ERROR;
    // Nothing is left to be done for a stream that is closed.
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {what}");
}

/// Writes to stdout, with colours where they are wanted. A reader that has seen enough (`| head`) is no
/// fault.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    print_on(write).map(|_| ())
}

/// As `print`, and whether anybody still reads.
pub fn print_on(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<bool> {
    let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}

/// As it came; with line breaks for a person.
pub fn print_json(json: &str, out: &mut dyn Write) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return json::pretty(json, out);
    }
    out.write_all(json.as_bytes())?;
    out.write_all(b"\n")
}

/// What is asked for, what the terminal has, what COLUMNS says.
pub fn columns(asked: Option<usize>) -> usize {
    let terminal =
        || terminal_size::terminal_size_of(io::stdout()).map(|(columns, _)| usize::from(columns.0));
    let told = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
    asked.or_else(terminal).or_else(told).unwrap_or(COLUMNS_PIPED)
}

/// Unix seconds of a time.
pub fn seconds(given: &str) -> Result<i64, String> {
    if let Ok(seconds) = given.parse() {
        return Ok(seconds);
    }
    humantime::parse_rfc3339_weak(given)
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .ok_or_else(|| "a time is unix seconds, or `2026-01-31T12:00:00Z`".to_owned())
}
