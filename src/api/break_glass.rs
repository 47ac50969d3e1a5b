//! Break-glass at the edge: a grant that a request shows beside who asks, the estate under it, and every way in which
//! that is told: on the answer, in the log, as a metric, to whoever is to be notified. A grant that does not hold is
//! a refusal, never an ordinary answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::audit::Knocking;
use super::error::ApiError;
use super::state::{ApiState, InForce};
use crate::federation::Federation;
use crate::identity::grants::{GrantFault, at};
use crate::model::grant::{Grant, GrantEvent, GrantEventKind};
use crate::model::{Caller, Proven, ProvenBy, TraceId};
use crate::task::clock::wall_nanos;

/// Shows a grant on the way in, and says on the way out under which one was answered.
pub const GRANT: HeaderName = HeaderName::from_static("tutti-grant");

/// A request under a grant that holds.
#[derive(Debug)]
pub struct Lifted {
    grant: Arc<Grant>,
    federation: Arc<Federation>,
    caller: String,
    now: Duration,
    notify_url: Option<String>,
    is_applied: AtomicBool,
}

/// What a request shows of a grant, or nothing where it shows none.
pub(super) fn shown(
    state: &ApiState,
    in_force: &InForce,
    headers: &HeaderMap,
    (caller, proven): (&Caller, &Proven),
) -> Result<Option<Arc<Lifted>>, ApiError> {
    let mut shown = headers.get_all(GRANT).iter();
    let Some(first) = shown.next() else { return Ok(None) };
    if shown.next().is_some() {
        return Err(ApiError::BadRequest("`Tutti-Grant` stands there twice: send one grant".to_owned()));
    }
    // Its region's gateway would decide for where this one stands, and not for where the answer goes.
    if proven.by == ProvenBy::Peer {
        let line = "a grant is taken from who asks, and not from another gateway: show it to this one itself";
        return Err(ApiError::Grant { line: line.to_owned(), is_malformed: false });
    }
    let token = first.to_str().unwrap_or_default().trim();
    let now = Duration::from_nanos(wall_nanos());
    let accepted = in_force.grants().accept(token, (caller, proven.by), now, state.grant_uses());
    let accepted = accepted.map_err(|(fault, grant)| refused(state, fault, grant, caller, now))?;
    let grant = accepted.grant;
    let lifted = Lifted {
        federation: in_force.seen_under(caller, &grant.lift()),
        caller: caller.subject.clone(),
        notify_url: in_force.grants().settings().notify_url.clone(),
        is_applied: AtomicBool::new(false),
        grant,
        now,
    };
    Ok(Some(Arc::new(lifted)))
}

/// Over gRPC there is no place on each message to say so, so none is taken there.
pub(super) fn refuse_on_stream(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(GRANT) {
        let line = "a grant is taken over HTTP alone, where each answer can say that it was given under it";
        return Err(ApiError::Grant { line: line.to_owned(), is_malformed: true });
    }
    Ok(())
}

fn refused(
    state: &ApiState,
    fault: GrantFault,
    grant: Option<Box<Grant>>,
    caller: &Caller,
    now: Duration,
) -> ApiError {
    state.metrics.grant(false);
    let line = fault.to_string();
    let is_malformed = fault.is_malformed();
    let refusal = ApiError::Grant { line: line.clone(), is_malformed };
    // Where nobody signs grants there is nothing to find out about whoever shows one.
    if fault == GrantFault::NotConfigured {
        return refusal;
    }
    // Anyone may show anything, without end: that fills neither log.
    let Some(suppressed) = state.refused_grants().take(Knocking::Stranger(None)) else { return refusal };
    let id = grant.as_ref().map_or("", |grant| &grant.id);
    // Of what could not be read nothing stands in the log: whoever sent it could write anything.
    tracing::warn!(grant = id, why = ?line, suppressed, "a grant does not hold");
    state.note_grant(&GrantEvent {
        kind: GrantEventKind::Refused,
        grant: grant.map(|grant| *grant),
        caller: caller.subject.clone(),
        at: now,
        why: Some(line),
        suppressed,
    });
    refusal
}

impl Lifted {
    pub(super) fn id(&self) -> &str {
        &self.grant.id
    }

    /// The estate under the grant, for what is no one trace: nothing where the grant is for some traces alone.
    pub(super) fn for_everything(&self, state: &ApiState) -> Option<Arc<Federation>> {
        self.grant.traces.is_empty().then(|| self.apply(state))
    }

    pub(super) fn for_trace(&self, state: &ApiState, trace: &TraceId) -> Option<Arc<Federation>> {
        self.grant.is_for(trace).then(|| self.apply(state))
    }

    /// From here on the request is one under the grant, and that is told once.
    fn apply(&self, state: &ApiState) -> Arc<Federation> {
        if !self.is_applied.swap(true, Ordering::Relaxed) {
            state.metrics.grant(true);
            state.note_grant(&GrantEvent {
                kind: GrantEventKind::Used,
                grant: Some((*self.grant).clone()),
                caller: self.caller.clone(),
                at: self.now,
                why: None,
                suppressed: 0,
            });
            if state.grant_uses().is_first_told(&self.grant) {
                self.tell(state);
            }
        }
        self.federation.clone()
    }

    /// At its first use: a line in the log, and a notice.
    fn tell(&self, state: &ApiState) {
        let grant = &self.grant;
        tracing::warn!(
            event = GrantEventKind::Used.name(),
            grant = %grant.id,
            subject = %grant.subject,
            signer = %grant.signer,
            ticket = %grant.ticket,
            until = %at(grant.expires),
            review_due = %at(Grant::review_due(self.now)),
            "a grant is used"
        );
        let Some(url) = &self.notify_url else { return };
        let sent = state.notifier().map(|notifier| notifier.send(url, self.notice().to_string()));
        if let Some(Err(why)) = sent {
            tracing::error!(grant = %grant.id, %why, "nobody is notified of a grant");
        }
    }

    /// What is told of it: whatever was signed, and by when it is to be reviewed. No value of a trace.
    fn notice(&self) -> Value {
        let grant = &self.grant;
        let traces: Vec<String> = grant.traces.iter().map(ToString::to_string).collect();
        let regions: Vec<String> = grant.regions.iter().map(ToString::to_string).collect();
        json!({
            "event": GrantEventKind::Used.name(), "id": grant.id, "subject": grant.subject,
            "signer": grant.signer, "ticket": grant.ticket, "justification": grant.justification,
            "classes": grant.classes, "regions": regions, "traces": traces, "purpose": grant.purpose,
            "from": at(grant.not_before), "until": at(grant.expires), "at": at(self.now),
            "reviewDue": at(Grant::review_due(self.now)),
        })
    }

    /// What the report says of it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.grant.id, "ticket": self.grant.ticket, "signer": self.grant.signer,
            "classes": self.grant.classes, "until": at(self.grant.expires), "applied": self.is_applied(),
        })
    }

    fn is_applied(&self) -> bool {
        self.is_applied.load(Ordering::Relaxed)
    }

    /// Says on an answer under which grant it was given, or that it was not.
    pub(super) fn put_header(&self, headers: &mut HeaderMap) {
        let fit = |c: char| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '?' };
        let plain = |text: &str| text.chars().map(fit).collect::<String>();
        let applied = if self.is_applied() { "yes" } else { "no" };
        let value = format!(
            "{}; until={}; ticket=\"{}\"; applied={applied}",
            plain(&self.grant.id),
            at(self.grant.expires),
            plain(&self.grant.ticket)
        );
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(GRANT, value);
        }
    }
}
