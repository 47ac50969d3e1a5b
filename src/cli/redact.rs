//! `tutti redact`: spans from a file as one caller would see them, by the engine that the gateway has. For trying a
//! policy on real data before anyone else does.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;

use super::complain;
use crate::config::policies::shipped;
use crate::config::{Settings, process_environment, read_claims, redactor_of};
use crate::model::{Jurisdiction, RegionName};
use crate::policy::Policies;
use crate::redaction::{KeyRing, Marks, Raw, Redactor, RegionRules, Treated, rewrite};
use crate::wire::export::{json_of_protobuf, protobuf_of_json, split_by_trace};

#[derive(Debug, Args)]
pub struct RedactArgs {
    /// The claims of the caller, as a token has them: sub, roles, groups, clearances, home, purpose (JSON).
    #[arg(long = "as", value_name = "FILE")]
    pub claims: PathBuf,
    /// Where the spans lie: a declared region. Without a configuration, a jurisdiction.
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

/// Names of members of a document that are told.
const MEMBERS_SHOWN_MAX: usize = 4;

/// Who decides, and where.
struct Rules {
    policies: std::sync::Arc<Policies>,
    redactor: std::sync::Arc<Redactor>,
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
fn documents(text: &str) -> impl Iterator<Item = Result<Vec<u8>, String>> {
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
        // A bare list holds what `resourceSpans` would.
        let wrapped = document.trim_start().starts_with('[').then(|| format!(r#"{{"resourceSpans":{document}}}"#));
        let place = if is_lines { format!("standard input, line {nth}") } else { "standard input".to_owned() };
        let json = wrapped.as_deref().unwrap_or(document);
        refuse_others(json, &place)?;
        protobuf_of_json(json.as_bytes()).map_err(|fault| {
            format!("{place}: {fault}; write OTLP/JSON, as `{{\"resourceSpans\": [..]}}`, a list of them, or one a line")
        })
    })
}

/// What has another form holds no spans for the reader, and "nothing was treated" would be a false comfort.
fn refuse_others(json: &str, place: &str) -> Result<(), String> {
    // What is no object, or no JSON, is told by who reads it.
    let Ok(members) = serde_json::from_str::<BTreeMap<String, serde::de::IgnoredAny>>(json) else {
        return Ok(());
    };
    if members.is_empty() || members.keys().any(|key| key == "resourceSpans" || key == "resource_spans") {
        return Ok(());
    }
    let has: Vec<String> = members.keys().take(MEMBERS_SHOWN_MAX).map(|key| format!("`{key}`")).collect();
    Err(format!(
        "{place}: there is no `resourceSpans` in it, only {}; write OTLP/JSON as exporters do. Of an answer of Tempo, \
         write the list under `batches` or `trace.resourceSpans`",
        has.join(", ")
    ))
}

fn read(input: &mut dyn Read) -> Result<String, String> {
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
        return Err("standard input is empty; `tutti redact .. < traces.otlp.json`".to_owned());
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
    let names: Vec<&str> = settings.regions.iter().map(|region| region.name.as_str()).collect();
    let find = |text: &str| settings.regions.iter().find(|region| region.name.as_str() == text);
    let stored = find(&args.stored).ok_or_else(|| {
        format!("--stored: region `{}` is not declared; there are {}", args.stored, names.join(", "))
    })?;
    let delivered = match find(&args.delivered) {
        Some(region) => region.jurisdiction.clone(),
        None => Jurisdiction::parse(&args.delivered)
            .map_err(|error| format!("--delivered: no region ({}), and {error}", names.join(", ")))?,
    };
    Ok(Rules {
        policies: settings.policies.clone(),
        redactor: settings.redactor.clone(),
        stored: stored.name.clone(),
        delivered,
    })
}

/// The policies that ship, with a key that is gone with this run.
fn of_baseline(args: &RedactArgs) -> Result<Rules, String> {
    let hint = "without a configuration, places are jurisdictions: `--stored EU --delivered US`";
    let place = |flag: &str, text: &str| {
        Jurisdiction::parse(text)
            .map_err(|error| format!("{flag}: {error}; {hint}, or name one with --config"))
    };
    let (jurisdiction, delivered) =
        (place("--stored", &args.stored)?, place("--delivered", &args.delivered)?);
    let stored = RegionName::parse("here").map_err(|error| error.to_string())?;
    let policies = shipped(&[(stored.clone(), jurisdiction)], delivered.clone())
        .map_err(|findings| findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
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
