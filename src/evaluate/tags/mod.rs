//! Names of attributes and the values they have: what completion asks of traces.
//!
//! Answers are those of one Tempo block that holds the traces, fed in the order of their ids: `stored` reads
//! what an attribute is kept as, `filter` decides which places of a trace a half-typed query leaves, `limits`
//! says when enough is gathered. Which traces lie in the window is the caller's to say.

mod filter;
mod limits;
mod names;
mod stored;
mod values;

#[cfg(test)]
mod tests;

use crate::traceql;
use crate::traceql::ast::AttributeName;
use crate::traceql::lenient::TooManyGroups;
use crate::traceql::pattern::PatternError;

pub use names::TagNamesCollector;
pub use values::TagValuesCollector;

/// Why a question for names or values is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    #[error("please provide a valid tagName: failed to parse identifier {name}: {why}")]
    Name { name: String, why: traceql::Error },
    #[error(transparent)]
    TooManyGroups(#[from] TooManyGroups),
    #[error("{attribute} cannot be compared with this value")]
    Operand { attribute: String },
    #[error("{attribute} cannot be compared by this operator")]
    Operator { attribute: String },
    #[error("invalid regex: {0}")]
    Pattern(#[from] PatternError),
}

/// A name in TraceQL's words: `span.http.method`, `.key`, `kind`. Meaning is not checked, as in Tempo.
fn identifier(name: &str) -> Result<AttributeName, TagsError> {
    let refused = |why| TagsError::Name { name: name.to_owned(), why };
    traceql::identifier(name).map(|attribute| attribute.name).map_err(refused)
}
