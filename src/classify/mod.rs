//! What a value is: by its key, by the structure of its text, by the value itself. Knows no regions, no policy
//! and no treatment, and never looks at more than the key and the text in hand: same input, same output.

pub mod keys;
pub mod structure;
