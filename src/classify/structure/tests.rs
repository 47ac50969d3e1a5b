//! Placeholder until the table is written.
