//! Searches and questions for tags, put by the streaming API, and what their messages come to.
//!
//! A Tempo sends what is new while it works, and then the whole: a row in each version that it has, names and values
//! as they are met. What was said last holds, and together it is what the same Tempo answers over HTTP. It is handed
//! on in one piece: a page of a listing is known only when it is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::FutureExt;

use super::TempoBackend;
use super::streaming::Unanswered;
use crate::backend::deadline::within;
use crate::backend::{Answering, Call, Fault, RegionAnswer, fault};
use crate::model::search::{Inspected, SearchAsked, TraceRow, Window};
use crate::model::tags::{TagScope, TagValue, TagsForm};
use crate::model::{SearchAnswer, SearchQuery, TagNames, TagValues, TagValuesQuery, TagsQuery, TraceId};
use crate::redaction::Raw;
use crate::wire::answers::{ReadError, read_search, read_tag_names_v2, read_tag_values_v2};
use crate::wire::questions::{SearchRequest, TagValuesRequest, TagsRequest};

/// What the messages of one answer come to.
trait Fold: Send + 'static {
    type Answer: Send + 'static;

    fn take(&mut self, message: &[u8]) -> Result<(), ReadError>;

    fn finish(self) -> Self::Answer;
}

/// A question as a call of gRPC; none where only HTTP can say it.
fn of_search(query: &SearchQuery) -> Option<Vec<u8>> {
    let SearchAsked::Query(text) = &query.asked else { return None };
    let Window { start, end } = said(query.window)?;
    let request = SearchRequest {
        query: text.clone(),
        limit: Some(query.limit).filter(|limit| *limit > 0)?,
        spans_per_span_set: query.spans_per_set,
        start,
        end,
        ..SearchRequest::default()
    };
    Some(request.write())
}

fn of_names(query: &TagsQuery) -> Option<Vec<u8>> {
    let Window { start, end } = said(query.window).filter(|_| query.form == TagsForm::V2)?;
    let request = TagsRequest {
        scope: query.scope.map(|scope| scope.as_str().to_owned()).unwrap_or_default(),
        query: query.query.clone().unwrap_or_default(),
        start,
        end,
        max_tags_per_scope: query.limits.count_max,
        stale_values_threshold: query.limits.stale_max,
    };
    Some(request.write())
}

fn of_values(query: &TagValuesQuery) -> Option<Vec<u8>> {
    let Window { start, end } = said(query.window).filter(|_| query.form == TagsForm::V2)?;
    let request = TagValuesRequest {
        tag_name: query.name.clone(),
        query: query.query.clone().unwrap_or_default(),
        start,
        end,
        max_tag_values: query.limits.count_max,
        stale_value_threshold: query.limits.stale_max,
    };
    Some(request.write())
}

/// In a message a time of 0 is one that was not said, and a Tempo then takes the last minutes.
fn said(window: Option<Window>) -> Option<Window> {
    window.filter(|window| window.start > 0 && window.end > 0)
}

