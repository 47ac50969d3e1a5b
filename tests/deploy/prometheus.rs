//! Rules, and their own tests by promtool.

use serde_json::Value;

use crate::manifests::{document, schema, succeeded, tool, valid};
use crate::source::read;

const FILES: [&str; 2] = ["deploy/prometheus/recording.rules.yaml", "deploy/prometheus/alerts.rules.yaml"];

pub fn rules() -> Vec<Value> {
    FILES.iter().flat_map(|path| document(path)["groups"][0]["rules"].as_array().unwrap().clone()).collect()
}

fn alerts() -> Vec<String> {
    rules().iter().filter_map(|rule| rule["alert"].as_str().map(str::to_owned)).collect()
}

#[test]
fn the_files_of_rules_are_such() {
    let schema = schema("rules");
    for path in FILES {
        valid(path, &schema, &document(path));
    }
}

#[test]
fn promtool_finds_the_rules_good_and_their_tests_hold() {
    for line in [
        &["check", "rules", FILES[0], FILES[1]][..],
        &["check", "config", "deploy/prometheus/prometheus.yaml"],
        &["test", "rules", "deploy/prometheus/rules.test.yaml"],
    ] {
        let Some(output) = tool("promtool", line) else { return };
        succeeded("promtool", &output);
    }
}

#[test]
fn every_alert_is_tested_and_has_its_place_in_the_runbook() {
    let tests = read("deploy/prometheus/rules.test.yaml");
    let runbook = read("docs/operating.md");
    let alerts = alerts();
    assert!(alerts.len() >= 14);
    for rule in rules().iter().filter(|rule| rule.get("alert").is_some()) {
        let name = rule["alert"].as_str().unwrap();
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} is not tested");
        assert!(runbook.contains(&format!("### {name}\n")), "docs/operating.md has no `### {name}`");
        let link = rule["annotations"]["runbook"].as_str().unwrap();
        assert_eq!(link, format!("docs/operating.md#{}", name.to_lowercase()));
    }
    for heading in runbook.lines().filter_map(|line| line.strip_prefix("### Tutti")) {
        assert!(
            alerts.contains(&format!("Tutti{heading}")),
            "docs/operating.md has an alert that is none: {heading}"
        );
    }
}

#[test]
fn the_alerts_of_grafana_are_those_of_prometheus() {
    let path = "deploy/grafana/provisioning/alerting/tutti.yaml";
    let provisioned = document(path);
    valid(path, &schema("alerting"), &provisioned);
    let own = provisioned["groups"][0]["rules"].as_array().unwrap().clone();
    let alerts: Vec<Value> = rules().into_iter().filter(|rule| rule.get("alert").is_some()).collect();
    assert_eq!(own.len(), alerts.len());
    let words =
        |text: &Value| text.as_str().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (own, alert) in own.iter().zip(&alerts) {
        assert_eq!(own["title"], alert["alert"]);
        assert_eq!(words(&own["data"][0]["model"]["expr"]), words(&alert["expr"]), "{}", own["title"]);
        assert_eq!(own["for"].as_str().unwrap(), alert["for"].as_str().unwrap_or("0s"), "{}", own["title"]);
        assert_eq!(own["labels"], alert["labels"]);
    }
}
