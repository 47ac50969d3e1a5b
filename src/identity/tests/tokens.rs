//! Bearer tokens of issuers: the good ones, and every bad one with the line it is refused by.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// A bad token by what is bad about it, and the line that whoever sent it reads.
type Bad<'t> = (&'t str, String, String);

/// An issuer with a key of each kind, somebody else who calls a key by the same name, and a gateway.
struct Scene {
    signer: Signer,
    stranger: Signer,
    reception: Reception,
}

impl Scene {
    fn new() -> Self {
        let (signer, stranger, rsa) = (Signer::ed("ed"), Signer::ed("ed"), Signer::rs("rs"));
        let reception = required(vec![issuer(&[&signer, &rsa])]);
        Self { signer, stranger, reception }
    }

    /// A good token but for these claims.
    fn with(&self, other: Value) -> String {
        self.signer.token(&claims(&other))
    }

    /// A good token but for this header.
    fn headed(&self, head: Value) -> String {
        self.signer.token_with(&head, &claims(&json!({})))
    }

    async fn refuses(&self, table: Vec<Bad<'_>>) {
        for (name, token, expected) in table {
            let line = show(&self.reception, &token).await.expect_err(name).to_string();
            assert_eq!(line, format!("the bearer token: {expected}"), "{name}");
            assert!(!line.contains(&token), "{name} repeats the token");
        }
    }
}

#[tokio::test]
async fn a_token_by_another_algorithm_is_refused_by_a_clear_line() {
    let scene = Scene::new();
    let good = claims(&json!({}));
    let public = scene.signer.jwk()["x"].as_str().unwrap().to_owned();
    let hs = json!({"alg": "HS256", "typ": "JWT", "kid": "ed"});
    let unsigned = || "it is not signed (`alg` is `none`), and only signed ones are taken".to_owned();
    let by =
        |alg: &str| format!("it is signed by `{alg}`, and of `{ISSUER}` only RS256, ES256, EdDSA are taken");
    let none_such = format!("its key (`kid`) `rs` is none that `{ISSUER}` publishes");
    let whole = published(&[&scene.signer]);
    scene
        .refuses(vec![
            ("none", format!("{}.", message(&json!({"alg": "none"}), &good)), unsigned()),
            ("none with a signature", scene.headed(json!({"alg": "none", "kid": "ed"})), unsigned()),
            ("none in disguise", scene.headed(json!({"alg": "nOnE"})), unsigned()),
            ("key confusion", by_secret(public.as_bytes(), &hs, &good), by("HS256")),
            (
                "key confusion, raw",
                by_secret(&URL_SAFE_NO_PAD.decode(&public).unwrap(), &hs, &good),
                by("HS256"),
            ),
            ("key confusion, the set", by_secret(whole.as_bytes(), &hs, &good), by("HS256")),
            ("one that is not allowed", scene.headed(json!({"alg": "PS256", "kid": "rs"})), by("PS256")),
            ("one that is none", scene.headed(json!({"alg": "ROT13"})), by("ROT13")),
            ("a key of another kind", scene.headed(json!({"alg": "EdDSA", "kid": "rs"})), none_such),
        ])
        .await;
}

#[tokio::test]
async fn a_token_that_nobody_known_signed_is_refused_by_a_clear_line() {
    let scene = Scene::new();
    let good = claims(&json!({}));
    let head = json!({"alg": "EdDSA", "typ": "JWT", "kid": "ed"});
    let token = scene.with(json!({}));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = signature.strip_prefix('A').map(|rest| format!("B{rest}"));
    let other = other.unwrap_or_else(|| format!("A{}", signature.get(1..).unwrap()));
    let root = message(&head, &claims(&json!({"sub": "root"})));
    let not_signed = || format!("its signature is not that of `{ISSUER}`");
    let none_such = format!("its key (`kid`) `other` is none that `{ISSUER}` publishes");
    scene
        .refuses(vec![
            ("an unknown key", scene.headed(json!({"alg": "EdDSA", "kid": "other"})), none_such),
            ("a stranger's key by that name", scene.stranger.token(&good), not_signed()),
            ("a damaged signature", format!("{signed}.{other}"), not_signed()),
            ("other claims under the signature", format!("{root}.{signature}"), not_signed()),
            ("no signature", format!("{}.", message(&head, &good)), not_signed()),
        ])
        .await;
}

