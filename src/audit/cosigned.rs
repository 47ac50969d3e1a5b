//! The own log before one of its witnesses (C2SP tlog-witness, the side that asks): what it is sent, and the last
//! checkpoint that it signed, which is kept in the folder of the log for whoever verifies it. Knows no address.
//!
//! A witness is believed in nothing but its signature.

use std::path::Path;

use super::disk::{Disk, Folder};
use super::note::{Checkpoint, Kind, NamedKey, Note, Signature};
use super::read::{self, ReadError, Reader, parse_checkpoint};
use super::tree::{self, Hash};
use super::witness;

/// Where checkpoints lie that somebody else signed, in the folder of the log.
pub const FOLDER: &str = "cosigned";

/// Lines of an answer that are looked at: a witness may sign by several keys.
const LINES_MAX: usize = 16;

/// The file of a witness, in the folder of the log.
pub fn file_of(witness: &str) -> String {
    format!("{FOLDER}/{}", witness::file_of(witness))
}

/// What came of an answer.
#[derive(Debug, thiserror::Error)]
pub enum CosignedError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("what the witness signed cannot be kept: {0}")]
    NotKept(std::io::Error),
    #[error("the answer of the witness is no signature of this checkpoint by its key")]
    NotSigned,
}

/// A question to a witness.
#[derive(Debug, Clone)]
pub struct Asked {
    pub text: String,
    pub checkpoint: Checkpoint,
    note: Note,
}

/// A log and one of its witnesses.
#[derive(Debug)]
pub struct Cosigned {
    folder: Folder,
    log: NamedKey,
    witness: NamedKey,
}

impl Cosigned {
    pub fn new(dir: &Path, log: NamedKey, witness: NamedKey) -> Self {
        Self { folder: Folder::at(dir), log, witness }
    }

    /// The checkpoint that the witness signed last, as far as it is kept and of both.
    pub fn last(&self) -> Option<Checkpoint> {
        let bytes = self.folder.read(&file_of(&self.witness.name)).ok()?;
        let (note, checkpoint) = parse_checkpoint(FOLDER, std::str::from_utf8(&bytes).ok()?).ok()?;
        let is_of_both = self.log.signed(&note).is_some() && self.witness.signed(&note).is_some();
        (is_of_both && checkpoint.origin == self.log.name).then_some(checkpoint)
    }

    /// Whether the log still goes on from that one. If it does not, it was put back, or written anew.
    pub fn is_ours(&self, kept: &Checkpoint) -> Result<bool, ReadError> {
        let (_, now) = read::checkpoint(&self.folder)?;
        if kept.size > now.size {
            return Ok(false);
        }
        Ok(tree::root(&Reader::new(&self.folder, now.size), kept.size)? == kept.root)
    }

    /// The last checkpoint for a witness that signed one of `from` records; without a proof where it has more.
    pub fn question(&self, from: u64) -> Result<Asked, ReadError> {
        let (note, checkpoint) = read::checkpoint(&self.folder)?;
        let reader = Reader::new(&self.folder, checkpoint.size);
        let proof: Vec<Hash> = tree::consistency(&reader, from, checkpoint.size)?;
        Ok(Asked { text: witness::question(from, &proof, &note), checkpoint, note })
    }

    /// Keeps what the witness answered, if it signed. Answers with its time, in seconds of the epoch.
    pub fn keep(&self, asked: &Asked, answer: &str) -> Result<u64, CosignedError> {
        let mut note = asked.note.clone();
        let lines = answer.lines().take(LINES_MAX).filter_map(Signature::parse);
        let of_witness = |line: &Signature| line.name == self.witness.name && line.key == self.witness.id();
        note.signatures.extend(lines.filter(of_witness));
        debug_assert_eq!(self.witness.kind, Kind::Witness);
        let seconds = self.witness.signed(&note).ok_or(CosignedError::NotSigned)?;
        let file = file_of(&self.witness.name);
        self.folder.write(&file, note.to_string().as_bytes()).map_err(CosignedError::NotKept)?;
        Ok(seconds)
    }
}
