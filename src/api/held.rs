//! An answer on its way out, and the place it takes until it has left.
//!
//! A handler returns long before a large answer has gone, and what it holds is held until then. So the place
//! among the requests in flight goes along in the body. And since a client that reads no further would keep
//! it for ever, the body is let go of when nobody takes from it: on HTTP/2 a reader that stops is silent only
//! on its own stream, which no limit of the connection sees.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Version;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::task::{Deadline, Group};

/// How long a client may take nothing of an answer, counted from its last piece or, while the answer is
/// still being made, from its deadline.
pub(super) const STALL_MAX: Duration = Duration::from_secs(60);

/// How long an answer may take to leave in all: 50 MB, the usual limit of a trace, over 1 Mbit/s is 400 s.
pub(super) const LEAVE_MAX: Duration = Duration::from_secs(600);

/// The client took nothing for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client took nothing of the answer for too long")]
pub(super) struct Stalled;

/// A body that holds `place` until it has ended, is dropped, or nobody takes from it.
pub(super) struct Held<P> {
    shared: Arc<Shared<P>>,
    made_by: Instant,
    /// None while nobody has to look after it.
    watch: Option<Group>,
}

struct Shared<P>(Mutex<Leaving<P>>);

struct Leaving<P> {
    state: State<P>,
    taken: Instant,
}

enum State<P> {
    Streaming(Body, P),
    Ended,
    LetGo,
}

impl<P: Send + 'static> Held<P> {
    /// An answer on a connection of which other answers leave at the same time: it may be that nobody ever takes from it.
    pub(super) fn new(body: Body, place: P, deadline: Deadline) -> Self {
        let mut held = Self::taken_at_once(body, place, deadline);
        held.look_after();
        held
    }

    /// The same, on a connection that has nothing else to do: its first piece is taken as soon as it is there, so that
    /// an answer of one piece needs nobody to look after it. Most of those that were kept are that.
    pub(super) fn over(version: Version, body: Body, place: P, deadline: Deadline) -> Self {
        if version == Version::HTTP_11 || version == Version::HTTP_10 {
            Self::taken_at_once(body, place, deadline)
        } else {
            Self::new(body, place, deadline)
        }
    }

    fn taken_at_once(body: Body, place: P, deadline: Deadline) -> Self {
        let leaving = Leaving { state: State::Streaming(body, place), taken: Instant::now() };
        let shared = Arc::new(Shared(Mutex::new(leaving)));
        Self { shared, made_by: deadline.instant(), watch: None }
    }

    /// From now on it is let go of when nobody takes from it.
    fn look_after(&mut self) {
        let (shared, made_by) = (&self.shared, self.made_by);
        self.watch.get_or_insert_with(|| {
            let watch = Group::new();
            watch.spawn(shared.clone().watch(made_by));
            watch
        });
    }
}

impl<P> Shared<P> {
    async fn watch(self: Arc<Self>, made_by: Instant) {
        let last = made_by + LEAVE_MAX;
        loop {
            let due = (self.leaving().taken.max(made_by) + STALL_MAX).min(last);
            if Instant::now() >= due {
                break;
            }
            sleep_until(due).await;
        }
        // Taken out first: what a body drops is no one else's to wait for.
        let let_go = std::mem::replace(&mut self.leaving().state, State::LetGo);
        if let State::Streaming(..) = let_go {
            tracing::debug!("an answer was let go of: its client took nothing of it for too long");
        }
    }

    /// A panic while a piece was made ends the connection; what is left is only dropped.
    fn leaving(&self) -> MutexGuard<'_, Leaving<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Drop for Held<P> {
    /// At once, and not only when the watch has noticed.
    fn drop(&mut self) {
        let left = std::mem::replace(&mut self.shared.leaving().state, State::Ended);
        drop(left);
    }
}

impl<P: Send + 'static> HttpBody for Held<P> {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let polled = this.shared.leaving().poll(context);
        if polled.is_pending() || matches!(polled, Poll::Ready(Some(Ok(_)))) && !this.is_end_stream() {
            // There is more to come, and from here on it is not said when it is taken.
            this.look_after();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.shared.leaving().state {
            State::Streaming(body, _) => body.is_end_stream(),
            State::Ended => true,
            State::LetGo => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.shared.leaving().state {
            State::Streaming(body, _) => body.size_hint(),
            State::Ended | State::LetGo => SizeHint::default(),
        }
    }
}

