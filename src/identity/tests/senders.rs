//! Grafana's users by what it signs, and data sources by what they show.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};

use super::signing::{Signer, key_set};
use super::*;
use crate::model::ProvenBy;

const GRAFANA: &str = "https://grafana.example/";
const SECRET: &str = "of-this-grafana-alone";

fn secret(value: &str) -> Factor {
    let header = HeaderName::from_static("x-tutti-source");
    Factor { secret: Some(Secret::new(header, value)), certificate: None }
}

fn grafana(signer: &Signer) -> GrafanaSettings {
    GrafanaSettings {
        issuer: GRAFANA.to_owned(),
        orgs: [1, 7].into(),
        types: ["user".to_owned()].into(),
        keys: KeysFrom::Set(Arc::new(key_set(&[signer]))),
        factor: secret(SECRET),
        everyone: Caller { roles: ["viewer".to_owned()].into(), ..Caller::anonymous() },
        grants: vec![
            Grant {
                to: Holder::Role("Admin".to_owned()),
                roles: ["sre".to_owned()].into(),
                clearances: [].into(),
            },
            Grant {
                to: Holder::Username("jane".to_owned()),
                roles: ["lead".to_owned()].into(),
                clearances: [].into(),
            },
        ],
    }
}

fn reception(settings: IdentitySettings) -> Reception {
    let settings = IdentitySettings { mode: Mode::Required, ..settings };
    Reception::new(Arc::new(settings), &nothing_fetched(), None)
}

fn with_grafana(signer: &Signer) -> Reception {
    reception(IdentitySettings { grafanas: vec![grafana(signer)], ..IdentitySettings::default() })
}

fn id(signer: &Signer, other: &Value) -> String {
    let now = NOW.as_secs();
    let mut claims = json!({"iss": GRAFANA, "aud": ["org:1"], "sub": "user:abc", "type": "user", "iat": now,
        "exp": now + 600, "username": "jane", "role": "Viewer", "namespace": "default"});
    claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    let head = json!({"alg": "ES256", "kid": "id-2026-11-es256", "typ": "jwt"});
    signer.token_with(&head, &claims)
}

fn signer() -> Signer {
    Signer::es("id-2026-11-es256")
}

