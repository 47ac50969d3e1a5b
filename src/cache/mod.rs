//! Memory of answers. Takes only what is complete, by type.

mod ahead;
mod hot;
mod misses;
pub mod shared;
mod sketch;

pub use ahead::{PrewarmBudget, PrewarmSettings};
pub use hot::{Epoch, Form, FormEndpoint, Hit, HotKey, HotSettings, HotTraces, Shape, Size, Written};
pub use misses::RecentMisses;
pub use shared::{Shared, SharedSettings};
pub use sketch::Sketch;
