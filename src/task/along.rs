//! What goes along with the work for one request: one thing, whatever it is, that everything done for it finds without
//! being handed it, in tasks begun for it, too. This room does not know what it is.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use futures::future::Either;

tokio::task_local! {
    static ALONG: Arc<dyn Any + Send + Sync>;
}

/// Does `work` with this going along.
pub fn with<T: Send + Sync + 'static, F: Future>(
    thing: Arc<T>,
    work: F,
) -> impl Future<Output = F::Output> + use<T, F> {
    ALONG.scope(thing, work)
}

/// What goes along, if it is of this kind.
pub fn current<T: Send + Sync + 'static>() -> Option<Arc<T>> {
    ALONG.try_with(Arc::clone).ok()?.downcast().ok()
}

/// Does `work` with what goes along at this moment, whoever does it and wherever.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    match ALONG.try_with(Arc::clone) {
        Ok(thing) => Either::Left(ALONG.scope(thing, work)),
        Err(_) => Either::Right(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Group;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_goes_along_is_found_in_tasks_begun_for_it_and_nowhere_else() {
        assert_eq!(current::<u8>(), None);
        let group = Group::new();
        let (sender, told) = oneshot::channel();
        with(Arc::new(7u8), async {
            assert_eq!(current::<u8>().as_deref(), Some(&7));
            assert_eq!(current::<u16>(), None, "it is of another kind");
            group.spawn(async move { sender.send(current::<u8>().as_deref().copied()).unwrap() });
        })
        .await;
        assert_eq!(told.await.unwrap(), Some(7));
        assert_eq!(current::<u8>(), None);
    }

    #[tokio::test]
    async fn work_keeps_what_went_along_when_it_was_begun() {
        let work =
            with(Arc::new(1u8), async { carried(async { current::<u8>().as_deref().copied() }) }).await;
        // Somebody else goes on with it.
        assert_eq!(with(Arc::new(2u8), work).await, Some(1));
    }
}
