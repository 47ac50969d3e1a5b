//! Who asks: a layer that knows the caller of a request before anything else looks at it, and gives it the estate as
//! that caller may see it. Which headers show somebody is said here; what they prove is said in `identity`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, Method, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::account;
use super::audit::{Docket, Unrecorded};
use super::break_glass::{self, Lifted};
use super::error::ApiError;
use super::state::{ApiState, InForce};
use crate::backend::peer::STATEMENT;
use crate::federation::Federation;
use crate::identity::{Mode, Once, Shown, ShownByPeer, ShownCertificate, Unknown};
use crate::model::{self, Caller, Proven, ProvenBy, TraceId};
use crate::proof::statement::{Statement, StatementFault, request_digest};
use crate::task::clock::wall_nanos;

/// A token that Grafana signs of its user.
const GRAFANA_ID: HeaderName = HeaderName::from_static("x-grafana-id");
/// Which of the purposes that a token allows is meant.
const PURPOSE: HeaderName = HeaderName::from_static("tutti-purpose");

/// Said beside a stream that shows nobody: this is what one of Grafana looks like.
const STREAM_HINT: &str = "Grafana sends no user with a stream, so per-user policy needs streaming off in the data \
                           source settings";

/// Who asks, and what they may see. A request keeps both from its begin to its end, whatever is reloaded meanwhile.
#[derive(Debug, Clone)]
pub struct Seen {
    pub caller: Arc<Caller>,
    /// How that is known.
    pub proven: Arc<Proven>,
    /// Until when that may be believed, since the Unix epoch.
    pub expires: Option<Duration>,
    pub federation: Arc<Federation>,
    /// The mode of a question that names none.
    pub mode: model::Mode,
    /// Under a grant that was shown.
    pub(super) lifted: Option<Arc<Lifted>>,
    /// The gateway that asks for them, where one does.
    pub guest: Option<Arc<Guest>>,
}

/// Another gateway, as far as its answer needs to know of it.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The statement that is answered.
    pub statement: String,
    /// Of the plan of the gateway that asks, by its own word: for the record, which then leads to the one there.
    pub plan_digest: String,
    /// What is left of the time of whoever it asks for.
    pub left: Duration,
}

/// Why nobody is known.
enum Stranger {
    Unknown(Unknown),
    Gateway(StatementFault),
}

impl Stranger {
    /// One word for why, for numbers of how often.
    fn reason(&self) -> &'static str {
        match self {
            Self::Unknown(unknown) => unknown.reason(),
            Self::Gateway(_) => "statement",
        }
    }
}

impl From<Stranger> for ApiError {
    fn from(stranger: Stranger) -> Self {
        match stranger {
            Stranger::Unknown(unknown) => Self::Unauthenticated(unknown.to_string()),
            Stranger::Gateway(fault) => Self::Statement(fault),
        }
    }
}

impl Seen {
    /// And what a grant beside it lets them see.
    fn lifted(
        mut self,
        state: &ApiState,
        in_force: &InForce,
        headers: &HeaderMap,
        is_unrecorded: bool,
    ) -> Result<Self, ApiError> {
        self.lifted = break_glass::shown(state, in_force, headers, (&self.caller, &self.proven))?;
        // What goes on no record is lifted by nothing.
        let lifted = self.lifted.as_ref().filter(|_| !is_unrecorded);
        if let Some(under) = lifted.and_then(|lifted| lifted.for_everything(state)) {
            self.federation = under;
        }
        Ok(self)
    }

    /// `target` is what is asked for; a stream has none that a statement could be for.
    async fn of(
        in_force: &InForce,
        headers: &HeaderMap,
        extensions: &Extensions,
        target: Option<(&Method, &Uri)>,
    ) -> Result<Self, Stranger> {
        let certificate = extensions.get::<Arc<ShownCertificate>>().map(Arc::as_ref);
        let shown = Shown {
            authorization: Once::of(headers, &header::AUTHORIZATION),
            grafana_id: Once::of(headers, &GRAFANA_ID),
            statement: Once::of(headers, &STATEMENT),
            purpose: Once::of(headers, &PURPOSE),
            headers,
            certificate,
        };
        let now = Duration::from_nanos(wall_nanos());
        if let (Once::Is(statement), Some(peers)) = (shown.statement, in_force.peers()) {
            let request = target.map_or_else(String::new, |(method, uri)| request_of(method, uri));
            let shown = ShownByPeer { statement, shown: &shown, request: &request };
            return peers
                .who(shown, now)
                .map(|known| Self::of_guest(in_force, known))
                .map_err(Stranger::Gateway);
        }
        let known = in_force.reception().who(&shown, now).await.map_err(Stranger::Unknown)?;
        let federation = in_force.seen_by(&known.caller);
        let mode = in_force.modes().of(&known.caller);
        Ok(Self {
            caller: known.caller,
            proven: known.proven,
            expires: known.expires,
            federation,
            mode,
            lifted: None,
            guest: None,
        })
    }

