//! `tutti policy test`: every case and every matrix of a folder, a line for each that is not as expected.

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::{Verdict, counted};
use crate::config::Place;
use crate::config::policies::{Trial, try_out};

pub(super) fn run(folder: &Path, out: &mut dyn Write) -> io::Result<Verdict> {
    let seen = match try_out(folder) {
        Ok(seen) => seen,
        Err(error) => return super::refuse(error, folder, out),
    };
    if seen.trials.is_empty() {
        writeln!(out, "{} holds listed keys alone, and no case to try", folder.display())?;
        return Ok(Verdict::Good);
    }
    let mut failures = 0;
    for trial in &seen.trials {
        failures += show(trial, out)?;
    }
    let cases: usize = seen.trials.iter().map(|trial| trial.cases.len()).sum();
    let policies: usize = seen.trials.iter().map(|trial| trial.policies).sum();
    let tried = format!("{} of {}", counted(cases, "case"), counted(policies, "policy"));
    if failures == 0 {
        writeln!(out, "{tried}: all as expected, every policy is hit")?;
        return Ok(Verdict::Good);
    }
    writeln!(out, "{tried}: {}", counted(failures, "failure"))?;
    Ok(Verdict::Bad)
}

/// One part: what fails a line each, else a line that all is well.
fn show(trial: &Trial, out: &mut dyn Write) -> io::Result<usize> {
    let (red, green) = (style(AnsiColor::Red), style(AnsiColor::Green));
    let mut failures = 0;
    let mut fail = |place: &Place, what: &str, out: &mut dyn Write| {
        failures += 1;
        let (line, column) = place.line_column();
        writeln!(out, "{red}FAIL{red:#} {}:{line}:{column}: {what}", place.source.name)
    };
    for case in &trial.cases {
        for failure in &case.failures {
            fail(&case.place, &format!("{}, {}: {failure}", case.name, case.class), out)?;
        }
    }
    for place in &trial.missed {
        fail(place, &format!("no case hits policy {}", place.key), out)?;
    }
    for matrix in &trial.matrices {
        for (place, what) in &matrix.differences {
            fail(place, what, out)?;
        }
    }
    let name = if trial.part.is_empty() { "own" } else { &trial.part };
    if failures == 0 {
        let cases = counted(trial.cases.len(), "case");
        let matrices = trial.matrices.len();
        let matrices = if matrices == 1 { "1 matrix".to_owned() } else { format!("{matrices} matrices") };
        let policies = counted(trial.policies, "policy");
        writeln!(out, "{green}ok{green:#}   {name}: {policies}, {cases}, {matrices}")?;
    }
    Ok(failures)
}

fn style(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into())).bold()
}