impl TempoBackend {
    pub(super) fn search_either_way(
        &self,
        call: Call<SearchQuery>,
    ) -> Answering<'_, RegionAnswer<SearchAnswer>> {
        let rows = Rows { rows_max: call.query.limit as usize, ..Rows::default() };
        self.either("Search", of_search(&call.query), rows, call, |call| self.put_search(call))
    }

    pub(super) fn tag_names_either_way(
        &self,
        call: Call<TagsQuery>,
    ) -> Answering<'_, RegionAnswer<TagNames>> {
        let asked = of_names(&call.query);
        self.either("SearchTagsV2", asked, Names::default(), call, |call| self.put_tag_names(call))
    }

    pub(super) fn tag_values_either_way(
        &self,
        call: Call<TagValuesQuery>,
    ) -> Answering<'_, RegionAnswer<TagValues>> {
        let asked = of_values(&call.query);
        self.either("SearchTagValuesV2", asked, Values::default(), call, |call| self.put_tag_values(call))
    }

    /// By the streaming API where the region has it and it can say the question, otherwise over HTTP.
    fn either<'a, Q: Send + Sync + 'static, F: Fold>(
        &'a self,
        method: &'static str,
        asked: Option<Vec<u8>>,
        fold: F,
        call: Call<Q>,
        over_http: impl FnOnce(Call<Q>) -> Answering<'a, RegionAnswer<F::Answer>> + Send + 'a,
    ) -> Answering<'a, RegionAnswer<F::Answer>> {
        let Some(asked) = asked.filter(|_| self.streaming.is_used()) else { return over_http(call) };
        async move {
            match within(call.deadline, self.streamed(method, asked, fold)).await? {
                Some(answer) => Ok(answer),
                None if self.streaming.may_be_left() => {
                    self.streaming.has_none();
                    over_http(call).await
                }
                None => Err(fault::no_streaming()),
            }
        }
        .boxed()
    }

    /// `None` where the region has no such API.
    async fn streamed<F: Fold>(
        &self,
        method: &str,
        asked: Vec<u8>,
        mut fold: F,
    ) -> Result<Option<RegionAnswer<F::Answer>>, Fault> {
        let take = |message: &[u8]| fold.take(message).map_err(super::query::unreadable);
        match self.streaming.call(method, &asked, take).await {
            Ok(first_byte) => {
                let answer = Raw::seal(fold.finish());
                Ok(Some(RegionAnswer {
                    answer,
                    is_partial: false,
                    first_byte,
                    attempts: 1,
                    hedged: 0,
                    within: None,
                }))
            }
            Err(Unanswered::NoSuchApi) => Ok(None),
            Err(Unanswered::Fault(fault)) => Err(fault),
        }
    }
}

/// Rows by their trace, each in its last version.
#[derive(Debug, Default)]
struct Rows {
    rows_max: usize,
    places: HashMap<TraceId, usize>,
    rows: Vec<TraceRow>,
    inspected: Inspected,
}

impl Fold for Rows {
    type Answer = SearchAnswer;

    fn take(&mut self, message: &[u8]) -> Result<(), ReadError> {
        let part = read_search(message, u32::try_from(self.rows_max).unwrap_or(u32::MAX))?;
        self.inspected = part.inspected;
        for row in part.traces {
            let place = *self.places.entry(row.id).or_insert(self.rows.len());
            match self.rows.get_mut(place) {
                Some(known) => *known = row,
                None => self.rows.push(row),
            }
        }
        // What was sent and then left out of the whole is not much: a row is sent when it is nearly certain.
        if self.rows.len() > self.rows_max.saturating_mul(2) {
            return Err(ReadError::TooManyRows);
        }
        Ok(())
    }

    fn finish(mut self) -> SearchAnswer {
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.start));
        self.rows.truncate(self.rows_max);
        SearchAnswer { traces: self.rows, inspected: self.inspected, next: None }
    }
}

#[derive(Debug, Default)]
struct Names {
    scopes: BTreeMap<TagScope, BTreeSet<String>>,
    inspected: Inspected,
}

impl Fold for Names {
    type Answer = TagNames;

    fn take(&mut self, message: &[u8]) -> Result<(), ReadError> {
        let part = read_tag_names_v2(message)?;
        self.inspected = part.inspected;
        for (scope, names) in part.scopes {
            self.scopes.entry(scope).or_default().extend(names);
        }
        Ok(())
    }

    fn finish(self) -> TagNames {
        let scopes = self.scopes.into_iter().map(|(scope, names)| (scope, names.into_iter().collect()));
        TagNames { scopes: scopes.collect(), inspected: self.inspected }
    }
}

#[derive(Debug, Default)]
struct Values {
    values: BTreeSet<TagValue>,
    inspected: Inspected,
}

impl Fold for Values {
    type Answer = TagValues;

    fn take(&mut self, message: &[u8]) -> Result<(), ReadError> {
        let part = read_tag_values_v2(message)?;
        self.inspected = part.inspected;
        self.values.extend(part.values);
        Ok(())
    }

