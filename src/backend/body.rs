//! Reading a body, never more of it than agreed.
//!
//! The limit is on decompressed bytes, so a small body that unpacks into a large one ends at the limit
//! too. Knows nothing of what the bytes mean.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use crate::task::ledger::{Full, Hold, Ledger};

/// Room made at first for a body of unknown length; it grows by doubling.
const ROOM_BYTES: usize = 64 << 10;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    /// It does not fit beside everything else that is held, and did not after a short wait.
    NoRoom,
    Broken(reqwest::Error),
}

/// The whole body in one buffer, made at its announced size: each byte is copied once, and not at all if
/// the body came in one piece. What is held of it is in the ledger for as long as any slice of it lives.
pub(super) async fn collect(
    mut response: Response,
    bytes_max: u64,
    ledger: &Ledger,
) -> Result<Bytes, BodyError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyError::TooLarge);
    }
    let mut hold = hold(ledger, announced.unwrap_or(ROOM_BYTES as u64)).await?;
    let Some(first) = next(&mut response).await? else { return Ok(Bytes::new()) };
    if announced == Some(first.len() as u64) {
        return Ok(held(first, hold));
    }
    let room = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(ROOM_BYTES);
    let mut body = BytesMut::with_capacity(room.max(first.len()));
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        if (body.len() as u64).saturating_add(bytes.len() as u64) > bytes_max {
            return Err(BodyError::TooLarge);
        }
        make_room(&mut hold, (body.len(), body.capacity()), bytes.len())
            .await
            .map_err(|_| BodyError::NoRoom)?;
        body.extend_from_slice(&bytes);
        chunk = next(&mut response).await?;
    }
    hold.shrink_to(body.capacity() as u64);
    Ok(held(body.freeze(), hold))
}

/// How long a body waits for others to be let go of, where all that may be held is.
pub(super) const MEMORY_PATIENCE: Duration = Duration::from_millis(500);

/// Room in the ledger for what a buffer of this length and capacity is about to take in. One that is full grows to twice
/// its size, and while it is copied both are there.
pub(super) async fn make_room(
    hold: &mut Hold,
    (length, capacity): (usize, usize),
    more: usize,
) -> Result<(), Full> {
    let wanted = length.saturating_add(more);
    if wanted <= capacity {
        return Ok(());
    }
    hold.grow(hold.missing_for((wanted as u64).saturating_mul(3)), MEMORY_PATIENCE).await
}

async fn hold(ledger: &Ledger, bytes: u64) -> Result<Hold, BodyError> {
    ledger.hold(bytes, MEMORY_PATIENCE).await.map_err(|_| BodyError::NoRoom)
}

/// Bytes and their entry in the ledger.
struct Held {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes that are in the ledger for as long as any slice of them lives.
pub(super) fn held(bytes: Bytes, hold: Hold) -> Bytes {
    if hold.is_counted() { Bytes::from_owner(Held { bytes, _hold: hold }) } else { bytes }
}

/// The beginning of a body, for a look at what it says. A body that breaks off, or takes its time, is good
/// up to there: the status has already told the outcome.
pub(super) async fn beginning(mut response: Response, bytes_max: usize, patience: Duration) -> Vec<u8> {
    let mut text = Vec::new();
    let until = Instant::now() + patience;
    while text.len() < bytes_max {
        let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await else { break };
        text.extend(chunk.iter().take(bytes_max - text.len()));
    }
    text
}

async fn next(response: &mut Response) -> Result<Option<Bytes>, BodyError> {
    response.chunk().await.map_err(BodyError::Broken)
}
