//! Who may ask, as a person writes it: what is taken, and what is a fault.

use super::*;
use crate::identity::{Holder, KeysFrom, Mode, SignedBy};

const JWKS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn estate(lines: &str) -> Estate {
    let estate = Estate::of(&format!("{QUIET}\n{lines}\n"));
    estate.write("jwks.json", JWKS);
    estate.write("team.json", r#"{"sub": "team", "roles": ["sre"]}"#);
    estate.write("secret", "a-secret-of-some-length\n");
    estate.write("short", "short\n");
    estate.write("ca.pem", CERTIFICATE);
    estate.write("cert.pem", CERTIFICATE);
    estate.write("key.pem", KEY);
    estate
}

fn whats(lines: &str) -> Vec<String> {
    let found = estate(lines).findings();
    found.into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
}

const ISSUER: &str = "[[identity.issuer]]\nissuer = \"https://idp.example\"\naudience = \"tutti\"\n";

#[test]
fn an_issuer_is_read_with_what_is_said_of_it_and_what_is_not() {
    let lines = format!("[identity]\nmode = \"required\"\n{ISSUER}jwks_file = \"jwks.json\"");
    let settings = estate(&lines).settings();
    let issuer = &settings.identity.issuers[0];
    assert_eq!((settings.identity.mode, issuer.issuer.as_str()), (Mode::Required, "https://idp.example"));
    assert_eq!((issuer.claims.roles.as_str(), &issuer.algorithms[..]), ("roles", &SignedBy::DEFAULT[..]));
    assert!(matches!(&issuer.keys, KeysFrom::Set(set) if set.len() == 1));
    let lines = format!(
        "{ISSUER}jwks_url = \"https://idp.example/keys?p=a\"\nca_file = \"ca.pem\"\nalgorithms = [\"PS256\"]\n\
         claims = {{ roles = \"realm.roles\" }}\n[[identity.issuer.grant]]\ngroup = \"a\"\nroles = [\"sre\"]"
    );
    let settings = estate(&lines).settings();
    let issuer = &settings.identity.issuers[0];
    assert_eq!(
        (issuer.claims.roles.as_str(), &issuer.algorithms[..]),
        ("realm.roles", &[SignedBy::Ps256][..])
    );
    assert_eq!(issuer.grants[0].to, Holder::Group("a".to_owned()));
    assert!(
        matches!(&issuer.keys, KeysFrom::Url(from) if from.ca_pem.is_some() && from.url.query() == Some("p=a"))
    );
}

#[test]
fn what_is_wrong_with_an_issuer_is_said_where_it_stands() {
    let of = |lines: &str| whats(&format!("{ISSUER}{lines}"));
    assert_eq!(of(""), ["it is not said where the keys of this issuer are"]);
    let both = "jwks_file = \"jwks.json\"\njwks_url = \"https://idp.example\"";
    assert_eq!(of(both), ["`jwks_file` and `jwks_url` exclude each other"]);
    assert_eq!(of("jwks_url = \"http://idp.example/keys\""), ["keys are asked for over https"]);
    assert_eq!(
        of("jwks_url = \"https://a:b@idp.example/keys\""),
        ["user and password do not belong in a URL"]
    );
    assert!(of("jwks_file = \"team.json\"")[0].contains("holds no keys: it holds no key that checks"));
    let weak = "jwks_file = \"jwks.json\"\nalgorithms = [\"HS256\", \"none\"]";
    assert_eq!(of(weak), ["`HS256` is no algorithm that is taken", "`none` is no algorithm that is taken"]);
    let grant = "jwks_file = \"jwks.json\"\n[[identity.issuer.grant]]\ngroup = \"a\"\nuser = \"b\"";
    assert_eq!(of(grant), ["a grant is to a group, a role or a user", "nothing is granted"]);
    let users = "jwks_file = \"jwks.json\"\n[[identity.issuer.grant]]\nusername = \"a\"\nemail = \"b\"\nroles = [\"c\"]";
    assert_eq!(of(users), ["a grant is to a group, a role or a user"]);
    let twice = format!("jwks_file = \"jwks.json\"\n{ISSUER}jwks_file = \"jwks.json\"");
    assert_eq!(of(&twice), ["issuer `https://idp.example` stands here twice"]);
    assert_eq!(
        whats("[[identity.issuer]]\njwks_file = \"jwks.json\""),
        ["`issuer` is missing", "`audience` is missing"]
    );
}

#[test]
fn a_grafana_without_a_second_factor_is_refused_and_says_why() {
    let grafana =
        "[[identity.grafana]]\nissuer = \"https://g.example/\"\norgs = [1]\njwks_file = \"jwks.json\"\n";
    let alone = ["`X-Grafana-Id` alone proves nobody, since Grafana sends it to every data source"];
    assert_eq!(whats(grafana), alone);
    let settings =
        estate(&format!("{grafana}secret = {{ file = \"secret\" }}\nclaims = \"team.json\"")).settings();
    let grafana_of = &settings.identity.grafanas[0];
    assert_eq!(grafana_of.factor.secret.as_ref().unwrap().header(), "x-tutti-source");
    assert!(grafana_of.types.contains("user") && grafana_of.types.len() == 1);
    let types = format!("{grafana}secret = {{ file = \"secret\" }}\ntypes = [\"users\"]");
    assert_eq!(whats(&types), ["`users` is no type of a Grafana's identities"]);
}

#[test]
fn what_shows_a_data_source_is_strong_and_its_own() {
    let source = |name: &str, lines: &str| {
        format!("[[identity.data_source]]\nname = \"{name}\"\nclaims = \"team.json\"\n{lines}\n")
    };
    let secret = "secret = { file = \"secret\" }";
    assert_eq!(estate(&source("a", secret)).settings().identity.data_sources[0].caller.subject, "team");
    assert_eq!(whats(&source("a", "")), ["nothing would show that a request is of this data source"]);
    let short = whats(&source("a", "secret = { file = \"short\" }"));
    assert_eq!(short, ["the secret has fewer than 16 characters"]);
    assert_eq!(whats(&source("a", "secret = \"a-secret-of-some-length\"")), ["a secret stands in the file"]);
    let both = source("a", secret) + &source("b", secret);
    assert_eq!(whats(&both), ["data source `a` shows the same"]);
    let certificate = "certificate = { name = \"grafana.example\" }";
    assert_eq!(whats(&source("a", certificate)), ["no client is asked for its certificate"]);
    let wrong = whats(&source("a", "certificate = { sha256 = \"AB:CD\" }"));
    assert!(wrong[1].contains("is no SHA-256 of a certificate"), "{wrong:?}");
}

#[test]
fn certificates_of_clients_are_asked_for_where_their_authority_is_named() {
    let with = |tls: &str, more: &str| {
        let config = QUIET.replacen(
            "[gateway]",
            &format!("[gateway]\ntls = {{ cert_file = \"cert.pem\", key_file = \"key.pem\"{tls} }}"),
            1,
        );
        let estate = estate("");
        estate.write("regions.toml", &format!("{config}\n{more}\n"));
        estate
    };
    let print = "AB:".repeat(31) + "ab";
    let source = format!(
        "[[identity.data_source]]\nname = \"a\"\nclaims = \"team.json\"\ncertificate = {{ sha256 = \"{print}\" }}"
    );
    let settings = with(", client_ca = \"ca.pem\", client_required = true", &source).settings();
    assert!(settings.gateway.tls.as_ref().unwrap().clients.as_ref().unwrap().is_required);
    let without = with("", "").settings();
    assert!(without.gateway.tls.as_ref().unwrap().clients.is_none());
    assert_ne!(settings.gateway.tls, without.gateway.tls, "a reload takes it");
    let findings = with(", client_required = true", "").findings();
    assert!(findings[0].contains("it is not said whose"), "{findings:?}");
}

#[test]
fn who_can_be_reached_requires_somebody_and_takes_no_token_for_development() {
    let listening = |lines: &str| {
        let estate = estate("");
        let config = QUIET.replacen("[gateway]", "[gateway]\nlisten = \"0.0.0.0:3200\"", 1);
        estate.write("regions.toml", &format!("{config}\n{lines}\n"));
        estate
    };
    let open = listening("").findings();
    assert!(open.iter().any(|line| line.contains("identity is open")), "{open:?}");
    let required = format!("[identity]\nmode = \"required\"\n{ISSUER}jwks_file = \"jwks.json\"\n");
    let (settings, findings) = listening(&required).load().unwrap();
    assert_eq!(settings.gateway.listen.port(), 3200);
    assert!(findings.iter().any(|finding| finding.what.contains("without TLS")), "{findings:?}");
    let token = "[[identity.token]]\ntoken = { file = \"secret\" }\nclaims = \"team.json\"";
    let refused = listening(&format!("{required}{token}")).findings();
    assert!(refused.iter().any(|line| line.contains("tokens are for development")), "{refused:?}");
    let local = estate(&format!("{required}{token}")).settings();
    assert!(local.listening_on("0.0.0.0:3200".parse().unwrap()).is_err());
    let none = whats("[identity]\nmode = \"required\"");
    assert_eq!(none, ["nobody could ask: no way is named to show who asks"]);
    let everyone = whats(&format!(
        "[identity]\nmode = \"required\"\nclaims_file = \"team.json\"\n{ISSUER}jwks_file = \"jwks.json\""
    ));
    assert_eq!(everyone, ["`claims_file` says who everyone is, and nobody is let in who shows nothing"]);
}
