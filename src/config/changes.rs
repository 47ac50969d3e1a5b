//! What differs between two configurations, by key, for the log line of a reload. Says that a secret
//! changed, never what it is.

use std::fmt;

use secrecy::SecretString;

use super::regions::same_secret;
use super::{GatewaySettings, Settings};
use crate::backend::settings::{Auth, KindSettings, MemorySettings, RegionSettings, TempoSettings};
use crate::identity::grants::GrantSettings;

/// Keys that changed, as `regions.toml` names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Holds from the swap on.
    pub taken: Vec<String>,
    /// Holds only after a restart: a listener is bound once, and its routes and numbers are those it began with.
    pub needs_restart: Vec<String>,
}

impl Changes {
    pub fn between(old: &Settings, new: &Settings) -> Self {
        let mut changes = Self::default();
        changes.gateway(&old.gateway, &new.gateway);
        changes.note(old.deadlines != new.deadlines, "deadlines");
        let is_other_size = old.federation.trace_bytes_max != new.federation.trace_bytes_max;
        changes.note(is_other_size, "limits.trace_bytes_max");
        if old.limits != new.limits {
            changes.needs_restart.push("limits".to_owned());
        }
        changes.note(old.federation.additions != new.federation.additions, "additions");
        changes.note(old.federation.hot != new.federation.hot, "cache");
        changes.note(old.federation.locality != new.federation.locality, "locality");
        changes.note(old.modes != new.modes, "modes");
        changes.note(old.federation.search != new.federation.search, "search");
        changes.note(old.federation.metrics != new.federation.metrics, "metrics");
        changes.note(old.policies.digest() != new.policies.digest(), "policies");
        changes.note(old.identity != new.identity, "identity");
        changes.note(!same_grants(old.grants.settings(), new.grants.settings()), "break_glass");
        if old.audit != new.audit || old.audit_edge != new.audit_edge {
            changes.needs_restart.push("audit".to_owned());
        }
        if old.telemetry != new.telemetry {
            changes.needs_restart.push("telemetry".to_owned());
        }
        changes.note(old.token_keys != new.token_keys, "keys");
        changes.note(old.peers != new.peers, "peer.trusts");
        changes.regions(old, new);
        changes
    }

    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.needs_restart.is_empty()
    }

    fn gateway(&mut self, old: &GatewaySettings, new: &GatewaySettings) {
        self.note(old.region != new.region, "gateway.region");
        self.note(old.name != new.name, "gateway.name");
        self.note(old.policies != new.policies, "gateway.policies");
        match (&old.tls, &new.tls) {
            (Some(old), Some(new)) => self.note(old != new, "gateway.tls"),
            (None, None) => {}
            // Connections begin otherwise then.
            _ => self.needs_restart.push("gateway.tls".to_owned()),
        }
        if old.http_api_prefix != new.http_api_prefix {
            self.needs_restart.push("gateway.http_api_prefix".to_owned());
        }
        if old.listen != new.listen {
            self.needs_restart.push("gateway.listen".to_owned());
        }
    }

    fn regions(&mut self, old: &Settings, new: &Settings) {
        let find = |of: &Settings, region: &RegionSettings| {
            of.regions.iter().find(|other| other.name == region.name).cloned()
        };
        for gone in old.regions.iter().filter(|region| find(new, region).is_none()) {
            self.taken.push(format!("region.{} removed", gone.name));
        }
        for region in &new.regions {
            match find(old, region) {
                Some(before) => self.region(&before, region),
                None => self.taken.push(format!("region.{} added", region.name)),
            }
        }
        let names = |of: &Settings| of.regions.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
        let (mut before, mut after) = (names(old), names(new));
        let is_reordered = before != after;
        before.sort();
        after.sort();
        self.note(is_reordered && before == after, "order of regions");
        for region in &after {
            let facts = |of: &Settings| of.federation.facts.get(region).cloned().unwrap_or_default();
            let (old, new, is_kept) = (facts(old), facts(new), before.contains(region));
            for (is_changed, key) in [
                (old.services != new.services, "services"),
                (old.retention != new.retention, "retention"),
                (old.attributes != new.attributes, "attributes"),
            ] {
                self.note(is_changed && is_kept, &format!("region.{region}.{key}"));
            }
        }
        let allowed = |of: &Settings, name| of.raw_egress.iter().any(|e| e.region == name && e.is_allowed);
        for region in after {
            let is_changed = allowed(old, region.clone()) != allowed(new, region.clone());
            self.note(is_changed && before.contains(&region), &format!("region.{region}.allow_raw_egress"));
        }
    }

    fn region(&mut self, old: &RegionSettings, new: &RegionSettings) {
        let name = new.name.to_string();
        let mut note = |is_changed: bool, key: &str| self.note(is_changed, &format!("region.{name}.{key}"));
        note(old.jurisdiction != new.jurisdiction, "jurisdiction");
        note(old.layers.deadline != new.layers.deadline, "deadline");
        note(old.layers.concurrent_max != new.layers.concurrent_max, "concurrent_max");
        note(old.layers.body_bytes_max != new.layers.body_bytes_max, "body_bytes_max");
        note(old.layers.retry != new.layers.retry, "retry_budget_percent");
        note(old.layers.breaker != new.layers.breaker, "breaker");
        note(old.layers.probe_interval != new.layers.probe_interval, "probe_interval");
        match (&old.kind, &new.kind) {
            (KindSettings::Tempo(old), KindSettings::Tempo(new)) => tempo(old, new, note),
            (KindSettings::Tutti(old), KindSettings::Tutti(new)) => {
                note(old.gateway != new.gateway, "gateway");
                note(old.signer != new.signer, "peer.key");
                tempo(&old.at, &new.at, note);
            }
            (KindSettings::Memory(old), KindSettings::Memory(new)) => {
                note(old.otlp != new.otlp, "otlp");
                self.memory(&name, old, new);
            }
            _ => note(true, "kind"),
        }
    }

    /// A region goes on with the spans it has and the limits it began with.
    fn memory(&mut self, name: &str, old: &MemorySettings, new: &MemorySettings) {
        for (is_changed, key) in
            [(old.bytes_max != new.bytes_max, "bytes_max"), (old.age_max != new.age_max, "age_max")]
        {
            if is_changed {
                self.needs_restart.push(format!("region.{name}.{key}"));
            }
        }
    }

    fn note(&mut self, is_changed: bool, key: &str) {
        if is_changed {
            self.taken.push(key.to_owned());
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        f.write_str(&self.taken.join(", "))?;
        if self.needs_restart.is_empty() {
            return Ok(());
        }
        let separator = if self.taken.is_empty() { "" } else { "; " };
        write!(f, "{separator}only after a restart: {}", self.needs_restart.join(", "))
    }
}

