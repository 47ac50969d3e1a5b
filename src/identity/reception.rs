//! Where everyone shows who they are. The strongest that is shown decides, and what is shown and is wrong is never
//! passed over for something weaker: a user whose token has expired does not become the data source they came by.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::callers::{Digest, digest};
use super::claims::{self, Mapped};
use super::factor::{has_secret, is_shown, is_stronger};
use super::keyring::{FetchKeys, Keyring};
use super::settings::{GrafanaSettings, IdentitySettings, IssuerSettings, KeysFrom, Mode, Secret};
use super::shown::{Known, Once, Shown};
use super::token::{Parts, TokenFault, shown as name_shown};
use super::unknown::Unknown;
use super::verified::{Entry, Verified};
use crate::model::{Caller, Proven, ProvenBy};
use crate::proof;

const BEARER: &str = "the bearer token";
const GRAFANA_ID: &str = "`X-Grafana-Id`";

/// Bytes of a token's digest that a record shows.
const PRINT_BYTES: usize = 16;

/// Who asks, by what a request shows. Immutable but for what it remembers; a reload makes another.
#[derive(Debug)]
pub struct Reception {
    settings: Arc<IdentitySettings>,
    /// In the order of the settings.
    issuers: Vec<Keyring>,
    grafanas: Vec<Keyring>,
    verified: Verified,
    everyone: Known,
    /// What would be something, for whoever shows nothing.
    help: Arc<str>,
}

impl Reception {
    /// Where keys are asked for over the network, this begins tasks that do, and must be called where tasks can be.
    /// Keys of an address that `before` asks already are taken over: a reload while it is dead shall lose none.
    pub fn new(settings: Arc<IdentitySettings>, fetch: &Arc<dyn FetchKeys>, before: Option<&Self>) -> Self {
        let keyring = |from: &KeysFrom| match from {
            KeysFrom::Set(set) => Keyring::Fixed(set.clone()),
            KeysFrom::Url(url) => {
                let mut all =
                    before.into_iter().flat_map(|before| before.issuers.iter().chain(&before.grafanas));
                let kept = all.find_map(|keyring| keyring.of(url));
                kept.unwrap_or_else(|| Keyring::fetched(url.clone(), fetch.clone()))
            }
        };
        let issuers = settings.issuers.iter().map(|issuer| keyring(&issuer.keys)).collect();
        let grafanas = settings.grafanas.iter().map(|grafana| keyring(&grafana.keys)).collect();
        Self { issuers, grafanas, ..Self::without_keys(settings) }
    }

    /// Of what needs no key: everyone, tokens for development, secrets.
    fn without_keys(settings: Arc<IdentitySettings>) -> Self {
        proof::ready();
        let caller = settings.callers.everyone_is().clone();
        let help = help(&settings).into();
        Self {
            settings,
            issuers: Vec::new(),
            grafanas: Vec::new(),
            verified: Verified::default(),
            everyone: Known { caller, proven: Arc::default(), expires: None },
            help,
        }
    }

    /// These callers, and nobody else.
    pub fn of_callers(callers: super::Callers) -> Self {
        Self::without_keys(Arc::new(IdentitySettings { callers, ..IdentitySettings::default() }))
    }

    /// What it was made of.
    pub fn settings(&self) -> &Arc<IdentitySettings> {
        &self.settings
    }

    /// Of each issuer that is asked for its keys: its name, how many keys are good now, and how long ago they were had.
    pub fn keys(&self) -> impl Iterator<Item = (&str, usize, Option<Duration>)> {
        let issuers = self.settings.issuers.iter().map(|issuer| &issuer.issuer).zip(&self.issuers);
        let grafanas = self.settings.grafanas.iter().map(|grafana| &grafana.issuer).zip(&self.grafanas);
        let all = issuers.chain(grafanas);
        all.filter_map(|(name, keyring)| keyring.state().map(|(keys, age)| (name.as_str(), keys, age)))
    }

