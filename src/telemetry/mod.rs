//! What the gateway tells of itself. The only room that names metrics; every family is in one
//! struct. Own spans wait here until somebody sends them.

pub mod analytics;
pub mod metrics;
pub mod spans;
pub mod vulture;

pub use metrics::Metrics;
pub use vulture::VultureMetrics;
