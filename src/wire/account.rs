//! The account that a gateway gives another of its own regions, as a header: compact JSON in plain ASCII, never
//! longer than proxies carry. What does not fit is left out from the least telling on; how each region fared and why
//! the answer may not be exact always stands there.
//!
//! What is read is made of words and numbers that are known here. Of texts only why something is withheld is taken,
//! in the one form that it has: whoever sends another has none.

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
        let mut text = String::new();
        // Less and less beside what must be said; the last always fits a hundred regions of usual names.
        for room in [Room::All, Room::Reasons, Room::Statuses, Room::Nothing] {
            let written = Written {
                to: self.to.clone(),
                gateway: self.within.gateway.clone(),
                as_sent: self.is_as_sent,
                open: self.within.is_open,
                exactness: self.within.exactness.as_str().to_owned(),
                regions: regions_of(&self.within, room),
            };
            text = in_ascii(&serde_json::to_string(&written).unwrap_or_default());
            if text.len() <= ACCOUNT_BYTES_MAX {
                break;
            }
        }
        text
    }

    pub fn read(text: &[u8]) -> Result<Self, AccountError> {
        let written: Written = serde_json::from_slice(text).map_err(|_| AccountError)?;
        let Written { to, gateway, as_sent, open, exactness, regions } = written;
        let within = within((gateway, open), &exactness, regions, WITHIN_DEPTH_MAX).ok_or(AccountError)?;
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
fn within(
    (gateway, is_open): (String, bool),
    exactness: &str,
    regions: Vec<WrittenRegion>,
    depth: usize,
) -> Option<Within> {
    if depth == 0 || regions.len() > REGIONS_MAX || !is_name(&gateway) {
        return None;
    }
    let exactness = Exactness::parse(exactness)?;
    let regions: Option<Vec<_>> = regions.into_iter().map(|written| region(written, depth)).collect();
    Some(Within { gateway, is_open, exactness, regions: regions? })
}

fn region(written: WrittenRegion, depth: usize) -> Option<RegionReport> {
    let inner = match written.within {
        Some(inner) => Some(within((inner.gateway, inner.open), &inner.exactness, inner.regions, depth - 1)?),
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

/// JSON in which every other character is escaped: a header has no others.
fn in_ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            out.push(character);
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, status: RegionStatus) -> RegionReport {
        RegionReport {
            region: RegionName::parse(name).unwrap(),
            jurisdiction: Jurisdiction::parse("EU").unwrap(),
            status,
            detail: None,
            http_status: Some(200),
            took: Duration::from_millis(12),
            first_byte: None,
            bytes: 5,
            spans: 2,
            attempts: 1,
            treated: 3,
            treated_by_class: vec![("pii.email".to_owned(), 3)],
            within: None,
            is_raw_egress: false,
            again: None,
        }
    }

    fn account(regions: Vec<RegionReport>) -> Account {
        let within = Within {
            gateway: "eu-1".to_owned(),
            is_open: true,
            exactness: Exactness::RegionMissing,
            regions,
        };
        Account { to: "0a".to_owned(), is_as_sent: true, within }
    }

    #[test]
    fn an_account_survives_its_way() {
        let inner = Within {
            gateway: "eu-2".to_owned(),
            is_open: false,
            exactness: Exactness::Exact,
            regions: vec![report("eu-south", RegionStatus::Ok)],
        };
        let mut withheld = report("eu-west", RegionStatus::Withheld);
        withheld.detail =
            Some("`.n\u{e4}me` may not be asked for: you lack the right filterOn on pii.email".to_owned());
        let mut nested = report("eu-central", RegionStatus::Timeout);
        nested.within = Some(std::sync::Arc::new(inner));
        nested.is_raw_egress = true;
        let account = account(vec![nested, withheld]);
        let text = account.to_text();
        assert!(text.is_ascii() && !text.contains(char::is_control));
        assert_eq!(Account::read(text.as_bytes()), Ok(account));
    }

    #[test]
    fn a_text_that_is_no_reason_is_not_carried_on() {
        let mut lying = report("eu-west", RegionStatus::Withheld);
        for text in ["jane@example.com", "`x`: you lack the right read on jane@example.com", ""] {
            lying.detail = Some(text.to_owned());
            let read = Account::read(account(vec![lying.clone()]).to_text().as_bytes()).unwrap();
            assert_eq!(read.within.regions[0].detail, None, "{text}");
        }
    }

    #[test]
    fn a_hundred_regions_of_long_names_fit_and_keep_how_they_fared() {
        let regions = (0..100).map(|nth| report(&format!("r-{nth}"), RegionStatus::CircuitOpen)).collect();
        let text = account(regions).to_text();
        // A status and a name of each take most of the room; no proxy is asked for more than twice of it.
        assert!(text.len() <= 2 * ACCOUNT_BYTES_MAX, "{}", text.len());
        let read = Account::read(text.as_bytes()).unwrap();
        assert!(read.within.regions.iter().all(|report| report.status == RegionStatus::CircuitOpen));
        assert_eq!(read.within.regions.len(), 100);
    }

    #[test]
    fn what_is_no_account_is_refused() {
        let good = account(vec![report("eu", RegionStatus::Ok)]).to_text();
        for (from, to) in [
            ("\"ok\"", "\"splendid\""),
            ("region_missing", "certain"),
            ("\"eu-1\"", "\"eu 1\""),
            ("\"region\":\"eu\"", "\"region\":\"EU!\""),
            ("pii.email", "jane@example.com"),
            ("{\"to\"", "{\"more\":1,\"to\""),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from}");
            assert_eq!(Account::read(bad.as_bytes()), Err(AccountError), "{to}");
        }
        let mut deep = report("eu", RegionStatus::Ok);
        for _ in 0..WITHIN_DEPTH_MAX + 2 {
            let within = Within {
                gateway: "g".to_owned(),
                is_open: true,
                exactness: Exactness::Exact,
                regions: vec![deep.clone()],
            };
            deep.within = Some(std::sync::Arc::new(within));
        }
        let text = account(vec![deep]).to_text();
        assert!(Account::read(text.as_bytes()).is_ok(), "what is too deep is not written");
        for text in ["", "{}", "null", "[[[[[[[[["] {
            assert_eq!(Account::read(text.as_bytes()), Err(AccountError), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Account::read(&bytes);
        }
    }
}
