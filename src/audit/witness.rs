//! A witness of other logs (C2SP tlog-witness): signs a checkpoint only if it goes on from the last one that it signed.
//! So a log that shows two histories, or takes back what it said, has to find two witnesses that never meet.
//!
//! What was signed is on the disk before the signature is given away: a witness that forgets is none.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::disk::{Disk, Folder};
use super::note::{self, Checkpoint, NOTE_BYTES_MAX, NamedKey, Note, Signature};
use super::settings::AuditSettings;
use super::tree::{HEIGHT_MAX, Hash, is_consistent};
use crate::proof::SigningKey;

/// Bytes of a question: a checkpoint and a proof.
pub const QUESTION_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * 45 + 64;

/// The folder in that of the own log.
const FOLDER: &str = "witness";

/// Why a checkpoint is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is no question to a witness: `old SIZE`, a proof, an empty line and a checkpoint")]
    NoQuestion,
    #[error("the log `{0}` is not known here: its key belongs into `witnessed` of [audit]")]
    UnknownLog(String),
    #[error("the checkpoint is not signed by the log's key")]
    NotSigned,
    /// The size that was signed last, from which a proof has to begin.
    #[error("the last checkpoint of this log that was signed here has {0} records")]
    From(u64),
    #[error("the checkpoint does not go on from the one that was signed last: the log has two histories")]
    Forked,
    #[error("what was signed cannot be kept, so nothing is signed")]
    NotKept,
}

/// A checkpoint that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub checkpoint: Checkpoint,
    pub signature: Signature,
    /// Whether it is another than the one that was signed last.
    pub is_new: bool,
}

/// Signs what it has seen.
pub struct Witness {
    name: String,
    key: SigningKey,
    logs: Vec<NamedKey>,
    folder: Mutex<Folder>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("name", &self.name)
            .field("logs", &self.logs.len())
            .finish_non_exhaustive()
    }
}

/// A checkpoint to be signed, with the proof that it goes on from an earlier one.
struct Question {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl Question {
    fn parse(text: &str) -> Option<Self> {
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.lines();
        let old = lines.next()?.strip_prefix("old ")?.parse().ok()?;
        let proof: Option<Vec<_>> = lines.map(Hash::from_base64).collect();
        let note = Note::parse(note).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        let proof = proof.filter(|proof| proof.len() <= HEIGHT_MAX as usize)?;
        // No log goes on from more than it has.
        (old <= checkpoint.size).then_some(Self { old, proof, note, checkpoint })
    }
}

/// The text of such a question.
pub fn question(old: u64, proof: &[Hash], note: &Note) -> String {
    let proof: String = proof.iter().map(|hash| format!("{}\n", hash.to_base64())).collect();
    format!("old {old}\n{proof}\n{note}")
}

/// The file of a name, which may hold anything.
pub(super) fn file_of(name: &str) -> String {
    Hash::of(name.as_bytes()).0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Witness {
    /// The witness of a gateway that has a log itself, by the same name and key.
    pub fn new(settings: &AuditSettings, name: &str, key: SigningKey) -> Self {
        let folder = Mutex::new(Folder::at(settings.dir.join(FOLDER)));
        Self { name: name.to_owned(), key, logs: settings.witnessed.clone(), folder }
    }

    /// The key by which its signatures are known.
    pub fn named_key(&self) -> Option<NamedKey> {
        NamedKey::new(&self.name, note::Kind::Witness, self.key.public().clone()).ok()
    }

    /// Signs, at this second of the epoch. Reads and writes files.
    pub fn sign(&self, text: &str, seconds: u64) -> Result<Signed, Refused> {
        let Question { old, proof, note, checkpoint } = Question::parse(text).ok_or(Refused::NoQuestion)?;
        let log = self.logs.iter().find(|log| log.name == checkpoint.origin);
        let log = log.ok_or_else(|| Refused::UnknownLog(checkpoint.origin.clone()))?;
        log.signed(&note).ok_or(Refused::NotSigned)?;
        // One at a time: two questions at once could each go on from the same checkpoint.
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file_of(&log.name);
        let last = last(&folder, &file)?;
        let is_new =
            last.as_ref().is_none_or(|last| (last.size, last.root) != (checkpoint.size, checkpoint.root));
        let (size, root) = last.map_or((0, super::tree::empty()), |last| (last.size, last.root));
        if old != size {
            return Err(Refused::From(size));
        }
        if !is_consistent(&proof, (size, root), (checkpoint.size, checkpoint.root)) {
            return Err(Refused::Forked);
        }
        let signature = note::cosign(&note, &self.name, &self.key, seconds).map_err(|_| Refused::NotKept)?;
        // The same again is on the disk already.
        if is_new {
            folder.write(&file, note.to_string().as_bytes()).map_err(|_| Refused::NotKept)?;
        }
        Ok(Signed { checkpoint, signature, is_new })
    }
}

/// The checkpoint that was signed last. One that cannot be read is not taken for none.
fn last(folder: &Folder, file: &str) -> Result<Option<Checkpoint>, Refused> {
    let bytes = match folder.read(file) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(Refused::NotKept),
    };
    let note = std::str::from_utf8(&bytes).ok().and_then(|text| Note::parse(text).ok());
    let checkpoint = note.and_then(|note| Checkpoint::parse(&note.text).ok());
    checkpoint.map(Some).ok_or(Refused::NotKept)
}
