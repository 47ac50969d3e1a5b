//! Memory of answers. Takes only what is complete, by type.

mod hot;
mod locality;
mod misses;
mod recent;

pub use hot::{HotKey, HotSettings, HotTraces};
pub use locality::{Locality, LocalityKey, LocalitySettings, Place};
pub use misses::RecentMisses;
pub use recent::RecentAnswers;
