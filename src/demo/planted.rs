//! A trace that is known beforehand: what `tutti vulture` writes, and compares with what it is shown.
//!
//! Everything in it follows from a seed and the number of its round, so that whoever knows these two can ask for it
//! hours later, and in another process. Its spans go from region to region, and one in each region holds a canary:
//! a value that no policy may show. Makes OTLP; sends nothing.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::journey::attribute;
use crate::model::{RegionName, TraceId};

/// Work that a service does between two calls, at most so many spans of it.
const WORK_MAX: u64 = 3;

/// The trace begins so long after its round at the latest, and each span so long after its parent: whole
/// milliseconds, since a search shows no finer duration.
const BEGIN_MAX_MS: u64 = 300;
const HOP_MS: u64 = 4;

/// What all traces of one run have in common.
#[derive(Debug, Clone)]
pub struct Planting {
    pub seed: u64,
    /// From one round to the next, in whole seconds.
    pub every: Duration,
    pub regions: Vec<RegionName>,
    /// Keys that hold a canary.
    pub canary_keys: Vec<String>,
}

/// One trace.
#[derive(Debug, Clone)]
pub struct Planted {
    pub round: u64,
    /// When its round is over, in seconds since the epoch.
    pub round_end: u64,
    pub trace: TraceId,
    pub service: String,
    /// Stands in no span's name; whoever sees it raw has been shown what is protected.
    pub canary: String,
    pub spans: Vec<PlantedSpan>,
}

/// One span of it. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantedSpan {
    /// Index into the regions of the planting.
    pub region: usize,
    pub id: [u8; 8],
    pub parent: Option<[u8; 8]>,
    pub name: String,
    pub kind: PlantedKind,
    pub start: u64,
    pub end: u64,
    /// Besides its canaries.
    pub attributes: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedKind {
    Server,
    Client,
    Internal,
}

impl PlantedKind {
    /// As OTLP's JSON names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "SPAN_KIND_SERVER",
            Self::Client => "SPAN_KIND_CLIENT",
            Self::Internal => "SPAN_KIND_INTERNAL",
        }
    }

    fn otlp(self) -> i32 {
        let kind = match self {
            Self::Server => SpanKind::Server,
            Self::Client => SpanKind::Client,
            Self::Internal => SpanKind::Internal,
        };
        kind.into()
    }
}

impl PlantedSpan {
    /// One of each region, so that the others show what is not protected.
    pub fn has_canary(&self) -> bool {
        self.kind == PlantedKind::Server
    }
}

impl Planting {
    /// The round that is over at this time: all of its spans have ended.
    pub fn round_before(&self, now: Duration) -> u64 {
        (now.as_secs() / self.every.as_secs().max(1)).saturating_sub(1)
    }

    /// Seconds since the epoch at which a round begins and ends.
    pub fn window(&self, round: u64) -> (u64, u64) {
        let every = self.every.as_secs().max(1);
        (round.saturating_mul(every), round.saturating_add(1).saturating_mul(every))
    }

    /// The name of the service that all traces of this seed have, and no other.
    pub fn service(&self) -> String {
        format!("tutti-vulture-{}", self.seed)
    }

