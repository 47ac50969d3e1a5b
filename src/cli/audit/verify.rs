//! `tutti audit verify`: one line if all is as it was signed, one line that names the first place that is not.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::{DirArg, Known, Verdict, parse_key, parse_witness};
use crate::audit::disk::Folder;
use crate::audit::note::NamedKey;
use crate::audit::read::{ReadError, checkpoint, saved};
use crate::audit::verify::verify;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub dir: DirArg,
    /// The key of the log, kept elsewhere (`log.vkey`). Without, the one in the folder is taken, and whoever changed the
    /// log could have changed that one, too.
    #[arg(long, value_name = "VKEY", value_parser = parse_key)]
    pub key: Option<NamedKey>,
    /// A checkpoint that somebody kept: the log has to go on from it. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The key of a witness that has to have signed the checkpoint, one that the gateway kept of it in the folder, or
    /// one of those given. May be given several times.
    #[arg(long, value_name = "VKEY", value_parser = parse_witness)]
    pub witness: Vec<NamedKey>,
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> io::Result<Verdict> {
    let dir = &args.dir.dir;
    let known = match Known::of(dir, args.key.as_ref()) {
        Ok(known) => known,
        Err(line) => return writeln!(out, "{line}").map(|()| Verdict::Unusable),
    };
    let folder = Folder::at(dir);
    // With a key from elsewhere nothing has been read yet. A checkpoint that is gone is another matter.
    if !dir.is_dir() {
        return writeln!(out, "error: {}: it is no folder", dir.display()).map(|()| Verdict::Unusable);
    }
    if let Err(ReadError::File { name, why }) = checkpoint(&folder)
        && why.kind() != io::ErrorKind::NotFound
    {
        return writeln!(out, "error: {}: {why}", dir.join(name).display()).map(|()| Verdict::Unusable);
    }
    let mut kept = Vec::new();
    for file in &args.checkpoint {
        match saved(file) {
            Ok(checkpoint) => kept.push(checkpoint),
            Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
        }
    }
    let verified = match verify(&folder, &known.key, &args.witness, &kept) {
        Ok(verified) => verified,
        Err(bad) => return writeln!(out, "BAD {}: {bad}", dir.display()).map(|()| Verdict::Bad),
    };
    let (name, size) = (&verified.checkpoint.origin, verified.checkpoint.size);
    writeln!(
        out,
        "good: {name} has {size} records as its checkpoint says, root {}",
        verified.checkpoint.root.to_base64()
    )?;
    if verified.tail > 0 {
        writeln!(out, "and {} that are acknowledged and under no checkpoint yet", verified.tail)?;
    }
    if verified.torn > 0 {
        writeln!(out, "and {} bytes of a write that did not end, which nobody was told of", verified.torn)?;
    }
    for name in &verified.saved {
        writeln!(out, "it goes on from {name}")?;
    }
    for witness in &args.witness {
        // A witness may have signed any checkpoint that the log goes on from.
        let Some(seen) = verified.cosigned.iter().find(|seen| seen.by == witness.name) else {
            let line = format!(
                "BAD {}: {} did not sign the checkpoint, nor one that was kept or given",
                dir.display(),
                witness.name
            );
            return writeln!(out, "{line}").map(|()| Verdict::Bad);
        };
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seen.seconds);
        let at = humantime::format_rfc3339_seconds(at);
        writeln!(out, "{} saw {} records of it at {at}", witness.name, seen.size)?;
    }
    if !known.is_given {
        writeln!(
            out,
            "the key was the folder's own: keep it elsewhere and give it with --key\n{}",
            known.key
        )?;
    }
    Ok(Verdict::Good)
}
