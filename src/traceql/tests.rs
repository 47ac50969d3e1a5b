//! The language as a whole: what is accepted and refused, that printing loses nothing, and that no text can
//! hurt. The tables in `tests/` were labelled by running a real Tempo over them.

pub mod generated;

use super::*;
use error::Class;
use proptest::prelude::*;

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.is_empty())
}

fn refusal(text: &str) -> String {
    compile(text).expect_err(text).to_string()
}

#[test]
fn what_tempo_accepts_is_accepted() {
    for text in lines(include_str!("tests/accepted.txt")) {
        if let Err(error) = compile(text) {
            panic!("{text}\n{}", error.caret(text));
        }
    }
}

#[test]
fn what_tempo_cannot_parse_is_no_traceql() {
    for text in lines(include_str!("tests/no_traceql.txt")) {
        let error = parse(text).expect_err(text);
        assert_eq!(error.class, Class::Syntax, "{text}");
        assert!(error.to_string().starts_with("parse error at line 1, col "), "{error}");
    }
}

#[test]
fn what_tempo_parses_and_refuses_is_refused_by_the_check() {
    for text in lines(include_str!("tests/ill_typed.txt")) {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_ne!(check(text, &query).expect_err(text).class, Class::Syntax, "{text}");
    }
}

#[test]
fn canonical_text_is_tempos() {
    let table = [
        ("{}", "{ true }"),
        ("{ span:name=\"a\" }", "{ name = `a` }"),
        ("{.a&&.b||.c}", "{ (.a && .b) || .c }"),
        ("{ .a || (.b && .c) }", "{ .a || (.b && .c) }"),
        ("{ -.a * .b=1 }", "{ (-(.a * .b)) = 1 }"),
        ("{ !.a = .b }", "{ (!.a) = .b }"),
        ("{ 1 < 2 = true }", "{ (1 < 2) = true }"),
        ("{ .a ^ .b ^ .c = 1 }", "{ (.a ^ (.b ^ .c)) = 1 }"),
        ("{ nil = .a + 1 }", "{ (.a + 1) = nil }"),
        ("{.a} > {.b} ~ {.c} || {.d}", "((({ .a }) > ({ .b })) ~ ({ .c })) || ({ .d })"),
        ("{ duration > 90s && .x > 1e6 }", "{ (duration > 1m30s) && (.x > 1e+06) }"),
        ("{ span.\"a b\".c = 1 }", "{ span.\"a b.c\" = 1 }"),
        (
            "({.p}|{.q}) && ({.a}) << ({.b}|{.c}) ~ ({.d})",
            "({ .p } | { .q }) && ({ .a }) << ({ .b } | { .c }) ~ ({ .d })",
        ),
        ("({.a}|rate())*100>5", "({ .a } | rate()) * 100 > 5"),
        ("{} | 1 + 2 * count() > 3 * 2", "{ true } | (1 + (2 * (count()))) > 6"),
        ("{} with(a1=1) with(b2=2s)", "{ true } with(b2=2s)"),
    ];
    for (text, canonical) in table {
        assert_eq!(parse(text).expect(text).to_string(), canonical);
    }
}

