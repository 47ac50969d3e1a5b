//! Which spans are shown around those a filter matched: their ancestors and descendants, so many steps far.
//!
//! Works on ids alone. Ids may be shared, missing or run in circles; every span is visited once, so nothing
//! loops. Steps are counted in ids, as Tempo does: spans of one id share their relatives.

use hashbrown::{HashMap, HashSet};
use std::collections::VecDeque;

/// How far around a match spans are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hierarchy {
    /// `keep_hierarchy`: `None` keeps no ancestors.
    pub ancestors: Option<Depth>,
    /// `match_depth`.
    pub descendants: Depth,
}

/// Steps from a match; `None` is without end (`-1` in the request).
pub type Depth = Option<u64>;

/// The ids of one span, in the order of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids<'t> {
    pub id: &'t [u8],
    /// Empty for a root.
    pub parent: &'t [u8],
}

/// Whether each span is kept: it matched, or is near enough to one that did. `matched` is in the order of
/// `spans`; what it does not reach counts as not matched.
pub fn kept(spans: &[Ids<'_>], matched: &[bool], hierarchy: Hierarchy) -> Vec<bool> {
    let is_match = |at: usize| matched.get(at).copied().unwrap_or(false);
    let seeds: Vec<&[u8]> =
        spans.iter().enumerate().filter(|(at, _)| is_match(*at)).map(|(_, ids)| ids.id).collect();
    let mut near = HashSet::new();
    if let Some(depth) = hierarchy.ancestors {
        let pairs = spans.iter().map(|ids| (ids.id, ids.parent));
        walk(pairs, &seeds, depth, &mut near);
    }
    let pairs = spans.iter().map(|ids| (ids.parent, ids.id));
    walk(pairs, &seeds, hierarchy.descendants, &mut near);
    spans.iter().enumerate().map(|(at, ids)| is_match(at) || near.contains(ids.id)).collect()
}

/// Adds to `near` every id within so many steps of a seed, along the pairs (from, to).
fn walk<'t>(
    pairs: impl Iterator<Item = (&'t [u8], &'t [u8])>,
    seeds: &[&'t [u8]],
    depth: Depth,
    near: &mut HashSet<&'t [u8]>,
) {
    if depth == Some(0) {
        return;
    }
    let mut next: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for (from, to) in pairs {
        next.entry(from).or_default().push(to);
    }
    let mut reached = HashSet::new();
    // A span without an id has no relatives: every root would seem to be its child.
    let mut queue: VecDeque<(&[u8], u64)> =
        seeds.iter().filter(|id| !id.is_empty()).map(|id| (*id, 0)).collect();
    while let Some((id, steps)) = queue.pop_front() {
        if depth.is_some_and(|depth| steps >= depth) {
            continue;
        }
        for neighbour in next.get(id).into_iter().flatten() {
            if !neighbour.is_empty() && reached.insert(*neighbour) {
                queue.push_back((neighbour, steps + 1));
            }
        }
    }
    near.extend(reached);
}
