//! Every route, on one page; the layers around them are in `layers`.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, map_request};
use axum::routing::{any, get};
use tower::Layer;

use super::error::page_not_found;
use super::state::ApiState;
use super::{layers, path, status, stream, traces};

/// The request came in under `/strict`.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

/// All routes. Tempo's are under the prefix, and again under `/strict`, so that a data source can be
/// pointed at a mode. Nothing is ever passed on to a region by its path: what is not here does not exist.
pub fn router(state: ApiState) -> Router {
    let prefix = state.settings.prefix.clone();
    let strict = tempo().layer(map_request(|mut request: Request| async {
        request.extensions_mut().insert(Strict);
        request
    }));
    let routes = mount(operator(), &prefix, tempo().merge(own()));
    let routes = mount(routes, &format!("/strict{prefix}"), strict);
    let routes = routes.fallback(|| async { page_not_found() }).with_state(state);
    layers::around(Router::new().fallback_service(from_fn(path::straighten).layer(routes)))
}

fn mount(routes: Router<ApiState>, prefix: &str, inner: Router<ApiState>) -> Router<ApiState> {
    if prefix.is_empty() { routes.merge(inner) } else { routes.nest(prefix, inner) }
}

/// For those who run the gateway; never under a prefix.
fn operator() -> Router<ApiState> {
    let status = Router::new()
        .route("/status", any(status::status))
        .route("/status/version", any(status::version))
        .layer(from_fn(status::get_only));
    Router::new().route("/ready", any(status::ready)).route("/metrics", any(status::metrics)).merge(status)
}

/// Tempo's own routes. Like Tempo, they answer every method but where said.
fn tempo() -> Router<ApiState> {
    let traces = Router::new()
        .route("/api/traces/{id}", any(traces::v1))
        .route("/api/v2/traces/{id}", any(traces::v2));
    Router::new()
        .route("/api/echo", any(status::echo))
        .route("/api/status/buildinfo", any(status::buildinfo).layer(from_fn(status::get_only)))
        .merge(layers::around_answers(traces))
}

/// The gateway's own routes.
fn own() -> Router<ApiState> {
    let traces = Router::new()
        .route("/api/tutti/v1/traces/{id}", get(stream::document))
        .route("/api/tutti/v1/traces/{id}/stream", get(stream::events));
    layers::around_answers(traces)
}
