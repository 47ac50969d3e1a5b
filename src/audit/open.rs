//! Opens a log: makes a new one, or finds everything that was acknowledged. What does not fit together is refused, so
//! that nobody goes on writing over the traces of a change.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::disk::{Disk, Folder};
use super::entry;
use super::journal;
use super::note::{Checkpoint, Kind, NamedKey, Note, is_name};
use super::settings::AuditSettings;
use super::store::{self, CHECKPOINT, JOURNAL, Store};
use super::tile;
use super::token::{KEY_BYTES, Tokens};
use super::tree::{Hash, leaf};
use crate::model::RegionName;
use crate::proof::SigningKey;
use crate::task::clock::wall_nanos;

const LOCK: &str = "lock";
const KEY: &str = "key.pem";
const TOKENS: &str = "tokens.key";
/// The public half of the key that signs, for auditors.
pub const PUBLIC: &str = "log.vkey";
/// The same key as that of a witness, for those whose logs this one witnesses.
const WITNESS_PUBLIC: &str = "witness.vkey";

/// A key of tokens that the log made itself is used for so long. Then the same value gets another token, so that what
/// somebody asks after cannot be followed for ever.
const TOKENS_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder {0} cannot be made or read: {1}")]
    Folder(PathBuf, io::Error),
    #[error(
        "another process writes the log in {0}: a log has one writer, give each gateway a folder of its own"
    )]
    Locked(PathBuf),
    #[error("`{0}` is no name of a log: write 1 to 200 printable characters without space and without `+`")]
    Name(String),
    #[error("{0} cannot be read as a key: {1}")]
    Key(PathBuf, String),
    #[error(
        "{0} holds the log `{1}`, and the configuration says `{2}`: name another folder, or the same log"
    )]
    OtherLog(PathBuf, String, String),
    #[error("the checkpoint in {0} is not signed by this key: the folder is of another key, or was changed")]
    OtherKey(PathBuf),
    #[error(
        "the log in {0} does not fit together: {1}; `tutti audit verify` says where, begin a log in another folder"
    )]
    Damaged(PathBuf, String),
    #[error("the log in {0} cannot be written: {1}")]
    Write(PathBuf, io::Error),
}

/// A log and its keys.
#[derive(Debug)]
pub(super) struct Opened {
    pub store: Store,
    pub tokens: Tokens,
    /// Its public half, as auditors are given it.
    pub key: NamedKey,
}

/// Opens the log of a gateway in this region. `disk` is what is written to, beside the keys.
pub(super) fn open(
    settings: &AuditSettings,
    region: &RegionName,
    disk: impl FnOnce(Folder) -> Arc<dyn Disk>,
) -> Result<Opened, OpenError> {
    let dir = settings.dir.clone();
    let no_folder = |why| OpenError::Folder(dir.clone(), why);
    let folder = Folder::make(&dir).map_err(no_folder)?;
    let lock = folder.lock(LOCK).map_err(|why| match why.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked(dir.clone()),
        _ => OpenError::Folder(dir.clone(), why),
    })?;
    let key = match &settings.key {
        Some(key) => key.clone(),
        None => key_of(&folder)?,
    };
    let tokens = match &settings.token_key {
        Some(key) => Tokens::new(key),
        None => tokens_of(&folder)?,
    };
    let own = Folder::at(&dir);
    let checkpoint = checkpoint_of(&folder)?;
    let origin = origin_of(settings, region, &key, checkpoint.as_ref())?;
    let named = NamedKey::new(&origin, Kind::Log, key.public().clone());
    let named = named.map_err(|_| OpenError::Name(origin.clone()))?;
    let mut store = store::new(disk(folder), key, origin, settings.bytes_max);
    store.lock = Some(lock);
    let damaged = |why: String| OpenError::Damaged(dir.clone(), why);
    let no_write = |why| OpenError::Write(dir.clone(), why);
    match checkpoint {
        None => {
            let is_empty =
                matches!(store.disk.read(JOURNAL), Err(why) if why.kind() == io::ErrorKind::NotFound);
            if !is_empty || store.disk.read(&tile::of_entries(0, tile::WIDTH)).is_ok() {
                return Err(damaged("it has records and no checkpoint".to_owned()));
            }
            store.publish().map_err(no_write)?;
        }
        Some((note, checkpoint)) => {
            named.signed(&note).ok_or_else(|| OpenError::OtherKey(dir.clone()))?;
            restore(&mut store, &checkpoint).map_err(damaged)?;
            replay(&mut store).map_err(damaged)?;
        }
    }
    store.disk.write(PUBLIC, format!("{named}\n").as_bytes()).map_err(no_write)?;
    if !settings.witnessed.is_empty() {
        let witness = NamedKey::new(&store.origin, Kind::Witness, named.key.clone());
        let witness = witness.map_err(|_| OpenError::Name(store.origin.clone()))?;
        store.disk.write(WITNESS_PUBLIC, format!("{witness}\n").as_bytes()).map_err(no_write)?;
    }
    store.bytes = own.used().map_err(no_folder)?;
    if store.is_behind() {
        store.publish().map_err(no_write)?;
    }
    sweep(&own, store.published);
    Ok(Opened { store, tokens, key: named })
}

