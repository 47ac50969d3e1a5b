//! The shop that `tutti demo` shows: three embedded regions, services spread over them, and traffic
//! that really crosses borders.
//!
//! It knows nothing of the gateway: it makes OTLP and pushes it to the regions, as any process would.
//! Everything in it is made up. Addresses are of the ranges set apart for documentation, cards and
//! accounts are the payment industry's test numbers.

mod calls;
mod estate;
mod journey;
mod otlp;
mod people;
mod planted;
mod requests;
mod shop;
mod traffic;

pub use estate::{Estate, EstateRegion};
pub use planted::{Planted, PlantedKind, PlantedSpan, Planting};
pub use traffic::traffic;

#[cfg(test)]
mod tests;
