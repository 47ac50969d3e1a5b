//! Plan, ask, redact, assemble, decide, answer.

pub mod settings;
