//! `SearchResponse`.
//!
//! Ids come with or without zeros in front, in either case, and every region does it its own way: they are
//! made numbers at once. The older place of the first set counts only where the newer one is empty.

use super::super::search::{NANOS_PER_MS, NO_ROOT, entry, metrics, response, span, span_set, stats, trace};
use super::{ReadError, Room, each, number_in, pair, text};
use crate::model::TraceId;
use crate::model::search::{Inspected, SearchAnswer, ServiceStats, SpanRow, SpanSet, TraceRow};

/// `rows_max` is what was asked for: more is no answer to the question.
pub fn read_search(bytes: &[u8], rows_max: u32) -> Result<SearchAnswer, ReadError> {
    let mut room = Room::new();
    let mut answer = SearchAnswer::default();
    each(bytes, |field| {
        match field.number {
            response::TRACES => {
                if answer.traces.len() >= rows_max as usize {
                    return Err(ReadError::TooManyRows);
                }
                answer.traces.push(row(field.bytes()?, &mut room)?);
            }
            response::METRICS => {
                let message = field.bytes()?;
                answer.inspected = Inspected {
                    traces: number_in(message, metrics::TRACES)?,
                    bytes: number_in(message, metrics::BYTES)?,
                    spans: 0,
                };
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(answer)
}

fn row(message: &[u8], room: &mut Room) -> Result<TraceRow, ReadError> {
    room.take()?;
    let mut id = None;
    let mut older = None;
    let mut row = TraceRow {
        id: TraceId::from_bytes([0; 16]),
        root_service: String::new(),
        root_name: String::new(),
        start: 0,
        duration_ns: 0,
        span_sets: Vec::new(),
        service_stats: Default::default(),
    };
    each(message, |field| {
        match field.number {
            trace::ID => id = Some(TraceId::parse(&text(field)?).map_err(|_| ReadError::Id)?),
            trace::ROOT_SERVICE => {
                let service = text(field)?;
                row.root_service = if service == NO_ROOT { String::new() } else { service };
            }
            trace::ROOT_NAME => row.root_name = text(field)?,
            trace::START => row.start = field.varint()?,
            trace::DURATION_MS => row.duration_ns = field.varint()?.saturating_mul(NANOS_PER_MS),
            trace::SPAN_SET => older = Some(field.bytes()?),
            trace::SPAN_SETS => row.span_sets.push(set(field.bytes()?, room)?),
            trace::SERVICE_STATS => {
                room.take()?;
                let (service, counts) = service(field.bytes()?)?;
                row.service_stats.insert(service, counts);
            }
            _ => {}
        }
        Ok(())
    })?;
    if let (Some(older), true) = (older, row.span_sets.is_empty()) {
        row.span_sets.push(set(older, room)?);
    }
    row.id = id.ok_or(ReadError::Id)?;
    Ok(row)
}

fn service(message: &[u8]) -> Result<(String, ServiceStats), ReadError> {
    let (mut name, mut counts) = (String::new(), ServiceStats::default());
    let count = |message, number| number_in(message, number).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    each(message, |field| {
        match field.number {
            entry::KEY => name = text(field)?,
            entry::VALUE => {
                let message = field.bytes()?;
                counts = ServiceStats {
                    spans: count(message, stats::SPANS)?,
                    errors: count(message, stats::ERRORS)?,
                };
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, counts))
}

fn set(message: &[u8], room: &mut Room) -> Result<SpanSet, ReadError> {
    room.take()?;
    let mut set = SpanSet::default();
    each(message, |field| {
        match field.number {
            span_set::SPANS => set.spans.push(span_row(field.bytes()?, room)?),
            span_set::MATCHED => set.matched = u32::try_from(field.varint()?).unwrap_or(u32::MAX),
            span_set::ATTRIBUTES => set.attributes.push(pair(field.bytes()?, room)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(set)
}

fn span_row(message: &[u8], room: &mut Room) -> Result<SpanRow, ReadError> {
    room.take()?;
    let mut row =
        SpanRow { id: [0; 8], name: String::new(), start: 0, duration_ns: 0, attributes: Vec::new() };
    each(message, |field| {
        match field.number {
            span::ID => row.id = span_id(field.bytes()?)?,
            span::NAME => row.name = text(field)?,
            span::START => row.start = field.varint()?,
            span::DURATION => row.duration_ns = field.varint()?,
            span::ATTRIBUTES => row.attributes.push(pair(field.bytes()?, room)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(row)
}

/// At most sixteen digits; a sign would be taken for one.
fn span_id(digits: &[u8]) -> Result<[u8; 8], ReadError> {
    let is_hex = !digits.is_empty() && digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex).ok_or(ReadError::Id)?;
    u64::from_str_radix(digits, 16).map(u64::to_be_bytes).map_err(|_| ReadError::Id)
}
