//! Texts for the parsers of structures: as instrumentations write them, and as someone would who wants a parser to
//! take long.

use tutti::classify::structure::{Dialect, Structure};

/// What stands in ordinary spans.
pub const ORDINARY: [(Structure, &str, &str); 14] = [
    (
        Structure::Url,
        "url",
        "https://shop.example/api/v2/customers/8f14e45f/orders?email=jane%40example.com&page=2&sort=desc",
    ),
    (
        Structure::Sql(Dialect::Postgres),
        "sql",
        "SELECT o.id, o.total, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = 'jane@example.com' AND o.status IN ('open', 'paid') AND o.total > 100 ORDER BY o.created_at DESC LIMIT 50",
    ),
    (
        Structure::Sql(Dialect::Mysql),
        "sql-insert",
        "INSERT INTO customers (name, email, phone, born) VALUES ('Jane Roe', 'jane@example.com', '+49 30 1234567', '1980-02-03'), ('John', 'john@example.com', NULL, '1970-01-01')",
    ),
    (
        Structure::Json,
        "json",
        r#"{"customer":{"id":8812,"name":"Jane Roe","email":"jane@example.com"},"items":[{"sku":"A-1","qty":2},{"sku":"B-7","qty":1}],"total":129.9,"paid":true,"note":null}"#,
    ),
    (
        Structure::Json,
        "json-nested",
        r#"{"body":"{\"customer\":{\"id\":8812,\"email\":\"jane@example.com\"},\"items\":[{\"sku\":\"A-1\",\"qty\":2}]}"}"#,
    ),
    (
        Structure::Document,
        "document",
        r#"db.customers.find({email: "jane@example.com", age: {$gt: 40}, _id: ObjectId("507f1f77bcf86cd799439011")}).limit(5)"#,
    ),
    (
        Structure::Headers,
        "headers",
        "Host: shop.example\r\nUser-Agent: curl/8.4.0\r\nAccept: */*\r\nAuthorization: Bearer abc.def.ghi\r\nCookie: sid=38afes7a8; theme=dark\r\nX-Forwarded-For: 203.0.113.7\r\n",
    ),
    (Structure::Cookie, "cookie", "sid=38afes7a8; theme=dark; _ga=GA1.2.1234567890.1700000000; cart=abc123"),
    (
        Structure::UserAgent,
        "user-agent",
        "Mozilla/5.0 (Linux; Android 13; SM-G998B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.71 Mobile Safari/537.36",
    ),
    (
        Structure::Stack,
        "stack",
        "java.lang.IllegalStateException: no customer jane@example.com\n\tat com.shop.Cart.add(Cart.java:12)\n\tat com.shop.Cart$1.lambda$run$0(Cart.java:7)\n\tat java.base/java.lang.Thread.run(Thread.java:833)\nCaused by: com.shop.NotFoundException: jane\n\t... 23 more\n",
    ),
    (
        Structure::Command,
        "command",
        "/usr/bin/java -Xmx512m -Dapp.user=jane -jar /srv/app/app.jar --db-password s3cret --port 8080 https://shop.example/a?b=c",
    ),
    (Structure::Baggage, "baggage", "user.id=8812,tenant=acme;region=eu,session=38afes7a8"),
    (
        Structure::Graphql,
        "graphql",
        "query Customer($id: ID!) { customer(id: $id, filter: {email: \"jane@example.com\", roles: [ADMIN]}) { id name orders(first: 10) { total } } }",
    ),
    (Structure::Redis, "redis", "HSET customer:8812 email jane@example.com name Jane phone +49301234567"),
];

/// What is repeated, and what stands before and after.
type Repeated = (Structure, &'static str, [&'static str; 3]);

