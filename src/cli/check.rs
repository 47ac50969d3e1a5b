//! `tutti check`: everything that is wrong or unwise in a configuration, and what a good one means.
//! Starts nothing and asks no region.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anstyle::Style;

use super::verdict::Verdict;
use crate::backend::settings::{Auth, KindSettings, RegionSettings, TempoSettings};
use crate::config::{Environment, Finding, Level, LoadError, Settings, process_environment, write_findings};

/// `tutti check`, with its output on the terminal.
pub fn main(args: &super::CheckArgs) -> ExitCode {
    match run(&args.config, &process_environment, &mut anstream::stdout()) {
        Ok(verdict) => verdict.into(),
        // A reader that left (`| head`) has seen what it wanted; the verdict cannot be told any more.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Checks the file at `path`. Writes ANSI styles: `out` takes them away where they do not belong
/// (`anstream::stdout`).
pub fn run(path: &Path, environment: Environment<'_>, out: &mut dyn Write) -> io::Result<Verdict> {
    match Settings::load(path, environment) {
        Ok((settings, findings)) => {
            write_findings(out, &findings)?;
            write_summary(out, &settings)?;
            writeln!(out, "{} is good{}", path.display(), besides(&findings))?;
            Ok(Verdict::Good)
        }
        Err(LoadError::Faulty(faults)) => {
            write_findings(out, &faults.findings)?;
            let count = counted(faults.faults().count(), "fault");
            writeln!(out, "{} has {count}{}", path.display(), besides(&faults.findings))?;
            Ok(Verdict::Bad)
        }
        Err(error @ LoadError::Unreadable { .. }) => {
            writeln!(out, "{error}")?;
            Ok(Verdict::Unusable)
        }
    }
}

fn besides(findings: &[Finding]) -> String {
    match findings.iter().filter(|finding| finding.level == Level::Warning).count() {
        0 => String::new(),
        warnings => format!(", with {}", counted(warnings, "warning")),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn write_summary(out: &mut dyn Write, settings: &Settings) -> io::Result<()> {
    let gateway = &settings.gateway;
    let duration = humantime::format_duration;
    writeln!(
        out,
        "gateway    {} ({}), on {}{}",
        gateway.region, gateway.jurisdiction, gateway.listen, gateway.http_api_prefix
    )?;
    writeln!(
        out,
        "deadlines  complete {}, of it {} for merging",
        duration(settings.deadlines.complete),
        duration(settings.deadlines.reserve)
    )?;
    match (&gateway.policies, settings.policies.book()) {
        (Some(_), _) => writeln!(out, "policies   plan {}", settings.policies.digest())?,
        (None, Some(_)) => {
            writeln!(out, "policies   the built-in baseline, plan {}", settings.policies.digest())?;
        }
        (None, None) => writeln!(out, "policies   none: everything is shown to everyone")?,
    }
    write_tokens(out, settings)?;
    writeln!(out)?;
    let head =
        ["REGION", "JURISDICTION", "KIND", "WHERE", "DEADLINE", "AUTH", "RAW SPANS"].map(str::to_owned);
    let rows: Vec<[String; 7]> = settings.regions.iter().map(|region| row(region, settings)).collect();
    write_table(out, &head, &rows)?;
    writeln!(out)?;
    write_facts(out, settings)
}

/// Which regions have keys of tokens, where policies may want some.
fn write_tokens(out: &mut dyn Write, settings: &Settings) -> io::Result<()> {
    if settings.policies.book().is_none() {
        return Ok(());
    }
    let keys = settings.redactor.keys();
    let without: Vec<&str> = settings
        .regions
        .iter()
        .filter(|region| !keys.has(&region.name))
        .map(|region| region.name.as_str())
        .collect();
    match without.as_slice() {
        [] => writeln!(out, "tokens     every region has a key"),
        without => writeln!(
            out,
            "tokens     no key for {}: where a token is due, the value is masked",
            without.join(", ")
        ),
    }
}

/// What is believed of regions without asking them, so that whoever wrote it sees what it means.
fn write_facts(out: &mut dyn Write, settings: &Settings) -> io::Result<()> {
    if settings.federation.facts.is_empty() {
        return Ok(());
    }
    writeln!(out, "believed of regions, which are not asked for anything else:")?;
    for region in &settings.regions {
        let Some(facts) = settings.federation.facts.get(&region.name) else { continue };
        let listed = |texts: &BTreeSet<String>| texts.iter().cloned().collect::<Vec<_>>().join(", ");
        let name = &region.name;
        if let Some(services) = &facts.services {
            writeln!(out, "  {name}: no services but {}", listed(services))?;
        }
        if let Some(retention) = facts.retention {
            writeln!(out, "  {name}: nothing older than {}", humantime::format_duration(retention))?;
        }
        for (key, values) in &facts.attributes {
            writeln!(out, "  {name}: alone has resource.{key} = {}", listed(values))?;
        }
    }
    writeln!(out)
}

fn row(region: &RegionSettings, settings: &Settings) -> [String; 7] {
    let (kind, place, auth) = match &region.kind {
        KindSettings::Tempo(tempo) => ("tempo".to_owned(), tempo.url.to_string(), auth(tempo)),
        KindSettings::Tutti(peer) => {
            (format!("tutti ({})", peer.gateway), peer.at.url.to_string(), auth(&peer.at))
        }
        KindSettings::Memory(memory) => {
            let place = memory.otlp.map_or("fed from inside".to_owned(), |otlp| format!("OTLP on {otlp}"));
            ("memory".to_owned(), place, "-".to_owned())
        }
    };
    let egress = settings.raw_egress.iter().find(|egress| egress.region == region.name);
    let raw = match egress {
        Some(egress) if egress.is_allowed => format!("cross into {}, allowed", egress.to),
        Some(egress) => format!("cross into {}, NOT allowed", egress.to),
        None if matches!(region.kind, KindSettings::Tutti(_)) => "stay there, views cross".to_owned(),
        None => format!("stay in {}", region.jurisdiction),
    };
    [
        region.name.to_string(),
        region.jurisdiction.to_string(),
        kind,
        place,
        humantime::format_duration(region.layers.deadline).to_string(),
        auth,
        raw,
    ]
}

/// How the gateway authenticates, never with what.
fn auth(tempo: &TempoSettings) -> String {
    let basic = match &tempo.auth {
        Auth::None => None,
        Auth::Bearer(_) => Some("bearer"),
        Auth::Basic { .. } => Some("basic"),
    };
    let mtls = tempo.tls.client_pem.as_ref().map(|_| "mTLS");
    let headers = (!tempo.headers.is_empty()).then_some("headers");
    let ways: Vec<&str> = [basic, mtls, headers].into_iter().flatten().collect();
    if ways.is_empty() { "none".to_owned() } else { ways.join(" + ") }
}

fn write_table(out: &mut dyn Write, head: &[String; 7], rows: &[[String; 7]]) -> io::Result<()> {
    let mut widths = head.clone().map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let bold = Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}", line(head))?;
    rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))
}

#[cfg(test)]
mod tests;
