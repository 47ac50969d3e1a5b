//! Which span of one trace is which of the other, and what of it changed.
//!
//! Spans are paired by what they are. Where several are the same, the first that is free and whose parent is the
//! same too; else the first that is free, so that a span that was moved stays itself.

use hashbrown::HashMap;

use super::super::join::NONE;
use super::close;
use super::normal::{Node, Normal};
use super::span::Span;
use super::value::{Pair, Value};

/// Nodes of both traces by their numbers, in the order of their trace.
#[derive(Debug, Default)]
pub(super) struct Patch<'a> {
    pub matched: usize,
    pub modified: Vec<Modified<'a>>,
    /// Of the second trace.
    pub added: Vec<u32>,
    /// Of the first.
    pub removed: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Modified<'a> {
    /// Of the second trace.
    pub node: u32,
    pub changes: Vec<Change<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// Nanoseconds; none where a span has no duration.
    Duration {
        before: Option<i64>,
        after: Option<i64>,
    },
    Status {
        before: &'static str,
        after: &'static str,
    },
    Added {
        key: &'a [u8],
        after: Option<&'a [u8]>,
    },
    Removed {
        key: &'a [u8],
        before: Option<&'a [u8]>,
    },
    Attribute {
        key: &'a [u8],
        before: Option<&'a [u8]>,
        after: Option<&'a [u8]>,
    },
}

impl Change<'_> {
    pub fn is_of_field(&self) -> bool {
        matches!(self, Self::Duration { .. } | Self::Status { .. })
    }
}

impl<'a> Patch<'a> {
    pub fn of(base: &Normal<'a>, compare: &Normal<'a>) -> Self {
        let mut free = Free::of(base);
        let mut is_matched = vec![false; base.nodes.len()];
        let mut patch = Self::default();
        for ((node, span), number) in compare.each().zip(0u32..) {
            let Some(found) = free.take(node.identity, compare.parent_identity(node)) else {
                patch.added.push(number);
                continue;
            };
            if let Some(matched) = is_matched.get_mut(found as usize) {
                *matched = true;
            }
            patch.matched += 1;
            let Some(before) = base.node(found).and_then(|node| base.span(node)) else { continue };
            let changes = changes(before, span);
            if !changes.is_empty() {
                patch.modified.push(Modified { node: number, changes });
            }
        }
        let unmatched = is_matched.iter().zip(0u32..).filter(|(matched, _)| !**matched);
        patch.removed.extend(unmatched.map(|(_, number)| number));
        patch
    }

    pub fn field_changes(&self) -> usize {
        self.changes().filter(|change| change.is_of_field()).count()
    }

    pub fn attribute_changes(&self) -> usize {
        self.changes().filter(|change| !change.is_of_field()).count()
    }

    fn changes(&self) -> impl Iterator<Item = &Change<'a>> {
        self.modified.iter().flat_map(|modified| &modified.changes)
    }
}

/// Spans of the first trace that are not paired yet, in lines: one for each thing a span can be, and one for
/// each such thing under each kind of parent. A span stands in one of either; who is taken from one is passed
/// over in the other.
struct Free {
    is_taken: Vec<bool>,
    alike: HashMap<u32, Line>,
    alike_under: HashMap<(u32, u32), Line>,
}

/// Nodes in order; the first that is free lies not before `next`.
#[derive(Default)]
struct Line {
    nodes: Vec<u32>,
    next: usize,
}

impl Line {
    fn take(&mut self, is_taken: &mut [bool]) -> Option<u32> {
        while let Some(node) = self.nodes.get(self.next).copied() {
            self.next += 1;
            let taken = is_taken.get_mut(node as usize)?;
            if !std::mem::replace(taken, true) {
                return Some(node);
            }
        }
        None
    }
}

impl Free {
    fn of(trace: &Normal<'_>) -> Self {
        let mut alike: HashMap<u32, Line> = HashMap::new();
        let mut alike_under: HashMap<(u32, u32), Line> = HashMap::new();
        for (node, number) in trace.nodes.iter().zip(0u32..) {
            let Node { identity, .. } = *node;
            alike.entry(identity).or_default().nodes.push(number);
            let parent = trace.parent_identity(node);
            if parent != NONE {
                alike_under.entry((identity, parent)).or_default().nodes.push(number);
            }
        }
        Self { is_taken: vec![false; trace.nodes.len()], alike, alike_under }
    }

    fn take(&mut self, identity: u32, parent: u32) -> Option<u32> {
        let near = self.alike_under.get_mut(&(identity, parent));
        let found = near.and_then(|line| line.take(&mut self.is_taken));
        found.or_else(|| self.alike.get_mut(&identity)?.take(&mut self.is_taken))
    }
}

fn changes<'a>(before: &Span<'a>, after: &Span<'a>) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let durations = (before.duration_ns(), after.duration_ns());
    let is_same_duration = match durations {
        (Some(before), Some(after)) => close::are_durations_close(before, after),
        (before, after) => before == after,
    };
    if !is_same_duration {
        changes.push(Change::Duration { before: durations.0, after: durations.1 });
    }
    if before.status != after.status {
        changes.push(Change::Status { before: before.status, after: after.status });
    }
    changes_of_attributes(&before.attributes(), &after.attributes(), &mut changes);
    changes
}

/// Both sides stand in the order of keys.
fn changes_of_attributes<'a>(before: &[Pair<'a>], after: &[Pair<'a>], changes: &mut Vec<Change<'a>>) {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let gone = before.next_if(|(key, _)| after.peek().is_none_or(|(other, _)| key < other));
        if let Some((key, value)) = gone {
            changes.push(Change::Removed { key, before: *value });
            continue;
        }
        let Some((key, value)) = after.next() else { return };
        match before.next_if(|(other, _)| other == key) {
            None => changes.push(Change::Added { key, after: *value }),
            Some((_, old)) => {
                // The same bytes are the same value, and most are the same.
                let is_close = old == value || Value::maybe(*old).is_close(key, &Value::maybe(*value));
                if !is_close {
                    changes.push(Change::Attribute { key, before: *old, after: *value });
                }
            }
        }
    }
}
