//! Memory of answers. Takes only what is complete, by type.

mod hot;
mod misses;

pub use hot::{HotKey, HotSettings, HotTraces};
pub use misses::RecentMisses;
