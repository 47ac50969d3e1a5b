//! Estates with people in them, real policies before them, and what each caller may see of each estate in a Tempo of
//! its own tenant.
//!
//! The view is computed part by part by the library itself, as a region sends its part; what is held to it is
//! everything after: planning, listing, assembly, evaluation, refusals.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tokio::runtime::Runtime;
use tutti::api::{ApiSettings, ApiState, InForce, router};
use tutti::backend::Backend;
use tutti::backend::settings::{LayerSettings, Streaming};
use tutti::config::Settings;
use tutti::federation::{Additions, Federation, FederationSettings, passing};
use tutti::identity::{Callers, Peers, Reception};
use tutti::model::{Caller, Jurisdiction, RegionName};
use tutti::policy::{Plan, Policies};
use tutti::redaction::ring::{HeldKeys, RootKey};
use tutti::redaction::{KeyRing, Marks, Raw, Redactor, RegionRules, rewrite};
use tutti::telemetry::Metrics;

use super::people::plant;
use crate::behind::Outer;
use crate::dice::Dice;
use crate::estate::seed;
use crate::gateway;
use crate::query_tempo::{Held, QueryTempo};
use crate::random_traces::{Oddities, estate};
use crate::region::Region;
use crate::several::{asked_by, only, without_empty_groups};
use crate::sketch::{Trace, export};

/// Regions and their jurisdictions. The last is one that no policy knows.
pub const REGIONS: [(&str, &str); 3] = [("us-east", "US"), ("eu-central", "EU"), ("ap-south", "SG")];
/// Over all three, and of one region alone: the one in the EU, and the one in the US.
const SPREAD: usize = 3;
const ALONE: [usize; 3] = [1, 1, 0];
const TRACES: usize = 5;

/// Of those over all three and of those of one, so many once more with a gateway before each region, which has the
/// shipped policies and shows what may be seen where the answer goes.
const BEHIND_PEERS: [usize; 2] = [0, SPREAD + 1];

/// Who asks: what they are called here, their role, what for, and where the answer goes.
const CALLERS: [(&str, &str, Option<&str>, &str); 6] = [
    ("eu-sre", "sre", Some("incident"), "EU"),
    ("us-sre", "sre", Some("incident"), "US"),
    ("gb-sre", "sre", Some("incident"), "GB"),
    ("ch-privacy", "privacy-officer", Some("dsar"), "CH"),
    ("auditor", "auditor", None, "EU"),
    ("anonymous", "", None, "US"),
];

pub struct Views {
    pub one: QueryTempo,
    pub seen: Vec<Seen>,
    pub runtime: Runtime,
    _regions: Vec<QueryTempo>,
}

/// One estate as one caller sees it.
pub struct Seen {
    pub caller: &'static str,
    pub tenant: String,
    /// What was stored, and what of it this caller may see.
    pub stored: Vec<Trace>,
    pub traces: Vec<Trace>,
    /// Each trace of the view in a region of its own, for where the one Tempo fails.
    pub each: Vec<Region>,
    pub ours: gateway::Estate,
    pub is_alone: bool,
    /// Whether gateways stand before the regions.
    pub is_behind: bool,
}

/// An estate: which regions it has, and what each holds.
struct Stored {
    tenant: String,
    regions: Vec<usize>,
    whole: Vec<Trace>,
    parts: Vec<Vec<Trace>>,
}

