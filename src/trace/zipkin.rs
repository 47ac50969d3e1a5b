//! Ids that a client and its server span share, as Zipkin instrumentation writes them.
//!
//! Tempo gives the server span of such a pair a new small id, counting from 1, when it answers. Two
//! regions that do so on their own would both hand out 1, and the join would take two spans for one.
//! So each region's renumbering is undone before the join, and done once after it.
//! Source: `/api/traces` behaviour of Tempo's query frontend.

use std::collections::{HashMap, HashSet};

use super::index::{Chunk, Flags, Span, id_number};
use super::join::Joined;
use super::span::{bytes_field, with_ids, with_parent};
use crate::wire::otlp::{kind, span};
use crate::wire::protobuf::WireError;

const SERVER: u8 = kind::SERVER as u8;
const CLIENT: u8 = kind::CLIENT as u8;

/// Gives renumbered server spans of regions that may renumber the ids they were stored with.
pub(super) fn restore(
    parts: &mut [(u16, Chunk)],
    may_renumber: impl Fn(u16) -> bool,
) -> Result<(), WireError> {
    // Nearly always nothing looks renumbered.
    if !parts.iter().any(|(rank, chunk)| may_renumber(*rank) && has_suspects(chunk)) {
        return Ok(());
    }
    let own =
        parts.iter().flat_map(|(rank, chunk)| numbered_by_their_own(chunk, may_renumber(*rank))).collect();
    for (_, chunk) in parts.iter_mut().filter(|(rank, _)| may_renumber(*rank)) {
        restore_shared_ids(chunk, &own)?;
    }
    Ok(())
}

/// A server span by its id, parent, start and end: enough to know its copy in another region.
type Seen = (u64, u64, u64, u64);

fn seen(span: &Span) -> Seen {
    (span.id, span.parent, span.start, span.end)
}

/// Server spans that are certainly shown as they are stored: a region renumbers none whose client it does not
/// hold. Their copies beside that client were not renumbered either.
fn numbered_by_their_own(chunk: &Chunk, may_renumber: bool) -> Vec<Seen> {
    let clients: HashSet<u64> =
        chunk.spans.iter().filter(|span| span.kind == CLIENT).map(|span| span.id).collect();
    let is_own = |span: &&Span| !may_renumber || !clients.contains(&span.parent);
    let servers = chunk.spans.iter().filter(|span| span.kind == SERVER && !span.flags.has(Flags::ODD_ID));
    servers.filter(is_own).map(seen).collect()
}

fn has_suspects(chunk: &Chunk) -> bool {
    let free = smallest_free(&chunk.spans);
    chunk.spans.iter().any(|span| is_suspect(span, free))
}

/// Whether its id may be a number that a Tempo gave.
fn is_suspect(span: &Span, free: u64) -> bool {
    span.kind == SERVER && (1..free).contains(&span.id) && !span.flags.has(Flags::ODD_ID)
}

/// The same of one region.
///
/// A server span is taken for renumbered if its parent is a client span and its id is a number that Tempo
/// gives: it gives the smallest that no span has, so below a given number there is none left. And Tempo hands
/// every child of the shared id to the server, so a client that still has another child was not part of it,
/// unless that is a copy of the server: copies are given a number each. A real span of that kind is renumbered
/// again after the join, to the same number if no other region's span has it; or is known to be real by its copy
/// in another region.
fn restore_shared_ids(chunk: &mut Chunk, own: &HashSet<Seen>) -> Result<(), WireError> {
    let free = smallest_free(&chunk.spans);
    let is_suspect = |span: &Span| is_suspect(span, free) && !own.contains(&seen(span));
    if !chunk.spans.iter().any(is_suspect) {
        return Ok(());
    }
    let renumbered = renumbered_children(chunk, is_suspect);
    let clients: HashMap<u64, Vec<u8>> = chunk
        .spans
        .iter()
        .filter(|span| span.kind == CLIENT && !span.flags.has(Flags::ODD_ID))
        .filter(|span| renumbered.contains(&span.id))
        .map(|span| (span.id, bytes_field(chunk.buffer.get(span.body), span::PARENT_SPAN_ID).to_vec()))
        .collect();
    // From the small id to the id it was stored with.
    let mut stored = HashMap::new();
    for span in &mut chunk.spans {
        if !is_suspect(span) {
            continue;
        }
        let Some(parent) = clients.get(&span.parent) else { continue };
        stored.insert(span.id, span.parent);
        let body = with_ids(chunk.buffer.get(span.body), span.parent, parent);
        span.body = chunk.buffer.add(&body)?;
        span.id = span.parent;
        set_parent(span, parent);
    }
    for span in &mut chunk.spans {
        let Some(id) = stored.get(&span.parent) else { continue };
        if span.id == *id && span.kind == SERVER {
            continue;
        }
        let body = with_parent(chunk.buffer.get(span.body), *id);
        span.body = chunk.buffer.add(&body)?;
        span.parent = *id;
    }
    Ok(())
}

/// The parents all of whose children may have been renumbered: one, or copies of one, which differ in nothing but
/// the number they were given.
fn renumbered_children(chunk: &Chunk, is_suspect: impl Fn(&Span) -> bool) -> HashSet<u64> {
    let parents: HashSet<u64> =
        chunk.spans.iter().filter(|span| is_suspect(span)).map(|span| span.parent).collect();
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut others: HashSet<u64> = HashSet::new();
    for span in chunk.spans.iter().filter(|span| parents.contains(&span.parent)) {
        let as_stored = with_ids(chunk.buffer.get(span.body), span.parent, &[]);
        let is_same = first.get(&span.parent).is_none_or(|first| *first == as_stored);
        if !is_suspect(span) || !is_same {
            others.insert(span.parent);
        }
        first.entry(span.parent).or_insert(as_stored);
    }
    parents.difference(&others).copied().collect()
}

