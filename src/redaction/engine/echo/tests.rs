//! What was treated is found however it is written, and nothing of it is left.

use base64::Engine;
use proptest::prelude::*;

use super::*;
use crate::classify::Classifier;
use crate::classify::classifier::Bindings;
use crate::classify::detect::Care;
use crate::classify::keys::Dictionary;

/// The second class is the stricter.
fn look() -> Look {
    let class = ClassId::new(0);
    let classifier = Classifier::new(Dictionary::default(), Bindings::default(), class, class);
    classifier.look(|class| (u8::try_from(class.index()).unwrap(), Care::Balanced))
}

fn search(values: &[&str]) -> Option<Echo> {
    let mut found = Found::default();
    values.iter().for_each(|value| found.add(value, ClassId::new(1), &look()));
    found.search()
}

fn searched(values: &[&str]) -> Box<Search> {
    let Some(Echo::Search(search)) = search(values) else { panic!("nothing to look for") };
    search
}

/// The text with a sign in the place of all that was found.
#[track_caller]
fn scrubbed(search: &Search, text: &str) -> String {
    tried(search, text).unwrap()
}

fn tried(search: &Search, text: &str) -> Result<String, Unsearched> {
    let mut memory = Memory::default();
    let mut ranges: Vec<_> =
        search.find(text, &mut memory)?.iter().map(|found| found.range.clone()).collect();
    ranges.sort_by_key(|range| range.start);
    let (mut out, mut from) = (String::new(), 0);
    for range in ranges {
        if range.end > from {
            out.push_str(text.get(from..range.start.max(from)).unwrap());
            if range.start >= from {
                out.push('#');
            }
            from = range.end;
        }
    }
    Ok(out + text.get(from..).unwrap())
}

#[track_caller]
fn check(values: &[&str], text: &str, expected: &str) {
    assert_eq!(scrubbed(&searched(values), text), expected);
}

#[test]
fn a_value_is_found_however_it_is_written() {
    let names = &["Jane Roe", "José García"];
    check(names, "hello Jane Roe!", "hello #!");
    check(names, "JANE ROE and jane roe", "# and #");
    check(names, "?name=Jane%20Roe&x=jane+roe", "?name=#&x=#");
    check(names, "?name=Jos%C3%A9%20Garc%C3%ADa", "?name=#");
    check(names, "?url=%3Fname%3DJane%2520Roe%26", "?url=%3Fname%3D#%26");
    check(names, r#"{"n":"Jos\u00e9 Garc\u00EDa"}"#, r##"{"n":"#"}"##);
    check(names, "JOSÉ GARCÍA, Jane\tRoe", "#, #");
    check(names, "J&#97;ne Roe", "#");
    check(names, "Jane Doe", "Jane Doe");
}

#[test]
fn what_was_treated_in_an_escaped_form_is_found_in_its_plain_one() {
    for escaped in ["Jane%20Roe", "jane+roe", "Jane%2520Roe", r"Jane\u0020Roe", "&#74;ane Roe"] {
        check(&[escaped], "hello Jane Roe!", "hello #!");
        check(&[escaped], "x=Jane%20Roe&", "x=#&");
    }
}

#[test]
fn a_value_is_found_in_base64_wherever_it_stands_in_it() {
    let search = searched(&["jane.roe@example.com"]);
    for before in ["", "a", "ab", "abc", r#"{"email":""#] {
        let text = format!("{before}jane.roe@example.com, and more");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&text);
        let left = scrubbed(&search, &format!("basic {encoded}"));
        assert!(left.contains('#') && left.len() < 6 + encoded.len() - 20, "{before}: {left}");
    }
}

#[test]
fn a_short_value_is_found_as_a_word() {
    check(&["order"], "reorder orders order_7 order", "reorder orders #_7 #");
    check(&["roe77"], "xroe77 roe77", "xroe77 #");
    check(&["u-1-2-3-4"], "xu-1-2-3-4x", "x#x");
    check(&["müllr"], "amüllr müllré müllr", "amüllr müllré #");
}

#[test]
fn of_two_values_of_which_one_extends_the_other_either_is_found() {
    check(&["jane.roe", "jane.roe@example.com"], "to jane.roe@example.com", "to #");
    check(&["jane.roe", "jane.roe@example.com"], "to jane.roe@example.org", "to #@example.org");
    // The longer word goes on, the shorter one does not.
    check(&["order", "order-x"], "order-xy order-x", "#-xy #");
}

#[test]
fn values_that_overlap_go_as_one() {
    check(&["Roe & Sons", "Sons of Jane"], "Roe & Sons of Jane", "#");
    check(&["aaaaaaaaab"], "aaaaaaaaaaaaaaaab!", "aaaaaaa#!");
}

