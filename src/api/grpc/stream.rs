//! The methods of `tempopb.StreamingQuerier`. Every answer is: what is certain as soon as it is, and how many
//! questions to regions are put and over; then the whole of it in its final form; then a status.
//!
//! Grafana keeps the first version of a row it sees, so no row is sent before it is final. A region that is
//! missing is named by the status, after everything that could be had: what was sent stays on the screen, and
//! the status above it. Metrics name it in their last message, too, where Tempo has a place for it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::Messages;
use super::desk::{Desk, Next, follow};
use crate::api::admit::{Admitted, Ending, admit};
use crate::api::audit::{self, AUDIT, Docket, Questioned};
use crate::api::caller::Seen;
use crate::api::error::ApiError;
use crate::api::metrics::{self, message};
use crate::api::operate;
use crate::api::params::{self, messages};
use crate::api::query::{Estate, Items, LONG_ITEMS, early, jobs};
use crate::api::report;
use crate::api::state::ApiState;
use crate::api::story::Story;
use crate::federation::query::Answered;
use crate::federation::{Growth, Question, Refusal};
use crate::model::search::Inspected;
use crate::model::tags::TagsForm;
use crate::model::{Answer, Coverage, MetricsAnswer, SearchAnswer, TagNames, TagValues};
use crate::task::clock::wall_nanos;
use crate::task::{self, Group, along};
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{
    Jobs, instant_packets, range_packets, search_packets, tag_names_packets, tag_names_v2_packets,
    tag_values_packets, tag_values_v2_packets,
};
use crate::wire::protobuf::WireError;
use crate::wire::questions::{
    MomentRequest, QueryRangeRequest, SearchRequest, TagValuesRequest, TagsRequest,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Search,
    SearchTags,
    SearchTagsV2,
    SearchTagValues,
    SearchTagValuesV2,
    MetricsQueryRange,
    MetricsQueryInstant,
}

impl Method {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Search" => Self::Search,
            "SearchTags" => Self::SearchTags,
            "SearchTagsV2" => Self::SearchTagsV2,
            "SearchTagValues" => Self::SearchTagValues,
            "SearchTagValuesV2" => Self::SearchTagValuesV2,
            "MetricsQueryRange" => Self::MetricsQueryRange,
            "MetricsQueryInstant" => Self::MetricsQueryInstant,
            _ => return None,
        })
    }
}

/// A call before its question is known to be right.
struct Calling<'a> {
    state: &'a ApiState,
    federation: Estate,
    headers: HeaderMap,
    /// What is gathered for its record.
    docket: Option<Docket>,
    seen: Seen,
    story: Arc<Story>,
}

/// Reads the question and lets it in. The work is in the stream: whoever drops it drops every question that
/// is still open.
pub(super) async fn begin(
    method: Method,
    state: &ApiState,
    seen: Seen,
    headers: HeaderMap,
    question: &[u8],
    (docket, story): (Option<Docket>, Arc<Story>),
) -> Result<Messages, Box<Status>> {
    if let Some(docket) = &docket {
        docket.is_of(seen.clone());
    }
    let calling = Calling { state, federation: seen.federation.clone(), headers, seen, docket, story };
    match method {
        Method::Search => calling.search(question).await,
        Method::SearchTags => calling.names(TagsForm::V1, question).await,
        Method::SearchTagsV2 => calling.names(TagsForm::V2, question).await,
        Method::SearchTagValues => calling.values(TagsForm::V1, question).await,
        Method::SearchTagValuesV2 => calling.values(TagsForm::V2, question).await,
        Method::MetricsQueryRange => calling.range(question).await,
        Method::MetricsQueryInstant => calling.instant(question).await,
    }
}

