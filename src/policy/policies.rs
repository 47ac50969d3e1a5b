//! A whole set of policies in force: loaded, checked, and ready to plan for whoever asks. Immutable; a reload
//! makes another.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::cell::Cell;
use super::classes::Classes;
use super::decide::Decider;
use super::facts::UNSTATED;
use super::plan::{KeyRules, Plan, RegionPlan};
use super::rulebook::{Broken, Rulebook, Situation};
use super::ruled::{Row, Ruled, TokenScope};
use crate::model::grant::Lift;
use crate::model::{Caller, Jurisdiction, RegionName};

/// Plans that are remembered: one for each set of claims that asks. A plan is some tens of kB with all its cells,
/// and one more than these costs the milliseconds of a first one.
const PLANS_MAX: usize = 1024;

/// A region as policies need to know it.
#[derive(Debug, Clone)]
pub struct PolicyRegion {
    pub name: RegionName,
    pub jurisdiction: Jurisdiction,
    /// Listed keys that hold besides.
    pub keys: KeyRules,
}

/// What decides for everyone.
#[derive(Debug)]
pub struct Policies {
    classes: Arc<Classes>,
    digest: String,
    kind: Kind,
}

enum Kind {
    /// The same for everyone.
    Same(Arc<Plan>),
    Ruling(Box<Ruling>),
}

/// Policies over the regions of one gateway.
struct Ruling {
    book: Arc<Rulebook>,
    /// Where this gateway assembles its answers.
    delivered: Jurisdiction,
    regions: Vec<PolicyRegion>,
    /// Regions before which a gateway decides itself: what it sends is treated already, and passes as it comes.
    peers: BTreeSet<RegionName>,
    /// By claims and place of delivery. Who it is beside them decides nothing, so that many share one.
    plans: RwLock<HashTable<Known>>,
    state: RandomState,
}

struct Known {
    caller: Caller,
    /// As policies know it: whoever states one that no file knows must not fill the memory with them.
    purpose: String,
    delivered: Vec<Jurisdiction>,
    /// Under a grant, that grant's own plan.
    lift: Option<Lift>,
    plan: Arc<Plan>,
}

impl Policies {
    /// Everything is shown to everyone.
    pub fn allow_all() -> Self {
        Self::of_plan(Plan::allow_all())
    }

    /// Listed keys alone, the same for everyone.
    pub fn of_keys(keys: BTreeMap<RegionName, KeyRules>) -> Self {
        Self::of_plan(Plan::new(
            keys.into_iter().map(|(name, keys)| (name, RegionPlan::Keys(keys))).collect(),
        ))
    }

    /// The same plan for everyone.
    pub fn of_plan(plan: Plan) -> Self {
        let digest = plan.digest().to_owned();
        Self { classes: Arc::new(Classes::none()), digest, kind: Kind::Same(Arc::new(plan)) }
    }

    /// Policies by class over declared regions, for a gateway that assembles in `delivered`.
    pub fn of_rules(book: Arc<Rulebook>, delivered: Jurisdiction, regions: Vec<PolicyRegion>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(book.digest().as_bytes()).update(format!("{delivered} ").as_bytes());
        for region in &regions {
            hasher.update(format!("{} {} ", region.name, region.jurisdiction).as_bytes());
        }
        let keys = regions.iter().map(|region| (region.name.clone(), RegionPlan::Keys(region.keys.clone())));
        hasher.update(Plan::new(keys.collect()).digest().as_bytes());
        let ruling = Ruling {
            delivered,
            regions,
            peers: BTreeSet::new(),
            plans: RwLock::default(),
            state: RandomState::default(),
            book: book.clone(),
        };
        Self {
            classes: book.facts().classes.clone(),
            digest: hasher.finalize().to_hex().chars().take(16).collect(),
            kind: Kind::Ruling(Box::new(ruling)),
        }
    }

