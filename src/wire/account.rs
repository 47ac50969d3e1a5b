//! The account that a gateway gives another of its own regions, as a header: compact JSON, packed where it is long, and
//! never longer than proxies carry. What does not fit even so is left out from the least telling on, and that is said;
//! how each region fared and why the answer may not be exact always stands there.
//!
//! What is read is made of words and numbers that are known here. Of texts only why something is withheld is taken,
//! in the one form that it has: whoever sends another has none.

mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::coverage::{WITHIN_DEPTH_MAX, Within};
use crate::model::{Exactness, Jurisdiction, RegionName, RegionReport, RegionStatus};

/// Proxies mostly have room for 8 kB of headers.
pub const ACCOUNT_BYTES_MAX: usize = 6 << 10;

/// As many as may be declared.
const REGIONS_MAX: usize = 100;

/// Of a reason that is carried on, and of the name of a class or a gateway.
const REASON_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 100;

/// What stands in every reason for which something is withheld.
const LACKS: &str = ": you lack the right ";

/// What one gateway tells another beside an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The statement that is answered.
    pub to: String,
    /// Whether ids of spans are as they were sent, and not as a store has renumbered them.
    pub is_as_sent: bool,
    pub within: Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no account of regions")]
pub struct AccountError;

impl Account {
    pub fn to_text(&self) -> String {
        // Less and less beside what must be said.
        for room in [Room::All, Room::Reasons, Room::Statuses] {
            if let Some(text) = text::written(&self.to_json(room), ACCOUNT_BYTES_MAX) {
                return text;
            }
        }
        // The names of a hundred regions, and how each fared: it fits, packed, unless somebody chose names so that it
        // does not.
        text::written_anyway(&self.to_json(Room::Nothing))
    }