fn tempo(old: &TempoSettings, new: &TempoSettings, mut note: impl FnMut(bool, &str)) {
    note(old.url != new.url, "url");
    note(old.tenant != new.tenant, "tenant");
    note(!same_auth(&old.auth, &new.auth), "auth");
    let same_headers = old.headers.len() == new.headers.len()
        && old.headers.iter().zip(&new.headers).all(|(a, b)| a.0 == b.0 && same_secret(&a.1, &b.1));
    note(!same_headers, "headers");
    let same_tls = old.tls.ca_pem == new.tls.ca_pem
        && same_option(old.tls.client_pem.as_ref(), new.tls.client_pem.as_ref());
    note(!same_tls, "tls");
    note(old.connect_timeout != new.connect_timeout, "connect_timeout");
    note(old.idle_connections_max != new.idle_connections_max, "idle_connections_max");
    note(old.streaming != new.streaming, "streaming");
}

/// Regions that came or went are told as such.
fn same_grants(old: &GrantSettings, new: &GrantSettings) -> bool {
    *old == GrantSettings { regions: old.regions.clone(), behind: old.behind.clone(), ..new.clone() }
}

fn same_auth(old: &Auth, new: &Auth) -> bool {
    match (old, new) {
        (Auth::None, Auth::None) => true,
        (Auth::Bearer(a), Auth::Bearer(b)) => same_secret(a, b),
        (Auth::Basic { user: a, password: x }, Auth::Basic { user: b, password: y }) => {
            a == b && same_secret(x, y)
        }
        _ => false,
    }
}

fn same_option(old: Option<&SecretString>, new: Option<&SecretString>) -> bool {
    match (old, new) {
        (Some(a), Some(b)) => same_secret(a, b),
        (a, b) => a.is_none() && b.is_none(),
    }
}
