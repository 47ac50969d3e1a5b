//! A metrics query: series over time, counted over whole traces.

use std::sync::Arc;

use futures::FutureExt;
use tokio::time::Instant;

use super::assembled::Decision;
use super::behalf::whole_metrics;
use super::by_id::Federation;
use super::candidates;
use super::constant;
use super::fanout::failed;
use super::growing::Teller;
use super::origin::Origin;
use super::query::{Answered, MetricsAsk, Question, Way, answered};
use super::refusal::{Refusal, Why};
use crate::backend::{Call, Region};
use crate::evaluate::gather::{Gather, MetricsGather};
use crate::model::{Answer, MetricsAnswer, MetricsQuery};
use crate::redaction::{Permitted, Redacted, told};
use crate::traceql;
use crate::traceql::ast::Query;

impl Federation {
    pub async fn metrics(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let whole = whole_metrics(&ask.query);
        let answered = self.on_errand(Some(whole), true).series(ask).await;
        Self::withheld_by_all(&answered).map_or(answered, Err)
    }

    async fn series(self: &Arc<Self>, ask: MetricsAsk) -> Answered<MetricsAnswer> {
        let gather = MetricsGather::of(&ask.query).map_err(Refusal::query)?;
        let origin = Origin::of_metrics(&ask.query);
        let ask = self.permit(ask)?;
        match origin.way(self.way()?) {
            Way::Alone(region) => {
                self.ask_alone(&region, ask, |region, call| region.metrics(call).boxed()).await
            }
            Way::Assembled => {
                self.refuse_metrics_of_several(&ask.query)?;
                if let Some(answer) = self.counted_by_the_one(&ask, origin).await? {
                    return Ok(answer);
                }
                let wanted = candidates::of_metrics(&ask.query.query, &self.planner(), gather.reach());
                let decision = Decision::over_all(wanted, gather, &ask, origin.marks());
                let Answer { value, mut coverage } = self.decide(decision, Teller::silent()).await?;
                if let Some(refusal) = self.refuse_comparison(&ask.query, &coverage) {
                    return Err(refusal);
                }
                let sights = self.sights();
                let value = value.map(|value| sights.shown_of_comparison(&ask.query, value));
                // What is left out is said, and not only left out.
                for (rank, report) in coverage.regions.iter_mut().enumerate() {
                    let left_out = || sights.left_out_of_comparison(rank, &ask.query);
                    report.detail = report.detail.take().or_else(left_out);
                }
                Ok(Answer { value, coverage })
            }
        }
    }

    /// What the one region that is far away counted itself, where that is what would be counted of what may be seen:
    /// every test comes out alike, and whatever names a series is shown as it is stored.
    async fn counted_by_the_one(
        &self,
        ask: &Question<Permitted<MetricsQuery>>,
        origin: Origin,
    ) -> Result<Option<Answer<Redacted<MetricsAnswer>>>, Refusal> {
        let [region] = &*self.regions else { return Ok(None) };
        if region.is_embedded() {
            return Ok(None);
        }
        let text = &ask.query.query;
        let folded = if origin.is_named() { constant::fold(text, region.name()) } else { None };
        let query = folded.as_ref().map(|folded| folded.query.clone());
        let query = query.or_else(|| traceql::compile(text).ok().filter(|_| !origin.is_named()));
        let max_series = ask.query.max_series;
        let is_alike =
            |query: &Query| !self.withholds() || self.sights().is_counted_alike(0, query, max_series);
        let Some(query) = query.filter(is_alike) else { return Ok(None) };
        let begun = Instant::now();
        let query = MetricsQuery { query: query.to_string(), ..(*ask.query).clone() };
        let call = Call { query, deadline: ask.deadline.less(self.settings.reserve) };
        let report = match region.metrics(call).await {
            Ok(reply) => {
                let report = answered(region, &reply, begun.elapsed());
                let Some(value) = told::series(reply.answer, self.rules(region)) else { return Ok(None) };
                let value = value.map(|value| match &folded {
                    Some(folded) => folded.unfold(value),
                    None => value,
                });
                let coverage = self.covering(ask.mode, vec![report]);
                let refusal = Refusal::of_query_coverage(&coverage);
                return refusal.map_or(Ok(Some(Answer { value, coverage })), Err);
            }
            Err(fault) if fault.is_of_the_query => return Err(Refusal::query_failed(fault)),
            Err(fault) => failed(region, fault, begun.elapsed()),
        };
        let coverage = self.covering(ask.mode, vec![report]);
        Err(Refusal::of_query_coverage(&coverage).unwrap_or_else(Refusal::lost))
    }

    /// Numbers of several regions are not yet added up, and to fetch every trace that counts from several places
    /// far away is no way to count. Of a single one it is the only honest way where its own numbers are not those
    /// of what may be seen, and the budgets bound it.
    fn refuse_metrics_of_several(&self, query: &Permitted<MetricsQuery>) -> Result<(), Box<Refusal>> {
        let asked = self.regions.iter().enumerate().filter(|(rank, _)| !query.is_denied(*rank));
        let asked: Vec<&Region> = asked.map(|(_, region)| &**region).collect();
        // What a peer sends was decided on there: as many traces as its budgets allow.
        let far = asked.iter().filter(|region| !region.is_embedded() && !region.is_peer());
        let far: Vec<&str> = far.map(|region| region.name().as_str()).collect();
        if asked.len() < 2 || far.is_empty() {
            return Ok(());
        }
        Err(Box::new(Refusal { why: Why::Unsupported, line: no_metrics_over(&far), coverage: None }))
    }
}

/// Why metrics over these regions, which are far away and not alone, are refused.
pub fn no_metrics_over(far: &[&str]) -> String {
    format!(
        "no metrics over {} yet: of a region far away that is not alone, numbers are not added to those of others, \
         and every trace would have to be fetched; a single region is counted, whatever its kind, and embedded \
         regions (`kind = \"memory\"`) and those behind gateways (`kind = \"tutti\"`) are counted together; \
         searches, tags and traces are answered from every region",
        far.join(", ")
    )
}
