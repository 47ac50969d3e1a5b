//! How large a protobuf `Trace` is, told from its index. Knows nothing of what the gateway adds.

use super::index::{Batch, Scope, Span};
use crate::wire::protobuf::message_len;

/// Bytes of the message that holds these spans, each in its scope and batch as it was sent. Scopes and batches
/// without any of the spans do not count.
pub fn message_bytes<'a>(
    batches: &[Batch],
    scopes: &[Scope],
    spans: impl Iterator<Item = &'a Span>,
) -> usize {
    let mut in_scopes = vec![0usize; scopes.len()];
    for span in spans {
        if let Some(held) = in_scopes.get_mut(span.scope as usize) {
            *held += message_len(span.body.len());
        }
    }
    let mut in_batches = vec![0usize; batches.len()];
    for (scope, held) in scopes.iter().zip(in_scopes).filter(|(_, held)| *held > 0) {
        if let Some(outer) = in_batches.get_mut(scope.batch as usize) {
            *outer += message_len(message_len(scope.scope.len()) + scope.tail.len() + held);
        }
    }
    let held = batches.iter().zip(in_batches).filter(|(_, held)| *held > 0);
    held.map(|(batch, held)| message_len(message_len(batch.resource.len()) + batch.tail.len() + held)).sum()
}
