//! Gateways that ask each other, as two files that belong together, and what is wrong with one of them.

use super::*;
use crate::backend::settings::KindSettings;
use crate::proof::SigningKey;

const NEAR: &str = r#"
[gateway]
region = "us-east"
name = "tutti-us"
policies = "policies"

[peer]
key = { env = "KEY" }

[[region]]
name = "us-east"
jurisdiction = "US"
kind = "tempo"
url = "http://127.0.0.1:3201"

[[region]]
name = "eu-central"
jurisdiction = "EU"
kind = "tutti"
gateway = "tutti-eu"
url = "https://tutti.eu.example"
auth = { bearer = { env = "SECRET" } }
"#;

const FAR: &str = r#"
[gateway]
region = "eu-central"
policies = "policies"

[[peer.trusts]]
gateway = "tutti-us"
jurisdiction = "US"
public_key_file = "us.pem"
bearer = { env = "SECRET" }
delivers = ["CA"]
clearances = ["pii"]

[[region]]
name = "eu-central"
jurisdiction = "EU"
kind = "tempo"
url = "http://127.0.0.1:3201"

[[region]]
name = "eu-west"
jurisdiction = "EU"
kind = "tempo"
url = "http://127.0.0.1:3202"
"#;

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

/// For as long as the tests run, since an estate borrows its environment.
fn private(key: &SigningKey) -> &'static str {
    Box::leak(key.to_pem().to_string().into_boxed_str())
}

fn near(config: &str) -> Estate {
    Estate::of(config).with_variable("KEY", private(&key())).with_variable("SECRET", "s3cret")
}

fn far(config: &str, keys: &str) -> Estate {
    Estate::of(config).with_file("us.pem", keys).with_variable("SECRET", "s3cret")
}

#[track_caller]
fn found(estate: &Estate, words: &[&str]) {
    let findings = estate.findings().join("\n");
    for words in words {
        assert!(findings.contains(words), "`{words}` is not in\n{findings}");
    }
}

#[test]
fn a_peer_and_who_may_ask_it_load_as_written() {
    let settings = near(NEAR).settings();
    assert_eq!(settings.gateway.name, "tutti-us");
    let KindSettings::Tutti(peer) = &settings.regions[1].kind else { panic!("a peer") };
    assert_eq!((peer.gateway.as_str(), peer.signer.name()), ("tutti-eu", "tutti-us"));
    assert!(settings.raw_egress.is_empty() && !settings.regions[1].is_raw_egress);
    let settings = far(FAR, &key().public().to_pem()).settings();
    assert_eq!((settings.gateway.name.as_str(), settings.peers.name()), ("eu-central", "eu-central"));
    assert!(!settings.peers.is_empty());
    let without_name = NEAR.replace("gateway = \"tutti-eu\"\n", "");
    let settings = near(&without_name).settings();
    let KindSettings::Tutti(peer) = &settings.regions[1].kind else { panic!("a peer") };
    assert_eq!(peer.gateway, "eu-central", "its region, where nothing else is said");
}

#[test]
fn one_file_may_hold_two_keys_while_one_replaces_the_other() {
    let both = [key(), key()].map(|key| key.public().to_pem()).concat();
    far(FAR, &both).settings();
}

#[test]
fn what_a_peer_needs_is_asked_for_by_name() {
    found(&near(&NEAR.replace("[peer]\nkey = { env = \"KEY\" }\n", "")), &["nothing says by which key"]);
    found(&near(&NEAR.replace("auth = { bearer = { env = \"SECRET\" } }", "")), &["must be shown who asks"]);
    found(&near(&NEAR.replace("url = \"https://tutti.eu.example\"", "")), &["`url` is missing"]);
    found(
        &near(&format!("{NEAR}tenant = \"a\"\nstreaming = \"auto\"\notlp = \"127.0.0.1:4318\"\n")),
        &["`tenant` means nothing", "`streaming` means nothing", "`otlp` means nothing"],
    );
    found(
        &near(&NEAR.replacen("kind = \"tempo\"", "kind = \"tempo\"\ngateway = \"x\"", 1)),
        &["`gateway` means nothing"],
    );
    found(&near(&NEAR.replace("\"tutti-us\"", "\"tutti us\"")), &["the name of a gateway is"]);
    let no_key = Estate::of(NEAR).with_variable("KEY", "no key").with_variable("SECRET", "s3cret");
    found(&no_key, &["the key cannot be used: it is no PEM of a private key"]);
    let inline = NEAR.replace("{ env = \"KEY\" }", "\"MC4CAQAwBQYDK2VwBCIEIA\"");
    let findings = near(&inline).findings().join("\n");
    assert!(findings.contains("a secret stands in the file") && !findings.contains("MC4C"), "{findings}");
}

