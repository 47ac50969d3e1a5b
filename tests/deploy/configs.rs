//! Every `regions.toml` of `deploy/` passes `tutti check`, with keys and secrets made for the moment.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::manifests::{documents, tool};
use crate::source::root;

/// What stands for a secret of more than 16 characters.
const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdCBhbmQgb2Ygbm8gb25l";

/// A key pair for signatures; nothing, said aloud, where nothing can make one.
fn key_pair(private: &Path, public: &Path) -> Option<()> {
    let (private, public) = (private.to_str().unwrap(), public.to_str().unwrap());
    tool("openssl", &["genpkey", "-algorithm", "ed25519", "-out", private])?;
    tool("openssl", &["pkey", "-in", private, "-pubout", "-out", public])?;
    Some(())
}

fn check(what: &str, config: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tutti"));
    let output = command
        .args(["check", "--config", config.to_str().unwrap()])
        .env("TUTTI_LOCAL_SECRET", SECRET)
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert_eq!(output.status.code(), Some(0), "{what}:\n{said}");
}

#[test]
fn every_gateway_of_the_compose_world_has_a_good_configuration() {
    for name in ["global", "us-east", "us-west", "eu-central"] {
        let folder = tempfile::tempdir().unwrap();
        let from = root().join("deploy/compose/tutti").join(name);
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).unwrap();
        for secret in ["grafana", "vulture", "local", "peer"] {
            // Each its own: two callers with one secret would be one.
            fs::write(keys.join(format!("{secret}.secret")), format!("{SECRET}{secret}")).unwrap();
        }
        if key_pair(&keys.join("global.key"), &keys.join("global.pem")).is_none() {
            return;
        }
        let config = folder.path().join("regions.toml");
        let text = fs::read_to_string(&config).unwrap();
        // Where the world mounts them, as this folder has them.
        let text = text.replace("\"/keys/", &format!("\"{}/", keys.to_str().unwrap()));
        fs::write(&config, text.replace("/var/lib/tutti", folder.path().to_str().unwrap())).unwrap();
        check(name, &config);
    }
}

#[test]
fn the_configurations_of_the_chart_are_good() {
    for case in ["default", "peer"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let manifests = documents(&format!("deploy/helm/tutti/tests/golden/{case}.yaml"));
        let map = manifests.iter().find(|manifest| manifest["kind"] == "ConfigMap").unwrap();
        for (name, text) in map["data"].as_object().unwrap() {
            // Where the chart mounts secrets, policies and the volume, as this folder has them.
            let text =
                text.as_str().unwrap().replace("/etc/tutti/secrets", path.join("secrets").to_str().unwrap());
            let text = text.replace("/etc/tutti/policies", root().join("policies").to_str().unwrap());
            fs::write(path.join(name), text.replace("/var/lib/tutti", path.to_str().unwrap())).unwrap();
        }
        let secrets = path.join("secrets");
        for (folder, name) in [("grafana", "secret"), ("peer", "bearer")] {
            fs::create_dir_all(secrets.join(folder)).unwrap();
            fs::write(secrets.join(folder).join(name), SECRET).unwrap();
        }
        fs::create_dir_all(secrets.join("tls")).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["tutti.example".to_owned()]).unwrap();
        fs::write(secrets.join("tls/tls.crt"), made.cert.pem()).unwrap();
        fs::write(secrets.join("tls/tls.key"), made.signing_key.serialize_pem()).unwrap();
        check(case, &path.join("regions.toml"));
    }
}
