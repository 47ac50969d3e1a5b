//! Whether a log is what its gateway signed: every record in its place, every hash over it, the checkpoint over all, and
//! the checkpoints that somebody kept from before. The first thing that is not is named, with the place where it shows.

use std::fmt;
use std::io;

use super::cosigned;
use super::disk::Disk;
use super::entry;
use super::keep;
use super::note::{Checkpoint, NamedKey};
use super::read::{ReadError, Reader, Saved, Stored, Tail, checkpoint, parse_checkpoint, tail};
use super::store::CHECKPOINT;
use super::tile::{self, WIDTH};
use super::tree::{self, Hash, leaf};

/// What is known to be true of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub checkpoint: Checkpoint,
    /// The first record that is kept, where others are gone and the log itself says so.
    pub kept_from: Option<u64>,
    /// Records that are acknowledged and under no checkpoint yet.
    pub tail: u64,
    /// Bytes of a write that did not end, and was acknowledged to nobody.
    pub torn: u64,
    /// Who signed a checkpoint besides.
    pub cosigned: Vec<Seen>,
    /// Checkpoints from before that this log goes on from.
    pub saved: Vec<String>,
}

/// What a witness signed last of this log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub by: String,
    /// Records that there were.
    pub size: u64,
    /// When, in seconds of the epoch.
    pub seconds: u64,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The record, where it is one.
    pub index: Option<u64>,
    pub file: String,
    /// Where in the file.
    pub offset: Option<u64>,
    pub what: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "record {index}: ")?;
        }
        write!(f, "{}", self.what)?;
        write!(f, " ({}", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        f.write_str(")")
    }
}

impl Bad {
    fn of_file(file: &str, what: impl Into<String>) -> Self {
        Self { index: None, file: file.to_owned(), offset: None, what: what.into() }
    }

    fn of(record: &Stored, what: impl Into<String>) -> Self {
        let (file, offset) = (record.file.clone(), Some(record.offset));
        Self { index: Some(record.index), file, offset, what: what.into() }
    }
}

/// Looks at everything, from the first record on.
pub fn verify(
    disk: &dyn Disk,
    key: &NamedKey,
    witnesses: &[NamedKey],
    saved: &[Saved],
) -> Result<Verified, Bad> {
    // First, so that a log that is written meanwhile is not shorter than what was signed of it.
    let kept = witnesses.iter().map(|witness| Ok((witness, kept_of(disk, witness)?)));
    let kept = kept.collect::<Result<Vec<_>, Bad>>()?;
    let (note, checkpoint) = checkpoint(disk).map_err(|why| Bad::of_file("checkpoint", why.to_string()))?;
    if checkpoint.origin != key.name {
        let what = format!("it is of the log `{}`, and the key of `{}`", checkpoint.origin, key.name);
        return Err(Bad::of_file("checkpoint", what));
    }
    if key.signed(&note).is_none() {
        return Err(Bad::of_file(
            "checkpoint",
            "its signature is not of this key, or the checkpoint was changed",
        ));
    }
    let size = checkpoint.size;
    let reader = Reader::new(disk, size);
    let mut last = entry::beginning(&checkpoint.origin);
    let mut kept_from = None;
    for number in 0..size.div_ceil(WIDTH) {
        let first = number * WIDTH;
        match reader.bundle(number) {
            Ok(records) => last = bundle(&reader, number, size, last, &records)?,
            Err(why)
                if is_gone(&why) && first < *kept_from.get_or_insert_with(|| first_kept(&reader, number)) =>
            {
                let hashes = reader.tile(0, number).map_err(unread)?;
                last = hashes.last().copied().unwrap_or(last);
            }
            Err(why) => return Err(Bad { index: Some(first), ..unread(why) }),
        }
    }
    levels(&reader, size)?;
    let root = tree::root(&reader, size).map_err(unread)?;
    if root != checkpoint.root {
        return Err(forged(&reader, size, saved));
    }
    let names = saved.iter().map(|saved| goes_on(&reader, &checkpoint, key, saved));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let now = Saved { name: CHECKPOINT.to_owned(), note, checkpoint: checkpoint.clone() };
    let mut cosigned = Vec::new();
    for (witness, kept) in &kept {
        if let Some(kept) = kept {
            goes_on(&reader, &checkpoint, key, kept)?;
        }
        let all = saved.iter().chain(kept).chain([&now]);
        let seen = all.filter_map(|of| {
            let seconds = witness.signed(&of.note)?;
            Some(Seen { by: witness.name.clone(), size: of.checkpoint.size, seconds })
        });
        cosigned.extend(seen.max_by_key(|seen| (seen.size, seen.seconds)));
    }
    let (tail, torn) = tail_of(disk, size, last)?;
    let kept_from = kept_from.filter(|kept_from| *kept_from > 0);
    Ok(Verified { kept_from, checkpoint, tail, torn, cosigned, saved: names })
}

