//! Tempo's own messages: the by-id answer. Field numbers from Tempo's public `tempo.proto`.

use super::protobuf::{Reader, WireError};

/// `TraceByIDResponse`.
pub mod trace_by_id {
    pub const TRACE: u32 = 1;
    pub const METRICS: u32 = 2;
    pub const STATUS: u32 = 3;
    pub const MESSAGE: u32 = 4;
    /// Whatever else a status says, it is not this.
    pub const STATUS_COMPLETE: u64 = 0;
    pub const STATUS_PARTIAL: u64 = 1;
}

/// `TraceByIDMetrics`.
pub mod trace_by_id_metrics {
    pub const INSPECTED_BYTES: u32 = 1;
}

/// A by-id answer taken apart, as ranges of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceByIdParts {
    /// Where the `Trace` message lies; several are one message in pieces.
    pub traces: Vec<std::ops::Range<usize>>,
    pub is_partial: bool,
    pub inspected_bytes: u64,
}

/// Takes a `TraceByIDResponse` apart without looking into the trace.
pub fn read_trace_by_id(bytes: &[u8]) -> Result<TraceByIdParts, WireError> {
    let mut parts = TraceByIdParts::default();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next()? {
        match field.number {
            trace_by_id::TRACE => {
                field.bytes()?;
                parts.traces.push(field.value_start..field.end);
            }
            trace_by_id::METRICS => {
                let mut metrics = Reader::new(field.bytes()?);
                while let Some(field) = metrics.next()? {
                    if field.number == trace_by_id_metrics::INSPECTED_BYTES {
                        parts.inspected_bytes = parts.inspected_bytes.saturating_add(field.varint()?);
                    }
                }
            }
            trace_by_id::STATUS => parts.is_partial = field.varint()? != trace_by_id::STATUS_COMPLETE,
            _ => {}
        }
    }
    Ok(parts)
}
