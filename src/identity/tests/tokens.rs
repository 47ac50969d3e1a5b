//! Bearer tokens of issuers: the good ones, and every bad one with the line it is refused by.

use std::sync::Arc;

use serde_json::{Value, json};

use super::signing::{Signer, base64, by_secret, key_set, message, published};
use super::*;
use crate::model::ProvenBy;

const ISSUER: &str = "https://idp.example/";

fn issuer(signers: &[&Signer]) -> IssuerSettings {
    IssuerSettings {
        issuer: ISSUER.to_owned(),
        audience: "tutti".to_owned(),
        algorithms: SignedBy::DEFAULT.to_vec(),
        keys: KeysFrom::Set(Arc::new(key_set(signers))),
        claims: ClaimPaths::default(),
        grants: Vec::new(),
    }
}

fn required(issuers: Vec<IssuerSettings>) -> Reception {
    let settings = IdentitySettings { mode: Mode::Required, issuers, ..IdentitySettings::default() };
    Reception::new(Arc::new(settings), &nothing_fetched(), None)
}

fn seconds() -> u64 {
    NOW.as_secs()
}

/// Claims of a good token, with these instead or besides.
fn claims(other: &Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": "tutti", "sub": "alice", "iat": seconds() - 10,
                            "exp": seconds() + 300, "roles": ["sre"]});
    for (name, value) in other.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

