//! What is gathered for the record of one question, on its way down and up: by the layers, and by what every question
//! goes through (`admit`). Cheap to clone; all clones are one.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{MatchedPath, Request};
use http::Extensions;
use tokio::time::Instant;

use super::Peer;
use crate::api::caller::Seen;
use crate::api::state::ApiState;
use crate::audit::json::{Json, Map};
use crate::audit::record::text;
use crate::audit::{Event, Receipt, Record};
use crate::federation::Federation;
use crate::model::{Coverage, Outcome, RegionReport};
use crate::policy::{Plan, RegionPlan};

/// The record of one question as far as it is known.
#[derive(Debug, Clone)]
pub(in crate::api) struct Docket(Arc<Mutex<Draft>>);

#[derive(Debug)]
struct Draft {
    begun: Instant,
    source: Option<String>,
    policies: Option<String>,
    asked: Map,
    seen: Option<Seen>,
    /// The estate under a grant for this trace alone, where one answered: what is treated there is treated by its plan.
    under_grant: Option<Arc<Federation>>,
    coverage: Option<Coverage>,
    outcome: Option<Outcome>,
    traces: Option<u64>,
    spans: Option<u64>,
    bytes: Option<u64>,
    /// Records of the log itself that are in the answer.
    records: Option<u64>,
    is_stream: bool,
    start: Option<Receipt>,
    is_unrecorded: bool,
}

impl Docket {
    pub fn of_request(state: &ApiState, request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        Self::new(state, route.unwrap_or("unknown"), "http", request.extensions())
    }

    pub fn new(state: &ApiState, route: &str, transport: &str, extensions: &Extensions) -> Self {
        let asked = [("route", Json::text(route)), ("transport", Json::text(transport))];
        Self(Arc::new(Mutex::new(Draft {
            begun: Instant::now(),
            source: extensions.get::<Peer>().map(|peer| network(peer.0.ip())),
            policies: state.in_force().policies_digest().map(str::to_owned),
            asked: asked.map(|(key, value)| (key.to_owned(), value)).into(),
            seen: None,
            under_grant: None,
            coverage: None,
            outcome: None,
            traces: None,
            spans: None,
            bytes: None,
            records: None,
            is_stream: false,
            start: None,
            is_unrecorded: false,
        })))
    }

    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks, once that is known.
    pub fn saw(&self, extensions: &Extensions) {
        if let Some(seen) = extensions.get::<Seen>() {
            self.is_of(seen.clone());
        }
    }

    pub fn is_of(&self, seen: Seen) {
        self.draft().seen = Some(seen);
    }

    /// It is answered under a grant for the trace that is asked for.
    pub fn is_under(&self, federation: Arc<Federation>) {
        self.draft().under_grant = Some(federation);
    }

    pub fn asks(&self, asked: Map) {
        self.draft().asked.extend(asked);
    }

    pub fn settled(&self, outcome: Outcome, coverage: Option<&Coverage>) {
        let mut draft = self.draft();
        draft.outcome = Some(outcome);
        draft.coverage = coverage.cloned();
    }

    /// What is in the answer.
    pub fn returns(&self, traces: Option<u64>, spans: Option<u64>) {
        let mut draft = self.draft();
        (draft.traces, draft.spans) = (traces, spans);
    }

    /// It is the log itself that is read, and so many of its records.
    pub fn reads(&self, records: u64) {
        let mut draft = self.draft();
        (draft.records, draft.outcome) = (Some(records), Some(Outcome::Complete));
    }

    pub fn has_read(&self) -> bool {
        self.draft().records.is_some()
    }

    pub fn measured(&self, bytes: Option<u64>) {
        self.draft().bytes = bytes;
    }

    /// It is answered bit by bit.
    pub fn begins(&self) {
        self.draft().is_stream = true;
    }

    pub fn begun(&self, receipt: Receipt) {
        self.draft().start = Some(receipt);
    }

    pub fn has_begun(&self) -> bool {
        self.draft().is_stream
    }

    /// There is no log to be written to, and so nothing classified in the answer.
    pub fn is_unrecorded(&self) {
        self.draft().is_unrecorded = true;
    }

    pub fn shows_nothing_classified(&self) -> bool {
        self.draft().is_unrecorded
    }

