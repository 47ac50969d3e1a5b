//! The only room that spawns, and the only one that knows the clock.

pub mod along;
pub mod blocking;
pub mod clock;
pub mod deadline;
pub mod group;

pub use blocking::blocking;
pub use deadline::Deadline;
pub use group::Group;
