//! The chart: rendered manifests are of its templates, fit their kinds, and say what a cluster must hold them to.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::manifests::{documents, schema, succeeded, tool, valid};
use crate::source::{read, root};

const CHART: &str = "deploy/helm/tutti";
const CASES: [&str; 3] = ["default", "gateway", "peer"];
const RENDERED: &str = "deploy/helm/tutti/tests/golden/rendered-from";

fn golden(case: &str) -> Vec<Value> {
    documents(&format!("{CHART}/tests/golden/{case}.yaml"))
}

fn of_kind(case: &str, kind: &str) -> Vec<Value> {
    golden(case).into_iter().filter(|document| document["kind"] == kind).collect()
}

/// Everything that rendering reads, and what it wrote.
fn digest() -> String {
    let mut files = crate::source::files(CHART);
    files.retain(|path| !path.ends_with("rendered-from") && !path.contains("README"));
    let mut all = Sha256::new();
    for path in files {
        all.update(path.as_bytes());
        all.update([0]);
        all.update(read(&path).as_bytes());
        all.update([0]);
    }
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_rendered_manifests_of_the_chart_are_of_its_templates() {
    let digest = digest();
    // `just chart` renders, and then says so.
    if std::env::var_os("TUTTI_CHART_RENDERED").is_some() {
        std::fs::write(root().join(RENDERED), format!("{digest}\n")).unwrap();
    }
    let rendered = std::fs::read_to_string(root().join(RENDERED)).unwrap_or_default();
    assert_eq!(
        rendered.trim(),
        digest,
        "the chart has changed since it was rendered: run `just chart`, which needs helm"
    );
}

#[test]
fn helm_renders_the_chart_as_it_is_committed() {
    for case in CASES {
        let values = format!("{CHART}/tests/values/{case}.yaml");
        let mut line = vec!["template", "tutti", CHART, "--namespace", "tracing", "--kube-version", "1.31.0"];
        if case != "default" {
            line.extend(["-f", &values]);
        }
        let Some(output) = tool("helm", &line) else { return };
        succeeded("helm", &output);
        let rendered = String::from_utf8(output.stdout).unwrap();
        assert!(rendered == read(&format!("{CHART}/tests/golden/{case}.yaml")), "{case}: run `just chart`");
    }
    for (change, word) in [
        ("role=peer", "peer.trusts"),
        ("audit.enabled=true", "[audit]"),
        ("vulture.enabled=true", "vulture.regions"),
        ("terminationGracePeriodSeconds=5", "leaves no time"),
        ("replcas=3", "replcas"),
        ("role=other", "role"),
    ] {
        let Some(output) =
            tool("helm", &["template", "tutti", CHART, "--kube-version", "1.31.0", "--set", change])
        else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(word), "{change}: {said}");
    }
}

#[test]
fn every_manifest_of_the_chart_fits_its_kind() {
    let schema = schema("kubernetes");
    for case in CASES {
        let manifests = golden(case);
        assert!(manifests.len() >= 7, "{case}: {}", manifests.len());
        for manifest in manifests {
            let text = |key: &str| manifest[key].as_str().unwrap().to_owned();
            let kind = format!("{} {}", text("apiVersion"), text("kind"));
            let of = schema["kinds"].get(&kind).unwrap_or_else(|| panic!("{case}: no schema for {kind}"));
            valid(&format!("{case}, {kind} {}", manifest["metadata"]["name"]), of, &manifest);
        }
    }
}

