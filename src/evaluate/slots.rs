//! What the compiled parts of one query share: a number for each attribute it names, so that a span is asked by
//! number and not by name, and its patterns.

use crate::traceql::ast::AttributeName;
use crate::traceql::pattern::PatternStore;
use hashbrown::HashMap;

/// The number of an attribute in one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The attributes and patterns of one query.
#[derive(Debug, Default)]
pub struct Slots {
    pub patterns: PatternStore,
    names: Vec<AttributeName>,
    by_name: HashMap<AttributeName, Slot>,
}

impl Slots {
    /// The slot of a name; a new one for a new name.
    pub fn of(&mut self, name: &AttributeName) -> Slot {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        // A query of the greatest length names fewer attributes than there are numbers.
        let slot = Slot(u16::try_from(self.names.len()).unwrap_or(u16::MAX));
        self.names.push(name.clone());
        self.by_name.insert(name.clone(), slot);
        slot
    }

    /// In the order of their numbers.
    pub fn names(&self) -> &[AttributeName] {
        &self.names
    }
}
