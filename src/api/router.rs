//! Every route, on one page; the layers around them are in `layers`.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::routing::{MethodRouter, any, delete, get, post};
use tower::Layer;

use super::audit::reading;
use super::error::page_not_found;
use super::state::ApiState;
use super::{
    analytics, diff, grpc, layers, memory, metrics, operate, overview, path, search, status, stream, tags,
    traces, witness,
};

/// The mode that the path a request came in by stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModePath {
    Strict,
    Fast,
}

impl ModePath {
    const ALL: [Self; 2] = [Self::Strict, Self::Fast];

    fn path(self) -> &'static str {
        match self {
            Self::Strict => "/strict",
            Self::Fast => "/fast",
        }
    }
}

/// A path and what answers there.
type Route = (&'static str, MethodRouter<ApiState>);

/// Nothing is ever passed on to a region by its path: what is not here does not exist. Tempo's routes are
/// under the prefix, and again under `/strict` and `/fast`, so that a data source can be pointed at a mode.
pub fn router(state: ApiState) -> Router {
    beside(Router::new(), state)
}

/// The same with routes of another room before them, which no gateway's state concerns.
pub fn beside(others: Router, state: ApiState) -> Router {
    let prefix = state.settings.prefix.clone();
    let answers = layers::around_answers(at(&prefix, queries().chain(own())), &state);
    let mut routes = at("", operator()).merge(at(&prefix, about())).merge(answers);
    routes = routes.merge(at(&prefix, between()));
    routes = routes.merge(layers::around_trial(at(&prefix, trial()), &state));
    for mode in ModePath::ALL {
        let at_mode = format!("{}{prefix}", mode.path());
        let marked = map_request(move |mut request: Request| async move {
            request.extensions_mut().insert(mode);
            request
        });
        let answers = layers::around_answers(at(&at_mode, queries()), &state).layer(marked);
        let trial = layers::around_trial(at(&at_mode, trial()), &state);
        routes = routes.merge(at(&at_mode, about())).merge(trial).merge(answers);
    }
    let routes = routes.fallback(|| async { page_not_found() }).with_state(state.clone());
    // gRPC first: its paths have one spelling and no prefix.
    let routes = from_fn(path::straighten).layer(routes);
    layers::around(others.fallback_service(from_fn_with_state(state, grpc::aside).layer(routes)))
}

/// The paths of all routes, so that a test can hold that it tries every one.
pub fn paths(prefix: &str) -> Vec<String> {
    let tempo = || queries().chain(about()).chain(trial()).map(|(path, _)| path);
    let own = own().into_iter().chain(between()).map(|(path, _)| path);
    let mut paths: Vec<String> = operator().into_iter().map(|(path, _)| path.to_owned()).collect();
    paths.extend(tempo().chain(own).map(|path| format!("{prefix}{path}")));
    for mode in ModePath::ALL {
        paths.extend(tempo().map(|path| format!("{}{prefix}{path}", mode.path())));
    }
    paths
}

fn at(prefix: &str, routes: impl IntoIterator<Item = Route>) -> Router<ApiState> {
    let join = |router: Router<ApiState>, (path, answers): Route| {
        // A name may hold slashes, so it takes what is left of the path; `tags` finds its end.
        let path = path.replace("{name}/values", "{*name}");
        router.route(&format!("{prefix}{path}"), answers)
    };
    routes.into_iter().fold(Router::new(), join)
}

/// For those who run the gateway; never under a prefix.
fn operator() -> [Route; 6] {
    [
        ("/-/healthy", any(operate::healthy)),
        ("/-/reload", post(operate::reload)),
        ("/ready", any(status::ready)),
        ("/metrics", any(status::metrics)),
        ("/status", any(overview::status).layer(from_fn(status::get_only))),
        ("/status/version", any(status::version).layer(from_fn(status::get_only))),
    ]
}

/// What Tempo says of itself. Like Tempo, routes answer every method but where said.
fn about() -> [Route; 1] {
    [("/api/status/buildinfo", any(status::buildinfo).layer(from_fn(status::get_only)))]
}

/// What Grafana tries a data source by.
fn trial() -> [Route; 1] {
    [("/api/echo", any(status::echo))]
}

/// What Tempo answers from its traces.
fn queries() -> impl Iterator<Item = Route> {
    let routes: [Route; 10] = [
        ("/api/traces/{id}", any(traces::v1)),
        // Before a trace whose id it might be.
        ("/api/v2/traces/diff", any(diff::diff)),
        ("/api/v2/traces/{id}", any(traces::v2)),
        ("/api/search", any(search::search)),
        ("/api/search/tags", any(tags::names_v1)),
        ("/api/v2/search/tags", any(tags::names_v2)),
        ("/api/search/tag/{name}/values", any(tags::values_v1)),
        ("/api/v2/search/tag/{name}/values", any(tags::values_v2)),
        ("/api/metrics/query_range", any(metrics::range)),
        ("/api/metrics/query", any(metrics::instant)),
    ];
    routes.into_iter()
}

/// What gateways ask of each other. Each proves who it is in its own way, and none of it is an answer to a caller.
fn between() -> [Route; 2] {
    [
        ("/api/tutti/v1/audit/witness", post(witness::sign)),
        // What clients of the protocol make of that as their submission prefix.
        ("/api/tutti/v1/audit/witness/add-checkpoint", post(witness::sign)),
    ]
}

/// The gateway's own routes.
fn own() -> [Route; 12] {
    [
        ("/api/tutti/v1/analytics", get(analytics::analytics)),
        ("/api/tutti/v1/audit/records", get(reading::records)),
        ("/api/tutti/v1/audit/receipts/{*receipt}", get(reading::receipt)),
        ("/api/tutti/v1/audit/checkpoint", get(reading::last_checkpoint)),
        ("/api/tutti/v1/audit/tile/{*tile}", get(reading::tile)),
        ("/api/tutti/v1/audit/cosigned/{witness}", get(reading::cosigned)),
        ("/api/tutti/v1/cache", delete(memory::forget_all)),
        ("/api/tutti/v1/cache/traces/{id}", delete(memory::forget_one)),
        ("/api/tutti/v1/prewarm", post(memory::prewarm)),
        ("/api/tutti/v1/search", get(search::page)),
        ("/api/tutti/v1/traces/{id}", get(stream::document)),
        ("/api/tutti/v1/traces/{id}/stream", get(stream::events)),
    ]
}