#[test]
fn the_values_of_the_chart_are_those_its_schema_allows() {
    let schema: Value = serde_json::from_str(&read(&format!("{CHART}/values.schema.json"))).unwrap();
    let defaults = crate::manifests::document(&format!("{CHART}/values.yaml"));
    valid("values.yaml", &schema, &defaults);
    // What a value can be is said of each, and nothing of one that is not there.
    for (key, value) in defaults.as_object().unwrap() {
        let Some(said) = schema["properties"][key].get("properties") else { continue };
        let said: Vec<&String> = said.as_object().unwrap().keys().collect();
        let has: Vec<&String> = value.as_object().unwrap().keys().collect();
        let same = |a: &[&String], b: &[&String]| a.iter().all(|key| b.contains(key));
        assert!(same(&said, &has) && same(&has, &said), "{key}: {said:?} and {has:?}");
    }
    for case in ["gateway", "peer"] {
        let path = format!("{CHART}/tests/values/{case}.yaml");
        let mut merged = defaults.clone();
        for (key, value) in crate::manifests::document(&path).as_object().unwrap() {
            match (merged.get_mut(key), value) {
                (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
                _ => drop(merged.as_object_mut().unwrap().insert(key.clone(), value.clone())),
            }
        }
        valid(&path, &schema, &merged);
    }
    let wrong =
        serde_json::json!({"role": "gateway", "image": {"repository": "a"}, "config": "x", "replcas": 2});
    assert!(!crate::manifests::faults(&schema, &wrong).is_empty());
}

#[test]
fn every_selector_of_the_chart_finds_pods_and_every_port_is_there() {
    for case in CASES {
        let mut pods = of_kind(case, "Deployment");
        pods.extend(of_kind(case, "StatefulSet"));
        let labels: Vec<&Value> =
            pods.iter().map(|pod| &pod["spec"]["template"]["metadata"]["labels"]).collect();
        let finds = |selector: &Value| {
            labels
                .iter()
                .any(|labels| selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value))
        };
        for manifest in golden(case) {
            let spec = &manifest["spec"];
            let selectors = [&spec["selector"]["matchLabels"], &spec["podSelector"]["matchLabels"]];
            let service = (manifest["kind"] == "Service").then_some(&spec["selector"]);
            for selector in selectors.into_iter().chain(service).filter(|selector| selector.is_object()) {
                assert!(finds(selector), "{case}: {} selects nobody", manifest["kind"]);
            }
        }
        let ports: Vec<String> = pods
            .iter()
            .flat_map(|pod| pod["spec"]["template"]["spec"]["containers"][0]["ports"].as_array().unwrap())
            .map(|port| port["name"].as_str().unwrap().to_owned())
            .collect();
        for service in of_kind(case, "Service") {
            assert!(ports.iter().any(|port| service["spec"]["ports"][0]["targetPort"] == *port), "{case}");
        }
        for pod in &pods {
            let pod = &pod["spec"]["template"]["spec"];
            let volumes: Vec<&Value> =
                pod["volumes"].as_array().into_iter().flatten().map(|volume| &volume["name"]).collect();
            for mount in pod["containers"][0]["volumeMounts"].as_array().into_iter().flatten() {
                // A volume of a claim is made by the set.
                assert!(volumes.contains(&&mount["name"]) || mount["name"] == "audit", "{case}: {mount}");
            }
        }
    }
}

#[test]
fn the_commands_of_the_chart_are_those_of_the_executable() {
    use clap::Parser;
    for case in CASES {
        for pod in of_kind(case, "Deployment").into_iter().chain(of_kind(case, "StatefulSet")) {
            let args = pod["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
            let line = std::iter::once("tutti").chain(args.iter().map(|arg| arg.as_str().unwrap()));
            tutti::cli::Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{case}: {error}"));
        }
    }
}

#[test]
fn the_rules_of_the_chart_are_those_of_prometheus() {
    let rules = of_kind("gateway", "PrometheusRule").remove(0);
    let in_chart = rules["spec"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    let files = ["recording", "alerts"]
        .map(|name| crate::manifests::document(&format!("deploy/prometheus/{name}.rules.yaml")));
    let in_files = files.iter().flat_map(|file| file["groups"][0]["rules"].as_array().unwrap());
    assert!(in_chart.eq(in_files));
    let boards = of_kind("gateway", "ConfigMap");
    let boards = boards.iter().find(|map| map["data"].get("tutti-operator.json").is_some()).unwrap();
    let shown: Value = serde_json::from_str(boards["data"]["tutti-operator.json"].as_str().unwrap()).unwrap();
    let own: Value = serde_json::from_str(&read("deploy/grafana/dashboards/operator.json")).unwrap();
    assert_eq!(shown, own);
}

#[test]
fn secrets_are_in_the_chart_by_reference_alone() {
    for case in CASES {
        for manifest in golden(case) {
            assert_ne!(manifest["kind"], "Secret", "{case}");
        }
    }
}
