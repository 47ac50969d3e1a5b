//! URLs, headers, cookies and what else travels with a request.

use super::*;

#[test]
fn a_url_keeps_scheme_host_and_names() {
    for (text, expected) in [
        (
            "https://shop.example/users/jane?email=jane%40x.com&page=2",
            "https://shop.example/«users»/«jane»?email=‹email›&page=‹page›",
        ),
        ("https://jane:s3cret@shop.example:8443/", "https://‹@›@shop.example:8443/"),
        ("https://jane@x.com:pw@shop.example/a", "https://‹@›@shop.example/«a»"),
        ("https://h/orders/12345/items/ab12cd34ef", "https://h/«orders»/‹id›/«items»/‹id›"),
        ("https://h/a;jsessionid=A1B2;v=1/b", "https://h/«a»;jsessionid=‹jsessionid›;v=‹v›/«b»"),
        ("https://h/a#access_token=x", "https://h/«a»#‹#›"),
        ("https://h/?q=a?b&&x", "https://h/?q=‹q›&&‹›"),
        ("https://h/?a=1;b=2;c", "https://h/?a=‹a›;b=‹b›;‹›"),
        ("https://h/?jane%40x.com=1", "https://h/?‹odd›=‹jane@x.com›"),
        ("https://h/?user%5Bemail%5D=x", "https://h/?user%5Bemail%5D=‹user[email]›"),
        ("https://h/?email=", "https://h/?email=‹email›"),
        ("https://h", "https://h"),
        ("https://h/jane%40x.com/%2e%2e", "https://h/‹id›/‹id›"),
        ("https://[::1]:80/a", "https://[::1]:80/«a»"),
        ("https://h\\@evil/a", "https://h\\‹id›/«a»"),
        ("ftp://h/v1/oauth2/.well-known/openid.json", "ftp://h/«v1»/«oauth2»/«.well-known»/«openid.json»"),
        ("//h/a?b=c", "//h/«a»?b=‹b›"),
        ("/a/{id}/:name/x.html?b=c#d", "/«a»/«{id}»/«:name»/«x.html»?b=‹b›"),
        ("?a=b", "?a=‹a›"),
        ("#frag", "#‹#›"),
        ("shop.example:443", "shop.example:443"),
        ("*", "«*»"),
        ("", ""),
        ("mailto:jane@x.com?subject=hi", "mailto:‹›"),
        ("data:text/plain;base64,SGk=", "data:‹›"),
        (
            "jdbc:postgresql://db:5432/shop?user=jane&password=x",
            "jdbc:postgresql://db:5432/«shop»?user=‹user›&password=‹password›",
        ),
        ("jdbc:sqlserver://db;user=sa;password=x", "jdbc:sqlserver://db;user=‹user›;password=‹password›"),
        ("mongodb://u:p@a:27017,b:27017/db", "mongodb://‹@›@a:27017,b:27017/«db»"),
        ("https://h/größe/naïve", "https://h/‹id›/‹id›"),
    ] {
        let expected = if text.contains("#d") {
            expected.replace("?b=‹b›", "?b=‹b›#‹#›")
        } else {
            expected.to_owned()
        };
        check(Structure::Url, text, &expected);
    }
}

#[test]
fn a_url_whose_host_is_none_is_refused() {
    for text in [
        "https://jane:pa/ss@h/",
        "https://jane doe/",
        "https://h:80x/",
        "https://\"h\"/",
        "https://h%2f@x:yy/",
        "//jane:secret/",
    ] {
        refused(Structure::Url, text);
    }
}

#[test]
fn paths_queries_and_forms_stand_alone() {
    check(Structure::UrlPath, "/users/42", "/«users»/‹id›");
    check(Structure::UrlPath, "/a?b=c", "/«a»?b=‹b›");
    check(Structure::UrlQuery, "a=1&b", "a=‹a›&‹›");
    check(Structure::UrlQuery, "?a=1#x", "?a=‹a›#‹#›");
    check(Structure::Form, "email=a&first+name=b", "email=‹email›&‹odd›=‹first name›");
    check(Structure::Form, "jane@x.com", "‹›");
}

#[test]
fn words_of_a_path_are_told_from_ids() {
    for word in ["users", "v1", "oauth2", "sign-in", "index.html", "getUserById", "api", "_search", "{id}"] {
        assert!(!read::is_id(word), "{word}");
    }
    for id in [
        "123",
        "a1b2",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "deadbeef",
        "jane%40x.com",
        "order-9981",
        "jane@x.com",
        "AbCdEfGhIjKlMnOp",
        "abcdefghijklmnopqrstuvwxyz",
        "x y",
    ] {
        assert!(read::is_id(id), "{id}");
    }
}

