//! A class of data by its place in the table that the facts of the policy define. Knows no names and no
//! treatments: what a class means stands in `policies/*/classes.toml`, and only its number travels with a value.

/// Classes of one table. A plan has a cell for each class of each region, so that the number stays small.
pub const CLASSES_MAX: usize = 256;

/// An index into the table of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId(u8);

impl ClassId {
    pub const fn new(index: u8) -> Self {
        Self(index)
    }

    /// Below [`CLASSES_MAX`], whatever the table holds.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
