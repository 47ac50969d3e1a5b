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
        ("role=peer,config=[[peer.trusts]]", "networkPolicy.ingressFrom"),
        ("tls=true,serviceMonitor.enabled=true", "serviceMonitor.tlsConfig"),
        ("config=client_required,serviceMonitor.enabled=true", "serviceMonitor.tlsConfig.cert"),
        ("serviceMonitor.tlsConfig.servername=a", "servername"),
        ("vulture.server=tutti", "vulture"),
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
    // What a value can be is said of each, however deep, and nothing of one that is not there.
    let mut open = vec![("values".to_owned(), &schema, &defaults)];
    let mut count = 0;
    while let Some((place, schema, value)) = open.pop() {
        let Some(said) = schema.get("properties").and_then(Value::as_object) else { continue };
        let has = value.as_object().unwrap();
        // An empty one that may be filled: what belongs in it is another's to say.
        if has.is_empty() {
            continue;
        }
        assert_eq!(schema["additionalProperties"], false, "{place} takes anything");
        // Helm gives every chart its `global`.
        let mut a: Vec<&String> = said.keys().filter(|key| *key != "global").collect();
        let mut b: Vec<&String> = has.keys().collect();
        a.sort();
        b.sort();
        assert_eq!(a, b, "{place}");
        count += a.len();
        open.extend(a.iter().map(|key| (format!("{place}.{key}"), &said[*key], &value[*key])));
    }
    assert!(count > 70, "{count}");
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
            // It selects services, and these pods: a test of its own looks at that.
            if manifest["kind"] == "ServiceMonitor" {
                continue;
            }
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

fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
}

#[test]
fn every_pod_of_the_chart_is_scraped_once_and_its_certificate_can_be_believed() {
    for case in ["gateway", "peer"] {
        let monitors = of_kind(case, "ServiceMonitor");
        assert_eq!(monitors.len(), 1, "{case}");
        let selector = &monitors[0]["spec"]["selector"]["matchLabels"];
        let services = of_kind(case, "Service");
        let scraped = services.iter().filter(|service| selects(selector, &service["metadata"]["labels"]));
        assert_eq!(scraped.count(), 1, "{case}: one of {} services", services.len());
        let endpoint = &monitors[0]["spec"]["endpoints"][0];
        assert_eq!(endpoint["scheme"] == "https", endpoint.get("tlsConfig").is_some(), "{case}");
    }
    assert_eq!(of_kind("peer", "Service").len(), 2);
    assert_eq!(of_kind("peer", "ServiceMonitor")[0]["spec"]["endpoints"][0]["scheme"], "https");
}

/// Those that the network policy of these pods lets in at this port.
fn let_in(case: &str, component: &str, port: &str) -> Vec<Value> {
    let policies = of_kind(case, "NetworkPolicy").into_iter();
    let of = |policy: &Value| {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    };
    let rules = policies.filter(of).flat_map(|policy| policy["spec"]["ingress"].as_array().unwrap().clone());
    let at_port = rules.filter(|rule| rule["ports"].as_array().unwrap().iter().any(|at| at["port"] == port));
    at_port.flat_map(|rule| rule["from"].as_array().unwrap().clone()).collect()
}

#[test]
fn the_network_policies_let_in_who_asks_and_who_scrapes() {
    let namespace = |name: &str| serde_json::json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    let asks = let_in("default", "gateway", "http");
    assert_eq!(asks, [namespace("grafana"), namespace("monitoring")]);
    // Whoever comes through the ingress comes from its controller; and the self-check asks, too.
    let asks = let_in("gateway", "gateway", "http");
    assert_eq!(asks[..3], [namespace("grafana"), namespace("ingress-nginx"), namespace("monitoring")]);
    let vulture = &of_kind("gateway", "Deployment")
        .into_iter()
        .find(|pod| pod["metadata"]["name"] == "tutti-vulture")
        .unwrap()["spec"]["template"]["metadata"]["labels"];
    assert!(selects(&asks[3]["podSelector"]["matchLabels"], vulture));
    assert_eq!(let_in("gateway", "vulture", "metrics"), [namespace("monitoring")]);
    // Of a peer it is those that its values name, and nobody that is guessed.
    let asks = let_in("peer", "peer", "http");
    assert_eq!(asks, [serde_json::json!({"ipBlock": {"cidr": "203.0.113.0/24"}})]);
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
    // Where no self-check is installed, that there is none is no news.
    let names = |case: &str| -> Vec<String> {
        let groups = of_kind(case, "PrometheusRule").remove(0)["spec"]["groups"].as_array().unwrap().clone();
        let rules = groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.filter_map(|rule| rule["alert"].as_str().map(str::to_owned)).collect()
    };
    let mut of_all = names("gateway");
    of_all.retain(|name| name != "TuttiSelfCheckAbsent");
    assert_eq!(names("peer"), of_all);
    assert_ne!(names("peer"), names("gateway"));
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