    /// The same where a gateway stands before some regions and decides for them: only listed keys hold besides.
    #[must_use]
    pub fn with_peers(mut self, peers: BTreeSet<RegionName>) -> Self {
        if let Kind::Ruling(ruling) = &mut self.kind {
            ruling.peers = peers;
        }
        self
    }

    /// 16 hex digits that change whenever the set does.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn classes(&self) -> &Arc<Classes> {
        &self.classes
    }

    /// The policies behind the plans, where there are any.
    pub fn book(&self) -> Option<&Arc<Rulebook>> {
        match &self.kind {
            Kind::Same(_) => None,
            Kind::Ruling(ruling) => Some(&ruling.book),
        }
    }

    /// Whether some keys are listed, alone or on top of what is decided by class.
    pub fn has_listed_keys(&self) -> bool {
        match &self.kind {
            Kind::Same(plan) => !plan.withheld_keys().is_empty(),
            Kind::Ruling(ruling) => ruling.regions.iter().any(|region| !region.keys.is_empty()),
        }
    }

    /// What this caller may see where this gateway assembles. The same claims get the same plan.
    pub fn plan(&self, caller: &Caller) -> Arc<Plan> {
        match &self.kind {
            Kind::Same(plan) => plan.clone(),
            Kind::Ruling(ruling) => {
                ruling.plan(caller, std::slice::from_ref(&ruling.delivered), None, &self.digest)
            }
        }
    }

    /// What this caller may see under a grant. Whether it holds is for whoever asks: the plan says until when.
    pub fn plan_under(&self, caller: &Caller, lift: &Lift) -> Arc<Plan> {
        match &self.kind {
            Kind::Same(plan) => plan.clone(),
            Kind::Ruling(ruling) => {
                ruling.plan(caller, std::slice::from_ref(&ruling.delivered), Some(lift), &self.digest)
            }
        }
    }

    /// What this caller may see of an answer that goes on to other places, as a gateway there asks for it. What one
    /// of them may not have is not sent.
    pub fn plan_for(&self, caller: &Caller, delivered: &[Jurisdiction]) -> Arc<Plan> {
        match &self.kind {
            Kind::Same(plan) => plan.clone(),
            Kind::Ruling(ruling) => ruling.plan(caller, delivered, None, &self.digest),
        }
    }
}

impl Ruling {
    fn plan(
        &self,
        caller: &Caller,
        delivered: &[Jurisdiction],
        lift: Option<&Lift>,
        digest: &str,
    ) -> Arc<Plan> {
        let purpose = self.book.purpose(caller);
        let hash = self.hash(caller, purpose, delivered);
        let is_same = |known: &Known| {
            known.delivered == delivered
                && known.purpose == purpose
                && known.lift.as_ref() == lift
                && has_same_claims(&known.caller, caller)
        };
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = plans.find(hash, is_same) {
            return known.plan.clone();
        }
        drop(plans);
        let plan = Arc::new(self.make(caller, delivered, lift, digest));
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = plans.find(hash, is_same) {
            return known.plan.clone();
        }
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        let known = Known {
            caller: caller.clone(),
            purpose: purpose.to_owned(),
            delivered: delivered.to_vec(),
            lift: lift.cloned(),
            plan: plan.clone(),
        };
        plans.insert_unique(hash, known, |known| self.hash(&known.caller, &known.purpose, &known.delivered));
        plan
    }

    fn hash(&self, caller: &Caller, purpose: &str, delivered: &[Jurisdiction]) -> u64 {
        let Caller { subject: _, roles, groups, clearances, home, purpose: _ } = caller;
        self.state.hash_one((roles, groups, clearances, home, purpose, delivered))
    }