    pub fn record(&self, event: Event, status: &str) -> Record {
        let draft = self.draft();
        let seen = draft.seen.as_ref();
        let of_caller = seen.map(|seen| &seen.federation);
        let plan = draft.under_grant.as_ref().or(of_caller).map(|federation| federation.plan());
        let details = draft.start.as_ref().filter(|_| event == Event::STREAM_END);
        let reports = draft.coverage.iter().flat_map(|coverage| &coverage.regions);
        Record {
            who: seen.map(|seen| ((*seen.caller).clone(), (*seen.proven).clone())),
            source: draft.source.clone(),
            grants: seen
                .and_then(|seen| seen.lifted.as_ref())
                .map(|lifted| lifted.id().to_owned())
                .into_iter()
                .collect(),
            asked: Json::Map(draft.asked.clone()),
            plan: draft.plan(plan),
            regions: reports.map(|report| region(report, plan, draft.is_unrecorded)).collect(),
            answer: draft.answer(&event, status),
            details: details.map_or(Json::Null, |start| Json::map([("start", Json::Whole(start.index))])),
            ..Record::of(event)
        }
    }
}

impl Draft {
    fn plan(&self, plan: Option<&Plan>) -> Json {
        let digest = self.coverage.as_ref().map(|coverage| coverage.plan_digest.as_str());
        let digest = digest.or(plan.filter(|_| !self.is_unrecorded).map(Plan::digest));
        let mut out = Map::new();
        let guest = self.seen.as_ref().and_then(|seen| seen.guest.as_ref());
        let outer = guest.map(|guest| guest.plan_digest.as_str());
        for (key, value) in [("digest", digest), ("policies", self.policies.as_deref()), ("outer", outer)] {
            if let Some(value) = value {
                out.insert(key.to_owned(), text(value));
            }
        }
        if let Some(epoch) = plan.and_then(Plan::token_epoch) {
            out.insert("epoch".to_owned(), Json::Whole(epoch.into()));
        }
        if self.is_unrecorded {
            out.insert("unclassified_only".to_owned(), Json::Flag(true));
        }
        Json::Map(out)
    }

    fn answer(&self, event: &Event, status: &str) -> Json {
        if *event == Event::STREAM_START {
            return Json::Null;
        }
        let outcome = self.outcome.map_or("refused", Outcome::as_str);
        let took = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut out = Map::from([
            ("status".to_owned(), Json::text(status)),
            ("outcome".to_owned(), Json::text(outcome)),
            ("took_us".to_owned(), Json::Whole(took)),
        ]);
        if let Some(coverage) = &self.coverage {
            out.insert("exactness".to_owned(), Json::text(coverage.exactness().as_str()));
        }
        for (key, count) in
            [("traces", self.traces), ("spans", self.spans), ("records", self.records), ("bytes", self.bytes)]
        {
            if let Some(count) = count {
                out.insert(key.to_owned(), Json::Whole(count));
            }
        }
        Json::Map(out)
    }
}

/// How a region fared, and what of it was treated, by class and treatment. Never a word that it sent.
fn region(report: &RegionReport, plan: Option<&Plan>, is_unrecorded: bool) -> Json {
    let mut out = Map::from([
        ("name".to_owned(), Json::text(report.region.as_str())),
        ("jurisdiction".to_owned(), Json::text(report.jurisdiction.as_str())),
        ("status".to_owned(), Json::text(report.status.as_str())),
        ("spans".to_owned(), Json::Whole(report.spans)),
        ("bytes".to_owned(), Json::Whole(report.bytes)),
    ]);
    let rung = |class: &str| match plan.map(|plan| plan.region(&report.region)) {
        _ if is_unrecorded => "dropped",
        Some(RegionPlan::Ruled(ruled)) => {
            ruled.classes().by_name(class).map_or("dropped", |class| ruled.cell(class).rung.as_str())
        }
        _ => "listed",
    };
    let one = |class: &str, treatment: &str, count: u64| {
        let [class, treatment] = [class, treatment].map(Json::text);
        Json::map([("class", class), ("treatment", treatment), ("count", Json::Whole(count))])
    };
    let by_class = report.treated_by_class.iter().map(|(class, count)| one(class, rung(class), *count));
    let mut treated: Vec<Json> = by_class.collect();
    let classed: u64 = report.treated_by_class.iter().map(|(_, count)| count).sum();
    // Of no class: keys that are listed, fields that are not known.
    if let Some(others @ 1..) = report.treated.checked_sub(classed) {
        treated.push(one("", "listed", others));
    }
    if !treated.is_empty() {
        out.insert("treated".to_owned(), Json::List(treated));
    }
    Json::Map(out)
}

/// The network of an address, as addresses in traces are made coarser: who sat where is nobody's to read here.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, c, _] = four.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(six) => {
            let [a, b, c, ..] = six.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_only_the_network_it_is_of() {
        for (address, expected) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected);
        }
    }
}
