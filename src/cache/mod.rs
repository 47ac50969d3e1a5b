//! Memory of answers. Takes only what is complete, by type.

mod ahead;
mod hot;
mod locality;
mod misses;
mod recent;
pub mod shared;
mod sketch;

pub use ahead::{PrewarmBudget, PrewarmSettings};
pub use hot::{Epoch, Form, FormEndpoint, Hit, HotKey, HotSettings, HotTraces, Shape, Size, Written};
pub use locality::{Locality, LocalityKey, LocalitySettings, Place};
pub use misses::RecentMisses;
pub use recent::RecentAnswers;
pub use shared::{Shared, SharedSettings};
pub use sketch::Sketch;
