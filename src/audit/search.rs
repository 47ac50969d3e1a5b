//! Which records somebody looks for, and the newest of them, from the end of a log towards its beginning: a bounded
//! number at a time, so that a log of years is walked in steps.

use std::io;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::disk::Disk;
use super::read::{ReadError, Reader, Stored};
use super::tile::WIDTH;
use crate::model::TraceId;

/// Records that one step looks at: a second or two of work where each has to be read, and much less where its bytes
/// alone say that it does not fit.
pub const LOOKED_MAX: u64 = 64 * 1024;

/// Bytes of records that one step finds.
const FOUND_BYTES_MAX: usize = 8 << 20;

/// How far a clock may have been put back without a record being overlooked: a step ends where a whole bundle is older
/// than what is looked for by more than this.
const CLOCK_SLACK: Duration = Duration::from_hours(24);

/// What a record must be; what is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Who it was, exactly.
    pub subject: Option<String>,
    /// How what happened begins.
    pub event: Option<String>,
    pub since: Option<SystemTime>,
    pub until: Option<SystemTime>,
    pub trace: Option<TraceId>,
    pub purpose: Option<String>,
}

/// `2026-01-31T12:00:00Z`, or `2026-01-31`, which begins at midnight, UTC.
pub fn parse_time(text: &str) -> Result<SystemTime, String> {
    let time =
        humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z")));
    time.map_err(|_| "a time is written `2026-01-31` or `2026-01-31T12:00:00Z`".to_owned())
}

/// A record as an object; none where it is no record.
pub fn value(record: &Stored) -> Option<Value> {
    serde_json::from_slice(&record.bytes).ok()
}

/// A text of a record by its path.
pub fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

/// When a record was written.
pub fn time(value: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(text(value, "/time")).ok()
}

impl Wanted {
    pub fn fits(&self, value: &Value) -> bool {
        let is =
            |wanted: &Option<String>, path| wanted.as_ref().is_none_or(|wanted| text(value, path) == wanted);
        let since = self.since.is_none_or(|since| time(value).is_some_and(|at| at >= since));
        let until = self.until.is_none_or(|until| time(value).is_some_and(|at| at < until));
        let event = self.event.as_ref().is_none_or(|event| text(value, "/event").starts_with(event.as_str()));
        let trace = self.trace.is_none_or(|id| {
            let id = id.to_string();
            let two = value.pointer("/asked/traces").and_then(Value::as_array);
            text(value, "/asked/trace") == id || two.is_some_and(|two| two.iter().any(|one| *one == *id))
        });
        is(&self.subject, "/who/subject") && is(&self.purpose, "/purpose") && since && until && event && trace
    }

    /// Texts that stand in every record that fits, as they stand there.
    fn words(&self) -> Vec<String> {
        let quoted = |text: &String| {
            let mut out = String::new();
            super::json::write_text(text, &mut out);
            out
        };
        let mut words: Vec<String> =
            [&self.subject, &self.purpose].into_iter().flatten().map(quoted).collect();
        words.extend(self.trace.map(|id| id.to_string()));
        words
    }

    /// Whether everything of a bundle is so old that nothing before it can fit.
    fn is_before(&self, values: &[Value]) -> bool {
        let Some(since) = self.since.and_then(|since| since.checked_sub(CLOCK_SLACK)) else { return false };
        !values.is_empty() && values.iter().all(|value| time(value).is_some_and(|at| at < since))
    }
}

/// What one step found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest first.
    pub records: Vec<Stored>,
    /// Where the next step begins: before this record. None where the beginning of the log was reached, or of the time
    /// that is looked at.
    pub next: Option<u64>,
    /// Where records before this one are not there: they are no longer kept, or somebody took them away.
    pub gone: Option<u64>,
}

/// The newest records that fit, of the first `size` and before `before`.
pub fn backwards(
    disk: &dyn Disk,
    size: u64,
    wanted: &Wanted,
    before: u64,
    limit: usize,
) -> Result<Found, ReadError> {
    let reader = Reader::new(disk, size);
    let words = wanted.words();
    let (mut at, mut found, mut bytes) = (before.min(size), Found::default(), 0);
    let last = at.saturating_sub(LOOKED_MAX);
    while at > last {
        let number = (at - 1) / WIDTH;
        let records = match reader.bundle(number) {
            Ok((records, _)) => records,
            Err(ReadError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => {
                found.gone = Some((number + 1) * WIDTH);
                return Ok(found);
            }
            Err(why) => return Err(why),
        };
        let is_end = |of: &[Stored]| {
            let ends = [of.first(), of.last()].into_iter().flatten();
            wanted.is_before(&ends.filter_map(value).collect::<Vec<_>>())
        };
        let is_old = is_end(&records);
        for record in records.into_iter().rev().filter(|record| record.index < at) {
            let has = |word: &String| memchr::memmem::find(&record.bytes, word.as_bytes()).is_some();
            if !words.iter().all(has) || !value(&record).is_some_and(|value| wanted.fits(&value)) {
                continue;
            }
            bytes += record.bytes.len();
            let index = record.index;
            found.records.push(record);
            if found.records.len() >= limit || bytes >= FOUND_BYTES_MAX {
                found.next = Some(index).filter(|index| *index > 0);
                return Ok(found);
            }
        }
        at = number * WIDTH;
        if is_old {
            return Ok(found);
        }
    }
    found.next = Some(at).filter(|at| *at > 0);
    Ok(found)
}