#[tokio::test]
async fn a_token_for_others_or_for_another_time_is_refused_by_a_clear_line() {
    let scene = Scene::new();
    let now = seconds();
    let audience = || "it is for another audience (`aud`): `tutti` is wanted".to_owned();
    let issuer = format!(
        "its issuer (`iss`) is `{}`, which is none of the gateway's configuration",
        ISSUER.trim_end_matches('/')
    );
    let early =
        |claim: &str, by: u64| format!("it is valid only in {by} s (`{claim}`): does a clock go wrong?");
    let no_end = "it says no time at which it expires (`exp`)".to_owned();
    let no_number = "`exp` is missing, or is not a number of seconds".to_owned();
    scene
        .refuses(vec![
            ("expired", scene.with(json!({"exp": now - 31})), "it expired 31 s ago: get a new one".into()),
            ("long expired", scene.with(json!({"exp": 0})), format!("it expired {now} s ago: get a new one")),
            ("without an end", scene.with(json!({"exp": null})), no_end),
            ("an end that is no time", scene.with(json!({"exp": "tomorrow"})), no_number),
            ("not yet valid", scene.with(json!({"nbf": now + 31})), early("nbf", 31)),
            ("of the future", scene.with(json!({"iat": now + 100})), early("iat", 100)),
            ("another issuer", scene.with(json!({"iss": ISSUER.trim_end_matches('/')})), issuer),
            ("no issuer", scene.with(json!({"iss": null})), "`iss` is missing, or is not a text".into()),
            ("stolen for another audience", scene.with(json!({"aud": "shop"})), audience()),
            ("without this audience", scene.with(json!({"aud": ["shop", "tutti2", 7]})), audience()),
            ("no audience", scene.with(json!({"aud": null})), audience()),
        ])
        .await;
}

