//! `tutti vulture`: writes traces split over the regions, asks the gateway for them, and compares.
//!
//! The walk: `demo::Planting` says what a trace of a round is; `send` writes its parts to the regions; `ask` puts
//! the questions; `judge` compares, which is pure; `rounds` decides when, and what a run comes to. What it compares
//! with is what it wrote itself, so it needs no memory and no other source.

mod ask;
mod judge;
mod rounds;
mod seen;
mod send;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::gateway::{Gateway, GatewayError};
use crate::api::exposition;
use crate::api::serve::{ServeSettings, serve};
use crate::app::{self, AppError};
use crate::config::{process_environment, read_text};
use crate::demo::Planting;
use crate::model::RegionName;
use crate::task::Group;
use crate::telemetry::VultureMetrics;

use rounds::{Pace, Vulture, Worst};
pub(super) use send::Sender;

/// As many regions as a gateway may have.
const REGIONS_MAX: usize = 100;
/// Rounds are whole seconds, and longer than a trace of all regions.
const EVERY_MIN: Duration = Duration::from_secs(5);
/// Of a file with the value of a header.
const SECRET_BYTES_MAX: u64 = 64 << 10;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything that was asked was shown as it was written; what the gateway does not answer at all (metrics over
     several Tempos) is named, and not checked
  1  something was missing without a word, wrong (if only once) or leaked; or the command line is wrong
  2  a region took no spans, or the gateway was not reached, refused or failed (if only once); or it was told to end
     before anything was decided
  3  something was late, or missing and said to be so";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct VultureArgs {
    /// Where a region takes OTLP/HTTP: `us-east=http://127.0.0.1:4318`; once for each region.
    #[arg(long, value_name = "NAME=URL", required = true)]
    pub region: Vec<Target>,
    /// The gateway to ask.
    #[arg(long, value_name = "URL", env = "TUTTI_SERVER", default_value = "http://127.0.0.1:3200")]
    pub server: String,
    /// One round, and its end.
    #[arg(long, conflicts_with = "for")]
    pub once: bool,
    /// How long to go on; without this and --once, until it is told to end.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub r#for: Option<Duration>,
    /// From one trace to the next, in whole seconds.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "10s")]
    pub every: Duration,
    /// What spans may take until they are seen; asked for no earlier.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "15s")]
    pub settle: Duration,
    /// What they may take until they are missing and not only late, from when they are first asked for.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "45s")]
    pub patience: Duration,
    /// What traces are made from: the same seed makes the same traces at the same time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// A vulture of this seed and pace has run for so long already: one of its traces is asked for each time, too.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub written_since: Option<Duration>,
    /// A span attribute that policies withhold everywhere from whom this asks as; may be given several times.
    #[arg(
        long,
        value_name = "KEY",
        default_value = "http.request.header.authorization",
        conflicts_with = "no_canary"
    )]
    pub canary: Vec<String>,
    /// Where no policy withholds anything.
    #[arg(long)]
    pub no_canary: bool,
    /// A header of questions to the gateway, its value in a variable: `X-Tutti-Source=TUTTI_SECRET`.
    #[arg(long, value_name = "NAME=VARIABLE")]
    pub header_env: Vec<Header>,
    /// The same, its value in a file.
    #[arg(long, value_name = "NAME=FILE")]
    pub header_file: Vec<Header>,
    /// A header of what is sent to regions, its value in a variable: `X-Scope-OrgID=TENANT`.
    #[arg(long, value_name = "NAME=VARIABLE")]
    pub otlp_header_env: Vec<Header>,
    /// Where to show its own metrics, at /metrics: counts, by names of regions.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// Where a region takes spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub region: RegionName,
    pub url: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (region, url) = text
            .split_once('=')
            .ok_or_else(|| "write it as NAME=URL, `us-east=http://127.0.0.1:4318`".to_owned())?;
        let region = RegionName::parse(region).map_err(|error| error.to_string())?;
        Ok(Self { region, url: url.to_owned() })
    }
}

