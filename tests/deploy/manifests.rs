//! Reading manifests, and holding them against schemas of our own: small, and closed to what we do not use.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::source::{read, root};

/// Every document of a file that holds something.
pub fn documents(path: &str) -> Vec<Value> {
    let text = read(path);
    let documents = serde_saphyr::from_multiple::<Value>(&text);
    let documents = documents.unwrap_or_else(|error| panic!("{path}: {error}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The one document of a file.
pub fn document(path: &str) -> Value {
    let mut documents = documents(path);
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

pub fn schema(name: &str) -> Value {
    serde_json::from_str(&read(&format!("tests/deploy/schemas/{name}.json"))).unwrap()
}

/// Panics with every fault of a document, by its place.
pub fn valid(what: &str, schema: &Value, document: &Value) {
    let faults = faults(schema, document);
    assert!(faults.is_empty(), "{what}:\n{}", faults.join("\n"));
}

pub fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let told = |error: jsonschema::ValidationError<'_>| format!("  {}: {error}", error.instance_path());
    validator.iter_errors(document).map(told).collect()
}

/// Every text below a key of this name, however deep.
pub fn texts(value: &Value, key: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![value]);
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                found.extend(map.get(key).and_then(Value::as_str).map(str::to_owned));
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    found
}

/// Runs a tool in the root of the repository; nothing, said aloud, where it is not installed.
pub fn tool(name: &str, args: &[&str]) -> Option<Output> {
    match Command::new(name).args(args).current_dir(root()).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: `{name}` is not on the path, so that it judged nothing");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

pub fn succeeded(name: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{name}: {said}");
}

/// `TEMPO_BIN`, where it is set.
pub fn tempo() -> Option<PathBuf> {
    let path = std::env::var_os("TEMPO_BIN").map(PathBuf::from);
    if path.is_none() {
        eprintln!("SKIPPED: TEMPO_BIN is not set, so that no Tempo judged its configuration");
    }
    path
}

#[test]
fn a_schema_finds_what_is_wrong() {
    let schema = schema("kubernetes");
    let service = |port: &str| {
        serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tutti"},
            "spec": {"selector": {"a": "b"}, "ports": [{"name": "http", port: 3200, "targetPort": "http"}]}})
    };
    let of = &schema["kinds"]["v1 Service"];
    assert!(faults(of, &service("port")).is_empty());
    assert!(!faults(of, &service("prot")).is_empty());
}
