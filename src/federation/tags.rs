//! Names of attributes and the values they have, as far as the caller may see them.
//!
//! What each region tells of its own spans adds up where what is asked can be told span by span, and where something
//! is withheld, if the words that it tells can be treated one by one (`redaction/told`). Where that is not so, and
//! where all regions are embedded, whole traces are looked at.

use std::sync::Arc;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::assembled::Decision;
use super::behalf::{whole_names, whole_values};
use super::by_id::Federation;
use super::candidates::{self, EVERY_TRACE};
use super::fanout::failed;
use super::growing::Teller;
use super::listing::Wanted;
use super::origin::{self, Origin};
use super::query::{Answered, Question, TagValuesAsk, TagsAsk, Way, answered};
use super::refusal::Refusal;
use super::told::{self, Sum};
use crate::backend::{Answering, Call, Fault, Region, RegionAnswer};
use crate::evaluate::gather::{Gather, TagNamesGather, TagValuesGather};
use crate::model::search::{Inspected, SearchAsked};
use crate::model::tags::{TagLimits, TagValue, TagValueKind, TagsForm};
use crate::model::{Answer, Mode, SearchAnswer, SearchQuery, TagNames, TagValues, TagValuesQuery, TagsQuery};
use crate::redaction::{self, Marks, Permitted, Raw, Redacted, RegionRules, rows};
use crate::traceql;

/// Whom to tell what is certain as regions answer, and what of an answer is.
struct Telling<'a, A> {
    teller: &'a mut Teller<A>,
    /// Where something is withheld, only the end says whether what was told so is the answer.
    is_silent: bool,
    hear: &'a mut (dyn FnMut(&A) -> Heard<A> + Send),
}

/// What may be seen of what a region tells; nothing where only its traces say.
type See<'s, A> = &'s (dyn Fn(&Region, Raw<A>) -> Option<Redacted<A>> + Sync);

/// How a region is asked.
type Put<Q, A> = for<'r> fn(&'r Region, Call<Q>) -> Answering<'r, RegionAnswer<A>>;

/// A region counts before anything is treated: what is then taken away would leave room in the answer, or none of it,
/// and show how much there is. So what a caller limits is counted here, of what they may see.
fn lift(limits: &mut TagLimits) {
    *limits = TagLimits { bytes_max: limits.bytes_max, ..TagLimits::default() };
}

/// What became certain, and what was inspected so far.
type Heard<A> = (Option<A>, Inspected);

impl<A: Clone> Telling<'_, A> {
    async fn tell(&mut self, one: &Redacted<A>) {
        if self.is_silent || !self.teller.tells_parts() {
            return;
        }
        let heard = one.clone().map(|one| (self.hear)(&one));
        let inspected = heard.1;
        if heard.0.is_some() {
            self.teller.tell(heard.map(|(settled, _)| settled), inspected).await;
        }
    }
}

impl Federation {
    pub async fn tag_names(self: &Arc<Self>, ask: TagsAsk) -> Answered<TagNames> {
        match ask.mode {
            Mode::Fast => self.tag_names_soon(ask).await,
            Mode::Strict | Mode::BestEffort => self.tag_names_telling(ask, Teller::silent()).await,
        }
    }

    pub(super) async fn tag_names_telling(
        self: &Arc<Self>,
        ask: TagsAsk,
        teller: Teller<TagNames>,
    ) -> Answered<TagNames> {
        let whole = whole_names(&ask.query);
        let answered = self.on_errand(Some(whole), true).names_of_tags(ask, teller).await;
        Self::withheld_by_all(&answered).map_or(answered, Err)
    }

