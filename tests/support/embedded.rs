//! One region in this process that holds traces and answers by evaluating queries over them, without an edge
//! before it: what a question means, and nothing of how it is asked.

use bytes::Bytes;
use prost::Message;
use tutti::evaluate::{Metrics, QueryError, Search, TraceRows, overlaps};
use tutti::model::TraceId;
use tutti::model::metrics::{MetricsAnswer, MetricsQuery};
use tutti::model::search::{SearchAnswer, Window};
use tutti::trace::{Joined, scan};
use tutti::traceql::metrics::align;
use tutti::wire::answers::{Jobs, instant_json, range_json, search_json};

use crate::answer::Answer;
use crate::http::Reply;
use crate::question::{Question, SPANS_PER_SET};
use crate::sketch::{BEGINNING, Trace, export};

const SECOND: u64 = 1_000_000_000;

pub struct Embedded {
    traces: Vec<(TraceId, Joined)>,
}

/// Why there is no answer.
enum NoAnswer {
    Refused(String),
    Failed(String),
}

impl From<QueryError> for NoAnswer {
    fn from(error: QueryError) -> Self {
        match error {
            // Tempo finds these out when it reads a block.
            QueryError::Fetch(_) | QueryError::Math => Self::Failed(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl Embedded {
    pub fn of<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Self {
        let traces = traces
            .into_iter()
            .map(|trace| {
                let id = TraceId::parse(&trace.id_hex()).unwrap();
                let chunk = scan(Bytes::from(export([trace]).encode_to_vec()), Some(&id)).unwrap();
                (id, Joined::as_stored(vec![(0, chunk)]).unwrap())
            })
            .collect();
        Self { traces }
    }

    pub fn answer(&self, question: &Question) -> Answer {
        let answered = match question {
            Question::Search { query, window } => self.search(query, *window),
            Question::Range { query, start, end, step } => self.metrics(query, *start, *end, Some(*step)),
            Question::Instant { query, start, end } => self.metrics(query, *start, *end, None),
            Question::Names { .. } | Question::Values { .. } => unreachable!("tags are asked of a gateway"),
        };
        read(question, answered)
    }

    /// Series over a grid in nanoseconds of the epoch, not aligned to anything.
    pub fn on_grid(&self, query: &str, grid: (u64, u64, u64)) -> Answer {
        let question = Question::Range { query: query.to_owned(), start: 0, end: 0, step: 0 };
        read(&question, self.series(query, grid, false))
    }

    /// As a range of one interval, so that what is told holds its time.
    pub fn in_one_interval(&self, query: &str, start: u64, end: u64) -> Answer {
        let question = Question::Range { query: query.to_owned(), start: 0, end: 0, step: 0 };
        let answered = self.evaluate(query, (start, end, end - start), true);
        read(
            &question,
            answered.map(|answer| range_json(&answer, Jobs::default(), answer.partial.as_deref())),
        )
    }

    fn search(&self, query: &str, window: Option<(i64, i64)>) -> Result<Vec<u8>, NoAnswer> {
        let search = Search::compile(query)?;
        let mut answer = SearchAnswer::default();
        if !search.is_noop() {
            for (id, joined) in &self.traces {
                let rows = TraceRows::of(*id, joined);
                let is_inside = window.is_none_or(|(start, end)| {
                    let second = |offset: i64| u32::try_from((BEGINNING / SECOND) as i64 + offset).unwrap();
                    overlaps(rows.summary(), Window { start: second(start), end: second(end) })
                });
                if !is_inside {
                    continue;
                }
                let found = search.decide(&rows, SPANS_PER_SET);
                answer.traces.extend(found.map_err(|failure| NoAnswer::Failed(format!("{failure:?}")))?);
            }
        }
        Ok(search_json(&answer, Jobs::default()))
    }

    fn metrics(&self, query: &str, start: i64, end: i64, step: Option<i64>) -> Result<Vec<u8>, NoAnswer> {
        let at = |offset: i64| BEGINNING.wrapping_add_signed(offset * SECOND as i64);
        let (start, end) = (at(start), at(end));
        let (start, end, step_nanos) = match step {
            Some(step) => {
                let step = step as u64 * SECOND;
                let (start, end) = align(start, end, step);
                (start, end, step)
            }
            None => (start, end, end - start),
        };
        self.series(query, (start, end, step_nanos), step.is_none())
    }

    fn series(&self, query: &str, grid: (u64, u64, u64), is_instant: bool) -> Result<Vec<u8>, NoAnswer> {
        let answer = self.evaluate(query, grid, is_instant)?;
        let write = if is_instant { instant_json } else { range_json };
        Ok(write(&answer, Jobs::default(), answer.partial.as_deref()))
    }

    fn evaluate(
        &self,
        query: &str,
        (start, end, step): (u64, u64, u64),
        is_instant: bool,
    ) -> Result<MetricsAnswer, NoAnswer> {
        let mut metrics = Metrics::compile(&MetricsQuery {
            query: query.to_owned(),
            start,
            end,
            step,
            is_instant,
            exemplars: 0,
            max_series: 0,
        })?;
        if !metrics.is_noop() {
            for (id, joined) in &self.traces {
                let rows = TraceRows::of(*id, joined);
                metrics.observe(&rows).map_err(|failure| NoAnswer::Failed(format!("{failure:?}")))?;
            }
        }
        Ok(metrics.finish())
    }
}

fn read(question: &Question, answered: Result<Vec<u8>, NoAnswer>) -> Answer {
    match answered {
        Ok(body) => {
            let reply = Reply { status: 200, headers: Vec::new(), body };
            Answer::of(question, &reply, BEGINNING)
        }
        Err(NoAnswer::Refused(why)) => Answer::Refused(why),
        Err(NoAnswer::Failed(why)) => Answer::Failed(why),
    }
}
