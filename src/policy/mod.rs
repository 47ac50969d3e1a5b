//! What may be seen of which region. Knows nothing of bytes or requests.

pub mod cell;
pub mod classes;
pub mod plan;
mod policies;
mod ruled;

pub use cell::{Care, Cell, RuleId, Rung};
pub use classes::{ClassFacts, Classes, ClassesError, Generalise, KeyLists, Mask};
pub use plan::{KeyRules, Plan, RegionPlan, Treatment};
pub use policies::Policies;
pub use ruled::{Ruled, TokenScope};
