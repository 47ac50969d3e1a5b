//! Searches and questions for tags in a hurry: what is certain after a short wait, and who is still waited for.
//!
//! A row is shown early only as the whole answer will show it: of a trace that every region which may hold some of it
//! was heard about, and that nothing still to come can precede. What an early answer of a search did not wait for goes
//! on, within a bound, and the same question finds it: in the air, or whole for a moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::aloft::Aloft;
use super::by_id::Federation;
use super::fanout::blank;
use super::growing::{Count, Growing, Growth, Standing};
use super::pace::{Of, Paces};
use super::query::{Answered, Question, SearchAsk, TagValuesAsk, TagsAsk};
use super::refusal::Refusal;
use super::waiting::LOOK_AGAIN;
use crate::cache::RecentAnswers;
use crate::model::coverage::{Budget, RegionReport, RegionStatus};
use crate::model::{Answer, Coverage, Mode, SearchAnswer, SearchQuery, TagNames, TagValues};
use crate::redaction::Redacted;
use crate::task::{Deadline, along};
use crate::telemetry::metrics::fast::{FastFamilies, Remainder, Waited};

/// Searches that go on without anyone waiting. Each may hold what a search does.
const LEFT_IN_THE_AIR_MAX: usize = 16;

/// The rows of an answer that is kept for the same question, and the spans shown with them: some hundred kilobytes.
const ROWS_KEPT_MAX: usize = 1_000;
const SPANS_KEPT_MAX: usize = 2_000;

/// Said of a region that is waited for where nothing goes on behind an early answer.
const NOTHING_GOES_ON: &str = "nothing goes on behind this answer: too many searches do already";

/// Who joins a search gets at least this part of the time it came with.
const JOINED_TIME_MIN: u32 = 2;

/// An answer of which parts are certain before the whole.
pub(super) trait Grows: Default + Clone + Send + Sync + Unpin + 'static {
    fn grow(&mut self, more: Self);
    fn of() -> Of;
}

impl Grows for SearchAnswer {
    fn grow(&mut self, more: Self) {
        self.traces.extend(more.traces);
    }

    fn of() -> Of {
        Of::Search
    }
}

impl Grows for TagNames {
    fn grow(&mut self, more: Self) {
        for (scope, names) in more.scopes {
            match self.scopes.iter_mut().find(|(known, _)| *known == scope) {
                Some((_, known)) => known.extend(names),
                None => self.scopes.push((scope, names)),
            }
        }
    }

    fn of() -> Of {
        Of::Tags
    }
}

impl Grows for TagValues {
    fn grow(&mut self, more: Self) {
        self.values.extend(more.values);
    }

    fn of() -> Of {
        Of::Tags
    }
}

/// One answer on its way, for everyone who waits for it.
struct Looking<A> {
    work: Shared<BoxFuture<'static, Arc<Answered<A>>>>,
    /// What is certain so far.
    certain: Arc<Mutex<Redacted<A>>>,
    count: Count,
    begun: Instant,
    deadline: Deadline,
    /// It ends by itself already.
    is_left: AtomicBool,
}

impl<A: Grows> Looking<A> {
    fn of(mut growth: Growth<A>, paces: Paces, deadline: Deadline) -> Arc<Self> {
        let (begun, count) = (Instant::now(), growth.counting());
        let certain = Arc::new(Mutex::new(Redacted::<A>::nothing()));
        let growing = certain.clone();
        let work = async move {
            while let Some(step) = growth.next().await {
                match step {
                    Growing::Grown(grown) => {
                        let take = |certain: &mut A, more: Option<A>| {
                            if let Some(more) = more {
                                certain.grow(more);
                            }
                        };
                        locked(&growing).absorb(grown.settled, take);
                    }
                    Growing::Done(answered) => {
                        if answered.is_ok() {
                            paces.observe(A::of(), begun.elapsed());
                        }
                        return Arc::new(*answered);
                    }
                }
            }
            Arc::new(Err(Refusal::lost()))
        };
        Arc::new(Self {
            work: along::carried(work).boxed().shared(),
            certain,
            count,
            begun,
            deadline,
            is_left: AtomicBool::new(false),
        })
    }
}

type Key = (SearchQuery, String);

type Listed = Mutex<HashMap<Key, Weak<Looking<SearchAnswer>>>>;

