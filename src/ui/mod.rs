//! The page of whoever is on call, at `/ui`: shells without data, and the files that fill them in the browser.
//!
//! It knows no region, no caller and no trace. Everything that is shown is asked of the public routes, by the browser
//! and with its reader's own identity, so that a link shows each colleague their own view. What leaves here is the same
//! for everyone, which is why it may be kept and needs nobody to be known.

mod files;
mod shell;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use tower_http::compression::CompressionLayer;

pub use shell::UiSettings;

use files::{FILES, Kind, address};
use shell::{Shell, shell};

/// Nothing but this page's own files and this gateway's own routes. The page's texts come from strangers: should one
/// of them ever be read as markup, it still runs nothing, loads nothing and sends nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; \
     require-trusted-types-for 'script'; trusted-types lit-html";

/// Every answer of this room has them.
const GUARDS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // A link to a trace is nobody's business elsewhere.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// A file has its digest in its address: another content is another address.
const KEPT_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A shell names the files of its own version.
const ASKED_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// The routes of the page. What is not here is for whoever stands behind.
pub fn router(settings: &UiSettings) -> Router {
    let mut routes = Router::new();
    for (path, page) in PAGES {
        let html: Bytes = shell(page, settings).into();
        routes = routes.route(path, get(async move || answer(Kind::Html, ASKED_EACH_TIME, html.clone())));
    }
    for file in &FILES {
        let bytes = Bytes::from_static(file.bytes);
        let give = async move || answer(file.kind, KEPT_FOR_EVER, bytes.clone());
        routes = routes.route(&address(file.name), get(give));
    }
    // The files are asked for once for each version, from a phone perhaps.
    routes.layer(CompressionLayer::new().gzip(true))
}

/// Where the shells are. The id of a trace is read by the browser: the shell is the same for every one.
const PAGES: [(&str, Shell); 3] =
    [("/ui", Shell::Estate), ("/ui/", Shell::Estate), ("/ui/trace/{id}", Shell::Trace)];

/// The paths of all routes, so that a test can hold that it tries every one.
pub fn paths() -> Vec<String> {
    let pages = PAGES.iter().map(|(path, _)| (*path).to_owned());
    pages.chain(FILES.iter().map(|file| address(file.name))).collect()
}

fn answer(kind: Kind, kept: HeaderValue, body: Bytes) -> Response {
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.as_str()));
    headers.insert(header::CACHE_CONTROL, kept);
    headers.extend(GUARDS);
    response
}

#[cfg(test)]
mod tests;
