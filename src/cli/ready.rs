//! `tutti ready`: whether a gateway is ready, as an exit code. It is the health check of a container without a
//! shell or any other client.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use reqwest::header::HeaderMap;

use super::gateway::{Gateway, GatewayError, first_line};
use super::output::{self, Exit};

const EXIT_CODES: &str = "\
Exit codes:
  0  it is ready
  1  the command line is wrong
  4  it answers that it is not
  5  it was not reached, or gave no answer in time";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ReadyArgs {
    /// The gateway to ask.
    #[arg(long, value_name = "URL", env = "TUTTI_SERVER", default_value = "http://127.0.0.1:3200")]
    pub server: String,
    /// What it may take to answer.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "2s")]
    pub within: Duration,
}

#[derive(Debug, thiserror::Error)]
enum ReadyError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error("not ready (HTTP {status}): {why}")]
    NotReady { status: u16, why: String },
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Late(Duration),
}

pub fn run(args: &ReadyArgs) -> ExitCode {
    output::run(answer(args), |error| match error {
        ReadyError::Gateway(GatewayError::BadServer { .. }) => Exit::Usage,
        ReadyError::NotReady { .. } => Exit::Refused,
        ReadyError::Gateway(_) | ReadyError::Late(_) => Exit::NotReached,
    })
}

async fn answer(args: &ReadyArgs) -> Result<Exit, ReadyError> {
    let gateway = Gateway::new(&args.server)?;
    let asked = tokio::time::timeout(args.within, gateway.ask("/ready", HeaderMap::new(), &[])).await;
    let mut response = asked.map_err(|_| ReadyError::Late(args.within))??;
    let status = response.status().as_u16();
    if status == 200 {
        return Ok(Exit::Whole);
    }
    let line = tokio::time::timeout(args.within, first_line(&mut response)).await.unwrap_or_default();
    let why = if line.is_empty() { "it does not say why".to_owned() } else { line };
    Err(ReadyError::NotReady { status, why })
}