/// Searches in the air, and what came of those that went on. Clones are one.
#[derive(Clone)]
pub(super) struct Soon {
    listed: Arc<Listed>,
    kept: RecentAnswers<Key, Redacted<SearchAnswer>>,
    aloft: Aloft,
    /// How often everything was forgotten: what was begun before that is not kept.
    forgotten: Arc<AtomicU64>,
}

impl std::fmt::Debug for Soon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Soon").field("left", &self.aloft.len()).finish_non_exhaustive()
    }
}

impl Default for Soon {
    fn default() -> Self {
        Self {
            listed: Arc::default(),
            kept: RecentAnswers::default(),
            aloft: Aloft::of(LEFT_IN_THE_AIR_MAX),
            forgotten: Arc::default(),
        }
    }
}

impl Soon {
    /// How many go on without anyone waiting.
    pub fn left(&self) -> usize {
        self.aloft.len()
    }

    /// The search that is in the air for this key, or a new one.
    fn join(
        &self,
        key: Key,
        deadline: Deadline,
        begin: impl FnOnce() -> Arc<Looking<SearchAnswer>>,
    ) -> Arc<Looking<SearchAnswer>> {
        let mut listed = locked(&self.listed);
        let known = listed.get(&key).and_then(Weak::upgrade);
        if let Some(looking) = known
            && looking.work.peek().is_none()
            && looking.deadline.remaining() >= deadline.remaining() / JOINED_TIME_MIN
        {
            return looking;
        }
        listed.retain(|_, looking| looking.strong_count() > 0);
        let looking = begin();
        listed.insert(key, Arc::downgrade(&looking));
        looking
    }

    /// What goes on is joined by nobody any more, and not kept.
    pub fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        locked(&self.listed).clear();
        self.kept.forget_all();
    }

    /// Lets a search end by itself, if there is a place for it.
    fn leave(&self, key: Key, looking: &Arc<Looking<SearchAnswer>>, numbers: &FastFamilies) -> bool {
        let (left, kept) = (looking.clone(), self.kept.clone());
        let (forgotten, before) = (self.forgotten.clone(), self.forgotten.load(Ordering::Acquire));
        self.aloft.leave(&looking.is_left, numbers, async move {
            let answered = left.work.clone().await;
            let whole = answered.as_ref().as_ref().ok().and_then(|answer| answer.clone().complete().ok());
            let Some(whole) = whole else { return Remainder::Failed };
            if is_small(&whole.answer().value) && forgotten.load(Ordering::Acquire) == before {
                kept.remember(key, whole);
            }
            Remainder::Landed
        })
    }
}

/// How a question ended for someone in a hurry.
enum Soonest<A> {
    Whole(Answered<A>),
    Early(Answered<A>),
}

impl Federation {
    pub(super) async fn search_soon(self: &Arc<Self>, ask: SearchAsk) -> Answered<SearchAnswer> {
        let key = (ask.query.clone(), self.remembered_as());
        // What peers show may change without a word, and what lies in this process costs nothing to ask again.
        let is_kept = !self.has_peers() && self.regions.iter().any(|region| !region.is_embedded());
        if is_kept && let Some(kept) = self.soon.kept.find(&key) {
            let Answer { value, coverage } = kept.into_answer();
            return Ok(Answer { value, coverage: in_fast_mode(coverage) });
        }
        let deadline = ask.deadline;
        let begin = || {
            let (federation, ask) = (self.clone(), patient(ask));
            let growth =
                Growth::followed(|teller| async move { federation.search_telling(ask, teller).await });
            Looking::of(growth, self.paces.clone(), deadline)
        };
        let looking = if is_kept { self.soon.join(key.clone(), deadline, begin) } else { begin() };
        match self.soonest(&looking).await {
            Soonest::Whole(answered) => answered,
            Soonest::Early(mut answered) => {
                let goes_on = is_kept && self.soon.leave(key, &looking, &self.numbers);
                if let (false, Ok(answer)) = (goes_on, &mut answered) {
                    goes_on_no_more(&mut answer.coverage);
                }
                answered
            }
        }
    }

    pub(super) async fn tag_names_soon(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        let (federation, deadline, ask) = (self.clone(), ask.deadline, patient(ask));
        let growth =
            Growth::followed(|teller| async move { federation.tag_names_telling(ask, teller).await });
        self.tags_soon(growth, deadline).await
    }

    pub(super) async fn tag_values_soon(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        let (federation, deadline, ask) = (self.clone(), ask.deadline, patient(ask));
        let growth =
            Growth::followed(|teller| async move { federation.tag_values_telling(ask, teller).await });
        self.tags_soon(growth, deadline).await
    }

