//! `tutti trace` and `tutti query` as a shell sees them: the executable against a gateway on loopback that says one thing, its
//! exit codes, its one line of error, its colours.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of tests may panic as the tests do"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"tutti.region","value":{"stringValue":"us-east"}}]},"scopeSpans":[{"scope":{},"spans":[{"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"AAAAAAAAAAE=","name":"checkout","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1763708400000000000","endTimeUnixNano":"1763708400812000000","status":{"code":"STATUS_CODE_ERROR","message":"no stock"}}]}]}]}"#;

/// A gateway that gives one answer to one request, and the request it got.
struct Gateway {
    url: String,
    request: JoinHandle<String>,
}

impl Gateway {
    /// Writes the answer in `pieces`, so that events do not arrive whole.
    fn answering(head: &'static str, body: String, pieces: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let request = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..read]);
            }
            // The client may have seen enough before all is written.
            let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
            for piece in body.as_bytes().chunks(pieces) {
                let _ = stream.write_all(piece).and_then(|()| stream.flush());
            }
            String::from_utf8(request).unwrap()
        });
        Self { url, request }
    }

    /// Answers one question after the other; what was asked is told line by line.
    fn paging(answers: Vec<(String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let request = std::thread::spawn(move || {
            let mut asked = String::new();
            for (head, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut piece = [0; 1024];
                while !request.ends_with(b"\r\n\r\n") {
                    let read = stream.read(&mut piece).unwrap();
                    request.extend_from_slice(&piece[..read]);
                }
                asked.push_str(String::from_utf8(request).unwrap().lines().next().unwrap());
                asked.push('\n');
                let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
            }
            asked
        });
        Self { url, request }
    }

    fn streaming(events: &[(&str, String)]) -> Self {
        let body: String =
            events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect();
        Self::answering("200 OK\r\nContent-Type: text/event-stream", body, 700)
    }
}

