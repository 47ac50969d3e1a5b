//! The methods of `tempopb.StreamingQuerier`. Every answer is: where it takes a while, a message that says how
//! many regions are asked; then the whole of it in its final form; then a status.
//!
//! Grafana keeps the first version of a row it sees, so no row is sent before it is final. A region that is
//! missing is named by the status, after everything that could be had: what was sent stays on the screen, and
//! the status above it. Metrics name it in their last message, too, where Tempo has a place for it.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use http::HeaderMap;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::codec::Messages;
use crate::api::admit::{Admitted, Ending, admit};
use crate::api::caller;
use crate::api::error::ApiError;
use crate::api::metrics::{self, message};
use crate::api::params::{self, messages};
use crate::api::query::{Estate, Items, LONG_ITEMS, jobs};
use crate::api::report;
use crate::api::state::ApiState;
use crate::federation::query::Answered;
use crate::federation::{Question, Refusal};
use crate::model::tags::TagsForm;
use crate::model::{Answer, Coverage, MetricsAnswer, Outcome, SearchAnswer};
use crate::task;
use crate::task::clock::wall_nanos;
use crate::telemetry::metrics::Endpoint;
use crate::wire::answers::{
    Jobs, instant_packets, range_packets, search_packets, tag_names_packets, tag_names_v2_packets,
    tag_values_packets, tag_values_v2_packets,
};
use crate::wire::protobuf::WireError;
use crate::wire::questions::{
    MomentRequest, QueryRangeRequest, SearchRequest, TagValuesRequest, TagsRequest,
};

/// After this long without an answer, a client is told that it is being worked on: Tempo's own interval.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);

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
}

/// Reads the question and lets it in. The work is in the stream: whoever drops it drops every question that
/// is still open.
pub(super) fn begin(
    method: Method,
    state: &ApiState,
    headers: HeaderMap,
    question: &[u8],
) -> Result<Messages, Box<Status>> {
    let federation = caller::of_headers(state, &headers).map_err(refused)?.federation;
    let calling = Calling { state, federation, headers };
    match method {
        Method::Search => calling.search(question),
        Method::SearchTags => calling.names(TagsForm::V1, question),
        Method::SearchTagsV2 => calling.names(TagsForm::V2, question),
        Method::SearchTagValues => calling.values(TagsForm::V1, question),
        Method::SearchTagValuesV2 => calling.values(TagsForm::V2, question),
        Method::MetricsQueryRange => calling.range(question),
        Method::MetricsQueryInstant => calling.instant(question),
    }
}

