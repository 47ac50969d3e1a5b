//! Break-glass: whether a grant that is shown holds, now and for who shows it. Knows signers, what was revoked and
//! how often a grant was used; decides nothing about what it lifts, which policies do.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::model::caller::ANONYMOUS;
use crate::model::grant::{GRANT_MAX, Grant, JUSTIFICATION_CHARS_MIN};
use crate::model::{Caller, ProvenBy, RegionName};
use crate::policy::Classes;
use crate::policy::lift::{self, LiftError};
use crate::proof::VerifyingKey;
use crate::proof::grant::{GrantTokenError, read, to_request};

/// Clocks of two machines differ by so much: a grant that was signed a moment ago elsewhere holds.
const SKEW_MAX: Duration = Duration::from_secs(30);

/// Grants whose use is counted at one time; each holds for an hour at most. Beyond it none more is taken, so that
/// no limit is lost by being forgotten.
const COUNTED_MAX: usize = 4096;

/// Characters of a ticket and of a name.
const TICKET_CHARS_MAX: usize = 128;
const JUSTIFICATION_CHARS_MAX: usize = 2000;

/// Somebody who may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    pub name: String,
    pub key: VerifyingKey,
    /// Who they are themselves, as callers: names of signers and subjects of callers are given by different people.
    pub subjects: BTreeSet<String>,
    /// Classes and groups; every one that can be lifted where there is none.
    pub may_sign_for: Vec<String>,
}

/// What the configuration says of grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSettings {
    pub signers: Vec<Signer>,
    /// Ids of grants that hold no longer.
    pub revoked: BTreeSet<String>,
    /// Requests that one grant is good for.
    pub uses_max: u64,
    /// Where it is told that a grant is used.
    pub notify_url: Option<String>,
    pub regions: BTreeSet<RegionName>,
    /// Those of them before which another gateway stands: it decides, and hears of no grant.
    pub behind: BTreeSet<RegionName>,
}

/// Checks grants.
#[derive(Clone)]
pub struct Grants {
    settings: GrantSettings,
    classes: Arc<Classes>,
}

/// How often grants were used, across reloads of the configuration.
#[derive(Debug, Default)]
pub struct GrantUses(Mutex<HashMap<String, Use>>);

#[derive(Debug)]
struct Use {
    count: u64,
    expires: Duration,
    is_told: bool,
    /// Of all that the grant says. Whoever asks for a grant has a hand in what stands in it.
    digest: [u8; 32],
}

/// Why a grant does not hold: one line for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantFault {
    #[error("{0}")]
    Token(#[from] GrantTokenError),
    #[error("the grant names `{named}` as its signer, but it was signed by `{signer}`")]
    OtherSigner { named: String, signer: String },
    #[error("`{0}` signed the grant for themselves: a second person has to")]
    SelfSigned(String),
    #[error("the grant is for `{of}`, and it is `{by}` who asks")]
    OtherSubject { of: String, by: String },
    #[error("a grant is for somebody by name: show who you are beside it")]
    Nobody,
    #[error("a grant is for a person, and {}: show a token of your own beside it", no_person(*.0))]
    NoPerson(ProvenBy),
    #[error("another grant with the id `{0}` is in use: have a new one signed")]
    OtherGrant(String),
    #[error("the grant holds from {} on, which is not yet", at(*.0))]
    NotYet(Duration),
    #[error("the grant held until {}", at(*.0))]
    Expired(Duration),
    #[error("the grant holds for {} minutes; {} are possible: sign a shorter one", .0.as_secs().div_ceil(60), GRANT_MAX.as_secs() / 60)]
    TooLong(Duration),
    #[error("the grant ends before it begins")]
    Backwards,
    #[error(
        "the justification has {0} characters; {JUSTIFICATION_CHARS_MIN} to {JUSTIFICATION_CHARS_MAX} say what happened"
    )]
    Justification(usize),
    #[error("the grant has no ticket, or one that is no line of up to {TICKET_CHARS_MAX} characters")]
    Ticket,
    #[error("the grant names no class: it would lift nothing")]
    NoClass,
    #[error("the grant names no region: it would lift nothing")]
    NoRegion,
    #[error("the grant cannot be had: {0}")]
    Class(#[from] LiftError),
    #[error("`{signer}` may not sign for `{class}`")]
    MayNotSign { signer: String, class: String },
    #[error("the grant names region `{0}`, which is not declared")]
    Region(RegionName),
    #[error(
        "the grant names region `{0}`, before which another gateway decides: leave it out, and show a grant for it to \
         that gateway"
    )]
    Behind(RegionName),
    #[error("the grant is for {}, and the request states {}", purpose(.of), purpose(.stated))]
    Purpose { of: Option<String>, stated: Option<String> },
    #[error("the grant was revoked")]
    Revoked,
    #[error("the grant was used {0} times, which is as often as it may be: have a new one signed")]
    UsedUp(u64),
    #[error("too many grants are in use at this gateway: try again when some have ended")]
    TooMany,
    #[error("no one can sign grants for this gateway: its configuration has no [[break_glass.signer]]")]
    NotConfigured,
}

