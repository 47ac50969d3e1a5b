//! A log as somebody reads it who has only its folder, or a copy: records by their numbers, hashes by their place.
//! Takes nothing for granted; what is not there or does not fit is named, with its file.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::disk::{Disk, Folder};
use super::journal;
use super::note::{Checkpoint, Note};
use super::store::{CHECKPOINT, JOURNAL};
use super::tile::{self, WIDTH};
use super::tree::{Hash, Nodes};

/// The file of what no checkpoint speaks of yet.
pub const UNSIGNED: &str = JOURNAL;

/// Tiles that are kept at hand: of every level those that a walk from left to right needs, and some more.
const TILES_MAX: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{name} cannot be read: {why}")]
    File { name: String, why: io::Error },
    #[error("{name} is no checkpoint: {why}")]
    Checkpoint { name: String, why: super::note::NoteError },
    #[error("{name} has not the {width} hashes that it should have")]
    Tile { name: String, width: u64 },
}

/// A record and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub index: u64,
    pub file: String,
    /// Where the record itself begins in the file.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// A checkpoint from before, by the name of its file.
#[derive(Debug, Clone)]
pub struct Saved {
    pub name: String,
    pub note: Note,
    pub checkpoint: Checkpoint,
}

/// A folder of a log.
#[derive(Debug)]
pub struct Reader<'d> {
    disk: &'d dyn Disk,
    /// Of the tree that is read.
    size: u64,
    tiles: RefCell<HashMap<(u32, u64), Vec<Hash>>>,
}

/// The checkpoint of a folder.
pub fn checkpoint(disk: &dyn Disk) -> Result<(Note, Checkpoint), ReadError> {
    let file = |why| ReadError::File { name: CHECKPOINT.to_owned(), why };
    let text = String::from_utf8(disk.read(CHECKPOINT).map_err(file)?);
    parse_checkpoint(CHECKPOINT, &text.unwrap_or_default())
}

/// A checkpoint that somebody kept.
pub fn parse_checkpoint(name: &str, text: &str) -> Result<(Note, Checkpoint), ReadError> {
    let no_checkpoint = |why| ReadError::Checkpoint { name: name.to_owned(), why };
    let note = Note::parse(text).map_err(no_checkpoint)?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(no_checkpoint)?;
    Ok((note, checkpoint))
}

/// `LOG/NUMBER`, or the number alone.
pub fn parse_receipt(text: &str) -> Option<(Option<&str>, u64)> {
    let (log, index) = text.rsplit_once('/').map_or((None, text), |(log, index)| (Some(log), index));
    Some((log, index.parse().ok()?))
}

/// A checkpoint in a file of its own.
pub fn saved(path: &Path) -> Result<Saved, ReadError> {
    let name = path.display().to_string();
    let (folder, file) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
    let bytes = Folder::at(folder).read(&file.to_string_lossy());
    let bytes = bytes.map_err(|why| ReadError::File { name: name.clone(), why })?;
    let (note, checkpoint) = parse_checkpoint(&name, &String::from_utf8_lossy(&bytes))?;
    Ok(Saved { name, note, checkpoint })
}

