//! A log as it is written: a batch of records into the journal, which makes them stay; then, now and then, what the
//! journal holds into tiles, and a checkpoint over all of it. Writes and waits; knows no task and no time.
//!
//! What a crash leaves: tiles that no checkpoint speaks of yet, and a journal whose last batch may be cut off. Nothing
//! that was acknowledged is in either alone, so opening the log again finds all of it (`open`).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::disk::Disk;
use super::entry::{self, Entry};
use super::journal;
use super::note::Checkpoint;
use super::tile;
use super::tree::{Hash, fold, leaf};
use crate::proof::SigningKey;

pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const JOURNAL: &str = "journal";

/// Bytes of a journal, after which records wait until tiles can be written: some 40,000 records.
pub(super) const JOURNAL_BYTES_MAX: u64 = 64 << 20;

/// The hashes on the right edge of a tree: of each level of tiles, those of the tile that is not full.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Edge {
    pub levels: Vec<Vec<Hash>>,
    pub size: u64,
}

impl Edge {
    pub fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let Some((whole, after)) = rest.split_at_checked(1 << rest.len().ilog2()) else { break };
                subtrees.push(tile::root(whole));
                rest = after;
            }
        }
        fold(&subtrees)
    }

    /// Adds a leaf; tiles that are full with it leave, as (level, hashes).
    fn push(&mut self, hash: Hash, full: &mut Vec<(u32, Vec<Hash>)>) {
        self.size += 1;
        let (mut up, mut level) = (Some(hash), 0u32);
        while let Some(hash) = up.take() {
            let at = level as usize;
            if self.levels.len() <= at {
                self.levels.resize(at + 1, Vec::new());
            }
            let Some(own) = self.levels.get_mut(at) else { return };
            own.push(hash);
            if own.len() as u64 == tile::WIDTH {
                let whole = std::mem::take(own);
                up = Some(tile::root(&whole));
                full.push((level, whole));
                level += 1;
            }
        }
    }
}

/// A log that is open for writing.
#[derive(Debug)]
pub(super) struct Store {
    pub disk: Arc<dyn Disk>,
    pub key: SigningKey,
    pub origin: String,
    pub edge: Edge,
    /// Records of the bundle that is not full.
    pub bundle: Vec<u8>,
    /// The hash of the last record.
    pub last: Hash,
    /// Where the journal ends.
    pub journal_bytes: u64,
    /// Records under the last checkpoint.
    pub published: u64,
    /// Full files that no checkpoint speaks of yet.
    pub full: Vec<(String, Vec<u8>)>,
    /// Bytes in tiles and bundles, and how many there may be.
    pub bytes: u64,
    pub bytes_max: u64,
    /// Keeps others away until the last write has ended, whoever waits for it or not.
    pub lock: Option<File>,
}

impl Store {
    /// Puts records on the disk; they have these numbers. All of them are there, or none.
    pub fn commit(&mut self, records: &[Entry]) -> io::Result<Range<u64>> {
        if self.journal_bytes >= JOURNAL_BYTES_MAX {
            return Err(io::Error::other("tiles cannot be written, and the journal is full"));
        }
        if self.bytes.saturating_add(self.journal_bytes) >= self.bytes_max {
            return Err(io::Error::other("the folder has reached its `bytes_max`"));
        }
        let first = self.edge.size;
        let (mut last, mut entries) = (self.last, Vec::with_capacity(records.len()));
        let mut hashes = Vec::with_capacity(records.len());
        for record in records {
            let bytes = record.after(last);
            last = leaf(&bytes);
            hashes.push(last);
            entries.push(bytes);
        }
        let batch = journal::batch(first, &entries).ok_or(io::ErrorKind::FileTooLarge)?;
        self.disk.append(JOURNAL, self.journal_bytes, &batch)?;
        self.journal_bytes += batch.len() as u64;
        for (bytes, hash) in entries.iter().zip(hashes) {
            self.take(bytes, hash);
        }
        Ok(first..self.edge.size)
    }