/// A grant that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub grant: Arc<Grant>,
    /// Which use of it this is, from one.
    pub nth: u64,
}

impl GrantFault {
    /// Whether what was shown is no grant at all, rather than one that does not hold.
    pub fn is_malformed(&self) -> bool {
        matches!(
            self,
            Self::Token(GrantTokenError::Long | GrantTokenError::NoGrant | GrantTokenError::Wrong(_))
        )
    }
}

impl Grants {
    pub fn new(settings: GrantSettings, classes: Arc<Classes>) -> Self {
        Self { settings, classes }
    }

    pub fn settings(&self) -> &GrantSettings {
        &self.settings
    }

    /// A grant that holds now for this caller, counted. What does not hold comes with the grant, where it could be
    /// read, for the record.
    pub fn accept(
        &self,
        token: &str,
        (caller, by): (&Caller, ProvenBy),
        now: Duration,
        uses: &GrantUses,
    ) -> Result<Accepted, (GrantFault, Option<Box<Grant>>)> {
        if self.settings.signers.is_empty() {
            return Err((GrantFault::NotConfigured, None));
        }
        let by_name = |name: &str| self.settings.signers.iter().find(|signer| signer.key.name() == name);
        let mut signer = None;
        let grant = read(token, |name| {
            signer = by_name(name);
            signer.map(|signer| &signer.key)
        });
        let (grant, signer) = match (grant, signer) {
            (Ok(grant), Some(signer)) => (grant, signer),
            (Err(error), _) => return Err((error.into(), None)),
            (Ok(_), None) => return Err((GrantTokenError::UnknownKey.into(), None)),
        };
        let checked = check_person(by).and_then(|()| self.check(&grant, signer, caller, now));
        let counted = checked.and_then(|()| uses.count(&grant, self.settings.uses_max, now));
        match counted {
            Ok(nth) => Ok(Accepted { grant: Arc::new(grant), nth }),
            Err(fault) => Err((fault, Some(Box::new(grant)))),
        }
    }

    fn check(
        &self,
        grant: &Grant,
        signer: &Signer,
        caller: &Caller,
        now: Duration,
    ) -> Result<(), GrantFault> {
        check_people(grant, signer, caller)?;
        check_shape(grant)?;
        check_times(grant, now)?;
        for class in &grant.classes {
            lift::check(&self.classes, class)?;
            if !may_sign(&self.classes, signer, class) {
                return Err(GrantFault::MayNotSign { signer: signer.name.clone(), class: class.clone() });
            }
        }
        if let Some(other) = grant.regions.iter().find(|region| !self.settings.regions.contains(*region)) {
            return Err(GrantFault::Region(other.clone()));
        }
        if let Some(behind) = grant.regions.iter().find(|region| self.settings.behind.contains(*region)) {
            return Err(GrantFault::Behind(behind.clone()));
        }
        if grant.purpose != caller.purpose {
            let (of, stated) = (grant.purpose.clone(), caller.purpose.clone());
            return Err(GrantFault::Purpose { of, stated });
        }
        if self.settings.revoked.contains(&grant.id) {
            return Err(GrantFault::Revoked);
        }
        Ok(())
    }
}

/// What proves a machine, or nobody, names no one who could have a second person.
fn check_person(by: ProvenBy) -> Result<(), GrantFault> {
    match by {
        ProvenBy::Development | ProvenBy::Issuer | ProvenBy::Grafana => Ok(()),
        ProvenBy::Nothing | ProvenBy::DataSource | ProvenBy::Peer => Err(GrantFault::NoPerson(by)),
    }
}

fn check_people(grant: &Grant, signer: &Signer, caller: &Caller) -> Result<(), GrantFault> {
    if grant.signer != signer.name {
        return Err(GrantFault::OtherSigner { named: grant.signer.clone(), signer: signer.name.clone() });
    }
    // Names that differ in letters' case are one person's at most providers.
    let is_subject = |own: &String| grant.subject.eq_ignore_ascii_case(own);
    if is_subject(&signer.name) || signer.subjects.iter().any(is_subject) {
        return Err(GrantFault::SelfSigned(signer.name.clone()));
    }
    if caller.subject == ANONYMOUS || grant.subject.is_empty() {
        return Err(GrantFault::Nobody);
    }
    if grant.subject != caller.subject {
        return Err(GrantFault::OtherSubject { of: grant.subject.clone(), by: caller.subject.clone() });
    }
    Ok(())
}

