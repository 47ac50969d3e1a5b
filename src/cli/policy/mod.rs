//! `tutti policy`: policies looked at, tried, written down and explained, without a gateway that serves them.

mod explain;
mod matrix;
mod test;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::verdict::Verdict;
use crate::config::policies::{PolicyFolder, look_at};
use crate::config::{LoadError, write_findings};

pub use explain::ExplainArgs;

#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Report every fault of a folder of policies at once, each with its place and remedy.
    Check(CheckArgs),
    /// Try every case and matrix of a folder; a line for each that is not as expected.
    Test(FolderArgs),
    /// Show the matrix of callers, ways between jurisdictions and classes.
    Matrix(MatrixArgs),
    /// Say in words what becomes of one class for one caller, and by which policies.
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
pub struct FolderArgs {
    /// A folder of policies with packs in it, or one pack.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A folder of policies with packs in it, or one pack.
    #[arg(value_name = "DIR", required_unless_present = "config", conflicts_with = "config")]
    pub folder: Option<PathBuf>,
    /// The policies of a configuration (regions.toml), with the packs and regions it names.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// A folder of policies with packs in it, or one pack.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Write golden/*.csv anew, to be reviewed and committed.
    #[arg(long)]
    pub write: bool,
    /// As a file has it, instead of a table.
    #[arg(long)]
    pub csv: bool,
}

/// `tutti policy`, with its output on the terminal.
pub fn main(args: &PolicyArgs) -> ExitCode {
    // `tutti check` of a configuration is more than its policies, and says all there is to say.
    if let PolicyCommand::Check(CheckArgs { config: Some(config), .. }) = &args.command {
        return super::check::main(&super::CheckArgs { config: config.clone() });
    }
    match run(&args.command, &mut anstream::stdout(), &mut anstream::stderr()) {
        Ok(verdict) => verdict.into(),
        // A reader that left (`| head`) has seen what it wanted; the verdict cannot be told any more.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Runs a command. Writes ANSI styles: `out` takes them away where they do not belong. What makes it impossible is
/// one line on `errors`.
pub fn run(command: &PolicyCommand, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Verdict> {
    let folder = match command {
        PolicyCommand::Check(CheckArgs { folder, .. }) => folder.as_ref(),
        PolicyCommand::Test(args) => Some(&args.folder),
        PolicyCommand::Matrix(args) => Some(&args.folder),
        PolicyCommand::Explain(_) => None,
    };
    if let Some(Err(why)) = folder.map(|folder| is_there(folder)) {
        return unusable(errors, &why);
    }
    match command {
        PolicyCommand::Check(CheckArgs { folder: Some(folder), .. }) => check(folder, out),
        // Only `main` comes here with a configuration, and never with neither.
        PolicyCommand::Check(_) => Ok(Verdict::Unusable),
        PolicyCommand::Test(args) => test::run(&args.folder, out),
        PolicyCommand::Matrix(args) => matrix::run(args, out, errors),
        PolicyCommand::Explain(args) => explain::run(args, out, errors),
    }
}

fn unusable(errors: &mut dyn Write, why: &str) -> io::Result<Verdict> {
    writeln!(errors, "error: {why}")?;
    Ok(Verdict::Unusable)
}

/// Whether a folder can be looked into at all. What is wrong in it has a place; that it is none has not.
fn is_there(folder: &Path) -> Result<(), String> {
    let remedy = "name a folder of policies, or one pack";
    if folder.is_dir() {
        return Ok(());
    }
    Err(match folder.exists() {
        true => format!("`{}` is no folder; {remedy}", folder.display()),
        false => format!("folder `{}` does not exist; {remedy}", folder.display()),
    })
}

fn check(folder: &Path, out: &mut dyn Write) -> io::Result<Verdict> {
    match look_at(folder) {
        Ok((seen, findings)) => {
            write_findings(out, &findings)?;
            for (name, title) in &seen.packs {
                writeln!(out, "pack {name}: {title}")?;
            }
            writeln!(out, "{} is good: {}", folder.display(), summed_up(&seen))?;
            Ok(Verdict::Good)
        }
        Err(error) => refuse(error, folder, out),
    }
}

/// Shows why a folder cannot be used.
fn refuse(error: LoadError, folder: &Path, out: &mut dyn Write) -> io::Result<Verdict> {
    match error {
        LoadError::Faulty(faults) => {
            write_findings(out, &faults.findings)?;
            let count = faults.faults().count();
            writeln!(out, "{} has {}", folder.display(), counted(count, "fault"))?;
            Ok(Verdict::Bad)
        }
        error @ LoadError::Unreadable { .. } => {
            writeln!(out, "{error}")?;
            Ok(Verdict::Unusable)
        }
    }
}

fn summed_up(seen: &PolicyFolder) -> String {
    let policies: usize = seen.trials.iter().map(|trial| trial.policies).sum();
    let cases: usize = seen.trials.iter().map(|trial| trial.cases.len()).sum();
    let mut parts = vec![counted(policies, "policy"), counted(cases, "case")];
    if let Some(book) = &seen.book {
        parts.push(counted(book.facts().classes.len(), "class"));
    }
    if seen.has_keys {
        parts.push("listed keys, which a configuration with their regions checks".to_owned());
    }
    parts.join(", ")
}

fn counted(count: usize, what: &str) -> String {
    let many = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if what.ends_with('s') => format!("{what}es"),
        None => format!("{what}s"),
    };
    if count == 1 { format!("1 {what}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests;
