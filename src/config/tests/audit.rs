//! The audit log's readers and witnesses, as they are configured.

use std::time::Duration;

use super::*;
use crate::audit::note::{Kind, NamedKey};
use crate::config::Changes;
use crate::proof::SigningKey;

fn key(name: &str, kind: Kind) -> String {
    NamedKey::new(name, kind, SigningKey::generate().unwrap().public().clone()).unwrap().to_string()
}

fn witness(name: &str, key: &str) -> String {
    format!(
        "[[audit.witness]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:9/api/tutti/v1/audit/witness\"\nkey = \"{key}\"\n"
    )
}

fn with(lines: &str) -> Estate {
    Estate::of(&format!("{QUIET}\n[audit]\ndir = \"audit\"\n{lines}\n"))
        .with_file("ca.pem", CERTIFICATE)
        .with_variable("WITNESS", "shown-to-it")
}

#[test]
fn readers_witnesses_and_how_long_are_read() {
    let plain = with("").settings();
    assert!(plain.audit_edge.readers.is_empty() && plain.audit_edge.witnesses.is_empty());
    assert_eq!((plain.audit_edge.keep, plain.audit_edge.witness_every), (None, Duration::from_secs(60)));
    let one = key("tutti/us-west/1", Kind::Witness);
    let more = "ca_file = \"ca.pem\"\nsecret = { env = \"WITNESS\" }\n";
    let lines = format!(
        "readers = [\"auditor\", \"dpo\"]\nkeep = \"400d\"\nwitness_every = \"30s\"\n{}{more}{}",
        witness("us-west", &one),
        witness("outside", &key("example.org/w1", Kind::Witness)),
    );
    let settings = with(&lines).settings();
    let edge = &settings.audit_edge;
    assert_eq!(edge.readers, ["auditor".to_owned(), "dpo".to_owned()].into());
    assert_eq!(edge.keep, Some(Duration::from_secs(400 * 24 * 3600)));
    assert_eq!(edge.witness_every, Duration::from_secs(30));
    let [first, second] = edge.witnesses.as_slice() else { panic!("{edge:?}") };
    assert_eq!((first.name.as_str(), first.key.to_string()), ("us-west", one));
    assert!(first.at.ca_pem.is_some() && first.at.secret.is_some());
    assert!(second.at.ca_pem.is_none() && second.at.secret.is_none());
    assert!(!format!("{settings:?}").contains("shown-to-it"));
    assert!(Changes::between(&plain, &settings).needs_restart.contains(&"audit".to_owned()));
    assert!(Changes::between(&settings, &settings.clone()).is_empty());
}

#[test]
fn a_witness_that_could_sign_nothing_is_a_fault() {
    let whats = |lines: &str| {
        let found = with(lines).findings();
        found.into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let missing = ["`name` is missing", "`url` is missing", "`key` is missing"];
    assert_eq!(whats("[[audit.witness]]"), missing);
    let log = key("tutti/us-west/1", Kind::Log);
    let [what] = whats(&witness("us-west", &log)).try_into().unwrap();
    assert!(what.ends_with("` is no key of a witness"), "{what}");
    let one = key("tutti/us-west/1", Kind::Witness);
    let twice = format!("{}{}", witness("us-west", &one), witness("other", &one));
    assert_eq!(whats(&twice), ["witness `other` is there twice"]);
    let inline = format!("{}secret = \"hunter2\"", witness("us-west", &one));
    assert_eq!(whats(&inline), ["a secret stands in the file"]);
    assert_eq!(whats("witness_every = \"1ms\""), ["checkpoints are made once a second"]);
    assert_eq!(whats("keep = \"2h\""), ["nobody could look at records so soon gone"]);
}
