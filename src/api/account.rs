//! What a gateway tells another that asks it: the protocol it speaks, and an account of its regions beside every
//! answer, errors too.

use axum::response::Response;
use http::{HeaderMap, HeaderValue};

use super::caller::Guest;
use crate::backend::peer::{ACCOUNT, PROTOCOL};
use crate::federation::Federation;
use crate::model::coverage::Within;
use crate::model::{Coverage, Exactness};
use crate::proof::statement::PROTOCOL as SPOKEN;
use crate::wire::account::Account;

/// What an answer covers, left on the response by whoever gave it.
#[derive(Debug, Clone)]
pub(super) struct Covered(pub Coverage);

pub(super) fn put_protocol(headers: &mut HeaderMap) {
    if let Ok(spoken) = HeaderValue::from_str(&format!("{SPOKEN}/{}", env!("CARGO_PKG_VERSION"))) {
        headers.insert(PROTOCOL, spoken);
    }
}

/// Where nothing is known of what an answer covers, nothing is claimed: it is not exact, and no region stands in it.
pub(super) fn put(response: &mut Response, guest: &Guest, name: &str, federation: &Federation) {
    let (exactness, regions) = match response.extensions_mut().remove::<Covered>() {
        Some(Covered(coverage)) => (coverage.exactness(), coverage.regions),
        None => (Exactness::RegionMissing, Vec::new()),
    };
    let is_open = federation.shows_all()
        && regions.iter().filter_map(|report| report.within.as_ref()).all(|within| within.is_open);
    let elsewhere = federation.elsewhere().to_vec();
    let gateway = name.to_owned();
    let within = Within { gateway, is_open, exactness, elsewhere, is_abridged: false, regions };
    let account = Account { to: guest.statement.clone(), is_as_sent: federation.is_as_sent(), within };
    if let Ok(account) = HeaderValue::from_str(&account.to_text()) {
        response.headers_mut().insert(ACCOUNT, account);
    }
}
