//! What the gateway tells of itself. The only room that names metrics; every family is in one
//! struct. Own spans wait here until somebody sends them.

pub mod metrics;
pub mod spans;

pub use metrics::Metrics;
