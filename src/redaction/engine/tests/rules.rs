//! Single rules, each on the least that shows it.

use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

use super::*;
use crate::redaction::engine::Treated;
use crate::redaction::ring::Token;

fn texts(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |value: &AnyValue| match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref().unwrap()))).collect()
}

#[track_caller]
fn check(rungs: &[(&str, Rung)], key: &str, value: &str, expected: Option<&str>) {
    let seen = texts(&seen(rungs, vec![pair(key, text(value))]));
    assert_eq!(seen.first().map(|(_, value)| value.as_str()), expected, "{key} = {value}");
}

#[test]
fn a_value_is_treated_by_its_key() {
    check(ABROAD, "user.full_name", "Jane Roe", Some("‹pii.name›"));
    check(ABROAD, "client.address", "203.0.113.9", Some("203.0.113.0/24"));
    check(ABROAD, "password", "hunter2", None);
    check(ABROAD, "service.name", "shop", Some("shop"));
    check(ABROAD, "quantity", "seven", Some("seven"));
    check(
        &[("pii.email", Rung::Masked)],
        "user.email",
        "jane@example.com",
        Some("‹pii.email j…example.com›"),
    );
}

#[test]
fn a_value_is_treated_by_what_stands_in_it() {
    check(ABROAD, "message", "card 4111 1111 1111 1111 refused", Some("card ‹pci.pan …1111› refused"));
    check(ABROAD, "some.key", "from 203.0.113.9 to 2", Some("from 203.0.113.0/24 to 2"));
    check(&[("pii.email", Rung::Dropped)], "message", "hi jane@example.com!", Some("hi ‹pii.email›!"));
    check(&[("pii.email", Rung::Raw)], "message", "hi jane@example.com!", Some("hi jane@example.com!"));
}

#[test]
fn a_safe_value_is_looked_at_for_what_may_never_be_shown() {
    check(ABROAD, "service.name", "203.0.113.9", Some("203.0.113.9"));
    check(&[("pii.email", Rung::Dropped)], "http.route", "/x/jane@example.com", Some("/x/‹pii.email›"));
    check(ABROAD, "k8s.pod.name", "card-4111111111111111", Some("card-‹pci.pan …1111›"));
}

#[test]
fn parts_of_a_structure_are_treated_by_their_own_names() {
    let seen = texts(&seen(
        ABROAD,
        vec![pair("url.full", text("https://shop.example/find?email=jane%40example.com&q=shoes"))],
    ));
    let url = &seen[0].1;
    assert!(url.starts_with("https://shop.example/find?email=pn:pii.email:0:"), "{url}");
    assert!(url.ends_with("&q=‹url›") && !url.contains("jane"), "{url}");
    check(
        ABROAD,
        "db.query.text",
        "SELECT * FROM users WHERE id = 42 AND city = 'Paris'",
        Some("SELECT * FROM users WHERE id = ‹sql› AND city = '‹sql›'"),
    );
}

#[test]
fn what_cannot_be_read_as_its_structure_is_withheld_whole() {
    check(ABROAD, "db.query.text", "SELECT 'unterminated jane@example.com", Some("‹sql›"));
    check(
        &[("sql", Rung::Raw), ("pii.email", Rung::Dropped)],
        "db.query.text",
        "SELECT 'open jane@example.com",
        Some("SELECT 'open ‹pii.email›"),
    );
}

#[test]
fn unknown_keys_go_where_only_known_ones_may_be_seen() {
    let listed = &[("unknown", Rung::Dropped)];
    check(listed, "some.key", "harmless", None);
    check(listed, "service.name", "shop", Some("shop"));
    check(listed, "message", "harmless", Some("harmless"));
}

#[test]
fn a_view_may_withhold_even_what_is_safe() {
    check(&[("safe", Rung::Dropped)], "service.name", "shop", None);
    check(&[("safe", Rung::Masked)], "k8s.pod.name", "shop-7", Some("‹safe›"));
}