#[test]
fn of_a_long_value_what_agrees_goes_from_some_length_on() {
    let long: String = (0..200).map(|nth| format!("word{nth} ")).collect();
    let long = long.trim();
    check(&[long], &format!("x {long} y"), "x # y");
    let half = long.get(..long.len() / 2).unwrap();
    check(&[long], &format!("x {half}!"), "x #!");
    check(&[long], long.get(..200).unwrap(), long.get(..200).unwrap());
    let huge: String = (0..20_000).map(|nth| format!("{nth} ")).collect();
    check(&[&huge], &format!("x {huge} y"), "x #");
    // What would take too long is not shown at all.
    let slow = "0123456789".repeat(10_000);
    assert_eq!(searched(&[&slow]).find(&slow, &mut Memory::default()), Err(Unsearched));
}

#[test]
fn what_is_common_or_short_is_not_looked_for() {
    assert!(search(&["Jane", "admin", "ADMIN", " root ", "12345", "", "unknown", "%4a%61%6e%65"]).is_none());
    assert!(search(&["123456"]).is_some());
}

#[test]
fn too_many_values_are_not_looked_for_in_part() {
    let values: Vec<String> = (0..=ECHO_VALUES_MAX).map(|nth| format!("user-{nth}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert!(matches!(search(&values), Some(Echo::TooMany)));
    assert!(matches!(search(&values[1..]), Some(Echo::Search(_))));
    let long: Vec<String> = (0..40).map(|nth| format!("{nth}{}", "x".repeat(VALUE_BYTES_MAX))).collect();
    assert!(matches!(search(&long.iter().map(String::as_str).collect::<Vec<_>>()), Some(Echo::TooMany)));
}

#[test]
fn of_two_classes_the_stricter_holds() {
    for order in [[1, 2], [2, 1]] {
        let mut found = Found::default();
        order.into_iter().for_each(|class| found.add("Jane Roe", ClassId::new(class), &look()));
        let Some(Echo::Search(search)) = found.search() else { panic!("nothing to look for") };
        assert_eq!(search.find("Jane Roe", &mut Memory::default()).unwrap()[0].class, ClassId::new(2));
    }
}

/// Steps for texts that were made to be slow, of one length and of twice that.
#[test]
fn the_work_for_a_text_doubles_with_its_length() {
    let nested: Vec<String> = (8..250).map(|count| "a".repeat(count)).collect();
    let alike: Vec<String> = (0..4000).map(|nth| format!("{}{nth:04}", "a@".repeat(20))).collect();
    let of = |values: &[String]| searched(&values.iter().map(String::as_str).collect::<Vec<_>>());
    let searches = [of(&nested), of(&alike), searched(&["a@a@a@a@a@"]), searched(&["aaaab", "aaaaaab"])];
    for (nth, search) in searches.iter().enumerate() {
        for unit in ["a@", "a", "aaaaaaaa0", "%61", "jane.roe@example.com "] {
            let steps = |bytes: usize| {
                let mut memory = Memory::default();
                let _ = search.find(&unit.repeat(bytes / unit.len()), &mut memory);
                memory.steps
            };
            let (once, twice) = (steps(1 << 16), steps(1 << 17));
            assert!(twice <= once * 21 / 10 + 4096, "{nth}, {unit}: {once}, then {twice}");
            assert!(once <= 9 << 16, "{nth}, {unit}: {once} steps for {} bytes", 1 << 16);
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]{5,12}",
        2 => "[abAB%2 +]{5,10}",
        2 => "[A-Za-z]{2,6}[ .@_-][a-zé]{2,8}",
        1 => "[0-9]{6,10}",
        1 => "[ab]{5,6}(ab){20,200}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_value_of_some_length_is_left_anywhere(
        values in proptest::collection::vec(value(), 1..8),
        text in proptest::collection::vec((0usize..8, 0usize..6, "[ab2 .é+]{0,4}"), 0..12),
    ) {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        let Some(Echo::Search(search)) = search(&texts) else { return Ok(()) };
        let mut said = String::new();
        for (nth, how, between) in text {
            let value = &values[nth % values.len()];
            let url = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            // What stands beside an escape must not make another of it.
            let apart = if (2..=4).contains(&how) { "|" } else { "" };
            said += apart;
            match how {
                0 => said += value,
                1 => said += &value.to_uppercase(),
                2 => said += &url,
                3 => said += &utf8_percent_encode(&url, NON_ALPHANUMERIC).to_string(),
                4 => said += &url.replace("%20", "+"),
                _ => said += value.get(..value.floor_char_boundary(value.len() / 2)).unwrap(),
            }
            said += apart;
            said += &between;
        }
        // A text that repeats itself for hundreds of bytes may cost more than it may: nothing of it is shown then.
        let Ok(left) = tried(&search, &said) else {
            prop_assert!(said.len() > 256, "{said:?}");
            return Ok(());
        };
        let small = |text: &str| text.to_lowercase();
        for value in &values {
            let value = value.trim();
            // A value of which hardly anything is left once its escapes are undone tells nothing of anyone.
            let read = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            let is_telling = read.trim().chars().count() >= ECHO_DIGITS_MIN;
            if is_telling && value.chars().count() >= WORD_CHARS_MAX {
                prop_assert!(!small(&left).contains(&small(value)), "{value:?} of {said:?}: {left:?}");
                let url = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
                prop_assert!(!small(&left).contains(&small(&url)), "{url:?} of {said:?}: {left:?}");
            }
        }
    }
}
