//! Words of the domain. Knows no serde, no async, no HTTP and no clock: the wire format and the
//! configuration file can change without these types changing.

pub mod answer;
pub mod caller;
pub mod class;
pub mod coverage;
pub mod diff;
pub mod errand;
pub mod grant;
pub mod id;
pub mod metrics;
pub mod proven;
pub mod query;
pub mod region;
pub mod search;
pub mod tags;
pub mod value;

pub use answer::{Answer, Complete};
pub use caller::Caller;
pub use class::{CLASSES_MAX, ClassId};
pub use coverage::{Coverage, Exactness, Mode, Outcome, RegionReport, RegionStatus};
pub use diff::{DiffFormat, DiffQuery, DiffSide};
pub use errand::{Asker, Errand, Whole};
pub use id::{TraceId, TraceIdError};
pub use metrics::{MetricsAnswer, MetricsQuery};
pub use proven::{Proven, ProvenBy};
pub use query::{LookupScope, TraceQuery};
pub use region::{Jurisdiction, RegionName};
pub use search::{Inspected, SearchAnswer, SearchQuery, TraceRow};
pub use tags::{TagNames, TagValues, TagValuesQuery, TagsQuery};
pub use value::ShownValue;
