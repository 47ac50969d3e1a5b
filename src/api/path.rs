//! Paths as Go reads them before any route is looked at: escapes are undone first, a path that is not
//! clean is sent to its clean form, and what cannot be read is a 400.
//!
//! Routes are matched on what a path says, not on how it is escaped: `/api/ech%6f` is `/api/echo`, and an
//! escaped slash is a slash. So the path is brought to one spelling here, before the router.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::error::plain;
use super::go::has_bad_escape;

/// What Go leaves as it is in a path, so that a `Location` is spelled as Tempo spells it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// What a path turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// In the one spelling that routes are matched on.
    Clean(String),
    /// The clean form, elsewhere.
    Moved(String),
    /// A `%` without two hex digits behind it.
    Malformed,
}

/// The layer before the router.
pub async fn straighten(mut request: Request, next: Next) -> Response {
    if is_straight(request.uri().path()) {
        return next.run(request).await;
    }
    match read(request.uri().path()) {
        Reading::Clean(path) => {
            if path != request.uri().path()
                && let Some(uri) = with_path(request.uri(), &path)
            {
                *request.uri_mut() = uri;
            }
            next.run(request).await
        }
        Reading::Moved(path) => moved(&with_query(&path, request.uri().query())),
        Reading::Malformed => (StatusCode::BAD_REQUEST, plain("400 Bad Request")).into_response(),
    }
}

/// Whether a path is seen at a glance to be in the one spelling, as nearly all are. Others are read.
fn is_straight(path: &str) -> bool {
    let mut before = 0;
    path.starts_with('/')
        && path.bytes().all(|byte| {
            let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            // Doubled slashes, and dots, of which two may lead elsewhere.
            let is_next = is_plain || (byte == b'/' && before != b'/');
            before = byte;
            is_next
        })
}

fn read(path: &str) -> Reading {
    // `OPTIONS *` names no path.
    if !path.starts_with('/') {
        return Reading::Clean(path.to_owned());
    }
    if has_bad_escape(path.as_bytes()) {
        return Reading::Malformed;
    }
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let clean = clean(&decoded);
    if clean != decoded {
        return Reading::Moved(percent_encode(&clean, ESCAPED).to_string());
    }
    // An id that is no text is no id either; what it is not is said with a replacement character.
    Reading::Clean(percent_encode(String::from_utf8_lossy(&clean).as_bytes(), ESCAPED).to_string())
}

/// Without doubled slashes, `.` and `..`; a slash at the end stays.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let mut clean = Vec::with_capacity(path.len());
    for segment in &kept {
        clean.push(b'/');
        clean.extend_from_slice(segment);
    }
    if clean.is_empty() || path.ends_with(b"/") {
        clean.push(b'/');
    }
    clean
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(with_query(path, uri.query())).ok()?);
    Uri::from_parts(parts).ok()
}

fn with_query(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn moved(target: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(target) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Reading) {
        assert_eq!(read(path), expected, "{path}");
    }

    #[test]
    fn one_path_has_one_spelling() {
        for path in ["/api/echo", "/api/ech%6f", "/api%2Fecho", "/%61pi/%65cho"] {
            check(path, Reading::Clean("/api/echo".to_owned()));
        }
        check("/api/traces/a%20c", Reading::Clean("/api/traces/a%20c".to_owned()));
        check("/api/traces/a+c", Reading::Clean("/api/traces/a+c".to_owned()));
        check("/api/traces/%ff", Reading::Clean("/api/traces/%EF%BF%BD".to_owned()));
        check("/api/echo/", Reading::Clean("/api/echo/".to_owned()));
        check("/", Reading::Clean("/".to_owned()));
        check("*", Reading::Clean("*".to_owned()));
    }

    #[test]
    fn a_path_that_is_not_clean_is_sent_to_its_clean_form() {
        for (path, clean) in [
            ("//api//echo", "/api/echo"),
            ("/api/./echo", "/api/echo"),
            ("/api/traces/..", "/api"),
            ("/api/traces/%2e%2e", "/api"),
            ("/../../ready", "/ready"),
            ("/api/traces//", "/api/traces/"),
            ("//", "/"),
            ("//a%20b/(c)", "/a%20b/%28c%29"),
        ] {
            check(path, Reading::Moved(clean.to_owned()));
        }
    }

    #[test]
    fn a_bad_escape_makes_no_path() {
        for path in ["/%", "/%z", "/%zz", "/api/%4", "/a%%41"] {
            check(path, Reading::Malformed);
        }
    }

    #[test]
    fn the_paths_that_are_asked_for_most_are_seen_to_be_straight() {
        for path in ["/", "/api/v2/traces/0af7651916cd43dd8448eb211c80319c", "/api/echo/", "/fast/api/search"]
        {
            assert!(is_straight(path), "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_straight_at_a_glance_is_read_as_it_is(path in "[/a-zA-Z0-9_.%*-]{0,12}") {
            if is_straight(&path) {
                proptest::prop_assert_eq!(read(&path), Reading::Clean(path));
            }
        }

        #[test]
        fn what_is_clean_stays_where_it_is(path in "/[a-c/.%2F ]{0,12}") {
            match read(&path) {
                Reading::Clean(clean) => proptest::prop_assert_eq!(read(&clean), Reading::Clean(clean.clone())),
                Reading::Moved(clean) => proptest::prop_assert!(matches!(read(&clean), Reading::Clean(_))),
                Reading::Malformed => {}
            }
        }
    }
}
