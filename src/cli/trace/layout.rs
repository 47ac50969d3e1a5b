//! Which lines the waterfall has, in which order and how deep: a list of spans becomes a forest, like
//! siblings are folded, and the list is cut at a limit.
//!
//! Whatever the spans say, the work grows with their number alone (sorting apart), nothing recurses, and
//! each span is accounted for once: on a line, folded into one, or in the rest. Knows nothing of text.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use super::document::{Report, Span, Trace, hex};
use super::forest::Forest;

/// Lines of an answer unless all are asked for: some twenty screens, more than a person scrolls through
/// and less than a terminal keeps.
pub const ROWS_MAX: usize = 1_000;

/// From this many on, siblings that are alike become one line.
const FOLD_MIN: usize = 3;

/// One line of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub node: Node,
    pub depth: usize,
    /// No sibling follows.
    pub last: bool,
    pub has_children: bool,
    /// Its edge to its parent was cut because it is its own ancestor.
    pub cut_cycle: bool,
    pub fold: Option<Fold>,
    /// How many nodes of the trace this line stands for.
    pub times: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Index into `Trace::spans`.
    Span(usize),
    /// A parent that is nowhere in the answer.
    AbsentParent { id: Vec<u8> },
}

/// Siblings that are alike, shown as the longest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    pub count: usize,
    pub shortest: u64,
    /// From the first start to the last end.
    pub start: u64,
    pub end: u64,
}

#[derive(Debug, Default)]
pub struct Layout {
    pub rows: Vec<Row>,
    /// Spans that no line stands for, and those of them that failed.
    pub rest: u64,
    pub rest_errors: u64,
    /// First of the spans without a parent id, if there is one.
    pub root: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub rows_max: usize,
    pub fold: bool,
}

impl Limits {
    pub const USUAL: Self = Self { rows_max: ROWS_MAX, fold: true };
    /// Every span on its own line.
    pub const ALL: Self = Self { rows_max: usize::MAX, fold: false };
}

pub fn layout(trace: &Trace, report: &Report, limits: Limits) -> Layout {
    let forest = Forest::plant(trace);
    let signatures = if limits.fold { forest.signatures(report) } else { Vec::new() };
    forest.rows(&signatures, limits)
}

