//! The gateways that may ask here on behalf of others, and what is believed of what they state.
//!
//! A statement alone proves nothing: the gateway shows its own credential too, and each statement is taken once, for
//! the one request that it was made for. What is remembered of them has a number; where it is full, what comes next
//! is refused and not let through.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::factor::is_shown;
use super::settings::Factor;
use super::shown::Shown;
use crate::model::{Caller, Jurisdiction};
use crate::proof::VerifyingKey;
use crate::proof::statement::{SKEW_MAX, Statement, StatementFault, THROUGH_MAX, check, issuer_of};

/// Statements of one gateway that are remembered until they expire: some 2000 questions a second for a minute, in
/// about 8 MB.
pub const REMEMBERED_MAX: usize = 1 << 17;

type Digest = [u8; 32];

/// A gateway that may ask here.
pub struct Trust {
    /// What it calls itself.
    pub gateway: String,
    /// Where it stands: every answer to it is delivered there.
    pub jurisdiction: Jurisdiction,
    /// Any of these may have signed; two while one replaces the other.
    pub keys: Vec<VerifyingKey>,
    /// What shows, besides its statements, that it is this gateway.
    pub factor: Factor,
    /// Where it may take answers, its own jurisdiction among them.
    pub delivers: BTreeSet<Jurisdiction>,
    /// What it may say of callers; other roles, groups and clearances are not believed. Anything where it is not said;
    /// no group where roles are.
    pub roles: Option<BTreeSet<String>>,
    pub groups: Option<BTreeSet<String>>,
    pub clearances: Option<BTreeSet<String>>,
    replays: Arc<Mutex<Replays>>,
}

impl Trust {
    pub fn new(
        gateway: impl Into<String>,
        jurisdiction: Jurisdiction,
        keys: Vec<VerifyingKey>,
        factor: Factor,
    ) -> Self {
        Self {
            gateway: gateway.into(),
            delivers: [jurisdiction.clone()].into(),
            jurisdiction,
            keys,
            factor,
            roles: None,
            groups: None,
            clearances: None,
            replays: Arc::default(),
        }
    }

    /// As believed: what it may not say is not there.
    fn believed(&self, caller: &Caller) -> Caller {
        let of = |said: &BTreeSet<String>, may: &Option<BTreeSet<String>>| match may {
            Some(may) => said.intersection(may).cloned().collect(),
            None => said.clone(),
        };
        Caller {
            roles: of(&caller.roles, &self.roles),
            groups: match (&self.groups, &self.roles) {
                (None, Some(_)) => BTreeSet::new(),
                (groups, _) => of(&caller.groups, groups),
            },
            clearances: of(&caller.clearances, &self.clearances),
            ..caller.clone()
        }
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        (&self.gateway, &self.jurisdiction, &self.keys, &self.factor)
            == (&other.gateway, &other.jurisdiction, &other.keys, &other.factor)
            && (&self.delivers, &self.roles, &self.groups, &self.clearances)
                == (&other.delivers, &other.roles, &other.groups, &other.clearances)
    }
}

/// Of the credential nothing is shown.
impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

/// Who may ask this gateway on behalf of others.
#[derive(Debug, PartialEq)]
pub struct Peers {
    /// What this gateway calls itself.
    name: String,
    trusted: HashMap<String, Trust>,
}

/// What a request of another gateway shows.
#[derive(Debug, Clone, Copy)]
pub struct ShownByPeer<'r> {
    pub statement: &'r [u8],
    /// Whatever else it shows.
    pub shown: &'r Shown<'r>,
    /// Stands for the request itself.
    pub request: &'r str,
}

impl Peers {
    pub fn new(name: impl Into<String>, trusted: impl IntoIterator<Item = Trust>) -> Self {
        let trusted = trusted.into_iter().map(|trust| (trust.gateway.clone(), trust)).collect();
        Self { name: name.into(), trusted }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Takes over which statements were seen, so that a reload is no way to show one again.
    pub fn remember_what(&mut self, before: &Self) {
        for (name, trust) in &mut self.trusted {
            if let Some(known) = before.trusted.get(name) {
                trust.replays = known.replays.clone();
            }
        }
    }

    /// What the gateway that asks states, as far as it is believed, at this time since the Unix epoch.
    pub fn who(&self, shown: ShownByPeer<'_>, now: Duration) -> Result<Statement, StatementFault> {
        use StatementFault as F;
        let token = std::str::from_utf8(shown.statement).map_err(|_| F::Unreadable)?;
        let trust = self.trusted.get(&issuer_of(token)?).ok_or(F::UnknownGateway)?;
        let checked = trust.keys.iter().map(|key| check(token, key, &self.name, now));
        // Of several keys, the one that signed has the word.
        let mut statement = checked
            .reduce(|first, next| if first == Err(F::Signature) { next } else { first })
            .unwrap_or(Err(F::Signature))?;
        if !is_shown(&trust.factor, shown.shown) {
            return Err(F::Credential);
        }
        if statement.request != shown.request {
            return Err(F::OtherRequest);
        }
        let through = &statement.asker.through;
        if statement.issuer == self.name || through.contains(&self.name) {
            return Err(F::Loop);
        }
        if through.len() >= THROUGH_MAX {
            return Err(F::TooDeep);
        }
        if !statement.asker.delivered.iter().all(|place| trust.delivers.contains(place)) {
            return Err(F::Delivery);
        }
        let expires = statement.expires + SKEW_MAX;
        let mut replays = trust.replays.lock().unwrap_or_else(PoisonError::into_inner);
        replays.take(digest(statement.id.as_bytes()), expires, now)?;
        drop(replays);
        let asker = &mut statement.asker;
        asker.caller = Arc::new(trust.believed(&asker.caller));
        asker.delivered.push(trust.jurisdiction.clone());
        asker.through.push(statement.issuer.clone());
        Ok(statement)
    }
}

/// Statements that were taken, until they expire.
#[derive(Debug, Default)]
struct Replays {
    seen: HashSet<Digest>,
    /// In the order in which they came. One that expires before the one ahead of it waits for that.
    order: VecDeque<(Duration, Digest)>,
}

impl Replays {
    fn take(&mut self, id: Digest, expires: Duration, now: Duration) -> Result<(), StatementFault> {
        while let Some((expired, id)) = self.order.front().copied()
            && expired < now
        {
            self.order.pop_front();
            self.seen.remove(&id);
        }
        if self.seen.contains(&id) {
            return Err(StatementFault::Replayed);
        }
        if self.order.len() >= REMEMBERED_MAX {
            return Err(StatementFault::TooMany);
        }
        self.seen.insert(id);
        self.order.push_back((expires, id));
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

#[cfg(test)]
mod tests;
