//! `tutti redact`: spans from a file as one caller would see them, by the engine that the gateway has. For trying a
//! policy on real data before anyone else does.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;

use super::complain;
use super::places::Places;
use crate::backend::settings::KindSettings;
use crate::config::policies::shipped;
use crate::config::{Settings, process_environment, read_claims, redactor_of};
use crate::model::{Jurisdiction, RegionName};
use crate::policy::cases::Stored;
use crate::policy::{KeyRules, Policies, PolicyRegion, Rulebook};
use crate::redaction::{KeyRing, Marks, Raw, Redactor, RegionRules, Treated, rewrite};
use crate::wire::export::{json_of_protobuf, protobuf_of_pasted, split_by_trace};

#[derive(Debug, Args)]
pub struct RedactArgs {
    /// The claims of the caller, as a token has them: sub, roles, groups, clearances, home, purpose (JSON).
    #[arg(long = "as", value_name = "FILE")]
    pub claims: PathBuf,
    /// Where the spans lie: a declared region, or a jurisdiction.
    #[arg(long, value_name = "PLACE")]
    pub stored: String,
    /// Where the answer is assembled: a declared region, or a jurisdiction.
    #[arg(long, value_name = "PLACE")]
    pub delivered: String,
    /// The configuration whose regions, policies and keys hold; `regions.toml` where it is there, else the baseline.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where nothing is said, a configuration in the folder where the command runs.
const CONFIG: &str = "regions.toml";

/// More than a gateway would assemble of one trace; a file of them takes some ten times its size while it is read.
const INPUT_BYTES_MAX: u64 = 256 << 20;

/// Who decides, and where.
struct Rules {
    policies: Arc<Policies>,
    redactor: Arc<Redactor>,
    stored: RegionName,
    delivered: Jurisdiction,
}

/// `tutti redact`, from standard input to standard output.
pub fn main(args: &RedactArgs) -> ExitCode {
    let (mut input, mut notes) = (io::stdin().lock(), io::stderr());
    match run(args, &mut input, &mut io::stdout().lock(), &mut notes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Reads OTLP/JSON and writes what the caller would see of it. What was treated is counted on `notes`.
pub fn run(
    args: &RedactArgs,
    input: &mut dyn Read,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<(), String> {
    let caller = read_claims(&args.claims).map_err(|error| error.to_string())?;
    let rules = rules(args)?;
    let plan = rules.policies.plan_for(&caller, std::slice::from_ref(&rules.delivered));
    let text = read(input)?;
    // Traces one after the other are one message.
    let (mut view, mut treated) = (Vec::new(), Treated::default());
    let rules_of_region = RegionRules {
        region: &rules.stored,
        plan: plan.region(&rules.stored),
        redactor: &rules.redactor,
        marks: Marks::Every,
    };
    for document in documents(&text) {
        let strangers = redact(&document?, rules_of_region, &mut view, &mut treated)?;
        if strangers > 0 {
            note(notes, &format!("{strangers} spans without a trace id are left out"));
        }
    }
    note(notes, &summed_up(&treated, &rules.redactor));
    let json = json_of_protobuf(&view).map_err(|error| error.to_string())?;
    writeln!(out, "{json}").map_err(|error| error.to_string())
}

/// Treats what an export holds, trace by trace, as the gateway would be asked for them.
fn redact(
    export: &[u8],
    rules: RegionRules<'_>,
    view: &mut Vec<u8>,
    treated: &mut Treated,
) -> Result<u64, String> {
    let split = split_by_trace(export).map_err(|fault| format!("standard input: {fault}"))?;
    for fragment in split.fragments() {
        let raw = Raw::seal(Bytes::from(fragment.to_bytes()));
        let seen = rewrite::trace(raw, Some(&fragment.trace_id()), rules);
        let seen = seen.map_err(|error| format!("trace {}: {error}", fragment.trace_id()))?;
        view.extend(seen.to_protobuf());
        treated.add(&seen.treated);
    }
    Ok(split.without_trace_id())
}

/// A document, or documents line by line, each as protobuf.
pub(super) fn documents(text: &str) -> impl Iterator<Item = Result<Vec<u8>, String>> {
    let is_one = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let lines: Vec<(usize, &str)> = match is_one {
        true => vec![(0, text)],
        false => text
            .lines()
            .zip(1..)
            .map(|(line, nth)| (nth, line))
            .filter(|(_, l)| !l.trim().is_empty())
            .collect(),
    };
    let is_lines = lines.len() > 1;
    lines.into_iter().map(move |(nth, document)| {
        let place = if is_lines { format!("standard input, line {nth}") } else { "standard input".to_owned() };
        protobuf_of_pasted(document).map_err(|fault| {
            format!(
                "{place}: {fault}; write OTLP/JSON, as `{{\"resourceSpans\": [..]}}`, a list of them, one a line, or \
                 Tempo's answer about a trace"
            )
        })
    })
}

pub(super) fn read(input: &mut dyn Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    input
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("standard input: {error}"))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(format!("standard input has more than {} MiB; cut it in parts", INPUT_BYTES_MAX >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|_| "standard input is no text in UTF-8".to_owned())?;
    if text.trim().is_empty() {
        return Err("standard input is empty; `< traces.otlp.json`".to_owned());
    }
    Ok(text)
}

fn rules(args: &RedactArgs) -> Result<Rules, String> {
    match &args.config {
        Some(config) => of_config(config, args),
        None if Path::new(CONFIG).is_file() => of_config(Path::new(CONFIG), args),
        None => of_baseline(args),
    }
}

fn of_config(config: &Path, args: &RedactArgs) -> Result<Rules, String> {
    let (settings, _) = Settings::load(config, &process_environment).map_err(|error| {
        format!(
            "{error}\nthe configuration is at fault; `tutti check --config {}` shows each place",
            config.display()
        )
    })?;
    let regions: Vec<_> =
        settings.regions.iter().map(|region| (region.name.clone(), region.jurisdiction.clone())).collect();
    let book = settings.policies.book();
    let (stored, delivered) = places(&Places::of(&regions, book.map(|book| book.facts())), args)?;
    if !stored.region.is_empty() {
        let region = RegionName::parse(&stored.region).map_err(|error| error.to_string())?;
        // Here everything of it is shown as its gateway sends it, and what lies there never was seen by that one.
        if settings.regions.iter().any(|at| at.name == region && matches!(at.kind, KindSettings::Tutti(_))) {
            return Err(format!(
                "--stored: `{region}` is decided by its own gateway: run this there, or name its jurisdiction"
            ));
        }
        let (policies, redactor) = (settings.policies.clone(), settings.redactor.clone());
        return Ok(Rules { policies, redactor, stored: region, delivered: delivered.jurisdiction });
    }
    // Some region of the place: what is said of single regions does not hold for it, and it has no key of its own.
    let Some(book) = book else {
        let names: Vec<&str> = regions.iter().map(|(name, _)| name.as_str()).collect();
        return Err(format!(
            "--stored: {} decides by region alone; name one of {}",
            config.display(),
            names.join(", ")
        ));
    };
    somewhere(book.clone(), stored.jurisdiction, delivered.jurisdiction)
}

/// The policies that ship.
fn of_baseline(args: &RedactArgs) -> Result<Rules, String> {
    let nowhere = Jurisdiction::parse("US").map_err(|error| error.to_string())?;
    let policies = shipped(&[], nowhere)
        .map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let book = policies.book().ok_or("the baseline has no policies")?.clone();
    let hint = "without a configuration, places are jurisdictions: `--stored EU --delivered US`, or name one with \
                --config";
    let (stored, delivered) =
        places(&Places::of(&[], Some(book.facts())), args).map_err(|why| format!("{why}; {hint}"))?;
    somewhere(book, stored.jurisdiction, delivered.jurisdiction)
}

fn places(places: &Places<'_>, args: &RedactArgs) -> Result<(Stored, Stored), String> {
    let find = |flag: &str, text: &str| places.find(text).map_err(|why| format!("{flag}: {why}"));
    Ok((find("--stored", &args.stored)?, find("--delivered", &args.delivered)?))
}

/// Rules for a region of a jurisdiction that has no name, with a key that is gone with this run.
fn somewhere(
    book: Arc<Rulebook>,
    jurisdiction: Jurisdiction,
    delivered: Jurisdiction,
) -> Result<Rules, String> {
    let stored = RegionName::parse("somewhere").map_err(|error| error.to_string())?;
    let region = PolicyRegion { name: stored.clone(), jurisdiction, keys: KeyRules::default() };
    let policies = Policies::of_rules(book, delivered.clone(), vec![region]);
    let redactor = redactor_of(&policies, KeyRing::of_this_run()).map_err(|error| error.to_string())?;
    Ok(Rules { policies: policies.into(), redactor: redactor.into(), stored, delivered })
}

fn summed_up(treated: &Treated, redactor: &Redactor) -> String {
    if treated.total == 0 {
        return "nothing was treated".to_owned();
    }
    let name = |class| redactor.classes().get(class).name.as_str();
    let counts: Vec<String> =
        treated.by_class.iter().map(|(class, count)| format!("{} {count}", name(*class))).collect();
    let what = if treated.total == 1 {
        "1 value was treated".to_owned()
    } else {
        format!("{} values were treated", treated.total)
    };
    if counts.is_empty() { what } else { format!("{what}: {}", counts.join(", ")) }
}

/// What is said beside the answer; no one may read it.
fn note(notes: &mut dyn Write, line: &str) {
    let _ = writeln!(notes, "{line}");
}

#[cfg(test)]
mod tests;
