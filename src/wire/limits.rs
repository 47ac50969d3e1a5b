//! Numbers that bound what is read from the wire.

/// How many values may be nested in one attribute of a trace that a region sends. Tempo has no limit; a
/// trace's JSON this deep would be refused by most parsers (128 levels is usual, and one nested value is
/// three levels). A level takes well under 1 KiB of stack, so this is safe on any thread.
pub const VALUE_DEPTH_MAX: usize = 200;

/// Rows, spans, names, values, samples and the like that one answer of a region may hold. Each takes some
/// hundred bytes of memory and may take two on the wire.
pub const ANSWER_ITEMS_MAX: usize = 2_000_000;
