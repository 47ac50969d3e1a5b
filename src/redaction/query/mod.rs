//! The valve's way in: only a question that was permitted reaches planning, so that no question becomes an oracle.
//!
//! Each attribute that a question names is classed for each region before anything is sent. Where the caller lacks
//! the right, that region is not asked at all, with the same words whether or not it holds anything. Where they have
//! it, the question is decided on what they may see, and `sight` says how much of it the region may be told.
//! Nothing here looks at data.

mod alike;
mod asked;
pub(super) mod behind;
mod reading;
mod sight;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Deref;

use crate::model::RegionName;

pub use asked::{Asked, Asks, SpanFilter};
pub use sight::Sights;

/// What may be done with values of a class, by the names that policies use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    Filter,
    Group,
    List,
    /// To see values as they are stored: a number that is made of several shows them.
    Read,
}

/// Why a region is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub region: RegionName,
    /// As the question names it.
    pub attribute: String,
    pub class: String,
    pub right: Right,
}

/// A question that may be planned, and what of it each region is not asked.
///
/// ```compile_fail
/// use tutti::redaction::query::Permitted;
/// // Private: only this room permits.
/// let forged = Permitted { query: "{ .user.email = `jane@example.com` }", denied: Vec::new() };
/// ```
///
/// ```compile_fail
/// use tutti::redaction::query::Permitted;
/// let forged = Permitted::from("{ .user.email = `jane@example.com` }");
/// ```
#[derive(Debug, Clone)]
pub struct Permitted<Q> {
    query: Q,
    denied: Vec<Option<Denial>>,
}

/// Looks at everything the question names, for every region.
pub fn permit<Q: Asks>(query: Q, sights: &Sights<'_>) -> Permitted<Q> {
    let asked = query.asked();
    let denied = (0..sights.len()).map(|rank| asked.iter().find_map(|asked| sights.denial(rank, asked)));
    let denied = denied.collect();
    Permitted { query, denied }
}

impl<Q> Permitted<Q> {
    /// By rank: why the region is not asked; nothing of those that are.
    pub fn denied(&self) -> &[Option<Denial>] {
        &self.denied
    }

    pub fn is_denied(&self, rank: usize) -> bool {
        self.denied.get(rank).is_some_and(Option::is_some)
    }

    /// Whether there is no region that may be asked, but some that may not.
    pub fn is_denied_everywhere(&self) -> bool {
        !self.denied.is_empty() && self.denied.iter().all(Option::is_some)
    }

    /// The same as part of a question that is denied so, by rank. Its reasons have the word: they name what was asked.
    #[must_use]
    pub fn denied_also(mut self, by_the_whole: &[Option<Denial>]) -> Self {
        for (denied, whole) in self.denied.iter_mut().zip(by_the_whole) {
            if whole.is_some() {
                denied.clone_from(whole);
            }
        }
        self
    }

    /// The question alone, for who answers it whole.
    pub fn into_query(self) -> Q {
        self.query
    }
}

impl<Q> Deref for Permitted<Q> {
    type Target = Q;

    fn deref(&self) -> &Q {
        &self.query
    }
}

impl Right {
    pub const ALL: [Self; 4] = [Self::Filter, Self::Group, Self::List, Self::Read];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filterOn",
            Self::Group => "groupBy",
            Self::List => "listValues",
            Self::Read => "readRaw",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Filter => "may not be asked for",
            Self::Group => "may not be grouped by",
            Self::List => "may not be listed",
            Self::Read => "may not be computed with",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attribute, class, right, .. } = self;
        let (sentence, right) = (right.sentence(), right.as_str());
        write!(f, "`{attribute}` {sentence}: you lack the right {right} on {class}")
    }
}