    /// Nothing goes on behind names and values: who completes a line has typed on.
    async fn tags_soon<A: Grows>(&self, growth: Growth<A>, deadline: Deadline) -> Answered<A> {
        match self.soonest(&Looking::of(growth, self.paces.clone(), deadline)).await {
            Soonest::Whole(answered) | Soonest::Early(answered) => answered,
        }
    }

    async fn soonest<A: Grows>(&self, looking: &Looking<A>) -> Soonest<A> {
        let begun = Instant::now();
        let (fast_at, latest) =
            (begun + self.settings.fast, begun + self.settings.fast_max.max(self.settings.fast));
        let mut work = looking.work.clone();
        let (mut at, mut has_waited) = (fast_at, false);
        loop {
            tokio::select! {
                biased;
                answered = &mut work => {
                    if has_waited {
                        self.numbers.waited(Waited::Whole);
                    }
                    return Soonest::Whole(hurried(&answered).map_err(Refusal::from));
                }
                () = sleep_until(at) => {
                    let (now, age) = (Instant::now(), looking.begun.elapsed());
                    let left = latest.saturating_duration_since(now);
                    if let Some(expected) = self.paces.imminent(&A::of(), age, age + left) {
                        (at, has_waited) = (now + expected.saturating_sub(age), true);
                        continue;
                    }
                    if has_waited {
                        self.numbers.waited(Waited::Nothing);
                    }
                    self.numbers.early();
                    return Soonest::Early(self.early_of(looking).map_err(Refusal::from));
                }
            }
        }
    }

    /// What is certain so far, and how each region stands.
    fn early_of<A: Grows>(&self, looking: &Looking<A>) -> Result<Answer<Redacted<A>>, Box<Refusal>> {
        let age = looking.begun.elapsed();
        let left = self.paces.left(&A::of(), age).unwrap_or(LOOK_AGAIN);
        let again = Some(left.min(looking.deadline.remaining()));
        let is_quiet = self.plan.is_by_content();
        let standings = looking.count.standings();
        let regions = self.regions.iter().enumerate().map(|(rank, region)| {
            let pending = || RegionReport { again, ..blank(region, RegionStatus::Pending, age) };
            let mut report = match standings.get(&rank) {
                Some(Standing { open: 0, report: Some(report) }) => report.clone(),
                // Where nothing is known of it, it is not known to have answered.
                _ => pending(),
            };
            if is_quiet {
                (report.bytes, report.spans, report.treated) = (0, 0, 0);
            }
            report
        });
        // Every region may have answered what it was asked, and still the answer does not stand.
        let coverage =
            Coverage { budget: Some(Budget::Time), ..self.covering(Mode::Fast, regions.collect()) };
        match Refusal::of_query_coverage(&coverage) {
            Some(refusal) => Err(Box::new(refusal)),
            None => Ok(Answer { value: locked(&looking.certain).clone(), coverage }),
        }
    }
}

fn is_small(answer: &SearchAnswer) -> bool {
    let spans = answer.traces.iter().flat_map(|row| &row.span_sets).map(|set| set.spans.len());
    answer.traces.len() <= ROWS_KEPT_MAX && spans.sum::<usize>() <= SPANS_KEPT_MAX
}

/// Behind this early answer nothing goes on: there is no better one to come back for.
fn goes_on_no_more(coverage: &mut Coverage) {
    for report in &mut coverage.regions {
        if report.status == RegionStatus::Pending {
            (report.again, report.detail) = (None, Some(NOTHING_GOES_ON.to_owned()));
        }
    }
}

/// The question as it goes on, whoever is in a hurry.
fn patient<Q>(ask: Question<Q>) -> Question<Q> {
    Question { mode: Mode::BestEffort, ..ask }
}

fn in_fast_mode(coverage: Coverage) -> Coverage {
    Coverage { mode: Mode::Fast, ..coverage }
}

/// What everyone who waits for it is told, as it is told to someone in a hurry.
fn hurried<A: Clone>(answered: &Answered<A>) -> Result<Answer<Redacted<A>>, Box<Refusal>> {
    match answered {
        Ok(Answer { value, coverage }) => {
            Ok(Answer { value: value.clone(), coverage: in_fast_mode(coverage.clone()) })
        }
        Err(refusal) => {
            let coverage = refusal.coverage.clone().map(in_fast_mode);
            Err(Box::new(Refusal { coverage, ..refusal.clone() }))
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
