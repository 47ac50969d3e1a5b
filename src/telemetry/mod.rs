//! What the gateway tells of itself. The only room that names metrics; every family is in one struct.

pub mod metrics;
pub mod vulture;

pub use metrics::Metrics;
pub use vulture::VultureMetrics;
