//! What becomes of grants, on record. A request does not wait for it: the record of its own answer, which names the
//! grant, is what it waits for.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Auditor;
use crate::audit::Event;
use crate::audit::json::Json;
use crate::model::grant::{Grant, GrantEvent, GrantEventKind, GrantLog};
use crate::task::Group;

/// Uses that wait to be written. A record takes a few milliseconds.
const WAITING_MAX: usize = 1024;

/// Refusals that wait. Anyone can bring them about, so they have a queue of their own and push out no use.
const REFUSED_WAITING_MAX: usize = 64;

#[derive(Debug)]
struct OnRecord {
    auditor: Arc<Auditor>,
    queue: mpsc::Sender<GrantEvent>,
    refused: mpsc::Sender<GrantEvent>,
}

/// Takes events of grants into this log, for as long as the group lives.
pub fn on_record(auditor: Arc<Auditor>, tasks: &Group) -> Arc<dyn GrantLog> {
    let queue = |max| {
        let (queue, waiting) = mpsc::channel::<GrantEvent>(max);
        tasks.spawn(write(auditor.clone(), waiting));
        queue
    };
    let (used, refused) = (queue(WAITING_MAX), queue(REFUSED_WAITING_MAX));
    Arc::new(OnRecord { auditor, queue: used, refused })
}

async fn write(auditor: Arc<Auditor>, mut waiting: mpsc::Receiver<GrantEvent>) {
    while let Some(event) = waiting.recv().await {
        if let Err(error) = auditor.note(Event::of_grant(event.kind.name()), details(&event)).await {
            tracing::warn!(event = event.kind.name(), %error, "an event of a grant is not on record");
        }
        auditor.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

impl GrantLog for OnRecord {
    fn note(&self, event: &GrantEvent) {
        let queue = if event.kind == GrantEventKind::Refused { &self.refused } else { &self.queue };
        let Ok(place) = queue.try_reserve() else {
            tracing::warn!(event = event.kind.name(), "an event of a grant is not on record: too many wait");
            return;
        };
        // Counted before it is there, so that it is never written before it is counted.
        self.auditor.waiting.send_modify(|waiting| *waiting += 1);
        place.send(event.clone());
    }
}

fn details(event: &GrantEvent) -> Json {
    let mut said = vec![("caller", Json::text(&event.caller))];
    if let Some(why) = &event.why {
        said.push(("why", Json::text(why)));
    }
    if event.suppressed > 0 {
        said.push(("suppressed", Json::Whole(event.suppressed)));
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
        ("purpose", grant.purpose.as_deref().map_or(Json::Null, Json::text)),
        ("issued", Json::Whole(grant.issued.as_secs())),
        ("not_before", Json::Whole(grant.not_before.as_secs())),
        ("expires", Json::Whole(grant.expires.as_secs())),
    ]
    .into_iter()
    .filter(|(_, said)| *said != Json::Null)
}
