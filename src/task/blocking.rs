//! Long computations, off the threads that serve requests.

use tokio::sync::Semaphore;

/// At most this many long computations run at once; the rest wait. Each holds one core, so more than a
/// few per core would only add waiting of another kind.
const CONCURRENT_MAX: usize = 16;

static PERMITS: Semaphore = Semaphore::const_new(CONCURRENT_MAX);

/// The computation panicked or the runtime is going down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a computation ended without a result")]
pub struct Lost;

/// Runs `work` on the blocking pool. If the caller leaves, work that has begun is finished and its
/// result dropped: a computation over bytes in memory cannot be interrupted.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
    let permit = PERMITS.acquire().await.map_err(|_| Lost)?;
    #[expect(clippy::disallowed_methods, reason = "this is the place that may spawn")]
    let handle = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    handle.await.map_err(|_| Lost)
}

/// Runs a piece of work of which there is never more than one at a time, as the one writer of a log has: it waits for
/// none of the long computations, on which answers would then wait.
pub async fn writing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that may spawn")]
    let handle = tokio::task::spawn_blocking(work);
    handle.await.map_err(|_| Lost)
}
