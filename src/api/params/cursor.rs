//! A cursor: where a page of a search ended, as a text that a client sends back.
//!
//! It holds what the client was told anyway (when the last row starts, and its id), the time that was searched, and
//! a digest of what was asked under which policy. It is signed by nobody: whoever writes one by hand gets a page
//! that could be asked for by other means.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Params, bad};
use crate::api::error::ApiError;
use crate::model::TraceId;
use crate::model::search::{Position, Window};

/// Changes with what the bytes mean.
const VERSION: u8 = 1;

/// What must be the same on every page; how many rows one has may differ.
const ASKED: [&str; 7] = ["q", "tags", "minDuration", "maxDuration", "start", "end", "since"];

const DIGEST_BYTES: usize = 16;

/// Longer ones are none, and are not decoded.
const TEXT_BYTES_MAX: usize = 128;

/// Stands for what is asked and for the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    pub fn of(params: &Params, plan: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in ASKED.map(|name| params.get(name).unwrap_or_default()).into_iter().chain([plan]) {
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        let mut digest = [0; DIGEST_BYTES];
        hasher.finalize_xof().fill(&mut digest);
        Self(digest)
    }
}

/// The first page says for all of them what time is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub digest: Digest,
    pub window: Option<Window>,
    pub position: Position,
}

impl Cursor {
    pub fn to_text(self) -> String {
        // No window begins and ends at 0.
        let window = self.window.unwrap_or(Window { start: 0, end: 0 });
        let mut bytes = vec![VERSION];
        bytes.extend(self.digest.0);
        bytes.extend(window.start.to_be_bytes());
        bytes.extend(window.end.to_be_bytes());
        bytes.extend(self.position.start.to_be_bytes());
        bytes.extend(self.position.id.as_bytes());
        bytes.extend(self.position.listed.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what is a cursor of the question with this digest.
    pub fn read(text: &str, digest: Digest) -> Result<Self, ApiError> {
        let cursor =
            Self::parse(text).ok_or_else(|| bad("invalid cursor: take it from `Tutti-Next` as it is"))?;
        if cursor.digest != digest {
            return Err(bad(
                "invalid cursor: it is of another query, time or policy; ask for the first page without one",
            ));
        }
        Ok(cursor)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() <= TEXT_BYTES_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let ([VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (digest, rest) = rest.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let window = Window { start: u32::from_be_bytes(*start), end: u32::from_be_bytes(*end) };
        let (start, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let listed = rest.try_into().ok()?;
        let position = Position {
            start: u64::from_be_bytes(*start),
            id: TraceId::from_bytes(*id),
            listed: u64::from_be_bytes(listed),
        };
        let is_none = window == Window { start: 0, end: 0 };
        Some(Self { digest: Digest(*digest), window: (!is_none).then_some(window), position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(query: &str, plan: &str) -> Digest {
        Digest::of(&Params::of(&format!("/?{query}").parse().unwrap()), plan)
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is_a_cursor() {
        let position = Position { start: 3, id: TraceId::from_bytes([7; 16]), listed: u64::MAX };
        for window in [None, Some(Window { start: 1, end: u32::MAX })] {
            let cursor = Cursor { digest: digest("q=a", "plan"), window, position };
            let text = cursor.to_text();
            assert_eq!(Cursor::read(&text, cursor.digest).unwrap(), cursor);
            for lie in [
                text.get(1..).unwrap(),
                text.get(..70).unwrap(),
                &format!("{text}AAAA"),
                "",
                "%",
                &"A".repeat(9000),
                &text.replacen("A", "B", 1),
            ] {
                assert!(Cursor::parse(lie).is_none_or(|other| other != cursor), "{lie}");
                assert!(Cursor::read(lie, cursor.digest).is_err(), "{lie}");
            }
        }
    }

    #[test]
    fn a_question_is_the_same_whatever_the_page_is_like() {
        let one = digest("q=a&start=1&end=2&limit=3", "plan");
        assert_eq!(one, digest("end=2&q=a&start=1&spss=1&cursor=x", "plan"));
        for (query, plan) in [
            ("q=a&start=1&end=2", "other"),
            ("q=b&start=1&end=2", "plan"),
            ("q=a&start=1&end=3", "plan"),
            ("q=a&start=12", "plan"),
            ("tags=a&start=1&end=2", "plan"),
        ] {
            assert_ne!(one, digest(query, plan), "{query} {plan}");
        }
    }
}
