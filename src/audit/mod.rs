//! Evidence of what was seen: one canonical record for each question, in a log that nobody can edit unseen.
//!
//! The log is an append-only Merkle tree (RFC 6962) in files that anyone can read and copy (C2SP tlog-tiles), under
//! checkpoints that the gateway signs and others may sign with it. A record is acknowledged once it is on the disk.
//! Knows no request and no status code: `api` says what happened, `cli` reads it.
//!
//! The only room besides `config` that touches files, and itself: what it holds must be there before an answer is.

pub mod cosigned;
pub mod disk;
pub mod entry;
mod journal;
pub mod json;
pub mod keep;
pub mod log;
pub mod note;
mod open;
pub mod question;
pub mod read;
pub mod record;
pub mod search;
pub mod settings;
mod store;
pub mod tile;
pub mod token;
pub mod tree;
pub mod verify;
pub mod witness;

#[cfg(test)]
mod tests;

pub use log::{AppendError, Log, Published, Receipt, State};
pub use open::{OpenError, PUBLIC, parse_key};
pub use record::{Event, Record};
pub use settings::AuditSettings;
pub use token::Tokens;
