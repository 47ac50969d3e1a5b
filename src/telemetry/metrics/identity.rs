//! Who asks: how the keys of issuers fare, and why nobody was known of a request.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct IdentityFamilies {
    key_fetches: Family<ResultLabels, Counter>,
    keys: Family<IssuerLabels, Gauge>,
    keys_age_seconds: Family<IssuerLabels, Gauge>,
    refused: Family<ReasonLabels, Counter>,
}

/// The keys of one issuer that are asked for over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysNumbers {
    /// As the configuration names it.
    pub issuer: String,
    /// Keys that are good now.
    pub keys: u64,
    /// Since they were last had; nothing where they never were.
    pub age: Option<Duration>,
}

impl IdentityFamilies {
    pub fn register(&self, r: &mut Registry) {
        let fetches = "Questions for the keys of an issuer, by whether they brought any";
        r.register("identity_key_fetches", fetches, self.key_fetches.clone());
        let keys = "Keys of an issuer that tokens are checked by, where it is asked for them";
        r.register("identity_keys", keys, self.keys.clone());
        let age = "Time since the keys of an issuer were last had, where they ever were";
        r.register("identity_keys_age_seconds", age, self.keys_age_seconds.clone());
        let refused = "Requests of which it is not known who asks, by why";
        r.register("identity_refused", refused, self.refused.clone());
    }

    pub fn fetched(&self, is_good: bool) {
        let result = if is_good { "good" } else { "failed" };
        self.key_fetches.get_or_create(&ResultLabels { result }).inc();
    }

    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Of every issuer there is; those of before are no longer.
    pub fn set_keys(&self, numbers: &[KeysNumbers]) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.keys.clear();
        self.keys_age_seconds.clear();
        for KeysNumbers { issuer, keys, age } in numbers {
            let labels = IssuerLabels { issuer: issuer.clone() };
            self.keys.get_or_create(&labels).set(whole(*keys));
            if let Some(age) = age {
                self.keys_age_seconds.get_or_create(&labels).set(whole(age.as_secs()));
            }
        }
    }
}
