//! Words of the domain. Knows no serde, no async, no HTTP and no clock: the wire format and the
//! configuration file can change without these types changing.

pub mod answer;
pub mod coverage;
pub mod id;
pub mod query;
pub mod region;

pub use answer::{Answer, Complete};
pub use coverage::{Coverage, Exactness, Mode, Outcome, RegionReport, RegionStatus};
pub use id::{TraceId, TraceIdError};
pub use query::{LookupScope, TraceQuery};
pub use region::{Jurisdiction, RegionName};
