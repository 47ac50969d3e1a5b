//! What a person sees of an answer and of an explanation, and what is asked of a gateway for a command line.

use clap::Parser;
use proptest::prelude::*;

use super::*;

const SEARCH: &str = r#"{"traces":[
{"traceID":"af7651916cd43dd8448eb211c80319c","rootServiceName":"shop","rootTraceName":"GET /cart","startTimeUnixNano":"1763708400123000000","durationMs":153,"spanSet":{"spans":[],"matched":9},"spanSets":[{"spans":[{"spanID":"e000000000000000"}],"matched":9}]},
{"traceID":"b0000000000000000000000000000001","startTimeUnixNano":"1763708401000000000","durationMs":3661000,"spanSets":[{"matched":2},{"matched":1200}]},
{"traceID":"1","rootServiceName":"größe\u001b[31m","rootTraceName":"東京 and a name that goes on and on beyond every column","startTimeUnixNano":"1763700000000000000","spanSets":null}
],"metrics":{"inspectedBytes":"18315","completedJobs":3,"totalJobs":3}}"#;

fn args(line: &str) -> QueryArgs {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: QueryArgs,
    }
    let words = std::iter::once("query").chain(line.split('~'));
    Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).args
}

fn asked(line: &str) -> Result<String, AskError> {
    const NOW: u64 = 1_763_708_400_000_000_000;
    let args = args(line);
    let ask = Ask::of(&args, &traceql::compile(&args.query).unwrap(), NOW)?;
    let parameters: Vec<String> =
        ask.parameters.iter().skip(1).map(|(key, value)| format!("{key}={value}")).collect();
    Ok(format!("{}?{}", ask.path(), parameters.join("&")))
}

fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn range_json() -> String {
    let samples: Vec<String> = (0..60)
        .map(|at| match at {
            0..5 => format!(r#"{{"timestampMs":"{}"}}"#, 1_763_708_400_000_i64 + at * 15_000),
            _ => format!(
                r#"{{"timestampMs":"{}","value":{}}}"#,
                1_763_708_400_000_i64 + at * 15_000,
                (at % 20) as f64 * 0.25
            ),
        })
        .collect();
    format!(
        r#"{{"series":[{{"labels":[{{"key":"resource.service.name","value":{{"stringValue":"shop"}}}}],"samples":[{}]}},
        {{"labels":[{{"key":"resource.service.name","value":{{"stringValue":"checkout"}}}},{{"key":"p","value":{{"doubleValue":0.99}}}}],"samples":[{{"timestampMs":"1763709000000","value":-1.5}}]}}],
        "status":"PARTIAL","message":"too many series"}}"#,
        samples.join(",")
    )
}

fn explained(text: &str) -> String {
    explain::explained(text, &traceql::compile(text).unwrap(), 100)
}

#[test]
fn a_search_is_a_table_with_the_newest_first() {
    let found = read::search(SEARCH).unwrap();
    insta::assert_snapshot!("search_wide", without_colours(&rows::table(&found.traces, 20, 120)));
    insta::assert_snapshot!("search_narrow", without_colours(&rows::table(&found.traces, 3, 80)));
    assert_eq!(rows::table(&[], 20, 120), "");
}

#[test]
fn an_id_is_never_cut() {
    let found = read::search(SEARCH).unwrap();
    for columns in COLUMNS_MIN..COLUMNS_MAX {
        let drawn = without_colours(&rows::table(&found.traces, 20, columns));
        for trace in &found.traces {
            assert!(drawn.lines().any(|line| line.ends_with(&trace.id.0)), "{columns}:\n{drawn}");
        }
    }
    insta::assert_snapshot!("search_two_lines", without_colours(&rows::table(&found.traces, 20, 50)));
}

#[test]
fn series_are_small_charts_on_one_scale() {
    let metrics = read::metrics(&range_json()).unwrap();
    assert_eq!(metrics.message().as_deref(), Some("too many series"));
    insta::assert_snapshot!("range", without_colours(&chart::range(&metrics.series, 110)));
    insta::assert_snapshot!("range_narrow", without_colours(&chart::range(&metrics.series, 60)));
    assert_eq!(chart::range(&[], 100), "");
}

