//! Who is asking: from what a request shows to a [`Caller`](crate::model::Caller). Knows no policy, no region and no
//! status code.
//!
//! Bearer tokens of issuers (`token`, `jwks`, `keyring`, `claims`), Grafana's signed `X-Grafana-Id` together with what
//! shows that this Grafana sent it (`factor`), one secret or certificate for each data source, tokens for development
//! (`callers`), and the statements of other gateways (`peers`). No header authorises that is none of these: whoever
//! can send a request could write it.

mod callers;
mod claims;
mod factor;
pub mod grants;
mod jwks;
mod keyring;
mod peers;
mod reception;
mod settings;
mod shown;
#[cfg(test)]
mod tests;
mod token;
mod unknown;
mod verified;

pub use callers::Callers;
pub use jwks::{KEYS_BYTES_MAX, Key, KeySet, KeySetError, SignedBy, publish};
pub use keyring::{
    FETCH_MAX, FRESH, FRESH_MAX, FRESH_MIN, FetchKeys, FetchedKeys, GONE_MAX, SILENT_MAX, SPACING, WAIT_MAX,
};
pub use peers::{Peers, REMEMBERED_MAX, ShownByPeer, Trust};
pub use reception::Reception;
pub use settings::{
    CertificateOf, ClaimPaths, DataSourceSettings, Factor, GrafanaSettings, Grant, Holder, IdentitySettings,
    IssuerSettings, KeysFrom, KeysUrl, Mode, Secret,
};
pub use shown::{Known, Once, Shown, ShownCertificate};
pub use token::{LEEWAY, TOKEN_BYTES_MAX, TokenFault};
pub use unknown::Unknown;