async fn show(reception: &Reception, token: &str) -> Result<Known, Unknown> {
    who(reception, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_its_caller() {
    let signers = [Signer::ed("ed"), Signer::es("es"), Signer::rs("rs")];
    let reception = required(vec![issuer(&signers.each_ref())]);
    for signer in &signers {
        let known =
            show(&reception, &signer.token(&claims(&json!({"home": "EU", "groups": "a"})))).await.unwrap();
        assert_eq!((known.caller.subject.as_str(), known.proven.by), ("alice", ProvenBy::Issuer));
        assert_eq!(known.caller.roles, ["sre".to_owned()].into());
        assert_eq!(known.caller.groups, ["a".to_owned()].into());
        assert_eq!(known.caller.home.as_ref().unwrap().as_str(), "EU");
        assert_eq!(known.proven.voucher.as_deref(), Some(ISSUER));
        assert_eq!(known.expires, Some(NOW + Duration::from_secs(300) + LEEWAY));
    }
}

#[tokio::test]
async fn two_tokens_are_told_apart_by_a_digest_that_is_neither() {
    let signer = Signer::ed("a");
    let reception = required(vec![issuer(&[&signer])]);
    let tokens = ["alice", "bob"].map(|sub| signer.token(&claims(&json!({"sub": sub}))));
    let first = show(&reception, &tokens[0]).await.unwrap();
    let again = show(&reception, &tokens[0]).await.unwrap();
    let other = show(&reception, &tokens[1]).await.unwrap();
    assert!(Arc::ptr_eq(&first.caller, &again.caller), "the second time is a look-up");
    assert_eq!(first.proven.token, again.proven.token);
    assert_ne!(first.proven.token, other.proven.token);
    assert!(!tokens[0].contains(first.proven.token.as_deref().unwrap()));
}

/// Each by itself, with the line that whoever sent it reads.
#[tokio::test]
async fn every_bad_token_is_refused_by_a_clear_line() {
    let (signer, stranger, rsa) = (Signer::ed("ed"), Signer::ed("ed"), Signer::rs("rs"));
    let reception = required(vec![issuer(&[&signer, &rsa])]);
    let good = claims(&json!({}));
    let with = |other: Value| signer.token(&claims(&other));
    let headed = |head: Value| signer.token_with(&head, &good);
    let public = base64(signer.jwk()["x"].as_str().unwrap());
    let now = seconds();
    let hs = json!({"alg": "HS256", "typ": "JWT", "kid": "ed"});
    let only = "of `https://idp.example/` only RS256, ES256, EdDSA are taken";
    let flip = |token: String| {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let rest = signature.strip_prefix('A').map(|rest| format!("B{rest}"));
        let signature = rest.unwrap_or_else(|| format!("A{}", signature.get(1..).unwrap()));
        format!("{message}.{signature}")
    };
    let swapped = {
        let token = with(json!({}));
        let (_, signature) = token.rsplit_once('.').unwrap();
        let head = json!({"alg": "EdDSA", "typ": "JWT", "kid": "ed"});
        format!("{}.{signature}", message(&head, &claims(&json!({"sub": "root"}))))
    };
    let table: Vec<(&str, String, String)> = vec![
        (
            "none",
            format!("{}.", message(&json!({"alg": "none"}), &good)),
            "it is not signed (`alg` is `none`), and only signed ones are taken".into(),
        ),
        (
            "none in disguise",
            headed(json!({"alg": "nOnE"})),
            "it is not signed (`alg` is `none`), and only signed ones are taken".into(),
        ),
        (
            "key confusion",
            by_secret(public.as_bytes(), &hs, &good),
            format!("it is signed by `HS256`, and {only}"),
        ),
        (
            "key confusion with the whole set",
            by_secret(published(&[&signer]).as_bytes(), &hs, &good),
            format!("it is signed by `HS256`, and {only}"),
        ),
        (
            "another algorithm",
            headed(json!({"alg": "PS256", "kid": "rs"})),
            format!("it is signed by `PS256`, and {only}"),
        ),
        (
            "an algorithm that is none",
            headed(json!({"alg": "ROT13"})),
            format!("it is signed by `ROT13`, and {only}"),
        ),
        (
            "a key of another kind",
            headed(json!({"alg": "EdDSA", "kid": "rs"})),
            "its key (`kid`) `rs` is none that `https://idp.example/` publishes".into(),
        ),
        ("expired", with(json!({"exp": now - 31})), "it expired 31 s ago: get a new one".into()),
        ("expired long ago", with(json!({"exp": 0})), format!("it expired {now} s ago: get a new one")),
        ("without an end", with(json!({"exp": null})), "it says no time at which it expires (`exp`)".into()),
        (
            "an end that is no time",
            with(json!({"exp": "tomorrow"})),
            "`exp` is missing, or is not a number of seconds".into(),
        ),
        (
            "not yet valid",
            with(json!({"nbf": now + 31})),
            "it is valid only in 31 s (`nbf`): does a clock go wrong?".into(),
        ),
        (
            "of the future",
            with(json!({"iat": now + 100})),
            "it is valid only in 100 s (`iat`): does a clock go wrong?".into(),
        ),
        (
            "another issuer",
            with(json!({"iss": "https://idp.example"})),
            "its issuer (`iss`) is `https://idp.example`, which is none of the gateway's configuration"
                .into(),
        ),
        ("no issuer", with(json!({"iss": null})), "`iss` is missing, or is not a text".into()),
        (
            "stolen for another audience",
            with(json!({"aud": "shop"})),
            "it is for another audience (`aud`): `tutti` is wanted".into(),
        ),
        (
            "audiences without this one",
            with(json!({"aud": ["shop", "tutti2", 7]})),
            "it is for another audience (`aud`): `tutti` is wanted".into(),
        ),
        (
            "no audience",
            with(json!({"aud": null})),
            "it is for another audience (`aud`): `tutti` is wanted".into(),
        ),
        (
            "another type",
            headed(json!({"alg": "EdDSA", "kid": "ed", "typ": "tutti-statement+jwt"})),
            "its type (`typ`) is `tutti-statement+jwt`: an access token is `JWT` or `at+jwt`".into(),
        ),
        (
            "something critical",
            headed(json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false})),
            "its header says that `b64` must be understood (`crit`), which it is not here".into(),
        ),
        (
            "an unknown key",
            headed(json!({"alg": "EdDSA", "kid": "other"})),
            "its key (`kid`) `other` is none that `https://idp.example/` publishes".into(),
        ),
        (
            "a stranger's key by that name",
            stranger.token(&good),
            "its signature is not that of `https://idp.example/`".into(),
        ),
        (
            "a damaged signature",
            flip(with(json!({}))),
            "its signature is not that of `https://idp.example/`".into(),
        ),
        (
            "other claims under the signature",
            swapped,
            "its signature is not that of `https://idp.example/`".into(),
        ),
        (
            "no signature",
            format!("{}.", message(&json!({"alg": "EdDSA", "kid": "ed"}), &good)),
            "its signature is not that of `https://idp.example/`".into(),
        ),
        ("huge", format!("{}.{}.x", "a".repeat(20_000), "b"), "it is longer than 16384 bytes".into()),
        (
            "no token",
            "opaque".into(),
            "it is no JSON Web Token: three parts in base64url, with dots between".into(),
        ),
        (
            "four parts",
            format!("{}.x", with(json!({}))),
            "it is no JSON Web Token: three parts in base64url, with dots between".into(),
        ),
        (
            "malformed base64",
            "a+b.c/d.e=f".into(),
            "it is no JSON Web Token: three parts in base64url, with dots between".into(),
        ),
        (
            "a header that is no JSON",
            format!("{}.{}.{}", base64("{"), base64("{}"), base64("s")),
            "its header is no JSON of a token".into(),
        ),
        (
            "a body that is no object",
            format!("{}.{}.{}", base64(r#"{"alg":"EdDSA"}"#), base64("[]"), base64("s")),
            "its body is no JSON of a token".into(),
        ),
        (
            "roles that are none",
            with(json!({"roles": [1]})),
            "`roles` is missing, or is not a list of texts".into(),
        ),
        (
            "a home that is none",
            with(json!({"home": "over there"})),
            "`home` is missing, or is not a jurisdiction".into(),
        ),
        (
            "nobody",
            with(json!({"sub": null})),
            "`sub` is missing, or is not a text of at most 256 characters".into(),
        ),
        (
            "a subject of two lines",
            with(json!({"sub": "a\nb"})),
            "`sub` is missing, or is not a text of at most 256 characters".into(),
        ),
    ];
    for (name, token, expected) in table {
        let line = show(&reception, &token).await.expect_err(name).to_string();
        assert_eq!(line, format!("the bearer token: {expected}"), "{name}");
        assert!(!line.contains(&token), "{name} repeats the token");
    }
    let twice = format!("Bearer {}", with(json!({})));
    let twice = who(&reception, &[("authorization", &twice), ("authorization", &twice)]).await;
    assert_eq!(twice.unwrap_err().to_string(), "`Authorization` stands there twice: send one");
    let nobody = who(&reception, &[]).await.unwrap_err();
    assert!(
        nobody.is_nobody() && nobody.to_string().contains("send `Authorization: Bearer TOKEN`"),
        "{nobody}"
    );
}

#[tokio::test]
async fn clocks_may_be_half_a_minute_apart() {
    let signer = Signer::ed("ed");
    let reception = required(vec![issuer(&[&signer])]);
    let now = seconds();
    for times in
        [json!({"exp": now - 29}), json!({"nbf": now + 29}), json!({"iat": now + 29}), json!({"exp": 1e300})]
    {
        show(&reception, &signer.token(&claims(&times))).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_remembered_ends_with_the_token() {
    let signer = Signer::ed("ed");
    let reception = required(vec![issuer(&[&signer])]);
    let value = format!("Bearer {}", signer.token(&claims(&json!({}))));
    let headers = headers(&[("authorization", &value)]);
    let at = async |later: u64| reception.who(&shown(&headers, None), NOW + Duration::from_secs(later)).await;
    assert!(at(0).await.is_ok() && at(329).await.is_ok());
    let line = at(330).await.unwrap_err().to_string();
    assert_eq!(line, "the bearer token: it expired 30 s ago: get a new one");
}

#[tokio::test]
async fn claims_stand_where_the_configuration_says_and_grants_add_to_them() {
    let signer = Signer::ed("ed");
    let paths = ClaimPaths {
        subject: "email".to_owned(),
        roles: "realm_access.roles".to_owned(),
        groups: "https://idp.example/groups".to_owned(),
        ..ClaimPaths::default()
    };
    let grant =
        |to, role: &str| Grant { to, roles: [role.to_owned()].into(), clearances: ["pci".to_owned()].into() };
    let grants = vec![
        grant(Holder::Group("team-a".to_owned()), "sre"),
        grant(Holder::Role("lead".to_owned()), "privacy-officer"),
        grant(Holder::User("mallory@example.com".to_owned()), "root"),
    ];
    let reception = required(vec![IssuerSettings { claims: paths, grants, ..issuer(&[&signer]) }]);
    let told = |verified: bool| {
        signer.token(&claims(
            &json!({"email": "mallory@example.com", "email_verified": verified, "roles": ["unread"],
            "realm_access": {"roles": ["lead"]}, "https://idp.example/groups": ["team-a"]}),
        ))
    };
    let known = show(&reception, &told(true)).await.unwrap();
    let expected = ["lead", "privacy-officer", "root", "sre"].map(str::to_owned).into();
    assert_eq!((&known.caller.roles, known.caller.subject.as_str()), (&expected, "mallory@example.com"));
    assert_eq!(known.caller.clearances, ["pci".to_owned()].into());
    let line = show(&reception, &told(false)).await.unwrap_err().to_string();
    assert!(line.contains("`email` says who it is, and is not verified"), "{line}");
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_granted_nothing() {
    let signer = Signer::ed("ed");
    let grant = Grant {
        to: Holder::User("boss@example.com".to_owned()),
        roles: ["root".to_owned()].into(),
        clearances: [].into(),
    };
    let reception = required(vec![IssuerSettings { grants: vec![grant], ..issuer(&[&signer]) }]);
    for (verified, is_granted) in
        [(json!(true), true), (json!("true"), true), (json!(false), false), (json!(null), false)]
    {
        let token = signer.token(&claims(&json!({"email": "boss@example.com", "email_verified": verified})));
        let known = show(&reception, &token).await.unwrap();
        assert_eq!(known.caller.roles.contains("root"), is_granted, "{verified}");
    }
}

#[tokio::test]
async fn a_purpose_is_picked_among_those_that_the_token_allows() {
    let signer = Signer::ed("ed");
    let reception = required(vec![issuer(&[&signer])]);
    let of = async |allowed: Value, stated: &[&str]| {
        let token = format!("Bearer {}", signer.token(&claims(&json!({"purpose": allowed}))));
        let mut lines = vec![("authorization", token.as_str())];
        lines.extend(stated.iter().map(|purpose| ("tutti-purpose", *purpose)));
        who(&reception, &lines)
            .await
            .map(|known| known.caller.purpose.clone())
            .map_err(|error| error.to_string())
    };
    assert_eq!(of(json!("incident"), &[]).await, Ok(Some("incident".to_owned())));
    let both = json!(["incident", "dsar"]);
    assert_eq!(of(both.clone(), &[]).await, Ok(None));
    assert_eq!(of(both.clone(), &["dsar"]).await, Ok(Some("dsar".to_owned())));
    let line = "purpose `marketing` is none that the token allows: dsar, incident";
    assert_eq!(of(both.clone(), &["marketing"]).await, Err(line.to_owned()));
    assert!(of(both, &["dsar", "incident"]).await.unwrap_err().contains("twice"));
    assert_eq!(
        of(json!(null), &["dsar"]).await,
        Err("purpose `dsar` is none that the token allows: it names none".to_owned())
    );
}

#[tokio::test]
async fn what_an_issuer_publishes_besides_its_keys_is_left_out() {
    let signer = Signer::es("es");
    let weak = json!({"kty": "RSA", "kid": "weak", "n": base64([1; 128]), "e": base64([1, 0, 1])});
    let secret = json!({"kty": "oct", "kid": "es", "k": base64("secret")});
    let encrypts = json!({"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": base64([1; 32]), "y": base64([1; 32])});
    let all = json!({"keys": [weak, secret, encrypts, {"kty": "AKP"}, signer.jwk()]}).to_string();
    assert_eq!(KeySet::parse(all.as_bytes()).unwrap().len(), 1);
    assert_eq!(KeySet::parse(br#"{"keys": null}"#), Err(KeySetError::NoKeys));
    assert_eq!(KeySet::parse(b"[]"), Err(KeySetError::NoSet));
    let many = vec![signer.jwk(); 101];
    assert_eq!(KeySet::parse(json!({"keys": many}).to_string().as_bytes()), Err(KeySetError::TooMany));
}

#[tokio::test]
async fn a_token_without_a_key_name_is_taken_where_there_is_one_key_for_it() {
    let (one, other) = (Signer::ed("a"), Signer::ed("b"));
    let token = one.token_with(&json!({"alg": "EdDSA"}), &claims(&json!({})));
    assert!(show(&required(vec![issuer(&[&one])]), &token).await.is_ok());
    let line = show(&required(vec![issuer(&[&one, &other])]), &token).await.unwrap_err().to_string();
    assert!(line.contains("does not say which of the keys"), "{line}");
}
