//! Between the work of an answer and whoever takes its messages: each goes at its own pace.
//!
//! The work never waits for a slow reader, which would make regions seem slow that are not. What is laid out and
//! not taken is bounded, and may be left out: the whole answer comes after it. Knows neither what is asked nor
//! how an answer is written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::federation::query::Answered;
use crate::federation::{Growing, Growth, Questions, Refusal};
use crate::model::search::Inspected;

/// After this long without news, a client is told that it is being worked on: Tempo's own interval.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);

/// Bytes that wait to be taken; what comes beyond is told only in the end.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// Messages on their way, and what ends them.
#[derive(Debug)]
pub(super) struct Desk<E> {
    laid_out: Mutex<LaidOut<E>>,
    news: Notify,
}

#[derive(Debug)]
struct LaidOut<E> {
    messages: VecDeque<Bytes>,
    bytes: usize,
    end: Option<E>,
}

pub(super) enum Next<E> {
    Message(Bytes),
    End(E),
}

impl<E> Default for Desk<E> {
    fn default() -> Self {
        let laid_out = LaidOut { messages: VecDeque::new(), bytes: 0, end: None };
        Self { laid_out: Mutex::new(laid_out), news: Notify::new() }
    }
}

impl<E> Desk<E> {
    fn laid_out(&self) -> MutexGuard<'_, LaidOut<E>> {
        self.laid_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has to take anything before something new.
    fn is_clear(&self) -> bool {
        self.laid_out().messages.is_empty()
    }

    fn has_room(&self) -> bool {
        self.laid_out().bytes < WAITING_BYTES_MAX
    }

    fn lay_out(&self, messages: Vec<Bytes>) {
        let mut laid_out = self.laid_out();
        laid_out.bytes += messages.iter().map(Bytes::len).sum::<usize>();
        laid_out.messages.extend(messages);
        drop(laid_out);
        self.news.notify_one();
    }

    pub fn end(&self, end: E) {
        self.laid_out().end = Some(end);
        self.news.notify_one();
    }

    /// The next message, or the end: what was laid out and not taken by then is part of it.
    pub async fn next(&self) -> Next<E> {
        loop {
            {
                let mut laid_out = self.laid_out();
                if let Some(end) = laid_out.end.take() {
                    return Next::End(end);
                }
                if let Some(message) = laid_out.messages.pop_front() {
                    laid_out.bytes -= message.len();
                    return Next::Message(message);
                }
            }
            self.news.notified().await;
        }
    }
}

/// Follows an answer to its end, and lays out what it tells on the way.
pub(super) async fn follow<A, E>(
    mut growth: Growth<A>,
    desk: &Desk<E>,
    write: impl Fn(Option<&A>, Inspected, Questions) -> Vec<Bytes>,
) -> Answered<A>
where
    A: Unpin + 'static,
{
    let mut inspected = Inspected::default();
    loop {
        match timeout(PROGRESS_AFTER, growth.next()).await {
            Ok(Some(Growing::Grown(grown))) => {
                inspected = grown.inspected;
                if grown.settled.is_some() && desk.has_room() {
                    desk.lay_out(write(grown.settled.as_ref(), inspected, growth.questions()));
                }
            }
            Ok(Some(Growing::Done(answered))) => return *answered,
            Ok(None) => return Err(Refusal::lost()),
            Err(_) if desk.is_clear() => desk.lay_out(write(None, inspected, growth.questions())),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_laid_out_is_taken_in_its_order_and_the_end_ends_all_of_it() {
        let desk = Desk::default();
        desk.lay_out(vec![Bytes::from("one"), Bytes::from("two")]);
        let Next::Message(first) = desk.next().await else { panic!() };
        assert_eq!(first, "one");
        desk.end("the whole");
        assert!(matches!(desk.next().await, Next::End("the whole")), "two is part of it");
    }

    #[tokio::test]
    async fn what_nobody_takes_is_bounded() {
        let desk = Desk::<()>::default();
        while desk.has_room() {
            desk.lay_out(vec![Bytes::from(vec![0; 1 << 20])]);
        }
        assert_eq!(desk.laid_out().bytes, WAITING_BYTES_MAX);
        assert!(matches!(desk.next().await, Next::Message(_)) && desk.has_room());
    }
}
