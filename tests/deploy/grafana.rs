//! Data sources for each way to show who asks, and dashboards.

use serde_json::Value;

use crate::manifests::{document, schema, valid};
use crate::source::{files, read};

#[test]
fn every_data_source_is_one_of_the_ways_to_show_who_asks() {
    let schema = schema("datasources");
    let paths = files("deploy/grafana/datasources");
    assert_eq!(paths.len(), 5, "{paths:?}");
    for path in paths {
        let document = document(&path);
        valid(&path, &schema, &document);
        let sources = document["datasources"].as_array().unwrap();
        assert_eq!(sources.len(), 1, "{path}");
        let (own, json) = (&sources[0], &sources[0]["jsonData"]);
        assert_eq!(own["type"], "tempo", "{path}");
        // Of a stream nobody knows the user.
        let streams = !path.contains("per-user");
        assert_eq!(
            json["streamingEnabled"],
            serde_json::json!({"search": streams, "metrics": streams}),
            "{path}"
        );
        assert!(json["timeout"].as_u64().unwrap() > 25, "{path}: Grafana gives up before the gateway");
        assert_eq!(
            json.get("httpHeaderName1").is_some(),
            own["secureJsonData"].get("httpHeaderValue1").is_some(),
            "{path}"
        );
        let has_certificate = own["secureJsonData"].get("tlsClientCert").is_some();
        assert_eq!(json["tlsAuth"] == true, has_certificate, "{path}");
        let is_open = path.ends_with("/open.yaml");
        assert_eq!(own["url"].as_str().unwrap().starts_with("http://127.0.0.1"), is_open, "{path}");
    }
}

#[test]
fn the_data_sources_are_those_of_the_document_on_identity() {
    let document = read("docs/identity.md");
    let blocks = document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let own: Vec<Value> = files("deploy/grafana/datasources")
        .iter()
        .map(|path| crate::manifests::document(path)["datasources"][0].clone())
        .collect();
    let mut count = 0;
    for block in blocks {
        let shown: Value = serde_saphyr::from_str(block).unwrap();
        let shown = &shown["datasources"][0];
        let has_all = |own: &&Value| {
            let said = shown["jsonData"].as_object().unwrap();
            said.iter().all(|(key, value)| own["jsonData"][key] == *value)
                && own["secureJsonData"] == shown["secureJsonData"]
        };
        assert!(
            own.iter().any(|own| has_all(&own)),
            "no data source is as docs/identity.md has it:\n{block}"
        );
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn every_dashboard_can_be_drawn() {
    let schema = schema("dashboard");
    let mut uids = Vec::new();
    for path in files("deploy/grafana/dashboards") {
        let board: Value = serde_json::from_str(&read(&path)).unwrap();
        valid(&path, &schema, &board);
        let panels = board["panels"].as_array().unwrap();
        let number = |panel: &Value, key: &str| panel["gridPos"][key].as_u64().unwrap();
        for (at, panel) in panels.iter().enumerate() {
            assert!(number(panel, "x") + number(panel, "w") <= 24, "{path}: {}", panel["title"]);
            for other in &panels[at + 1..] {
                assert_ne!(panel["id"], other["id"], "{path}");
                let apart = |key: &str, size: &str| {
                    number(panel, key) + number(panel, size) <= number(other, key)
                        || number(other, key) + number(other, size) <= number(panel, key)
                };
                assert!(
                    apart("x", "w") || apart("y", "h"),
                    "{path}: {} lies over {}",
                    panel["title"],
                    other["title"]
                );
            }
        }
        uids.push(board["uid"].as_str().unwrap().to_owned());
        for link in board["links"].as_array().unwrap() {
            assert!(link["url"].as_str().unwrap().starts_with("/d/tutti-"), "{path}");
        }
    }
    assert_eq!(uids, ["tutti-auditor", "tutti-operator"]);
}