    fn finish(self) -> TagValues {
        TagValues { values: self.values.into_iter().collect(), inspected: self.inspected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::answers::{Jobs, search_packets, tag_names_v2_packets};

    fn row(id: u8, start: u64, name: &str) -> TraceRow {
        TraceRow {
            id: TraceId::from_bytes([id; 16]),
            root_service: "shop".to_owned(),
            root_name: name.to_owned(),
            start,
            duration_ns: 0,
            span_sets: Vec::new(),
            service_stats: BTreeMap::new(),
        }
    }

    fn taken(messages: &[(Vec<TraceRow>, u64)], rows_max: usize) -> Result<SearchAnswer, ReadError> {
        let mut rows = Rows { rows_max, ..Rows::default() };
        for (traces, bytes) in messages {
            let inspected = Inspected { bytes: *bytes, ..Inspected::default() };
            let part = SearchAnswer { traces: traces.clone(), inspected, next: None };
            for packet in search_packets(&part, Jobs { completed: 0, total: 1 }) {
                rows.take(&packet)?;
            }
        }
        Ok(rows.finish())
    }

    #[test]
    fn the_last_version_of_a_row_holds_and_the_newest_come_first() {
        let early = vec![row(1, 10, "half"), row(2, 30, "b")];
        let whole = vec![row(2, 30, "b"), row(3, 20, "c"), row(1, 5, "whole")];
        let answer = taken(&[(early, 7), (Vec::new(), 8), (whole.clone(), 9)], 3).unwrap();
        assert_eq!(answer.traces, whole);
        assert_eq!(answer.inspected.bytes, 9, "it is told of all so far");
        assert_eq!(taken(&[], 3).unwrap(), SearchAnswer::default());
    }

    #[test]
    fn more_rows_than_were_asked_for_are_left_out_and_many_more_are_a_lie() {
        let of = |ids: std::ops::Range<u8>| ids.map(|id| row(id + 1, id.into(), "")).collect::<Vec<_>>();
        let answer = taken(&[(of(0..3), 1), (of(1..4), 1)], 3).unwrap();
        assert_eq!(answer.traces.iter().map(|row| row.start).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(taken(&[(of(0..4), 1)], 3), Err(ReadError::TooManyRows));
        assert_eq!(taken(&[(of(0..3), 1), (of(3..6), 1), (of(6..9), 1)], 3), Err(ReadError::TooManyRows));
    }

    #[test]
    fn names_are_gathered_over_all_messages() {
        let of = |scope, names: &[&str]| TagNames {
            scopes: vec![(scope, names.iter().map(|name| (*name).to_owned()).collect())],
            ..TagNames::default()
        };
        let mut names = Names::default();
        for part in
            [of(TagScope::Span, &["b"]), of(TagScope::Resource, &["r"]), of(TagScope::Span, &["a", "b"])]
        {
            tag_names_v2_packets(&part).iter().for_each(|packet| names.take(packet).unwrap());
        }
        let expected = vec![
            (TagScope::Resource, vec!["r".to_owned()]),
            (TagScope::Span, vec!["a".to_owned(), "b".to_owned()]),
        ];
        assert_eq!(names.finish().scopes, expected);
    }

    #[test]
    fn what_a_message_cannot_say_is_asked_over_http() {
        let window = Some(Window { start: 5, end: 9 });
        let asked = SearchAsked::Query("{ }".to_owned());
        let query = SearchQuery { asked, limit: 1, spans_per_set: 1, window, page: None };
        let written = SearchRequest::read(&of_search(&query).unwrap()).unwrap();
        assert_eq!((written.start, written.end, written.limit), (5, 9, 1));
        assert_eq!((written.query.as_str(), written.spans_per_span_set), ("{ }", 1));
        assert!(of_search(&SearchQuery { window: None, ..query.clone() }).is_none());
        assert!(
            of_search(&SearchQuery { window: Some(Window { start: 0, end: 9 }), ..query.clone() }).is_none()
        );
        let tags = SearchAsked::Tags { tags: BTreeMap::new(), min_duration_ms: 0, max_duration_ms: 0 };
        assert!(of_search(&SearchQuery { asked: tags, ..query }).is_none());
        let older =
            TagsQuery { scope: None, query: None, window, limits: Default::default(), form: TagsForm::V1 };
        assert!(of_names(&older).is_none());
        assert!(of_names(&TagsQuery { form: TagsForm::V2, ..older }).is_some());
    }
}
