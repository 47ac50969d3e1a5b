//! The replicas of one region, and how a question is put to them: which one first, whether again, and whether to a
//! second while the first is silent. A region that has one place only is the same with one replica.
//!
//! A question is put a second time only where the first did no work for it, only when that was found out quickly, only
//! within the region's budget, and only once; where there is another replica it goes there. A region in trouble must
//! not be asked more than a well one, so the budget is a share of the questions it answered lately, and a region that
//! says it is overloaded is not asked again at all.
//!
//! Hedging is among replicas alone, since regions hold different spans, and never blind: a second replica is asked once
//! the first is later than all but a twentieth of the answers of that kind, and within a budget of its own. Whoever
//! answers first is heard; the other is dropped at once.

mod health;
mod pace;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until};

use self::health::{AllRest, Ended, Health};
use self::pace::Pace;
use super::budget::{Budget, BudgetSettings};
use super::call::{Answering, Call, Kind, Reply};
use super::deadline::fair_time;
use super::settings::LayerSettings;
use super::{Backend, Fault, RegionInfo, fault};
use crate::model::{Asker, RegionStatus};
use crate::task::Deadline;

/// The share of answers that come before a second replica is asked.
const HEDGE_AFTER: f64 = 0.95;

/// Sooner none is asked: what is over in this time is not worth a second question.
const HEDGE_MIN: Duration = Duration::from_millis(5);

/// The pause before a second attempt at the same place, in milliseconds. Long enough for a restarted listener to be
/// replaced by its neighbour, spread so that callers who failed together do not return together.
const PAUSE_MS: std::ops::Range<u64> = 5..40;

/// Retries that are there at first and each second without any answers: a region that is seldom asked would otherwise
/// never be asked again. At most so many are saved up: half a second of retries of a region asked 1000 times a second.
const RETRIES_FIRST: f64 = 10.0;
const RETRIES_PER_SECOND: f64 = 1.0;
const RETRIES_MOST: f64 = 100.0;

/// The same of hedges, which no one needs as much.
const HEDGES_FIRST: f64 = 1.0;
const HEDGES_PER_SECOND: f64 = 0.1;
const HEDGES_MOST: f64 = 20.0;

/// Times are compared as if this much were added: a replica that takes two milliseconds where others take one is well.
const NOISE: Duration = Duration::from_millis(10);

/// How questions were put, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Put {
    /// Second attempts there may be now.
    pub retries_left: f64,
    /// Questions that were put to a second replica, and how many of these were answered first.
    pub hedged: u64,
    pub hedges_won: u64,
    /// Replicas that were ejected, ever, and those that are out now.
    pub ejections: u64,
    pub out: usize,
}

/// What is known of the replicas, whoever they are asked for.
#[derive(Debug)]
struct Known {
    health: Mutex<Health>,
    pace: Mutex<Pace>,
    retries: Budget,
    hedges: Budget,
    quick: Duration,
    allowed: Duration,
    hedged: AtomicU64,
    hedges_won: AtomicU64,
}

/// The replicas of one region, as they are asked for somebody.
#[derive(Debug, Clone)]
pub(super) struct Replicas {
    backends: Arc<[Arc<dyn Backend>]>,
    known: Arc<Known>,
}

/// How an attempt came out, and who made it.
struct Outcome<A> {
    nth: usize,
    is_hedge: bool,
    reply: Result<A, Fault>,
}

impl Replicas {
    pub(super) fn new(backends: Vec<Arc<dyn Backend>>, layers: &LayerSettings) -> Self {
        let retries = BudgetSettings {
            percent: layers.retry.budget_percent.min(100),
            per_second: RETRIES_PER_SECOND,
            first: RETRIES_FIRST,
            most: RETRIES_MOST,
        };
        let hedges = BudgetSettings {
            percent: if backends.len() > 1 { layers.hedge_percent.min(100) } else { 0 },
            per_second: HEDGES_PER_SECOND,
            first: HEDGES_FIRST,
            most: HEDGES_MOST,
        };
        let known = Known {
            health: Mutex::new(Health::new(backends.len(), layers.breaker.clone(), Instant::now())),
            pace: Mutex::default(),
            retries: Budget::new(retries),
            hedges: Budget::new(hedges),
            quick: layers.retry.quick,
            allowed: layers.deadline,
            hedged: AtomicU64::new(0),
            hedges_won: AtomicU64::new(0),
        };
        Self { backends: backends.into(), known: Arc::new(known) }
    }