#[test]
fn who_may_ask_is_named_whole_and_once() {
    let good = key().public().to_pem();
    for (line, missing) in [
        ("gateway = \"tutti-us\"\n", "`gateway` is missing"),
        ("jurisdiction = \"US\"\n", "`jurisdiction` is missing"),
        ("public_key_file = \"us.pem\"\n", "`public_key_file` is missing"),
        ("bearer = { env = \"SECRET\" }\n", "neither `bearer` nor `certificate` is there"),
    ] {
        found(&far(&FAR.replacen(line, "", 1), &good), &[missing]);
    }
    found(&far(FAR, "nothing"), &["holds no public key"]);
    found(&far(FAR, &private(&key()).replace("PRIVATE", "PUBLIC")), &["but not of Ed25519"]);
    found(&far(&FAR.replace("[\"CA\"]", "[\"C A\"]"), &good), &["a jurisdiction is"]);
    found(
        &far(&FAR.replace("\"tutti-us\"", "\"eu-central\""), &good),
        &["is what this gateway calls itself"],
    );
    let trust = FAR.split("[[region]]").next().unwrap().split("[[peer.trusts]]").nth(1).unwrap();
    found(&far(&format!("{FAR}\n[[peer.trusts]]{trust}"), &good), &["stands here twice"]);
}

#[test]
fn a_raw_tempo_over_a_border_is_refused_until_somebody_answers_for_it() {
    let raw = NEAR.replace("kind = \"tutti\"\ngateway = \"tutti-eu\"\n", "kind = \"tempo\"\n");
    found(&near(&raw), &["raw spans of EU would cross into US before any rule is applied"]);
    let allowed = format!("{raw}allow_raw_egress = true\n");
    let settings = near(&allowed).settings();
    assert!(settings.regions[1].is_raw_egress && !settings.regions[0].is_raw_egress);
}

/// With a listener that asks for certificates, and one of a peer that shows one and no secret.
#[test]
fn a_certificate_is_the_credential_of_a_peer_beside_a_secret_or_alone() {
    let good = key().public().to_pem();
    let certificate = "certificate = { name = \"tutti.us.example\" }\n";
    let (cert, pem) = (include_str!("tls/cert.pem"), include_str!("tls/key.pem"));
    let asked = |trust: &str| {
        let tls =
            "[gateway]\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\", client_ca = \"cert.pem\" }";
        let config = FAR.replace("bearer = { env = \"SECRET\" }\n", trust).replacen("[gateway]", tls, 1);
        far(&config, &good).with_file("cert.pem", cert).with_file("key.pem", pem)
    };
    for trust in [certificate.to_owned(), format!("{certificate}bearer = {{ env = \"SECRET\" }}\n")] {
        assert!(!asked(&trust).settings().peers.is_empty());
    }
    found(&asked("certificate = { name = \"a b\" }\n"), &["is no DNS name"]);
    found(&asked("certificate = {}\n"), &["a certificate is named by its fingerprint or by its name"]);
    let unasked = FAR.replace("bearer = { env = \"SECRET\" }\n", certificate);
    found(&far(&unasked, &good), &["no client is asked for its certificate"]);

    let tls = "tls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }";
    let asking = NEAR.replace("auth = { bearer = { env = \"SECRET\" } }", tls);
    let settings = near(&asking).with_file("cert.pem", cert).with_file("key.pem", pem).settings();
    let KindSettings::Tutti(peer) = &settings.regions[1].kind else { panic!("a peer") };
    assert!(peer.at.tls.client_pem.is_some());
    let only_trusted =
        NEAR.replace("auth = { bearer = { env = \"SECRET\" } }", "tls = { ca_file = \"cert.pem\" }");
    found(&near(&only_trusted).with_file("cert.pem", cert), &["must be shown who asks"]);
}

/// A gateway that nobody asks but others of its kind.
#[test]
fn where_only_gateways_ask_who_shows_nothing_may_be_refused() {
    let required = format!("{FAR}\n[identity]\nmode = \"required\"\n");
    far(&required, &key().public().to_pem()).settings();
    let nobody = format!("{NEAR}\n[identity]\nmode = \"required\"\n");
    found(&near(&nobody), &["nobody could ask"]);
}