    /// Who shows this. `now` is the time since the Unix epoch.
    pub async fn who(&self, shown: &Shown<'_>, now: Duration) -> Result<Known, Unknown> {
        match shown.statement {
            Once::Absent => {}
            Once::Is(_) => {
                // Where some may, whoever serves them has looked at it before.
                let line =
                    "`Tutti-Statement` is of another gateway, and this one is told of none that may ask";
                return Err(Unknown::Statement(line.to_owned()));
            }
            Once::Several => return Err(Unknown::Twice("Tutti-Statement")),
        }
        if self.reads_tokens() {
            match shown.authorization {
                Once::Is(value) if !self.is_secret(&AUTHORIZATION, value) => {
                    return self.of_bearer(value, shown.purpose, now).await;
                }
                Once::Several => return Err(Unknown::Twice("Authorization")),
                Once::Is(_) | Once::Absent => {}
            }
        }
        if !self.settings.grafanas.is_empty() {
            match shown.grafana_id {
                Once::Is(token) => return self.of_grafana(token, shown, now).await,
                Once::Several => return Err(Unknown::Twice("X-Grafana-Id")),
                Once::Absent => {}
            }
        }
        if let Some(known) = self.of_data_source(shown)? {
            return Ok(known);
        }
        match self.settings.mode {
            Mode::Open => Ok(self.everyone.clone()),
            Mode::Required => Err(Unknown::Nobody(self.help.clone())),
        }
    }

    /// Where no token is known, none is looked at: it may be meant for someone before the gateway.
    fn reads_tokens(&self) -> bool {
        !self.settings.issuers.is_empty() || self.settings.callers.tokens() > 0
    }

    async fn of_bearer(&self, value: &[u8], purpose: Once<'_>, now: Duration) -> Result<Known, Unknown> {
        let token = bearer(value).ok_or(Unknown::Scheme)?;
        let print = digest(token);
        if let Some(caller) = self.settings.callers.of_digest(&print) {
            let proven = Proven { by: ProvenBy::Development, token: Some(hex(&print)), ..Proven::default() };
            return Ok(Known { caller: caller.clone(), proven: Arc::new(proven), expires: None });
        }
        if let Some(entry) = self.verified.get(&print, now, |entry| is_current(&self.issuers, entry)) {
            return for_purpose(entry, purpose);
        }
        if self.issuers.is_empty() {
            return Err(Unknown::Token);
        }
        let entry = self.verify(token, print, now).await;
        let entry = entry.map_err(|fault| Unknown::Faulty { what: BEARER, fault })?;
        self.verified.put(print, entry.clone());
        for_purpose(entry, purpose)
    }

    async fn verify(&self, token: &[u8], print: Digest, now: Duration) -> Result<Entry, TokenFault> {
        let parts = Parts::read(token)?;
        let issuer = parts.issuer()?;
        let mut known = self.settings.issuers.iter().zip(&self.issuers).enumerate();
        let found = known.find(|(_, (settings, _))| settings.issuer == issuer);
        let (source, (settings, keyring)) = found.ok_or_else(|| TokenFault::Issuer(name_shown(issuer)))?;
        let IssuerSettings { audience, algorithms, claims, grants, .. } = settings;
        let by = parts.algorithm(algorithms, issuer)?;
        if !parts.is_for(|one| one == audience) {
            return Err(TokenFault::Audience(audience.clone()));
        }
        let expires = parts.valid_until(now)?;
        let (key, epoch) = keyring.key(parts.kid(), by, issuer).await?;
        if !key.has_signed(parts.message, parts.signature, by) {
            return Err(TokenFault::Signature { issuer: issuer.to_owned() });
        }
        let mapped = claims::of_issuer(&parts.claims, claims, grants)?;
        let known = known_of(mapped.caller, ProvenBy::Issuer, issuer, &print, expires);
        Ok(Entry { known, purposes: mapped.purposes.into(), source, epoch })
    }

