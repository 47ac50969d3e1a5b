//! What a statement between gateways is worth once a byte, a time or a claim of it is another.

use super::*;

fn now() -> Duration {
    Duration::from_secs(1_800_000_000)
}

fn statement() -> Statement {
    let caller = Caller {
        subject: "alice".to_owned(),
        roles: ["sre".to_owned()].into(),
        home: Some(Jurisdiction::parse("EU").unwrap()),
        purpose: Some("incident".to_owned()),
        ..Caller::anonymous()
    };
    let whole = Whole::Values {
        name: "span.user.email".to_owned(),
        filter: Some("{ .a = 1 }".to_owned()),
        form: TagsForm::V2,
    };
    Statement {
        issuer: "us-east".to_owned(),
        audience: "eu-central".to_owned(),
        id: "0123".to_owned(),
        asker: Asker {
            caller: Arc::new(caller),
            through: vec!["ap-south".to_owned()],
            besides: ["eu-central", "eu-west"].map(str::to_owned).into(),
            delivered: ["IN", "US"].map(|name| Jurisdiction::parse(name).unwrap()).to_vec(),
            plan_digest: "00ff".to_owned(),
            errand: Errand { whole: Some(whole), is_evaluated: true },
        },
        left: Duration::from_millis(2_500),
        request: request_digest("GET", b"/api/search", Some("q=%7B%7D")),
        issued: now(),
        expires: now() + Duration::from_secs(20),
    }
}

#[test]
fn a_statement_survives_its_way() {
    let key = SigningKey::generate().unwrap();
    let token = sign(&statement(), &key).unwrap();
    assert_eq!(issuer_of(&token).unwrap(), "us-east");
    assert_eq!(check(&token, key.public(), "eu-central", now()).unwrap(), statement());
    for whole in [
        None,
        Some(Whole::Query("{ }".to_owned())),
        Some(Whole::Keys(vec!["a".to_owned()])),
        Some(Whole::Names { filter: None, form: TagsForm::V1 }),
    ] {
        let mut other = statement();
        other.asker.errand.whole = whole;
        let token = sign(&other, &key).unwrap();
        assert_eq!(check(&token, key.public(), "eu-central", now()).unwrap(), other);
    }
}

/// What becomes of a statement that somebody changed before it was signed.
#[track_caller]
fn refused(change: impl Fn(&mut Statement), expected: StatementFault) {
    let key = SigningKey::generate().unwrap();
    let mut changed = statement();
    change(&mut changed);
    let token = sign(&changed, &key).unwrap();
    assert_eq!(check(&token, key.public(), "eu-central", now()), Err(expected));
}

#[test]
fn a_statement_that_does_not_hold_is_refused_by_name() {
    let seconds = Duration::from_secs;
    refused(|it| it.audience = "us-west".to_owned(), StatementFault::Audience);
    refused(
        |it| (it.issued, it.expires) = (now() - seconds(60), now() - seconds(11)),
        StatementFault::Expired,
    );
    refused(|it| (it.issued, it.expires) = (now() + seconds(11), now() + seconds(20)), StatementFault::Early);
    refused(|it| it.expires = now() + seconds(61), StatementFault::TooLong);
    refused(|it| it.expires = now() - seconds(1), StatementFault::TooLong);
    refused(|it| it.asker.delivered.clear(), StatementFault::Unreadable);
    let caller = |it: &mut Statement, change: fn(&mut Caller)| change(Arc::make_mut(&mut it.asker.caller));
    refused(|it| caller(it, |of| of.purpose = Some("p".repeat(65))), StatementFault::Claims);
    refused(|it| caller(it, |of| of.purpose = Some("a\nb".to_owned())), StatementFault::Claims);
    let many = |of: &mut Caller| of.groups = (0..1000).map(|nth| nth.to_string()).collect();
    refused(|it| caller(it, many), StatementFault::Claims);
    refused(|it| it.id.clear(), StatementFault::Unreadable);
    let other = SigningKey::generate().unwrap();
    let token = sign(&statement(), &other).unwrap();
    let key = SigningKey::generate().unwrap();
    assert_eq!(check(&token, key.public(), "eu-central", now()), Err(StatementFault::Signature));
}

#[test]
fn no_byte_of_a_statement_can_be_exchanged() {
    let key = SigningKey::generate().unwrap();
    let token = sign(&statement(), &key).unwrap();
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(check(&changed, key.public(), "eu-central", now()).is_err(), "byte {place}");
    }
}

#[test]
fn another_algorithm_another_type_and_unknown_claims_are_none() {
    let key = SigningKey::generate().unwrap();
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let token = sign(&statement(), &key).unwrap();
    let claims: String = token.split('.').nth(1).unwrap().to_owned();
    let signed = |header: &str, claims: &str| {
        let message = format!("{}.{claims}", part(header.to_owned()));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())))
    };
    let check = |token: String| check(&token, key.public(), "eu-central", now());
    assert!(check(signed(r#"{"alg":"EdDSA","typ":"tutti-statement+jwt","kid":"x"}"#, &claims)).is_ok());
    for header in [
        r#"{"alg":"none","typ":"tutti-statement+jwt","kid":"x"}"#,
        r#"{"alg":"HS256","typ":"tutti-statement+jwt","kid":"x"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","kid":"x"}"#,
        r#"{"alg":"EdDSA","typ":"tutti-statement+jwt","kid":"x","crit":["b64"]}"#,
        "{",
    ] {
        assert_eq!(check(signed(header, &claims)), Err(StatementFault::Unreadable), "{header}");
    }
    let mut more: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&claims).unwrap()).unwrap();
    more["never_show"] = true.into();
    let header = r#"{"alg":"EdDSA","typ":"tutti-statement+jwt","kid":"x"}"#;
    assert_eq!(check(signed(header, &part(more.to_string()))), Err(StatementFault::Unreadable));
    for token in ["", ".", "..", "a.b.c", "\u{e9}.x.y"] {
        assert_eq!(check(token.to_owned()), Err(StatementFault::Unreadable), "{token}");
    }
}

#[test]
fn a_question_too_long_for_a_header_has_no_statement() {
    let mut long = statement();
    long.asker.errand.whole = Some(Whole::Query("x".repeat(STATEMENT_BYTES_MAX)));
    assert_eq!(sign(&long, &SigningKey::generate().unwrap()), None);
}

#[test]
fn a_request_is_known_below_any_prefix_and_by_every_part() {
    let digest = |path: &str, query| request_digest("GET", path.as_bytes(), query);
    assert_eq!(digest("/tempo/api/search", Some("q=1")), digest("/api/search", Some("q=1")));
    assert_ne!(digest("/api/search", Some("q=1")), digest("/api/search", Some("q=2")));
    assert_ne!(digest("/api/search", None), digest("/api/search/tags", None));
    assert_ne!(digest("/api/search", None), request_digest("POST", b"/api/search", None));
}

#[test]
fn a_fault_is_known_by_its_code() {
    for fault in StatementFault::ALL {
        assert_eq!(StatementFault::of_code(fault.code()), Some(fault));
    }
}