fn checkpoint_of(folder: &Folder) -> Result<Option<(Note, Checkpoint)>, OpenError> {
    let bytes = match folder.read(CHECKPOINT) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(OpenError::Folder(folder.path().to_owned(), why)),
    };
    let read = || {
        let note = Note::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        Some((note, checkpoint))
    };
    let damaged = || OpenError::Damaged(folder.path().to_owned(), "its checkpoint is none".to_owned());
    read().map(Some).ok_or_else(damaged)
}

/// States of files that are full now, and files that were not whole: nobody asks for either. That a process was killed
/// before it took them away is no reason to begin nothing.
fn sweep(folder: &Folder, size: u64) {
    let is_done = |name: &str| {
        let named = tile::named(name);
        named.is_some_and(|is| tile::width(is.level.unwrap_or(0), is.number, size) == tile::WIDTH)
    };
    if let Err(why) = folder.sweep(&is_done) {
        tracing::warn!(%why, "leftovers of an audit log could not be taken away");
    }
}

/// A log keeps its name, whatever becomes of what the name was made of.
fn origin_of(
    settings: &AuditSettings,
    region: &RegionName,
    key: &SigningKey,
    checkpoint: Option<&(Note, Checkpoint)>,
) -> Result<String, OpenError> {
    let there = checkpoint.map(|(_, checkpoint)| checkpoint.origin.clone());
    let origin = match (&settings.origin, there) {
        (Some(wanted), Some(there)) if *wanted != there => {
            return Err(OpenError::OtherLog(settings.dir.clone(), there, wanted.clone()));
        }
        (_, Some(there)) => there,
        (Some(wanted), None) => wanted.clone(),
        (None, None) => {
            let key: String = key.public().name().chars().take(8).collect();
            format!("tutti/{region}/{key}")
        }
    };
    if is_name(&origin) { Ok(origin) } else { Err(OpenError::Name(origin)) }
}

/// The tree as the checkpoint left it.
fn restore(store: &mut Store, checkpoint: &Checkpoint) -> Result<(), String> {
    let size = checkpoint.size;
    store.edge.size = size;
    for level in 0..tile::LEVELS_MAX {
        let number = size.checked_shr(tile::HEIGHT * (level + 1)).unwrap_or(0);
        let width = tile::width(level, number, size);
        let name = tile::of_hashes(level, number, width);
        let hashes = if width == 0 { Vec::new() } else { hashes_of(store, &name, width)? };
        store.edge.levels.push(hashes);
    }
    if store.edge.root() != checkpoint.root {
        return Err("its tiles do not have the root that was signed".to_owned());
    }
    let number = size / tile::WIDTH;
    let width = tile::width(0, number, size);
    if width > 0 {
        let name = tile::of_entries(number, width);
        store.bundle = store.disk.read(&name).map_err(|why| format!("{name}: {why}"))?;
        let (entries, over) = tile::entries(&store.bundle);
        let leaves = tile::leaves(entries.into_iter().map(|(_, entry)| entry));
        if over != 0 || store.edge.levels.first() != Some(&leaves) {
            return Err(format!("{name} does not hold the records that were signed"));
        }
        store.last = leaves.last().copied().unwrap_or(store.last);
    } else if size > 0 {
        let name = tile::of_hashes(0, number.saturating_sub(1), tile::WIDTH);
        store.last = hashes_of(store, &name, tile::WIDTH)?.last().copied().unwrap_or(store.last);
    }
    store.published = size;
    Ok(())
}

fn hashes_of(store: &Store, name: &str, width: u64) -> Result<Vec<Hash>, String> {
    let bytes = store.disk.read(name).map_err(|why| format!("{name}: {why}"))?;
    let hashes = tile::hashes(&bytes).filter(|hashes| hashes.len() as u64 == width);
    hashes.ok_or_else(|| format!("{name} has not the hashes that it should have"))
}