    pub fn trace(&self, round: u64) -> Planted {
        let digest = |what: &str| blake3::hash(format!("{}/{round}/{what}", self.seed).as_bytes());
        // Never with the round itself: an interval of a series over time is open at its start.
        let offset_ms = (number(&digest("begin")) % BEGIN_MAX_MS).max(1);
        let begin = self.window(round).0 * 1_000_000_000 + offset_ms * 1_000_000;
        let mut growing = Growing { digest: &digest, begin, spans: Vec::new() };
        let count = self.regions.len().max(1);
        // Another region begins each time, so that each is the root's now and then.
        let first = usize::try_from(round % count as u64).unwrap_or_default();
        let mut caller = growing.add(first, None, "planted request".to_owned(), PlantedKind::Server);
        for hop in 0..count {
            let here = (first + hop) % count;
            for work in 0..number(&digest(&format!("work {hop}"))) % (WORK_MAX + 1) {
                growing.add(here, Some(caller), format!("planted work {work}"), PlantedKind::Internal);
            }
            if hop + 1 < count {
                let call =
                    growing.add(here, Some(caller), format!("planted call {hop}"), PlantedKind::Client);
                let next = (first + hop + 1) % count;
                caller = growing.add(next, Some(call), format!("planted answer {hop}"), PlantedKind::Server);
            }
        }
        let spans = growing.closed(round);
        let (trace, _) = digest("trace")
            .as_bytes()
            .split_first_chunk()
            .map_or(([0; 16], &[][..]), |(id, rest)| (*id, rest));
        let canary = format!("canary{}", digest("canary").to_hex().chars().take(24).collect::<String>());
        let round_end = self.window(round).1;
        Planted {
            round,
            round_end,
            trace: TraceId::from_bytes(trace),
            service: self.service(),
            canary,
            spans,
        }
    }

    /// What each region is sent of a trace, as OTLP in protobuf; nothing where it has no part.
    pub fn exports(&self, planted: &Planted) -> Vec<(RegionName, Bytes)> {
        let of = |(index, region): (usize, &RegionName)| {
            let spans: Vec<Span> = planted
                .spans
                .iter()
                .filter(|span| span.region == index)
                .map(|span| self.otlp(planted, span))
                .collect();
            let resource = vec![
                attribute("service.name", planted.service.clone()),
                attribute("cloud.region", region.to_string()),
            ];
            let scope = InstrumentationScope { name: "tutti.vulture".to_owned(), ..Default::default() };
            let resource_spans = vec![ResourceSpans {
                resource: Some(Resource { attributes: resource, ..Resource::default() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
                schema_url: String::new(),
            }];
            (region.clone(), Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec()))
        };
        let has_part =
            |(index, _): &(usize, &RegionName)| planted.spans.iter().any(|span| span.region == *index);
        self.regions.iter().enumerate().filter(has_part).map(of).collect()
    }

    fn otlp(&self, planted: &Planted, span: &PlantedSpan) -> Span {
        let mut attributes: Vec<_> =
            span.attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect();
        if span.has_canary() {
            attributes.extend(self.canary_keys.iter().map(|key| attribute(key, planted.canary.clone())));
        }
        Span {
            trace_id: planted.trace.as_bytes().to_vec(),
            span_id: span.id.to_vec(),
            parent_span_id: span.parent.map(|id| id.to_vec()).unwrap_or_default(),
            name: span.name.clone(),
            kind: span.kind.otlp(),
            start_time_unix_nano: span.start,
            end_time_unix_nano: span.end,
            attributes,
            ..Span::default()
        }
    }
}

impl Planted {
    pub fn start(&self) -> u64 {
        self.spans.iter().map(|span| span.start).min().unwrap_or_default()
    }

    pub fn end(&self) -> u64 {
        self.spans.iter().map(|span| span.end).max().unwrap_or_default()
    }
}

/// A trace that is being made: parents come before their children.
struct Growing<'a> {
    digest: &'a dyn Fn(&str) -> blake3::Hash,
    begin: u64,
    spans: Vec<PlantedSpan>,
}

impl Growing<'_> {
    fn add(&mut self, region: usize, parent: Option<[u8; 8]>, name: String, kind: PlantedKind) -> [u8; 8] {
        let hash = (self.digest)(&format!("span {}", self.spans.len()));
        let id = hash.as_bytes().split_first_chunk().map_or([0; 8], |(id, _)| *id);
        let start = self.begin + self.spans.len() as u64 * HOP_MS * 1_000_000;
        let attributes = vec![("http.request.method".to_owned(), "GET".to_owned())];
        self.spans.push(PlantedSpan { region, id, parent, name, kind, start, end: start, attributes });
        id
    }

    /// Every span ends after all that it called, however deep.
    fn closed(mut self, round: u64) -> Vec<PlantedSpan> {
        let last = self.begin + self.spans.len() as u64 * HOP_MS * 1_000_000;
        let count = self.spans.len() as u64;
        for (span, number) in self.spans.iter_mut().zip(0u64..) {
            span.end = last + (count - number) * 1_000_000;
            span.attributes.push(("vulture.round".to_owned(), round.to_string()));
        }
        self.spans
    }
}

