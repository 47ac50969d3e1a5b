//! TraceQL, the language: text in, a checked tree out, and back to canonical text.
//!
//! Knows nothing of spans, regions or callers: what a query means for a trace lives in `evaluate`, what may
//! be asked in `redaction`. The way through: [`parse()`] (syntax) then [`check()`] (types, and what Tempo
//! parses but does not support). Facts about the language come from Tempo's behaviour; the wording of errors
//! is ours, but begins as Tempo's does, because tools look at it.

pub mod ast;
pub mod check;
pub mod columns;
pub mod conditions;
pub mod error;
pub mod fetch;
pub mod fold;
pub mod identifier;
pub mod lenient;
mod lex;
pub mod mentions;
pub mod metrics;
mod number;
mod only;
pub mod parse;
pub mod pattern;
pub mod place;
pub mod print;
pub mod rewrite;
pub mod token;
pub mod types;
pub mod value;
pub mod veil;

pub use check::check;
pub use error::Error;
pub use identifier::identifier;
pub use number::{duration_text, float_text, plain_float_text};
pub use only::only_traces;
pub use parse::parse;

/// The longest query accepted, in bytes; Tempo's default limit.
pub const QUERY_BYTES_MAX: usize = 128 * 1024;

/// How deep the tree of a query may be. Typical queries need five levels; at this depth everything that walks
/// a tree recursively stays below half of a 2 MiB stack, even unoptimised (a test holds it).
pub const DEPTH_MAX: usize = 32;

/// How deep the text may nest, in steps of the parser: canonical text takes up to three a level of the tree
/// (two for `!(...)`, three for parentheses around spansets, whose frames are largest), and some for a chain.
const NESTING_MAX: usize = 3 * DEPTH_MAX + 16;

/// Parses and checks: the tree of a query that Tempo would run.
pub fn compile(text: &str) -> Result<ast::Query, Error> {
    let query = parse(text)?;
    check(text, &query)?;
    Ok(query)
}

#[cfg(test)]
mod tests;