    /// No cell is decided yet. What can't be asked at all is shut.
    fn make(&self, caller: &Caller, delivered: &[Jurisdiction], lift: Option<&Lift>, digest: &str) -> Plan {
        let purpose = self.book.purpose(caller);
        let key = claims_digest(digest, caller, purpose, delivered, lift);
        let asker = self.book.asker(caller).map(Arc::new);
        let mut rows: HashMap<(&str, &Jurisdiction), Arc<Row>> = HashMap::new();
        let mut regions = BTreeMap::new();
        for region in &self.regions {
            if self.peers.contains(&region.name) {
                let plan = match region.keys.is_empty() {
                    true => RegionPlan::AllowAll,
                    false => RegionPlan::Keys(region.keys.clone()),
                };
                regions.insert(region.name.clone(), plan);
                continue;
            }
            let name =
                if self.book.tells_regions_apart() || lift.is_some() { region.name.as_str() } else { "" };
            let row = rows.entry((name, &region.jurisdiction)).or_insert_with(|| {
                let situations = self.situations(region, caller, delivered, lift);
                let decider = asker.clone().and_then(|asker| {
                    Ok(Decider { book: self.book.clone(), asker, situations: situations? })
                });
                Arc::new(decider.map_or_else(|_| Row::shut(&self.book.facts().classes), Row::of))
            });
            let tokens = TokenScope {
                region: region.name.clone(),
                purpose: if purpose == UNSTATED { "".into() } else { purpose.into() },
                epoch: self.book.facts().epoch,
            };
            let classes = self.book.facts().classes.clone();
            let ruled = Ruled::lazy(classes, row.clone(), tokens, format!("{key} {}", region.name));
            let of_grant = lift.filter(|lift| lift.is_of(region.name.as_str())).map(|lift| lift.id.as_str());
            let ruled = ruled.with_keys(region.keys.clone()).under(of_grant);
            regions.insert(region.name.clone(), RegionPlan::Ruled(Arc::new(ruled)));
        }
        let plan = Plan::new(regions).until(lift.map(|lift| lift.expires));
        // Nobody has decided anything about a region that was not there when the policies were loaded.
        match self.regions.first() {
            None => plan,
            Some(any) => {
                let classes = self.book.facts().classes.clone();
                let shut = Ruled::fixed(classes, any.name.clone(), |_| Cell::SHUT);
                plan.with_others(RegionPlan::Ruled(Arc::new(shut)))
            }
        }
    }

    /// As configured, and as the caller says of themselves where that is elsewhere: the more restrictive holds.
    fn situations(
        &self,
        region: &PolicyRegion,
        caller: &Caller,
        delivered: &[Jurisdiction],
        lift: Option<&Lift>,
    ) -> Result<Vec<Situation>, Broken> {
        let purpose = self.book.purpose(caller);
        let claimed = caller.home.as_ref().filter(|home| !delivered.contains(home));
        let places = delivered.iter().chain(claimed);
        let situation = |place| {
            let plain = self.book.situation(region.name.as_str(), &region.jurisdiction, place, purpose)?;
            lift.map_or(Ok(plain.clone()), |lift| self.book.lifted(plain, lift))
        };
        places.map(situation).collect()
    }
}

fn has_same_claims(one: &Caller, other: &Caller) -> bool {
    one.roles == other.roles
        && one.groups == other.groups
        && one.clearances == other.clearances
        && one.home == other.home
}

/// Everything that the cells of a plan depend on.
fn claims_digest(
    policies: &str,
    caller: &Caller,
    purpose: &str,
    delivered: &[Jurisdiction],
    lift: Option<&Lift>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    add(policies);
    add(purpose);
    delivered.iter().for_each(|place| add(place.as_str()));
    add(caller.home.as_ref().map_or("", Jurisdiction::as_str));
    for claims in [&caller.roles, &caller.groups, &caller.clearances] {
        add(&claims.len().to_string());
        claims.iter().for_each(|claim| add(claim));
    }
    if let Some(lift) = lift {
        add(&format!("{lift:?}"));
    }
    hasher.finalize().to_hex().to_string()
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(plan) => f.debug_tuple("Same").field(plan).finish(),
            Self::Ruling(ruling) => f.debug_tuple("Ruling").field(&ruling.book).finish(),
        }
    }
}
