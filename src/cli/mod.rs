//! What a person types: the commands, their arguments, and what each exit code means.
//!
//! Arguments become types here, at the door; each command's work is in its own file. Nothing below this
//! floor knows that a terminal exists.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::LogFormat;
use crate::model::RegionName;

pub mod audit;
pub mod check;
pub mod demo;
mod gateway;
pub mod grant;
mod json;
mod line;
pub mod lint;
mod output;
mod places;
pub mod policy;
pub mod query;
pub mod redact;
mod scalar;
pub mod serve;
mod text;
pub mod token;
pub mod trace;
pub mod verdict;

/// One Grafana Tempo over several regions.
#[derive(Debug, Parser)]
#[command(name = "tutti", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer Tempo's query API over the regions of a configuration.
    Serve(ServeArgs),
    /// Report every fault of a configuration at once, each with its place and remedy.
    Check(CheckArgs),
    /// Run three regions, a shop and a gateway in this one process, to try everything at once.
    Demo(DemoArgs),
    /// Draw one trace from every region as a waterfall.
    Trace(trace::TraceArgs),
    /// Check, try, write down and explain policies.
    Policy(policy::PolicyArgs),
    /// Show spans from a file (OTLP/JSON) as one caller would see them.
    Redact(redact::RedactArgs),
    /// Break-glass: ask for a grant, sign one, look at it, review what it was used for.
    Grant(grant::GrantArgs),
    /// Propose classes for keys of regions, or of a file (OTLP/JSON), that no policy knows.
    Lint(lint::LintArgs),
    /// Make a token for development, to try a gateway as somebody.
    Token(token::TokenArgs),
    /// Check the log of what was seen, search it, and prove a receipt.
    Audit(audit::AuditArgs),
    /// Search, or compute metrics, by TraceQL; or explain how a query is answered over regions.
    Query(query::QueryArgs),
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The regions and everything else there is to say (regions.toml).
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where to listen, instead of where the configuration says.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// How the log is written, `text` or `json`, instead of as TUTTI_LOG_FORMAT or the configuration says.
    #[arg(long, value_name = "FORMAT", value_parser = log_format)]
    pub log: Option<LogFormat>,
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    LogFormat::parse(text).ok_or_else(|| "`text` and `json` are the two there are".to_owned())
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration to check (regions.toml).
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the demo's gateway listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3200")]
    pub listen: SocketAddr,
    /// Make a region answer this much later (`eu-central=8s`); may be given several times.
    #[arg(long, value_name = "REGION=DURATION")]
    pub slow: Vec<Slow>,
    /// Take a region down; may be given several times.
    #[arg(long, value_name = "REGION", value_parser = RegionName::parse)]
    pub down: Vec<RegionName>,
    /// What the traffic grows from: the same seed makes the same shop.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// A region of the demo that answers late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slow {
    pub region: RegionName,
    pub by: Duration,
}

impl FromStr for Slow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (region, by) =
            text.split_once('=').ok_or_else(|| "write it as REGION=DURATION, `eu-central=8s`".to_owned())?;
        let region = RegionName::parse(region).map_err(|e| e.to_string())?;
        let by = humantime::parse_duration(by)
            .map_err(|_| format!("`{by}` is no duration; `8s` and `250ms` are"))?;
        Ok(Self { region, by })
    }
}

/// The exit code of a command line that cannot be understood, whatever the command.
pub const EXIT_USAGE: u8 = 1;

/// Reads the command line. Clap's own code for a bad one is 2, which `tutti trace` promises to mean
/// something else, so the codes are set here.
pub fn command() -> Result<Command, ExitCode> {
    Cli::try_parse().map(|cli| cli.command).map_err(|error| {
        // Nothing is left to be done for a stream that is closed.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
    })
}

/// At the end, the wait for computations that cannot be interrupted: nobody waits for their results, and a
/// file that is a pipe without a writer would never be read.
const LEFT_BEHIND_MAX: Duration = Duration::from_secs(1);

/// Runs `work` to its end on a runtime of its own.
fn block_on<E: std::fmt::Display>(work: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: no runtime could be made: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(LEFT_BEHIND_MAX);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A line on standard error, where someone still reads it.
fn complain(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// One line per event on standard error: human-readable, or JSON with `TUTTI_LOG_FORMAT=json`, where nothing else is
/// told. What is logged follows `RUST_LOG`; the gateway's own events from `info` on by default.
fn start_log(told: Option<LogFormat>, configured: Option<LogFormat>) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,tutti=info"));
    // A reader of the log that is gone is no reason to panic over it: that would fail every request.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // By the rules of everything else that is printed: a terminal, NO_COLOR, CLICOLOR_FORCE.
    let has_colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    // A second start, as tests make, keeps the first.
    let variable = std::env::var("TUTTI_LOG_FORMAT").ok().and_then(|text| LogFormat::parse(&text));
    let _ = match told.or(variable).or(configured) {
        Some(LogFormat::Json) => log.json().flatten_event(true).try_init(),
        Some(LogFormat::Text) | None => log.with_ansi(has_colours).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_slow_region_is_written_with_its_delay() {
        let slow: Slow = "eu-central=8s".parse().unwrap();
        assert_eq!((slow.region.as_str(), slow.by), ("eu-central", Duration::from_secs(8)));
        for bad in ["eu-central", "eu-central=", "eu-central=fast", "EU=8s", "=8s"] {
            assert!(bad.parse::<Slow>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_demo_takes_regions_several_times() {
        let line = ["tutti", "demo", "--slow", "us-west=1s", "--slow", "eu-central=8s", "--down", "us-east"];
        let Command::Demo(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not the demo") };
        assert_eq!((args.slow.len(), args.down.len()), (2, 1));
    }
}
