//! gRPC's own health service: what `/ready` says, for balancers that ask in gRPC.

use std::sync::LazyLock;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::Status;

use super::Messages;
use crate::api::state::ApiState;
use crate::wire::protobuf::put_varint_field;
use crate::wire::questions::health_of;

/// Who may wait for a change at one time: each keeps a stream open without end.
const WATCHERS_MAX: usize = 256;

static WATCHERS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(WATCHERS_MAX));

/// Whose health can be asked for; the first is everyone's.
const SERVICES: [&str; 2] = ["", "tempopb.StreamingQuerier"];

/// `ServingStatus`.
#[derive(Debug, Clone, Copy)]
enum Health {
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

impl Health {
    fn of(is_stopping: bool) -> Self {
        if is_stopping { Self::NotServing } else { Self::Serving }
    }

    fn message(self) -> Bytes {
        let mut out = Vec::new();
        put_varint_field(&mut out, 1, self as u64);
        out.into()
    }
}

pub(super) fn check(state: &ApiState, question: &[u8]) -> Result<Messages, Box<Status>> {
    if !is_known(question)? {
        return Err(Box::new(Status::not_found("unknown service")));
    }
    let health = Health::of(state.is_stopping());
    Ok(stream::iter([Ok(health.message())]).boxed())
}

/// The health now and at every change. It ends with the last change there is, so that the process can.
pub(super) fn watch(state: &ApiState, question: &[u8]) -> Result<Messages, Box<Status>> {
    let Ok(place) = WATCHERS.try_acquire() else {
        return Err(Box::new(Status::resource_exhausted("too many watch already")));
    };
    // By the protocol, one that is not known yet may be so later. Here none is ever added.
    if !is_known(question)? {
        let unknown = stream::iter([Ok(Health::ServiceUnknown.message())]);
        let stopping = state.watch_stopping();
        return Ok(unknown.chain(stream::once(stopped(stopping, place))).boxed());
    }
    let serving = stream::iter((!state.is_stopping()).then(|| Ok(Health::Serving.message())));
    let stopping = state.watch_stopping();
    let end = stream::once(stopped(stopping, place));
    let last = stream::iter([Ok(Health::NotServing.message())]);
    // What `stopped` says comes after the message.
    let end = end.flat_map(move |status| last.clone().chain(stream::iter([status])));
    Ok(serving.chain(end).boxed())
}

async fn stopped(
    mut stopping: tokio::sync::watch::Receiver<bool>,
    _place: SemaphorePermit<'static>,
) -> Result<Bytes, Status> {
    // An error means that the gateway is gone, which is an end, too.
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    Err(Status::unavailable("the gateway is stopping"))
}

fn is_known(question: &[u8]) -> Result<bool, Box<Status>> {
    let service =
        health_of(question).map_err(|why| Box::new(Status::internal(format!("no question: {why}"))))?;
    Ok(SERVICES.contains(&service.as_str()))
}