    async fn of_grafana(&self, token: &[u8], shown: &Shown<'_>, now: Duration) -> Result<Known, Unknown> {
        let all = self.settings.grafanas.iter().enumerate();
        self.check_secrets(shown)?;
        // What shows that a Grafana sent this is looked at each time, and comes before the token.
        let sent_by: Vec<_> = all.filter(|(_, grafana)| is_shown(&grafana.factor, shown)).collect();
        if sent_by.is_empty() {
            return Err(Unknown::GrafanaAlone);
        }
        // A secret that is known must be of one that is shown whole: beside a certificate that is enough, it is another's.
        let is_of_them = |secret: &Secret| {
            sent_by.iter().any(|(_, grafana)| grafana.factor.secret.as_ref() == Some(secret))
        };
        let other = self.settings.grafanas.iter().find(|grafana| {
            let secret = grafana.factor.secret.as_ref();
            secret.is_some_and(|secret| has_secret(secret, shown) && !is_of_them(secret))
        });
        if let (Some(other), Some((_, first))) = (other, sent_by.first()) {
            return Err(Unknown::Ambiguous(first.issuer.clone(), other.issuer.clone()));
        }
        for (_, grafana) in &sent_by {
            let print = grafana_digest(&grafana.issuer, token);
            let remembered = self.verified.get(&print, now, |entry| is_current(&self.grafanas, entry));
            if let Some(entry) = remembered {
                return for_purpose(entry, shown.purpose);
            }
        }
        let faulty = |fault| Unknown::Faulty { what: GRAFANA_ID, fault };
        let parts = Parts::read(token).map_err(faulty)?;
        let issuer = parts.issuer().map_err(faulty)?;
        let found = sent_by.iter().find(|(_, grafana)| grafana.issuer == issuer);
        let found =
            found.and_then(|(source, grafana)| Some((*source, *grafana, self.grafanas.get(*source)?)));
        let Some((source, grafana, keyring)) = found else {
            // Known, but another than the one that sent it.
            let is_known = self.settings.grafanas.iter().any(|grafana| grafana.issuer == issuer);
            let fault = TokenFault::Issuer(name_shown(issuer));
            return Err(if is_known { Unknown::GrafanaAlone } else { faulty(fault) });
        };
        let print = grafana_digest(issuer, token);
        let verified = verify_grafana(&parts, grafana, keyring, now).await;
        let (mapped, expires, epoch) = verified.map_err(faulty)?;
        let known = known_of(mapped.caller, ProvenBy::Grafana, issuer, &print, expires);
        let entry = Entry { known, purposes: mapped.purposes.into(), source, epoch };
        self.verified.put(print, entry.clone());
        for_purpose(entry, shown.purpose)
    }

    fn of_data_source(&self, shown: &Shown<'_>) -> Result<Option<Known>, Unknown> {
        // Before anything else that is shown and is right: a certificate does not make up for a wrong secret.
        self.check_secrets(shown)?;
        let of_them = || self.settings.data_sources.iter().filter(|source| is_shown(&source.factor, shown));
        let Some(first) = of_them().next() else { return Ok(None) };
        // Whoever has the secret and the certificate of one shows besides all that another has by one of them.
        let strongest = of_them().find(|one| {
            of_them().all(|other| one.name == other.name || is_stronger(&one.factor, &other.factor))
        });
        let Some(source) = strongest else {
            let other = of_them().nth(1).unwrap_or(first);
            return Err(Unknown::Ambiguous(first.name.clone(), other.name.clone()));
        };
        // A secret that is known must be of the one that is chosen: beside a certificate that is enough, it is another's.
        let own = source.factor.secret.as_ref();
        let is_anothers = |secret: &Secret| Some(secret) != own && has_secret(secret, shown);
        let mut sources = self.settings.data_sources.iter();
        if let Some(other) = sources.find(|other| other.factor.secret.as_ref().is_some_and(is_anothers)) {
            return Err(Unknown::Ambiguous(source.name.clone(), other.name.clone()));
        }
        let voucher = Some(source.name.clone());
        let proven = Proven { by: ProvenBy::DataSource, voucher, ..Proven::default() };
        Ok(Some(Known { caller: source.caller.clone(), proven: Arc::new(proven), expires: None }))
    }

    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let of_sources = self.settings.data_sources.iter().map(|source| &source.factor);
        let of_grafanas = self.settings.grafanas.iter().map(|grafana| &grafana.factor);
        of_sources.chain(of_grafanas).filter_map(|factor| factor.secret.as_ref())
    }

    fn is_secret(&self, header: &HeaderName, value: &[u8]) -> bool {
        self.secrets().any(|secret| secret.header == *header && secret.digest == digest(value))
    }

    /// A secret header that says none of the secrets is a mistake of whoever configured it, and is told so.
    fn check_secrets(&self, shown: &Shown<'_>) -> Result<(), Unknown> {
        let is_any = |header: &HeaderName| {
            self.secrets().any(|secret| secret.header == *header && has_secret(secret, shown))
        };
        // `Authorization` may be for someone before the gateway.
        let mut wrong = self.secrets().map(Secret::header).filter(|header| {
            **header != AUTHORIZATION && shown.headers.contains_key(*header) && !is_any(header)
        });
        wrong.next().map_or(Ok(()), |header| Err(Unknown::Secret(header.to_string())))
    }
}

