//! Answers of a Tempo, read into the words of the model: what `answers` writes, taken apart again.
//!
//! A region may send anything. What does not read is an error, never a guess; what takes part in an answer is
//! counted, since a few bytes on the wire are a hundred in memory; fields nobody knows are passed over. Whether
//! what is read is true is not known here.

mod metrics;
mod search;
mod tags;

#[cfg(test)]
mod tests;

use super::super::limits::{ANSWER_ITEMS_MAX, VALUE_DEPTH_MAX};
use crate::model::value::ShownValue;
use crate::wire::otlp::{any_value, key_value, list};
use crate::wire::protobuf::{Field, Reader, WireError};

pub use metrics::{read_instant, read_range};
pub use search::read_search;
pub use tags::{read_tag_names, read_tag_names_v2, read_tag_values, read_tag_values_v2};

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("an id in it is none")]
    Id,
    #[error("it holds more than {0} things")]
    TooMany(usize),
    #[error("it holds more rows than were asked for")]
    TooManyRows,
    #[error("it is no JSON of its kind")]
    Json,
}

/// How much more an answer may hold.
#[derive(Debug)]
struct Room(usize);

impl Room {
    fn new() -> Self {
        Self(ANSWER_ITEMS_MAX)
    }

    fn take(&mut self) -> Result<(), ReadError> {
        self.0 = self.0.checked_sub(1).ok_or(ReadError::TooMany(ANSWER_ITEMS_MAX))?;
        Ok(())
    }
}

/// Calls `with` for each field of a message.
fn each<'a>(
    message: &'a [u8],
    mut with: impl FnMut(&Field<'a>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut reader = Reader::new(message);
    while let Some(field) = reader.next()? {
        with(&field)?;
    }
    Ok(())
}

/// Text is UTF-8 in protobuf; what is not is shown with a mark in its place.
fn text(field: &Field<'_>) -> Result<String, ReadError> {
    Ok(String::from_utf8_lossy(field.bytes()?).into_owned())
}

/// `SearchMetrics` and its like: a number of theirs, or nothing.
fn number_in(message: &[u8], number: u32) -> Result<u64, ReadError> {
    let mut found = 0;
    each(message, |field| {
        if field.number == number {
            found = field.varint()?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// A `KeyValue`.
fn pair(message: &[u8], room: &mut Room) -> Result<(String, ShownValue), ReadError> {
    room.take()?;
    let (mut key, mut shown) = (String::new(), ShownValue::text(""));
    each(message, |field| {
        match field.number {
            key_value::KEY => key = text(field)?,
            key_value::VALUE => shown = value(field.bytes()?, room, 0)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, shown))
}

fn value(message: &[u8], room: &mut Room, depth: usize) -> Result<ShownValue, ReadError> {
    if depth > VALUE_DEPTH_MAX {
        return Err(WireError::TooDeep(VALUE_DEPTH_MAX).into());
    }
    let mut shown = ShownValue::text("");
    each(message, |field| {
        shown = match field.number {
            any_value::STRING => ShownValue::Text(text(field)?),
            any_value::BOOL => ShownValue::Bool(field.varint()? != 0),
            any_value::INT => ShownValue::Int(field.varint()? as i64),
            any_value::DOUBLE => ShownValue::Float(f64::from_bits(field.fixed64()?)),
            any_value::ARRAY => ShownValue::Array(values(field.bytes()?, room, depth)?),
            _ => return Ok(()),
        };
        Ok(())
    })?;
    Ok(shown)
}

fn values(message: &[u8], room: &mut Room, depth: usize) -> Result<Vec<ShownValue>, ReadError> {
    let mut all = Vec::new();
    each(message, |field| {
        if field.number == list::VALUES {
            room.take()?;
            all.push(value(field.bytes()?, room, depth + 1)?);
        }
        Ok(())
    })?;
    Ok(all)
}
