//! What becomes of grants, on record. A request does not wait for it: the record of its own answer, which names the
//! grant, is what it waits for.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Auditor;
use crate::audit::Event;
use crate::audit::json::Json;
use crate::model::grant::{Grant, GrantEvent, GrantLog};
use crate::task::Group;

/// Events that wait to be written. Each use and each refusal is one, and a record takes a few milliseconds.
const WAITING_MAX: usize = 1024;

#[derive(Debug)]
struct OnRecord(mpsc::Sender<GrantEvent>);

/// Takes events of grants into this log, for as long as the group lives.
pub fn on_record(auditor: Arc<Auditor>, tasks: &Group) -> Arc<dyn GrantLog> {
    let (queue, mut waiting) = mpsc::channel::<GrantEvent>(WAITING_MAX);
    tasks.spawn(async move {
        while let Some(event) = waiting.recv().await {
            if let Err(error) = auditor.note(Event::of_grant(event.kind.name()), details(&event)).await {
                tracing::warn!(event = event.kind.name(), %error, "an event of a grant is not on record");
            }
        }
    });
    Arc::new(OnRecord(queue))
}

impl GrantLog for OnRecord {
    fn note(&self, event: &GrantEvent) {
        if self.0.try_send(event.clone()).is_err() {
            tracing::warn!(event = event.kind.name(), "an event of a grant is not on record: too many wait");
        }
    }
}

fn details(event: &GrantEvent) -> Json {
    let mut said = vec![("caller", Json::text(&event.caller))];
    if let Some(why) = &event.why {
        said.push(("why", Json::text(why)));
    }
    if let Some(grant) = &event.grant {
        said.extend(of_grant(grant));
    }
    Json::map(said)
}

/// As it was signed; who reviews it reads why.
fn of_grant(grant: &Grant) -> impl Iterator<Item = (&'static str, Json)> {
    let list = |texts: Vec<String>| Json::List(texts.into_iter().map(Json::text).collect());
    [
        ("grant", Json::text(&grant.id)),
        ("subject", Json::text(&grant.subject)),
        ("signer", Json::text(&grant.signer)),
        ("ticket", Json::text(&grant.ticket)),
        ("justification", Json::text(&grant.justification)),
        ("classes", list(grant.classes.iter().cloned().collect())),
        ("regions", list(grant.regions.iter().map(ToString::to_string).collect())),
        ("traces", list(grant.traces.iter().map(ToString::to_string).collect())),
        ("expires", Json::Whole(grant.expires.as_secs())),
    ]
    .into_iter()
}
