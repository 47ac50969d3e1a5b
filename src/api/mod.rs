//! To come.

pub mod ingest;
