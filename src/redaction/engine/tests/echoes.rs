//! A protected value in any place of a trace and however it is written: afterwards it stands nowhere.

use base64::Engine;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// How a text may say a value.
const WAYS: usize = 8;

fn written(value: &str, way: usize) -> String {
    let url = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    match way {
        0 => value.to_owned(),
        1 => value.to_uppercase(),
        2 => url,
        3 => utf8_percent_encode(&url, NON_ALPHANUMERIC).to_string(),
        4 => url.replace("%20", "+"),
        5 => {
            let unit = |unit| format!("\\u{unit:04x}");
            value.encode_utf16().map(unit).collect()
        }
        6 => value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        _ => base64::engine::general_purpose::STANDARD.encode(format!("to {value} and more")),
    }
}

/// One place of a trace, with a text in it.
fn put(span: &mut Span, place: usize, said: String) {
    let value = || text(&said);
    match place {
        0 => span.attributes.push(pair("message", value())),
        1 => span.attributes.push(pair("some.key", value())),
        2 => span.name = said,
        3 => span.status = Some(Status { message: said, code: 2 }),
        4 => span.events.push(Event { name: said, ..Event::default() }),
        5 => {
            let attributes = vec![pair("exception.note", value())];
            span.links.push(Link { attributes, ..Link::default() });
        }
        6 => {
            let list = ArrayValue { values: vec![text("first"), value()] };
            let list = AnyValue { value: Some(Value::ArrayValue(list)) };
            span.attributes.push(pair("notes", list));
        }
        7 => {
            let list = KeyValueList { values: vec![pair("inner", value())] };
            let list = AnyValue { value: Some(Value::KvlistValue(list)) };
            span.attributes.push(pair("nested", list));
        }
        _ => span.attributes.push(pair(&format!("by.{said}"), text("x"))),
    }
}

/// The value in every way, in small letters, and in what is the same of it wherever it stands in base64.
fn tells(value: &str) -> Vec<String> {
    let ways = (0..WAYS - 1).map(|way| written(value, way).to_lowercase());
    ways.collect()
}

fn protected() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Z][a-z]{3,8} [A-Z][a-z]{4,9}",
        1 => "[A-Z][a-zé]{3,8} [A-Zø][a-zü]{4,9}-[A-Z][a-z]{2,4}",
        1 => "[a-z]{3,6}\\.[a-z]{4,6}@[a-z]{3,7}\\.example",
        1 => "[a-z]{2,5}/[a-z]{3,6}=[a-z0-9]{2,4}",
    ]
}

/// All that a caller sees, as one text in small letters.
fn all_shown(view: &View) -> String {
    format!("{:?}", TracesData::decode(&*shown(view)).unwrap()).to_lowercase()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_protected_value_stands_nowhere_afterwards(
        value in protected(),
        key_way in 0usize..7,
        places in vec((0usize..9, 0usize..WAYS, "[a-z ]{0,6}"), 0..8),
    ) {
        let mut span = Span::default();
        for (place, way, around) in places {
            put(&mut span, place, format!("{around} {} {around}", written(&value, way)));
        }
        span.attributes.push(pair("user.full_name", text(&written(&value, key_way))));
        let redactor = redactor();
        let view = view(&redactor, &plan(&redactor, ABROAD), trace_of(span.clone()).encode_to_vec());
        let seen = all_shown(&view);
        for told in tells(&value) {
            // A text in the output of `Debug` has each of its backslashes twice.
            let told = told.replace('\\', "\\\\");
            prop_assert!(!seen.contains(&told), "{told} of {span:?}: {seen}");
        }
        // Base64 of a form is not looked for where another was treated.
        if key_way == 0 {
            let encoded = written(&value, 7).to_lowercase();
            let middle = encoded.get(8..encoded.len() - 16).unwrap();
            prop_assert!(!seen.contains(middle), "{middle} of {span:?}: {seen}");
        }
    }

    #[test]
    fn a_protected_number_stands_nowhere_afterwards(
        number in 100_000i64..10_000_000_000,
        as_text in any::<bool>(),
        places in vec(0usize..4, 1..6),
    ) {
        let int = |int| AnyValue { value: Some(Value::IntValue(int)) };
        let double = |double| AnyValue { value: Some(Value::DoubleValue(double)) };
        let mut attributes: Vec<_> = places.iter().enumerate().map(|(nth, place)| {
            let value = match place {
                0 => int(number),
                1 => double(number as f64),
                2 => text(&format!("order {number} of today")),
                _ => AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![int(number), int(7)] })) },
            };
            pair(&format!("field{nth}"), value)
        }).collect();
        let own = if as_text { text(&number.to_string()) } else { int(number) };
        attributes.push(pair("user.full_name", own));
        let redactor = redactor();
        let view = view(&redactor, &plan(&redactor, ABROAD), span_with(attributes).encode_to_vec());
        let seen = all_shown(&view);
        prop_assert!(!seen.contains(&number.to_string()), "{number}: {seen}");
    }
}

#[test]
fn a_number_of_five_digits_is_never_an_echo_and_one_of_six_is() {
    let int = |int| AnyValue { value: Some(Value::IntValue(int)) };
    let seen = |number: i64| {
        seen(ABROAD, vec![pair("user.full_name", int(number)), pair("size", int(number))])[1].clone()
    };
    assert_eq!(seen(99_999), pair("size", int(99_999)));
    assert_eq!(seen(100_000), pair("size", text("‹pii.name›")));
    assert_eq!(seen(-100_000), pair("size", text("‹pii.name›")));
}
