//! Every layer around the routes, on one page, each with its reason. The first named is the outermost.

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use tower::ServiceBuilder;
use tower_http::ServiceBuilderExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::request_id::{MakeRequestId, RequestId};
use uuid::Uuid;

use super::audit;
use super::caller;
use super::error::{NoRoute, plain};
use super::report;
use super::state::ApiState;
use super::story;

/// Below this a body is sent as it is: the same number as Tempo's.
pub(super) const COMPRESSED_BYTES_MIN: u64 = 1024;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id: a random UUID, of this process's generator and not of a call to the system for each.
#[derive(Debug, Clone, Copy)]
struct Numbering;

impl MakeRequestId for Numbering {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
        let mut room = Uuid::encode_buffer();
        let text = id.hyphenated().encode_lower(&mut room);
        HeaderValue::from_str(text).ok().map(RequestId::new)
    }
}

/// Around every route.
pub fn around(routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer, also one to a panic, can be found in the log by its id.
        .set_request_id(REQUEST_ID, Numbering)
        .propagate_request_id(REQUEST_ID)
        // Around everything that computes: a defect costs one request and says so, never the process.
        .layer(CatchPanicLayer::custom(panicked));
    routes.layer(layers)
}

/// Around the routes that answer queries. What is asked of the gateway itself is small and sent as it is,
/// as Tempo does.
pub fn around_answers(routes: Router<ApiState>, state: &ApiState) -> Router<ApiState> {
    let worth_compressing =
        SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::const_new("text/event-stream"));
    let layers = ServiceBuilder::new()
        // Said always, whether or not this answer is compressed, since a cache between must know; in one
        // spelling, so that answers differ in nothing else.
        .override_response_header(header::VARY, varies)
        // What one caller may see is not for another, nor for a disk. No answer has an entity tag: one over what is
        // not shown would tell when it changes.
        .override_response_header(header::CACHE_CONTROL, is_kept)
        // Around whoever may refuse, so that the log has one line of every request; and what it is part of goes along
        // with all that is done for it.
        .layer(from_fn_with_state(state.clone(), story::tell))
        // Around who asks, so that a stranger is on record, too; and around everything that makes the answer, which
        // waits here until its record is on the disk.
        .layer(from_fn_with_state(state.clone(), audit::record))
        // Before anything reads the request, and inside of what says how answers are kept, so that a refusal is kept
        // no longer.
        .layer(from_fn_with_state(state.clone(), caller::know))
        // Innermost: it works on a handler's body as the body streams. At its fastest level, since packing a
        // large trace takes longer than everything else that is done for it: the usual level saves some more
        // of its size for several times the work.
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .quality(CompressionLevel::Fastest)
                .compress_when(worth_compressing),
        )
        // Inside of both: it takes down who asks, and how large an answer is that nothing has packed yet.
        .layer(from_fn(audit::look));
    routes.layer(layers)
}

/// Around what a data source is tried by: whoever could ask nothing should learn it there.
pub fn around_trial(routes: Router<ApiState>, state: &ApiState) -> Router<ApiState> {
    routes.layer(from_fn_with_state(state.clone(), caller::try_out))
}

/// What has no route is the same whatever is accepted.
fn varies<B>(response: &Response<B>) -> Option<HeaderValue> {
    let has_route = response.extensions().get::<NoRoute>().is_none();
    has_route.then_some(HeaderValue::from_static("Accept-Encoding, Authorization"))
}

fn is_kept<B>(response: &Response<B>) -> Option<HeaderValue> {
    let has_route = response.extensions().get::<NoRoute>().is_none();
    has_route.then_some(HeaderValue::from_static("private, no-store"))
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    // What panicked may hold anything, so nothing of it is shown; the panic hook has logged its place.
    let mut response = plain("the gateway failed on this request: its log names the place\n");
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    report::put_refused(response.headers_mut());
    response
}
