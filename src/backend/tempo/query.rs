//! Searches, questions for tags and metrics queries, put to a Tempo in its own words.
//!
//! A region is asked for protobuf where it has it: bare numbers, no quotes, half the bytes. What it says when it
//! takes no such question is only looked at to tell one fault from another.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Response, Url};
use tokio::time::Instant;

use super::{TempoBackend, answer, beginning};
use crate::backend::asked::context;
use crate::backend::body::{self, BodyError};
use crate::backend::deadline::within;
use crate::backend::tempo::transport;
use crate::backend::{Answering, Call, Fault, RegionAnswer, fault};
use crate::model::tags::TagsForm;
use crate::model::{
    MetricsAnswer, MetricsQuery, RegionStatus, SearchAnswer, SearchQuery, TagNames, TagValues,
    TagValuesQuery, TagsQuery,
};
use crate::redaction::Raw;
use crate::wire::answers::{
    ReadError, read_instant, read_range, read_search, read_tag_names, read_tag_names_v2, read_tag_values,
    read_tag_values_v2,
};

const JSON: &str = "application/json";

/// Metrics come as JSON, of which a byte may become forty in memory.
pub(in crate::backend) const JSON_BYTES_MAX: u64 = 64 << 20;

const NANOS_PER_MS: u64 = 1_000_000;

/// The form a question is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl TempoBackend {
    pub(super) fn put_search(&self, call: Call<SearchQuery>) -> Answering<'_, RegionAnswer<SearchAnswer>> {
        let url = self.routes.search(&call.query);
        let rows_max = call.query.limit;
        self.put(call, url, Form::Protobuf, move |body| Ok((read_search(body, rows_max)?, false)))
    }

    pub(super) fn put_tag_names(&self, call: Call<TagsQuery>) -> Answering<'_, RegionAnswer<TagNames>> {
        let url = self.routes.tag_names(&call.query);
        let read = match call.query.form {
            TagsForm::V1 => read_tag_names,
            TagsForm::V2 => read_tag_names_v2,
        };
        self.put(call, url, Form::Protobuf, move |body| Ok((read(body)?, false)))
    }

    pub(super) fn put_tag_values(
        &self,
        call: Call<TagValuesQuery>,
    ) -> Answering<'_, RegionAnswer<TagValues>> {
        let url = self.routes.tag_values(&call.query);
        let read = match call.query.form {
            TagsForm::V1 => read_tag_values,
            TagsForm::V2 => read_tag_values_v2,
        };
        self.put(call, url, Form::Protobuf, move |body| Ok((read(body)?, false)))
    }

    pub(super) fn put_metrics(&self, call: Call<MetricsQuery>) -> Answering<'_, RegionAnswer<MetricsAnswer>> {
        let url = self.routes.metrics(&call.query);
        let at = i64::try_from(call.query.end / NANOS_PER_MS).unwrap_or(i64::MAX);
        let (is_instant, exemplars) = (call.query.is_instant, call.query.exemplars);
        self.put(call, url, Form::Json, move |body| {
            let mut read = if is_instant { read_instant(body, at)? } else { read_range(body)? };
            if exemplars == 0 {
                // A Tempo has no number for none.
                read.series.iter_mut().for_each(|series| series.exemplars.clear());
            }
            // That series are left out is part of the answer, with the reason in it.
            Ok((read, false))
        })
    }

    fn put<Q, A: Send + 'static>(
        &self,
        call: Call<Q>,
        url: Url,
        form: Form,
        read: impl FnOnce(&[u8]) -> Result<(A, bool), ReadError> + Send + 'static,
    ) -> BoxFuture<'_, Result<RegionAnswer<A>, Fault>> {
        let deadline = call.deadline;
        let ask = async move {
            let began = Instant::now();
            let response = self.get_query(url, form).await?;
            match response.status() {
                StatusCode::OK => {}
                status => return Err(refused(status, response).await),
            }
            let first_byte = Some(began.elapsed());
            let body = self.body_of(response, form).await?;
            let (answer, is_partial) = read(&body).map_err(unreadable)?;
            Ok(RegionAnswer { answer: Raw::seal(answer), is_partial, first_byte, attempts: 1, within: None })
        };
        async move { within(deadline, ask).await }.boxed()
    }

    async fn get_query(&self, url: Url, form: Form) -> Result<Response, Fault> {
        let accept = HeaderValue::from_static(match form {
            Form::Protobuf => answer::PROTOBUF,
            Form::Json => JSON,
        });
        let request = self.client.get(url).header(header::ACCEPT, accept).headers(context());
        request.send().await.map_err(|error| transport::before_answer(error.without_url()))
    }

    async fn body_of(&self, response: Response, form: Form) -> Result<Bytes, Fault> {
        let (is_in_form, bytes_max) = match form {
            Form::Protobuf => (answer::is_protobuf(response.headers()), self.body_bytes_max),
            Form::Json => (is_json(response.headers()), self.body_bytes_max.min(JSON_BYTES_MAX)),
        };
        if !is_in_form {
            beginning(response).await;
            return Err(fault::of_another_form());
        }
        body::collect(response, bytes_max).await.map_err(|error| match error {
            BodyError::TooLarge => fault::over_cap(bytes_max),
            BodyError::Broken(error) => transport::within_body(&error.without_url()),
        })
    }
}

pub(in crate::backend) fn is_json(headers: &HeaderMap) -> bool {
    answer::media_type(headers).is_some_and(|it| it == JSON)
}

/// What a status other than 200 says of a query. What is wrong with the question itself is said by a 400.
async fn refused(status: StatusCode, response: Response) -> Fault {
    refused_with(status, &beginning(response).await)
}

/// As [`refused`], with what it said.
pub(in crate::backend) fn refused_with(status: StatusCode, text: &[u8]) -> Fault {
    let fault = match status {
        StatusCode::NOT_FOUND => fault::no_such_query(),
        _ => fault::of_query_status(status, text),
    };
    let is_of_the_query = status == StatusCode::BAD_REQUEST && fault.status == RegionStatus::Rejected;
    // A region that reads the question and says no is well.
    Fault { is_of_the_query, is_blameless: fault.is_blameless || is_of_the_query, ..fault }
}

pub(in crate::backend) fn unreadable(error: ReadError) -> Fault {
    tracing::debug!(%error, "a region's answer does not read");
    fault::no_answer_to_query()
}
