//! JSON, document stores and GraphQL.

use super::*;

#[test]
fn json_values_are_named_by_their_keys() {
    for (text, expected) in [
        (
            r#"{"email":"j@x","age":40,"ok":true,"n":null}"#,
            r#"{"email":"‹email›","age":‹age›,"ok":‹ok›,"n":‹n›}"#,
        ),
        (r#"{"user":{"name":"Jane"}}"#, r#"{"user":{"name":"‹user.name›"}}"#),
        (r#"{"emails":["a",["b"],{"x":1}]}"#, r#"{"emails":["‹emails›",["‹emails›"],{"x":‹emails.x›}]}"#),
        (r#"["a",1]"#, r#"["‹›",‹›]"#),
        (r#""jane""#, r#""‹›""#),
        ("42", "‹›"),
        (r#"{"a":1}{"a":2}"#, r#"{"a":‹a›}{"a":‹a›}"#),
        ("{\"index\":{}}\n{\"a\":\"b\"}\n", "{\"index\":{}}\n{\"a\":\"‹a›\"}\n"),
        (r#"{"a":1,"a":2}"#, r#"{"a":‹a›,"a":‹a›}"#),
        (r#"{"jane@x.com":1}"#, r#"{"‹odd›":‹jane@x.com›}"#),
        (r#"{"1234567890":"x"}"#, r#"{"‹odd›":"‹1234567890›"}"#),
        (r#"{"\u0065mail":"x"}"#, r#"{"\u0065mail":"‹email›"}"#),
        (r#"{"a":"it\"s","b":"\\"}"#, r#"{"a":"‹a›","b":"‹b›"}"#),
        (r#"{"a":""}"#, r#"{"a":"‹a›"}"#),
        ("{}", "{}"),
        ("", ""),
        (" [ ] ", " [ ] "),
        (r#"{"a":"größe"}"#, r#"{"a":"‹a›"}"#),
        (r#"{"a":-1.5e+10}"#, r#"{"a":‹a›}"#),
    ] {
        check(Structure::Json, text, expected);
    }
}

#[test]
fn json_in_a_text_of_json_is_read_one_level_deep() {
    for (text, expected) in [
        (
            r#"{"body":"{\"email\":\"j@x\",\"n\":[1]}"}"#,
            r#"{"body":"{\"email\":\"‹body.email›\",\"n\":[‹body.n›]}"}"#,
        ),
        (r#"{"b":"{\n\"a\": \"x\\\"y\"}"}"#, r#"{"b":"{\n\"a\": \"‹b.a›\"}"}"#),
        (r#"{"b":"{\"a\":\"{\\\"c\\\":1}\"}"}"#, r#"{"b":"{\"a\":\"‹b.a›\"}"}"#),
        // What cannot be read is one value.
        (r#"{"b":"{\"a\":jane}"}"#, r#"{"b":"‹b›"}"#),
        (r#"{"b":"{\"a\":\"x"}"#, r#"{"b":"‹b›"}"#),
        (r#"{"b":"{\"a\":\"x\u0022,\"}"}"#, r#"{"b":"‹b›"}"#),
        (r#"{"b":"{not \"json\"}"}"#, r#"{"b":"‹b›"}"#),
    ] {
        check(Structure::Json, text, expected);
    }
}

#[test]
fn json_that_is_none_is_refused() {
    for text in [
        "{",
        "[1",
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a":1"#,
        r#"{"a":"jane"#,
        r#"{"a":1]"#,
        "]",
        "}",
        "{a:1}",
        "jane",
        "{'a':1}",
        r#"{"a" 1}"#,
        r#"{"a":1,,}"#,
        r#"{"a":"x\"#,
        "{\"a\":@}",
    ] {
        refused(Structure::Json, text);
    }
    refused(Structure::Json, &"[".repeat(json::DEPTH_MAX + 1));
    let deep = format!("{}1{}", "[".repeat(json::DEPTH_MAX), "]".repeat(json::DEPTH_MAX));
    let mut pieces = Vec::new();
    parse(Structure::Json, &deep, &mut pieces).unwrap();
    assert_eq!(pieces.len(), 1);
}

#[test]
fn document_stores_print_more_than_json() {
    for (text, expected) in [
        (
            r#"{"find":"users","filter":{"email":"j"}}"#,
            r#"{"find":"‹find›","filter":{"email":"‹filter.email›"}}"#,
        ),
        ("find { email: 'j', age: { $gt: 40 } }", "find { email: '‹email›', age: { $gt: ‹age.$gt› } }"),
        ("db.users.find({name: /^jane/i}).limit(5)", "db.users.find({name: /‹name›/i}).limit(‹›)"),
        (
            r#"{_id: ObjectId("abc"), at: new Date(1), x: ?}"#,
            r#"{_id: ObjectId("‹_id›"), at: new Date(‹at›), x: ?}"#,
        ),
        ("GET /users/_doc/jane1", "GET /«users»/«_doc»/«jane1»"),
        (
            "POST /users/_search?q=jane {\"query\":{\"match\":{\"name\":\"x\"}}}",
            "POST /«users»/«_search»?q=‹q› {\"query\":{\"match\":{\"name\":\"‹match.name›\"}}}",
        ),
        (
            "{\"index\":{\"_id\":1}}\n{\"name\":\"x\"}",
            "{\"index\":{\"_id\":‹index._id›}}\n{\"name\":\"‹name›\"}",
        ),
        ("users.aggregate [{$match: {a: \"x\"}}]", "users.aggregate [{$match: {a: \"‹$match.a›\"}}]"),
    ] {
        check(Structure::Document, text, expected);
    }
    for text in ["hello, jane", "find {a:", "db.users.find({a: 'x')", "db.x.find() jane", "jane@x.com"] {
        refused(Structure::Document, text);
    }
}

#[test]
fn graphql_keeps_fields_and_types() {
    for (text, expected) in [
        ("{ user(id: 7) { name email } }", "{ user(id: ‹graphql.variables.id›) { name email } }"),
        (
            "query Q($id: ID!, $n: [Int!]! = [5]) { u(id: $id, n: $n) { a } }",
            "query Q($id: ID!, $n: [Int!]! = [‹graphql.variables.n›]) { u(id: $id, n: $n) { a } }",
        ),
        (
            r#"mutation { add(input: {email: "j@x", roles: [ADMIN, USER], ok: true}) { id } }"#,
            r#"mutation { add(input: {email: "‹graphql.variables.email›", roles: [‹graphql.variables.roles›, ‹graphql.variables.roles›], ok: ‹graphql.variables.ok›}) { id } }"#,
        ),
        (
            "{ a(l: [{x: 1, y: 2}, {x: 3}]) }",
            "{ a(l: [{x: ‹graphql.variables.x›, y: ‹graphql.variables.y›}, {x: ‹graphql.variables.x›}]) }",
        ),
        (
            "{ alias: field(x: \"\"\"b\\\"\"\" \"q\" \"\"\") }",
            "{ alias: field(x: \"\"\"‹graphql.variables.x›\"\"\") }",
        ),
        (
            "# jane\n{ a ...F @include(if: $b) } fragment F on U { n }",
            "#‹›\n{ a ...F @include(if: $b) } fragment F on U { n }",
        ),
        ("subscription S { a(x: \"it\\\"s\") }", "subscription S { a(x: \"‹graphql.variables.x›\") }"),
    ] {
        check(Structure::Graphql, text, expected);
    }
    for text in ["", "jane", "{ a(x: \"jane) }", "{ a", "{ a } }", "{ a(x: 1} )", "{ ' }", "type A { b: C }"]
    {
        refused(Structure::Graphql, text);
    }
}
