//! `tutti lint`: keys of regions, or of a file, that no dictionary knows, and what they might be. It proposes and
//! decides nothing. No value is shown, and there is no switch that would: whoever has to see one asks the region.

mod ask;
mod facts;
mod offline;
mod seen;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::verdict::Verdict;
use crate::backend::Region;
use crate::config::policies::shipped;
use crate::config::{Settings, process_environment, redactor_of};
use crate::model::{Jurisdiction, RegionName};
use crate::redaction::{KeyRing, Redactor};
use seen::{Asked, Seen};

#[derive(Debug, Args)]
pub struct LintArgs {
    /// Ask the regions of this configuration; without it, spans are read from standard input (OTLP/JSON).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Of these regions one only.
    #[arg(long, value_name = "REGION", value_parser = RegionName::parse, requires = "config")]
    pub region: Option<RegionName>,
    /// How far to look back.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "1h")]
    pub since: Duration,
    /// For standard input, the configuration whose dictionary holds; else the baseline's.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub classes: Option<PathBuf>,
    /// As one JSON object, for programs.
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 where a key is unknown, or known as what it is not.
    #[arg(long)]
    pub deny: bool,
}

/// `tutti lint`, with its output on the terminal.
pub fn main(args: &LintArgs) -> ExitCode {
    match run(args, &mut io::stdin().lock(), &mut anstream::stdout()) {
        Ok(verdict) => verdict.into(),
        Err(why) => {
            super::complain(&format!("error: {why}"));
            Verdict::Unusable.into()
        }
    }
}

/// Looks, and writes what was seen.
pub fn run(args: &LintArgs, input: &mut dyn Read, out: &mut dyn Write) -> Result<Verdict, String> {
    let (redactor, seen, asked) = match &args.config {
        Some(config) => of_regions(config, args)?,
        None => {
            let redactor = match &args.classes {
                Some(config) => redactor(&load(config)?)?,
                None => baseline()?,
            };
            let (seen, asked) = offline::look(&redactor, input)?;
            (redactor, seen, asked)
        }
    };
    let found = seen.judge(&redactor);
    let written = match args.json {
        true => write::json(out, &found, &asked, &redactor),
        false => write::text(out, &found, &asked, &redactor),
    };
    // Whoever reads no further has seen what they wanted; the verdict is the same.
    let _ = written;
    let has_failed = |asked: &Asked| asked.failure.is_some();
    Ok(if asked.iter().all(has_failed) || args.deny && asked.iter().any(has_failed) {
        Verdict::Unusable
    } else if args.deny && !found.is_empty() {
        Verdict::Bad
    } else {
        Verdict::Good
    })
}

fn of_regions(config: &Path, args: &LintArgs) -> Result<(Arc<Redactor>, Seen, Vec<Asked>), String> {
    let settings = load(config)?;
    let is_wanted = |name: &RegionName| args.region.as_ref().is_none_or(|wanted| wanted == name);
    let (mut regions, mut asked) = (Vec::new(), Vec::new());
    for region in settings.regions.iter().filter(|region| is_wanted(&region.name)) {
        match Region::build(region) {
            Ok(built) => regions.push(built),
            Err(why) => asked.push(Asked::failed(&region.name, why.to_string())),
        }
    }
    if regions.is_empty() && asked.is_empty() {
        let names: Vec<&str> = settings.regions.iter().map(|region| region.name.as_str()).collect();
        return Err(format!("--region: there is no such region; there are {}", names.join(", ")));
    }
    let redactor = redactor(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime could be made: {error}"))?;
    let mut seen = Seen::default();
    asked.extend(runtime.block_on(ask::all(&regions, &redactor, args.since, &mut seen)));
    Ok((redactor, seen, asked))
}

fn load(config: &Path) -> Result<Settings, String> {
    let loaded = Settings::load(config, &process_environment).map_err(|error| {
        format!(
            "{error}\nthe configuration is at fault; `tutti check --config {}` shows each place",
            config.display()
        )
    });
    loaded.map(|(settings, _)| settings)
}

/// What the configuration knows of keys; where it has no classes, what it could begin with.
fn redactor(settings: &Settings) -> Result<Arc<Redactor>, String> {
    match settings.policies.book() {
        Some(_) => Ok(settings.redactor.clone()),
        None => baseline(),
    }
}

fn baseline() -> Result<Arc<Redactor>, String> {
    let nowhere = Jurisdiction::parse("EU").map_err(|error| error.to_string())?;
    let policies = shipped(&[], nowhere)
        .map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    redactor_of(&policies, KeyRing::none()).map(Arc::new).map_err(|error| error.to_string())
}
