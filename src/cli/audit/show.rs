//! `tutti audit show RECEIPT`: one record, where it stands, and the way of hashes from it to the signed checkpoint.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::{Known, Verdict, parse_key};
use crate::audit::entry;
use crate::audit::note::NamedKey;
use crate::audit::read::{ReadError, Reader, Stored, checkpoint, tail};
use crate::audit::search::value;
use crate::audit::tree::{inclusion, is_included, leaf};
use crate::audit::verify::chain;
use crate::audit::{self, disk::Folder};

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// What an answer said in `Tutti-Audit`, or the number at its end.
    #[arg(value_name = "RECEIPT", value_parser = parse_receipt)]
    pub receipt: ReceiptArg,
    /// The folder of the log (`dir` of `[audit]`), or a copy of it.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// The key of the log, kept elsewhere (`log.vkey`).
    #[arg(long, value_name = "VKEY", value_parser = parse_key)]
    pub key: Option<NamedKey>,
}

/// `LOG/INDEX`, or the index alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptArg {
    pub log: Option<String>,
    pub index: u64,
}

fn parse_receipt(text: &str) -> Result<ReceiptArg, String> {
    let (log, index) = audit::read::parse_receipt(text)
        .ok_or_else(|| "a receipt ends with a number: tutti/us-east/1a2b3c4d/17".to_owned())?;
    Ok(ReceiptArg { log: log.map(str::to_owned), index })
}

pub(super) fn run(args: &ShowArgs, out: &mut dyn Write) -> io::Result<Verdict> {
    let folder = Folder::at(&args.dir);
    let known = match Known::of(&args.dir, args.key.as_ref()) {
        Ok(known) => known,
        Err(line) => return writeln!(out, "{line}").map(|()| Verdict::Unusable),
    };
    let index = args.receipt.index;
    if let Some(log) = args.receipt.log.as_ref().filter(|log| **log != known.key.name) {
        let line = format!("error: the receipt is of the log `{log}`, and this is `{}`", known.key.name);
        return writeln!(out, "{line}").map(|()| Verdict::Unusable);
    }
    match look(&folder, &known, index) {
        Ok(Some(found)) => found.write(&known, out),
        Ok(None) => {
            writeln!(out, "BAD {}: there is no record {index}", args.dir.display()).map(|()| Verdict::Bad)
        }
        Err(why) => writeln!(out, "error: {why}").map(|()| Verdict::Unusable),
    }
}

/// A record, and what proves it.
struct Found {
    record: Stored,
    proof: Proof,
}

enum Proof {
    /// The checkpoint's text, the way of hashes to it, and whether both hold.
    Signed(String, Vec<String>, bool),
    /// No checkpoint speaks of it yet: whether it goes on from the last record that one speaks of.
    Unsigned(Result<(), String>),
}

fn look(folder: &Folder, known: &Known, index: u64) -> Result<Option<Found>, ReadError> {
    let (note, checkpoint) = checkpoint(folder)?;
    let reader = Reader::new(folder, checkpoint.size);
    let Some(record) = reader.record(index)? else {
        let tail = tail(folder, checkpoint.size)?;
        let last = match checkpoint.size.checked_sub(1) {
            Some(last) => reader.record(last)?.map(|record| leaf(&record.bytes)),
            None => Some(entry::beginning(&checkpoint.origin)),
        };
        let is_signed = known.key.signed(&note).is_some() && known.key.name == checkpoint.origin;
        let goes_on = match last {
            Some(last) if is_signed => chain(&tail, checkpoint.size, last).map_err(|bad| bad.to_string()),
            Some(_) => Err("the checkpoint before it is not of this key".to_owned()),
            None => Err("the record before it is not there".to_owned()),
        };
        let record = tail.records.into_iter().find(|record| record.index == index);
        return Ok(record.map(|record| Found { record, proof: Proof::Unsigned(goes_on) }));
    };
    let proof = inclusion(&reader, index, checkpoint.size)?;
    let is_in = is_included(&proof, leaf(&record.bytes), index, checkpoint.size, checkpoint.root);
    let is_good = is_in && known.key.signed(&note).is_some() && known.key.name == checkpoint.origin;
    let proof = proof.into_iter().map(|hash| hash.to_base64()).collect();
    Ok(Some(Found { record, proof: Proof::Signed(note.to_string(), proof, is_good) }))
}

impl Found {
    fn write(&self, known: &Known, out: &mut dyn Write) -> io::Result<Verdict> {
        let Self { record, proof } = self;
        let pretty = value(record).and_then(|value| serde_json::to_string_pretty(&value).ok());
        writeln!(
            out,
            "{}\n",
            pretty.unwrap_or_else(|| String::from_utf8_lossy(&record.bytes).escape_debug().to_string())
        )?;
        writeln!(out, "record  {} in {}, byte {}", record.index, record.file, record.offset)?;
        writeln!(out, "leaf    {}", leaf(&record.bytes).to_base64())?;
        let (checkpoint, proof, is_good) = match proof {
            Proof::Signed(checkpoint, proof, is_good) => (checkpoint, proof, is_good),
            Proof::Unsigned(Ok(())) => {
                let line = "not proven: it follows the records before it, and no checkpoint speaks of it yet: ask \
                            again in a second; where no gateway runs on the folder, when one has begun again";
                return writeln!(out, "\n{line}").map(|()| Verdict::Bad);
            }
            Proof::Unsigned(Err(why)) => {
                return writeln!(out, "\nBAD: no checkpoint speaks of it, and {why}").map(|()| Verdict::Bad);
            }
        };
        for hash in proof {
            writeln!(out, "proof   {hash}")?;
        }
        writeln!(out, "key     {}\n\n{checkpoint}", known.key)?;
        if *is_good {
            writeln!(
                out,
                "good: the record is in the log that the checkpoint speaks of, and the key signed it"
            )?;
            return Ok(Verdict::Good);
        }
        writeln!(
            out,
            "BAD: the proof does not lead to a checkpoint of this key; `tutti audit verify` says where it is broken"
        )?;
        Ok(Verdict::Bad)
    }
}
