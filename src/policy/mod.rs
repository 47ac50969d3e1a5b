//! What may be seen of which region. Knows nothing of bytes or requests.

pub mod plan;

pub use plan::{KeyRules, Plan, RegionPlan, Treatment};