impl Views {
    pub fn start(tempo: &Path) -> Result<Self, String> {
        let now = tutti::task::clock::wall_nanos();
        let one = QueryTempo::start(tempo, now)?;
        let regions: Vec<QueryTempo> =
            REGIONS.iter().map(|_| QueryTempo::start(tempo, now)).collect::<Result<_, _>>()?;
        let estates = estates(&mut Dice(seed() ^ 0x71e3));
        for (rank, region) in regions.iter().enumerate() {
            let held = estates.iter().filter_map(|estate| {
                let place = estate.regions.iter().position(|of| *of == rank)?;
                let traces = &estate.parts[place];
                (!traces.is_empty()).then(|| Held { tenant: estate.tenant.clone(), traces, again: &[] })
            });
            region.fill(&held.collect::<Vec<_>>())?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut seen = Vec::new();
        for estate in &estates {
            let (policies, redactor) = rules(&estate.regions);
            for (caller, role, purpose, delivered) in CALLERS {
                let plan =
                    policies.plan_for(&claims(role, purpose), &[Jurisdiction::parse(delivered).unwrap()]);
                seen.push(estate.seen_by(caller, &plan, &redactor, &regions, &runtime));
            }
        }
        for estate in BEHIND_PEERS.map(|number| &estates[number]) {
            for asking in CALLERS {
                seen.push(estate.seen_through_peers(asking, &regions, &runtime));
            }
        }
        let held: Vec<Held<'_>> = seen
            .iter()
            .map(|seen| Held { tenant: seen.tenant.clone(), traces: &seen.traces, again: &[] })
            .collect();
        one.fill(&held)?;
        Ok(Self { one, seen, runtime, _regions: regions })
    }
}

impl Stored {
    fn seen_by(
        &self,
        caller: &'static str,
        plan: &Plan,
        redactor: &Arc<Redactor>,
        tempos: &[QueryTempo],
        runtime: &Runtime,
    ) -> Seen {
        let parts = self.regions.iter().zip(&self.parts).map(|(rank, part)| {
            let name = RegionName::parse(REGIONS[*rank].0).unwrap();
            part.iter().map(|trace| view(trace, &name, plan, redactor)).collect()
        });
        let parts: Vec<Vec<Trace>> = parts.collect();
        let traces: Vec<Trace> = self.whole.iter().map(|whole| joined(whole.id, &parts)).collect();
        let each = traces.iter().map(|trace| Region::of([trace])).collect();
        let _inside = runtime.enter();
        let backends = self.regions.iter().map(|rank| {
            let streaming = if *rank == 0 { Streaming::Always } else { Streaming::Never };
            let region = asked_by(tempos[*rank].address(), &self.tenant, streaming);
            (REGIONS[*rank].0, Arc::new(region) as Arc<dyn Backend>)
        });
        let federation = FederationSettings { additions: Additions::NONE, ..FederationSettings::default() };
        let (plan, redactor) = (plan.clone(), redactor.clone());
        let setup = gateway::Setup { federation, plan, redactor, ..gateway::Setup::default() };
        Seen {
            caller,
            tenant: format!("{}-{caller}", self.tenant),
            stored: self.whole.clone(),
            traces,
            each,
            ours: setup.over(backends.collect()),
            is_alone: self.regions.len() == 1,
            is_behind: false,
        }
    }

