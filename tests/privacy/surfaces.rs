//! Canaries in every place of a span where a value can stand, looked for on every surface; and tokens, which can be
//! asked for by who has seen them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, InstrumentationScope, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, Status};
use tutti::policy::{Cell, Rung};

use crate::asking::encoded;
use crate::interference::everything;
use crate::spans::{any, batch, pair, span, text, trace};
use crate::world::{REGIONS, Rules, World, id, world_of};

/// Found by its shape, whatever the key.
const CANARY: &str = "canary7@example.com";

/// Each names its place, so that a failure does too.
fn planted() -> Vec<(&'static str, ResourceSpans)> {
    let bare = || Span { trace_id: (1u128 << 100).to_be_bytes().to_vec(), ..span(2, None, 2) };
    let text_of = |key: &str| text(key, &format!("written to {CANARY} today"));
    let list = Value::ArrayValue(ArrayValue { values: vec![any(Value::StringValue(CANARY.to_owned()))] });
    let pairs =
        Value::KvlistValue(KeyValueList { values: vec![text("inner", CANARY), pair("list", list.clone())] });
    let of_span = |span: Span| batch("shop", vec![span]);
    let with = |attribute| of_span(Span { attributes: vec![attribute], ..bare() });
    let event = |event: Event| of_span(Span { events: vec![event], ..bare() });
    let link = |link: Link| {
        of_span(Span { links: vec![Link { trace_id: vec![7; 16], span_id: vec![7; 8], ..link }], ..bare() })
    };
    let status = Some(Status { message: format!("no mail to {CANARY}"), code: 2 });
    let mut of_resource = of_span(bare());
    of_resource.resource.as_mut().unwrap().attributes.push(text_of("host.note"));
    let mut of_scope = of_span(bare());
    of_scope.scope_spans[0].scope = Some(InstrumentationScope {
        name: CANARY.to_owned(),
        version: CANARY.to_owned(),
        attributes: vec![text_of("a")],
        ..Default::default()
    });
    let mut of_schema = of_span(bare());
    of_schema.schema_url = format!("https://example.com/{CANARY}");
    of_schema.scope_spans[0].schema_url = format!("https://example.com/{CANARY}");
    vec![
        ("an attribute of its class", with(text("user.email", CANARY))),
        ("a text of any attribute", with(text_of("free"))),
        ("a text of a safe attribute", with(text_of("http.method"))),
        ("a list", with(pair("free", list))),
        ("pairs", with(pair("free", pairs))),
        ("bytes", with(pair("free", Value::BytesValue(CANARY.as_bytes().to_vec())))),
        ("a key", with(text(&format!("header.{CANARY}"), "x"))),
        ("percent escapes", with(text("free", "/mail?to=canary7%40example.com"))),
        ("the name of a span", of_span(Span { name: format!("GET /users/{CANARY}"), ..bare() })),
        ("a status message", of_span(Span { status, ..bare() })),
        ("a trace state", of_span(Span { trace_state: format!("vendor={CANARY}"), ..bare() })),
        ("the name of an event", event(Event { name: format!("mail {CANARY}"), ..Event::default() })),
        ("an attribute of an event", event(Event { attributes: vec![text_of("m")], ..Event::default() })),
        ("an attribute of a link", link(Link { attributes: vec![text_of("m")], ..Link::default() })),
        (
            "the trace state of a link",
            link(Link { trace_state: format!("vendor={CANARY}"), ..Link::default() }),
        ),
        ("a resource", of_resource),
        ("a scope", of_scope),
        ("a schema", of_schema),
    ]
}

fn holding(batch: ResourceSpans, rules: &Rules) -> World {
    world_of([("eu-central", trace(vec![batch]))].into(), rules)
}

fn is_in(text: &str) -> bool {
    let coded = (0..3usize).map(|shift| {
        let coded = BASE64_STANDARD.encode([&vec![0; shift][..], CANARY.as_bytes()].concat());
        coded[(shift * 8).div_ceil(6)..(shift + CANARY.len()) * 8 / 6].to_owned()
    });
    text.contains("canary7") || coded.into_iter().any(|form| text.contains(&form))
}

