//! The deadline of one question to one region: the earlier of the region's own and the caller's.
//!
//! It counts from the moment the question is put, so it holds for waiting in line, connecting, headers
//! and body alike. How far an answer had got makes no difference to the fault.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::timeout_at;
use tower::{Layer, Service, ServiceExt};

use super::call::Call;
use super::limit::Limit;
use super::{Fault, fault};
use crate::model::RegionStatus;
use crate::task::Deadline;

/// A region that was given less time than this is not blamed for being late: a caller in a hurry, or a
/// long line, must not close off a region that answers. Half its own deadline where that is shorter.
const FAIR_TIME_MIN: Duration = Duration::from_secs(1);

/// What counts as a fair time for a region with this deadline.
pub(super) fn fair_time(allowed: Duration) -> Duration {
    FAIR_TIME_MIN.min(allowed / 2)
}

/// The outcome of `work`, or `Timeout` at the deadline; work that is late is dropped.
pub(super) async fn within<T>(
    deadline: Deadline,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout_at(deadline.instant(), work).await.unwrap_or_else(|_| Err(fault::timeout()))
}

#[derive(Debug, Clone)]
pub(super) struct DeadlineLayer {
    /// The region's own deadline.
    pub allowed: Duration,
    /// Of the layer below: it is named when the time was spent waiting in line, and told how a question ended.
    pub limit: Arc<Limit>,
}

#[derive(Debug, Clone)]
pub(super) struct ByDeadline<S> {
    inner: S,
    settings: DeadlineLayer,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = ByDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ByDeadline { inner, settings: self.clone() }
    }
}

impl<S, Q> Service<Call<Q>> for ByDeadline<S>
where
    S: Service<Call<Q>, Error = Fault> + Clone + Send + 'static,
    S::Future: Send,
    Q: Send + 'static,
{
    type Response = S::Response;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<S::Response, Fault>>;

    /// Always ready: the wait for the layer below belongs to the call, where the deadline covers it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<Q>) -> Self::Future {
        let deadline = call.deadline.at_most(self.settings.allowed);
        let limit = self.settings.limit.clone();
        let fair = fair_time(self.settings.allowed);
        let mut inner = self.inner.clone();
        async move {
            let in_line = timeout_at(deadline.instant(), inner.ready()).await;
            let time_left = deadline.remaining();
            match in_line {
                Ok(Err(fault)) => return Err(fault),
                // Its turn may come in the very moment in which the time is over.
                Ok(Ok(_)) if !time_left.is_zero() => {}
                _ => return Err(fault::timeout_in_line(limit.now())),
            }
            let outcome = within(deadline, inner.call(Call { deadline, ..call })).await;
            let outcome = outcome.map_err(|fault| Fault {
                is_blameless: fault.is_blameless
                    || (fault.status == RegionStatus::Timeout && time_left < fair),
                ..fault
            });
            limit.note(&outcome);
            outcome
        }
        .boxed()
    }
}
