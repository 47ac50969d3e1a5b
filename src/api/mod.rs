//! The edge: Tempo's query API over HTTP and gRPC. Only this room knows status codes and headers.

mod account;
mod admit;
pub mod audit;
mod break_glass;
pub mod caller;
pub mod diff;
pub mod encode;
pub mod error;
mod go;
pub mod grpc;
mod held;
pub mod ingest;
mod layers;
pub mod metrics;
mod modes;
pub mod params;
mod path;
mod query;
pub mod report;
pub mod router;
pub mod search;
pub mod serve;
pub mod state;
pub mod status;
mod story;
pub mod stream;
pub mod tags;
pub mod tls;
pub mod traces;
mod witness;

pub use modes::Modes;
pub use router::router;
pub use state::{ApiSettings, ApiState, InForce};
