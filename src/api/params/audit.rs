//! What somebody looks for in the audit log.

use std::time::SystemTime;

use super::{Params, bad, number};
use crate::api::error::ApiError;
use crate::audit::search::{Wanted, parse_time};
use crate::model::TraceId;

/// Records of an answer where nothing else is said, and at most.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1000;

/// Bytes of a name; longer ones are in no record.
const NAME_BYTES_MAX: usize = 512;

/// Which records, from where on towards the beginning of the log, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsQuery {
    pub wanted: Wanted,
    pub before: u64,
    pub limit: usize,
}

pub fn records(params: &Params) -> Result<RecordsQuery, ApiError> {
    let wanted = Wanted {
        subject: name(params.get("caller"))?,
        event: name(params.get("event"))?,
        purpose: name(params.get("purpose"))?,
        since: time(params.get("since"))?,
        until: time(params.get("until"))?,
        trace: params.get("trace").map(TraceId::parse).transpose().map_err(|error| bad(error.to_string()))?,
    };
    let before = match params.get("before") {
        None => u64::MAX,
        Some(text) => {
            text.parse().map_err(|_| bad("invalid before: write the number of a record".to_owned()))?
        }
    };
    let limit = number(params, "limit")?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(bad(format!("invalid limit: write a number from 1 to {LIMIT_MAX}")));
    }
    Ok(RecordsQuery { wanted, before, limit: limit as usize })
}

fn name(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.len() > NAME_BYTES_MAX => {
            Err(bad(format!("a name in a record has up to {NAME_BYTES_MAX} bytes")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn time(text: Option<&str>) -> Result<Option<SystemTime>, ApiError> {
    text.map(parse_time).transpose().map_err(bad)
}
