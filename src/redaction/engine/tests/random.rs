//! Random traces through random plans: the engine shows what the reference shows, the same each time.

use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use proptest::collection::vec;
use proptest::prelude::*;

use super::reference::Reference;
use super::*;

const KEYS: [&str; 16] = [
    "user.email",
    "email",
    "user.full_name",
    "user.name",
    "client.address",
    "user.birth_year",
    "card.number",
    "password",
    "url.full",
    "db.query.text",
    "service.name",
    "message",
    "some.key",
    "db.system.name",
    "user",
    "x.jane@example.com",
];

const TEXTS: [&str; 18] = [
    "",
    "x",
    "Jane Roe",
    "hello Jane Roe",
    "jane.roe@example.com",
    "mail jane.roe@example.com or call",
    "4111111111111111",
    "4111 1111 1111 1111 and 203.0.113.9",
    "203.0.113.9",
    "1985-03-17",
    "https://a.example/p/42?name=Jane%20Roe&email=a%40b.example&q=1",
    "SELECT a FROM b WHERE name = 'Jane Roe' AND n = 7",
    "SELECT 'open",
    "mysql",
    "GET /users/Jane Roe",
    "ünï ‹pii.name›",
    "10.20.30.40, 10.20.30.41",
    "Jos\u{e9} \u{1f686}",
];

fn text_value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        1 => ".{0,30}",
        1 => (prop::sample::select(&TEXTS[..]), prop::sample::select(&TEXTS[..])).prop_map(|(a, b)| format!("{a} {b}")),
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        6 => text_value().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => prop_oneof![Just(4_111_111_111_111_111), Just(1985), any::<i64>()].prop_map(Value::IntValue),
        1 => prop_oneof![Just(4.111_111_111_111_111e15), Just(48.856_6), -1e6..1e6].prop_map(Value::DoubleValue),
        1 => text_value().prop_map(|text| Value::BytesValue(text.into_bytes())),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((key(), inner), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| pair(&key, value)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => "[a-z. ]{0,12}"]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), any_value()), 0..6).prop_map(|pairs| pairs.into_iter().map(|(k, v)| pair(&k, v)).collect())
}

fn span() -> impl Strategy<Value = Span> {
    let event = (text_value(), attributes(), 0..3u64).prop_map(|(name, attributes, time_unix_nano)| Event {
        name,
        attributes,
        time_unix_nano,
        ..Default::default()
    });
    let link = (text_value(), attributes()).prop_map(|(trace_state, attributes)| Link {
        trace_state,
        attributes,
        ..Default::default()
    });
    (attributes(), text_value(), text_value(), text_value(), vec(event, 0..3), vec(link, 0..2)).prop_map(
        |(attributes, name, trace_state, message, events, links)| Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            status: Some(Status { message, code: 2 }),
            name,
            trace_state,
            attributes,
            events,
            links,
            ..Span::default()
        },
    )
}

fn trace() -> impl Strategy<Value = TracesData> {
    (vec(span(), 1..4), attributes(), attributes(), text_value(), text_value()).prop_map(
        |(spans, attributes, of_scope, name, schema_url)| {
            let scope = InstrumentationScope { name, attributes: of_scope, ..Default::default() };
            let scope = ScopeSpans { scope: Some(scope), spans, schema_url: schema_url.clone() };
            let resource = Resource { attributes, ..Default::default() };
            TracesData {
                resource_spans: vec![ResourceSpans {
                    resource: Some(resource),
                    scope_spans: vec![scope],
                    schema_url,
                }],
            }
        },
    )
}

fn rungs() -> impl Strategy<Value = Vec<(&'static str, Rung)>> {
    let classes = ABROAD.iter().map(|(class, _)| *class).chain(["unknown"]).collect::<Vec<_>>();
    vec(prop::sample::select(&Rung::ALL[..]), classes.len())
        .prop_map(move |rungs| classes.iter().copied().zip(rungs).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_shows_what_the_reference_shows((trace, rungs) in (trace(), rungs())) {
        let redactor = redactor();
        let plan = plan(&redactor, &rungs);
        let RegionPlan::Ruled(ruled) = &plan else { panic!("no cells") };
        let body = trace.encode_to_vec();
        let once = shown(&view(&redactor, &plan, body.clone()));
        prop_assert_eq!(&once, &shown(&view(&redactor, &plan, body)));
        let decoded = TracesData::decode(&*once).unwrap();
        let expected = Reference::view(&redactor, ruled, &trace);
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn no_bytes_make_the_engine_panic(body in vec(any::<u8>(), 0..400), (trace, rungs) in (trace(), rungs()), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let redactor = redactor();
        let plan = plan(&redactor, &rungs);
        let region = RegionName::parse("eu").unwrap();
        let rules = RegionRules { region: &region, plan: &plan, redactor: &redactor, marks: Marks::Every };
        let _ = rewrite::trace(Raw::seal(Bytes::from(body)), None, rules);
        let mut bent = trace.encode_to_vec();
        for (at, byte) in flips {
            let at = at.index(bent.len());
            bent[at] = byte;
        }
        let _ = rewrite::trace(Raw::seal(Bytes::from(bent)), None, rules);
    }
}
