//! v2's `q` and what goes with it: a part of a trace, and the words that say so.

use crate::Test;

/// The gateway takes these parameters and does not apply them yet; with the filter, the tests come in.
pub const TESTS: &[Test] = &[];