async fn verify_grafana(
    parts: &Parts<'_>,
    grafana: &GrafanaSettings,
    keyring: &Keyring,
    now: Duration,
) -> Result<(Mapped, Duration, u64), TokenFault> {
    let issuer = &grafana.issuer;
    // Grafana signs by this one alone.
    let by = parts.algorithm(&[super::jwks::SignedBy::Es256], issuer)?;
    let is_org = |audience: &str| {
        let org = audience.strip_prefix("org:").and_then(|org| org.parse().ok());
        org.is_some_and(|org: u64| grafana.orgs.contains(&org))
    };
    if !parts.is_for(is_org) {
        let orgs: Vec<_> = grafana.orgs.iter().map(|org| format!("org:{org}")).collect();
        return Err(TokenFault::Audience(orgs.join("` or `")));
    }
    let expires = parts.valid_until(now)?;
    let (key, epoch) = keyring.key(parts.kid(), by, issuer).await?;
    if !key.has_signed(parts.message, parts.signature, by) {
        return Err(TokenFault::Signature { issuer: issuer.clone() });
    }
    let mapped = claims::of_grafana(&parts.claims, &grafana.everyone, &grafana.types, &grafana.grants)?;
    Ok((mapped, expires, epoch))
}

fn known_of(caller: Caller, by: ProvenBy, issuer: &str, print: &Digest, expires: Duration) -> Known {
    let proven =
        Proven { by, voucher: Some(issuer.to_owned()), token: Some(hex(print)), through: Vec::new() };
    Known { caller: Arc::new(caller), proven: Arc::new(proven), expires: Some(expires) }
}

/// Whether no key has left since the token was checked by its keyring.
fn is_current(keyrings: &[Keyring], entry: &Entry) -> bool {
    keyrings.get(entry.source).is_some_and(|keyring| keyring.epoch() == entry.epoch)
}

/// Who states a purpose picks one that the token allows; whoever states none has the only one there is, if any.
fn for_purpose(entry: Entry, stated: Once<'_>) -> Result<Known, Unknown> {
    let Entry { mut known, purposes, .. } = entry;
    let stated = match stated {
        Once::Absent => return Ok(known),
        Once::Is(stated) => stated,
        Once::Several => return Err(Unknown::Twice("Tutti-Purpose")),
    };
    let Some(purpose) = purposes.iter().find(|purpose| purpose.as_bytes() == stated) else {
        let stated = name_shown(&String::from_utf8_lossy(stated));
        let allowed = if purposes.is_empty() { "it names none".to_owned() } else { purposes.join(", ") };
        return Err(Unknown::Purpose { stated, allowed });
    };
    if known.caller.purpose.as_ref() != Some(purpose) {
        Arc::make_mut(&mut known.caller).purpose = Some(purpose.clone());
    }
    Ok(known)
}

/// The scheme may be written in any case, with any number of spaces behind it.
fn bearer(shown: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = shown.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The same token of another Grafana is another.
fn grafana_digest(issuer: &str, token: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(issuer.len() as u64).to_le_bytes()).update(issuer.as_bytes()).update(token);
    *hasher.finalize().as_bytes()
}

fn hex(print: &Digest) -> String {
    print.iter().take(PRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

fn help(settings: &IdentitySettings) -> String {
    let mut ways = Vec::new();
    if !settings.issuers.is_empty() {
        ways.push("send `Authorization: Bearer TOKEN` (in Grafana: `oauthPassThru` of the data source)");
    }
    if !settings.grafanas.is_empty() {
        ways.push("let Grafana send `X-Grafana-Id` with the secret or certificate of its data source");
    }
    if !settings.data_sources.is_empty() {
        ways.push("give the data source its secret header or client certificate");
    }
    if settings.callers.tokens() > 0 && ways.is_empty() {
        ways.push("send `Authorization: Bearer TOKEN`");
    }
    if ways.is_empty() {
        ways.push("only other gateways may ask here, with a statement of on whose behalf");
    }
    ways.join(", or ")
}