/// What a grant has to say whoever shows it; `tutti grant sign` looks at the same before somebody signs.
pub fn check_shape(grant: &Grant) -> Result<(), GrantFault> {
    let is_line = |text: &str, max: usize| {
        let count = text.chars().count();
        count <= max && !text.trim().is_empty() && !text.chars().any(char::is_control)
    };
    if !is_line(&grant.ticket, TICKET_CHARS_MAX) {
        return Err(GrantFault::Ticket);
    }
    let justification = grant.justification.trim().chars().count();
    if !(JUSTIFICATION_CHARS_MIN..=JUSTIFICATION_CHARS_MAX).contains(&justification) {
        return Err(GrantFault::Justification(justification));
    }
    if grant.classes.is_empty() {
        return Err(GrantFault::NoClass);
    }
    if grant.regions.is_empty() {
        return Err(GrantFault::NoRegion);
    }
    // From whichever is earlier, so that a grant cannot be signed long before for an hour of its choice.
    let begin = grant.not_before.min(grant.issued);
    match grant.expires.checked_sub(begin) {
        None | Some(Duration::ZERO) => Err(GrantFault::Backwards),
        Some(length) if length > GRANT_MAX => Err(GrantFault::TooLong(length)),
        Some(_) => Ok(()),
    }
}

fn check_times(grant: &Grant, now: Duration) -> Result<(), GrantFault> {
    let begin = grant.not_before.max(grant.issued);
    if now + SKEW_MAX < begin {
        return Err(GrantFault::NotYet(begin));
    }
    // No leeway at the end: the gateway that lets see must not be the one whose clock is late.
    if now >= grant.expires {
        return Err(GrantFault::Expired(grant.expires));
    }
    Ok(())
}

/// Whether a signer's classes and groups hold all of this class or group.
fn may_sign(classes: &Classes, signer: &Signer, class: &str) -> bool {
    signer.may_sign_for.is_empty() || lift::is_within(classes, class, &signer.may_sign_for)
}

fn no_person(by: ProvenBy) -> &'static str {
    match by {
        ProvenBy::DataSource => "a data source is none",
        _ => "nothing of the request proves one",
    }
}

/// Of everything a grant says.
fn digest(grant: &Grant) -> Result<[u8; 32], GrantTokenError> {
    to_request(grant).map(|text| *blake3::hash(text.as_bytes()).as_bytes())
}

impl GrantUses {
    /// Whether this is the first time that its use is to be told; from now on it is not.
    pub fn is_first_told(&self, grant: &Grant) -> bool {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = uses.get_mut(&grant.id).filter(|known| Ok(known.digest) == digest(grant));
        known.is_none_or(|known| !std::mem::replace(&mut known.is_told, true))
    }

    fn count(&self, grant: &Grant, uses_max: u64, now: Duration) -> Result<u64, GrantFault> {
        let digest = digest(grant)?;
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What has ended says nothing of a grant that holds.
        if uses.get(&grant.id).is_some_and(|known| known.expires <= now) {
            uses.remove(&grant.id);
        }
        if !uses.contains_key(&grant.id) {
            if uses.len() >= COUNTED_MAX {
                uses.retain(|_, known| known.expires > now);
            }
            if uses.len() >= COUNTED_MAX {
                return Err(GrantFault::TooMany);
            }
        }
        let first = Use { count: 0, expires: grant.expires, is_told: false, digest };
        let slot = uses.entry(grant.id.clone()).or_insert(first);
        // One is told, counted and reviewed by its id: another must not hide behind it.
        if slot.digest != digest {
            return Err(GrantFault::OtherGrant(grant.id.clone()));
        }
        if slot.count >= uses_max {
            return Err(GrantFault::UsedUp(uses_max));
        }
        slot.count += 1;
        Ok(slot.count)
    }
}

/// Keys are not shown, though they are no secret: the line would be long.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("signers", &self.settings.signers.len()).finish_non_exhaustive()
    }
}

/// A time for people, as RFC 3339 writes it.
pub fn at(time: Duration) -> String {
    UNIX_EPOCH
        .checked_add(time)
        .map_or_else(|| "never".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

fn purpose(purpose: &Option<String>) -> String {
    purpose.as_ref().map_or_else(|| "no purpose".to_owned(), |purpose| format!("the purpose `{purpose}`"))
}

#[cfg(test)]
mod tests;