fn number(hash: &blake3::Hash) -> u64 {
    hash.as_bytes().split_first_chunk().map_or(0, |(first, _)| u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn planting(regions: &[&str]) -> Planting {
        Planting {
            seed: 7,
            every: Duration::from_secs(10),
            regions: regions.iter().map(|name| RegionName::parse(name).unwrap()).collect(),
            canary_keys: vec!["user.email".to_owned()],
        }
    }

    #[test]
    fn a_trace_is_the_same_each_time_and_another_for_another_round_or_seed() {
        let planting = planting(&["us-east", "eu-central"]);
        let once = planting.trace(5);
        assert_eq!((once.trace, &once.spans), (planting.trace(5).trace, &planting.trace(5).spans));
        let other = Planting { seed: 8, ..planting.clone() };
        let ids: HashSet<_> = [once.trace, planting.trace(6).trace, other.trace(5).trace].into();
        assert_eq!(ids.len(), 3);
        assert_ne!(once.canary, planting.trace(6).canary);
    }

    #[test]
    fn a_trace_is_one_tree_over_all_regions_within_its_round() {
        for regions in [&["a"][..], &["a", "b"], &["a", "b", "c", "d", "e", "f", "g", "h"]] {
            let planting = planting(regions);
            for round in 170_000_000..170_000_040 {
                let planted = planting.trace(round);
                let (begin, end) = planting.window(round);
                assert!(planted.start() > begin * 1_000_000_000 && planted.end() < end * 1_000_000_000);
                let ids: HashSet<_> = planted.spans.iter().map(|span| span.id).collect();
                assert_eq!(ids.len(), planted.spans.len());
                assert_eq!(planted.spans.iter().filter(|span| span.parent.is_none()).count(), 1);
                for span in &planted.spans {
                    let parent = planted.spans.iter().find(|other| Some(other.id) == span.parent);
                    assert!(parent.is_some() || span.parent.is_none());
                    assert!(parent.is_none_or(|parent| parent.start < span.start && parent.end > span.end));
                    assert!(span.start < span.end && span.start.is_multiple_of(1_000_000));
                }
                let held: HashSet<_> = planted.spans.iter().map(|span| span.region).collect();
                assert_eq!(held.len(), regions.len());
                assert_eq!(planting.exports(&planted).len(), regions.len());
            }
        }
    }

    #[test]
    fn each_region_is_sent_its_own_spans_with_their_canaries() {
        let planting = planting(&["us-east", "eu-central"]);
        let planted = planting.trace(3);
        let mut sent = 0;
        for (region, export) in planting.exports(&planted) {
            let export = ExportTraceServiceRequest::decode(export).unwrap();
            let spans = &export.resource_spans[0].scope_spans[0].spans;
            let rank = planting.regions.iter().position(|name| *name == region).unwrap();
            assert!(spans.iter().all(|span| {
                planted.spans.iter().any(|own| own.id[..] == span.span_id[..] && own.region == rank)
            }));
            let canaries = spans.iter().filter(|span| format!("{span:?}").contains(&planted.canary));
            assert_eq!(canaries.count(), 1);
            sent += spans.len();
        }
        assert_eq!(sent, planted.spans.len());
    }

    #[test]
    fn a_round_is_written_when_it_is_over() {
        let planting = planting(&["a"]);
        let now = Duration::from_secs(1_000_005);
        let round = planting.round_before(now);
        assert_eq!(planting.window(round), (999_990, 1_000_000));
    }
}
