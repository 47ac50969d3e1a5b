//! How many questions one region is asked at one time, of all kinds together. The number moves between two of its
//! settings, by how the region bears it (`gradient`).
//!
//! Those that find no place wait in a line of bounded length, in their order; the wait is part of their deadline, which
//! stands above. Where the line is full a question is refused at once, and the coverage says so by a cause of its own:
//! a limit of this gateway, and nothing that the region did.

mod gradient;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tower::{Layer, Service};

use self::gradient::Gradient;
use super::call::Kind;
use super::settings::LayerSettings;
use super::{Fault, fault};
use crate::model::RegionStatus;

/// The places of one region.
#[derive(Debug)]
pub(super) struct Limit {
    places: Arc<Semaphore>,
    state: Mutex<State>,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    waiting_max: usize,
    refused: AtomicU64,
}

#[derive(Debug)]
struct State {
    gradient: Gradient,
    /// Places there are, those that are taken among them.
    given: usize,
    /// Of these, such as are to go when whoever has them leaves.
    owed: usize,
}

impl Limit {
    pub(super) fn new(settings: &LayerSettings) -> Arc<Self> {
        let max = settings.concurrent_max.clamp(1, Semaphore::MAX_PERMITS);
        let min = settings.concurrent_min.clamp(1, max);
        Arc::new(Self {
            places: Arc::new(Semaphore::new(max)),
            state: Mutex::new(State { gradient: Gradient::new(min, max), given: max, owed: 0 }),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_max: settings.waiting_max,
            refused: AtomicU64::new(0),
        })
    }

    /// The limit as it stands.
    pub(super) fn now(&self) -> usize {
        self.state().gradient.limit()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Questions that were refused since the line was full.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How a question ended, as its caller sees it.
    pub(super) fn note<T>(&self, outcome: &Result<T, Fault>) {
        let Err(fault) = outcome else { return };
        let is_of_load = matches!(fault.status, RegionStatus::Timeout | RegionStatus::Overloaded);
        if is_of_load && !fault.is_blameless {
            let mut state = self.state();
            state.gradient.failed(Instant::now());
            self.fit(&mut state);
        }
    }

    async fn enter(self: Arc<Self>) -> Result<Place, Fault> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(Place::new(self, permit));
        }
        let in_line = InLine::join(&self)?;
        let permit = self.places.clone().acquire_owned().await;
        drop(in_line);
        // The semaphore is never closed.
        let permit = permit.map_err(|_| fault::line_is_full(self.now(), self.waiting_max))?;
        Ok(Place::new(self, permit))
    }

    fn answered(&self, kind: Kind, began: Instant, in_flight: usize) {
        let now = Instant::now();
        let mut state = self.state();
        state.gradient.answered(kind, now.saturating_duration_since(began), in_flight, now);
        self.fit(&mut state);
    }

    /// Makes the number of places what the limit is: new ones are there at once, old ones go as they are left.
    fn fit(&self, state: &mut State) {
        let wanted = state.gradient.limit();
        let standing = state.given - state.owed;
        if wanted > standing {
            let kept = (wanted - standing).min(state.owed);
            state.owed -= kept;
            let new = wanted - standing - kept;
            state.given += new;
            self.places.add_permits(new);
        } else {
            state.owed += standing - wanted;
            let gone = self.places.forget_permits(state.owed);
            state.owed -= gone;
            state.given -= gone;
        }
    }

    /// Whether a place that is left is to go.
    fn takes_back(&self) -> bool {
        let mut state = self.state();
        let is_owed = state.owed > 0;
        if is_owed {
            state.owed -= 1;
            state.given -= 1;
        }
        is_owed
    }

    /// Each change is whole before anything can fail.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits, counted also when its caller leaves.
struct InLine<'a>(&'a Limit);

impl<'a> InLine<'a> {
    fn join(limit: &'a Limit) -> Result<Self, Fault> {
        let before = limit.waiting.fetch_add(1, Ordering::Relaxed);
        let joined = Self(limit);
        if before >= limit.waiting_max {
            limit.refused.fetch_add(1, Ordering::Relaxed);
            return Err(fault::line_is_full(limit.now(), limit.waiting_max));
        }
        Ok(joined)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place that is taken, until dropped.
#[derive(Debug)]
struct Place {
    limit: Arc<Limit>,
    permit: Option<OwnedSemaphorePermit>,
    /// How many were under way with this one.
    in_flight: usize,
}

impl Place {
    fn new(limit: Arc<Limit>, permit: OwnedSemaphorePermit) -> Self {
        let in_flight = limit.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        Self { limit, permit: Some(permit), in_flight }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limit.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(permit) = self.permit.take()
            && self.limit.takes_back()
        {
            permit.forget();
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct LimitLayer {
    pub limit: Arc<Limit>,
    pub kind: Kind,
}

enum Turn {
    None,
    Waiting(Pin<Box<dyn Future<Output = Result<Place, Fault>> + Send + Sync>>),
    Come(Place),
}

/// Ready when there is a place.
pub(super) struct Limited<S> {
    inner: S,
    layer: LimitLayer,
    turn: Turn,
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limited { inner, layer: self.clone(), turn: Turn::None }
    }
}

/// A clone stands in line for itself.
impl<S: Clone> Clone for Limited<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone(), turn: Turn::None }
    }
}

impl<S, Call> Service<Call> for Limited<S>
where
    S: Service<Call, Error = Fault>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<S::Response, Fault>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            match &mut self.turn {
                Turn::None => self.turn = Turn::Waiting(Box::pin(self.layer.limit.clone().enter())),
                Turn::Waiting(entering) => {
                    let entered = ready!(entering.as_mut().poll(context));
                    self.turn = Turn::None;
                    self.turn = Turn::Come(entered?);
                }
                Turn::Come(_) => return self.inner.poll_ready(context),
            }
        }
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let turn = std::mem::replace(&mut self.turn, Turn::None);
        let asking = self.inner.call(call);
        let kind = self.layer.kind;
        async move {
            let began = Instant::now();
            let outcome = asking.await;
            if let (Turn::Come(place), Ok(_)) = (&turn, &outcome) {
                place.limit.answered(kind, began, place.in_flight);
            }
            drop(turn);
            outcome
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
