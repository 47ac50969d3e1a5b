//! What the log is told by the configuration.

use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::note::NamedKey;
use super::token::KEY_BYTES;
use crate::proof::SigningKey;

/// How long an answer waits for its record to be on the disk. A disk that takes longer is as good as none, and a
/// question has some 25 seconds in all.
pub const WAIT_MAX: Duration = Duration::from_secs(2);

/// Bytes of a log's folder where nothing else is said: some seventy million records.
pub const BYTES_MAX: u64 = 100 << 30;

/// Where the log is, and by which keys.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    pub dir: PathBuf,
    /// What the log is called; made of the region and the key where nothing is said.
    pub origin: Option<String>,
    /// Signs checkpoints; made and kept in the folder where nothing is said.
    pub key: Option<SigningKey>,
    /// Makes tokens; made and kept in the folder where nothing is said.
    pub token_key: Option<Zeroizing<[u8; KEY_BYTES]>>,
    /// The log takes no record beyond.
    pub bytes_max: u64,
    /// See [`WAIT_MAX`].
    pub wait_max: Duration,
    /// Logs of other gateways whose checkpoints this one signs, too.
    pub witnessed: Vec<NamedKey>,
}

impl AuditSettings {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            origin: None,
            key: None,
            token_key: None,
            bytes_max: BYTES_MAX,
            wait_max: WAIT_MAX,
            witnessed: Vec::new(),
        }
    }
}

/// Equal are those that make the same log.
impl PartialEq for AuditSettings {
    fn eq(&self, other: &Self) -> bool {
        let public = |of: &Self| of.key.as_ref().map(|key| key.public().clone());
        self.dir == other.dir
            && self.origin == other.origin
            && public(self) == public(other)
            && self.token_key == other.token_key
            && self.bytes_max == other.bytes_max
            && self.wait_max == other.wait_max
            && self.witnessed == other.witnessed
    }
}

impl Eq for AuditSettings {}