#[test]
fn numbers_are_read_as_text_where_they_are_long_enough() {
    let int = |key: &str, value: i64| pair(key, AnyValue { value: Some(Value::IntValue(value)) });
    let double = |key: &str, value: f64| pair(key, AnyValue { value: Some(Value::DoubleValue(value)) });
    let seen = seen(
        ABROAD,
        vec![
            int("some.key", 4_111_111_111_111_111),
            double("some.key", 4_111_111_111_111_111.0),
            int("some.key", -42),
            int("user.birth_year", 1985),
            double("geo.location.lat", 48.8566),
            int("user.full_name", 7),
        ],
    );
    let values: Vec<&Value> =
        seen.iter().map(|pair| pair.value.as_ref().unwrap().value.as_ref().unwrap()).collect();
    assert_eq!(values[0], &Value::StringValue("‹pci.pan …1111›".into()));
    assert_eq!(values[1], &Value::StringValue("‹pci.pan …1111›".into()));
    assert_eq!(values[2], &Value::IntValue(-42));
    assert_eq!(values[3], &Value::IntValue(1985));
    assert_eq!(values[4], &Value::DoubleValue(48.9));
    assert_eq!(values[5], &Value::StringValue("‹pii.name›".into()));
}

#[test]
fn nested_values_are_treated_by_their_path() {
    let list = |values| AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) };
    let array = |values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) };
    let seen = seen(
        ABROAD,
        vec![
            pair("user", list(vec![pair("full_name", text("Jane Roe")), pair("plan", text("gold"))])),
            pair("user.full_name", array(vec![text("Jane Roe"), text("June Roe")])),
            pair("password", array(vec![text("a"), text("b")])),
        ],
    );
    let expected = vec![
        pair("user", list(vec![pair("full_name", text("‹pii.name›")), pair("plan", text("gold"))])),
        pair("user.full_name", array(vec![text("‹pii.name›"), text("‹pii.name›")])),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_yes_or_no_stays_but_under_a_key_that_is_withheld() {
    let flag = |key: &str| pair(key, AnyValue { value: Some(Value::BoolValue(true)) });
    let seen = seen(ABROAD, vec![flag("some.key"), flag("user.full_name"), flag("password")]);
    assert_eq!(seen, vec![flag("some.key"), pair("user.full_name", text("‹pii.name›"))]);
}

#[test]
fn bytes_stay_under_a_safe_key_alone() {
    let bytes =
        |key: &str, value: &[u8]| pair(key, AnyValue { value: Some(Value::BytesValue(value.to_vec())) });
    let kept = bytes("k8s.x", &[0xff, 1]);
    let gone = [bytes("some.key", b"x"), bytes("k8s.y", b"4111111111111111")];
    let seen = seen(ABROAD, [vec![kept.clone()], gone.to_vec()].concat());
    assert_eq!(seen, vec![kept]);
}

#[test]
fn a_key_that_tells_is_given_a_number() {
    let seen = seen(
        ABROAD,
        vec![
            pair("header.jane@example.com", text("a")),
            pair("x", text("b")),
            pair("june@example.com", text("c")),
        ],
    );
    let keys: Vec<&str> = seen.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["‹key 1›", "x", "‹key 2›"]);
}

#[test]
fn what_is_treated_under_one_key_is_scrubbed_everywhere_else() {
    let seen = texts(&seen(
        ABROAD,
        vec![
            pair("message", text("hello Jane Roe, JANE ROE")),
            pair("user.full_name", text("Jane Roe")),
            pair("other", text("?n=Jane%20Roe")),
            pair("service.name", text("Jane Roe")),
            pair("jane roe", text("x")),
        ],
    ));
    let expected = [
        ("message", "hello ‹pii.name›, ‹pii.name›"),
        ("user.full_name", "‹pii.name›"),
        ("other", "?n=‹pii.name›"),
        ("service.name", "Jane Roe"),
        ("‹key 1›", "x"),
    ];
    assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn a_part_of_a_structure_is_scrubbed_elsewhere_too() {
    let seen = texts(&seen(
        ABROAD,
        vec![pair("url.full", text("https://a.example/?name=Roedeer")), pair("message", text("for Roedeer"))],
    ));
    assert_eq!(seen[1].1, "for ‹pii.name›");
}

#[test]
fn more_echoes_than_can_be_looked_for_leave_no_text() {
    let names =
        (0..40).map(|nth| pair("user.full_name", text(&format!("{nth} {}", "Jane Roe ".repeat(7000)))));
    let others = [pair("jane roe", text("x")), pair("message", text("hello"))];
    let seen = texts(&seen(ABROAD, names.chain(others).collect()));
    assert_eq!(seen.last().unwrap().1, "‹withheld›");
    // What a key says is not known either, but of keys of which someone told.
    let keys: Vec<&str> = seen.iter().rev().take(2).map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["message", "‹key 1›"]);
}

