//! How much was treated, by class and never by value.

use crate::model::ClassId;
use crate::model::class::CLASSES_MAX;

/// Counts of one part.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counts: [u64; CLASSES_MAX],
    /// Of no class: fields that are not known, listed keys.
    others: u64,
}

impl Tally {
    pub fn new() -> Self {
        Self { counts: [0; CLASSES_MAX], others: 0 }
    }

    #[inline]
    pub fn add(&mut self, class: ClassId) {
        if let Some(count) = self.counts.get_mut(class.index()) {
            *count += 1;
        }
    }

    pub fn add_other(&mut self) {
        self.others += 1;
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.others
    }

    pub fn by_class(&self) -> impl Iterator<Item = (ClassId, u64)> {
        (0..=u8::MAX).map(ClassId::new).zip(self.counts).filter(|(_, count)| *count > 0)
    }
}
