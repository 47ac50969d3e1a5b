//! Nested-set numbers: where each span stands among its ancestors and descendants, as Tempo stores it.
//!
//! Numbers are given depth first, from the roots in the order of rows and to children in the order of rows,
//! in time linear in the spans and without recursion. Parents are found by id alone; a trace without a root,
//! or with an id that more than two spans have, has no numbers at all.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::TraceRows;
use crate::trace::index::{Flags, Span};
use crate::wire::otlp::kind;

/// Where a span stands in the tree; all zero where it is not connected to a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    pub left: i32,
    pub right: i32,
    /// The left number of the parent; -1 for a root.
    pub parent: i32,
    /// Spans whose parent this one is; counted where it is not connected too, if the trace has a root.
    pub children: i32,
}

/// What stands for the parent of a root.
const OF_ROOT: i32 = -1;

/// No row.
const NONE: u32 = u32::MAX;

const SERVER: u8 = kind::SERVER as u8;
const CLIENT: u8 = kind::CLIENT as u8;

/// The rows of one id. Zipkin gives client and server of a call the same one.
#[derive(Clone, Copy)]
struct Holders {
    first: u32,
    second: u32,
}

/// A row's relatives.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    /// The child to go to next; at first the first one.
    next_child: u32,
    next_sibling: u32,
}

pub(super) fn of(rows: &TraceRows<'_>) -> Vec<Numbers> {
    let mut numbers = vec![Numbers::default(); rows.rows.len()];
    let spans: Vec<&Span> = rows.rows.iter().filter_map(|row| rows.joined.span(row.span)).collect();
    debug_assert_eq!(spans.len(), numbers.len(), "every row is a span");
    let has_root = spans.iter().any(|span| !span.flags.has(Flags::HAS_PARENT));
    if has_root && let Some(holders) = holders_by_id(&spans) {
        let mut nodes = nodes(&spans, &holders, &mut numbers);
        number(&spans, &mut nodes, &mut numbers);
    }
    numbers
}

/// None where more than two spans have one id.
fn holders_by_id(spans: &[&Span]) -> Option<HashMap<u64, Holders, RandomState>> {
    let mut holders = HashMap::with_capacity_and_hasher(spans.len(), RandomState::default());
    for (span, row) in spans.iter().zip(0u32..) {
        let of = holders.entry(span.id).or_insert(Holders { first: NONE, second: NONE });
        match of {
            Holders { first: NONE, .. } => of.first = row,
            Holders { second: NONE, .. } => of.second = row,
            _ => return None,
        }
    }
    Some(holders)
}

/// Finds every row's parent, chains its children in the order of rows and counts them.
fn nodes(
    spans: &[&Span],
    holders: &HashMap<u64, Holders, RandomState>,
    numbers: &mut [Numbers],
) -> Vec<Node> {
    let lonely = Node { parent: NONE, next_child: NONE, next_sibling: NONE };
    let mut nodes = vec![lonely; spans.len()];
    // The last row first: each child is put before the ones that follow it.
    for (row, span) in spans.iter().enumerate().rev() {
        let parent = parent_of(span, spans, holders);
        let Some(of) = nodes.get_mut(parent as usize) else { continue };
        let next_sibling = std::mem::replace(&mut of.next_child, row as u32);
        if let Some(own) = nodes.get_mut(row) {
            own.parent = parent;
            own.next_sibling = next_sibling;
        }
        if let Some(of) = numbers.get_mut(parent as usize) {
            of.children = of.children.saturating_add(1);
        }
    }
    nodes
}

/// The row of the span's parent. Of two spans with that id, a server's parent is the client, and anyone
/// else's the server.
fn parent_of(span: &Span, spans: &[&Span], holders: &HashMap<u64, Holders, RandomState>) -> u32 {
    if !span.flags.has(Flags::HAS_PARENT) {
        return NONE;
    }
    let Some(of) = holders.get(&span.parent) else { return NONE };
    if of.second == NONE {
        return of.first;
    }
    let wanted = if span.kind == SERVER { CLIENT } else { SERVER };
    let is_wanted = |row: &u32| spans.get(*row as usize).is_some_and(|span| span.kind == wanted);
    [of.first, of.second].into_iter().find(is_wanted).unwrap_or(NONE)
}

/// Walks down from each root: a left number on the way in, a right one on the way out. What runs in circles
/// has no root above it and is never entered.
fn number(spans: &[&Span], nodes: &mut [Node], numbers: &mut [Numbers]) {
    let mut next = 1i32;
    for (_, root) in spans.iter().zip(0u32..).filter(|(span, _)| !span.flags.has(Flags::HAS_PARENT)) {
        enter(numbers, root, OF_ROOT, &mut next);
        let mut at = root;
        while let Some(node) = nodes.get_mut(at as usize) {
            let child = node.next_child;
            if child == NONE {
                if let Some(own) = numbers.get_mut(at as usize) {
                    own.right = next;
                }
                next = next.saturating_add(1);
                at = node.parent;
                continue;
            }
            let after = nodes.get(child as usize).map_or(NONE, |child| child.next_sibling);
            if let Some(node) = nodes.get_mut(at as usize) {
                node.next_child = after;
            }
            let parent = numbers.get(at as usize).map_or(0, |own| own.left);
            enter(numbers, child, parent, &mut next);
            at = child;
        }
    }
}

fn enter(numbers: &mut [Numbers], row: u32, parent: i32, next: &mut i32) {
    if let Some(own) = numbers.get_mut(row as usize) {
        own.left = *next;
        own.parent = parent;
    }
    *next = next.saturating_add(1);
}
