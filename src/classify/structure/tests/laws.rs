//! Properties of all readers: nothing panics, pieces are in order and at characters, no planted value survives,
//! and work grows with the text and not faster.

use proptest::prelude::*;

use super::*;

fn structures() -> Vec<Structure> {
    let dialects = [
        Dialect::Ansi,
        Dialect::Postgres,
        Dialect::Mysql,
        Dialect::Mssql,
        Dialect::Oracle,
        Dialect::Sqlite,
        Dialect::Clickhouse,
        Dialect::Google,
        Dialect::Cassandra,
    ];
    let named = Structure::names().map(|name| Structure::parse(name).unwrap());
    named.chain(dialects.map(Structure::Sql)).collect()
}

#[track_caller]
fn holds(structure: Structure, text: &str) {
    let mut pieces = Vec::new();
    if parse(structure, text, &mut pieces).is_err() {
        assert!(pieces.is_empty());
        return;
    }
    let mut end = 0;
    for piece in &pieces {
        let range = &piece.range;
        assert!(range.start >= end && range.end >= range.start, "{structure:?} {text:?}: {pieces:?}");
        assert!(text.get(range.clone()).is_some(), "{structure:?} {text:?}: {range:?}");
        end = range.end;
    }
}

/// Texts that bend what the readers look for.
const BITS: &[&str] = &[
    "'", "\"", "`", "[", "]", "{", "}", "(", ")", "\\", "/", "//", "://", "?", "#", "&", "=", ";", ":", ",",
    "@", "$", "$$", "--", "/*", "*/", "\n", "\r\n", " ", "\t", "ä", "€", "𝄞", "\u{0}", "%40", "%", "+", "-",
    "--p", "0", "7", "a", "SELECT ", "WHERE ", "q'", "E'", "GET ", "at ", "File \"", "map[", "\\\"",
    "\\u0041", "null", "#0 ", "http", "Ab", "~",
];

fn bent() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(BITS), 0..40).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn pieces_are_in_order_and_at_characters(text in bent(), other in "\\PC{0,60}") {
        for structure in structures() {
            holds(structure, &text);
            holds(structure, &other);
        }
    }

    #[test]
    fn a_beginning_of_anything_is_read_or_refused(cut in 0_usize..400) {
        for (structure, text) in canaries("kanarienvogel4711") {
            if let Some(part) = text.get(..cut) {
                holds(structure, part);
            }
        }
    }

    #[test]
    fn a_planted_value_is_in_a_piece(canary in "[a-z]{6}[0-9]{3}[A-Za-z ]{0,6}[0-9]") {
        for (structure, text) in canaries(&canary) {
            let mut pieces = Vec::new();
            parse(structure, &text, &mut pieces).unwrap_or_else(|error| panic!("{text}: {error}"));
            let left = without(&text, &pieces);
            prop_assert!(!left.contains(&canary), "{}", left);
        }
    }

    #[test]
    fn a_text_in_quotes_never_ends_early(inside in "[a-z '\"\\\\$#/*\\-\\[\\]]{0,24}") {
        // Whatever stands between quotes that are doubled is in one piece, or the statement is refused.
        let text = format!("SELECT a FROM t WHERE b = '{}' AND c = 'kanarienvogel'", inside.replace('\'', "''"));
        for dialect in [Dialect::Mssql, Dialect::Oracle, Dialect::Sqlite, Dialect::Any, Dialect::Postgres] {
            let mut pieces = Vec::new();
            if parse(Structure::Sql(dialect), &text, &mut pieces).is_ok() {
                let left = shown(&text, &pieces);
                prop_assert_eq!(left, "SELECT a FROM t WHERE b = '‹b›' AND c = '‹c›'");
            }
        }
    }
}