    /// The same where the gateway that is asked reads no Tempo: one before each does, and decides by its own policies
    /// what leaves, for that caller, for every place that the answer passes.
    fn seen_through_peers(
        &self,
        (caller, role, purpose, delivered): (&'static str, &str, Option<&str>, &str),
        tempos: &[QueryTempo],
        runtime: &Runtime,
    ) -> Seen {
        let (outer, claims) = (Outer::of(delivered), claims(role, purpose));
        let _inside = runtime.enter();
        let (mut parts, mut regions) = (Vec::new(), Vec::new());
        for (rank, part) in self.regions.iter().zip(&self.parts) {
            let (name, there) = REGIONS[*rank];
            let (name, there) = (RegionName::parse(name).unwrap(), Jurisdiction::parse(there).unwrap());
            let (policies, redactor) = rules(&[*rank]);
            let plan = policies.plan_for(&claims, &passing([outer.here.clone(), there.clone()]));
            parts.push(part.iter().map(|trace| view(trace, &name, &plan, &redactor)).collect());
            let backend = asked_by(tempos[*rank].address(), &self.tenant, Streaming::Never);
            let layers = LayerSettings::default();
            let region =
                tutti::backend::Region::new(name.clone(), there.clone(), Arc::new(backend), layers.clone());
            let peer = outer.peer(region, policies, redactor);
            regions.push(Arc::new(tutti::backend::Region::new(name, there, Arc::new(peer), layers)));
        }
        let (policies, redactor) = rules(&self.regions);
        let names = regions.iter().map(|region| region.name().clone()).collect();
        let policies = Arc::into_inner(policies).expect("nobody else has them").with_peers(names);
        let federation = FederationSettings { additions: Additions::NONE, ..FederationSettings::default() };
        let federation = Federation::new(regions.clone(), federation, policies.plan(&claims));
        let in_force = InForce::of(federation.with_redactor(redactor))
            .with_policies(Arc::new(policies))
            .with_reception(Arc::new(Reception::of_callers(Callers::everyone(claims))))
            .with_peers(Arc::new(Peers::new("outer", [])), outer.here);
        let state = ApiState::over(in_force, Metrics::default(), ApiSettings::default());
        let traces: Vec<Trace> = self.whole.iter().map(|whole| joined(whole.id, &parts)).collect();
        Seen {
            caller,
            tenant: format!("{}-{caller}-through-peers", self.tenant),
            stored: self.whole.clone(),
            each: traces.iter().map(|trace| Region::of([trace])).collect(),
            traces,
            ours: gateway::Estate { router: router(state.clone()), state, regions },
            is_alone: self.regions.len() == 1,
            is_behind: true,
        }
    }
}

fn estates(dice: &mut Dice) -> Vec<Stored> {
    let oddities = Oddities { equal_resources: false, negative_durations: false };
    let spread = (0..SPREAD).map(|_| vec![0, 1, 2]);
    let all = spread.chain(ALONE.map(|rank| vec![rank]));
    all.enumerate()
        .map(|(number, regions)| {
            let mut whole = estate(dice, TRACES, oddities);
            whole.iter_mut().for_each(|trace| plant(dice, trace));
            let mut parts = vec![Vec::new(); regions.len()];
            for trace in &whole {
                let homes: Vec<usize> =
                    trace.spans().map(|_| dice.below(regions.len() as u64) as usize).collect();
                for (place, part) in parts.iter_mut().enumerate() {
                    let own = only(trace, homes.iter().map(|home| *home == place));
                    if !own.batches.is_empty() {
                        part.push(own.canonical());
                    }
                }
            }
            Stored { tenant: format!("estate-{number}"), regions, whole, parts }
        })
        .collect()
}

/// The shipped policies over these regions, and what knows their classes.
fn rules(regions: &[usize]) -> (Arc<Policies>, Arc<Redactor>) {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let mut text = format!(
        "[gateway]\nregion = \"{}\"\npolicies = {policies:?}\npacks = [\"baseline\", \"gdpr\"]\n",
        REGIONS[regions[0]].0
    );
    for rank in regions {
        let (name, jurisdiction) = REGIONS[*rank];
        text.push_str(&format!(
            "[[region]]\nname = \"{name}\"\njurisdiction = \"{jurisdiction}\"\nkind = \"memory\"\n"
        ));
    }
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("regions.toml");
    std::fs::write(&file, text).unwrap();
    let (settings, _) = Settings::load(&file, &|_| None).unwrap_or_else(|error| panic!("{error:#?}"));
    let root = RootKey::of_bytes(&(0u8..64).collect::<Vec<_>>()).unwrap();
    let ring = KeyRing::new(Arc::new(HeldKeys::new([].into(), Some(root))));
    let redactor = Redactor::new(settings.policies.classes().clone(), ring, 2026).unwrap();
    (settings.policies, Arc::new(redactor))
}

fn claims(role: &str, purpose: Option<&str>) -> Caller {
    let roles = Some(role).filter(|role| !role.is_empty()).map(str::to_owned);
    Caller { roles: roles.into_iter().collect(), purpose: purpose.map(str::to_owned), ..Caller::anonymous() }
}

/// A region's part as the caller may see it, without a word of the gateway's.
fn view(part: &Trace, region: &RegionName, plan: &Plan, redactor: &Redactor) -> Trace {
    let raw = Raw::seal(Bytes::from(export([part]).encode_to_vec()));
    let rules = RegionRules { region, plan: plan.region(region), redactor, marks: Marks::None };
    let seen = rewrite::trace(raw, None, rules).expect("a part that is well made");
    let batches = TracesData::decode(&*seen.to_protobuf()).expect("a view that is well made").resource_spans;
    Trace { id: part.id, batches }
}

/// One block of all parts of a trace.
fn joined(id: [u8; 16], parts: &[Vec<Trace>]) -> Trace {
    let of_trace = parts.iter().flatten().filter(|part| part.id == id);
    let batches = of_trace.flat_map(|part| part.batches.clone()).collect();
    without_empty_groups(Trace { id, batches }).canonical()
}
