//! Patterns mean what they mean to Go, and those it refuses are refused.

use super::*;

#[test]
fn patterns_mean_what_they_mean_to_go() {
    let table = [
        ("a.*", "a\nb", true),
        ("b", "abc", false),
        ("(?-s).*", "a\nb", false),
        (r"\d", "٣", false),
        (r"\s", "\x0b", false),
        (r"\w+", "é", false),
        ("[[a]b]", "[b]", true),
        ("[a&&b]", "&", true),
        ("a{,2}", "a{,2}", true),
        ("a{2", "a{2", true),
        ("(?i)k", "\u{212a}", true),
        (r"\Qa.b\E+", "a.bb", true),
        (r"\101\x42\x{43}", "ABC", true),
        (r"[\w-]+", "a-b", true),
        ("[]a]+", "]a", true),
        ("[^b]", "\n", true),
        (r"\p{^Greek}", "x", true),
        ("a+(?i)?", "", true),
        ("a|bc", "bc", true),
        ("", "", true),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(
            PatternStore::default().compile(pattern).expect(pattern).is_match(text),
            expected,
            "{pattern}"
        );
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for pattern in [
        "(",
        ")",
        "*",
        "a**",
        "a{2}{3}",
        "(|*)",
        "[",
        "[b-a]",
        "[[:foo:]]",
        r"\8",
        r"\q",
        r"\1",
        r"\Z",
        "\\",
        "(?=a)",
        "(?x)",
        "(?-)",
        "(?P<n>a)(?P<n>b)",
        "(?P<>a)",
        "a{1001}",
        "(a{40}){40}",
        "a{2,1}",
        r"\p{Foo}",
        r"\x{110000}",
        "(?i",
        r"[a-\d]",
    ] {
        assert!(check(pattern).is_err(), "{pattern}");
    }
    assert_eq!(check(r"((a{10}){10}b*){10}|[\d_]{3,}(?U)x"), Ok(()));
}

#[test]
fn a_pattern_of_a_few_texts_is_told_by_them() {
    let of = |pattern: &str| {
        texts(pattern, 16).map(|mut texts| {
            texts.sort();
            texts.join(",")
        })
    };
    for (pattern, expected) in [
        ("a", Some("a")),
        ("a|b", Some("a,b")),
        ("(GET|PUT) /cart", Some("GET /cart,PUT /cart")),
        ("a[bc]", Some("ab,ac")),
        ("colou?r", Some("color,colour")),
        ("a.*", None),
        ("[a-z]+", None),
        ("a{0,100}", None),
        ("(", None),
    ] {
        assert_eq!(of(pattern).as_deref(), expected, "{pattern}");
    }
}
