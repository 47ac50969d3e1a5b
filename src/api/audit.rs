//! What happens to a question for the record of it: a layer around every route that answers one, so that no handler can
//! forget. The record is on the disk before the first byte of the answer leaves, and the answer says where it is.
//!
//! Where the log cannot be written, questions are answered without any classified value (`Unrecorded`). An answer that
//! was made before that was known is not given.

mod denied;
mod docket;
mod grants;
mod keeping;
mod question;
pub mod reading;
pub mod witnesses;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{self, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Body as _;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::account;
use super::error::{ApiError, NoRoute};
use super::state::ApiState;
use crate::audit::json::Json;
use crate::audit::witness::Witness;
use crate::audit::{AppendError, AuditSettings, Event, Log, Receipt, Record, State};
use crate::backend::BuildError;
use crate::federation::Federation;
use crate::model::ProvenBy;
use crate::task::Group;
use crate::telemetry::metrics::{AuditNumbers, WitnessNumbers};
pub(super) use denied::{Denied, Knocking};
pub(super) use docket::Docket;
pub use grants::on_record;
pub(super) use question::Questioned;
use reading::Shelf;
use witnesses::Watched;
pub use witnesses::WitnessSettings;

/// Where the record of an answer is; or why there is none.
pub(super) const AUDIT: HeaderName = HeaderName::from_static("tutti-audit");

/// Said in place of a receipt where the log cannot be written.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("unavailable");

/// Said in place of a receipt where so many were refused to one network that they are only counted.
const COUNTED: HeaderValue = HeaderValue::from_static("counted");

/// The log, and what is known of those who are refused.
#[derive(Debug)]
pub struct Auditor {
    log: Log,
    witness: Option<Witness>,
    denied: Denied,
    /// Checkpoints of other logs that are looked at. Whoever sends one is a stranger, so it has threads of its own
    /// number and takes none from those who ask.
    signing: Arc<Semaphore>,
    /// Events of grants that wait to be written.
    waiting: watch::Sender<usize>,
    /// Where it can be read, and who may.
    shelf: Option<Shelf>,
    /// The witnesses of this log.
    watched: Vec<Arc<Watched>>,
}

/// What the edge is told of the log beside the log itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeSettings {
    /// Roles that may read the log through the gateway; nobody where none is named.
    pub readers: BTreeSet<String>,
    /// Who is asked to sign its checkpoints, and how often.
    pub witnesses: Vec<WitnessSettings>,
    pub witness_every: Duration,
    /// How long records are kept; for ever where nothing is said.
    pub keep: Option<Duration>,
}

/// Checkpoints of other logs that are looked at at once.
const SIGNING_MAX: usize = 4;

/// How large an answer is that was packed before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unpacked(pub u64);

/// Nothing classified may be in the answer, since there will be no record of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unrecorded;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub std::net::SocketAddr);

impl Auditor {
    /// Over an open log. With a witness, checkpoints of other logs are signed, too.
    pub fn new(log: Log, witness: Option<Witness>) -> Self {
        let signing = Arc::new(Semaphore::new(SIGNING_MAX));
        Self {
            log,
            witness,
            denied: Denied::default(),
            signing,
            waiting: watch::Sender::new(0),
            shelf: None,
            watched: Vec::new(),
        }
    }

    /// The same with the witness that the settings make of this log, if they name logs to be witnessed.
    pub fn with(log: Log, settings: &AuditSettings) -> Self {
        let is_wanted = !settings.witnessed.is_empty();
        let witness = is_wanted.then(|| Witness::new(settings, log.origin(), log.signing_key()));
        Self::new(log, witness)
    }

    /// Those with one of these roles may read the log through the gateway.
    #[must_use]
    pub fn readable(mut self, dir: &Path, readers: &BTreeSet<String>) -> Self {
        self.shelf = Some(Shelf::new(dir, readers));
        self
    }

    /// Begins what is done beside answers, for as long as the group lives: witnesses are asked to sign checkpoints, and
    /// records that are too old are taken away.
    pub async fn tended(
        mut self,
        dir: &Path,
        settings: &EdgeSettings,
        tasks: &Group,
    ) -> Result<Self, BuildError> {
        let (witnesses, every) = (&settings.witnesses, settings.witness_every);
        if let Some(kept_for) = settings.keep {
            keeping::start(&self.log, dir, kept_for, tasks);
        }
        self.watched = witnesses::start(&self.log, dir, witnesses, every, tasks).await?;
        Ok(self)
    }

    fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    /// How the log stands before each of its witnesses.
    pub(super) fn witnesses(&self) -> impl Iterator<Item = WitnessNumbers> {
        self.watched.iter().map(|watched| watched.numbers())
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub(super) fn witness(&self) -> Option<&Witness> {
        self.witness.as_ref()
    }

    pub(super) fn signing(&self) -> Arc<Semaphore> {
        self.signing.clone()
    }

    pub(super) fn numbers(&self) -> AuditNumbers {
        let State { failing, records, bytes, bytes_max, unrecorded, published } = self.log.state();
        AuditNumbers {
            is_failing: failing.is_some(),
            records,
            bytes,
            bytes_max,
            unrecorded,
            denials_counted: self.denied.suppressed(),
            unpublished: records.saturating_sub(published.size),
            unpublished_for: published.behind_since.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    /// Puts something on record that is no question: a change of the policies, what becomes of a grant.
    pub async fn note(&self, event: Event, details: Json) -> Result<Receipt, AppendError> {
        self.log.append(&Record { details, ..Record::of(event) }).await
    }
}

/// The outer layer: begins the record, and writes it before the answer leaves.
pub(super) async fn record(
    extract::State(state): extract::State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(auditor) = state.audit.clone() else { return next.run(request).await };
    let docket = Docket::of_request(&state, &request);
    if auditor.log.is_failing() {
        // Said before anything is asked: see `unclassified`.
        if state.federation().has_peers() {
            return not_recorded(&state);
        }
        request.extensions_mut().insert(Unrecorded);
        docket.is_unrecorded();
    }
    request.extensions_mut().insert(docket.clone());
    let response = next.run(request).await;
    // What no route answers has shown nothing, and an answer that comes bit by bit has its record already.
    if response.extensions().get::<NoRoute>().is_some() || docket.has_begun() {
        return response;
    }
    let end = End::of_http(response.status());
    settle(&state, &docket, end, response, not_recorded).await
}

/// Over HTTP. Another gateway still has to see that it is one that answers.
fn not_recorded(state: &ApiState) -> Response {
    let mut response = ApiError::NotRecorded.into_response();
    response.headers_mut().insert(AUDIT, UNAVAILABLE);
    if state.in_force().peers().is_some() {
        account::put_protocol(response.headers_mut());
    }
    response
}

/// How a question ended, for its record.
struct End {
    status: String,
    is_denied: bool,
    is_success: bool,
}

impl End {
    fn of_http(status: StatusCode) -> Self {
        let is_denied = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        Self { status: status.as_u16().to_string(), is_denied, is_success: status.is_success() }
    }

    /// Of HTTP, every call of gRPC succeeds; what became of it stands beside that.
    fn of_call(response: &Response) -> Self {
        let code = response.extensions().get::<Status>().map_or(Code::Ok, Status::code);
        let is_denied = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
        Self { status: format!("{code:?}"), is_denied, is_success: code == Code::Ok }
    }
}

/// The same for a call of gRPC, which goes by no route.
pub(super) async fn settle_call(state: &ApiState, docket: &Docket, response: Response) -> Response {
    let end = End::of_call(&response);
    let not_recorded = |_: &ApiState| {
        let mut response: Response = ApiError::NotRecorded.to_status().into_http();
        response.headers_mut().insert(AUDIT, UNAVAILABLE);
        response
    };
    settle(state, docket, end, response, not_recorded).await
}

/// Writes the record of an answer, and puts the receipt on it.
async fn settle(
    state: &ApiState,
    docket: &Docket,
    end: End,
    mut response: Response,
    not_recorded: impl FnOnce(&ApiState) -> Response,
) -> Response {
    let Some(auditor) = &state.audit else { return response };
    let End { status, is_denied, is_success } = end;
    let event = match () {
        () if is_denied => Event::DENIED,
        () if docket.has_read() => Event::READ,
        () => Event::QUERY,
    };
    let mut record = docket.record(event, &status);
    if is_denied {
        match auditor.denied.take(knocking(&record)) {
            None => {
                response.headers_mut().insert(AUDIT, COUNTED);
                return response;
            }
            Some(0) => {}
            Some(before) => record.details = Json::map([("suppressed", Json::Whole(before))]),
        }
    }
    match append(state, auditor, &record).await {
        Ok(receipt) => put(response.headers_mut(), &receipt),
        // It shows nothing that would have to be on record.
        Err(_) if docket.shows_nothing_classified() || !is_success => {
            response.headers_mut().insert(AUDIT, UNAVAILABLE);
        }
        Err(_) => return not_recorded(state),
    }
    response
}

/// A caller who showed nothing is whoever is in that network.
fn knocking(record: &Record) -> Knocking<'_> {
    match &record.who {
        Some((caller, proven)) if proven.by != ProvenBy::Nothing => {
            let voucher = proven.voucher.as_deref().unwrap_or_default();
            Knocking::Caller { subject: &caller.subject, voucher }
        }
        _ => Knocking::Stranger(record.source.as_deref()),
    }
}

/// Puts a record on the disk, and counts how long an answer waited for it.
async fn append(state: &ApiState, auditor: &Auditor, record: &Record) -> Result<Receipt, AppendError> {
    let begun = Instant::now();
    let appended = auditor.log.append(record).await;
    state.metrics.audit_appended(begun.elapsed());
    appended
}

/// The inner layer: who asks, as it was found out meanwhile, and how large the answer is before it is compressed.
pub(super) async fn look(request: Request, next: Next) -> Response {
    let Some(docket) = request.extensions().get::<Docket>().cloned() else { return next.run(request).await };
    docket.saw(request.extensions());
    let response = next.run(request).await;
    let unpacked = response.extensions().get::<Unpacked>().map(|unpacked| unpacked.0);
    docket.measured(unpacked.or(response.body().size_hint().exact()));
    response
}

/// The estate with nothing shown of any class. What a peer shows was classed there and comes as it comes, so an estate
/// with peers shows nothing at all.
pub(super) fn unclassified(federation: &Arc<Federation>) -> Result<Arc<Federation>, ApiError> {
    if federation.has_peers() { Err(ApiError::NotRecorded) } else { Ok(Arc::new(federation.unclassified())) }
}

/// Puts a receipt on an answer.
pub(super) fn put(headers: &mut HeaderMap, receipt: &Receipt) {
    if let Ok(value) = HeaderValue::from_str(&receipt.to_string()) {
        headers.insert(AUDIT, value);
    }
}

/// The record that an answer begins which comes bit by bit. Where it cannot be written, nothing classified may be in
/// the answer, and the header says so.
pub(super) async fn begin(state: &ApiState, docket: Option<&Docket>, headers: &mut HeaderMap) {
    let (Some(auditor), Some(docket)) = (&state.audit, docket) else { return };
    docket.begins();
    match append(state, auditor, &docket.record(Event::STREAM_START, "")).await {
        Ok(receipt) => {
            put(headers, &receipt);
            docket.begun(receipt);
        }
        Err(_) => {
            docket.is_unrecorded();
            headers.insert(AUDIT, UNAVAILABLE);
        }
    }
}

/// The record of something that is about to be done, and is not where this fails.
pub(super) async fn announce(
    state: &ApiState,
    docket: Option<&Docket>,
    event: Event,
) -> Result<(), ApiError> {
    let (Some(auditor), Some(docket)) = (&state.audit, docket) else { return Ok(()) };
    let announced = Record { answer: Json::Null, ..docket.record(event, "") };
    append(state, auditor, &announced).await.map(drop).map_err(|_| ApiError::NotRecorded)
}

/// The record that it ends, before its last part leaves. Fails where that part may not be shown.
pub(super) async fn end(
    state: &ApiState,
    docket: Option<&Docket>,
    status: &str,
) -> Result<Option<HeaderValue>, ApiError> {
    let (Some(auditor), Some(docket)) = (&state.audit, docket) else { return Ok(None) };
    match append(state, auditor, &docket.record(Event::STREAM_END, status)).await {
        Ok(receipt) => Ok(HeaderValue::from_str(&receipt.to_string()).ok()),
        Err(_) if docket.shows_nothing_classified() => Ok(Some(UNAVAILABLE)),
        Err(_) => Err(ApiError::NotRecorded),
    }
}

/// How long the end of the process waits for what is still to be written, and for its own record.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The last record of a process, after all that became of grants in it.
pub async fn stop(auditor: &Arc<Auditor>) {
    let mut waiting = auditor.waiting.subscribe();
    if tokio::time::timeout(STOP_MAX, waiting.wait_for(|waiting| *waiting == 0)).await.is_err() {
        tracing::warn!(events = *waiting.borrow(), "events of grants are not on record: the process ends");
    }
    let _ = tokio::time::timeout(STOP_MAX, auditor.note(Event::STOP, Json::Null)).await;
    auditor.log.close().await;
}
