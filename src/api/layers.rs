//! Every layer around the routes, on one page, each with its reason. The first named is the outermost.

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower::ServiceBuilder;
use tower_http::ServiceBuilderExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::request_id::MakeRequestUuid;

use super::error::plain;

/// Below this a body is sent as it is: the same number as Tempo's.
const COMPRESSED_BYTES_MIN: u64 = 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Around every route.
pub fn around(routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        // Outermost, so that every answer, also one to a panic, can be found in the log by its id.
        .set_request_id(REQUEST_ID, MakeRequestUuid)
        .propagate_request_id(REQUEST_ID)
        // Around everything that computes: a defect costs one request and says so, never the process.
        .layer(CatchPanicLayer::custom(panicked));
    routes.layer(layers)
}

/// Around the routes whose answers are worth packing: those that Tempo packs too.
pub fn packed<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let worth_compressing =
        SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::const_new("text/event-stream"));
    let layers = ServiceBuilder::new()
        // Said always, whether or not this answer is compressed, since a cache between must know; and
        // spelled as Tempo spells it, which the layer below does not.
        .override_response_header(header::VARY, HeaderValue::from_static("Accept-Encoding"))
        // Innermost: it works on a handler's body as the body streams.
        .layer(CompressionLayer::new().gzip(true).compress_when(worth_compressing));
    routes.route_layer(layers)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    // What panicked may hold anything, so nothing of it is shown; the panic hook has logged its place.
    let mut response = plain("the gateway failed on this request: its log names the place\n");
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
