//! What one view needs to know of a value: which classes it may not show as they are, how strict it is with each,
//! and how sure a finding has to be. Made once for a plan and asked for every value.

use super::detect::Detectors;
use crate::model::ClassId;
use crate::model::class::CLASSES_MAX;

/// How strict a view is with a class. `0` leaves its values as they are.
pub type Strictness = u8;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Look {
    strictness: [Strictness; CLASSES_MAX],
    /// Detectors whose weak hits need a word of their kind.
    pub(super) balanced: Detectors,
    /// Detectors whose weak hits count without.
    pub(super) paranoid: Detectors,
    /// Detectors that look at what is safe, too.
    pub(super) safe: Detectors,
}

impl Look {
    pub(super) fn new(strictness: [Strictness; CLASSES_MAX]) -> Self {
        Self { strictness, balanced: Detectors::NONE, paranoid: Detectors::NONE, safe: Detectors::NONE }
    }

    /// A number beyond the table is treated: no one decided on it.
    #[inline]
    pub fn strictness(&self, class: ClassId) -> Strictness {
        self.strictness.get(class.index()).copied().unwrap_or(Strictness::MAX)
    }

    /// Whether values of the class may not be shown as they are.
    #[inline]
    pub fn treats(&self, class: ClassId) -> bool {
        self.strictness(class) > 0
    }

    /// Whether there is nothing to look for.
    pub fn is_blind(&self) -> bool {
        self.strictness.iter().all(|strictness| *strictness == 0)
    }
}
