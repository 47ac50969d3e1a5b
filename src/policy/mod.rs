//! What may be seen of which region: decisions by class and caller, and the plan they make. Knows nothing of bytes
//! or requests, and no file: what people wrote comes here as texts and facts.
//!
//! The way: `facts` and texts of policies become a [`Rulebook`] (`rulebook`, the only place that knows Cedar), a
//! rulebook over declared regions becomes [`Policies`], and these make a [`Plan`] for each caller, whose cells are
//! decided (`decide`) as they are asked for. `cases` and `matrix` hold a rulebook to what people expect of it.

pub mod cases;
pub mod cell;
pub mod classes;
mod decide;
pub mod facts;
pub mod lift;
pub mod matrix;
pub mod plan;
mod policies;
pub mod rulebook;
mod ruled;

pub use cell::{Care, Cell, RuleId, Rung};
pub use classes::{ClassFacts, Classes, ClassesError, Generalise, KeyLists, Mask};
pub use decide::{Decider, Explanation, Leg};
pub use facts::{Basis, CareFacts, CareMode, Facts, JurisdictionFacts, PurposeFacts};
pub use plan::{KeyRules, Plan, RegionPlan, Treatment};
pub use policies::{Policies, PolicyRegion};
pub use rulebook::{Act, Broken, PolicyFault, PolicyText, Rule, Rulebook, Verdict};
pub use ruled::{Ruled, TokenScope};