#[tokio::test(start_paused = true)]
async fn no_canary_is_on_any_surface_wherever_it_was_planted() {
    for first in [0, 1] {
        for (number, (place, batch)) in planted().into_iter().enumerate() {
            let rung = [Rung::Dropped, Rung::Masked][(first + number) % 2];
            let cell = Cell { rung, care: tutti::policy::Care::Paranoid, ..Cell::OPEN };
            let rules = Rules::of(&REGIONS, cell);
            let world = holding(batch, &rules);
            let found = world.estate.get(&format!("/api/traces/{}", id(0))).await;
            assert_eq!(found.status.as_u16(), 200, "{place}: {}", found.text());
            for path in [
                "/api/traces/ID",
                "/api/v2/traces/ID",
                "/api/tutti/v1/traces/ID",
                "/api/tutti/v1/traces/ID/stream",
            ] {
                for accepted in ["application/json", "application/protobuf", "application/vnd.grafana.llm"] {
                    let path = path.replace("ID", &id(0));
                    let answer = world.estate.ask(&path, &[("accept", accepted)]).await;
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(!is_in(&body), "{place}, {rung:?}: {path} as {accepted}:\n{body}");
                }
            }
            // Each in one of the two ways, since all questions for each take their time.
            let all = if first == 0 { everything(&world, number as u64).await } else { Vec::new() };
            for (name, bytes) in all {
                assert!(!is_in(&bytes), "{place}, {rung:?}: {name}\n{bytes}");
            }
            for (region, told) in world.told.lock().unwrap().iter() {
                assert!(!is_in(told), "{place}: {region} was told {told}");
            }
        }
    }
}

/// What the test above does not find could also be something it cannot find.
#[tokio::test(start_paused = true)]
async fn where_everything_is_shown_every_canary_is_plain_to_see() {
    for (place, batch) in planted() {
        // Bytes and percent escapes are found by their own forms.
        let world = holding(batch, &Rules::of(&REGIONS, Cell::OPEN));
        let found = world.estate.get(&format!("/api/traces/{}", id(0))).await;
        assert!(is_in(&found.text()), "{place}: {}", found.text());
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_seen_a_token_can_ask_for_it_and_guessing_a_value_finds_nothing() {
    let cell = Cell { rung: Rung::Pseudonymised, ..Cell::OPEN };
    let rules = Rules::of(&REGIONS, cell);
    let own = |number: u64, mail: &str| Span {
        trace_id: ((1u128 << 100) | u128::from(number)).to_be_bytes().to_vec(),
        attributes: vec![text("user.email", mail)],
        ..span(2, None, 2)
    };
    let spans = vec![own(0, "jane@example.com"), own(1, "joe@example.com"), own(2, "jane@example.com")];
    let parts: BTreeMap<_, _> = [("eu-central", trace(vec![batch("shop", spans)]))].into();
    let world = world_of(parts, &rules);
    let seen = world.estate.get(&format!("/api/traces/{}", id(0))).await.json();
    let attributes =
        seen["batches"][0]["scopeSpans"][0]["spans"][0]["attributes"].as_array().unwrap().clone();
    let token =
        attributes.iter().find(|of| of["key"] == "user.email").unwrap()["value"]["stringValue"].clone();
    let token = token.as_str().unwrap().to_owned();
    assert!(token.starts_with("pr:"), "one that leads back, since it may be asked for: {token}");
    let find = async |query: String| {
        let path = format!("/api/search?start=1794999940&end=1795000060&q={}", encoded(&query));
        let answer = world.estate.get(&path).await;
        assert_eq!(answer.outcome(), "complete", "{query}: {}", answer.text());
        answer.json()["traces"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(find(format!("{{ .user.email = `{token}` }}")).await, 2);
    assert_eq!(find(format!("{{ .user.email != `{token}` }}")).await, 1);
    assert_eq!(find(format!("{{ .user.email = `{token}` || .user.email = `x` }}")).await, 2);
    for guess in
        ["{ .user.email = `jane@example.com` }", "{ .user.email =~ `jane.*` }", "{ .user.email > `z` }"]
    {
        assert_eq!(find(guess.to_owned()).await, 0, "{guess}");
    }
    // Neither the token nor a guess was told to a region: that there is a value is all it was asked.
    let told = world.told.lock().unwrap();
    assert!(told.iter().all(|(_, told)| !told.contains("pr:") && !told.contains("jane")), "{told:?}");
    drop(told);
    assert!(Arc::strong_count(&world.told) > 1);
}