/// What was acknowledged and is in no tile yet.
fn replay(store: &mut Store) -> Result<(), String> {
    let bytes = match store.disk.read(JOURNAL) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(format!("{JOURNAL}: {why}")),
    };
    let read = journal::read(&bytes);
    if let Some(at) = read.damaged_at {
        return Err(format!("{JOURNAL} is damaged at byte {at}, and whole records follow"));
    }
    for batch in &read.batches {
        let after = batch.first.saturating_add(batch.entries.len() as u64);
        // Of before the checkpoint: the journal was about to be emptied.
        if after <= store.published {
            continue;
        }
        if batch.first != store.edge.size {
            return Err(format!("{JOURNAL} goes on with record {} after {}", batch.first, store.edge.size));
        }
        for bytes in &batch.entries {
            let is_next = entry::look(bytes).is_ok_and(|(previous, _)| previous == store.last);
            if !is_next {
                return Err(format!(
                    "record {} in {JOURNAL} does not follow the one before",
                    store.edge.size
                ));
            }
            store.take(bytes, leaf(bytes));
        }
    }
    if read.is_wrong {
        keep_wrong(store, &bytes, read.end)?;
    }
    // Appending cuts off what a write that did not end has left.
    store.journal_bytes = if store.is_behind() { read.end } else { 0 };
    Ok(())
}

/// What was written last is not what its sum is of. It may have been acknowledged, and somebody may want to look at it.
fn keep_wrong(store: &Store, journal: &[u8], from: u64) -> Result<(), String> {
    let name = format!("{JOURNAL}.wrong.{}", store.edge.size);
    let wrong = usize::try_from(from).ok().and_then(|from| journal.get(from..)).unwrap_or_default();
    store.disk.write(&name, wrong).map_err(|why| format!("{name}: {why}"))?;
    tracing::warn!(
        log = %store.origin, from = store.edge.size, kept = %name,
        "what was written last to the audit log is not as its sums say: it was changed, or the disk lost some of it"
    );
    Ok(())
}

fn key_of(folder: &Folder) -> Result<SigningKey, OpenError> {
    let path = folder.path().join(KEY);
    let wrong = |why: String| OpenError::Key(path.clone(), why);
    match folder.read(KEY) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
            SigningKey::from_pem(text).map_err(|why| wrong(why.to_string()))
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate().map_err(|why| wrong(why.to_string()))?;
            folder.write_secret(KEY, &key.to_pem()).map_err(|why| OpenError::Write(path.clone(), why))?;
            Ok(key)
        }
        Err(why) => Err(wrong(why.to_string())),
    }
}

/// The key in the folder, or a new one where it has served its time; the old one stays under its name.
fn tokens_of(folder: &Folder) -> Result<Tokens, OpenError> {
    let path = folder.path().join(TOKENS);
    let wrong = |why: &str| OpenError::Key(path.clone(), why.to_owned());
    let no_write = |why| OpenError::Write(path.clone(), why);
    let now = wall_nanos() / 1_000_000_000;
    match folder.read(TOKENS) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            let (key, made) =
                read_tokens(&bytes).ok_or_else(|| wrong("64 hex digits and a number are expected"))?;
            let tokens = Tokens::new(&key);
            if now.saturating_sub(made) < TOKENS_SECONDS_MAX {
                return Ok(tokens);
            }
            folder.rename(TOKENS, &format!("tokens.{}.key", tokens.name())).map_err(no_write)?;
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(wrong(&why.to_string())),
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut *key).map_err(|_| wrong("there are no random numbers"))?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    folder
        .write_secret(TOKENS, &Zeroizing::new(format!("{} {now}\n", Zeroizing::new(hex).as_str())))
        .map_err(no_write)?;
    Ok(Tokens::new(&key))
}

/// A key as it stands in its file: hex, and when it was made, in seconds of the epoch.
fn read_tokens(bytes: &[u8]) -> Option<(Zeroizing<[u8; KEY_BYTES]>, u64)> {
    let (hex, made) = std::str::from_utf8(bytes).ok()?.trim_end().split_once(' ')?;
    Some((parse_key(hex)?, made.parse().ok()?))
}

/// 64 hex digits.
pub fn parse_key(hex: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let (pairs, over) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_BYTES || !over.is_empty() {
        return None;
    }
    for (to, pair) in key.iter_mut().zip(pairs) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}