    /// Whoever another gateway asks for, as it states it and as far as it is believed.
    fn of_guest(in_force: &InForce, statement: Statement) -> Self {
        let Statement { issuer, id, asker, left, expires, .. } = statement;
        let proven = Proven {
            by: ProvenBy::Peer,
            voucher: Some(issuer),
            token: Some(blake3::hash(id.as_bytes()).to_hex().to_string()),
            through: asker.through.clone(),
        };
        let plan_digest = asker.plan_digest.clone();
        Self {
            caller: asker.caller.clone(),
            proven: Arc::new(proven),
            expires: Some(expires),
            federation: in_force.seen_through(asker),
            // What it wants of whom is the matter of the gateway that asks.
            mode: model::Mode::default(),
            lifted: None,
            guest: Some(Arc::new(Guest { statement: id, plan_digest, left })),
        }
    }
}

/// Of gRPC, whose calls go by no route.
pub(super) async fn of_stream(
    state: &ApiState,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Seen, ApiError> {
    break_glass::refuse_on_stream(headers)?;
    Seen::of(&state.in_force(), headers, extensions, None).await.map_err(|stranger| {
        state.metrics.nobody_known(stranger.reason());
        match stranger {
            Stranger::Unknown(unknown) if unknown.is_nobody() => {
                ApiError::Unauthenticated(format!("{unknown}; {STREAM_HINT}"))
            }
            stranger => stranger.into(),
        }
    })
}

/// Of who tells the gateway what to do: shown like any other, and under no grant.
pub(super) async fn of_operator(in_force: &InForce, parts: &Parts) -> Result<Seen, ApiError> {
    let target = Some((&parts.method, &parts.uri));
    Seen::of(in_force, &parts.headers, &parts.extensions, target).await.map_err(ApiError::from)
}

pub(super) async fn know(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let in_force = state.in_force();
    let target = Some((request.method(), request.uri()));
    let seen = Seen::of(&in_force, request.headers(), request.extensions(), target).await;
    // What goes on no record holds nothing of a class, of which the gateway that asks would hear nothing.
    let is_unrecorded = request.extensions().get::<Unrecorded>().is_some();
    let seen = match seen {
        Ok(seen) if seen.guest.is_some() && is_unrecorded => Err(ApiError::NotRecorded),
        Ok(seen) => Ok(seen),
        Err(stranger) => {
            state.metrics.nobody_known(stranger.reason());
            Err(stranger.into())
        }
    };
    let seen = seen.and_then(|seen| seen.lifted(&state, &in_force, request.headers(), is_unrecorded));
    let (known, mut response) = match seen {
        Ok(seen) => {
            request.extensions_mut().insert(seen.clone());
            (Some(seen), next.run(request).await)
        }
        Err(error) => (None, error.into_response()),
    };
    if let Some(lifted) = known.as_ref().and_then(|seen| seen.lifted.as_ref()) {
        lifted.put_header(response.headers_mut());
    }
    if let Some(peers) = in_force.peers() {
        account::put_protocol(response.headers_mut());
        if let Some(seen) = &known
            && let Some(guest) = &seen.guest
        {
            account::put(&mut response, guest, peers.name(), &seen.federation);
        }
    }
    response
}

/// Stands for a request in a statement.
fn request_of(method: &Method, uri: &Uri) -> String {
    let path: Vec<u8> = percent_decode_str(uri.path()).collect();
    request_digest(method.as_str(), &path, uri.query())
}

/// Who asks for another gateway, if one does.
pub(super) fn guest(of: &Extensions) -> Option<&Guest> {
    of.get::<Seen>().and_then(|seen| seen.guest.as_deref())
}

/// Around what Grafana asks to see whether a data source works. Where somebody must be shown, it says so then and not
/// only with the first query; elsewhere it is about nobody.
pub(super) async fn try_out(state: State<ApiState>, request: Request, next: Next) -> Response {
    match state.in_force().reception().settings().mode {
        Mode::Open => next.run(request).await,
        Mode::Required => know(state, request, next).await,
    }
}

/// The mode of a question that names none, by who asks.
pub(super) fn usual_mode(of: &Extensions) -> model::Mode {
    of.get::<Seen>().map_or_else(model::Mode::default, |seen| seen.mode)
}

/// The estate as whoever asks may see it. Where no layer said who that is, it is nobody in particular.
pub(super) fn estate(state: &ApiState, of: &Extensions) -> Arc<Federation> {
    let nobody = || state.in_force().seen_by(&Caller::anonymous());
    let federation = of.get::<Seen>().map_or_else(nobody, |seen| seen.federation.clone());
    // What goes on no record shows nothing of any class.
    if of.get::<Unrecorded>().is_some() { Arc::new(federation.unclassified()) } else { federation }
}

/// The same for one trace: a grant may be for it alone.
pub(super) fn estate_for(state: &ApiState, of: &Extensions, trace: &TraceId) -> Arc<Federation> {
    let lifted = of.get::<Seen>().and_then(|seen| seen.lifted.as_ref());
    // What goes on no record is lifted by nothing.
    let lifted = lifted.filter(|_| of.get::<Unrecorded>().is_none());
    let Some(federation) = lifted.and_then(|lifted| lifted.for_trace(state, trace)) else {
        return estate(state, of);
    };
    if let Some(docket) = of.get::<Docket>() {
        docket.is_under(federation.clone());
    }
    federation
}

/// What the report says of a grant, where one was shown.
pub(super) fn grant_shown(of: &Extensions) -> Option<Value> {
    of.get::<Seen>()?.lifted.as_ref().map(|lifted| lifted.to_json())
}
