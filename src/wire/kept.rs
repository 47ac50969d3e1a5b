//! What is kept beside a whole trace outside of the process: its account of regions, and until when it holds. Compact
//! JSON of words and numbers; what this program would not have written is none.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::coverage::{Owed, OwedKind, Owing};
use crate::model::{Coverage, Jurisdiction, Mode, RegionName, RegionReport, RegionStatus};

/// The layout; another is not read.
const VERSION: u32 = 1;

/// The account of a whole trace in which no other gateway had a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub coverage: Coverage,
    pub inspected_bytes: u64,
    /// Since the Unix epoch, by the clock of whoever wrote it.
    pub sealed_at: Duration,
    /// It holds no longer.
    pub until: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    sealed_at: u64,
    until: u64,
    inspected: u64,
    plan: String,
    regions: Vec<WrittenRegion>,
    parents: u64,
    clients: u64,
    by_region: Vec<(String, u64)>,
    first: Vec<(String, String, Option<String>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRegion {
    region: String,
    jurisdiction: String,
    status: String,
    detail: Option<String>,
    http: Option<u16>,
    took: u64,
    first_byte: Option<u64>,
    bytes: u64,
    spans: u64,
    attempts: u32,
    hedged: u32,
    treated: u64,
    classes: Vec<(String, u64)>,
    raw_egress: bool,
}

impl Kept {
    /// None of what other gateways had a part in: what they say is not carried on, and what they show not kept.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let Coverage { regions, owed, plan_digest, .. } = &self.coverage;
        if regions.iter().any(|report| report.within.is_some()) {
            return None;
        }
        let name = |region: &RegionName| region.as_str().to_owned();
        let first = owed.first.iter().map(|owed| {
            (owed.what.as_str().to_owned(), owed.span_id.clone(), owed.suspected.as_ref().map(name))
        });
        let written = Written {
            version: VERSION,
            sealed_at: nanos(self.sealed_at),
            until: nanos(self.until),
            inspected: self.inspected_bytes,
            plan: plan_digest.clone(),
            regions: regions.iter().map(region).collect(),
            parents: owed.missing_parents,
            clients: owed.clients_without_server,
            by_region: owed.by_region.iter().map(|(region, count)| (name(region), *count)).collect(),
            first: first.collect(),
        };
        serde_json::to_vec(&written).ok()
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        if written.version != VERSION {
            return None;
        }
        let regions: Option<Vec<_>> = written.regions.into_iter().map(report).collect();
        let by_region: Option<_> = written
            .by_region
            .into_iter()
            .map(|(region, count)| Some((RegionName::parse(&region).ok()?, count)))
            .collect();
        let first: Option<Vec<_>> = written.first.into_iter().map(owed).collect();
        let owed = Owing {
            missing_parents: written.parents,
            clients_without_server: written.clients,
            by_region: by_region?,
            first: first?,
        };
        let coverage = Coverage {
            mode: Mode::BestEffort,
            regions: regions?,
            owed,
            is_size_limited: false,
            budget: None,
            plan_digest: written.plan,
        };
        Some(Self {
            coverage,
            inspected_bytes: written.inspected,
            sealed_at: Duration::from_nanos(written.sealed_at),
            until: Duration::from_nanos(written.until),
        })
    }
}

fn nanos(of: Duration) -> u64 {
    u64::try_from(of.as_nanos()).unwrap_or(u64::MAX)
}

fn region(report: &RegionReport) -> WrittenRegion {
    WrittenRegion {
        region: report.region.to_string(),
        jurisdiction: report.jurisdiction.to_string(),
        status: report.status.as_str().to_owned(),
        detail: report.detail.clone(),
        http: report.http_status,
        took: nanos(report.took),
        first_byte: report.first_byte.map(nanos),
        bytes: report.bytes,
        spans: report.spans,
        attempts: report.attempts,
        hedged: report.hedged,
        treated: report.treated,
        classes: report.treated_by_class.clone(),
        raw_egress: report.is_raw_egress,
    }
}

fn report(written: WrittenRegion) -> Option<RegionReport> {
    let region = RegionName::parse(&written.region).ok()?;
    let jurisdiction = Jurisdiction::parse(&written.jurisdiction).ok()?;
    let status = RegionStatus::parse(&written.status)?;
    Some(RegionReport {
        detail: written.detail,
        http_status: written.http,
        took: Duration::from_nanos(written.took),
        first_byte: written.first_byte.map(Duration::from_nanos),
        bytes: written.bytes,
        spans: written.spans,
        attempts: written.attempts,
        hedged: written.hedged,
        treated: written.treated,
        treated_by_class: written.classes,
        is_raw_egress: written.raw_egress,
        ..RegionReport::new(region, jurisdiction, status)
    })
}

fn owed((what, span_id, suspected): (String, String, Option<String>)) -> Option<Owed> {
    let kinds = [OwedKind::MissingParent, OwedKind::ClientWithoutServer];
    let what = kinds.into_iter().find(|kind| kind.as_str() == what)?;
    let suspected = match suspected {
        Some(region) => Some(RegionName::parse(&region).ok()?),
        None => None,
    };
    Some(Owed { what, span_id, suspected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let eu = RegionName::parse("eu-central").unwrap();
        let report = RegionReport {
            http_status: Some(200),
            took: Duration::from_micros(1234),
            first_byte: Some(Duration::from_micros(999)),
            bytes: 5,
            spans: 6,
            attempts: 1,
            hedged: 2,
            treated: 7,
            treated_by_class: vec![("pii.basic".to_owned(), 7)],
            is_raw_egress: true,
            ..RegionReport::new(eu.clone(), Jurisdiction::parse("EU").unwrap(), RegionStatus::Ok)
        };
        let owed = Owing {
            missing_parents: 1,
            clients_without_server: 2,
            by_region: [(eu.clone(), 3)].into(),
            first: vec![Owed {
                what: OwedKind::MissingParent,
                span_id: "00".to_owned(),
                suspected: Some(eu),
            }],
        };
        let coverage = Coverage {
            mode: Mode::BestEffort,
            regions: vec![report],
            owed,
            is_size_limited: false,
            budget: None,
            plan_digest: "abc".to_owned(),
        };
        let (sealed_at, until) = (Duration::from_secs(10), Duration::from_secs(20));
        Kept { coverage, inspected_bytes: 9, sealed_at, until }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let bytes = kept().to_bytes().unwrap();
        assert_eq!(Kept::read(&bytes), Some(kept()));
    }

    #[test]
    fn another_version_or_anything_else_is_not_read() {
        let text = String::from_utf8(kept().to_bytes().unwrap()).unwrap();
        for other in [
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("\"status\":\"ok\"", "\"status\":\"fine\""),
            text.replace("eu-central", "EU Central"),
            text.replace("\"parents\"", "\"more\":0,\"parents\""),
            "[]".to_owned(),
            String::new(),
        ] {
            assert_ne!(other, text);
            assert_eq!(Kept::read(other.as_bytes()), None, "{other}");
        }
    }
}