impl Calling<'_> {
    async fn search(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = SearchRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::search(&asked, settings, wall_nanos()).map_err(refused)?;
        let way = Way {
            grow: |federation: Estate, ask| federation.searching(ask),
            part: |rows: Option<&SearchAnswer>, inspected, jobs| {
                let traces = rows.map(|rows| rows.traces.clone()).unwrap_or_default();
                search_packets(&SearchAnswer { traces, inspected, next: None }, jobs)
            },
            write: |answer: &SearchAnswer, coverage: &Coverage| search_packets(answer, jobs(coverage)),
        };
        self.open(Endpoint::Search, query, way).await
    }

    async fn names(self, form: TagsForm, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = TagsRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::names(&asked, form, settings, wall_nanos()).map_err(refused)?;
        let (endpoint, write): (_, fn(&_) -> _) = match form {
            TagsForm::V1 => (Endpoint::TagsV1, tag_names_packets),
            TagsForm::V2 => (Endpoint::TagsV2, tag_names_v2_packets),
        };
        let part = move |names: Option<&TagNames>, inspected, _| {
            names
                .map(|names| write(&TagNames { scopes: names.scopes.clone(), inspected }))
                .unwrap_or_default()
        };
        let grow = |federation: Estate, ask| federation.naming(ask);
        self.open(endpoint, query, Way { grow, part, write: move |answer: &TagNames, _: &_| write(answer) })
            .await
    }

    async fn values(self, form: TagsForm, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = TagValuesRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::values(&asked, form, settings, wall_nanos()).map_err(refused)?;
        let (endpoint, write): (_, fn(&_) -> _) = match form {
            TagsForm::V1 => (Endpoint::TagValuesV1, tag_values_packets),
            TagsForm::V2 => (Endpoint::TagValuesV2, tag_values_v2_packets),
        };
        let part = move |values: Option<&TagValues>, inspected, _| {
            let told = |values: &TagValues| TagValues { values: values.values.clone(), inspected };
            values.map(|values| write(&told(values))).unwrap_or_default()
        };
        let grow = |federation: Estate, ask| federation.valuing(ask);
        self.open(endpoint, query, Way { grow, part, write: move |answer: &TagValues, _: &_| write(answer) })
            .await
    }

    async fn range(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = QueryRangeRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().metrics;
        let query = messages::range(&asked, settings, wall_nanos()).map_err(wrong)?;
        let way = Way {
            grow: |federation: Estate, ask| Growth::of(metrics::ask(federation, ask)),
            part: |_: Option<&MetricsAnswer>, _, jobs| range_packets(&MetricsAnswer::default(), jobs, None),
            write: |answer: &MetricsAnswer, coverage: &Coverage| {
                range_packets(answer, jobs(coverage), message(answer, coverage).as_deref())
            },
        };
        self.open(Endpoint::MetricsRange, query, way).await
    }

    async fn instant(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = MomentRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().metrics;
        let query = messages::instant(&asked, settings, wall_nanos()).map_err(wrong)?;
        let way = Way {
            grow: |federation: Estate, ask| Growth::of(metrics::ask(federation, ask)),
            part: |_: Option<&MetricsAnswer>, _, jobs| instant_packets(&MetricsAnswer::default(), jobs, None),
            write: |answer: &MetricsAnswer, coverage: &Coverage| {
                instant_packets(answer, jobs(coverage), message(answer, coverage).as_deref())
            },
        };
        self.open(Endpoint::MetricsInstant, query, way).await
    }

    /// Takes the question in, and makes the stream that answers it.
    async fn open<Q, A, G, P, W>(
        self,
        endpoint: Endpoint,
        query: Q,
        way: Way<G, P, W>,
    ) -> Result<Messages, Box<Status>>
    where
        Q: Questioned + Clone + Send + Sync + 'static,
        A: Items + Send + Sync + Unpin + 'static,
        G: FnOnce(Estate, Question<Q>) -> Growth<A> + Send + 'static,
        P: Fn(Option<&A>, Inspected, Jobs) -> Vec<Bytes> + Send + Sync + 'static,
        W: FnOnce(&A, &Coverage) -> Vec<Bytes> + Send + 'static,
    {
        let Self { state, mut federation, headers, docket, seen, story } = self;
        let mode = params::mode(&headers, None, seen.mode).map_err(refused)?;
        let patience = patience(&headers);
        let mut parts = http::Request::new(()).into_parts().0;
        parts.headers = headers;
        if let Some(docket) = docket.clone() {
            parts.extensions.insert(docket);
        }
        parts.extensions.insert(seen);
        parts.extensions.insert(story.clone());
        let admitted = admit(state, endpoint, mode, parts, |deadline| {
            let deadline = early(endpoint, mode, deadline, federation.settings());
            let deadline = patience.map_or(deadline, |patience| deadline.at_most(patience));
            Question { query, mode, deadline }
        });
        let mut admitted = admitted.await.map_err(refused)?;
        if let Some(docket) = &docket {
            docket.begins();
        }
        let (state, trail) = (state.clone(), story.trail());
        let regions = u32::try_from(federation.regions().len()).unwrap_or(u32::MAX);
        let Way { grow, part, write } = way;
        let answering = move |desk: Arc<Desk<Told>>| async move {
            // Before anything is asked: what is said on the way is on record, too.
            audit::begin(&state, docket.as_ref(), &mut HeaderMap::new()).await;
            if docket.as_ref().is_some_and(Docket::shows_nothing_classified) {
                federation = match audit::unclassified(&federation) {
                    Ok(federation) => federation,
                    Err(error) => return Told { _place: Some(Box::new(admitted)), ..Told::refused(&error) },
                };
            }
            let growth = grow(federation, admitted.ask.clone());
            let answered = follow(growth, &desk, |rows, inspected, questions| {
                // A region that was not asked yet will be.
                let jobs = Jobs { completed: questions.over, total: questions.put.max(regions) };
                part(rows, inspected, jobs)
            });
            let answered = tokio::select! {
                biased;
                answered = answered => answered,
                () = state.no_more_time() => Err(operate::ended()),
            };
            settle(&mut admitted, &state, &answered);
            if let (Some(docket), Ok(answer)) = (&docket, &answered) {
                let (traces, spans) = answer.value.shown();
                docket.returns(traces, spans);
            }
            let mut told = tell(answered, write).await;
            let code = told.status.as_ref().map_or(Code::Ok, Status::code);
            match audit::end(&state, docket.as_ref(), &format!("{code:?}")).await {
                Ok(receipt) => told.is_recorded(receipt),
                Err(error) => told = Told::refused(&error),
            }
            admitted.in_flight.is_answered();
            story.answers(&format!("{code:?}"));
            Told { _place: Some(Box::new(admitted)), ..told }
        };
        let work = move |desk: Arc<Desk<Told>>| -> BoxFuture<'static, ()> {
            async move {
                // A defect ends this stream with a status, like any other failure; the panic hook has logged its
                // place.
                let told = along::with(trail, AssertUnwindSafe(answering(desk.clone())).catch_unwind()).await;
                desk.end(told.unwrap_or_else(|_| Told::lost()));
            }
            .boxed()
        };
        Ok(stream::unfold(Streaming::Begun(Box::new(work)), Streaming::step).boxed())
    }
}

