//! Which spans stand in a relation: the sets `>`, `>>`, `<`, `<<`, `~` choose, with `!` and `&`.
//!
//! Works on nested-set numbers alone and never compares pairs: each side is sorted or gathered once, then
//! every span of the other side is looked up, so that a trace of one long chain costs no more than any other.
//! A span that is not connected to a root has numbers of 0 and relates to nothing.

use crate::evaluate::rows::Numbers;
use crate::traceql::ast::{Relation, StructuralMode};
use hashbrown::{HashMap, HashSet};

/// The spans `left relation right` chooses, in the order they come in on the right. For `&` both sides of
/// every related pair, in the order of their numbers; each span once.
pub(super) fn join(
    (relation, mode): (Relation, StructuralMode),
    left: &[u32],
    right: &[u32],
    of: &impl Fn(u32) -> Numbers,
) -> Vec<u32> {
    match mode {
        StructuralMode::Related => those(relation, left, right, true, of),
        StructuralMode::Unrelated => those(relation, left, right, false, of),
        StructuralMode::Union if relation == Relation::Descendant => lineage(left, right, of),
        StructuralMode::Union if relation == Relation::Ancestor => lineage(right, left, of),
        StructuralMode::Union => {
            let mut both = those(relation, left, right, true, of);
            both.extend(those(inverse(relation), right, left, true, of));
            both.sort_unstable();
            both.dedup();
            both
        }
    }
}

/// Both sides of `upper &>> lower`. Tempo walks the two sides once, in the order of their numbers, and so
/// misses some pairs: a span below that lies deeper than the next one beside it, and a span above that has
/// been passed. What it finds is what is found here, step by step.
fn lineage(upper: &[u32], lower: &[u32], of: &impl Fn(u32) -> Numbers) -> Vec<u32> {
    let in_order = |spans: &[u32]| {
        let mut spans = spans.to_vec();
        spans.sort_by_key(|span| of(*span).left);
        spans
    };
    let (upper, lower) = (in_order(upper), in_order(lower));
    let holds = |outer: u32, inner: u32| {
        let (outer, inner) = (of(outer), of(inner));
        connected(outer) && connected(inner) && outer.left < inner.left && inner.right < outer.right
    };
    let ends_before = |one: u32, next: u32| of(next).left > of(one).right;
    let (mut above, mut below) = (0, 0);
    let mut found = Vec::new();
    while let (Some(ancestor), Some(first)) = (upper.get(above).copied(), lower.get(below).copied()) {
        let mut leaf = first;
        while let Some(span) = lower.get(below).copied() {
            leaf = span;
            below += 1;
            if holds(ancestor, leaf) {
                found.push(leaf);
            }
            if lower.get(below).is_some_and(|next| ends_before(leaf, *next)) {
                break;
            }
        }
        while let Some(span) = upper.get(above).copied().filter(|span| !ends_before(leaf, *span)) {
            if holds(span, leaf) {
                found.push(span);
                if lower.get(below).is_some_and(|next| holds(span, *next)) {
                    break;
                }
            }
            above += 1;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The same relation, asked from the other side.
fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

/// The right spans that relate to some left span, or those that relate to none.
fn those(
    relation: Relation,
    left: &[u32],
    right: &[u32],
    related: bool,
    of: &impl Fn(u32) -> Numbers,
) -> Vec<u32> {
    let chosen = |relates: &dyn Fn(u32) -> bool| -> Vec<u32> {
        right.iter().copied().filter(|span| relates(*span) == related).collect()
    };
    match relation {
        Relation::Child => {
            let parents: HashSet<i32> = left.iter().map(|span| of(*span).left).filter(|l| *l != 0).collect();
            chosen(&|span| parents.contains(&of(span).parent))
        }
        Relation::Parent => {
            let parents: HashSet<i32> =
                left.iter().map(|span| of(*span).parent).filter(|p| *p != 0).collect();
            chosen(&|span| of(span).left != 0 && parents.contains(&of(span).left))
        }
        Relation::Sibling => {
            let family = Families::of(left, of);
            chosen(&|span| family.has_another(span, of(span).parent))
        }
        Relation::Descendant => {
            let around = Ranges::of(left, of);
            chosen(&|span| around.one_holds(of(span), of))
        }
        Relation::Ancestor => {
            let within = Ranges::of(left, of);
            chosen(&|span| within.one_lies_in(of(span), of))
        }
    }
}

/// Spans by parent; all roots are siblings.
struct Families {
    sizes: HashMap<i32, u32>,
    spans: HashSet<u32>,
}

impl Families {
    fn of(spans: &[u32], of: &impl Fn(u32) -> Numbers) -> Self {
        let mut sizes = HashMap::new();
        for parent in spans.iter().map(|span| of(*span).parent).filter(|parent| *parent != 0) {
            *sizes.entry(parent).or_insert(0) += 1;
        }
        Self { sizes, spans: spans.iter().copied().collect() }
    }

    /// Whether one of the spans is a child of this parent, other than the asking span itself.
    fn has_another(&self, span: u32, parent: i32) -> bool {
        let size = self.sizes.get(&parent).copied().unwrap_or(0);
        size > u32::from(self.spans.contains(&span))
    }
}

/// Connected spans by their left number, with the widest right number up to each and the narrowest from
/// each on.
struct Ranges {
    spans: Vec<u32>,
    widest_up_to: Vec<i32>,
    narrowest_from: Vec<i32>,
}

impl Ranges {
    fn of(spans: &[u32], of: &impl Fn(u32) -> Numbers) -> Self {
        let mut spans: Vec<u32> = spans.iter().copied().filter(|span| connected(of(*span))).collect();
        spans.sort_unstable_by_key(|span| of(*span).left);
        let running = |best: &mut i32, right: i32, better: fn(i32, i32) -> i32| {
            *best = better(*best, right);
            Some(*best)
        };
        let rights = || spans.iter().map(|span| of(*span).right);
        let widest_up_to = rights().scan(0, |best, right| running(best, right, i32::max)).collect();
        let mut narrowest_from: Vec<i32> =
            rights().rev().scan(i32::MAX, |best, right| running(best, right, i32::min)).collect();
        narrowest_from.reverse();
        Self { spans, widest_up_to, narrowest_from }
    }

    /// Whether one of the spans begins before and ends after.
    fn one_holds(&self, inner: Numbers, of: &impl Fn(u32) -> Numbers) -> bool {
        let before = self.spans.partition_point(|span| of(*span).left < inner.left);
        let widest = before.checked_sub(1).and_then(|last| self.widest_up_to.get(last));
        connected(inner) && widest.is_some_and(|right| *right > inner.right)
    }

    /// Whether one of the spans begins after and ends before.
    fn one_lies_in(&self, outer: Numbers, of: &impl Fn(u32) -> Numbers) -> bool {
        let after = self.spans.partition_point(|span| of(*span).left <= outer.left);
        let narrowest = self.narrowest_from.get(after);
        connected(outer) && narrowest.is_some_and(|right| *right < outer.right)
    }
}

fn connected(numbers: Numbers) -> bool {
    numbers.left != 0 && numbers.right != 0
}

#[cfg(test)]
mod tests;
