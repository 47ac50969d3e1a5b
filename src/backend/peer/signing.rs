//! The statement that goes with one question.

use std::time::Duration;

use http::HeaderValue;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use uuid::Uuid;

use crate::backend::settings::PeerSettings;
use crate::backend::{Fault, fault};
use crate::model::{Asker, RegionStatus};
use crate::proof::statement::{LIFE_MAX, Statement, request_digest, sign as sign_statement};
use crate::task::Deadline;
use crate::task::clock::wall_nanos;

pub(super) struct Signed {
    pub token: HeaderValue,
    pub id: String,
}

/// Holds for this question to this peer, once, and no longer than it is waited for.
pub(super) fn sign(
    settings: &PeerSettings,
    asker: &Asker,
    url: &Url,
    deadline: Deadline,
) -> Result<Signed, Fault> {
    let id = Uuid::new_v4().simple().to_string();
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    let left = deadline.remaining();
    // To the second before, and the one after: a statement says whole ones.
    let issued = Duration::from_secs(Duration::from_nanos(wall_nanos()).as_secs());
    let life = Duration::from_secs(left.as_secs().saturating_add(2)).min(LIFE_MAX);
    let statement = Statement {
        issuer: settings.signer.name().to_owned(),
        audience: settings.gateway.clone(),
        id: id.clone(),
        asker: asker.clone(),
        left,
        request: request_digest("GET", &path, url.query()),
        issued,
        expires: issued + life,
    };
    let token = sign_statement(&statement, settings.signer.key());
    let token = token.and_then(|token| HeaderValue::from_str(&token).ok());
    let Some(mut token) = token else {
        let detail = "the question is longer than a statement to a peer may be";
        return Err(fault::not_asked(RegionStatus::Rejected, detail));
    };
    token.set_sensitive(true);
    Ok(Signed { token, id })
}
