//! Memory of answers. Takes only what is complete, by type.

mod misses;

pub use misses::RecentMisses;
