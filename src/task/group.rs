//! Tasks that die with their parent.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::along;

/// A group of tasks. Dropping the last handle cancels all of them; `stop` cancels and waits.
#[derive(Debug, Clone)]
pub struct Group(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

impl Group {
    pub fn new() -> Self {
        Self(Arc::new(Inner { tracker: TaskTracker::new(), cancel: CancellationToken::new() }))
    }

    /// Runs `work` until it ends or the group does. What goes along with the one who begins it goes along with it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = along::carried(work);
        let cancelled = self.0.cancel.clone();
        #[expect(clippy::disallowed_methods, reason = "this is the place that may spawn")]
        let handle = tokio::spawn(self.0.tracker.track_future(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = work => {}
            }
        }));
        drop(handle);
    }

    /// Ends when the group is told to stop.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.cancel.clone().cancelled_owned()
    }

    /// Tells every task to stop and waits for them.
    pub async fn stop(&self) {
        self.0.cancel.cancel();
        self.drained().await;
    }

    /// Waits for every task to end by itself.
    pub async fn drained(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }

    pub fn len(&self) -> usize {
        self.0.tracker.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.tracker.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_task_ends_when_its_group_is_dropped() {
        struct OnDrop(Arc<AtomicBool>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let ended = Arc::new(AtomicBool::new(false));
        let guard = OnDrop(ended.clone());
        let group = Group::new();
        group.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        drop(group);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(ended.load(Ordering::SeqCst));
    }
}
