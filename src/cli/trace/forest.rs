//! The tree of a trace: who hangs from whom, whatever the spans say of it.
//!
//! Absent parents get a node of their own, and a cycle is cut at its earliest span, so that from the roots
//! every node is reached once. Nothing recurses, and apart from one sort the work grows with the number of
//! spans. Knows nothing of how a tree is shown.

use std::collections::HashMap;

use super::document::{Kind, Span, Trace};

/// Nodes are numbered: first the spans, then the absent parents.
pub struct Forest<'a> {
    pub trace: &'a Trace,
    /// Ids that spans name as their parent and no span has.
    pub absent: Vec<&'a [u8]>,
    parent: Vec<Option<usize>>,
    start: Vec<u64>,
    /// Children of all nodes in one list; those of node `n` from `offset[n]` to `offset[n + 1]`, by start.
    children: Vec<usize>,
    offset: Vec<usize>,
    /// In order of their start.
    pub roots: Vec<usize>,
    cycle_cut: Vec<bool>,
}

/// Spans with one id. Client and server of one call may share it (Zipkin).
#[derive(Default)]
struct SameId {
    first: Option<usize>,
    server: Option<usize>,
    client: Option<usize>,
}

impl<'a> Forest<'a> {
    pub fn plant(trace: &'a Trace) -> Self {
        let mut by_id: HashMap<&[u8], SameId, foldhash::fast::RandomState> = HashMap::default();
        for (at, span) in trace.spans.iter().enumerate().filter(|(_, span)| !span.id.is_empty()) {
            let same = by_id.entry(&span.id).or_default();
            same.first.get_or_insert(at);
            match span.kind {
                Kind::Server => same.server.get_or_insert(at),
                Kind::Client => same.client.get_or_insert(at),
                Kind::Other => continue,
            };
        }
        let mut absent: Vec<&[u8]> = Vec::new();
        let mut absent_at: HashMap<&[u8], usize, foldhash::fast::RandomState> = HashMap::default();
        let mut parent = Vec::with_capacity(trace.spans.len());
        for (at, span) in trace.spans.iter().enumerate() {
            parent.push(match present_parent(at, span, &by_id) {
                Some(up) => Some(up),
                None if span.parent_id.is_empty() => None,
                None => Some(*absent_at.entry(&span.parent_id).or_insert_with(|| {
                    absent.push(&span.parent_id);
                    trace.spans.len() + absent.len() - 1
                })),
            });
        }
        let mut start: Vec<u64> = trace.spans.iter().map(|span| span.start).collect();
        start.resize(start.len() + absent.len(), u64::MAX);
        for (span, up) in trace.spans.iter().zip(&parent) {
            if let Some(up) = up
                && *up >= trace.spans.len()
                && let Some(earliest) = start.get_mut(*up)
            {
                *earliest = span.start.min(*earliest);
            }
        }
        parent.resize(start.len(), None);
        let mut forest = Self {
            trace,
            absent,
            cycle_cut: vec![false; parent.len()],
            parent,
            start,
            children: Vec::new(),
            offset: Vec::new(),
            roots: Vec::new(),
        };
        forest.sort_children();
        forest.cut_cycles();
        forest
    }

    pub fn len(&self) -> usize {
        self.parent.len()
    }

    fn start_of(&self, node: usize) -> u64 {
        self.start.get(node).copied().unwrap_or_default()
    }

    pub fn parent_of(&self, node: usize) -> Option<usize> {
        self.parent.get(node).copied().flatten()
    }

    /// Children in order of their start, by counting.
    fn sort_children(&mut self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|node| self.start_of(*node));
        let mut offset = vec![0_usize; self.len() + 1];
        for node in 0..self.len() {
            if let Some(count) = self.parent_of(node).and_then(|up| offset.get_mut(up + 1)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for entry in &mut offset {
            sum += *entry;
            *entry = sum;
        }
        let mut next = offset.clone();
        self.children = vec![0; sum];
        for node in order {
            let Some(up) = self.parent_of(node) else {
                self.roots.push(node);
                continue;
            };
            if let Some(at) = next.get_mut(up) {
                if let Some(place) = self.children.get_mut(*at) {
                    *place = node;
                }
                *at += 1;
            }
        }
        self.offset = offset;
    }

    /// Children that still hang here: where a cycle was cut, one does not.
    pub fn children_of(&self, node: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let from = self.offset.get(node).copied().unwrap_or_default();
        let to = self.offset.get(node + 1).copied().unwrap_or(from);
        let all = self.children.get(from..to).unwrap_or_default();
        all.iter().copied().filter(move |child| self.parent_of(*child) == Some(node))
    }

    /// Whether this root has a parent, but is its own ancestor.
    pub fn is_cut(&self, node: usize) -> bool {
        self.cycle_cut.get(node) == Some(&true)
    }

    /// What no root reaches hangs from a cycle: its earliest span becomes a root.
    fn cut_cycles(&mut self) {
        let mut reached = vec![false; self.len()];
        for root in self.roots.clone() {
            self.reach(root, &mut reached);
        }
        let mut walk_of = vec![usize::MAX; self.len()];
        for node in 0..self.len() {
            if reached.get(node) == Some(&true) {
                continue;
            }
            // Ancestors of a node that was not reached were not reached either, so this ends in the cycle.
            let mut at = node;
            while let Some(walk) = walk_of.get_mut(at).filter(|walk| **walk != node) {
                *walk = node;
                at = self.parent_of(at).unwrap_or(at);
            }
            let root = self.earliest_of_cycle(at);
            if let (Some(parent), Some(cut)) = (self.parent.get_mut(root), self.cycle_cut.get_mut(root)) {
                (*parent, *cut) = (None, true);
            }
            self.roots.push(root);
            self.reach(root, &mut reached);
        }
        let start = &self.start;
        self.roots.sort_by_key(|root| start.get(*root).copied());
    }

    fn earliest_of_cycle(&self, first: usize) -> usize {
        let (mut earliest, mut at) = (first, first);
        while let Some(up) = self.parent_of(at).filter(|up| *up != first) {
            at = up;
            earliest = if self.start_of(at) < self.start_of(earliest) { at } else { earliest };
        }
        earliest
    }

    fn reach(&self, root: usize, reached: &mut [bool]) {
        let mut waiting = vec![root];
        while let Some(node) = waiting.pop() {
            if let Some(seen) = reached.get_mut(node)
                && !std::mem::replace(seen, true)
            {
                waiting.extend(self.children_of(node));
            }
        }
    }
}

fn present_parent(
    at: usize,
    span: &Span,
    by_id: &HashMap<&[u8], SameId, foldhash::fast::RandomState>,
) -> Option<usize> {
    let shared = by_id.get(span.id.as_slice()).filter(|_| span.kind == Kind::Server);
    if let Some(client) = shared.and_then(|same| same.client) {
        return Some(client);
    }
    let same = by_id.get(span.parent_id.as_slice())?;
    // A span below a shared id was made by the server of that call; a client whose id is that of its
    // parent is the only one that cannot be.
    let candidates = [same.server, same.client, same.first];
    candidates.into_iter().flatten().find(|up| *up != at).or(same.first)
}