    /// The same replicas as they are asked for somebody; nothing where that makes no difference.
    pub(super) fn on_behalf_of(&self, asker: &Arc<Asker>) -> Option<Self> {
        let backends: Option<Vec<_>> = self.backends.iter().map(|one| one.on_behalf_of(asker)).collect();
        Some(Self { backends: backends?.into(), known: self.known.clone() })
    }

    pub(super) fn put_so_far(&self) -> Put {
        let health = self.known.health();
        Put {
            retries_left: self.known.retries.left(),
            hedged: self.known.hedged.load(Ordering::Relaxed),
            hedges_won: self.known.hedges_won.load(Ordering::Relaxed),
            ejections: health.ejections(),
            out: health.out(),
        }
    }

    /// Asks every replica who it is. The region is there where one is.
    pub(super) async fn probe(&self, deadline: Deadline) -> Result<RegionInfo, Fault> {
        let probes = self.backends.iter().map(|backend| backend.probe(deadline));
        let outcomes = join_all(probes).await;
        for (nth, outcome) in outcomes.iter().enumerate() {
            self.known.health().probed(nth, outcome.is_ok());
        }
        let mut first_fault = None;
        for outcome in outcomes {
            match outcome {
                Ok(info) => return Ok(info),
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        Err(first_fault.unwrap_or_else(|| fault::unreachable("it has no address")))
    }

    /// Puts a question, and again where that may help.
    pub(super) async fn ask<Q, A>(
        &self,
        kind: Kind,
        call: Call<Q>,
        put: for<'b> fn(&'b dyn Backend, Call<Q>) -> Answering<'b, A>,
    ) -> Result<A, Fault>
    where
        Q: Clone + Send + 'static,
        A: Reply,
    {
        let (mut attempts, mut hedged) = (1, 0);
        let first = self.known.choose(kind, None).map_err(|all| fault::resting(all.0 - Instant::now()))?;
        let mut last = first.unwrap_or_default();
        let mut began = Instant::now();
        let mut hedge_at = self.known.hedge_after(kind).map(|after| began + after);
        let mut asking = FuturesUnordered::new();
        asking.push(self.attempt(last, false, kind, call.clone(), put));
        loop {
            let outcome = tokio::select! {
                biased;
                Some(outcome) = asking.next() => outcome,
                () = sleep_until(hedge_at.unwrap_or(began)), if hedge_at.is_some() => {
                    hedge_at = None;
                    if let Some(second) = self.known.hedge(kind, last) {
                        (attempts, hedged) = (attempts + 1, hedged + 1);
                        asking.push(self.attempt(second, true, kind, call.clone(), put));
                    }
                    continue;
                }
                else => return Err(fault::timeout()),
            };
            let mut fault = match outcome.reply {
                Ok(mut reply) => {
                    self.known.answered(outcome.is_hedge);
                    if outcome.is_hedge && !asking.is_empty() {
                        self.known.health().overtaken(last, Instant::now());
                    }
                    reply.set_attempts(attempts, hedged);
                    return Ok(reply);
                }
                Err(fault) => fault,
            };
            if !asking.is_empty() && !is_final(&fault) {
                continue;
            }
            (fault.attempts, fault.hedged) = (attempts, hedged);
            let was_quick = began.elapsed() <= self.known.quick;
            if attempts > 1 || !fault.is_retryable || !was_quick || !self.known.retries.withdraw() {
                return Err(fault);
            }
            let Ok(Some(next)) = self.elsewhere(kind, outcome.nth).await else { return Err(fault) };
            (last, began, hedge_at) = (next, Instant::now(), None);
            attempts += 1;
            asking.push(self.attempt(last, false, kind, call.clone(), put));
        }
    }

    /// Where a question that found nobody is put next: at another replica at once, or at the same after a pause.
    async fn elsewhere(&self, kind: Kind, not: usize) -> Result<Option<usize>, AllRest> {
        if self.backends.len() > 1 {
            return self.known.choose(kind, Some(not));
        }
        sleep(Duration::from_millis(rand::random_range(PAUSE_MS))).await;
        self.known.choose(kind, None)
    }

    /// Asks one that was chosen. From here on its end is told, even if nobody ever waits for it.
    fn attempt<'a, Q, A>(
        &'a self,
        nth: usize,
        is_hedge: bool,
        kind: Kind,
        call: Call<Q>,
        put: for<'b> fn(&'b dyn Backend, Call<Q>) -> Answering<'b, A>,
    ) -> impl Future<Output = Outcome<A>> + Send + 'a
    where
        Q: Send + 'static,
        A: Send + 'a,
    {
        let backend = self.backends.get(nth);
        let mut ticket = Ticket {
            known: &self.known,
            nth,
            kind,
            began: Instant::now(),
            had: call.deadline.remaining(),
            is_peer: backend.is_some_and(|backend| backend.is_peer()),
            ended: None,
        };
        async move {
            let reply = match backend {
                Some(backend) => put(&**backend, call).await,
                None => Err(fault::unreachable("it has no address")),
            };
            ticket.judge(&reply);
            Outcome { nth, is_hedge, reply }
        }
    }
}

