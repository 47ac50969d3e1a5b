//! `tutti audit verify`: one line if all is as it was signed, one line that names the first place that is not.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::remote::Remote;
use super::{Known, Verdict, parse_key, parse_witness};
use crate::audit::disk::{Disk, Folder};
use crate::audit::note::NamedKey;
use crate::audit::read::{ReadError, checkpoint, saved};
use crate::audit::verify::verify;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The folder of the log (`dir` of `[audit]`), or a copy of it.
    #[arg(value_name = "DIR", required_unless_present = "url", conflicts_with = "url")]
    pub dir: Option<PathBuf>,
    /// The gateway whose log it is, in place of a folder: for who may read it there (`readers` of `[audit]`).
    #[arg(long, value_name = "URL", requires = "key")]
    pub url: Option<String>,
    /// A file with what shows the gateway who asks: a header a line, as `Authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub header_file: Option<PathBuf>,
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

/// A log, what it is called here, and the key it is known by.
struct Place {
    disk: Box<dyn Disk>,
    shown: String,
    known: Known,
}

impl Place {
    fn of(args: &VerifyArgs) -> Result<Self, String> {
        let place = match (&args.dir, &args.url, &args.key) {
            (Some(dir), ..) => {
                let known = Known::of(dir, args.key.as_ref())?;
                // With a key from elsewhere nothing has been read yet.
                if !dir.is_dir() {
                    return Err(format!("error: {}: it is no folder", dir.display()));
                }
                Self { disk: Box::new(Folder::at(dir)), shown: dir.display().to_string(), known }
            }
            (None, Some(url), Some(key)) => {
                let remote = Remote::new(url, args.header_file.as_deref());
                let disk = Box::new(remote.map_err(|why| format!("error: {why}"))?);
                let known = Known { key: key.clone(), is_given: true };
                Self { disk, shown: url.rsplit('@').next().unwrap_or_default().to_owned(), known }
            }
            _ => return Err("error: name a folder, or a gateway with --url and --key".to_owned()),
        };
        // A checkpoint that is gone is another matter.
        match checkpoint(&*place.disk) {
            Err(ReadError::File { name, why }) if why.kind() != io::ErrorKind::NotFound => {
                Err(format!("error: {}: {name}: {why}", place.shown))
            }
            _ => Ok(place),
        }
    }
}

pub(super) fn run(args: &VerifyArgs, out: &mut dyn Write) -> io::Result<Verdict> {
    let Place { disk, shown, known } = match Place::of(args) {
        Ok(place) => place,
        Err(line) => return writeln!(out, "{line}").map(|()| Verdict::Unusable),
    };
    let mut kept = Vec::new();
    for file in &args.checkpoint {
        match saved(file) {
            Ok(checkpoint) => kept.push(checkpoint),
            Err(why) => return writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
        }
    }
    let verified = match verify(&*disk, &known.key, &args.witness, &kept) {
        Ok(verified) => verified,
        Err(bad) => return writeln!(out, "BAD {shown}: {bad}").map(|()| Verdict::Bad),
    };
    let (name, size) = (&verified.checkpoint.origin, verified.checkpoint.size);
    writeln!(
        out,
        "good: {name} has {size} records as its checkpoint says, root {}",
        verified.checkpoint.root.to_base64()
    )?;
    if let Some(first) = verified.kept_from {
        writeln!(out, "records before {first} are no longer kept, as the log itself says; their hashes are")?;
    }
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
                "BAD {shown}: {} did not sign the checkpoint, nor one that was kept or given",
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
