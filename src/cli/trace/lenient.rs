//! Of attributes only those that are drawn.
//!
//! A span may carry hundreds of attributes and megabytes in one of them. What is not drawn is skipped
//! while it is read, never kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::cli::scalar::AnyValue;

/// The attributes that are kept.
const KEPT: [&str; 19] = [
    "error.type",
    "exception.message",
    "exception.type",
    "http.response.status_code",
    "http.status_code",
    "rpc.grpc.status_code",
    "service.name",
    "tutti.clock.offset_ms",
    "tutti.cycle",
    "tutti.missing.region",
    "tutti.missing.status",
    "tutti.network.error_ms",
    "tutti.network.from",
    "tutti.network.latency_ms",
    "tutti.network.to",
    "tutti.placeholder",
    "tutti.redacted",
    "tutti.region",
    "tutti.synthetic",
];

/// The attributes that are drawn, of a list of any length. The first of a key counts.
#[derive(Debug, Default)]
pub struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, text)| *k == key && !text.is_empty()).map(|(_, text)| text.as_str())
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.text(key)?.parse().ok().filter(|n: &f64| n.is_finite())
    }

    pub fn flag(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    /// Whatever its value, but for `false`.
    pub fn is_present(&self, key: &str) -> bool {
        self.0.iter().any(|(k, text)| *k == key && text != "false")
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of attributes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Attributes, A::Error> {
                let mut kept = Vec::new();
                while let Some(Attribute { key, value }) = list.next_element()? {
                    if let Some(key) = KEPT.iter().copied().find(|k| *k == key) {
                        kept.push((key, value.0.0));
                    }
                }
                Ok(Attributes(kept))
            }
        }
        from.deserialize_seq(List)
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Attribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    value: AnyValue,
}
