//! An answer and what it covers, inseparable. Complete and partial differ by type where it matters.

use super::{Coverage, Outcome};

/// A value and the account of what it is made of.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub value: T,
    pub coverage: Coverage,
}

/// An answer in which no region is missing. A memory of answers takes only this, so that a partial
/// one can never be remembered as whole.
#[derive(Debug, Clone)]
pub struct Complete<T>(Answer<T>);

impl<T> Answer<T> {
    pub fn complete(self) -> Result<Complete<T>, Self> {
        if self.coverage.outcome() == Outcome::Complete { Ok(Complete(self)) } else { Err(self) }
    }
}

impl<T> Complete<T> {
    pub fn answer(&self) -> &Answer<T> {
        &self.0
    }

    pub fn into_answer(self) -> Answer<T> {
        self.0
    }
}
