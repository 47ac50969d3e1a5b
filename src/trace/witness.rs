//! The completeness witness: what the trace itself says is still owed.
//!
//! A span whose parent no region sent, and a client span that calls a known service and has no server
//! span, are evidence of spans that exist somewhere. Which region probably holds them follows from what
//! did not answer, or from where the called service's other spans lie.

use std::collections::HashMap;

use super::index::Span;
use super::join::Joined;
use super::span::{bytes_field, has_attribute, string_attribute};
use super::tree::{Parent, Tree};
use crate::model::RegionName;
use crate::model::coverage::{Owed, OwedKind, Owing};
use crate::wire::otlp::{kind, resource, span};

/// Owed spans of one kind that a report lists one by one.
pub const LISTED_MAX: usize = 10;

/// Bytes of an id that a report shows. A span's has eight; what is sent as one may be of any length.
const ID_BYTES_SHOWN_MAX: usize = 32;

/// Looks for what is owed. `regions` are all declared regions by rank, `missing` the ranks that did not
/// answer in full.
pub fn owing(joined: &Joined, tree: &Tree, regions: &[&RegionName], missing: &[u16]) -> Owing {
    let mut owing = Owing::default();
    let only_missing = if let [only] = missing { Some(*only) } else { None };
    let name = |rank: Option<u16>| rank.and_then(|rank| regions.get(usize::from(rank)).copied()).cloned();
    let mut has_child = vec![false; joined.spans.len()];
    for (index, span) in joined.spans() {
        match tree.parent(index) {
            Parent::Is(parent) => {
                if let Some(slot) = has_child.get_mut(parent as usize) {
                    *slot = true;
                }
            }
            Parent::Missing => {
                owing.missing_parents += 1;
                let id = bytes_field(joined.body(span), span::PARENT_SPAN_ID);
                list(&mut owing, OwedKind::MissingParent, id, name(only_missing));
            }
            Parent::Root => {}
        }
    }
    let services = services(joined);
    for (index, span) in joined.spans() {
        if i32::from(span.kind) != kind::CLIENT || has_child.get(index as usize) == Some(&true) {
            continue;
        }
        let Some(suspected) = called(joined, span, &services, missing) else { continue };
        owing.clients_without_server += 1;
        let id = bytes_field(joined.body(span), span::SPAN_ID);
        list(&mut owing, OwedKind::ClientWithoutServer, id, name(suspected.or(only_missing)));
    }
    owing
}

fn list(owing: &mut Owing, what: OwedKind, id: &[u8], suspected: Option<RegionName>) {
    if let Some(region) = &suspected {
        *owing.by_region.entry(region.clone()).or_default() += 1;
    }
    // Many of one kind must not hide all of the other.
    if owing.first.iter().filter(|owed| owed.what == what).count() < LISTED_MAX {
        let span_id = id.iter().take(ID_BYTES_SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
        owing.first.push(Owed { what, span_id, suspected });
    }
}

/// The services that the trace shows, and the region of each.
fn services(joined: &Joined) -> HashMap<&[u8], u16> {
    let mut services = HashMap::new();
    for (number, batch) in joined.batches.iter().enumerate() {
        let (body, _) = joined.resource(number as u32);
        let Some(rank) = joined.ranks.get(usize::from(batch.chunk)) else { continue };
        if let Some(service) = string_attribute(body, resource::ATTRIBUTES, "service.name") {
            services.entry(service).or_insert(*rank);
        }
    }
    services
}

/// Whether this client span calls a service whose spans should be here: `Some(region)` with the region
/// where that service was seen, `Some(None)` where a region is missing that could hold it.
fn called(
    joined: &Joined,
    client: &Span,
    services: &HashMap<&[u8], u16>,
    missing: &[u16],
) -> Option<Option<u16>> {
    let body = joined.body(client);
    let is_store = |key: &[u8]| key.starts_with(b"db.") || key.starts_with(b"messaging.");
    if has_attribute(body, span::ATTRIBUTES, is_store) {
        return None;
    }
    let peer = ["peer.service", "service.peer.name", "server.address"]
        .into_iter()
        .find_map(|key| string_attribute(body, span::ATTRIBUTES, key))?;
    // An address names its service by the first label: `payment.prod.svc.cluster.local`.
    let label = peer.split(|byte| *byte == b'.' || *byte == b':').next().unwrap_or(peer);
    match services.get(peer).or_else(|| services.get(label)) {
        Some(rank) => Some(Some(*rank)),
        None if !missing.is_empty() => Some(None),
        None => None,
    }
}