/// A header whose value is not on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    /// A variable of the environment, or a file.
    place: String,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = text.split_once('=').ok_or_else(|| "write it as NAME=PLACE".to_owned())?;
        let name = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
        Ok(Self { name, place: place.to_owned() })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum VultureError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    App(#[from] AppError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

pub fn run(args: &VultureArgs) -> ExitCode {
    super::start_log(None, None);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            super::complain(&format!("error: no runtime could be made: {error}"));
            return ExitCode::from(Worst::Unasked.code());
        }
    };
    let watched = runtime.block_on(watch(args));
    // A name that is being looked up would be waited for: whoever told it to end has waited long enough.
    runtime.shutdown_background();
    match watched {
        Ok(worst) => ExitCode::from(worst.code()),
        Err(error) => {
            super::complain(&format!("error: {error}"));
            ExitCode::from(match error {
                VultureError::Usage(_) | VultureError::Gateway(GatewayError::BadServer { .. }) => {
                    super::EXIT_USAGE
                }
                _ => Worst::Unasked.code(),
            })
        }
    }
}

async fn watch(args: &VultureArgs) -> Result<Worst, VultureError> {
    let planting = planting(args)?;
    let gateway = Gateway::new(&args.server)?;
    let asking = ask::Asking { gateway, headers: headers(&args.header_env, &args.header_file)? };
    let sender = Sender::new(&args.region, headers(&args.otlp_header_env, &[])?)?;
    let metrics = VultureMetrics::default();
    // Let go at the end, and with it the door.
    let doors = Group::new();
    if let Some(address) = args.metrics {
        let listener = app::bind(address, "choose a free port with --metrics").await?;
        let door = serve(
            listener,
            exposition::router(metrics.clone()),
            ServeSettings::default(),
            std::future::pending(),
        );
        doors.spawn(async move {
            if let Err(error) = door.await {
                tracing::error!(%error, "its metrics are no longer shown");
            }
        });
    }
    let pace = Pace {
        settle: args.settle,
        patience: args.patience,
        lasting: if args.once { Some(Duration::ZERO) } else { args.r#for },
        written_since: args.written_since,
    };
    Vulture::new(planting, pace, asking, sender, metrics).run().await
}

fn planting(args: &VultureArgs) -> Result<Planting, VultureError> {
    if args.every < EVERY_MIN || args.every.subsec_nanos() != 0 {
        let least = humantime::format_duration(EVERY_MIN);
        return Err(VultureError::Usage(format!("--every takes whole seconds, {least} at least")));
    }
    if args.region.len() > REGIONS_MAX {
        return Err(VultureError::Usage(format!("--region is given more than {REGIONS_MAX} times")));
    }
    let regions: Vec<RegionName> = args.region.iter().map(|target| target.region.clone()).collect();
    if let Some(twice) =
        regions.iter().enumerate().find(|(at, name)| regions.iter().take(*at).any(|other| other == *name))
    {
        return Err(VultureError::Usage(format!("--region names `{}` twice", twice.1)));
    }
    let canary_keys = if args.no_canary { Vec::new() } else { args.canary.clone() };
    // A key goes into queries as it is.
    let is_plain = |key: &String| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    if let Some(odd) = canary_keys.iter().find(|key| !is_plain(key)) {
        return Err(VultureError::Usage(format!(
            "--canary takes letters, digits, `.`, `_` and `-`, not `{odd}`"
        )));
    }
    Ok(Planting { seed: args.seed, every: args.every, regions, canary_keys })
}

fn headers(env: &[Header], files: &[Header]) -> Result<HeaderMap, VultureError> {
    let of_variable = |place: &str| {
        process_environment(place).ok_or_else(|| format!("`{place}` of the environment is not set"))
    };
    let of_file = |place: &str| read_text(Path::new(place), SECRET_BYTES_MAX);
    let variables = env.iter().map(|header| (header, of_variable(&header.place)));
    let files = files.iter().map(|header| (header, of_file(&header.place)));
    let mut headers = HeaderMap::new();
    for (Header { name, place }, value) in variables.chain(files) {
        let value = value.map_err(VultureError::Usage)?;
        let mut value = HeaderValue::from_str(value.trim_end_matches(['\r', '\n']))
            .map_err(|_| VultureError::Usage(format!("what `{place}` holds is no value of a header")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
