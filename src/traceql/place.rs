//! Where in the text of a query something stands.
//!
//! Offsets are bytes; lines and columns (counted in characters from one, as Tempo counts) are computed only
//! when an error is told, so that trees stay small.

/// A range of bytes in the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    pub start: u32,
    pub end: u32,
}

/// Trees are compared by what they say, not by where it was written.
impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl Place {
    /// `start` and `end` are offsets into a text below [`super::QUERY_BYTES_MAX`], so they fit.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// From the start of this place to the end of the other.
    pub fn to(self, other: Place) -> Place {
        Place { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Line and column of the start, both from one.
    pub fn line_and_column(self, text: &str) -> (usize, usize) {
        let before = text.get(..self.start as usize).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }
}