/// What the folder holds of what a witness signed.
fn kept_of(disk: &dyn Disk, witness: &NamedKey) -> Result<Option<Saved>, Bad> {
    let name = cosigned::file_of(&witness.name);
    let bytes = match disk.read(&name) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unread(ReadError::File { name, why })),
    };
    let read = parse_checkpoint(&name, &String::from_utf8_lossy(&bytes));
    let (note, checkpoint) = read.map_err(unread)?;
    Ok(Some(Saved { name, note, checkpoint }))
}

fn unread(why: ReadError) -> Bad {
    let file = match &why {
        ReadError::File { name, .. } | ReadError::Checkpoint { name, .. } | ReadError::Tile { name, .. } => {
            name
        }
    };
    Bad::of_file(file, why.to_string())
}

fn is_gone(why: &ReadError) -> bool {
    matches!(why, ReadError::File { why, .. } if why.kind() == io::ErrorKind::NotFound)
}

/// The first record that is kept, as the records say that are there from this bundle on. They are looked at themselves
/// afterwards.
fn first_kept(reader: &Reader<'_>, from: u64) -> u64 {
    let numbers = from..reader.size().div_ceil(WIDTH);
    let said = numbers.filter_map(|number| reader.bundle(number).ok()?.0.iter().filter_map(keep::said).max());
    said.max().unwrap_or(0)
}

/// The records of a bundle against their hashes, and each against the one before it. Answers with the hash of the last.
fn bundle(
    reader: &Reader<'_>,
    number: u64,
    size: u64,
    before: Hash,
    (records, over): &(Vec<Stored>, usize),
) -> Result<Hash, Bad> {
    let first = number * WIDTH;
    let hashes = reader.tile(0, number).map_err(|why| Bad { index: Some(first), ..unread(why) })?;
    let mut last = before;
    for (at, expected) in hashes.iter().enumerate() {
        let Some(record) = records.get(at) else {
            let file = tile::of_entries(number, tile::width(0, number, size));
            let end = records.last().map_or(0, |last| last.offset + last.bytes.len() as u64);
            let what = "it is missing: the file ends before it, or what is left is no record";
            return Err(Bad {
                index: Some(first + at as u64),
                file,
                offset: Some(end),
                what: what.to_owned(),
            });
        };
        let hash = leaf(&record.bytes);
        if hash != *expected {
            return Err(Bad::of(record, difference(records, &hashes, at, hash, number, size)));
        }
        let (previous, _) = entry::look(&record.bytes).map_err(|why| Bad::of(record, why.to_string()))?;
        if previous != last {
            return Err(Bad::of(record, "it does not follow the record before it"));
        }
        last = hash;
    }
    if let Some(record) = records.get(hashes.len()) {
        return Err(Bad::of(record, "it was put in: the log has no record of this number"));
    }
    if *over > 0 {
        let file = tile::of_entries(number, tile::width(0, number, size));
        return Err(Bad::of_file(&file, format!("{over} bytes at its end are no record")));
    }
    Ok(last)
}

/// What was done to a record whose hash is another one.
fn difference(records: &[Stored], hashes: &[Hash], at: usize, hash: Hash, number: u64, size: u64) -> String {
    let next = records.get(at + 1);
    let follows =
        next.and_then(|next| entry::look(&next.bytes).ok()).is_some_and(|(previous, _)| previous == hash);
    let next = next.map(|next| leaf(&next.bytes));
    let was_here = hashes.get(at).copied();
    let is_moved = hashes.iter().position(|known| *known == hash);
    match is_moved {
        Some(place) if next == was_here => {
            format!("it is out of order: record {} stands here", number * WIDTH + place as u64)
        }
        Some(place) if place == at + 1 => "it was removed: the one after it stands here".to_owned(),
        Some(place) => format!("it is out of order: record {} stands here", number * WIDTH + place as u64),
        None if next == was_here => "another record was put in before it".to_owned(),
        None if follows => {
            let file = tile::of_hashes(0, number, tile::width(0, number, size));
            format!("its hash in {file} was changed: the record that follows knows it")
        }
        None => "its bytes were changed".to_owned(),
    }
}