#[test]
fn what_needs_no_span_is_computed() {
    let folded = |text: &str| match parse(text).expect(text).root {
        ast::Root::Pipeline(pipeline) => match pipeline.stages.as_slice() {
            [ast::Stage::Spanset(ast::SpansetExpr::Filter(filter))] => fold::fold(&filter.field).to_string(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let table = [
        ("{ 1 + 2 * 3 = 7 }", "true"),
        ("{ .a = -(1) }", ".a = -1"),
        ("{ 1 / 0 = 1 }", "(1 / 0) = 1"),
        ("{ false && 1 / 0 = 1 }", "false"),
        ("{ \"nil\" = nil }", "true"),
        ("{ 5 != nil }", "true"),
        ("{ \"abc\" =~ \"a.*\" && .x }", "true && .x"),
        // As Tempo has it: the sides of an integer power are exchanged.
        ("{ .a = 2 ^ 3 }", ".a = 9"),
        ("{ .a > 1h / 2 }", ".a > 1.8e+12"),
    ];
    for (text, expected) in table {
        assert_eq!(folded(text), expected, "{text}");
    }
}

#[test]
fn refusals_say_what_where_and_what_would_be_right() {
    insta::assert_snapshot!(refusal("{ .a = }"), @"parse error at line 1, col 8: syntax error: unexpected `}`, expecting an attribute or a value");
    insta::assert_snapshot!(refusal("{ foo = 1 }"), @r#"parse error at line 1, col 3: unknown identifier: foo; an attribute is written .foo, span.foo or resource.foo, a string "foo""#);
    insta::assert_snapshot!(refusal("{ duration > \"1s\" }"), @"binary operations must operate on the same type: duration > `1s` (line 1, col 3); the left of `>` is a duration, the right a string");
    insta::assert_snapshot!(refusal("{ } | count()"), @"parse error at line 1, col 14: syntax error: unexpected end of the query, expecting a comparison; an aggregate needs one: { } | count() > 2");
    insta::assert_snapshot!(refusal("{ parent.a = 1 }"), @"parent not yet supported (line 1, col 3); relate spans with { ... } > { ... } instead");
    insta::assert_snapshot!(refusal("{ name = nil }"), @r#"name=nil is not valid because intrinsics cannot be nil (line 1, col 3); compare with an empty value, as in name = """#);
}

#[test]
fn the_caret_stands_under_the_fault() {
    let text = "{ .a = 1 &&\n\tstatus > ok }";
    insta::assert_snapshot!(compile(text).unwrap_err().caret(text), @r"
    illegal operation for the given types: status > ok
      --> line 2, column 2
      |  status > ok }
      |  ^^^^^^^^^^^
      = a status stands by = !=, not by `>`
    ");
    // Far to the right, at the end, and past it.
    let long = format!("{{ {}", ".attribute = 1 && ".repeat(40));
    let shown = parse(&long).unwrap_err().caret(&long);
    assert!(shown.lines().all(|line| line.chars().count() < 130), "{shown}");
    assert!(parse("").unwrap_err().caret("").contains('^'));
}

#[test]
fn a_query_is_limited_in_length_and_depth() {
    let long = format!("{{ .a = \"{}\" }}", "x".repeat(QUERY_BYTES_MAX));
    assert!(refusal(&long).contains("exceeds the maximum size"));
    for (open, middle, close) in
        [("(", "{ }", ")"), ("{ ", "(".repeat(60_000).as_str(), ""), ("-", "1", ""), ("{ !", "", "")]
    {
        let text = format!("{}{middle}{}", open.repeat(500), close.repeat(500));
        assert!(parse(&text).is_err(), "{open}");
    }
    assert!(refusal(&format!("{{ {} }}", ".a + ".repeat(DEPTH_MAX) + ".a > 1")).contains("nests deeper"));
    // What real queries do with thousands of ids does not nest.
    let ids = format!("{{ {} .z }}", "trace:id = \"4bf92f3577b34da6a3ce929d0e0e4736\" || ".repeat(2500));
    assert_eq!(parse(&ids).map(|query| query.to_string().len() > 100_000), Ok(true));
}

/// The deepest trees there are, through every walk, on the stack a runtime's thread has.
#[test]
fn the_deepest_query_does_not_exhaust_a_small_stack() {
    let walk = || {
        let depth = DEPTH_MAX - 8;
        for text in [
            format!("{{ {}.a{} }}", "!(".repeat(depth), ")".repeat(depth)),
            format!("{{ {}1 }}", "-".repeat(depth)),
            format!("{{ .a {} }}", "^ .a ".repeat(depth)),
            format!("{}{{ .a }}{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}{{ .a }} | {{ .b }}{}", "(".repeat(depth), ")".repeat(depth)),
            format!("{}{{ }} | rate(){}", "(".repeat(depth / 2), ") + 1".repeat(depth / 2)),
        ] {
            let query = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            let _ = check(&text, &query);
            let printed = query.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&query), "{printed}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&format!("{{ {}", "!".repeat(100_000))).is_err());
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(walk).unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn print_then_parse_is_the_identity(query in generated::query()) {
        let printed = query.to_string();
        let parsed = parse(&printed).map_err(|error| TestCaseError::fail(error.caret(&printed)))?;
        prop_assert_eq!(&parsed, &query, "{}", printed);
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn no_text_hurts(text in "\\PC{0,40}") {
        if let Err(error) = compile(&text) {
            prop_assert!(!error.caret(&text).is_empty());
        }
    }

    #[test]
    fn no_arrangement_of_words_hurts(words in proptest::collection::vec(0..100usize, 0..24)) {
        const WORDS: [&str; 34] = ["{", "}", "(", ")", "|", "||", "&&", "!", "=", "!=", "=~", "~", ">>", "!<", "-", "+", "^",
            "nil", ".a", "span.", "parent.", "\"x\"", "`", "1", "1.5h", "count()", "rate()", "by(", "topk(3)", "with(",
            ",", "compare(", "trace:", "// "];
        let text: String = words.iter().map(|word| format!("{} ", WORDS[word % WORDS.len()])).collect();
        if let Ok(query) = parse(&text) {
            prop_assert_eq!(parse(&query.to_string()), Ok(query));
        }
    }
}