impl<'d> Reader<'d> {
    /// Of the first `size` records.
    pub fn new(disk: &'d dyn Disk, size: u64) -> Self {
        Self { disk, size, tiles: RefCell::default() }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file of a tree of this size, or the full one that has grown out of it since.
    fn file(&self, name: &str, full: &str) -> Result<(String, Vec<u8>), ReadError> {
        match self.disk.read(name) {
            Ok(bytes) => Ok((name.to_owned(), bytes)),
            Err(why) if why.kind() == io::ErrorKind::NotFound && name != full => match self.disk.read(full) {
                Ok(bytes) => Ok((full.to_owned(), bytes)),
                Err(_) => Err(ReadError::File { name: name.to_owned(), why }),
            },
            Err(why) => Err(ReadError::File { name: name.to_owned(), why }),
        }
    }

    /// The hashes of a tile as far as they are of this tree.
    pub fn tile(&self, level: u32, number: u64) -> Result<Vec<Hash>, ReadError> {
        if let Some(tile) = self.tiles.borrow().get(&(level, number)) {
            return Ok(tile.clone());
        }
        let width = tile::width(level, number, self.size);
        let (name, full) = (tile::of_hashes(level, number, width), tile::of_hashes(level, number, WIDTH));
        let (name, bytes) = self.file(&name, &full)?;
        let hashes = tile::hashes(&bytes).filter(|hashes| hashes.len() as u64 >= width);
        let Some(mut hashes) = hashes else { return Err(ReadError::Tile { name, width }) };
        hashes.truncate(width as usize);
        let mut tiles = self.tiles.borrow_mut();
        if tiles.len() >= TILES_MAX {
            tiles.clear();
        }
        tiles.insert((level, number), hashes.clone());
        Ok(hashes)
    }

    /// The records of a bundle, as far as they are of this tree, and how many bytes at its end are no record.
    pub fn bundle(&self, number: u64) -> Result<(Vec<Stored>, usize), ReadError> {
        let width = tile::width(0, number, self.size);
        let (name, full) = (tile::of_entries(number, width), tile::of_entries(number, WIDTH));
        let (file, bytes) = self.file(&name, &full)?;
        let is_whole = file == name;
        let (entries, over) = tile::entries(&bytes);
        // What a bundle holds beyond its width is as suspicious as what it lacks.
        let taken = if is_whole { entries.len() } else { width as usize };
        let stored = entries.into_iter().take(taken).zip(number * WIDTH..).map(|((at, entry), index)| {
            Stored { index, file: file.clone(), offset: at + 2, bytes: entry.to_vec() }
        });
        Ok((stored.collect(), if is_whole { over } else { 0 }))
    }

    /// One record that a checkpoint speaks of.
    pub fn record(&self, index: u64) -> Result<Option<Stored>, ReadError> {
        if index >= self.size {
            return Ok(None);
        }
        let (records, _) = self.bundle(index / WIDTH)?;
        Ok(records.into_iter().find(|record| record.index == index))
    }
}

impl Nodes for Reader<'_> {
    type Error = ReadError;

    fn node(&self, height: u32, index: u64) -> Result<Hash, ReadError> {
        let (level, above) = (height / tile::HEIGHT, height % tile::HEIGHT);
        let first = index << above;
        let tile = self.tile(level, first / WIDTH)?;
        let begin = (first % WIDTH) as usize;
        let missing = || ReadError::Tile {
            name: tile::of_hashes(level, first / WIDTH, tile.len() as u64),
            width: tile.len() as u64,
        };
        tile.get(begin..begin + (1 << above)).map(tile::root).ok_or_else(missing)
    }
}

/// What a journal holds beyond a checkpoint.
#[derive(Debug, Default)]
pub struct Tail {
    pub records: Vec<Stored>,
    /// Bytes at the end that are no record: of a write that did not end.
    pub torn: u64,
    /// Where a batch is damaged before whole ones.
    pub damaged_at: Option<u64>,
    /// Whether those bytes are as many as their write had, and others.
    pub is_wrong: bool,
}

/// The records that no checkpoint speaks of yet.
pub fn tail(disk: &dyn Disk, size: u64) -> Result<Tail, ReadError> {
    let bytes = match disk.read(JOURNAL) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Tail::default()),
        Err(why) => return Err(ReadError::File { name: JOURNAL.to_owned(), why }),
    };
    let read = journal::read(&bytes);
    let mut records = Vec::new();
    for batch in &read.batches {
        let mut offset = journal::body_at(batch);
        for (entry, index) in batch.entries.iter().zip(batch.first..) {
            offset += 2;
            if index >= size {
                records.push(Stored { index, file: JOURNAL.to_owned(), offset, bytes: entry.clone() });
            }
            offset += entry.len() as u64;
        }
    }
    let torn = (bytes.len() as u64).saturating_sub(read.end);
    Ok(Tail { records, torn, damaged_at: read.damaged_at, is_wrong: read.is_wrong })
}