impl Calling<'_> {
    fn search(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = SearchRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::search(&asked, settings, wall_nanos()).map_err(refused)?;
        let put = |federation: Estate, ask| async move { federation.search(ask).await };
        let begun = search_packets(&SearchAnswer::default(), self.jobs_begun());
        let write = |answer: &SearchAnswer, coverage: &Coverage| search_packets(answer, jobs(coverage));
        self.open(Endpoint::Search, query, begun, put, write)
    }

    fn names(self, form: TagsForm, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = TagsRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::names(&asked, form, settings, wall_nanos()).map_err(refused)?;
        let (endpoint, write): (_, fn(&_) -> _) = match form {
            TagsForm::V1 => (Endpoint::TagsV1, tag_names_packets),
            TagsForm::V2 => (Endpoint::TagsV2, tag_names_v2_packets),
        };
        let put = |federation: Estate, ask| async move { federation.tag_names(ask).await };
        self.open(endpoint, query, Vec::new(), put, move |answer, _| write(answer))
    }

    fn values(self, form: TagsForm, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = TagValuesRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().search;
        let query = messages::values(&asked, form, settings, wall_nanos()).map_err(refused)?;
        let (endpoint, write): (_, fn(&_) -> _) = match form {
            TagsForm::V1 => (Endpoint::TagValuesV1, tag_values_packets),
            TagsForm::V2 => (Endpoint::TagValuesV2, tag_values_v2_packets),
        };
        let put = |federation: Estate, ask| async move { federation.tag_values(ask).await };
        self.open(endpoint, query, Vec::new(), put, move |answer, _| write(answer))
    }

    fn range(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = QueryRangeRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().metrics;
        let query = messages::range(&asked, settings, wall_nanos()).map_err(wrong)?;
        let begun = range_packets(&MetricsAnswer::default(), self.jobs_begun(), None);
        self.open(Endpoint::MetricsRange, query, begun, metrics::ask, |answer, coverage| {
            range_packets(answer, jobs(coverage), message(answer, coverage).as_deref())
        })
    }

    fn instant(self, question: &[u8]) -> Result<Messages, Box<Status>> {
        let asked = MomentRequest::read(question).map_err(unread)?;
        let settings = &self.federation.settings().metrics;
        let query = messages::instant(&asked, settings, wall_nanos()).map_err(wrong)?;
        let begun = instant_packets(&MetricsAnswer::default(), self.jobs_begun(), None);
        self.open(Endpoint::MetricsInstant, query, begun, metrics::ask, |answer, coverage| {
            instant_packets(answer, jobs(coverage), message(answer, coverage).as_deref())
        })
    }

    /// No region is done before all that is asked of it is: which is when the answer is.
    fn jobs_begun(&self) -> Jobs {
        let total = u32::try_from(self.federation.regions().len()).unwrap_or(u32::MAX);
        Jobs { completed: 0, total }
    }

    /// Takes the question in, and makes the stream that answers it.
    fn open<Q, A, F>(
        self,
        endpoint: Endpoint,
        query: Q,
        begun: Vec<Bytes>,
        put: impl FnOnce(Estate, Question<Q>) -> F + Send + 'static,
        write: impl FnOnce(&A, &Coverage) -> Vec<Bytes> + Send + 'static,
    ) -> Result<Messages, Box<Status>>
    where
        Q: Clone + Send + Sync + 'static,
        A: Items + Send + 'static,
        F: Future<Output = Answered<A>> + Send,
    {
        let Self { state, federation, headers } = self;
        let mode = params::mode(&headers, false).map_err(refused)?;
        let patience = patience(&headers);
        let mut parts = http::Request::new(()).into_parts().0;
        parts.headers = headers;
        let admitted = admit(state, endpoint, mode, parts, |deadline| Question {
            query,
            mode,
            deadline: patience.map_or(deadline, |patience| deadline.at_most(patience)),
        });
        let mut admitted = admitted.map_err(refused)?;
        let state = state.clone();
        let answering = async move {
            let answered = put(federation, admitted.ask.clone()).await;
            settle(&mut admitted, &state, &answered);
            let told = tell(answered, write).await;
            admitted.in_flight.is_answered();
            Told { _place: Some(Box::new(admitted)), ..told }
        };
        // A defect ends this stream with a status, like any other failure; the panic hook has logged its place.
        let answering =
            AssertUnwindSafe(answering).catch_unwind().map(|told| told.unwrap_or_else(|_| Told::lost()));
        let state = Streaming::Working { answering: Box::pin(answering), begun: begun.into_iter() };
        Ok(stream::unfold(state, Streaming::step).boxed())
    }
}

fn settle<Q: Send + 'static, A>(
    admitted: &mut Admitted<Question<Q>>,
    state: &ApiState,
    answered: &Answered<A>,
) {
    let (outcome, coverage) = match answered {
        Ok(answer) => (answer.coverage.outcome(), Some(&answer.coverage)),
        Err(refusal) => (Outcome::Refused, refusal.coverage.as_ref()),
    };
    admitted.settle(state, &Ending { outcome, coverage, is_of_regions: true });
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
    Working { answering: Pin<Box<dyn Future<Output = Told> + Send>>, begun: std::vec::IntoIter<Bytes> },
    Telling(Told),
}

impl Streaming {
    async fn step(self) -> Option<(Result<Bytes, Status>, Self)> {
        let mut told = match self {
            Self::Telling(told) => told,
            Self::Working { answering, begun } => match Self::work(answering, begun).await {
                Ok(told) => told,
                Err((message, working)) => return Some((Ok(message), working)),
            },
        };
        let next = match told.packets.next() {
            Some(packet) => Ok(packet),
            // The last thing: tonic makes the trailers of it, also of one that says that all is well.
            None => Err(told.status.take()?),
        };
        Some((next, Self::Telling(told)))
    }

    /// The answer, or a word that it is not there yet.
    async fn work(
        mut answering: BoxFuture<'static, Told>,
        mut begun: std::vec::IntoIter<Bytes>,
    ) -> Result<Told, (Bytes, Self)> {
        let Some(message) = begun.next() else { return Ok(answering.await) };
        match timeout(PROGRESS_AFTER, &mut answering).await {
            Ok(told) => Ok(told),
            Err(_) => Err((message, Self::Working { answering, begun })),
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
