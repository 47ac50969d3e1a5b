//! What one pass makes visible of a span, level by level.

use super::content::Entry;
use super::plan::Level;
use crate::traceql::value::Value;

/// What is visible of one span.
#[derive(Debug, Default)]
pub(super) struct Visible<'t> {
    pub trace: Vec<Entry<'t>>,
    pub resource: Vec<Entry<'t>>,
    pub scope: Vec<Entry<'t>>,
    pub span: Vec<Entry<'t>>,
    pub event: Vec<Entry<'t>>,
    pub link: Vec<Entry<'t>>,
    /// Numbers in the tree; those that are not visible are 0.
    pub left: i32,
    pub right: i32,
    pub parent: i32,
    pub has_start: bool,
    pub has_id: bool,
}

impl<'t> Visible<'t> {
    pub(super) fn list(&self, level: Level) -> &[Entry<'t>] {
        match level {
            Level::Trace => &self.trace,
            Level::Resource => &self.resource,
            Level::Scope => &self.scope,
            Level::Span => &self.span,
            Level::Event => &self.event,
            Level::Link => &self.link,
        }
    }

    /// How much of the span there is to see, nil not counted: what Tempo compares with the number of
    /// attributes named.
    pub(super) fn count(&self, levels: &[Level]) -> usize {
        let seen = |level: &Level| self.list(*level).iter().filter(|entry| entry.value != Value::Nil).count();
        let is_in_tree = self.left > 0 || self.right > 0 || self.parent != 0;
        let besides = [self.has_start, self.has_id, is_in_tree].into_iter().filter(|is| *is).count();
        levels.iter().map(seen).sum::<usize>() + besides
    }

    pub(super) fn clear_span(&mut self) {
        self.span.clear();
        self.event.clear();
        self.link.clear();
        (self.left, self.right, self.parent) = (0, 0, 0);
        (self.has_start, self.has_id) = (false, false);
    }
}