/// How a question is answered bit by bit: what grows, how a part of it is written, and how the whole.
struct Way<G, P, W> {
    grow: G,
    part: P,
    write: W,
}

fn settle<Q: Send + 'static, A>(
    admitted: &mut Admitted<Question<Q>>,
    state: &ApiState,
    answered: &Answered<A>,
) {
    let ending = match answered {
        Ok(answer) => Ending::of(&answer.coverage, false),
        Err(refusal) => Ending::of_refusal(refusal),
    };
    admitted.settle(state, &ending);
}

/// An answer in its final form: its messages, and what is said after them.
struct Told {
    packets: std::vec::IntoIter<Bytes>,
    status: Option<Status>,
    /// Among those in flight, until all has left.
    _place: Option<Box<dyn std::any::Any + Send>>,
}

impl Told {
    fn refused(error: &ApiError) -> Self {
        Self { packets: Vec::new().into_iter(), status: Some(error.to_status()), _place: None }
    }

    /// Says where its record is.
    fn is_recorded(&mut self, receipt: Option<HeaderValue>) {
        let (Some(status), Some(receipt)) = (&self.status, receipt) else { return };
        let mut headers = status.metadata().clone().into_headers();
        headers.insert(AUDIT, receipt);
        let (code, line) = (status.code(), status.message().to_owned());
        self.status = Some(Status::with_metadata(code, line, MetadataMap::from_headers(headers)));
    }