async fn refused(reception: &Reception, lines: &[(&str, &str)]) -> String {
    who(reception, lines).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_user_of_a_grafana_is_known_by_its_signature_together_with_its_secret() {
    let signer = signer();
    let reception = with_grafana(&signer);
    let lines = |id: &'static str| [("x-grafana-id", id), ("x-tutti-source", SECRET)];
    let known = who(&reception, &lines(id(&signer, &json!({"role": "Admin"})).leak())).await.unwrap();
    assert_eq!((known.caller.subject.as_str(), known.proven.by), ("user:abc", ProvenBy::Grafana));
    assert_eq!(known.caller.roles, ["lead", "sre", "viewer"].map(str::to_owned).into());
    let other =
        who(&reception, &lines(id(&signer, &json!({"username": "joe", "aud": "org:7"})).leak())).await;
    assert_eq!(other.unwrap().caller.roles, ["viewer".to_owned()].into(), "a role of Grafana's is none here");
}

#[tokio::test]
async fn what_grafana_signs_is_nothing_without_what_shows_that_it_sent_it() {
    let signer = signer();
    let reception = with_grafana(&signer);
    let id = id(&signer, &json!({}));
    let alone = refused(&reception, &[("x-grafana-id", &id)]).await;
    assert!(alone.starts_with("`X-Grafana-Id` alone proves nobody"), "{alone}");
    // Also once it is remembered.
    who(&reception, &[("x-grafana-id", &id), ("x-tutti-source", SECRET)]).await.unwrap();
    assert_eq!(refused(&reception, &[("x-grafana-id", &id)]).await, alone);
    let wrong = refused(&reception, &[("x-grafana-id", &id), ("x-tutti-source", "guessed-guessed")]).await;
    assert!(wrong.starts_with("the value of `x-tutti-source` is not known here"), "{wrong}");
    let alone = refused(&reception, &[("x-tutti-source", SECRET)]).await;
    assert!(alone.starts_with("nothing shows who asks"), "{alone}");
}

#[tokio::test]
async fn every_bad_id_of_a_grafana_is_refused_by_a_clear_line() {
    let (signer, stranger, ed) = (signer(), signer(), Signer::ed("id-2026-11-es256"));
    let reception = with_grafana(&signer);
    let now = NOW.as_secs();
    let table: Vec<(&str, String, &str)> = vec![
        (
            "another organisation",
            id(&signer, &json!({"aud": ["org:2"]})),
            "it is for another audience (`aud`): `org:1` or `org:7` is wanted",
        ),
        (
            "an organisation by half",
            id(&signer, &json!({"aud": ["org:", "1", "org:1x"]})),
            "it is for another audience (`aud`): `org:1` or `org:7` is wanted",
        ),
        (
            "anonymous",
            id(&signer, &json!({"type": "anonymous", "sub": "anonymous:0"})),
            "it is of a Grafana's `anonymous`, and such are not let in: `types` of [[identity.grafana]] says who is",
        ),
        (
            "a renderer",
            id(&signer, &json!({"type": "render"})),
            "it is of a Grafana's `render`, and such are not let in: `types` of [[identity.grafana]] says who is",
        ),
        (
            "a service account of an older one",
            id(&signer, &json!({"type": null, "sub": "service-account:1"})),
            "it is of a Grafana's `service-account`, and such are not let in: `types` of [[identity.grafana]] says who is",
        ),
        (
            "another Grafana",
            id(&signer, &json!({"iss": "https://grafana.example"})),
            "its issuer (`iss`) is `https://grafana.example`, which is none of the gateway's configuration",
        ),
        ("expired", id(&signer, &json!({"exp": now - 60})), "it expired 60 s ago: get a new one"),
        (
            "made by someone else",
            id(&stranger, &json!({})),
            "its signature is not that of `https://grafana.example/`",
        ),
        (
            "another algorithm",
            ed.token(&json!({"iss": GRAFANA, "aud": "org:1", "exp": now + 60})),
            "it is signed by `EdDSA`, and of `https://grafana.example/` only ES256 are taken",
        ),
    ];
    for (name, id, expected) in table {
        let line = refused(&reception, &[("x-grafana-id", &id), ("x-tutti-source", SECRET)]).await;
        assert_eq!(line, format!("`X-Grafana-Id`: {expected}"), "{name}");
    }
    let id = id(&signer, &json!({}));
    let twice = [("x-grafana-id", id.as_str()), ("x-grafana-id", &id), ("x-tutti-source", SECRET)];
    assert_eq!(refused(&reception, &twice).await, "`X-Grafana-Id` stands there twice: send one");
}

#[tokio::test]
async fn one_grafana_does_not_vouch_for_the_users_of_another() {
    let (one, other) = (signer(), signer());
    let second = GrafanaSettings {
        issuer: "https://other.example/".to_owned(),
        factor: secret("of-the-other-one"),
        ..grafana(&other)
    };
    let reception =
        reception(IdentitySettings { grafanas: vec![grafana(&one), second], ..IdentitySettings::default() });
    let id = id(&one, &json!({}));
    assert!(who(&reception, &[("x-grafana-id", &id), ("x-tutti-source", SECRET)]).await.is_ok());
    let line = refused(&reception, &[("x-grafana-id", &id), ("x-tutti-source", "of-the-other-one")]).await;
    assert!(line.starts_with("`X-Grafana-Id` alone proves nobody"), "{line}");
}

fn source(name: &str, factor: Factor) -> DataSourceSettings {
    DataSourceSettings { name: name.to_owned(), factor, caller: Arc::new(named(name)) }
}

#[tokio::test]
async fn a_data_source_is_whoever_has_its_secret() {
    let authorization = Factor {
        secret: Some(Secret::new(HeaderName::from_static("authorization"), "Basic dGVhbS1iOnNlY3JldA==")),
        certificate: None,
    };
    let data_sources = vec![source("team a", secret("secret-of-team-a")), source("team b", authorization)];
    let reception = reception(IdentitySettings { data_sources, ..IdentitySettings::default() });
    let known = who(&reception, &[("x-tutti-source", "secret-of-team-a")]).await.unwrap();
    assert_eq!((known.caller.subject.as_str(), known.proven.by), ("team a", ProvenBy::DataSource));
    assert_eq!(known.proven.voucher.as_deref(), Some("team a"));
    let basic = ("authorization", "Basic dGVhbS1iOnNlY3JldA==");
    assert_eq!(who(&reception, &[basic]).await.unwrap().caller.subject, "team b");
    for wrong in ["secret-of-team-", "secret-of-team-aa", "SECRET-OF-TEAM-A", ""] {
        let line = refused(&reception, &[("x-tutti-source", wrong)]).await;
        assert!(line.starts_with("the value of `x-tutti-source` is not known here"), "{wrong}: {line}");
    }
    let both = [("x-tutti-source", "secret-of-team-a"), basic];
    assert_eq!(
        refused(&reception, &both).await,
        "what is shown is of two data sources, `team a` and `team b`: show what one of them has"
    );
    let twice = [("x-tutti-source", "secret-of-team-a"), ("x-tutti-source", "x")];
    assert!(refused(&reception, &twice).await.contains("is not known here"));
    for unsigned in
        ["x-grafana-user", "x-grafana-org-id", "x-webauth-user", "x-forwarded-client-cert", "x-grafana-id"]
    {
        assert!(
            refused(&reception, &[(unsigned, "admin")]).await.starts_with("nothing shows who asks"),
            "{unsigned}"
        );
    }
}

#[tokio::test]
async fn a_user_whose_token_is_bad_does_not_become_the_data_source_they_came_by() {
    let signer = signer();
    let data_sources = vec![source("team a", secret("secret-of-team-a"))];
    let own = GrafanaSettings { factor: secret("secret-of-team-a"), ..grafana(&signer) };
    let settings = IdentitySettings { grafanas: vec![own], data_sources, ..IdentitySettings::default() };
    let reception = reception(settings);
    let secret = ("x-tutti-source", "secret-of-team-a");
    let expired = id(&signer, &json!({"exp": 1}));
    assert!(refused(&reception, &[("x-grafana-id", &expired), secret]).await.contains("it expired"));
    let good = id(&signer, &json!({}));
    assert_eq!(who(&reception, &[("x-grafana-id", &good), secret]).await.unwrap().caller.subject, "user:abc");
    // A stream and an alert of the same Grafana show no user.
    assert_eq!(who(&reception, &[secret]).await.unwrap().caller.subject, "team a");
}

#[tokio::test]
async fn a_certificate_is_known_by_its_fingerprint_or_its_name() {
    let made = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        ShownCertificate::of(&CertificateDer::from(made.cert.der().to_vec()))
    };
    let (one, other) = (made("grafana.example"), made("elsewhere.example"));
    let of = |certificate| Factor { secret: None, certificate: Some(certificate) };
    let name = ServerName::try_from("grafana.example").unwrap();
    let both =
        Factor { certificate: Some(CertificateOf::Print(*other.print())), ..secret("and-this-secret-too") };
    let of_one = CertificateOf::Name(name);
    let one_of_both = Factor { certificate: Some(of_one.clone()), ..secret("of-the-first-and-more") };
    let data_sources = vec![
        source("by name", of(of_one)),
        source("by both", both),
        source("by name and secret", one_of_both),
    ];
    let reception = reception(IdentitySettings { data_sources, ..IdentitySettings::default() });
    let of = async |lines: &[(&str, &str)], certificate| {
        let headers = headers(lines);
        reception.who(&shown(&headers, certificate), NOW).await.map(|known| known.caller.subject.clone())
    };
    assert_eq!(of(&[], Some(&one)).await.unwrap(), "by name");
    assert!(of(&[], Some(&other)).await.unwrap_err().is_nobody());
    assert!(of(&[], None).await.unwrap_err().is_nobody());
    let secret = [("x-tutti-source", "and-this-secret-too")];
    assert_eq!(of(&secret, Some(&other)).await.unwrap(), "by both");
    assert!(of(&secret, None).await.is_err());
    // Who shows both is the one who has both, and not the one of the certificate alone.
    let more = [("x-tutti-source", "of-the-first-and-more")];
    assert_eq!(of(&more, Some(&one)).await.unwrap(), "by name and secret");
    // A wrong secret is not passed over for a right certificate.
    let wrong = of(&[("x-tutti-source", "guessed-guessed")], Some(&one)).await.unwrap_err().to_string();
    assert!(wrong.starts_with("the value of `x-tutti-source` is not known here"), "{wrong}");
}

