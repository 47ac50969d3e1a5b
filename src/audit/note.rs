//! What is signed of a log: notes (C2SP signed-note), and in them checkpoints (C2SP tlog-checkpoint) with the
//! signature of the log and those of its witnesses (C2SP tlog-cosignature). Ed25519 alone.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tree::Hash;
use crate::proof::{SigningKey, VerifyingKey};

/// A checkpoint has a few hundred bytes; one with this many is none.
pub const NOTE_BYTES_MAX: usize = 64 << 10;

/// Signatures that are looked at on one note.
const SIGNATURES_MAX: usize = 64;

/// What a signature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The log's own.
    Log = 0x01,
    /// A witness's, with its time.
    Witness = 0x04,
}

/// A key with the name it signs under: `name+hash+base64`, as it is handed round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    pub name: String,
    pub kind: Kind,
    pub key: VerifyingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is no signed note: a text, an empty line, and lines that begin with `— `")]
    NoNote,
    #[error("it is no checkpoint: a name, a number and a hash, each on a line")]
    NoCheckpoint,
    #[error("it is no key: `name+hash+base64`, as `tutti audit verify` prints it")]
    NoKey,
    #[error("the hash in the key is not that of the key")]
    OtherKey,
    #[error("a name is 1 to 200 printable characters without space and without `+`")]
    NoName,
}

/// A text and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// With its last line feed.
    pub text: String,
    pub signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub key: [u8; 4],
    /// For a log, of 64 bytes; for a witness, its time before them.
    pub bytes: Vec<u8>,
}

/// How much of a log there is, and all of it in one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Whether it can name a log or a key.
pub fn is_name(text: &str) -> bool {
    let is_fit = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=200).contains(&text.len()) && text.chars().all(is_fit)
}

impl NamedKey {
    pub fn new(name: &str, kind: Kind, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::NoName);
        }
        Ok(Self { name: name.to_owned(), kind, key })
    }

    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.trim().split_once('+').ok_or(NoteError::NoKey)?;
        let (hash, key) = rest.split_once('+').ok_or(NoteError::NoKey)?;
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::NoKey)?;
        let (kind, raw) = bytes.split_first().ok_or(NoteError::NoKey)?;
        let kind = [Kind::Log, Kind::Witness].into_iter().find(|known| *known as u8 == *kind);
        let key = VerifyingKey::from_raw(raw).ok_or(NoteError::NoKey)?;
        let named = Self::new(name, kind.ok_or(NoteError::NoKey)?, key)?;
        if hex(&named.id()) == hash { Ok(named) } else { Err(NoteError::OtherKey) }
    }

    /// What its signatures are marked with.
    pub fn id(&self) -> [u8; 4] {
        let mut bytes = format!("{}\n", self.name).into_bytes();
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(self.key.raw());
        let [a, b, c, d, ..] = Hash::of(&bytes).0;
        [a, b, c, d]
    }

    /// Whether this key signed the note; of a witness, when, in seconds of the epoch.
    pub fn signed(&self, note: &Note) -> Option<u64> {
        let id = self.id();
        let own = note.signatures.iter().filter(|of| of.name == self.name && of.key == id);
        own.into_iter().find_map(|signature| match self.kind {
            Kind::Log => self.key.is_of(note.text.as_bytes(), &signature.bytes).then_some(0),
            Kind::Witness => {
                let (time, bytes) = signature.bytes.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                self.key.is_of(cosigned(time, &note.text).as_bytes(), bytes).then_some(time)
            }
        })
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind as u8];
        bytes.extend_from_slice(self.key.raw());
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(bytes))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl Note {
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let is_clean = text.chars().all(|c| c == '\n' || !c.is_control());
        if text.len() > NOTE_BYTES_MAX || !is_clean {
            return Err(NoteError::NoNote);
        }
        let at = text.rfind("\n\n").ok_or(NoteError::NoNote)?;
        let (text, signed) = text.split_at_checked(at + 1).ok_or(NoteError::NoNote)?;
        let signed = signed.strip_prefix('\n').filter(|signed| signed.ends_with('\n'));
        let lines = signed.ok_or(NoteError::NoNote)?.lines();
        let signatures: Option<Vec<_>> = lines.take(SIGNATURES_MAX).map(Signature::parse).collect();
        let signatures = signatures.filter(|signatures| !signatures.is_empty());
        Ok(Self { text: text.to_owned(), signatures: signatures.ok_or(NoteError::NoNote)? })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// One line of a note.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (key, bytes) = bytes.split_first_chunk::<4>()?;
        Some(Self { name: name.to_owned(), key: *key, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, STANDARD.encode([&self.key[..], &self.bytes].concat()))
    }
}