    fn lost() -> Self {
        Self::refused(&ApiError::Refused(Box::new(Refusal::lost())))
    }
}

async fn tell<A: Items + Send + 'static>(
    answered: Answered<A>,
    write: impl FnOnce(&A, &Coverage) -> Vec<Bytes> + Send + 'static,
) -> Told {
    let Answer { value, coverage } = match answered {
        Ok(answer) => answer,
        Err(refusal) => return Told::refused(&ApiError::Refused(Box::new(refusal))),
    };
    let status = closing(&coverage);
    let packets = if value.items() < LONG_ITEMS {
        Ok(write(&value, &coverage))
    } else {
        task::blocking(move || write(&value, &coverage)).await
    };
    match packets {
        Ok(packets) => Told { packets: packets.into_iter(), status: Some(status), _place: None },
        Err(_) => Told::lost(),
    }
}

/// What is said after an answer. Trailers hold what are headers over HTTP: when those are sent, nothing is
/// known yet.
fn closing(coverage: &Coverage) -> Status {
    let mut headers = HeaderMap::new();
    report::put_headers(&mut headers, coverage, false);
    let (code, line) = match report::message(None, coverage) {
        None => (Code::Ok, String::new()),
        Some(missing) => (Code::Unavailable, format!("the answer is partial: {missing}")),
    };
    Status::with_metadata(code, line, MetadataMap::from_headers(headers))
}

/// Where a stream is.
enum Streaming {
    /// Nothing is asked before somebody listens.
    Begun(Work),
    /// The work goes on by itself, however slowly its messages are taken, so that no region seems slow where only
    /// a client is. It dies with the stream.
    Working(Arc<Desk<Told>>, Group),
    Telling(Told),
}

type Work = Box<dyn FnOnce(Arc<Desk<Told>>) -> BoxFuture<'static, ()> + Send>;

impl Streaming {
    async fn step(mut self) -> Option<(Result<Bytes, Status>, Self)> {
        loop {
            self = match self {
                Self::Begun(work) => {
                    let (desk, group) = (Arc::new(Desk::default()), Group::new());
                    group.spawn(work(desk.clone()));
                    Self::Working(desk, group)
                }
                Self::Working(desk, group) => match desk.next().await {
                    Next::Message(message) => return Some((Ok(message), Self::Working(desk, group))),
                    Next::End(told) => Self::Telling(told),
                },
                Self::Telling(mut told) => {
                    let next = match told.packets.next() {
                        Some(packet) => Ok(packet),
                        // The last thing: tonic makes the trailers of it, also of one that says that all is well.
                        None => Err(told.status.take()?),
                    };
                    return Some((next, Self::Telling(told)));
                }
            }
        }
    }
}

/// How long the client waits, by its own word. One that cannot be read is as good as none.
fn patience(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // By the protocol, at most eight digits.
    let is_number = (1..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_number)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn unread(why: WireError) -> Box<Status> {
    // Of what came in nothing can be read, which is how gRPC itself ends such a call.
    refused(ApiError::Failed(format!("the question is no such message: {why}")))
}

fn refused(error: ApiError) -> Box<Status> {
    Box::new(error.to_status())
}

/// Tempo hands on what is wrong with a metrics query as it is, and gRPC calls that unknown.
fn wrong(wrong: params::metrics::Wrong) -> Box<Status> {
    let status = wrong.error.to_status();
    let code = if wrong.is_of_query { Code::Unknown } else { status.code() };
    Box::new(Status::with_metadata(code, status.message(), status.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            patience(&headers)
        };
        assert_eq!(of("5S"), Some(Duration::from_secs(5)));
        assert_eq!(of("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(of("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(of("7u"), Some(Duration::from_micros(7)));
        assert_eq!(of("7n"), Some(Duration::from_nanos(7)));
        assert_eq!(of("2M"), Some(Duration::from_secs(120)));
        for none in ["", "5", "S", "+5S", "123456789S", "5s", "5 S"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(patience(&HeaderMap::new()), None);
    }
}