pub const ADVERSARIAL: [Repeated; 62] = [
    (Structure::Url, "slashes", ["https://h", "/", ""]),
    (Structure::Url, "at-signs", ["https://", "@", "h/"]),
    (Structure::Url, "schemes", ["", "a:", "//h"]),
    (Structure::Url, "parameters", ["https://h/?", "a&", ""]),
    (Structure::Url, "percents", ["https://h/?", "%4", "=x"]),
    (Structure::Url, "hosts", ["https://", "h,", "h/"]),
    (Structure::Url, "semicolons", ["/a", ";", ""]),
    (Structure::UrlQuery, "equals", ["", "=&", ""]),
    (Structure::Sql(Dialect::Any), "numbers", ["SELECT 1", ",1", ""]),
    (Structure::Sql(Dialect::Any), "open-quotes", ["SELECT ", "''", "'"]),
    (Structure::Sql(Dialect::Any), "backslashes", ["SELECT '", "\\", "x'"]),
    (Structure::Sql(Dialect::Mysql), "backslashes-mysql", ["SELECT '", "\\", "'"]),
    (Structure::Sql(Dialect::Postgres), "dollars", ["SELECT ", "$a$", ""]),
    (Structure::Sql(Dialect::Postgres), "dollar-tags", ["SELECT $a$", "$b$ ", ""]),
    (Structure::Sql(Dialect::Postgres), "comments", ["SELECT 1 ", "/*", ""]),
    (Structure::Sql(Dialect::Postgres), "comment-ends", ["SELECT 1 ", "/**/", ""]),
    (Structure::Sql(Dialect::Any), "stars", ["SELECT /", "*", ""]),
    (Structure::Sql(Dialect::Any), "dashes", ["SELECT 1 ", "-", ""]),
    (Structure::Sql(Dialect::Any), "hashes", ["SELECT 1", "#\n", ""]),
    (Structure::Sql(Dialect::Any), "parentheses", ["SELECT ", "(", ""]),
    (Structure::Sql(Dialect::Any), "columns", ["INSERT INTO t (", "a,", "b) VALUES (1)"]),
    (Structure::Sql(Dialect::Any), "comparisons", ["SELECT a WHERE ", "a=", "1"]),
    (Structure::Sql(Dialect::Any), "keywords", ["SELECT ", "unbounded ", ""]),
    (Structure::Sql(Dialect::Oracle), "q-quotes", ["SELECT q'[", "]", ""]),
    (Structure::Sql(Dialect::Google), "triple", ["SELECT '''", "''", "'''"]),
    (Structure::Json, "lists", ["[", "1,", "1]"]),
    (Structure::Json, "open-lists", ["", "[", ""]),
    (Structure::Json, "open-objects", ["", "{\"a\":", ""]),
    (Structure::Json, "empty-objects", ["[", "{},", "1]"]),
    (Structure::Json, "backslashes", ["\"", "\\\\", "\""]),
    (Structure::Json, "nested-texts", ["[", "\"{\\\"a\\\":\",", "1]"]),
    (Structure::Json, "nested-backslashes", ["[\"{\\\"", "\\\\", "\"]"]),
    (Structure::Json, "escaped-key", ["{\"", "\\u0041", "\":[1,2,3]}"]),
    (Structure::Json, "long-key", ["{\"\\u0041", "a", "\":1}"]),
    (Structure::Document, "calls", ["db.a", ".b()", ""]),
    (Structure::Document, "open-calls", ["db.a(", "b(", ""]),
    (Structure::Document, "patterns", ["{a:", "/", "}"]),
    (Structure::Document, "words", ["", "a ", "{}"]),
    (Structure::Headers, "lines", ["", "A:b\n", ""]),
    (Structure::Headers, "folded", ["A:b\n", " c\n", ""]),
    (Structure::Headers, "map-brackets", ["map[A:[", "] ", "]]"]),
    (Structure::Headers, "map-names", ["map[A:[", "] a", "]]"]),
    (Structure::Cookie, "semicolons", ["", ";", ""]),
    (Structure::Cookie, "equals", ["a", "=", ""]),
    (Structure::SetCookie, "dates", ["a=b", "; Expires=Wed", ""]),
    (Structure::Baggage, "commas", ["", "a=b,", ""]),
    (Structure::TraceState, "members", ["", "a=b,", ""]),
    (Structure::UserAgent, "parentheses", ["", "(", ""]),
    (Structure::UserAgent, "closings", ["", ") ", ""]),
    (Structure::UserAgent, "products", ["", "a/1.2 ", ""]),
    (Structure::Stack, "newlines", ["", "a\n", ""]),
    (Structure::Stack, "frames", ["", "at a.b(C.java:1)\n", ""]),
    (Structure::Stack, "parentheses", ["a.b", "(", ")"]),
    (Structure::Stack, "colons", ["at a", ":1", ""]),
    (Structure::Command, "dashes", ["a ", "-", ""]),
    (Structure::Command, "flags", ["a", " --b", ""]),
    (Structure::Command, "quotes", ["a ", "''", ""]),
    (Structure::Command, "equals", ["a ", "b=", ""]),
    (Structure::Graphql, "arguments", ["{ a(b: [", "1 ", "]) }"]),
    (Structure::Graphql, "quotes", ["{ a(b: \"\"\"", "\"\"", "\"\"\") }"]),
    (Structure::Redis, "keys", ["DEL ", "a:", ""]),
    (Structure::FilePath, "slashes", ["", "/~", ""]),
];

/// A text of about `bytes` bytes.
pub fn repeated([before, part, after]: [&str; 3], bytes: usize) -> String {
    [before, &part.repeat(bytes / part.len()), after].concat()
}