fn tutti(server: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tutti"));
    for name in ["TUTTI_SERVER", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").stdin(Stdio::null()).args(["trace", ID, "--server", server]);
    command
}

fn report(outcome: &str, statuses: &[&str]) -> String {
    let names = ["us-east", "us-west", "eu-central"];
    let regions: Vec<String> = statuses
        .iter()
        .zip(names)
        .map(|(status, name)| format!(r#"{{"name":"{name}","jurisdiction":"US","status":"{status}","detail":null,"httpStatus":null,"tookMs":12.5,"firstByteMs":null,"bytes":7,"spans":1,"attempts":1,"treated":0}}"#))
        .collect();
    format!(
        r#"{{"traceId":"{ID}","mode":"strict","outcome":"{outcome}","exactness":"exact","planDigest":"d","tookMs":12.3,"regions":[{}],"owed":{{"missingParents":0,"clientsWithoutServer":0,"first":[]}}}}"#,
        regions.join(",")
    )
}

fn begin() -> (&'static str, String) {
    ("begin", format!(r#"{{"traceId":"{ID}","regions":[{{"name":"us-east","jurisdiction":"US"}}]}}"#))
}

fn answer(outcome: &str, statuses: &[&str], trace: &str) -> Vec<(&'static str, String)> {
    vec![begin(), ("answer", format!(r#"{{"report":{},"trace":{trace}}}"#, report(outcome, statuses)))]
}

/// Checks exit code and stderr, and gives stdout.
fn check(output: &Output, code: i32, error: &str) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
    if error.is_empty() {
        assert_eq!(err, "");
    } else {
        assert!(err.contains(error), "{err}");
        assert!(err.lines().last().unwrap().starts_with("error: "), "{err}");
    }
    out.into_owned()
}

fn ask(gateway: &Gateway) -> Output {
    tutti(&gateway.url).output().unwrap()
}

#[test]
fn each_answer_has_its_exit_code() {
    let answered = |events: &[_]| ask(&Gateway::streaming(events));
    let out = check(&answered(&answer("complete", &["ok"], SPAN)), 0, "");
    assert!(out.contains("shop checkout") && out.contains("no stock"), "{out}");
    let out = check(
        &answered(&answer("complete", &["ok", "ok"], "{}")),
        2,
        "no region holds trace 0af7651916cd43dd",
    );
    assert_eq!(out.lines().count(), 3, "the regions are shown all the same: {out}");
    let out = check(&answered(&answer("partial", &["ok", "timeout"], SPAN)), 3, "");
    assert!(out.contains("MISSING  whatever us-west holds (timeout)"), "{out}");
    check(&answered(&answer("partial", &["ok", "timeout"], "{}")), 3, "ask again when us-west is back");
    let refused = format!(
        r#"{{"status":502,"error":"us-west: timeout","report":{}}}"#,
        report("refused", &["ok", "timeout"])
    );
    let output = answered(&[begin(), ("refused", refused)]);
    check(
        &output,
        4,
        "error: the gateway refused (HTTP 502): us-west: timeout; --mode best_effort shows what",
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("MISSING  whatever us-west holds (timeout)"));
}

#[test]
fn each_fault_has_its_exit_code_and_one_line() {
    let answered = |head, body: &str| ask(&Gateway::answering(head, body.to_owned(), 700));
    let one_line = |output: &Output, code, error: &str| {
        check(output, code, error);
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    };
    let long = format!("region_down\nsecond line\n{}", "x".repeat(100_000));
    one_line(
        &answered("400 Bad Request", "bad \u{1b}[2Jwindow\n"),
        1,
        "400: bad \\u{1b}[2Jwindow; correct the request",
    );
    one_line(&answered("403 Forbidden", ""), 4, "answered 403; ask its operator");
    one_line(&answered("503 Service Unavailable", &long), 4, "503: region_down; ask again");
    one_line(
        &answered("404 Not Found", "404 page not found"),
        5,
        "does not answer as a Tutti gateway (HTTP 404)",
    );
    one_line(&answered("302 Found\r\nLocation: http://example.invalid/", ""), 5, "(HTTP 302)");
    one_line(&answered("200 OK\r\nContent-Type: text/html", "<html>"), 5, "(text/html)");
    let cut = Gateway::streaming(&[begin()]);
    one_line(&ask(&cut), 5, "ended before it was whole");
    let nonsense = Gateway::streaming(&[begin(), ("answer", "<html>".to_owned())]);
    one_line(&ask(&nonsense), 5, "its `answer` event cannot be read");
}

#[test]
fn what_is_wrong_before_a_gateway_is_asked_is_said_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_tutti")).env_remove("TUTTI_SERVER").args(args).output().unwrap()
    };
    check(
        &run(&["trace", ID, "--server", &format!("http://me:secret@{closed}")]),
        5,
        "cannot reach http://127.0.0.1",
    );
    let refused = run(&["trace", ID, "--server", &format!("http://me:secret@{closed}")]);
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("secret"));
    check(&run(&["trace", "xyz"]), 1, "`xyz` is no trace id");
    check(&run(&["trace", "\u{1b}[2J"]), 1, "`\\u{1b}[2J` is no trace id");
    check(&run(&["trace", ID, "--server", "127.0.0.1:3200"]), 1, "is no server; write it as http://");
    assert_eq!(run(&["trace", ID, "--start", "yesterday"]).status.code(), Some(1));
    assert_eq!(run(&["trace"]).status.code(), Some(1));
    let help = run(&["trace", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("3  a partial answer"));
}

#[test]
fn the_request_says_what_was_asked() {
    let gateway = Gateway::streaming(&answer("complete", &["ok"], SPAN));
    let args =
        ["--mode", "strict", "--start", "1763708400", "--end", "2025-11-21T08:00:00Z", "--adjust-skew"];
    check(&tutti(&format!("{}/", gateway.url)).args(args).output().unwrap(), 0, "");
    let request = gateway.request.join().unwrap();
    let line =
        format!("GET /api/tutti/v1/traces/{ID}/stream?start=1763708400&end=1763712000&adjust=skew HTTP/1.1");
    assert!(request.starts_with(&line), "{request}");
    assert!(request.to_lowercase().contains("\r\ntutti-mode: strict\r\n"), "{request}");
    let gateway = Gateway::streaming(&answer("complete", &["ok"], SPAN));
    check(&ask(&gateway), 0, "");
    let request = gateway.request.join().unwrap();
    assert!(request.starts_with(&format!("GET /api/tutti/v1/traces/{ID}/stream HTTP/1.1")), "{request}");
    assert!(!request.to_lowercase().contains("tutti-mode"), "{request}");
}

#[test]
fn colours_are_for_terminals_unless_said_otherwise() {
    let colourful = |args: &[&str], env: &[(&str, &str)]| {
        let gateway = Gateway::streaming(&answer("partial", &["ok", "timeout"], SPAN));
        let output = tutti(&gateway.url).args(args).envs(env.iter().copied()).output().unwrap();
        check(&output, 3, "").contains('\u{1b}')
    };
    assert!(!colourful(&[], &[]), "a pipe");
    assert!(colourful(&["--color", "always"], &[]));
    assert!(colourful(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colourful(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colourful(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn json_is_the_gateways_own_text() {
    let events = answer("complete", &["ok"], SPAN);
    let document = events[1].1.clone();
    let output = tutti(&Gateway::streaming(&events).url).arg("--json").output().unwrap();
    assert_eq!(check(&output, 0, ""), document + "\n");
    let refused =
        format!(r#"{{"status":504,"error":"too slow","report":{}}}"#, report("refused", &["timeout"]));
    let gateway = Gateway::streaming(&[begin(), ("refused", refused.clone())]);
    let output = tutti(&gateway.url).arg("--json").output().unwrap();
    assert_eq!(check(&output, 4, "refused (HTTP 504): too slow"), refused + "\n");
}

#[test]
fn the_width_is_that_of_the_option_or_the_shell_or_a_hundred() {
    let widest = |args: &[&str], env: &[(&str, &str)]| {
        let gateway = Gateway::streaming(&answer("complete", &["ok"], SPAN));
        let output = tutti(&gateway.url).args(args).envs(env.iter().copied()).output().unwrap();
        check(&output, 0, "").lines().map(|line| line.chars().count()).max().unwrap()
    };
    assert_eq!(widest(&[], &[]), 100);
    assert_eq!(widest(&[], &[("COLUMNS", "120")]), 120);
    assert_eq!(widest(&["--width", "80"], &[("COLUMNS", "120")]), 80);
}

#[test]
fn a_reader_that_leaves_is_no_fault() {
    let span = SPAN.split_once(r#""spans":["#).unwrap().1.split_once("]}]}]}").unwrap().0;
    let spans = vec![span; 5_000].join(",");
    let many = SPAN.replace(span, &spans);
    let gateway = Gateway::streaming(&answer("partial", &["ok", "timeout"], &many));
    let mut command = tutti(&gateway.url);
    let mut child = command.arg("--all").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    check(&output, 3, "");
}

/// `tutti query` with these arguments against a server.
fn query(server: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tutti"));
    for name in ["TUTTI_SERVER", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).arg("query").args(args).args(["--server", server]).output().unwrap()
}

const FOUND: &str = r#"{"traces":[{"traceID":"af7651916cd43dd8448eb211c80319c","rootServiceName":"shop","rootTraceName":"checkout","startTimeUnixNano":"1763708400000000000","durationMs":812,"spanSets":[{"spans":[],"matched":3}]}],"metrics":{}}"#;
const WHOLE: &str = "200 OK\r\nContent-Type: application/json\r\nTutti-Outcome: complete\r\nTutti-Exactness: exact\r\nTutti-Regions: us-east;status=ok;ms=3, us-west;status=ok;ms=4";
const PARTIAL: &str = "200 OK\r\nContent-Type: application/json\r\nTutti-Outcome: partial\r\nTutti-Exactness: region_missing\r\nTutti-Regions: us-east;status=ok;ms=3, us-west;status=timeout;ms=900";

#[test]
fn each_end_of_a_query_has_its_exit_code() {
    let answered =
        |head, body: &str, args: &[&str]| query(&Gateway::answering(head, body.to_owned(), 700).url, args);
    let out = check(&answered(WHOLE, FOUND, &["{ status = error }"]), 0, "");
    assert!(out.contains("shop checkout") && out.contains("af7651916cd43dd8448eb211c80319c"), "{out}");
    assert_eq!(check(&answered(WHOLE, FOUND, &["{ }", "--json"]), 0, "").trim_end(), FOUND);
    let output = answered(PARTIAL, FOUND, &["{ }"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "PARTIAL us-west: timeout\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("shop checkout"));
    assert_eq!(answered(PARTIAL, FOUND, &["{ }", "--json"]).status.code(), Some(3));
    check(&answered(WHOLE, r#"{"traces":[]}"#, &["{ }"]), 2, "error: nothing matches; 2 regions answered");
    check(&answered(WHOLE, "<html>", &["{ }"]), 5, "its answer cannot be read");
    check(
        &answered("404 Not Found", "404 page not found", &["{ }"]),
        5,
        "does not answer as a Tutti gateway",
    );
    check(
        &answered("502 Bad Gateway", "us-west: timeout\n", &["{ }"]),
        4,
        "the gateway refused (HTTP 502): us-west: timeout",
    );
    let refused =
        answered("400 Bad Request", "invalid TraceQL query: parse error at line 1, col 3: no", &["{ }"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).ends_with("col 3: no\n  | { }\n  |   ^\n"),
        "{refused:?}"
    );
}

#[test]
fn metrics_are_asked_where_the_query_ends_with_a_function() {
    let series = r#"{"series":[{"labels":[{"key":"__name__","value":{"stringValue":"rate"}}],"samples":[{"timestampMs":"1763708400000"},{"timestampMs":"1763708415000","value":0.5}],"value":0.25}]}"#;
    for (args, path) in [
        (
            ["{ } | rate()", "--step", "15s"].as_slice(),
            "/api/metrics/query_range?q=%7B+%7D+%7C+rate%28%29&step=15 ",
        ),
        (&["{ } | rate()", "--instant"], "/api/metrics/query?q=%7B+%7D+%7C+rate%28%29 "),
    ] {
        let gateway = Gateway::answering(WHOLE, series.to_owned(), 700);
        let out = check(&query(&gateway.url, args), 0, "");
        assert!(out.contains("rate") && (out.contains("0.5") || out.contains("0.25")), "{out}");
        let request = gateway.request.join().unwrap();
        assert!(request.starts_with(&format!("GET {path}")), "{request}");
    }
}

#[test]
fn a_wrong_query_never_leaves_and_an_explanation_asks_nobody() {
    let closed = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let wrong = query(&closed, &["{ .a = }"]);
    assert_eq!(wrong.status.code(), Some(1));
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(
        told.starts_with("error: syntax error: unexpected `}`") && told.contains("  |        ^"),
        "{told}"
    );
    let hostile = query(&closed, &["{ \u{1b}[2J\u{202e} }"]);
    assert!(!String::from_utf8_lossy(&hostile.stderr).contains(['\u{1b}', '\u{202e}']), "{hostile:?}");
    check(&query(&closed, &["{ }", "--end", "5"]), 1, "--end needs --start or --since");
    check(&query(&closed, &["{ }"]), 5, "cannot reach http://127.0.0.1");
    let out = check(&query(&closed, &["{ .a = `x` } >> { .b = 1 }", "--explain"]), 0, "");
    assert!(out.contains("{ (.b = 1) || (.b = 1.0) }"), "{out}");
}

/// A page with one trace of this id, and where it goes on.
fn page(head: &str, id: &str, next: &str) -> (String, String) {
    let next = if next.is_empty() { String::new() } else { format!("\r\nTutti-Next: {next}") };
    (format!("{head}{next}"), FOUND.replace("af7651916cd43dd8448eb211c80319c", id))
}

/// What was asked, and how `tutti query --all` ended.
fn all(answers: Vec<(String, String)>, args: &[&str]) -> (String, Output) {
    let gateway = Gateway::paging(answers);
    let output = query(&gateway.url, &[&["{ }", "--all"], args].concat());
    (gateway.request.join().unwrap(), output)
}

#[test]
fn all_pages_are_followed_to_the_last() {
    let pages = || vec![page(WHOLE, "aa", "AQ1"), page(WHOLE, "bb", "AQ2"), page(WHOLE, "cc", "")];
    let (asked, output) = all(pages(), &[]);
    let out = check(&output, 0, "");
    for shown in ["  aa\n", "  bb\n", "  cc\n", "3 traces\n"] {
        assert_eq!(out.matches(shown).count(), 1, "{out}");
    }
    assert_eq!(out.matches("start, UTC").count(), 1, "{out}");
    let asked: Vec<&str> = asked.lines().collect();
    assert_eq!(
        asked,
        [
            "GET /api/tutti/v1/search?q=%7B+%7D&limit=500 HTTP/1.1",
            "GET /api/tutti/v1/search?q=%7B+%7D&limit=500&cursor=AQ1 HTTP/1.1",
            "GET /api/tutti/v1/search?q=%7B+%7D&limit=500&cursor=AQ2 HTTP/1.1",
        ]
    );
    let (_, output) = all(pages(), &["--json"]);
    let (ids, outcome) = document(&check(&output, 0, ""));
    assert_eq!((ids.as_str(), outcome.as_str()), ("aa bb cc", "complete"));
}

/// The ids and the outcome of a document of all pages.
fn document(json: &str) -> (String, String) {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let ids: Vec<&str> =
        json["traces"].as_array().unwrap().iter().map(|row| row["traceID"].as_str().unwrap()).collect();
    (ids.join(" "), json["outcome"].as_str().unwrap().to_owned())
}

/// Of an answer that says that us-west did not answer in time.
fn partly(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "PARTIAL us-west: timeout\n");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn where_pages_end_early_the_rows_before_stand_and_the_end_says_so() {
    let partial = || vec![page(WHOLE, "aa", "AQ1"), page(PARTIAL, "bb", "")];
    let (_, output) = all(partial(), &[]);
    let out = partly(&output);
    assert!(out.contains("  aa\n") && out.contains("  bb\n") && out.contains("2 traces; not all"), "{out}");
    let (_, output) = all(partial(), &["--json"]);
    assert_eq!(document(&partly(&output)), ("aa bb".to_owned(), "partial".to_owned()));
    let failing =
        || vec![page(WHOLE, "aa", "AQ1"), ("502 Bad Gateway".to_owned(), "us-west: timeout\n".to_owned())];
    let (_, output) = all(failing(), &["--json"]);
    let out = check(&output, 4, "the gateway refused (HTTP 502): us-west: timeout");
    assert_eq!(document(&out), ("aa".to_owned(), "failed".to_owned()));
    let (asked, output) = all(vec![page(WHOLE, "aa", "AQ1")], &["--max", "1"]);
    assert!(check(&output, 0, "").contains("1 trace; there are more than 1: --max"));
    assert!(asked.contains("limit=1 "), "{asked}");
    let (_, output) = all(vec![page(WHOLE, "aa", "AQ1"), page(WHOLE, "bb", "AQ1")], &[]);
    check(&output, 5, "its pages do not end");
    let nothing = (WHOLE.to_owned(), r#"{"traces":[]}"#.to_owned());
    let (_, output) = all(vec![nothing.clone()], &[]);
    check(&output, 2, "nothing matches; 2 regions answered");
    let (_, output) = all(vec![nothing], &["--json"]);
    assert_eq!(document(&check(&output, 2, "nothing matches")), (String::new(), "complete".to_owned()));
}

#[test]
fn a_page_over_a_budget_is_asked_for_again_with_fewer_rows() {
    const OVER: &str = "200 OK\r\nTutti-Outcome: partial\r\nTutti-Exactness: traces_budget\r\nTutti-Regions: us-east;status=ok;ms=3";
    let (asked, output) = all(vec![page(OVER, "zz", ""), page(WHOLE, "aa", "")], &[]);
    let out = check(&output, 0, "");
    assert!(out.contains("  aa\n") && !out.contains("zz"), "{out}");
    assert!(asked.contains("limit=500 ") && asked.contains("limit=100 "), "{asked}");
}

#[test]
fn an_address_without_its_scheme_is_shown_with_it() {
    check(
        &query("127.0.0.1:33200", &["{ }"]),
        1,
        "`127.0.0.1:33200` is no server; write it as http://127.0.0.1:33200",
    );
    check(&query("localhost:3300", &["{ }"]), 1, "write it as http://localhost:3300");
    check(&query("ftp://somewhere", &["{ }"]), 1, "write it as http://127.0.0.1:3200");
}
