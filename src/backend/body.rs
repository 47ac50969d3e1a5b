//! Reading a body, never more of it than agreed.
//!
//! The limit is on decompressed bytes, so a small body that unpacks into a large one ends at the limit
//! too. Knows nothing of what the bytes mean.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

/// Room made at first for a body of unknown length; it grows by doubling.
const ROOM_BYTES: usize = 64 << 10;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    Broken(reqwest::Error),
}

/// The whole body in one buffer, made at its announced size: each byte is copied once, and not at all if
/// the body came in one piece.
pub(super) async fn collect(mut response: Response, bytes_max: u64) -> Result<Bytes, BodyError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyError::TooLarge);
    }
    let Some(first) = next(&mut response).await? else { return Ok(Bytes::new()) };
    if announced == Some(first.len() as u64) {
        return Ok(first);
    }
    let room = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(ROOM_BYTES);
    let mut body = BytesMut::with_capacity(room.max(first.len()));
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        if (body.len() as u64).saturating_add(bytes.len() as u64) > bytes_max {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&bytes);
        chunk = next(&mut response).await?;
    }
    Ok(body.freeze())
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
