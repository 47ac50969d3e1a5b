//! `tutti audit`: what is on record, read from the folder of a log or a copy of it, without a gateway. What is read this
//! way is on no record itself: whoever may read the folder is the operating system's to say, and to log.

mod remote;
mod search;
mod show;
mod verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::verdict::Verdict;
use crate::audit::PUBLIC;
use crate::audit::disk::{Disk, Folder};
use crate::audit::note::{Kind, NamedKey};

pub use search::SearchArgs;
pub use show::ShowArgs;
pub use verify::VerifyArgs;

#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check every record, hash and signature of a log; name the first that is wrong.
    Verify(VerifyArgs),
    /// List the records that fit.
    Search(SearchArgs),
    /// Show the record of a receipt, and the proof that it is in the log.
    Show(ShowArgs),
}

/// `tutti audit`, with its output on the terminal.
pub fn main(args: &AuditArgs) -> ExitCode {
    match run(&args.command, &mut anstream::stdout()) {
        Ok(verdict) => verdict.into(),
        // A reader that left (`| head`) has seen what it wanted; the verdict cannot be told any more.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Runs a command.
pub fn run(command: &AuditCommand, out: &mut dyn Write) -> io::Result<Verdict> {
    match command {
        AuditCommand::Verify(args) => verify::run(args, out),
        AuditCommand::Search(args) => search::run(args, out),
        AuditCommand::Show(args) => show::run(args, out),
    }
}

/// The key by which the log is known: the one that was given, or the one in the folder, which proves less.
struct Known {
    key: NamedKey,
    is_given: bool,
}

impl Known {
    fn of(dir: &Path, given: Option<&NamedKey>) -> Result<Self, String> {
        if let Some(key) = given {
            return Ok(Self { key: key.clone(), is_given: true });
        }
        let folder = Folder::at(dir);
        let text = folder.read(PUBLIC).map_err(|why| {
            format!(
                "error: {}: {why}; name a folder of a log, or give its key with --key",
                dir.join(PUBLIC).display()
            )
        })?;
        let key = NamedKey::parse(&String::from_utf8_lossy(&text));
        let key = key.map_err(|why| format!("error: {}: {why}", dir.join(PUBLIC).display()))?;
        Ok(Self { key, is_given: false })
    }
}

fn parse_key(text: &str) -> Result<NamedKey, String> {
    NamedKey::parse(text).map_err(|why| why.to_string())
}

/// The key of a witness. The log's own signs no time, and says nothing that the checkpoint does not.
fn parse_witness(text: &str) -> Result<NamedKey, String> {
    match parse_key(text)? {
        key if key.kind == Kind::Witness => Ok(key),
        _ => Err("it is the key of a log, and not of a witness: its gateway keeps that in `witness.vkey`"
            .to_owned()),
    }
}

/// A folder, as an argument.
#[derive(Debug, Args)]
pub struct DirArg {
    /// The folder of the log (`dir` of `[audit]`), or a copy of it.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests;
