//! The configuration, told as files that a person might write.

mod audit;
mod break_glass;
mod cache;
mod callers;
mod faults;
mod good;
mod identity;
mod peers;
mod policies;
mod properties;
mod watching;

use std::path::{Path, PathBuf};

use super::{Finding, Level, LoadError, Settings};

/// A folder with files in it, and an environment, as a gateway would find them.
struct Estate {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, &'static str)>,
}

/// Two regions of one jurisdiction, and nothing to warn of.
const QUIET: &str = r#"
[gateway]
region = "us-east"
policies = "policies"

[[region]]
name = "us-east"
jurisdiction = "US"
kind = "tempo"
url = "http://127.0.0.1:3201"

[[region]]
name = "us-west"
jurisdiction = "US"
kind = "tempo"
url = "http://127.0.0.1:3202"
"#;

const RULES: &str = "[[rule]]\nregions = \"*\"\nkeys = [\"user.email\"]\ntreatment = \"mask\"\n";

/// A self-signed certificate made for these tests, its key, and a key of nothing.
const CERTIFICATE: &str = include_str!("tls/cert.pem");
const KEY: &str = include_str!("tls/key.pem");
const OTHER_KEY: &str = include_str!("tls/other-key.pem");

impl Estate {
    fn of(config: &str) -> Self {
        let estate = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        estate.with_file("regions.toml", config).with_file("policies/keys.toml", RULES)
    }

    fn with_file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<(Settings, Vec<Finding>), LoadError> {
        load(&self.path("regions.toml"), &self.environment)
    }

    fn settings(&self) -> Settings {
        match self.load() {
            Ok((settings, _)) => settings,
            Err(error) => panic!("refused: {error}"),
        }
    }

    /// Everything that was found, one line each: level, line, key, what.
    fn findings(&self) -> Vec<String> {
        let findings = match self.load() {
            Ok((_, findings)) => findings,
            Err(LoadError::Faulty(faults)) => faults.findings,
            Err(error) => panic!("{error}"),
        };
        findings.iter().map(line_of).collect()
    }
}

fn load(path: &Path, environment: &[(&str, &str)]) -> Result<(Settings, Vec<Finding>), LoadError> {
    let find = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Settings::load(path, &find)
}

fn line_of(finding: &Finding) -> String {
    let (line, _) = finding.place.line_column();
    let level = match finding.level {
        Level::Fault => "",
        Level::Warning => "warning ",
        Level::Note => "note ",
    };
    format!("{level}{line} {}: {}", finding.place.key, finding.what)
}

/// A quiet file with one line changed.
fn quiet_with(line: &str, instead: &str) -> String {
    assert!(QUIET.contains(line), "{line}");
    QUIET.replacen(line, instead, 1)
}

/// Everything found in a quiet file whose second region has further lines.
fn found_with(lines: &str) -> Vec<String> {
    Estate::of(&format!("{QUIET}{lines}\n")).findings()
}