    /// Takes a record that is on the disk into the tree.
    pub fn take(&mut self, bytes: &[u8], hash: Hash) {
        let (number, mut full) = (self.edge.size / tile::WIDTH, Vec::new());
        // Its length was looked at when it was written.
        let _ = tile::put_entry(&mut self.bundle, bytes);
        self.edge.push(hash, &mut full);
        self.last = hash;
        if self.edge.size.is_multiple_of(tile::WIDTH) {
            let bundle = std::mem::take(&mut self.bundle);
            self.full.push((tile::of_entries(number, tile::WIDTH), bundle));
        }
        for (level, hashes) in full {
            let number = (self.edge.size >> (tile::HEIGHT * (level + 1))).saturating_sub(1);
            self.full.push((tile::of_hashes(level, number, tile::WIDTH), tile::to_bytes(&hashes)));
        }
    }

    /// Whether there is anything to publish.
    pub fn is_behind(&self) -> bool {
        self.published != self.edge.size
    }

    /// Puts everything into tiles, under a checkpoint; then the journal is not needed any more.
    pub fn publish(&mut self) -> io::Result<()> {
        for (name, bytes) in &self.full {
            self.disk.write(name, bytes)?;
        }
        for (name, bytes) in self.partial(self.edge.size) {
            self.disk.write(&name, &bytes)?;
        }
        let checkpoint =
            Checkpoint { origin: self.origin.clone(), size: self.edge.size, root: self.edge.root() };
        let note = checkpoint.sign(&self.key).map_err(io::Error::other)?;
        self.disk.write(CHECKPOINT, note.to_string().as_bytes())?;
        let before = std::mem::replace(&mut self.published, self.edge.size);
        let written = std::mem::take(&mut self.full);
        self.bytes += written.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        // From here on nothing is lost: what is left over is found again, and skipped.
        self.disk.truncate(JOURNAL, 0)?;
        self.journal_bytes = 0;
        self.tidy(before)
    }

    /// The files of a tree of this size that are not full, empty where they are not of this one.
    fn partial(&self, size: u64) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let name = |level: u32, of: fn(u32, u64, u64) -> String| {
            let number = size.checked_shr(tile::HEIGHT * (level + 1)).unwrap_or(0);
            let width = tile::width(level, number, size);
            (width > 0).then(|| of(level, number, width))
        };
        for level in 0..tile::LEVELS_MAX {
            if let Some(name) = name(level, tile::of_hashes) {
                let hashes = self.edge.levels.get(level as usize).map(Vec::as_slice).unwrap_or_default();
                files.push((name, tile::to_bytes(hashes)));
            }
        }
        if let Some(name) = name(0, |_, number, width| tile::of_entries(number, width)) {
            files.push((name, self.bundle.clone()));
        }
        files
    }

    /// Takes away what was not full under the checkpoints before, of those files that are full now. While a file is
    /// not, whoever walks the log under an earlier checkpoint needs what stood under that one; later they find the full
    /// one. Which widths there were is not known after a restart, so all of them are tried.
    fn tidy(&self, before: u64) -> io::Result<()> {
        for level in 0..tile::LEVELS_MAX {
            let number = |size: u64| size.checked_shr(tile::HEIGHT * (level + 1)).unwrap_or(0);
            let then = number(before);
            if then == number(self.edge.size) {
                break;
            }
            for width in 1..tile::WIDTH {
                self.disk.remove(&tile::of_hashes(level, then, width))?;
                if level == 0 {
                    self.disk.remove(&tile::of_entries(then, width))?;
                }
            }
        }
        Ok(())
    }
}

/// A log without a record, about to be written.
pub(super) fn new(disk: Arc<dyn Disk>, key: SigningKey, origin: String, bytes_max: u64) -> Store {
    Store {
        disk,
        key,
        last: entry::beginning(&origin),
        origin,
        edge: Edge::default(),
        bundle: Vec::new(),
        journal_bytes: 0,
        published: 0,
        full: Vec::new(),
        bytes: 0,
        bytes_max,
        lock: None,
    }
}