impl Checkpoint {
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::NoCheckpoint);
        let (origin, size, root) = (line()?, line()?, line()?);
        let number: u64 = size.parse().map_err(|_| NoteError::NoCheckpoint)?;
        // One spelling: no sign, no zero before it.
        let is_spelled = number.to_string() == size;
        let root = Hash::from_base64(root).filter(|_| is_spelled).ok_or(NoteError::NoCheckpoint)?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// As the log itself signs it.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, NoteError> {
        let named = NamedKey::new(&self.origin, Kind::Log, key.public().clone())?;
        let text = self.text();
        let bytes = key.sign(text.as_bytes()).to_vec();
        let signature = Signature { name: named.name.clone(), key: named.id(), bytes };
        Ok(Note { text, signatures: vec![signature] })
    }
}

/// The signature of a witness, who saw this note at this time.
pub fn cosign(note: &Note, name: &str, key: &SigningKey, seconds: u64) -> Result<Signature, NoteError> {
    let named = NamedKey::new(name, Kind::Witness, key.public().clone())?;
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign(cosigned(seconds, &note.text).as_bytes()));
    Ok(Signature { name: named.name.clone(), key: named.id(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_standard_is_read_and_what_it_signed_is_known() {
        // The example of the specification of signed notes.
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let (key, note) = (NamedKey::parse(key).unwrap(), Note::parse(note).unwrap());
        assert_eq!(key.signed(&note), Some(0));
        assert_eq!(NamedKey::parse(&key.to_string()).unwrap(), key);
        let other = Note { text: note.text.replace("think", "thunk"), ..note.clone() };
        assert_eq!(key.signed(&other), None);
        assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
    }

    #[test]
    fn a_checkpoint_is_signed_by_its_log_and_by_who_saw_it() {
        let (own, witness) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let checkpoint = Checkpoint { origin: "tutti/eu/1".to_owned(), size: 12, root: Hash::of(b"root") };
        let mut note = checkpoint.sign(&own).unwrap();
        note.signatures.push(cosign(&note, "us/2", &witness, 1_700_000_000).unwrap());
        let read = Note::parse(&note.to_string()).unwrap();
        assert_eq!(Checkpoint::parse(&read.text).unwrap(), checkpoint);
        let log = NamedKey::new("tutti/eu/1", Kind::Log, own.public().clone()).unwrap();
        let seen = NamedKey::new("us/2", Kind::Witness, witness.public().clone()).unwrap();
        assert_eq!((log.signed(&read), seen.signed(&read)), (Some(0), Some(1_700_000_000)));
        let stranger = NamedKey::new("us/2", Kind::Witness, own.public().clone()).unwrap();
        assert_eq!(stranger.signed(&read), None);
        let mut later = read.clone();
        later.signatures[1].bytes[7] ^= 1;
        assert_eq!(seen.signed(&later), None, "the time is signed, too");
    }

    #[test]
    fn what_is_no_note_no_checkpoint_and_no_key_is_refused() {
        for text in [
            "",
            "a\n",
            "a\n\n",
            "a\n\n— x\n",
            "a\n\n— x AAAA",
            "a\n\n- x AAAAAAAA\n",
            "a\t\n\n— x AAAAAAAA\n",
        ] {
            assert_eq!(Note::parse(text), Err(NoteError::NoNote), "{text:?}");
        }
        for text in [
            "",
            "a\n1\n",
            "a\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
            "a\n-1\nx\n",
            "a\n1\nAAAA\n",
        ] {
            assert_eq!(Checkpoint::parse(text), Err(NoteError::NoCheckpoint), "{text:?}");
        }
        let key = NamedKey::new("a", Kind::Log, SigningKey::generate().unwrap().public().clone()).unwrap();
        assert_eq!(NamedKey::parse(&key.to_string().replacen('a', "b", 1)), Err(NoteError::OtherKey));
        assert_eq!(NamedKey::parse("a+b"), Err(NoteError::NoKey));
        assert_eq!(NamedKey::new("a b", Kind::Log, key.key.clone()), Err(NoteError::NoName));
    }
}