#[test]
fn equal_values_have_equal_tokens_and_lead_back_where_one_may_ask() {
    let redactor = redactor();
    let classes = redactor.classes().clone();
    let ruled = Ruled::fixed(classes, RegionName::parse("eu").unwrap(), |_| Cell {
        rung: Rung::Pseudonymised,
        may_filter: true,
        ..Cell::SHUT
    });
    let scope = ruled.tokens().clone();
    let plan = RegionPlan::Ruled(Arc::new(ruled));
    let attributes =
        vec![pair("user.email", text("jane@example.com")), pair("email", text("jane@EXAMPLE.com"))];
    let view = view(&redactor, &plan, span_with(attributes).encode_to_vec());
    let decoded = TracesData::decode(&*shown(&view)).unwrap();
    let seen = texts(&decoded.resource_spans[0].scope_spans[0].spans[0].attributes);
    assert_eq!(seen[0].1, seen[1].1);
    let token = Token::parse(&seen[0].1).unwrap();
    let opened = redactor.keys().open(token, &scope).unwrap();
    assert_eq!(format!("{opened:?}"), "Raw(..)");
    assert_eq!(opened.open(), "jane@example.com");
}

#[test]
fn what_is_not_treated_keeps_its_bytes_wherever_they_lie() {
    let body = span_with(vec![pair("a", text("b")), pair("message", text("hello"))]).encode_to_vec();
    let redactor = redactor();
    let plain = view(&redactor, &RegionPlan::AllowAll, body.clone());
    let ruled = view(&redactor, &plan(&redactor, ABROAD), body);
    assert_eq!(shown(&plain), shown(&ruled));
    assert_eq!(ruled.treated, Treated::default());
}

#[test]
fn what_was_treated_is_counted_by_class() {
    let redactor = redactor();
    let attributes = vec![
        pair("user.full_name", text("Jane Roe")),
        pair("message", text("203.0.113.9 and 203.0.113.10 and Jane Roe")),
    ];
    let view = view(&redactor, &plan(&redactor, ABROAD), span_with(attributes).encode_to_vec());
    let named: Vec<(String, u64)> = view
        .treated
        .by_class
        .iter()
        .map(|(class, n)| (redactor.classes().get(*class).name.clone(), *n))
        .collect();
    assert_eq!(named, [("pii.name".to_owned(), 2), ("pii.ip".to_owned(), 2)]);
    assert_eq!(view.treated.total, 4);
}

#[test]
fn a_plan_of_other_classes_shows_nothing() {
    let other = Redactor::without_classes();
    let plan = plan(&redactor(), ABROAD);
    let body = span_with(vec![]).encode_to_vec();
    assert!(view(&other, &plan, body).chunk.spans.is_empty());
}

#[test]
fn listed_keys_hold_besides() {
    use crate::policy::{KeyRules, Treatment};
    let redactor = redactor();
    let classes = redactor.classes().clone();
    let keys = KeyRules::new([("a".to_owned(), Treatment::Drop), ("user.b".to_owned(), Treatment::Mask)]);
    let ruled = Ruled::fixed(classes, RegionName::parse("eu").unwrap(), |_| Cell::OPEN).with_keys(keys);
    let plan = RegionPlan::Ruled(Arc::new(ruled));
    let list =
        AnyValue { value: Some(Value::KvlistValue(KeyValueList { values: vec![pair("b", text("x"))] })) };
    let view =
        view(&redactor, &plan, span_with(vec![pair("a", text("x")), pair("user", list)]).encode_to_vec());
    let decoded = TracesData::decode(&*shown(&view)).unwrap();
    let seen = &decoded.resource_spans[0].scope_spans[0].spans[0].attributes;
    let masked = AnyValue {
        value: Some(Value::KvlistValue(KeyValueList { values: vec![pair("b", text("<redacted>"))] })),
    };
    assert_eq!(seen, &vec![pair("user", masked)]);
}