#[test]
fn headers_are_named_by_their_names() {
    check(
        Structure::Headers,
        "GET /a?b=c HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x.y\r\nCookie: a=b\r\n  folded\r\n\r\n",
        "GET /«a»?b=‹b› HTTP/1.1\r\nHost: ‹Host›\r\nAuthorization: ‹Authorization›\r\nCookie: ‹Cookie›\r\n  ‹Cookie›\r\n\r\n",
    );
    check(Structure::Headers, "HTTP/1.1 404 No jane\nVia: x", "HTTP/1.1 404 ‹msg›\nVia: ‹Via›");
    check(
        Structure::Headers,
        r#"{"Accept":["*/*"],"X-Token":"t"}"#,
        r#"{"Accept":["‹Accept›"],"X-Token":"‹X-Token›"}"#,
    );
    check(Structure::Headers, "{'Accept': '*/*'}", "{'Accept': '‹Accept›'}");
    check(
        Structure::Headers,
        "map[Accept:[*/*] Cookie:[a=b c] d:[x]]",
        "map[Accept:[‹Accept›] Cookie:[‹Cookie›] d:[‹d›]]",
    );
    check(Structure::Headers, "map[A:[x] y] B:[z]]", "map[A:[‹A›] B:[‹B›]]");
    for text in
        ["hello jane", "Host: h\njane doe", "map[A:[x]", "map[A:x]", "{\"a\":", ": x", "jane@x.com: y"]
    {
        refused(Structure::Headers, text);
    }
}

#[test]
fn cookies_are_named_by_their_names() {
    check(Structure::Cookie, "sid=abc; theme=\"dark\"; jane", "sid=‹sid›; theme=‹theme›; ‹›");
    check(Structure::Cookie, "", "");
    check(Structure::Cookie, "a=;b=x=y", "a=‹a›;b=‹b›");
    check(Structure::Cookie, "jane@x.com=1", "‹odd›=‹jane@x.com›");
    check(
        Structure::SetCookie,
        "sid=abc; Path=/u/jane; Domain=x.com; Secure; HttpOnly; SameSite=Lax; Max-Age=3600; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
        "sid=‹sid›; Path=‹http.set_cookie.Path›; Domain=‹http.set_cookie.Domain›; Secure; HttpOnly; SameSite=Lax; Max-Age=3600; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    );
    check(
        Structure::SetCookie,
        "a=b; Expires=jane; SameSite=jane; jane",
        "a=‹a›; Expires=‹http.set_cookie.Expires›; SameSite=‹http.set_cookie.SameSite›; ‹›",
    );
}

#[test]
fn baggage_and_trace_state_are_lists_of_names() {
    check(
        Structure::Baggage,
        "user.id=7, tenant=a;meta=x;flag",
        "user.id=‹user.id›, tenant=‹tenant›;meta=‹meta›;‹›",
    );
    check(Structure::Baggage, "jane", "‹›");
    check(
        Structure::TraceState,
        "rojo=00f067, jane@congo=t61",
        "rojo=‹tracestate.rojo›, ‹›@congo=‹tracestate.congo›",
    );
    check(Structure::TraceState, "", "");
    for text in ["Jane=1", "jane", "jane doe=1", "=x"] {
        refused(Structure::TraceState, text);
    }
}

#[test]
fn a_user_agent_keeps_families_and_major_versions() {
    check(
        Structure::UserAgent,
        "Mozilla/5.0 (Linux; Android 13; SM-G998B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.71 Mobile Safari/537.36",
        "Mozilla/5‹› (Linux; Android 13; ‹›) AppleWebKit/537‹› (KHTML, like Gecko) Chrome/120‹› Mobile Safari/537‹›",
    );
    check(
        Structure::UserAgent,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0)",
        "Mozilla/5‹› (Windows NT 10‹›; Win64; x64; ‹›)",
    );
    check(Structure::UserAgent, "bot (+http://x.com/jane; jane@x.com)", "bot (‹›; ‹›)");
    check(Structure::UserAgent, "curl/8.4.0", "curl/8‹›");
    check(Structure::UserAgent, "jane@x.com/1 ((a) b", "‹› ((‹›) ‹›");
    check(Structure::UserAgent, ")x", "‹›");
}
