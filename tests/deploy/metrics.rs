//! Every metric that a rule or a dashboard names is one that somebody shows.

use std::collections::BTreeSet;

use serde_json::Value;
use tutti::telemetry::VultureMetrics;

use crate::manifests::texts;
use crate::prometheus::rules;
use crate::source::read;

type Names = BTreeSet<String>;

/// Names as queries have them: a histogram by its three, a counter with its ending. The gateway's are those of
/// docs/api.md, which `tests/docs.rs` holds to what `/metrics` shows.
fn shown() -> Names {
    let document = read("docs/api.md");
    let part = document.split("\n## Metrics\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `tutti_"));
    let mut names: Names = rows.map(|row| format!("tutti_{}", row.split('`').next().unwrap())).collect();
    assert!(names.len() >= 18, "{names:?}");
    for line in of_the_self_check().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (family, kind) = line.split_once(' ').unwrap();
        names.insert(if kind == "counter" { format!("{family}_total") } else { family.to_owned() });
    }
    let histograms: Names = names.iter().filter(|name| name.ends_with("_seconds")).cloned().collect();
    for name in histograms {
        names.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
    }
    names.extend(rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    names
}

/// A family without a sample is not shown.
fn of_the_self_check() -> String {
    let metrics = VultureMetrics::default();
    metrics.expects(&["trace"], &["good"]);
    metrics.wrote("us-east", true);
    metrics.render()
}

/// Metrics that a query names: words that begin as ours do.
fn named(query: &str) -> Names {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let words = query.split(|c| !is_part(c));
    words.filter(|word| word.starts_with("tutti_") || word.contains(":tutti_")).map(str::to_owned).collect()
}

fn dashboards() -> Vec<(String, Value)> {
    let files = crate::source::files("deploy/grafana/dashboards");
    files.into_iter().map(|path| (path.clone(), serde_json::from_str(&read(&path)).unwrap())).collect()
}

#[test]
fn every_metric_of_a_rule_or_a_dashboard_is_shown_by_somebody() {
    let shown = shown();
    let mut queries: Vec<(String, String)> = Vec::new();
    for rule in rules() {
        let name = rule["record"].as_str().or(rule["alert"].as_str()).unwrap().to_owned();
        queries.push((name, rule["expr"].as_str().unwrap().to_owned()));
    }
    for (path, board) in dashboards() {
        let variables = texts(&board["templating"], "query").into_iter();
        queries.extend(texts(&board, "expr").into_iter().chain(variables).map(|query| (path.clone(), query)));
    }
    assert!(queries.len() > 50, "{}", queries.len());
    let mut seen = Names::new();
    for (place, query) in queries {
        for name in named(&query) {
            assert!(shown.contains(&name), "{place} asks for `{name}`, which nobody shows");
            seen.insert(name);
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
}

#[test]
fn whatever_an_alert_reads_is_drawn_on_a_dashboard() {
    let recorded: Vec<(String, String)> = rules()
        .iter()
        .filter_map(|rule| Some((rule["record"].as_str()?.to_owned(), rule["expr"].as_str()?.to_owned())))
        .collect();
    // What a recorded series is made of is drawn where the series is, and the other way round.
    let wider = |names: Names| -> Names {
        let of = recorded.iter().filter(|(name, _)| names.contains(name));
        let made_of: Names = of.flat_map(|(_, query)| named(query)).collect();
        names.into_iter().chain(made_of).collect()
    };
    let drawn = dashboards().into_iter().flat_map(|(_, board)| texts(&board["panels"], "expr"));
    let drawn: Names = drawn.flat_map(|query| wider(named(&query))).collect();
    // 1 while it is there: what it tells is that it is not.
    let says_only_that_it_is = |name: &str| matches!(name, "tutti_build_info" | "tutti_vulture_rounds_total");
    for rule in rules().iter().filter(|rule| rule.get("alert").is_some()) {
        let read = wider(named(rule["expr"].as_str().unwrap()));
        let is_drawn = |name: &String| drawn.contains(name) || says_only_that_it_is(name);
        assert!(read.iter().any(is_drawn), "nobody who is woken by {} can look at {read:?}", rule["alert"]);
    }
    // What the one on call is promised to be woken for.
    for (what, alert, metric) in [
        ("answers of several regions are slow", "TuttiLatencyHigh", "tutti_federated_request_seconds_bucket"),
        ("answers are partial", "TuttiPartialAnswers", "tutti_requests_total"),
        ("a region is silent", "TuttiRegionSilent", "tutti_region_requests_total"),
        ("a circuit is open", "TuttiBreakerOpen", "tutti_region_circuit"),
        ("the record fails", "TuttiAuditFailing", "tutti_audit_failing"),
        ("a policy is refused", "TuttiConfigRefused", "tutti_config_last_reload_successful"),
        ("the cache thrashes", "TuttiCacheThrashing", "tutti_cache_evictions_total"),
    ] {
        let rules = rules();
        let rule = rules.iter().find(|rule| rule["alert"] == alert).unwrap_or_else(|| panic!("{what}"));
        assert!(wider(named(rule["expr"].as_str().unwrap())).contains(metric), "{what}: {}", rule["expr"]);
        assert!(drawn.contains(metric), "{what}: {metric} is drawn nowhere");
    }
}

#[test]
fn every_metric_of_the_self_check_is_described() {
    let document = read("docs/operating.md");
    let text = of_the_self_check();
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut count = 0;
    for (family, kind) in families.filter_map(|line| line.split_once(' ')) {
        let name = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
        assert!(document.contains(&format!("| `{name}` |")), "docs/operating.md does not describe `{name}`");
        count += 1;
    }
    let described = document.lines().filter(|line| line.starts_with("| `tutti_vulture_")).count();
    assert_eq!(count, described);
}
