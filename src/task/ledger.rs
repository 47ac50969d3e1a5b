//! The bytes that are held at one time, counted so that they stay below a ceiling.
//!
//! Whoever takes bytes in says so first, and is let in where there is room, or after a short wait for others to let go
//! of theirs; where there is none, it is told so and takes nothing in. An entry leaves the ledger when it is dropped,
//! so that it can go along with the bytes it stands for, however many hands they pass through. Does not know what the
//! bytes are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Option<Arc<Book>>);

#[derive(Debug)]
struct Book {
    max: AtomicU64,
    held: AtomicU64,
    peak: AtomicU64,
    refused: AtomicU64,
    freed: Notify,
}

/// There is no room for so many bytes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("as many bytes are held as may be")]
pub struct Full;

/// How a ledger stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerNumbers {
    pub held: u64,
    pub max: u64,
    /// The most that were held at one time, ever.
    pub peak: u64,
    /// How often there was no room, even after a wait.
    pub refused: u64,
}

/// Bytes that are in the ledger until this is dropped.
#[derive(Debug, Default)]
pub struct Hold {
    book: Option<Arc<Book>>,
    bytes: u64,
}

impl Ledger {
    /// What stands in it is never more than this.
    pub fn new(bytes_max: u64) -> Self {
        Self(Some(Arc::new(Book {
            max: AtomicU64::new(bytes_max),
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            freed: Notify::new(),
        })))
    }

    /// Counts nothing and refuses nothing.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Another ceiling from now on. What is over a lower one stays until it is let go of, and nothing is added.
    pub fn set_max(&self, bytes_max: u64) {
        if let Some(book) = &self.0 {
            book.max.store(bytes_max, Ordering::SeqCst);
            book.freed.notify_waiters();
        }
    }

    pub fn numbers(&self) -> LedgerNumbers {
        let Some(book) = &self.0 else { return LedgerNumbers::default() };
        LedgerNumbers {
            held: book.held.load(Ordering::SeqCst),
            max: book.max.load(Ordering::SeqCst),
            peak: book.peak.load(Ordering::SeqCst),
            refused: book.refused.load(Ordering::SeqCst),
        }
    }

    /// Takes so many bytes in if there is room now.
    pub fn try_hold(&self, bytes: u64) -> Result<Hold, Full> {
        let Some(book) = &self.0 else { return Ok(Hold::default()) };
        if book.take(bytes) {
            Ok(Hold { book: Some(book.clone()), bytes })
        } else {
            book.refused.fetch_add(1, Ordering::Relaxed);
            Err(Full)
        }
    }

    /// The same, waiting so long for room.
    pub async fn hold(&self, bytes: u64, patience: Duration) -> Result<Hold, Full> {
        let Some(book) = &self.0 else { return Ok(Hold::default()) };
        book.take_within(bytes, patience).await?;
        Ok(Hold { book: Some(book.clone()), bytes })
    }
}

impl Book {
    fn take(&self, bytes: u64) -> bool {
        let max = self.max.load(Ordering::SeqCst);
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= max);
        let taken = self.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        if let Ok(before) = taken {
            self.peak.fetch_max(before + bytes, Ordering::SeqCst);
        }
        taken.is_ok()
    }

    async fn take_within(&self, bytes: u64, patience: Duration) -> Result<(), Full> {
        let until = Instant::now() + patience;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Whoever lets go between the look and the wait is heard.
            freed.as_mut().enable();
            if self.take(bytes) {
                return Ok(());
            }
            // What is larger than everything never fits.
            let never = bytes > self.max.load(Ordering::SeqCst);
            if never || timeout_at(until, freed).await.is_err() {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(Full);
            }
        }
    }

    fn let_go(&self, bytes: u64) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Ordering::SeqCst);
            self.freed.notify_waiters();
        }
    }
}

impl Hold {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it stands in a ledger that counts.
    pub fn is_counted(&self) -> bool {
        self.book.is_some()
    }

    /// How much it must grow to stand for so many bytes.
    pub fn missing_for(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.bytes)
    }

    /// Stands for so many more, where there is room within the time.
    pub async fn grow(&mut self, more: u64, patience: Duration) -> Result<(), Full> {
        let Some(book) = &self.book else { return Ok(()) };
        if more > 0 {
            book.take_within(more, patience).await?;
            self.bytes += more;
        }
        Ok(())
    }

    /// Stands for so many at most.
    pub fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        if let Some(book) = &self.book {
            self.bytes -= less;
            book.let_go(less);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(book) = &self.book {
            book.let_go(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Group;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_waits_for_what_is_let_go_of() {
        let ledger = Ledger::new(100);
        let first = ledger.try_hold(80).unwrap();
        assert_eq!(ledger.try_hold(30).unwrap_err(), Full);
        let group = Group::new();
        group.spawn(async move {
            sleep(SECOND / 2).await;
            drop(first);
        });
        let began = Instant::now();
        let second = ledger.hold(30, SECOND).await.unwrap();
        assert_eq!(began.elapsed(), SECOND / 2);
        assert_eq!(ledger.numbers(), LedgerNumbers { held: 30, max: 100, peak: 80, refused: 1 });
        drop(second);
        assert_eq!(ledger.numbers().held, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn no_one_waits_longer_than_they_said_nor_at_all_for_what_never_fits() {
        let ledger = Ledger::new(100);
        let _all = ledger.try_hold(100).unwrap();
        let began = Instant::now();
        assert_eq!(ledger.hold(1, SECOND).await.unwrap_err(), Full);
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(ledger.hold(101, SECOND).await.unwrap_err(), Full);
        assert_eq!(began.elapsed(), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_never_hold_more_than_the_ceiling() {
        let ledger = Ledger::new(1000);
        let group = Group::new();
        for nth in 0..200u64 {
            let ledger = ledger.clone();
            group.spawn(async move {
                let Ok(mut hold) = ledger.hold(nth % 90, SECOND).await else { return };
                sleep(Duration::from_millis(nth % 7)).await;
                let _ = hold.grow(nth % 50, SECOND).await;
                sleep(Duration::from_millis(nth % 5)).await;
                hold.shrink_to(nth % 10);
                sleep(Duration::from_millis(nth % 3)).await;
            });
        }
        group.drained().await;
        let numbers = ledger.numbers();
        assert_eq!(numbers.held, 0);
        assert!(numbers.peak <= 1000 && numbers.peak > 900, "{numbers:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lower_ceiling_takes_nothing_away_and_lets_nothing_in() {
        let ledger = Ledger::new(100);
        let held = ledger.try_hold(90).unwrap();
        ledger.set_max(50);
        assert_eq!(ledger.try_hold(1).unwrap_err(), Full);
        drop(held);
        assert!(ledger.try_hold(50).is_ok());
    }

    #[test]
    fn without_a_ceiling_nothing_is_counted() {
        let ledger = Ledger::unlimited();
        let hold = ledger.try_hold(u64::MAX).unwrap();
        assert!(!hold.is_counted());
        assert_eq!(ledger.numbers(), LedgerNumbers::default());
    }
}
