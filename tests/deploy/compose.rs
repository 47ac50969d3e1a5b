//! The compose world: it fits together, and each part is what its own program takes.

use std::collections::BTreeSet;
use std::process::Command;

use clap::Parser;
use serde_json::Value;

use crate::manifests::{document, schema, succeeded, tempo, valid};
use crate::source::root;

const WORLD: &str = "deploy/compose/compose.yaml";

fn services() -> serde_json::Map<String, Value> {
    document(WORLD)["services"].as_object().unwrap().clone()
}

fn words(service: &Value, key: &str) -> Vec<String> {
    service[key].as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_world_fits_the_specification_and_publishes_loopback_only() {
    valid(WORLD, &schema("compose"), &document(WORLD));
}

#[test]
fn every_file_and_volume_of_the_world_is_there() {
    let world = document(WORLD);
    let volumes = world["volumes"].as_object().unwrap();
    for (name, service) in services() {
        for mount in words(&service, "volumes") {
            let from = mount.split(':').next().unwrap();
            let is_there = if from.starts_with('.') {
                root().join("deploy/compose").join(from).exists()
            } else {
                volumes.contains_key(from)
            };
            assert!(is_there, "{name} mounts `{from}`");
        }
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services().contains_key(needed.0), "{name} waits for {}", needed.0);
        }
    }
}

#[test]
fn three_regions_have_a_tempo_a_collector_and_a_gateway_each() {
    let services = services();
    for region in ["us-east", "us-west", "eu-central"] {
        for part in ["tempo", "collector", "tutti"] {
            assert!(services.contains_key(&format!("{part}-{region}")), "{part}-{region}");
        }
    }
    for name in ["tutti", "shop", "vulture", "prometheus", "grafana"] {
        assert!(services.contains_key(name), "{name}");
    }
}

#[test]
fn what_tutti_is_told_in_the_world_is_what_it_takes() {
    let mut count = 0;
    for (name, service) in services() {
        if !service["image"].as_str().unwrap().contains("TUTTI_IMAGE") {
            continue;
        }
        count += 1;
        assert_eq!(service["read_only"], true, "{name}");
        let command = words(&service, "command");
        let line = std::iter::once("tutti".to_owned()).chain(command);
        if words(&service, "command").is_empty() {
            continue;
        }
        tutti::cli::Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert_eq!(count, 6);
}

/// Names of hosts that somebody of the world is told to speak to are names of it.
#[test]
fn everybody_whom_somebody_asks_is_in_the_world() {
    let names: BTreeSet<String> = services().keys().cloned().collect();
    let files = crate::source::files("deploy/compose").into_iter();
    let mut hosts = Vec::new();
    for path in files.chain(["deploy/prometheus/prometheus.yaml".to_owned()]) {
        let text = crate::source::read(&path);
        for rest in text.split("http://").skip(1) {
            let host = rest.split([':', '/', '"', '\n', ' ']).next().unwrap();
            hosts.push((path.clone(), host.replace("tempo-${env", "tempo-us-east")));
        }
    }
    let prometheus = document("deploy/prometheus/prometheus.yaml");
    for targets in prometheus["scrape_configs"].as_array().unwrap() {
        for config in targets["static_configs"].as_array().unwrap() {
            for target in words(config, "targets") {
                hosts.push(("prometheus.yaml".to_owned(), target.split(':').next().unwrap().to_owned()));
            }
        }
    }
    assert!(hosts.len() > 30);
    for (path, host) in hosts {
        assert!(
            names.contains(&host) || host.starts_with("127.0.0.1"),
            "{path} names `{host}`, who is nobody"
        );
    }
}

#[test]
fn the_collectors_send_each_region_what_is_of_it() {
    let path = "deploy/compose/collector.yaml";
    let config = document(path);
    valid(path, &schema("collector"), &config);
    let service = &config["service"]["pipelines"];
    for (name, pipeline) in service.as_object().unwrap() {
        for kind in ["receivers", "processors", "exporters"] {
            for part in words(pipeline, kind) {
                let is_there = config[kind].get(&part).is_some() || config["connectors"].get(&part).is_some();
                assert!(is_there, "{name} has no {kind} `{part}`");
            }
        }
    }
    let routing = &config["connectors"]["routing"];
    let mut regions = Vec::new();
    for route in routing["table"].as_array().unwrap() {
        let pipeline = words(route, "pipelines").remove(0);
        let region = pipeline.strip_prefix("traces/").unwrap().to_owned();
        // What the shop and the vulture say of themselves is caught: a cloud's region begins with ours.
        assert!(route["condition"].as_str().unwrap().contains(&format!("\"^{region}\"")), "{route}");
        let exporter = words(&service[&pipeline], "exporters").remove(0);
        let endpoint = config["exporters"][&exporter]["endpoint"].as_str().unwrap();
        assert_eq!(endpoint, format!("http://tempo-{region}:4318"));
        regions.push(region);
    }
    assert_eq!(regions, ["us-east", "us-west", "eu-central"]);
    assert!(service.get(&words(routing, "default_pipelines")[0]).is_some());
}

#[test]
fn grafana_has_tutti_as_its_one_tempo() {
    let path = "deploy/compose/grafana/datasources/tutti.yaml";
    let sources = document(path);
    valid(path, &schema("datasources"), &sources);
    let sources = sources["datasources"].as_array().unwrap();
    let tempos: Vec<&Value> = sources.iter().filter(|source| source["type"] == "tempo").collect();
    assert_eq!(tempos.len(), 1);
    assert_eq!(tempos[0]["url"], "http://tutti:3200");
    let exemplars = &sources.iter().find(|source| source["type"] == "prometheus").unwrap()["jsonData"];
    assert_eq!(exemplars["exemplarTraceIdDestinations"][0]["datasourceUid"], tempos[0]["uid"]);
}

#[test]
fn tempo_takes_its_configuration() {
    let Some(tempo) = tempo() else { return };
    let path = root().join("deploy/compose/tempo.yaml");
    let output = Command::new(&tempo)
        .arg(format!("-config.file={}", path.display()))
        .arg("-config.verify=true")
        .output()
        .unwrap();
    succeeded("tempo", &output);
    // One that is wrong is refused, so that the line above says something.
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("tempo.yaml");
    std::fs::write(&wrong, format!("{}\nno_such_key: 1\n", std::fs::read_to_string(path).unwrap())).unwrap();
    let output = Command::new(tempo)
        .arg(format!("-config.file={}", wrong.display()))
        .arg("-config.verify=true")
        .output()
        .unwrap();
    assert!(!output.status.success());
}
