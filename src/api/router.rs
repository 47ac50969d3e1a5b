//! Every route, on one page; the layers around them are in `layers`.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};
use http::{HeaderValue, StatusCode, Uri, header};

use super::error::page_not_found;
use super::state::ApiState;
use super::{layers, status, stream, traces};

/// The request came in under `/strict`.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

/// A path and what answers there.
type Route = (String, MethodRouter<ApiState>);

/// Nothing is ever passed on to a region by its path: what is not here does not exist.
pub fn router(state: ApiState) -> Router {
    let routes = every(&state.settings.prefix)
        .into_iter()
        .fold(Router::new(), |routes, (path, answers)| routes.route(&path, answers));
    layers::around(routes.fallback(fallback).with_state(state))
}

/// The paths of all routes, so that a test can hold that it tries every one.
pub fn paths(prefix: &str) -> Vec<String> {
    every(prefix).into_iter().map(|(path, _)| path).collect()
}

/// Tempo's routes are under the prefix, and again under `/strict`, so that a data source can be pointed at
/// a mode.
fn every(prefix: &str) -> Vec<Route> {
    let strict = axum::middleware::map_request(|mut request: Request| async {
        request.extensions_mut().insert(Strict);
        request
    });
    let mut every = of_the_process();
    every
        .extend(tempo().into_iter().chain(own()).map(|(path, answers)| (format!("{prefix}{path}"), answers)));
    every.extend(
        tempo()
            .into_iter()
            .map(|(path, answers)| (format!("/strict{prefix}{path}"), answers.layer(strict.clone()))),
    );
    every
}

/// What is asked of this process, wherever the API is mounted.
fn of_the_process() -> Vec<Route> {
    vec![
        ("/ready".to_owned(), get(status::ready)),
        ("/status".to_owned(), get(status::status)),
        ("/status/version".to_owned(), get(status::version)),
        ("/metrics".to_owned(), get(status::metrics)),
    ]
}

/// Tempo's own routes. Like Tempo, they answer every method but where said.
fn tempo() -> [(&'static str, MethodRouter<ApiState>); 4] {
    [
        ("/api/echo", any(status::echo)),
        ("/api/status/buildinfo", get(status::buildinfo)),
        ("/api/traces/{id}", any(traces::v1)),
        ("/api/v2/traces/{id}", any(traces::v2)),
    ]
}

/// The gateway's own routes.
fn own() -> [(&'static str, MethodRouter<ApiState>); 2] {
    [
        ("/api/tutti/v1/traces/{id}", get(stream::document)),
        ("/api/tutti/v1/traces/{id}/stream", get(stream::events)),
    ]
}

/// What has no route: Go's 404, but a path with doubled slashes is sent to its clean form, as Go does.
async fn fallback(uri: Uri) -> Response {
    let path = uri.path();
    if !path.contains("//") {
        return page_not_found();
    }
    let mut clean = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !clean.ends_with('/') {
            clean.push(character);
        }
    }
    let target = match uri.query() {
        Some(query) => format!("{clean}?{query}"),
        None => clean,
    };
    let mut response = Response::default();
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
