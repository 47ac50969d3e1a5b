//! Answers for a stream: protobuf messages, none larger than a client of Tempo expects. They are split as
//! Tempo splits them: every message repeats the metrics, the last one says what is missing, and the names of
//! one scope may go on in the next message.
//!
//! What cannot be split, a single row, is sent as large as it is.

use bytes::Bytes;

use super::Jobs;
use super::metrics::{Incomplete, put_instant, put_series};
use super::search;
use super::tags::{self, in_one_list, put_typed, texts};
use crate::model::metrics::MetricsAnswer;
use crate::model::search::SearchAnswer;
use crate::model::tags::{TagNames, TagValues};
use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};

/// Tempo's `max_grpc_streaming_packet_size`.
pub const PACKET_BYTES_MAX: usize = 1 << 20;

/// Of every answer, its list.
const LIST: u32 = 1;

mod metrics_response {
    pub const STATUS: u32 = 3;
    pub const MESSAGE: u32 = 4;
    pub const PARTIAL: u64 = 1;
}

/// What a tag and its length take of a nested message.
const NESTED_BYTES: usize = 12;

/// Messages in the making.
struct Packets {
    closed: Vec<Bytes>,
    open: Vec<u8>,
    /// Ends every message.
    metrics: Vec<u8>,
    /// Ends the last one.
    end: Vec<u8>,
}

impl Packets {
    fn new(metrics: Vec<u8>, end: Vec<u8>) -> Self {
        Self { closed: Vec::new(), open: Vec::new(), metrics, end }
    }

    fn room(&self) -> usize {
        PACKET_BYTES_MAX.saturating_sub(self.open.len() + self.metrics.len() + self.end.len())
    }

    /// Adds a field, which is never split.
    fn put(&mut self, field: &[u8]) {
        if field.len() > self.room() {
            self.close();
        }
        self.open.extend_from_slice(field);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let mut packet = std::mem::take(&mut self.open);
            packet.extend_from_slice(&self.metrics);
            self.closed.push(packet.into());
        }
    }

    /// At least one message, be there nothing to say.
    fn finish(mut self) -> Vec<Bytes> {
        self.open.extend_from_slice(&self.metrics);
        self.open.extend_from_slice(&self.end);
        self.closed.push(self.open.into());
        self.closed
    }
}

fn listed<T>(items: &[T], mut packets: Packets, mut put: impl FnMut(&mut Vec<u8>, &T)) -> Vec<Bytes> {
    let mut field = Vec::new();
    for item in items {
        field.clear();
        put(&mut field, item);
        packets.put(&field);
    }
    packets.finish()
}

pub fn search_packets(answer: &SearchAnswer, jobs: Jobs) -> Vec<Bytes> {
    let packets = Packets::new(search_metrics(answer.inspected, jobs), Vec::new());
    listed(&answer.traces, packets, search::put_row)
}

pub fn tag_names_packets(names: &TagNames) -> Vec<Bytes> {
    let packets = Packets::new(tags::metrics(names.inspected.bytes), Vec::new());
    listed(&in_one_list(names), packets, |out, name| put_bytes_field(out, LIST, name.as_bytes()))
}

/// A scope that does not fit goes on under its name in the next message.
pub fn tag_names_v2_packets(names: &TagNames) -> Vec<Bytes> {
    let mut packets = Packets::new(tags::metrics(names.inspected.bytes), Vec::new());
    for (scope, tags) in &names.scopes {
        let mut begun = tags::scope_begin(*scope);
        let name = begun.len();
        for tag in tags {
            let mut field = Vec::new();
            tags::put_tag_of_scope(&mut field, tag);
            if begun.len() > name && begun.len() + field.len() + NESTED_BYTES > packets.room() {
                put_scope(&mut packets, &begun);
                packets.close();
                begun.truncate(name);
            }
            begun.extend_from_slice(&field);
        }
        put_scope(&mut packets, &begun);
    }
    packets.finish()
}

fn put_scope(packets: &mut Packets, scope: &[u8]) {
    let mut field = Vec::new();
    put_bytes_field(&mut field, LIST, scope);
    packets.put(&field);
}

pub fn tag_values_packets(values: &TagValues) -> Vec<Bytes> {
    let packets = Packets::new(tags::metrics(values.inspected.bytes), Vec::new());
    listed(&texts(values), packets, |out, text| put_bytes_field(out, LIST, text.as_bytes()))
}

pub fn tag_values_v2_packets(values: &TagValues) -> Vec<Bytes> {
    let packets = Packets::new(tags::metrics(values.inspected.bytes), Vec::new());
    listed(&values.values, packets, put_typed)
}

pub fn range_packets(answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) -> Vec<Bytes> {
    let packets = Packets::new(search_metrics(answer.inspected, jobs), end(message));
    listed(&answer.series, packets, |out, series| {
        put_message(out, LIST, |out| put_series(out, series));
    })
}

/// The first sample of each series; a series without any is left out.
pub fn instant_packets(answer: &MetricsAnswer, jobs: Jobs, message: Incomplete<'_>) -> Vec<Bytes> {
    let packets = Packets::new(search_metrics(answer.inspected, jobs), end(message));
    listed(&answer.series, packets, |out, series| {
        if let Some(first) = series.samples.first() {
            put_message(out, LIST, |out| put_instant(out, series, first.value));
        }
    })
}

fn search_metrics(inspected: crate::model::search::Inspected, jobs: Jobs) -> Vec<u8> {
    let mut out = Vec::new();
    search::put_metrics(&mut out, inspected, jobs);
    out
}

fn end(message: Incomplete<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(message) = message {
        put_varint_field(&mut out, metrics_response::STATUS, metrics_response::PARTIAL);
        put_bytes_field(&mut out, metrics_response::MESSAGE, message.as_bytes());
    }
    out
}
