//! `tutti cache forget`: has a gateway forget what it remembers of a trace, or of all.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::block_on;
use super::gateway::{Gateway, GatewayError, first_line};
use crate::config::read_text;
use crate::model::TraceId;

/// Tokens are shorter.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Forget one trace, or all: in this gateway and in the memory that it shares. Other gateways keep their own.
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The trace.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all", value_parser = TraceId::parse)]
    pub id: Option<TraceId>,
    /// All traces.
    #[arg(long)]
    pub all: bool,
    /// The gateway.
    #[arg(long, value_name = "URL", env = "TUTTI_SERVER", default_value = "http://127.0.0.1:3200")]
    pub server: String,
    /// A file with the token that shows who you are, where the gateway asks for one.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

pub fn run(args: &CacheArgs) -> ExitCode {
    let CacheCommand::Forget(args) = &args.command;
    block_on(forget(args))
}

async fn forget(args: &ForgetArgs) -> Result<(), String> {
    let headers = args.token_file.as_deref().map(authorization).transpose()?.unwrap_or_default();
    let gateway = Gateway::new(&args.server).map_err(|error| error.to_string())?;
    let path = match args.id {
        Some(id) => format!("/api/tutti/v1/cache/traces/{id}"),
        None => "/api/tutti/v1/cache".to_owned(),
    };
    let sent = gateway.send(Method::DELETE, &path, headers, &[]).await;
    let mut response = sent.map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        let text = first_line(&mut response).await;
        let error = GatewayError::Status { server: gateway.shown.clone(), status, text };
        return Err(error.to_string());
    }
    let said = gateway.read(response).await.map_err(|error| error.to_string())?;
    let document: serde_json::Value =
        serde_json::from_str(&said).map_err(|_| gateway.not_tutti("its answer is no JSON").to_string())?;
    let is_shared = document.get("shared").is_some_and(|shared| *shared == serde_json::Value::Bool(true));
    let what = args.id.map_or_else(|| "all traces".to_owned(), |id| id.to_string());
    let place = if is_shared { "here and in the shared memory" } else { "here" };
    // A reader that is gone took what it wanted.
    let _ = writeln!(anstream::stdout(), "forgotten {place}: {what}");
    Ok(())
}

fn authorization(file: &Path) -> Result<HeaderMap, String> {
    let token = read_text(file, TOKEN_BYTES_MAX)?;
    let unusable = |_| format!("{} holds no token", file.display());
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}