impl Forest<'_> {
    /// For each node a number that is equal for subtrees that look alike. Children count whatever their
    /// order. The seed is random: nobody can write spans that fold what differs.
    fn signatures(&self, report: &Report) -> Vec<u64> {
        let seed = foldhash::quality::RandomState::default();
        let mut order = Vec::with_capacity(self.len());
        let mut waiting = self.roots.clone();
        while let Some(node) = waiting.pop() {
            order.push(node);
            waiting.extend(self.children_of(node));
        }
        let owing: Vec<&str> = report.owed.first.iter().map(|owed| owed.span_id.as_str()).collect();
        let mut below = vec![0_u64; self.len()];
        let mut signatures = vec![0_u64; self.len()];
        for node in order.into_iter().rev() {
            let children = below.get(node).copied().unwrap_or_default();
            let own = match self.trace.spans.get(node) {
                Some(span) => seed.hash_one((self.looks(span, &owing), children)),
                // An absent parent is like no other.
                None => seed.hash_one((node, children)),
            };
            if let Some(signature) = signatures.get_mut(node) {
                *signature = own;
            }
            if let Some(sum) = self.parent_of(node).and_then(|up| below.get_mut(up)) {
                *sum = sum.wrapping_add(own);
            }
        }
        signatures
    }

    /// Everything that is drawn of a span but its times.
    fn looks<'s>(&'s self, span: &'s Span, owing: &[&str]) -> impl Hash + use<'s> {
        let resource = self.trace.resource(span).map(|r| (r.service.as_str(), r.region.as_str()));
        let crossing = span.crossing().map(|c| (c.from.as_str(), c.to.as_str()));
        let marks = span.marks.as_ref().map(|m| (m.in_cycle, m.redacted));
        // Few spans are owed something, so that the id is written out for those traces only.
        let owed = (!owing.is_empty()).then(|| hex(&span.id)).filter(|id| owing.contains(&id.as_str()));
        let fault = (span.is_error, span.error(), span.synthetic(), owed);
        (resource, span.name.as_str(), span.kind, crossing, marks, fault)
    }

    fn rows(&self, signatures: &[u64], limits: Limits) -> Layout {
        let spans = &self.trace.spans;
        let is_root = |node: &&usize| {
            spans.get(**node).is_some_and(|s| s.parent_id.is_empty() && s.synthetic().is_none())
        };
        let mut layout = Layout { root: self.roots.iter().find(is_root).copied(), ..Layout::default() };
        let mut waiting = Vec::new();
        push_groups(self.groups(self.roots.iter().copied(), signatures), 0, 1, &mut waiting);
        let (mut spans_shown, mut errors_shown) = (0_u64, 0_u64);
        while let Some(Group { node, depth, last, fold, times }) = waiting.pop() {
            if layout.rows.len() >= limits.rows_max {
                break;
            }
            if let Some(span) = spans.get(node) {
                spans_shown += times;
                errors_shown += times * u64::from(span.is_error);
            }
            let children = self.groups(self.children_of(node), signatures);
            layout.rows.push(Row {
                node: self.node(node),
                depth,
                last,
                has_children: !children.is_empty(),
                cut_cycle: self.is_cut(node),
                fold,
                times,
            });
            push_groups(children, depth + 1, times, &mut waiting);
        }
        let errors = spans.iter().filter(|span| span.is_error).count() as u64;
        layout.rest = (spans.len() as u64).saturating_sub(spans_shown);
        layout.rest_errors = errors.saturating_sub(errors_shown);
        layout
    }

    fn node(&self, node: usize) -> Node {
        match node.checked_sub(self.trace.spans.len()).and_then(|at| self.absent.get(at)) {
            Some(id) => Node::AbsentParent { id: id.to_vec() },
            None => Node::Span(node),
        }
    }

    /// Siblings by their looks, each group where its first stands.
    fn groups(
        &self,
        siblings: impl Iterator<Item = usize>,
        signatures: &[u64],
    ) -> Vec<(usize, Option<Fold>)> {
        let siblings: Vec<usize> = siblings.collect();
        let mut alike: HashMap<u64, Vec<usize>, foldhash::fast::RandomState> = HashMap::default();
        if siblings.len() >= FOLD_MIN {
            for node in &siblings {
                if let Some(signature) = signatures.get(*node) {
                    alike.entry(*signature).or_default().push(*node);
                }
            }
        }
        let mut groups = Vec::new();
        for node in siblings {
            let group = signatures.get(node).and_then(|signature| alike.get(signature));
            match group.filter(|group| group.len() >= FOLD_MIN) {
                None => groups.push((node, None)),
                Some(group) if group.first() == Some(&node) => groups.push(self.fold(group, node)),
                Some(_) => {}
            }
        }
        groups
    }

    fn fold(&self, group: &[usize], first: usize) -> (usize, Option<Fold>) {
        let spans = || group.iter().filter_map(|node| self.trace.spans.get(*node).map(|span| (*node, span)));
        let took = |span: &Span| span.end.saturating_sub(span.start);
        // Of equals the first: the picture of a trace is always the same.
        let longest = spans().rev_max_by_key(|(_, span)| took(span)).map_or(first, |(node, _)| node);
        let fold = Fold {
            count: group.len(),
            shortest: spans().map(|(_, span)| took(span)).min().unwrap_or_default(),
            start: spans().map(|(_, span)| span.start).min().unwrap_or_default(),
            end: spans().map(|(_, span)| span.end).max().unwrap_or_default(),
        };
        (longest, Some(fold))
    }
}

/// A line to come.
struct Group {
    node: usize,
    depth: usize,
    last: bool,
    fold: Option<Fold>,
    times: u64,
}

fn push_groups(groups: Vec<(usize, Option<Fold>)>, depth: usize, times: u64, waiting: &mut Vec<Group>) {
    for (from_end, (node, fold)) in groups.into_iter().rev().enumerate() {
        let times = times.saturating_mul(fold.map_or(1, |fold| fold.count as u64));
        waiting.push(Group { node, depth, last: from_end == 0, fold, times });
    }
}

trait FirstMax: Iterator + Sized {
    /// The first of the largest, where `max_by_key` gives the last.
    fn rev_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        self.reduce(|best, next| if key(&next) > key(&best) { next } else { best })
    }
}

impl<I: Iterator> FirstMax for I {}