/// What no piece covers.
fn without(text: &str, pieces: &[Piece<'_>]) -> String {
    let ends = pieces.iter().map(|piece| piece.range.end);
    let starts = pieces.iter().map(|piece| piece.range.start).chain([text.len()]);
    std::iter::once(0)
        .chain(ends)
        .zip(starts)
        .map(|(from, to)| text.get(from..to).unwrap())
        .collect::<Vec<_>>()
        .join("‹›")
}

/// A value in each place that a value can stand in.
fn canaries(canary: &str) -> Vec<(Structure, String)> {
    let percent = canary.replace(' ', "%20");
    let joined = canary.replace(' ', "_");
    let sql = [
        "SELECT * FROM t WHERE a = 'C' AND b IN ('C', 'x') OR c LIKE '%C%'",
        "INSERT INTO t (a, b) VALUES ('C', N'C'), ('it''s C', 5)",
        "UPDATE t SET a = 'C' /* C */ WHERE b <> 'C' -- C\n",
        "EXEC p @a = 'C'",
    ];
    let mut all = Vec::new();
    for dialect in
        [Dialect::Any, Dialect::Ansi, Dialect::Postgres, Dialect::Mysql, Dialect::Oracle, Dialect::Google]
    {
        all.extend(sql.map(|text| (Structure::Sql(dialect), placed(text, canary))));
    }
    let texts: &[(Structure, &str, &str)] = &[
        (Structure::Url, "https://C:C@h/a;jsessionid=C/b?x=C&C#C", &percent),
        (Structure::UrlQuery, "?x=C&C@x=1&y[]=C", &joined),
        (Structure::Form, "x=C&y=C", &joined),
        (Structure::Json, r#"{"a":"C","b":["C",{"c":"C"}],"d":"{\"e\":\"C\",\"f\":[\"C\"]}"}"#, canary),
        (Structure::Document, "db.t.find({a: 'C', b: {$in: [\"C\"]}, r: /C/}).sort({x: 1})", canary),
        (Structure::Headers, "GET /a?b=C HTTP/1.1\r\nHost: C\r\nX-A: C\r\n C\r\n", &joined),
        (Structure::Headers, r#"{"A":["C"],"B":"C"}"#, canary),
        (Structure::Headers, "map[A:[C] B:[C C]]", canary),
        (Structure::Cookie, "a=C; b=\"C\"; C", &joined),
        (Structure::SetCookie, "a=C; Path=/C; Expires=C; C", &joined),
        (Structure::Baggage, "a=C,b=C;m=C;C", &joined),
        (Structure::TraceState, "a=C,b=C", &joined),
        (Structure::UserAgent, "X/C (C; C) Y/1.C", canary),
        (
            Structure::Stack,
            "x.Error: C\n\tat a.B.c(B.java:1)\nCaused by: y.Error: C\nC\n#0 /a.php(1): f('C')\n",
            canary,
        ),
        (Structure::Command, "run --a C -b C -pC --c=C D=C \"C\" -H 'X-A: C'", &joined),
        (Structure::CommandArgument, "--a=C", canary),
        (
            Structure::Graphql,
            "query { a(b: \"C\", c: [\"C\"], d: {e: \"C\"}, f: \"\"\"C\"\"\") { g } }",
            canary,
        ),
        (Structure::Redis, "SET a:C C\nHSET k f C", &joined),
        (Structure::Statement, "SET k C = C", &joined),
        (Structure::UrlPath, "/a/C/b;m=C", &percent),
        (Structure::FilePath, "/srv/C/x", &percent),
        (Structure::Name, "GET /a/C", &percent),
    ];
    all.extend(texts.iter().map(|(structure, text, value)| (*structure, placed(text, value))));
    all
}

/// The value in each place: a capital `C` that stands alone, or behind the `p` of a flag.
fn placed(text: &str, value: &str) -> String {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let is_place =
            c == 'C' && (!is_letter(before) || before == Some(&b'p')) && !is_letter(bytes.get(at + 1));
        if is_place { out.push_str(value) } else { out.push(c) }
    }
    out
}
