//! A trace in the form that is compared: its spans in the order of the tree, each with its place in it.
//!
//! Children stand by start and id. A span whose parent is absent is a root, as is one of every cycle. Of
//! spans with one id only the first counts.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::super::Assembled;
use super::super::join::NONE;
use super::span::{self, Identity, Span};
use super::warning::{self, Warning};

/// What spans are, numbered over both traces.
#[derive(Debug, Default)]
pub(super) struct Identities<'a> {
    numbers: HashMap<Identity<'a>, u32>,
    all: Vec<Identity<'a>>,
}

/// A span at its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Among the spans of the trace.
    pub span: u32,
    /// Among the nodes; `NONE` for a root.
    pub parent: u32,
    /// Which of its parent's children it is, or of the roots.
    pub place: u32,
    pub identity: u32,
    /// How long its path is when it is written: every place from the root on, with commas between.
    pub path_bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Normal<'a> {
    pub trace: &'a [u8],
    pub spans: Vec<Span<'a>>,
    /// A parent stands before its children, and they before its next sibling.
    pub nodes: Vec<Node>,
    pub warnings: Vec<Warning>,
}

impl<'a> Identities<'a> {
    fn number(&mut self, identity: Identity<'a>) -> u32 {
        let next = self.all.len() as u32;
        match self.numbers.entry(identity) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                new.insert(next);
                self.all.push(identity);
                next
            }
        }
    }

    pub fn service(&self, number: u32) -> &'a [u8] {
        self.all.get(number as usize).map_or(&[], |identity| identity.service)
    }
}

impl<'a> Normal<'a> {
    /// `side` is what warnings call the trace.
    pub fn of(trace: &'a Assembled, side: &str, identities: &mut Identities<'a>) -> Self {
        let spans = span::all(trace);
        let trace = spans.iter().map(|span| span.trace).find(|id| !id.is_empty()).unwrap_or_default();
        let mut warnings: Vec<Warning> = warning::name_with_id(&spans).into_iter().collect();
        warnings.extend(warning::without_duration(&spans, side));
        let nodes = Walk::over(&spans).nodes(&spans, identities);
        warnings.extend(warning::duplicates(spans.len() - nodes.len(), side));
        Self { trace, spans, nodes, warnings }
    }

    pub fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    pub fn span(&self, node: &Node) -> Option<&Span<'a>> {
        self.spans.get(node.span as usize)
    }

    /// Nodes with their spans, in order.
    pub fn each(&self) -> impl Iterator<Item = (&Node, &Span<'a>)> {
        self.nodes.iter().filter_map(|node| Some((node, self.span(node)?)))
    }

    /// What a node's parent is; `NONE` for a root.
    pub fn parent_identity(&self, node: &Node) -> u32 {
        self.node(node.parent).map_or(NONE, |parent| parent.identity)
    }
}

/// Ids as numbers, and who is whose child. Number 0 is no id at all: its children are the roots. Where a span
/// has no id its children are the roots, too, whoever comes first.
struct Walk {
    /// The number of each span's id.
    ids: Vec<u32>,
    /// All spans by start and id.
    order: Vec<u32>,
    /// Children side by side, those of each id by start.
    children: Vec<u32>,
    /// Where those of each id begin; one more than there are ids.
    first: Vec<u32>,
}

/// Spans that are still to be taken in, side by side in a list.
struct Siblings {
    next: u32,
    end: u32,
    parent: u32,
    place: u32,
}

impl Walk {
    fn over(spans: &[Span<'_>]) -> Self {
        let mut numbers: HashMap<&[u8], u32> = HashMap::with_capacity(spans.len() + 1);
        numbers.insert(&[], 0);
        let mut ids = Vec::with_capacity(spans.len());
        for span in spans {
            let next = numbers.len() as u32;
            ids.push(*numbers.entry(span.id).or_insert(next));
        }
        let mut order: Vec<u32> = (0u32..).take(spans.len()).collect();
        order.sort_by_key(|at| spans.get(*at as usize).map(|span| (span.start, span.id)));
        let parents: Vec<u32> =
            spans.iter().map(|span| numbers.get(span.parent).copied().unwrap_or(0)).collect();
        let mut first = vec![0u32; numbers.len() + 1];
        for parent in &parents {
            if let Some(count) = first.get_mut(*parent as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut first {
            sum += *count;
            *count = sum;
        }
        let mut free = first.clone();
        let mut children = vec![NONE; spans.len()];
        for at in &order {
            let parent = parents.get(*at as usize).copied().unwrap_or(0);
            let Some(place) = free.get_mut(parent as usize) else { continue };
            if let Some(slot) = children.get_mut(*place as usize) {
                *slot = *at;
            }
            *place += 1;
        }
        Self { ids, order, children, first }
    }

    fn nodes<'a>(&self, spans: &[Span<'a>], identities: &mut Identities<'a>) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(spans.len());
        let mut is_in = vec![false; self.first.len()];
        let mut push = |at: u32, parent: u32, place: u32| {
            let was_in = self.ids.get(at as usize).and_then(|id| is_in.get_mut(*id as usize));
            let span =
                spans.get(at as usize).filter(|_| was_in.is_some_and(|was| !std::mem::replace(was, true)))?;
            let above = nodes.get(parent as usize).map_or(0, |node: &Node| node.path_bytes + 1);
            let identity = identities.number(span.identity);
            let path_bytes = above + decimal_digits(place);
            nodes.push(Node { span: at, parent, place, identity, path_bytes });
            Some(nodes.len() as u32 - 1)
        };
        let roots = self.descend(&self.children, self.children_of(0, NONE), &mut push);
        // What is left hangs on a cycle; its first is one more root.
        let rest = Siblings { next: 0, end: self.order.len() as u32, parent: NONE, place: roots };
        self.descend(&self.order, rest, &mut push);
        nodes
    }

    /// Takes in what stands in the list, each with all its descendants; gives the place of the next root.
    fn descend(
        &self,
        list: &[u32],
        mut level: Siblings,
        push: &mut impl FnMut(u32, u32, u32) -> Option<u32>,
    ) -> u32 {
        let mut above: Vec<Siblings> = Vec::new();
        loop {
            if level.next >= level.end {
                let Some(upper) = above.pop() else { return level.place };
                level = upper;
                continue;
            }
            let list = if above.is_empty() { list } else { &self.children };
            let at = list.get(level.next as usize).copied().unwrap_or(NONE);
            level.next += 1;
            // Whoever is in already, another with its id, is passed over.
            let Some(node) = push(at, level.parent, level.place) else { continue };
            level.place += 1;
            let id = self.ids.get(at as usize).copied().unwrap_or(0);
            above.push(std::mem::replace(&mut level, self.children_of(id, node)));
        }
    }

    fn children_of(&self, id: u32, parent: u32) -> Siblings {
        let at = |id: u32| self.first.get(id as usize).copied().unwrap_or(0);
        Siblings { next: at(id), end: at(id + 1), parent, place: 0 }
    }
}

fn decimal_digits(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}