#[test]
fn more_keys_than_any_program_writes_are_withheld() {
    let keys = (0..70_000).map(|nth| pair(&format!("k{nth}"), text("x")));
    let seen = seen(ABROAD, keys.chain([pair("password", text("x"))]).collect());
    assert!((60_000..70_000).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn an_argument_is_what_the_flag_before_it_says() {
    let list = |texts: &[&str]| {
        let values = texts.iter().map(|item| text(item)).collect();
        AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }
    };
    let given = ["app", "--password", "hunter2", "--name", "Jane Roe", "--depth", "7", "-u", "jane:hunter2"];
    let seen = seen(ABROAD, vec![pair("process.command_args", list(&given))]);
    let Some(Value::ArrayValue(seen)) = seen[0].value.as_ref().and_then(|any| any.value.clone()) else {
        panic!("{seen:?}")
    };
    let items: Vec<_> = seen.values.into_iter().map(|item| item.value.unwrap()).collect();
    let is =
        |nth: usize, text: &str| assert_eq!(items[nth], Value::StringValue(text.to_owned()), "{items:?}");
    for (nth, text) in [(0, "app"), (1, "--password"), (4, "‹pii.name›"), (6, "7"), (7, "-u")] {
        is(nth, text);
    }
    assert!(!format!("{items:?}").contains("hunter2"), "{items:?}");
}

#[test]
fn an_attribute_without_a_value_goes_with_its_key() {
    let listed = &[("unknown", Rung::Dropped)];
    let empty = |key: &str| KeyValue { key: key.to_owned(), value: None, ..Default::default() };
    let none = |key: &str| pair(key, AnyValue { value: None });
    let keys = |rungs: &[(&str, Rung)]| -> Vec<String> {
        let all = vec![empty("some.key"), none("other.key"), empty("service.name"), none("user.name")];
        seen(rungs, all).into_iter().map(|pair| pair.key).collect()
    };
    assert_eq!(keys(listed), ["service.name", "user.name"]);
    assert_eq!(keys(ABROAD), ["some.key", "other.key", "service.name", "user.name"]);
}

#[test]
fn a_key_that_is_an_address_is_one_within_a_map_too() {
    let values = vec![pair("jane@example.com", text("x"))];
    let map = AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) };
    let seen = seen(ABROAD, vec![pair("some.key", map), pair("jane@example.com", text("y"))]);
    assert!(!format!("{seen:?}").contains("jane@example.com"), "{seen:?}");
}

#[test]
fn what_has_no_structure_under_a_key_that_should_have_one_goes_with_its_class() {
    let of = |value: Value| pair("url.full", AnyValue { value: Some(value) });
    let all = vec![of(Value::IntValue(4242)), of(Value::DoubleValue(0.5)), of(Value::BoolValue(true))];
    let masked = pair("url.full", text("‹url›"));
    assert_eq!(seen(&[("url", Rung::Masked)], all.clone()), vec![masked; 3]);
    assert_eq!(seen(&[("url", Rung::Dropped)], all.clone()), vec![]);
    assert_eq!(seen(&[("pii.email", Rung::Masked)], all.clone()), all);
}

#[test]
fn fields_of_a_list_that_are_not_known_go_however_they_are_written() {
    use crate::wire::otlp::{any_value, key_value, list, resource_spans, scope_spans, span, trace};
    use crate::wire::protobuf::{put_bytes_field, put_message, put_varint_field};
    let canary = 4_111_111_111_111_111u64;
    let mut number = Vec::new();
    put_varint_field(&mut number, 1, canary);
    // The tag is of one byte.
    let number = number[1..].to_vec();
    for kind in [any_value::ARRAY, any_value::KVLIST] {
        let field = list::VALUES + 6;
        let mut body = Vec::new();
        put_message(&mut body, trace::RESOURCE_SPANS, |body| {
            put_message(body, resource_spans::SCOPE_SPANS, |body| {
                put_message(body, scope_spans::SPANS, |body| {
                    put_bytes_field(body, span::TRACE_ID, &[1; 16]);
                    put_bytes_field(body, span::SPAN_ID, &[1; 8]);
                    put_message(body, span::ATTRIBUTES, |body| {
                        put_bytes_field(body, key_value::KEY, b"some.key");
                        put_message(body, key_value::VALUE, |body| {
                            put_message(body, kind, |body| put_varint_field(body, field, canary));
                        });
                    });
                });
            });
        });
        let holds = |bytes: &[u8]| bytes.windows(number.len()).any(|window| window == number);
        assert!(holds(&body));
        let redactor = redactor();
        let view = view(&redactor, &plan(&redactor, ABROAD), body);
        assert_eq!(view.chunk.spans.len(), 1);
        assert!(!holds(&shown(&view)), "field {field} of {kind}");
    }
}
