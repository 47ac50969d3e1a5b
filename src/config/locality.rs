//! `[locality]`: how much is remembered of where traces are.

use std::time::Duration;

use super::fault::Findings;
use super::given::Given;
use super::table::Table;
use crate::cache::LocalitySettings;

/// Some 3 GB; more is a slip.
const TRACES_MAX: u64 = 10_000_000;

#[derive(Debug)]
pub(super) struct GivenLocality {
    traces_max: Given<u64>,
    kept_for: Given<Duration>,
}

pub(super) fn read(mut table: Table<'_>, out: &mut Findings) -> GivenLocality {
    let given = GivenLocality {
        traces_max: table.whole("traces_max", 0..=TRACES_MAX, out),
        kept_for: table.duration("kept_for", out),
    };
    table.close(out);
    given
}

pub(super) fn resolve(given: &GivenLocality) -> LocalitySettings {
    let default = LocalitySettings::GATEWAY;
    LocalitySettings {
        traces_max: given.traces_max.or(default.traces_max),
        kept_for: given.kept_for.or(default.kept_for),
    }
}
