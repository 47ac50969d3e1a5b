//! Every route, on one page; the layers around them are in `layers`.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{any, get};
use http::{HeaderValue, StatusCode, Uri, header};

use super::error::page_not_found;
use super::state::ApiState;
use super::{layers, status, stream, traces};

/// The request came in under `/strict`.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

/// All routes. Tempo's are under the prefix, and again under `/strict`, so that a data source can be
/// pointed at a mode. Nothing is ever passed on to a region by its path: what is not here does not exist.
pub fn router(state: ApiState) -> Router {
    let prefix = state.settings.prefix.clone();
    let strict = tempo().layer(axum::middleware::map_request(|mut request: Request| async {
        request.extensions_mut().insert(Strict);
        request
    }));
    let routes = Router::new()
        .route("/ready", get(status::ready))
        .route("/status", get(status::status))
        .route("/status/version", get(status::version))
        .route("/metrics", get(status::metrics));
    let routes = mount(routes, &prefix, tempo().merge(own()));
    let routes = mount(routes, &format!("/strict{prefix}"), strict);
    layers::around(routes.fallback(fallback).with_state(state))
}

fn mount(routes: Router<ApiState>, prefix: &str, inner: Router<ApiState>) -> Router<ApiState> {
    if prefix.is_empty() { routes.merge(inner) } else { routes.nest(prefix, inner) }
}

/// Tempo's own routes. Like Tempo, they answer every method but where said.
fn tempo() -> Router<ApiState> {
    Router::new()
        .route("/api/echo", any(status::echo))
        .route("/api/status/buildinfo", get(status::buildinfo))
        .merge(layers::packed(queries()))
}

fn queries() -> Router<ApiState> {
    Router::new().route("/api/traces/{id}", any(traces::v1)).route("/api/v2/traces/{id}", any(traces::v2))
}

/// The gateway's own routes.
fn own() -> Router<ApiState> {
    let routes = Router::new()
        .route("/api/tutti/v1/traces/{id}", get(stream::document))
        .route("/api/tutti/v1/traces/{id}/stream", get(stream::events));
    layers::packed(routes)
}

/// What has no route: Go's 404, but a path that is not in its shortest form is sent there, as Go does.
async fn fallback(uri: Uri) -> Response {
    let clean = shortest(uri.path());
    if clean == uri.path() {
        return page_not_found();
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

/// A path without doubled slashes, `.` and `..`; a slash at its end stays.
fn shortest(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(part),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::shortest;

    #[test]
    fn a_path_is_shortened_as_go_does() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/api/echo", "/api/echo"),
            ("/api/echo/", "/api/echo/"),
            ("//api///echo", "/api/echo"),
            ("/api/./echo", "/api/echo"),
            ("/api/traces/../echo/", "/api/echo/"),
            ("/../..", "/"),
            ("/a/.../b", "/a/.../b"),
        ] {
            assert_eq!(shortest(path), expected, "{path}");
        }
    }
}
