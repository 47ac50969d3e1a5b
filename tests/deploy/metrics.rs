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