/// Every full tile against its hash in the level above.
fn levels(reader: &Reader<'_>, size: u64) -> Result<(), Bad> {
    for level in 1..tile::LEVELS_MAX {
        let tiles = size >> (tile::HEIGHT * level);
        for number in 0..tiles.div_ceil(WIDTH) {
            let above = reader.tile(level, number).map_err(unread)?;
            for (expected, below) in above.iter().zip(number * WIDTH..) {
                let hashes = reader.tile(level - 1, below).map_err(unread)?;
                if tile::root(&hashes) != *expected {
                    let file = tile::of_hashes(level, number, tile::width(level, number, size));
                    let under = tile::of_hashes(level - 1, below, WIDTH);
                    return Err(Bad::of_file(
                        &file,
                        format!("it has another hash of {under} than that file has"),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Everything fits together, and is not what was signed: all of it was written anew.
fn forged(reader: &Reader<'_>, size: u64, saved: &[Saved]) -> Bad {
    let is_kept = |saved: &&Saved| {
        let size_then = saved.checkpoint.size;
        size_then <= size && tree::root(reader, size_then).is_ok_and(|root| root == saved.checkpoint.root)
    };
    let kept = saved.iter().filter(is_kept).map(|saved| saved.checkpoint.size).max().unwrap_or(0);
    let what = format!(
        "its {size} records do not have the root that was signed: one from {kept} on was changed, and all hashes after it"
    );
    Bad { index: (kept + 1 == size).then_some(kept), ..Bad::of_file("checkpoint", what) }
}

/// Whether the log goes on from a checkpoint that somebody kept.
fn goes_on(reader: &Reader<'_>, now: &Checkpoint, key: &NamedKey, saved: &Saved) -> Result<String, Bad> {
    let Saved { name, note, checkpoint } = saved;
    if checkpoint.origin != now.origin {
        return Err(Bad::of_file(name, format!("it is of another log, `{}`", checkpoint.origin)));
    }
    if key.signed(note).is_none() {
        return Err(Bad::of_file(name, "it is not signed by the key of this log"));
    }
    if checkpoint.size > now.size {
        let what =
            format!("it speaks of {} records and the log has {}: it was cut off", checkpoint.size, now.size);
        return Err(Bad { index: Some(now.size), ..Bad::of_file(name, what) });
    }
    let root = tree::root(reader, checkpoint.size).map_err(unread)?;
    // The proof is what others can check who have no more than it.
    let proof = tree::consistency(reader, checkpoint.size, now.size).map_err(unread)?;
    let is_so = tree::is_consistent(&proof, (checkpoint.size, checkpoint.root), (now.size, now.root));
    if root != checkpoint.root || !is_so {
        let what = format!(
            "its {} records are others than those of the log: the log was written anew",
            checkpoint.size
        );
        return Err(Bad::of_file(name, what));
    }
    Ok(name.clone())
}

/// What is acknowledged and under no checkpoint yet: how many records, and how many bytes that are none.
fn tail_of(disk: &dyn Disk, size: u64, last: Hash) -> Result<(u64, u64), Bad> {
    let tail = tail(disk, size).map_err(unread)?;
    chain(&tail, size, last)?;
    Ok((tail.records.len() as u64, tail.torn))
}

/// Whether what no checkpoint speaks of goes on from the last record that one speaks of. Nobody signed it: who changed
/// all of it, sums and hashes too, is not found out this way.
pub fn chain(tail: &Tail, size: u64, last: Hash) -> Result<(), Bad> {
    if let Some(at) = tail.damaged_at {
        let what = "it was changed here: whole records follow, so it is no write that did not end";
        let index = Some(size + tail.records.len() as u64);
        return Err(Bad { index, offset: Some(at), ..Bad::of_file("journal", what) });
    }
    if tail.is_wrong {
        let what = "what was written last is not as its sums say, and no write that was cut off: it was changed, or the \
                    disk lost some of it";
        let index = Some(size + tail.records.len() as u64);
        return Err(Bad { index, ..Bad::of_file("journal", what) });
    }
    let (mut last, mut next) = (last, size);
    for record in &tail.records {
        let (previous, _) = entry::look(&record.bytes).map_err(|why| Bad::of(record, why.to_string()))?;
        if record.index != next || previous != last {
            return Err(Bad::of(record, "it does not follow the record before it"));
        }
        (last, next) = (leaf(&record.bytes), next + 1);
    }
    Ok(())
}
