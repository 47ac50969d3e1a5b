//! The tree of a joined trace: who is whose parent, across regions.
//!
//! Real traces hold what no tree should: absent parents, several roots, spans that are their own
//! ancestors. All are found here, in linear time and without recursion.

use super::index::{Flags, Span};
use super::join::{Joined, NONE};

/// Parents and depths, by span number.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    parents: Vec<Parent>,
    /// Steps to the root; spans on a cycle count as roots.
    depths: Vec<u32>,
    pub missing_parents: usize,
    pub cycles: Vec<u32>,
}

/// Where a span's parent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The span names no parent.
    Root,
    Is(u32),
    /// The span names a parent that no region sent.
    Missing,
}

const UNKNOWN: u32 = u32::MAX;
const ON_PATH: u32 = u32::MAX - 1;

impl Tree {
    pub fn of(joined: &Joined) -> Self {
        let mut tree = Self {
            parents: vec![Parent::Root; joined.spans.len()],
            depths: vec![UNKNOWN; joined.spans.len()],
            missing_parents: 0,
            cycles: Vec::new(),
        };
        for (index, span) in joined.spans() {
            let parent = parent_of(joined, index, span);
            tree.missing_parents += usize::from(parent == Parent::Missing);
            if let Some(slot) = tree.parents.get_mut(index as usize) {
                *slot = parent;
            }
        }
        let mut path = Vec::new();
        for (index, _) in joined.spans() {
            tree.find_depth(index, &mut path);
        }
        tree
    }

    pub fn parent(&self, index: u32) -> Parent {
        self.parents.get(index as usize).copied().unwrap_or(Parent::Root)
    }

    pub fn depth(&self, index: u32) -> u32 {
        self.depths.get(index as usize).copied().unwrap_or(0)
    }

    /// Walks up until a span of known depth, a root or a span met before, then hands depths down.
    fn find_depth(&mut self, from: u32, path: &mut Vec<u32>) {
        path.clear();
        let mut at = from;
        let mut depth = loop {
            match self.depths.get(at as usize).copied() {
                Some(UNKNOWN) => {}
                Some(ON_PATH) => {
                    self.mark_cycle(at, path);
                    break 0;
                }
                Some(known) => break known.saturating_add(1),
                None => break 0,
            }
            if let Some(slot) = self.depths.get_mut(at as usize) {
                *slot = ON_PATH;
            }
            path.push(at);
            match self.parent(at) {
                Parent::Is(parent) => at = parent,
                Parent::Root | Parent::Missing => break 0,
            }
        };
        while let Some(index) = path.pop() {
            let Some(slot) = self.depths.get_mut(index as usize) else { continue };
            if *slot == ON_PATH {
                *slot = depth;
                depth = depth.saturating_add(1);
            } else {
                depth = slot.saturating_add(1);
            }
        }
    }

    /// Everything on the path from `start` on is its own ancestor.
    fn mark_cycle(&mut self, start: u32, path: &[u32]) {
        let first = path.iter().position(|index| *index == start).unwrap_or(0);
        for index in path.get(first..).unwrap_or_default() {
            self.cycles.push(*index);
            if let Some(slot) = self.depths.get_mut(*index as usize) {
                *slot = 0;
            }
        }
    }
}

fn parent_of(joined: &Joined, index: u32, span: &Span) -> Parent {
    if !span.flags.has(Flags::HAS_PARENT) {
        return Parent::Root;
    }
    let mut found = NONE;
    for other in joined.ids.find(span.parent, &joined.spans) {
        // Where ids are shared, a span is not its own parent while another could be; of several others the
        // first in the index is, whatever order the table has them in.
        if found == NONE || found == index || (other != index && other < found) {
            found = other;
        }
    }
    if found == NONE { Parent::Missing } else { Parent::Is(found) }
}
