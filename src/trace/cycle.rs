//! Says on a span that it is its own ancestor. Its parent stays as it was sent.

use super::join::{JoinError, Joined};
use super::own_keys;
use super::tree::Tree;
use crate::wire::otlp::{Value, put_attribute, span};

/// Marks every span on a cycle with `tutti.cycle`.
pub fn annotate(joined: &mut Joined, tree: &Tree) -> Result<(), JoinError> {
    if tree.cycles.is_empty() {
        return Ok(());
    }
    let mut fields = Vec::new();
    put_attribute(&mut fields, span::ATTRIBUTES, own_keys::CYCLE, Value::Bool(true));
    for index in &tree.cycles {
        joined.append_to_span(*index, &fields)?;
    }
    Ok(())
}
