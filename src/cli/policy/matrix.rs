//! `tutti policy matrix`: what every class becomes, for the callers and ways that golden/*.toml name.

use std::io::{self, Write};

use anstyle::Style;

use super::{MatrixArgs, Verdict, unusable};
use crate::config::policies::{try_out, write_matrices};

pub(super) fn run(args: &MatrixArgs, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Verdict> {
    let seen = match try_out(&args.folder) {
        Ok(seen) => seen,
        Err(error) => return super::refuse(error, &args.folder, out),
    };
    let mut matrices = seen.trials.iter().flat_map(|trial| trial.matrices.iter().map(move |of| (trial, of)));
    if args.write {
        return match write_matrices(&seen) {
            Ok(changed) if changed.is_empty() => {
                writeln!(out, "every matrix is as it was")?;
                Ok(Verdict::Good)
            }
            Ok(changed) => {
                for path in &changed {
                    writeln!(out, "written: {}", path.display())?;
                }
                writeln!(out, "review what changed before it is committed: it is what an auditor signs")?;
                Ok(Verdict::Good)
            }
            Err(error) => unusable(errors, &format!("a matrix cannot be written: {error}")),
        };
    }
    if matrices.clone().next().is_none() {
        let folder = args.folder.display();
        let why = format!("{folder} says of no matrix whom it is about: write golden/roles.toml");
        return unusable(errors, &why);
    }
    matrices.try_for_each(|(trial, matrix)| {
        if args.csv {
            return write!(out, "{}", matrix.csv);
        }
        let bold = Style::new().bold();
        let name = if trial.part.is_empty() { "own" } else { &trial.part };
        writeln!(out, "{bold}{name}, {}{bold:#}", matrix.path)?;
        write_table(out, &matrix.csv)?;
        writeln!(out)
    })?;
    Ok(Verdict::Good)
}

/// A table of as wide columns as they need.
fn write_table(out: &mut dyn Write, csv: &str) -> io::Result<()> {
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().try_for_each(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())
    })
}