/// Whether another replica would say the same: it is what the region says, and no trouble of this one.
fn is_final(fault: &Fault) -> bool {
    use RegionStatus as S;
    fault.is_of_the_query || matches!(fault.status, S::Rejected | S::TooLarge | S::Withheld | S::Limited)
}

impl Known {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choose(&self, kind: Kind, not: Option<usize>) -> Result<Option<usize>, AllRest> {
        let mut chance = |below: usize| rand::random_range(0..below.max(1));
        self.health().choose(kind, not, Instant::now(), &mut chance)
    }

    /// How long the first replica may take before a second is asked; never where that is off or nothing is known.
    fn hedge_after(&self, kind: Kind) -> Option<Duration> {
        if self.hedges.left() < 1.0 {
            return None;
        }
        self.pace().quantile(kind, HEDGE_AFTER).map(|after| after.max(HEDGE_MIN))
    }

    /// A second replica, where there is one that is well and the budget allows.
    fn hedge(&self, kind: Kind, not: usize) -> Option<usize> {
        let now = Instant::now();
        let mut chance = |below: usize| rand::random_range(0..below.max(1));
        let mut health = self.health();
        let second = health.second(kind, not, now, &mut chance)?;
        if !self.hedges.withdraw() {
            return None;
        }
        health.begin(second);
        drop(health);
        self.hedged.fetch_add(1, Ordering::Relaxed);
        Some(second)
    }

    fn answered(&self, is_hedge: bool) {
        self.retries.deposit();
        self.hedges.deposit();
        if is_hedge {
            self.hedges_won.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A time, in usual times of its kind.
    fn ratio(&self, kind: Kind, took: Duration) -> f64 {
        let usual = self.pace().quantile(kind, 0.5);
        usual.map_or(1.0, |usual| (took + NOISE).as_secs_f64() / (usual + NOISE).as_secs_f64())
    }
}

/// One attempt under way. It reports when dropped, so that one that nobody waits for any more is told of, too.
struct Ticket<'a> {
    known: &'a Known,
    nth: usize,
    kind: Kind,
    began: Instant,
    had: Duration,
    is_peer: bool,
    ended: Option<Ended>,
}

impl Ticket<'_> {
    fn judge<A>(&mut self, reply: &Result<A, Fault>) {
        use RegionStatus as S;
        let took = self.began.elapsed();
        self.ended = Some(match reply {
            Ok(_) => {
                let ratio = self.known.ratio(self.kind, took);
                self.known.pace().learn(self.kind, took);
                Ended::Answered { ratio }
            }
            // A gateway is fair to its callers itself: what it sheds of one is no rest for others.
            Err(Fault { retry_after: Some(rest), .. }) if !self.is_peer => {
                Ended::Rests { kind: self.kind, until: Instant::now() + *rest }
            }
            Err(fault) if fault.is_blameless => Ended::Neutral,
            Err(fault) => match fault.status {
                S::Timeout => self.late(took),
                S::Unreachable | S::Error | S::CutOff | S::Malformed => Ended::Failed,
                _ => Ended::Neutral,
            },
        });
    }

    /// Whoever had no fair time is not blamed.
    fn late(&self, took: Duration) -> Ended {
        if self.had >= fair_time(self.known.allowed) {
            Ended::Failed
        } else {
            Ended::Left { ratio: self.known.ratio(self.kind, took) }
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let ended = self.ended.take().unwrap_or_else(|| {
            if took >= self.had {
                self.late(took)
            } else {
                let ratio = self.known.ratio(self.kind, took);
                // It would have taken longer, so this is no less than its time.
                if ratio > 1.0 {
                    self.known.pace().learn(self.kind, took);
                }
                Ended::Left { ratio }
            }
        });
        self.known.health().settle(self.nth, ended, Instant::now());
    }
}

#[cfg(test)]
mod tests;
