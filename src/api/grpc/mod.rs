//! The gRPC edge: Tempo's `tempopb.StreamingQuerier`, as Grafana streams from it, and gRPC's own health
//! service, on the port of HTTP and without its prefix.
//!
//! Frames, compression and trailers are tonic's; messages are bytes that `wire` reads and writes. What a
//! question means, who is let in and how a refusal is worded are those of HTTP.

mod desk;
mod health;
mod stream;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::stream::BoxStream;
use http::{HeaderMap, Method, Version, header};
use tokio::time::timeout;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tower::service_fn;

use super::audit::{self, Docket};
use super::caller;
use super::held::Held;
use super::state::ApiState;
use super::story::Story;
use crate::task::Deadline;
use crate::wire::grpc::RawCodec;

/// Bytes of a question: a query of 128 KiB fits with all that may stand beside it.
const QUESTION_BYTES_MAX: usize = 512 << 10;

/// Bytes of one message of an answer, as much as Tempo sends. Only a single row can be this large, since
/// answers are sent in packets.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// What a client may take to send its question once it has begun.
const QUESTION_WAIT: Duration = Duration::from_secs(10);

/// What a call answers: messages, and at its end what is left to say. Held as a stream, so that dropping it
/// drops the work.
type Messages = BoxStream<'static, Result<bytes::Bytes, Status>>;

/// Every method, as the path it is asked by.
pub const METHODS: [&str; 9] = [
    "/tempopb.StreamingQuerier/Search",
    "/tempopb.StreamingQuerier/SearchTags",
    "/tempopb.StreamingQuerier/SearchTagsV2",
    "/tempopb.StreamingQuerier/SearchTagValues",
    "/tempopb.StreamingQuerier/SearchTagValuesV2",
    "/tempopb.StreamingQuerier/MetricsQueryRange",
    "/tempopb.StreamingQuerier/MetricsQueryInstant",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

/// The layer that takes calls of gRPC aside; everything else goes on to the routes.
pub async fn aside(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if is_call(&request) { answer(state, request).await } else { next.run(request).await }
}

/// As Tempo tells them apart: by HTTP/2 and the content type, whatever the path.
fn is_call(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
    let suffix = kind.strip_prefix(b"application/grpc".as_slice());
    // gRPC-Web begins alike and is framed otherwise.
    let is_grpc = suffix.is_some_and(|suffix| matches!(suffix.first(), None | Some(b'+' | b';')));
    is_grpc && request.version() == Version::HTTP_2 && request.method() == Method::POST
}

async fn answer(state: ApiState, request: Request) -> Response {
    let Some((service, method)) = request.uri().path().trim_start_matches('/').split_once('/') else {
        return Status::unimplemented("a method is asked for as /service/method").into_http();
    };
    match service {
        "tempopb.StreamingQuerier" => match stream::Method::named(method) {
            Some(method) => {
                let deadline = Deadline::starting_now(state.federation().settings().deadline);
                let path = request.uri().path();
                let docket =
                    state.audit.as_ref().map(|_| Docket::new(&state, path, "grpc", request.extensions()));
                let story = Story::begin(&state, request.headers(), "grpc");
                // Before the question is read: nobody's is.
                let seen = caller::of_stream(&state, request.headers(), request.extensions()).await;
                let mut response = match seen {
                    Ok(seen) => {
                        let (for_call, of_call) = (state.clone(), (docket.clone(), story.clone()));
                        let begin = move |headers, question: bytes::Bytes| {
                            stream::begin(method, &for_call, seen, headers, &question, of_call)
                        };
                        call(request, begin).await
                    }
                    Err(error) => error.to_status().into_http(),
                };
                if let Some(status) = response.extensions().get::<Status>() {
                    story.answers(&format!("{:?}", status.code()));
                }
                // A question that did not become a stream was refused, and that is on record before it is said.
                if let Some(docket) = docket.filter(|docket| !docket.has_begun()) {
                    response = audit::settle_call(&state, &docket, response).await;
                }
                // The place among those in flight is in the stream already, with the question.
                response.map(|body| Body::new(Held::new(body, (), deadline)))
            }
            None => unknown_method(service, method),
        },
        "grpc.health.v1.Health" => match method {
            "Check" => call(request, move |_, question: bytes::Bytes| health::check(&state, &question)).await,
            "Watch" => call(request, move |_, question: bytes::Bytes| health::watch(&state, &question)).await,
            _ => unknown_method(service, method),
        },
        _ => Status::unimplemented(format!("unknown service {service}")).into_http(),
    }
}

fn unknown_method(service: &str, method: &str) -> Response {
    Status::unimplemented(format!("unknown method {method} for service {service}")).into_http()
}

/// Reads the question, and answers with the messages that `begin` makes of it.
async fn call(
    request: Request,
    begin: impl FnOnce(HeaderMap, bytes::Bytes) -> Result<Messages, Box<Status>> + Send,
) -> Response {
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(QUESTION_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let mut begin = Some(begin);
    let service = service_fn(|request: tonic::Request<bytes::Bytes>| {
        let (metadata, _, question) = request.into_parts();
        // Called once: there is one question.
        let begun = begin.take().map(|begin| begin(metadata.into_headers(), question));
        std::future::ready(match begun {
            Some(Ok(messages)) => Ok(tonic::Response::new(messages)),
            Some(Err(status)) => Err(*status),
            None => Err(Status::internal("a call has one question")),
        })
    });
    match timeout(QUESTION_WAIT, grpc.server_streaming(service, request)).await {
        Ok(response) => response.map(Body::new),
        Err(_) => Status::deadline_exceeded("the question did not come in time").into_http(),
    }
}