    async fn names_of_tags(
        self: &Arc<Self>,
        ask: TagsAsk,
        mut teller: Teller<TagNames>,
    ) -> Answered<TagNames> {
        let gather = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        let (origin, query) = (Origin::of_names(&ask.query), ask.query.clone());
        let ask = self.permit(ask)?;
        // Where it is not shown on traces either, it is not listed; who knows of it can still ask for it.
        let is_listed = self.settings.additions.region;
        let with_origin = |mut names: TagNames| {
            if is_listed {
                origin::add_name(&mut names, &query);
            }
            names
        };
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                let answer = self.ask_alone(&region, ask, |region, call| region.tag_names(call).boxed());
                let Answer { value, coverage } = answer.await?;
                Ok(Answer { value: value.map(with_origin), coverage })
            }
            Way::Assembled
                if !origin.is_named()
                    && told::names(&query) == Sum::AddsUp
                    && self.are_names_told(&ask.query) =>
            {
                match self.names_told(&ask, &mut teller).await? {
                    Some(all) => {
                        let value = all.value.map(|all| {
                            with_origin(gather.of_told(all.into_iter().map(told::without_mark).collect()))
                        });
                        Ok(Answer { value, coverage: all.coverage })
                    }
                    None => self.names_of_traces(gather, &ask, (origin, is_listed), teller).await,
                }
            }
            Way::Assembled => self.names_of_traces(gather, &ask, (origin, is_listed), teller).await,
        }
    }

    /// What every region tells of names.
    async fn names_told(
        self: &Arc<Self>,
        ask: &Question<Permitted<TagsQuery>>,
        teller: &mut Teller<TagNames>,
    ) -> Result<Option<Answer<Redacted<Vec<TagNames>>>>, Refusal> {
        let mut early = TagNamesGather::of(&ask.query).map_err(Refusal::tags)?;
        let mut inspected = Inspected::default();
        let mut hear = |told: &TagNames| {
            inspected.add(told.inspected);
            (early.hear(&told::without_mark(told.clone())), inspected)
        };
        let mut telling = Telling { teller, is_silent: self.withholds(), hear: &mut hear };
        let see = |region: &Region, raw| redaction::told::names(raw, self.rules(region));
        let put: Put<TagsQuery, TagNames> = match self.withholds() {
            true => |region, mut call| {
                lift(&mut call.query.limits);
                region.tag_names(call).boxed()
            },
            false => |region, call| region.tag_names(call).boxed(),
        };
        self.ask_all_of_tags(ask.clone(), put, &see, &mut telling).await
    }

    /// Where the region's is on every resource, it is a name like others.
    async fn names_of_traces(
        self: &Arc<Self>,
        gather: TagNamesGather,
        ask: &Question<Permitted<TagsQuery>>,
        (origin, is_listed): (Origin, bool),
        teller: Teller<TagNames>,
    ) -> Answered<TagNames> {
        let wanted = self.traces_left_by(ask.query.query.as_deref(), ask.query.form, &gather);
        let marks = if is_listed { Marks::Origin } else { origin.marks() };
        let decision = Decision::over(wanted, gather.without(told::MARK), ask, marks);
        let answer = self.decide(decision, teller).await?;
        Ok(Answer { value: answer.value.map(told::without_mark), coverage: answer.coverage })
    }

    pub async fn tag_values(self: &Arc<Self>, ask: TagValuesAsk) -> Answered<TagValues> {
        match ask.mode {
            Mode::Fast => self.tag_values_soon(ask).await,
            Mode::Strict | Mode::BestEffort => self.tag_values_telling(ask, Teller::silent()).await,
        }
    }

    pub(super) async fn tag_values_telling(
        self: &Arc<Self>,
        ask: TagValuesAsk,
        teller: Teller<TagValues>,
    ) -> Answered<TagValues> {
        let whole = whole_values(&ask.query);
        self.on_errand(Some(whole), true).values_of_tag(ask, teller).await
    }

    async fn values_of_tag(
        self: &Arc<Self>,
        ask: TagValuesAsk,
        mut teller: Teller<TagValues>,
    ) -> Answered<TagValues> {
        let gather = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        let (origin, sum) = (Origin::of_values(&ask.query), told::values(&ask.query));
        let ask = self.permit_some(ask);
        if ask.query.is_denied_everywhere() {
            return self.no_values(&ask).map_err(|refusal| *refusal);
        }
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.tag_values(call).boxed()).await
            }
            Way::Assembled
                if !origin.is_named() && sum != Sum::OfTraces && self.are_values_told(&ask.query) =>
            {
                let alone: fn(TagValues) -> TagValues =
                    if sum == Sum::AddsUp { |values| values } else { told::without_empty };
                match self.values_told(&ask, alone, &mut teller).await? {
                    Some(all) => {
                        let told = |all: Vec<TagValues>| gather.of_told(all.into_iter().map(alone).collect());
                        Ok(Answer { value: all.value.map(told), coverage: all.coverage })
                    }
                    None => self.values_of_traces(gather, &ask, origin, teller).await,
                }
            }
            Way::Assembled if Origin::is_all_of(&ask.query) && self.is_far() => {
                self.regions_with_traces(gather, ask).await
            }
            Way::Assembled => self.values_of_traces(gather, &ask, origin, teller).await,
        }
    }

    /// What every region tells of values.
    async fn values_told(
        self: &Arc<Self>,
        ask: &Question<Permitted<TagValuesQuery>>,
        alone: fn(TagValues) -> TagValues,
        teller: &mut Teller<TagValues>,
    ) -> Result<Option<Answer<Redacted<Vec<TagValues>>>>, Refusal> {
        let mut early = TagValuesGather::of(&ask.query).map_err(Refusal::tags)?;
        let mut inspected = Inspected::default();
        let mut hear = |told: &TagValues| {
            inspected.add(told.inspected);
            (early.hear(alone(told.clone())), inspected)
        };
        let mut telling = Telling { teller, is_silent: self.withholds(), hear: &mut hear };
        let name = traceql::identifier(&ask.query.name).ok().map(|attribute| attribute.name);
        let see = |region: &Region, raw| match &name {
            Some(name) => redaction::told::values(raw, name, self.rules(region)),
            None => rows::pass(raw, self.plan.region(region.name())),
        };
        let put: Put<TagValuesQuery, TagValues> = match self.withholds() {
            true => |region, mut call| {
                lift(&mut call.query.limits);
                region.tag_values(call).boxed()
            },
            false => |region, call| region.tag_values(call).boxed(),
        };
        self.ask_all_of_tags(ask.clone(), put, &see, &mut telling).await
    }

    async fn values_of_traces(
        self: &Arc<Self>,
        gather: TagValuesGather,
        ask: &Question<Permitted<TagValuesQuery>>,
        origin: Origin,
        teller: Teller<TagValues>,
    ) -> Answered<TagValues> {
        let filter = ask.query.query.as_deref().filter(|_| !told::says_values(&ask.query));
        let wanted = self.traces_left_by(filter, ask.query.form, &gather);
        self.decide(Decision::over(wanted, gather, ask, origin.marks()), teller).await
    }

    /// Who completes a line is not told that they may not: there is nothing to complete it with, and the report says
    /// why.
    fn no_values(
        &self,
        ask: &Question<Permitted<TagValuesQuery>>,
    ) -> Result<Answer<Redacted<TagValues>>, Box<Refusal>> {
        let coverage = self.covering(ask.mode, self.unasked(ask.query.denied()));
        match Refusal::of_query_coverage(&coverage) {
            Some(refusal) => Err(Box::new(refusal)),
            None => Ok(Answer { value: Redacted::nothing(), coverage }),
        }
    }

    /// Which regions there are, without a look at every trace: those that list any.
    async fn regions_with_traces(
        &self,
        gather: TagValuesGather,
        ask: Question<Permitted<TagValuesQuery>>,
    ) -> Answered<TagValues> {
        let asked = SearchAsked::Query(EVERY_TRACE.to_owned());
        let query = SearchQuery { asked, limit: 1, spans_per_set: 1, window: ask.query.window, page: None };
        let ask = self.permit_some(Question { query, mode: ask.mode, deadline: ask.deadline });
        let (mut nobody, mut hear) = (Teller::silent(), |_: &SearchAnswer| (None, Inspected::default()));
        let mut telling = Telling { teller: &mut nobody, is_silent: true, hear: &mut hear };
        let see = |_: &Region, raw| Some(rows::existence(raw));
        let told =
            self.ask_all_of_tags(ask, |region, call| region.search(call).boxed(), &see, &mut telling).await?;
        let told = told.ok_or_else(Refusal::lost)?;
        let answered = told.coverage.regions.iter().filter(|report| report.status.has_answered());
        let names: Vec<String> = answered.map(|report| report.region.to_string()).collect();
        let value = told.value.map(|told| {
            let of = |(name, found): (String, SearchAnswer)| TagValues {
                values: found
                    .traces
                    .first()
                    .map(|_| TagValue { kind: TagValueKind::Text, value: name })
                    .into_iter()
                    .collect(),
                inspected: found.inspected,
            };
            gather.of_told(names.into_iter().zip(told).map(of).collect())
        });
        Ok(Answer { value, coverage: told.coverage })
    }

    /// Whether some region is far away. Then it is asked what it tells of its own spans, rather than for all of them.
    fn is_far(&self) -> bool {
        self.regions.iter().any(|region| !region.is_embedded())
    }

    fn are_names_told(&self, query: &Permitted<TagsQuery>) -> bool {
        let sights = self.sights();
        // The older form tells what no attribute is among the others.
        self.is_far()
            && (query.form == TagsForm::V2 || !self.withholds())
            && self
                .asked(query)
                .all(|rank| sights.is_filtered_alike(rank, query.query.as_deref(), query.form))
    }

    fn are_values_told(&self, query: &Permitted<TagValuesQuery>) -> bool {
        let Ok(name) = traceql::identifier(&query.name) else { return self.is_far() && !self.withholds() };
        let sights = self.sights();
        self.is_far()
            && (query.form == TagsForm::V2 || !self.withholds())
            && self.asked(query).all(|rank| {
                sights.is_filtered_alike(rank, query.query.as_deref(), query.form)
                    && sights.are_values_told(rank, &name.name)
            })
    }

    /// Ranks of the regions that may be asked.
    fn asked<Q>(&self, query: &Permitted<Q>) -> impl Iterator<Item = usize> {
        (0..self.regions.len()).filter(|rank| !query.is_denied(*rank))
    }

    /// What becomes of what a region says.
    pub(super) fn rules<'r>(&'r self, region: &'r Region) -> RegionRules<'r> {
        let (region, plan) = (region.name(), self.plan.region(region.name()));
        RegionRules { region, plan, redactor: &self.redactor, marks: Marks::None }
    }

    /// Every trace of regions that can hold a span the filter leaves.
    fn traces_left_by(&self, filter: Option<&str>, form: TagsForm, gather: &impl Gather) -> Wanted {
        let mut wanted = candidates::everything(&self.planner(), gather.reach(), gather.order(), None);
        let can_hold = told::can_hold(filter, form, self.regions.iter().map(|region| region.name()));
        for asked in &mut wanted.queries {
            for (asked, _) in asked.iter_mut().zip(&can_hold).filter(|(_, can_hold)| !**can_hold) {
                *asked = None;
            }
        }
        wanted
    }

    /// What every region tells, by rank; nothing where one tells what only its traces can say.
    async fn ask_all_of_tags<Q: Clone, A: Clone>(
        &self,
        ask: Question<Permitted<Q>>,
        put: Put<Q, A>,
        see: See<'_, A>,
        telling: &mut Telling<'_, A>,
    ) -> Result<Option<Answer<Redacted<Vec<A>>>>, Refusal> {
        let begun = Instant::now();
        let deadline = ask.deadline.less(self.settings.reserve);
        let count = telling.teller.count();
        count.begin(&self.unasked(ask.query.denied()));
        let mut asked: FuturesUnordered<_> = self
            .regions
            .iter()
            .enumerate()
            .filter(|(rank, _)| !ask.query.is_denied(*rank))
            .map(|(rank, region)| {
                let call = Call { query: (*ask.query).clone(), deadline };
                let open = count.put(rank);
                async move {
                    let outcome = put(region, call).await;
                    (rank, region, (outcome, open), begun.elapsed())
                }
            })
            .collect();
        let unasked = self.unasked(ask.query.denied()).into_iter().enumerate();
        let unasked = unasked.filter(|(rank, _)| ask.query.is_denied(*rank));
        let (mut reports, mut told) = (unasked.collect::<Vec<_>>(), Vec::new());
        while let Some((rank, region, (outcome, open), took)) = asked.next().await {
            let report = match outcome {
                Ok(reply) => {
                    let report = answered(region, &reply, took);
                    let Some(one) = see(region, reply.answer) else { return Ok(None) };
                    telling.tell(&one).await;
                    told.push((rank, one));
                    report
                }
                Err(Fault { is_of_the_query: true, detail, .. }) if region.is_embedded() => {
                    return Err(Refusal::query_failed(detail));
                }
                Err(fault) => failed(region, fault, took),
            };
            count.landed(rank, &report);
            // Not before it is known what became of it.
            drop(open);
            reports.push((rank, report));
        }
        reports.sort_by_key(|(rank, _)| *rank);
        told.sort_by_key(|(rank, _)| *rank);
        let coverage = self.covering(ask.mode, reports.into_iter().map(|(_, report)| report).collect());
        match Refusal::of_query_coverage(&coverage) {
            Some(refusal) => Err(refusal),
            None => {
                let value = Redacted::join(told.into_iter().map(|(_, one)| one).collect());
                Ok(Some(Answer { value, coverage }))
            }
        }
    }
}