/// What is known and is of somebody else is no less wrong than what nobody knows.
#[tokio::test]
async fn the_secret_of_another_beside_a_certificate_that_is_enough_is_refused() {
    let made = rcgen::generate_simple_self_signed(["grafana.example".to_owned()]).unwrap();
    let certificate = ShownCertificate::of(&CertificateDer::from(made.cert.der().to_vec()));
    let by_print = || Factor { secret: None, certificate: Some(CertificateOf::Print(*certificate.print())) };
    let elsewhere =
        |value: &str| Factor { certificate: Some(CertificateOf::Print([7; 32])), ..secret(value) };
    let (one, other) = (signer(), signer());
    let data_sources =
        vec![source("by print", by_print()), source("of another", elsewhere("of-another-source"))];
    let second = GrafanaSettings {
        issuer: "https://other.example/".to_owned(),
        factor: elsewhere("of-another-grafana"),
        ..grafana(&other)
    };
    let first = GrafanaSettings { factor: by_print(), ..grafana(&one) };
    let settings =
        IdentitySettings { grafanas: vec![first, second], data_sources, ..IdentitySettings::default() };
    let reception = reception(settings);
    let of = async |lines: &[(&str, &str)]| {
        let headers = headers(lines);
        let known = reception.who(&shown(&headers, Some(&certificate)), NOW).await;
        known.map(|known| known.caller.subject.clone()).map_err(|unknown| unknown.to_string())
    };
    assert_eq!(of(&[]).await.unwrap(), "by print");
    let two = "what is shown is of two data sources, `by print` and `of another`: show what one of them has";
    assert_eq!(of(&[("x-tutti-source", "of-another-source")]).await, Err(two.to_owned()));
    let id = id(&one, &json!({}));
    assert_eq!(of(&[("x-grafana-id", &id)]).await.unwrap(), "user:abc");
    let line = of(&[("x-grafana-id", &id), ("x-tutti-source", "of-another-grafana")]).await.unwrap_err();
    assert!(line.contains("`https://grafana.example/` and `https://other.example/`"), "{line}");
    // A stream of the first shows no user, and is its data source; the same data source may show users besides.
    assert_eq!(
        of(&[("x-grafana-id", &id), ("x-tutti-source", "of-another-source")]).await.unwrap(),
        "user:abc"
    );
}
