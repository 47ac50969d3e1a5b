//! What a peer says where it does not answer, and of the protocol it speaks.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use reqwest::Response;

use super::{PROTOCOL, STATEMENT_FAULT};
use crate::backend::tempo::query::refused_with;
use crate::backend::{Fault, body, fault};
use crate::model::coverage::Within;
use crate::model::{Exactness, RegionStatus};
use crate::proof::statement::{PROTOCOL as SPOKEN, StatementFault};

/// What is read of the body of an answer that is none.
const TEXT_BYTES_MAX: usize = 4 << 10;
const TEXT_PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// The number before the slash is that of the protocol; behind it stands the version of the program.
pub(super) fn check_protocol(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(said) = headers.get(PROTOCOL).and_then(|said| said.to_str().ok()) else {
        return Err(fault::no_gateway());
    };
    let number: Option<u32> = said.split('/').next().and_then(|number| number.parse().ok());
    match number {
        Some(SPOKEN) => Ok(()),
        Some(other) => Err(fault::other_protocol(other, SPOKEN)),
        None => Err(fault::no_gateway()),
    }
}

/// The fault that another status than 200 stands for. The peer's words are looked at and go nowhere.
pub(super) async fn refused(status: StatusCode, response: Response, account: Option<Within>) -> Fault {
    let code = response.headers().get(STATEMENT_FAULT).and_then(|code| code.to_str().ok());
    if let Some(of_statement) = code.and_then(StatementFault::of_code) {
        return fault::statement_refused(of_statement, status);
    }
    let headers = response.headers().clone();
    let text = body::beginning(response, TEXT_BYTES_MAX, TEXT_PATIENCE).await;
    let plain = fault::asking_for_rest(refused_with(status, &text), &headers);
    let Some(account) = account.filter(|account| !account.regions.is_empty()) else {
        return match status {
            StatusCode::UNAUTHORIZED => fault::credential_refused(),
            StatusCode::NOT_IMPLEMENTED => fault::not_answered_there(),
            _ => plain,
        };
    };
    of_account(plain, account)
}

/// Its regions tell what became of the question.
fn of_account(plain: Fault, account: Within) -> Fault {
    let missing: Vec<RegionStatus> = account.missing().map(|report| report.status).collect();
    let all = |wanted: RegionStatus| !missing.is_empty() && missing.iter().all(|status| *status == wanted);
    let (status, detail) = if all(RegionStatus::Withheld) {
        let reason = account.regions.iter().find_map(|report| report.detail.clone());
        (RegionStatus::Withheld, reason.unwrap_or_else(|| "its policy does not permit it".to_owned()))
    } else if let Exactness::Budget(budget) = account.exactness {
        (RegionStatus::Error, budget.sentence().to_owned())
    } else if missing.is_empty() {
        (plain.status, plain.detail.clone())
    } else {
        let of: Vec<String> = account
            .missing()
            .map(|report| format!("{} {}", report.region, report.status.sentence()))
            .collect();
        let status = match missing.first() {
            Some(first) if all(*first) => *first,
            _ => RegionStatus::Error,
        };
        (status, format!("of its regions, {}", of.join(", ")))
    };
    // A peer that answers is there, whatever became of its regions: no circuit of ours opens for theirs.
    Fault { status, detail, is_blameless: true, within: Some(Arc::new(account)), ..plain }
}