#[test]
fn an_instant_is_one_value_a_series() {
    let json = r#"{"series":[{"labels":[{"key":"__name__","value":{"stringValue":"rate"}}],"value":0.15},
        {"labels":[{"key":"name","value":{"stringValue":"GET /"}}],"value":1234567.5},{"labels":[{"key":"name","value":{"stringValue":"nil"}}]},{"labels":[],"value":420}],"metrics":{}}"#;
    let metrics = read::metrics(json).unwrap();
    assert_eq!(metrics.message(), None);
    insta::assert_snapshot!("instant", without_colours(&chart::instant(&metrics.series, 80)));
    assert!(read::metrics(r#"{"metrics":{"inspectedBytes":"1"}}"#).unwrap().series.is_empty());
}

#[test]
fn the_command_line_becomes_a_question() {
    let table = [
        ("{ }", "/api/search?limit=20"),
        ("{ }~--limit~5~--spss~10~--since~2h", "/api/search?since=7200s&limit=5&spss=10"),
        ("{ }~--start~2025-11-21T06:00:00Z", "/api/search?start=1763704800&end=1763708400&limit=20"),
        ("{ }~--end~1763704800~--since~1m", "/api/search?start=1763704740&end=1763704800&limit=20"),
        ("{ } | rate()", "/api/metrics/query_range?"),
        ("{ } | rate()~--step~1500ms~--start~1~--end~2", "/api/metrics/query_range?start=1&end=2&step=1.5"),
        ("{ } | rate()~--instant~--since~1h", "/api/metrics/query?since=3600s"),
    ];
    for (line, expected) in table {
        assert_eq!(asked(line).as_deref(), Ok(expected), "{line}");
    }
    assert_eq!(asked("{ }~--end~5"), Err(AskError::EndAlone));
    assert_eq!(asked("{ }~--start~5~--end~5"), Err(AskError::EndsBeforeStart));
    assert_eq!(asked("{ }~--instant"), Err(AskError::NotMetrics("--instant")));
    assert_eq!(asked("{ }~--step~5s"), Err(AskError::NotMetrics("--step")));
    assert_eq!(asked("{ } | rate()~--limit~5"), Err(AskError::NotSearch("--limit")));
    assert_eq!(asked("{ }~--all~--spss~1").as_deref(), Ok("/api/tutti/v1/search?limit=20&spss=1"));
    assert_eq!(asked("{ } | rate()~--all"), Err(AskError::NotSearch("--all")));
}

#[test]
fn what_is_missing_is_named_once() {
    let report = |pairs: &[(&'static str, &str)]| {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Report::of(&headers)
    };
    let regions =
        "us-east;status=ok;ms=3;spans=11;bytes=6197, eu-central;status=timeout;ms=900;spans=0;bytes=0";
    let partial = report(&[
        ("tutti-outcome", "partial"),
        ("tutti-exactness", "region_missing"),
        ("tutti-regions", regions),
    ]);
    assert_eq!(partial.missing(Some("eu-central did not answer")), ["eu-central: timeout"]);
    let whole = report(&[
        ("tutti-outcome", "complete"),
        ("tutti-exactness", "exact"),
        ("tutti-regions", "us-east;status=ok;ms=3"),
    ]);
    assert!(whole.missing(None).is_empty());
    assert_eq!(whole.missing(Some("too many series")), ["too many series"]);
    let spared = report(&[
        ("tutti-outcome", "complete"),
        ("tutti-exactness", "exact"),
        ("tutti-regions", "us-east;status=ok;ms=3, eu-central;status=not_needed;ms=0"),
    ]);
    assert!(spared.missing(None).is_empty());
    let limited = report(&[("tutti-outcome", "partial"), ("tutti-exactness", "size_limit")]);
    assert_eq!(limited.missing(None), ["the gateway says `partial`", "not exact: size_limit"]);
    // A server that is no Tutti says nothing.
    assert!(report(&[]).missing(None).is_empty());
}

#[test]
fn a_refusal_that_names_a_place_gets_a_caret() {
    let line = "invalid TraceQL query: parse error at line 1, col 8: syntax error: unexpected `}`";
    assert_eq!(with_caret(line, "{ .a = }"), format!("{line}\n  | {{ .a = }}\n  |        ^"));
    assert_eq!(with_caret("no such thing", "{ }"), "no such thing");
    assert_eq!(with_caret("at line 9, col 8: x", "{ }"), "at line 9, col 8: x");
}

#[test]
fn an_explanation_says_what_each_region_is_asked_and_why() {
    insta::assert_snapshot!(
        "explain_local",
        explained("{ .a > 1 && !.b } || { status = error } | select(.c)")
    );
    insta::assert_snapshot!(
        "explain_structure",
        explained(
            "{ rootName = \"GET /\" && span.http.status_code >= 500 } >> { !(.db) && name = \"q\" } | count() > 2"
        )
    );
    insta::assert_snapshot!("explain_open", explained("{ traceDuration > 1s } | by(rootServiceName)"));
    insta::assert_snapshot!(
        "explain_rate",
        explained("{ status = error } | rate() by(resource.service.name) | topk(3)")
    );
    insta::assert_snapshot!(
        "explain_math",
        explained(
            "({ rootName = \"GET /\" } | quantile_over_time(duration, .9)) / ({ .a } > { .b } | avg_over_time(.v)) * 100 > 5"
        )
    );
    insta::assert_snapshot!(
        "explain_region",
        explained("{ resource.tutti.region = \"eu\" && .a = \"x\" } | by(.tutti.region)")
    );
    insta::assert_snapshot!("explain_average", explained("{ .a = \"x\" } | avg_over_time(span.v)"));
}

#[test]
fn a_metrics_query_that_a_configuration_refuses_says_so() {
    let refused = |text: &str, kinds: &[&str]| {
        let regions = kinds.iter().enumerate().map(|(at, kind)| {
            format!("[[region]]\nname = \"r{at}\"\njurisdiction = \"EU\"\nkind = \"{kind}\"\nurl = \"http://127.0.0.1:1\"\n")
        });
        let regions = regions.collect::<String>();
        let regions = if kinds.contains(&"memory") {
            regions.replace("url = \"http://127.0.0.1:1\"\n", "")
        } else {
            regions
        };
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("regions.toml");
        std::fs::write(&file, format!("[gateway]\nregion = \"r0\"\npacks = []\n{regions}")).unwrap();
        let (settings, _) = crate::app::load(&file, None, &|_| None).unwrap();
        explain::refused(&traceql::compile(text).unwrap(), &settings, 100)
    };
    let why = refused("{ } | rate()", &["tempo", "tempo"]);
    assert!(why.contains("refused") && why.contains("no metrics over r0, r1 yet"), "{why}");
    assert_eq!(refused("{ } | rate()", &["tempo"]), "");
    assert_eq!(refused("{ } | rate()", &["memory", "memory"]), "");
    assert_eq!(refused("{ }", &["tempo", "tempo"]), "");
    assert_eq!(refused("{ resource.tutti.region = `r0` } | rate()", &["tempo"]), "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_document_hurts(
        values in proptest::collection::vec((any::<i64>(), prop_oneof![any::<f64>(), Just(0.0)]), 0..40),
        text in "\\PC{0,12}[\u{0}-\u{9f}]{0,3}",
        columns in COLUMNS_MIN..COLUMNS_MAX,
    ) {
        let label = serde_json::to_string(&text).unwrap();
        let samples: Vec<String> = values.iter().filter(|(_, value)| value.is_finite())
            .map(|(at, value)| format!(r#"{{"timestampMs":"{}","value":{value:e}}}"#, at / 4)).collect();
        let json = format!(r#"{{"series":[{{"labels":[{{"key":{label},"value":{{"stringValue":{label}}}}}],"samples":[{}],"value":"{text:?}"}}]}}"#, samples.join(","));
        if let Ok(metrics) = read::metrics(&json) {
            for drawn in [chart::range(&metrics.series, columns), chart::instant(&metrics.series, columns)] {
                for line in without_colours(&drawn).lines() {
                    prop_assert!(super::super::text::width(line) <= columns, "{line}");
                    prop_assert!(!line.chars().any(char::is_control));
                }
            }
        }
        let json = format!(r#"{{"traces":[{{"traceID":{label},"rootServiceName":{label},"rootTraceName":{label},"startTimeUnixNano":"{}","durationMs":7}}]}}"#, u64::MAX);
        let found = read::search(&json).unwrap();
        for line in without_colours(&rows::table(&found.traces, 1, columns)).lines() {
            prop_assert!(super::super::text::width(line) <= columns, "{line}");
        }
    }
}
