//! The edge: Tempo's query API over HTTP. Only this room knows status codes and headers.

mod admit;
pub mod encode;
pub mod error;
mod go;
mod held;
pub mod ingest;
mod layers;
pub mod params;
mod path;
pub mod report;
pub mod router;
pub mod serve;
pub mod state;
pub mod status;
pub mod stream;
pub mod traces;

pub use router::router;
pub use state::{ApiSettings, ApiState};