impl<P> Leaving<P> {
    /// The next piece.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let polled = match &mut self.state {
            State::Streaming(body, _) => Pin::new(body).poll_frame(context),
            State::Ended => return Poll::Ready(None),
            State::LetGo => return Poll::Ready(Some(Err(Stalled.into()))),
        };
        match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.taken = Instant::now();
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => self.state = State::Ended,
            Poll::Ready(Some(Err(error))) => {
                self.state = State::Ended;
                return Poll::Ready(Some(Err(error.into())));
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;
    use tokio::time::sleep;

    const ASKED: Duration = Duration::from_secs(25);
    const INSTANT: Duration = Duration::from_millis(1);

    fn endless() -> Body {
        Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"piece"))))
    }

    fn held(places: &Arc<Semaphore>, body: Body) -> Held<tokio::sync::OwnedSemaphorePermit> {
        held_over(Version::HTTP_2, places, body)
    }

    fn held_over(
        version: Version,
        places: &Arc<Semaphore>,
        body: Body,
    ) -> Held<tokio::sync::OwnedSemaphorePermit> {
        let place = places.clone().try_acquire_owned().unwrap();
        Held::over(version, body, place, Deadline::starting_now(ASKED))
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_taken_until_the_answer_has_left() {
        let places = Arc::new(Semaphore::new(1));
        let mut body = held(&places, Body::from("all of it"));
        assert_eq!(body.size_hint().exact(), Some(9));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "all of it");
        assert_eq!(places.available_permits(), 0);
        assert!(body.frame().await.is_none() && body.is_end_stream());
        assert_eq!(places.available_permits(), 1);
        drop(held(&places, endless()));
        assert_eq!(places.available_permits(), 1, "a client that leaves gives it back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_let_go_of() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let places = Arc::new(Semaphore::new(1));
            let mut body = held_over(version, &places, endless());
            sleep(ASKED).await;
            body.frame().await.unwrap().unwrap();
            sleep(STALL_MAX - INSTANT).await;
            assert_eq!(places.available_permits(), 0, "not before its time");
            sleep(INSTANT * 2).await;
            assert_eq!(places.available_permits(), 1, "{version:?}");
            let error = body.frame().await.unwrap().unwrap_err();
            assert!(error.is::<Stalled>(), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_takes_nothing_at_all_of_many_answers_is_let_go_of() {
        let places = Arc::new(Semaphore::new(1));
        let _body = held_over(Version::HTTP_2, &places, Body::from("all of it"));
        sleep(ASKED + STALL_MAX + INSTANT).await;
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_one_piece_that_is_taken_at_once_needs_nobody_to_look_after_it() {
        let places = Arc::new(Semaphore::new(2));
        let mut whole = held_over(Version::HTTP_11, &places, Body::from("all of it"));
        let mut first = held_over(Version::HTTP_11, &places, endless());
        assert!(whole.watch.is_none() && first.watch.is_none());
        whole.frame().await.unwrap().unwrap();
        first.frame().await.unwrap().unwrap();
        assert!(whole.is_end_stream() && whole.watch.is_none());
        assert!(first.watch.is_some(), "there is more to come");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_still_being_made_is_waited_for() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let places = Arc::new(Semaphore::new(1));
            let making = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
            let mut body = held_over(version, &places, making);
            // As a connection does as soon as there is an answer.
            assert!(futures::poll!(body.frame()).is_pending());
            sleep(ASKED + STALL_MAX - INSTANT).await;
            assert_eq!(places.available_permits(), 0);
            sleep(INSTANT * 2).await;
            assert_eq!(places.available_permits(), 1, "{version:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_sips_is_let_go_of_in_the_end() {
        let places = Arc::new(Semaphore::new(1));
        let mut body = held(&places, endless());
        let begun = Instant::now();
        while let Some(Ok(_)) = body.frame().await {
            sleep(STALL_MAX / 2).await;
        }
        assert_eq!(places.available_permits(), 1);
        assert!(begun.elapsed() <= ASKED + LEAVE_MAX + STALL_MAX);
    }
}