/// The smallest number from 1 on that is no span's id. Most traces have no span numbered 1, so nothing is
/// collected then.
fn smallest_free(spans: &[Span]) -> u64 {
    if spans.iter().all(|span| span.id != 1) {
        return 1;
    }
    let ids: HashSet<u64> = spans.iter().map(|span| span.id).collect();
    (1..).find(|number| !ids.contains(number)).unwrap_or(u64::MAX)
}

fn set_parent(span: &mut Span, wire: &[u8]) {
    span.parent = id_number(wire).0;
    if wire.iter().any(|byte| *byte != 0) {
        span.flags.set(Flags::HAS_PARENT);
    } else {
        span.flags.clear(Flags::HAS_PARENT);
    }
}

/// Gives each server span that shares its client's id an id of its own: the smallest that is free. The
/// client becomes its parent, and the children of the shared id become the server's.
pub(super) fn split_shared_ids(joined: &mut Joined) -> Result<(), WireError> {
    if !joined.has_shared_ids {
        return Ok(());
    }
    let shared = shared_servers(joined);
    let renumbered: HashSet<u32> = shared.iter().copied().collect();
    let mut taken: HashSet<u64> = joined.spans().map(|(_, span)| span.id).collect();
    let mut next = 1u64;
    let mut server_of: HashMap<u64, u64> = HashMap::new();
    for index in &shared {
        while !taken.insert(next) {
            next += 1;
        }
        let Some(old) = joined.span(*index).map(|span| span.id) else { continue };
        server_of.insert(old, next);
        renumber(joined, *index, next, old)?;
    }
    let orphans: Vec<(u32, u64)> = joined
        .spans()
        .filter_map(|(index, span)| {
            let server = *server_of.get(&span.parent)?;
            (span.id != server && span.flags.has(Flags::HAS_PARENT)).then_some((index, server))
        })
        .filter(|(index, _)| !renumbered.contains(index))
        .collect();
    for (index, server) in orphans {
        let Some(body) = joined.span(index).map(|span| with_parent(joined.body(span), server)) else {
            continue;
        };
        joined.replace_body(index, &body)?;
        if let Some(span) = joined.spans.get_mut(index as usize) {
            span.parent = server;
        }
    }
    Ok(())
}

/// Server spans whose id a client span has too, in the order of their start.
fn shared_servers(joined: &Joined) -> Vec<u32> {
    let mut shared: Vec<(u64, u64, u32)> = joined
        .spans()
        .filter(|(_, span)| span.kind == SERVER && !span.flags.has(Flags::ODD_ID))
        .filter(|(_, span)| {
            joined
                .ids
                .find(span.id, &joined.spans)
                .filter_map(|other| joined.span(other))
                .any(|other| other.kind == CLIENT)
        })
        .map(|(index, span)| (span.start, span.id, index))
        .collect();
    shared.sort_unstable();
    shared.into_iter().map(|(_, _, index)| index).collect()
}

fn renumber(joined: &mut Joined, index: u32, id: u64, parent: u64) -> Result<(), WireError> {
    let Some(body) = joined.span(index).map(|span| with_ids(joined.body(span), id, &parent.to_be_bytes()))
    else {
        return Ok(());
    };
    joined.replace_body(index, &body)?;
    if let Some(span) = joined.spans.get_mut(index as usize) {
        // The table still holds the span under its old id; a lookup compares ids, so it is found no more.
        span.id = id;
        span.parent = parent;
        span.flags.set(Flags::HAS_PARENT);
        joined.ids.insert(id, index, &joined.spans);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
    use prost::Message;

    use super::*;
    use crate::trace::index::scan;

    /// The ids of a region's spans, each `(id, parent, kind)`, as they are taken to have been stored.
    fn restored(spans: &[(u64, u64, i32)]) -> Vec<u64> {
        let spans = spans.iter().map(|(id, parent, kind)| Span {
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: parent.to_be_bytes().to_vec(),
            kind: *kind,
            ..Span::default()
        });
        let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let bytes = Bytes::from(TracesData { resource_spans }.encode_to_vec());
        let mut chunk = scan(bytes, None).unwrap();
        restore_shared_ids(&mut chunk, &HashSet::new()).unwrap();
        chunk.spans.iter().map(|span| span.id).collect()
    }

    #[test]
    fn a_number_that_was_given_is_taken_back() {
        assert_eq!(restored(&[(70, 5, kind::CLIENT), (1, 70, kind::SERVER)]), [70, 70]);
        let with_a_real_one = [(70, 5, kind::CLIENT), (1, 9, kind::INTERNAL), (2, 70, kind::SERVER)];
        assert_eq!(restored(&with_a_real_one), [70, 1, 70]);
    }

    #[test]
    fn a_small_id_that_tempo_would_not_have_given_is_kept() {
        let spans = [(70, 5, kind::CLIENT), (2, 70, kind::SERVER), (71, 2, kind::INTERNAL)];
        assert_eq!(restored(&spans), [70, 2, 71]);
        assert_eq!(restored(&[(70, 5, kind::CLIENT), (1, 70, kind::INTERNAL)]), [70, 1]);
    }
}