    fn to_json(&self, room: Room) -> String {
        let within = &self.within;
        let written = Written {
            to: self.to.clone(),
            gateway: within.gateway.clone(),
            as_sent: self.is_as_sent,
            open: within.is_open,
            exactness: within.exactness.as_str().to_owned(),
            elsewhere: within.elsewhere.clone(),
            abridged: within.is_abridged || room != Room::All,
            regions: regions_of(within, room),
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    pub fn read(text: &[u8]) -> Result<Self, AccountError> {
        let json = text::read(text).ok_or(AccountError)?;
        let written: Written = serde_json::from_slice(&json).map_err(|_| AccountError)?;
        let Written { to, gateway, as_sent, open, exactness, elsewhere, abridged, regions } = written;
        let inner = WrittenWithin { gateway, open, exactness, elsewhere, abridged, regions };
        let within = within(inner, WITHIN_DEPTH_MAX).ok_or(AccountError)?;
        Ok(Self { to, is_as_sent: as_sent, within })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    All,
    /// Without numbers by class.
    Reasons,
    /// Without reasons, and without the regions of further peers.
    Statuses,
    /// Names and statuses alone.
    Nothing,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    to: String,
    gateway: String,
    as_sent: bool,
    open: bool,
    exactness: String,
    /// Gateways whose regions are left to whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<String>,
    /// Whether more could be said than there was room for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    abridged: bool,
    regions: Vec<WrittenRegion>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WrittenRegion {
    region: String,
    jurisdiction: String,
    status: String,
    #[serde(skip_serializing_if = "is_zero")]
    took_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    spans: u64,
    #[serde(skip_serializing_if = "is_zero")]
    attempts: u64,
    #[serde(skip_serializing_if = "is_zero")]
    treated: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<(String, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    raw_egress: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Box<WrittenWithin>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenWithin {
    gateway: String,
    open: bool,
    exactness: String,
    /// Gateways whose regions are left to whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<String>,
    /// Whether more could be said than there was room for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    abridged: bool,
    regions: Vec<WrittenRegion>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn regions_of(within: &Within, room: Room) -> Vec<WrittenRegion> {
    within.regions.iter().map(|report| region_of(report, room, WITHIN_DEPTH_MAX)).collect()
}

fn region_of(report: &RegionReport, room: Room, depth: usize) -> WrittenRegion {
    let plain = WrittenRegion {
        region: report.region.to_string(),
        jurisdiction: report.jurisdiction.to_string(),
        status: report.status.as_str().to_owned(),
        raw_egress: report.is_raw_egress,
        ..WrittenRegion::default()
    };
    if room == Room::Nothing {
        return plain;
    }
    let numbers = WrittenRegion {
        took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        bytes: report.bytes,
        spans: report.spans,
        attempts: report.attempts.into(),
        treated: report.treated,
        http_status: report.http_status,
        ..plain
    };
    if room == Room::Statuses {
        return numbers;
    }
    let is_withheld = report.status == RegionStatus::Withheld;
    let nested = report.within.as_deref().filter(|_| depth > 1);
    let nested = nested.map(|within| WrittenWithin {
        gateway: within.gateway.clone(),
        open: within.is_open,
        exactness: within.exactness.as_str().to_owned(),
        elsewhere: within.elsewhere.clone(),
        abridged: within.is_abridged
            || (depth == 2 && within.regions.iter().any(|inner| inner.within.is_some())),
        regions: within.regions.iter().map(|inner| region_of(inner, room, depth - 1)).collect(),
    });
    WrittenRegion {
        reason: report.detail.clone().filter(|detail| is_withheld && is_reason(detail)),
        within: nested.map(Box::new),
        classes: if room == Room::All { report.treated_by_class.clone() } else { Vec::new() },
        ..numbers
    }
}

/// Recurses no deeper than `depth`.
fn within(written: WrittenWithin, depth: usize) -> Option<Within> {
    let WrittenWithin { gateway, open, exactness, elsewhere, abridged, regions } = written;
    let is_bounded = regions.len() <= REGIONS_MAX && elsewhere.len() <= REGIONS_MAX;
    if depth == 0 || !is_bounded || !is_name(&gateway) || !elsewhere.iter().all(|name| is_name(name)) {
        return None;
    }
    let exactness = Exactness::parse(&exactness)?;
    let regions: Option<Vec<_>> = regions.into_iter().map(|written| region(written, depth)).collect();
    Some(Within { gateway, is_open: open, exactness, elsewhere, is_abridged: abridged, regions: regions? })
}

fn region(written: WrittenRegion, depth: usize) -> Option<RegionReport> {
    let inner = match written.within {
        Some(inner) => Some(within(*inner, depth - 1)?),
        None => None,
    };
    if written.classes.len() > REGIONS_MAX || !written.classes.iter().all(|(class, _)| is_name(class)) {
        return None;
    }
    Some(RegionReport {
        region: RegionName::parse(&written.region).ok()?,
        jurisdiction: Jurisdiction::parse(&written.jurisdiction).ok()?,
        status: RegionStatus::parse(&written.status)?,
        detail: written.reason.filter(|reason| is_reason(reason)),
        http_status: written.http_status,
        took: Duration::from_millis(written.took_ms),
        first_byte: None,
        bytes: written.bytes,
        spans: written.spans,
        attempts: u32::try_from(written.attempts).unwrap_or(u32::MAX),
        treated: written.treated,
        treated_by_class: written.classes,
        within: inner.map(std::sync::Arc::new),
        is_raw_egress: written.raw_egress,
        again: None,
    })
}

/// Names of gateways and of classes.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// Why something is withheld: what is named, and by the name of a class which right is lacking.
fn is_reason(text: &str) -> bool {
    let Some((named, right)) = text.split_once(LACKS) else { return false };
    let Some((right, class)) = right.split_once(" on ") else { return false };
    named.starts_with('`')
        && named.chars().count() <= REASON_CHARS_MAX
        && !named.chars().any(char::is_control)
        && is_name(right)
        && is_name(class)
}

#[cfg(test)]
mod tests;
