//! Who is asking, tried: what is shown, and who that is.

mod keys;
mod senders;
mod signing;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::model::Caller;

/// A request with these headers, as the edge would show it.
fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn shown<'r>(headers: &'r HeaderMap, certificate: Option<&'r ShownCertificate>) -> Shown<'r> {
    let once = |name: &'static str| Once::of(headers, &HeaderName::from_static(name));
    Shown {
        authorization: once("authorization"),
        grafana_id: once("x-grafana-id"),
        statement: once("tutti-statement"),
        purpose: once("tutti-purpose"),
        headers,
        certificate,
    }
}

/// Where every key is in the settings, nobody is asked for any.
#[derive(Debug)]
struct Nothing;

impl FetchKeys for Nothing {
    fn fetch<'a>(&'a self, _: &'a KeysUrl) -> BoxFuture<'a, Result<FetchedKeys, String>> {
        async { Err("nobody is asked".to_owned()) }.boxed()
    }
}

fn nothing_fetched() -> Arc<dyn FetchKeys> {
    Arc::new(Nothing)
}

const NOW: Duration = Duration::from_secs(1_800_000_000);

async fn who(reception: &Reception, lines: &[(&str, &str)]) -> Result<Known, Unknown> {
    let headers = headers(lines);
    reception.who(&shown(&headers, None), NOW).await
}

fn named(subject: &str) -> Caller {
    Caller { subject: subject.to_owned(), ..Caller::anonymous() }
}

async fn subject(reception: &Reception, shown: &[&str]) -> Result<String, Unknown> {
    let lines: Vec<_> = shown.iter().map(|value| ("authorization", *value)).collect();
    who(reception, &lines).await.map(|known| known.caller.subject.clone())
}

#[tokio::test]
async fn whoever_shows_a_token_is_who_it_is_of_and_everyone_else_is_everyone() {
    let mut callers = Callers::everyone(named("everyone"));
    assert!(callers.know("a-token", named("alice")) && callers.know("b", named("bob")));
    assert!(!callers.know("b", named("mallory")));
    assert_eq!(format!("{callers:?}"), "Callers { tokens: 2, .. }");
    let reception = Reception::of_callers(callers);
    assert_eq!(subject(&reception, &[]).await, Ok("everyone".to_owned()));
    for shown in ["Bearer a-token", "bearer a-token", "BEARER   a-token "] {
        assert_eq!(subject(&reception, &[shown]).await, Ok("alice".to_owned()), "{shown}");
    }
    for shown in ["Bearer a-toke", "Bearer a-tokenx", "Bearer ", "Bearer A-TOKEN"] {
        assert_eq!(subject(&reception, &[shown]).await, Err(Unknown::Token), "{shown}");
    }
    for shown in ["Basic a-token", "a-token", "", "Bearera-token"] {
        assert_eq!(subject(&reception, &[shown]).await, Err(Unknown::Scheme), "{shown}");
    }
    let twice = Err(Unknown::Twice("Authorization"));
    assert_eq!(subject(&reception, &["Bearer b", "Bearer a-token"]).await, twice);
}

#[tokio::test]
async fn where_no_token_is_known_none_is_looked_at() {
    let reception = Reception::of_callers(Callers::everyone(named("everyone")));
    assert_eq!(subject(&reception, &["Bearer of-a-proxy"]).await, Ok("everyone".to_owned()));
}

#[tokio::test]
async fn a_statement_is_refused_where_no_gateway_is_known() {
    let reception = Reception::of_callers(Callers::default());
    let refused = who(&reception, &[("tutti-statement", "anything")]).await.unwrap_err();
    assert!(matches!(refused, Unknown::Statement(_)), "{refused}");
}
