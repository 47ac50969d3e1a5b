//! The circuit of one region: whether it is asked at all.
//!
//! While it is open nobody waits for the region: a question is refused at once with the reason. Only a
//! probe, which no one waits for, finds out whether the region is back; then one real question goes
//! through as a trial. `circuit` holds the states; here they are shared, and made into a layer.

mod circuit;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

pub use self::circuit::CircuitState;
pub(super) use self::circuit::PAUSE_MIN;
use self::circuit::{Circuit, Verdict, verdict};
use super::Fault;
use super::settings::BreakerSettings;

/// The circuit of a region, shared by everyone who asks it and by its probes.
#[derive(Debug)]
pub(super) struct Breaker {
    circuit: Mutex<Circuit>,
    opened: Notify,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self { circuit: Mutex::new(Circuit::new(settings)), opened: Notify::new() })
    }

    pub(super) fn state(&self) -> CircuitState {
        self.circuit().shown()
    }

    /// Ends when the circuit has opened since the last call; for the one task that probes.
    pub(super) async fn has_opened(&self) {
        self.opened.notified().await;
    }

    pub(super) fn settle_probe<T>(&self, outcome: &Result<T, Fault>) {
        self.circuit().settle_probe(verdict(outcome), Instant::now());
    }

    fn admit(self: &Arc<Self>) -> Result<Ticket, Fault> {
        let generation = self.circuit().admit(Instant::now())?;
        Ok(Ticket { breaker: self.clone(), generation, verdict: Verdict::Neutral })
    }

    fn settle(&self, generation: u64, verdict: Verdict) {
        let mut circuit = self.circuit();
        circuit.settle(generation, verdict, Instant::now());
        if circuit.has_opened_since(generation) {
            self.opened.notify_one();
        }
    }

    /// A panic elsewhere leaves the state whole: each change is one assignment.
    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One question that was let through. It reports when dropped, so a question whose caller left is
/// settled too: as one that says nothing.
#[derive(Debug)]
struct Ticket {
    breaker: Arc<Breaker>,
    generation: u64,
    verdict: Verdict,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.breaker.settle(self.generation, self.verdict);
    }
}

#[derive(Debug, Clone)]
pub(super) struct BreakerLayer(pub(super) Arc<Breaker>);

#[derive(Debug, Clone)]
pub(super) struct Guard<S> {
    inner: S,
    breaker: Arc<Breaker>,
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard { inner, breaker: self.0.clone() }
    }
}

impl<S, Call> Service<Call> for Guard<S>
where
    S: Service<Call, Error = Fault> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    Call: Send + 'static,
{
    type Response = S::Response;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<S::Response, Fault>>;

    /// Always ready: an open circuit refuses at once, however busy the layers below are.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (breaker, inner) = (self.breaker.clone(), self.inner.clone());
        async move {
            let mut ticket = breaker.admit()?;
            let outcome = inner.oneshot(call).await;
            ticket.verdict = verdict(&outcome);
            outcome
        }
        .boxed()
    }
}