#[tokio::test]
async fn what_is_no_such_token_is_refused_by_a_clear_line() {
    let scene = Scene::new();
    let no_token = || "it is no JSON Web Token: three parts in base64url, with dots between".to_owned();
    let typ = "its type (`typ`) is `tutti-statement+jwt`: an access token is `JWT` or `at+jwt`".to_owned();
    let critical = "its header says that `b64` must be understood (`crit`), which it is not here".to_owned();
    let statement = json!({"alg": "EdDSA", "kid": "ed", "typ": "tutti-statement+jwt"});
    let crit = json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false});
    let bad_head = format!("{}.{}.{}", base64("{"), base64("{}"), base64("s"));
    let bad_body = format!("{}.{}.{}", base64(r#"{"alg":"EdDSA"}"#), base64("[]"), base64("s"));
    let huge = format!("{}.b.x", "a".repeat(20_000));
    let claim = |name: &str, wanted: &str| format!("`{name}` is missing, or is not {wanted}");
    let subject = || claim("sub", "a text of at most 256 characters");
    scene
        .refuses(vec![
            ("another type", scene.headed(statement), typ),
            ("something critical", scene.headed(crit), critical),
            ("huge", huge, "it is longer than 16384 bytes".into()),
            ("no token", "opaque".into(), no_token()),
            ("four parts", format!("{}.x", scene.with(json!({}))), no_token()),
            ("malformed base64", "a+b.c/d.e=f".into(), no_token()),
            ("a header that is no JSON", bad_head, "its header is no JSON of a token".into()),
            ("a body that is no object", bad_body, "its body is no JSON of a token".into()),
            ("no roles", scene.with(json!({"roles": [1]})), claim("roles", "a list of texts")),
            ("no home", scene.with(json!({"home": "over there"})), claim("home", "a jurisdiction")),
            ("nobody", scene.with(json!({"sub": null})), subject()),
            ("a subject of two lines", scene.with(json!({"sub": "a\nb"})), subject()),
            ("a long subject", scene.with(json!({"sub": "a".repeat(257)})), subject()),
        ])
        .await;
}

#[tokio::test]
async fn a_path_through_what_has_no_names_refuses_the_token_and_an_absent_one_does_not() {
    let signer = Signer::ed("ed");
    let paths = ClaimPaths { home: "profile.place.home".to_owned(), ..ClaimPaths::default() };
    let reception = required(vec![IssuerSettings { claims: paths, ..issuer(&[&signer]) }]);
    let home = async |profile: Value| {
        let known =
            show(&reception, &signer.token(&claims(&json!({"home": null, "profile": profile})))).await;
        known.map(|known| known.caller.home.clone()).map_err(|unknown| unknown.to_string())
    };
    for odd in [json!("EU"), json!([{"place": {"home": "EU"}}]), json!({"place": "EU"}), json!(true)] {
        let line = home(odd.clone()).await.unwrap_err();
        assert!(line.contains("`profile.place.home` is missing, or is not where"), "{odd}: {line}");
    }
    for absent in [json!(null), json!({}), json!({"place": null}), json!({"place": {}})] {
        assert_eq!(home(absent).await, Ok(None));
    }
    assert!(home(json!({"place": {"home": "EU"}})).await.unwrap().is_some());
}

#[tokio::test]
async fn who_takes_the_name_of_another_kind_has_nothing_of_what_they_have() {
    let signer = Signer::ed("ed");
    let grant = |to, role: &str| Grant { to, roles: [role.to_owned()].into(), clearances: [].into() };
    let grants = vec![
        grant(Holder::User("jane".to_owned()), "by-subject"),
        grant(Holder::Username("jane".to_owned()), "by-name"),
        grant(Holder::Email("jane".to_owned()), "by-address"),
    ];
    let reception = required(vec![IssuerSettings { grants, ..issuer(&[&signer]) }]);
    for (told, expected) in [
        (json!({"sub": "jane"}), Some("by-subject")),
        (json!({"preferred_username": "jane"}), Some("by-name")),
        (json!({"email": "jane", "email_verified": true}), Some("by-address")),
        (json!({"email": "jane", "email_verified": false}), None),
        (json!({"email": "jane"}), None),
        // Of an issuer this is no name.
        (json!({"username": "jane"}), None),
    ] {
        let mut all = json!({"sub": "someone", "roles": []});
        all.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
        let known = show(&reception, &signer.token(&claims(&all))).await.unwrap();
        assert_eq!(known.caller.roles, expected.map(str::to_owned).into_iter().collect(), "{told}");
    }
}

#[tokio::test]
async fn two_tokens_or_none_are_refused_by_a_clear_line() {
    let scene = Scene::new();
    let token = format!("Bearer {}", scene.with(json!({})));
    let twice = who(&scene.reception, &[("authorization", &token), ("authorization", &token)]).await;
    assert_eq!(twice.unwrap_err().to_string(), "`Authorization` stands there twice: send one");
    let nobody = who(&scene.reception, &[]).await.unwrap_err();
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
        grant(Holder::Email("mallory@example.com".to_owned()), "root"),
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
        to: Holder::Email("boss@example.com".to_owned()),
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

/// They are words of a policy, stand in every record, and a line that lists them has to stay a line.
#[tokio::test]
async fn purposes_have_a_number_and_a_length() {
    let signer = Signer::ed("a");
    let reception = required(vec![issuer(&[&signer])]);
    let of = async |purposes: Value| {
        let token = format!("Bearer {}", signer.token(&claims(&json!({"purpose": purposes}))));
        who(&reception, &[("authorization", &token)]).await.map(|known| known.caller.purpose.clone())
    };
    let many = |count: usize| json!((0..count).map(|nth| format!("p-{nth}")).collect::<Vec<_>>());
    assert_eq!(of(many(32)).await, Ok(None));
    assert_eq!(of(json!("p".repeat(64))).await, Ok(Some("p".repeat(64))));
    for wrong in [many(33), json!("p".repeat(65)), json!(["a", "p".repeat(65)]), json!("a\nb")] {
        let line = of(wrong).await.unwrap_err().to_string();
        assert!(
            line.ends_with("it names more than 32 purposes, or one of more than 64 characters"),
            "{line}"
        );
    }
}
