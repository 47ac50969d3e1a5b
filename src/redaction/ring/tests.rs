//! Tokens and their keys: equal within a scope, without relation beyond, and readable by their holder alone.

use std::sync::Arc;

use super::*;

fn root(byte: u8) -> RootKey {
    let bytes: Vec<u8> = (0..32).map(|nth: u8| nth.wrapping_mul(7) ^ byte).collect();
    RootKey::of_bytes(&bytes).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(Arc::new(HeldKeys::new(BTreeMap::new(), Some(root(1)))))
}

fn scope(region: &str, purpose: &str, epoch: u32) -> TokenScope {
    TokenScope { region: RegionName::parse(region).unwrap(), purpose: purpose.into(), epoch }
}

fn one_way(ring: &KeyRing, scope: &TokenScope, class: &str, value: &str) -> String {
    let mut out = String::new();
    ring.keys(scope).unwrap().put_one_way(class, value, &mut out);
    out
}

fn reversible(ring: &KeyRing, scope: &TokenScope, class: &str, value: &str) -> String {
    let mut out = String::new();
    ring.keys(scope).unwrap().put_reversible(class, value, &mut out);
    out
}

#[test]
fn a_token_is_the_same_within_its_scope_and_another_beyond() {
    let here = scope("eu", "incident", 7);
    for make in [one_way, reversible] {
        let token = make(&ring(), &here, "pii.email", "jane@example.com");
        assert_eq!(token, make(&ring(), &here, "pii.email", "jane@example.com"));
        let others = [
            make(&ring(), &here, "pii.email", "june@example.com"),
            make(&ring(), &here, "pii.user_id", "jane@example.com"),
            make(&ring(), &scope("us", "incident", 7), "pii.email", "jane@example.com"),
            make(&ring(), &scope("eu", "billing", 7), "pii.email", "jane@example.com"),
            make(&ring(), &scope("eu", "incident", 8), "pii.email", "jane@example.com"),
            make(
                &KeyRing::new(Arc::new(HeldKeys::new([].into(), Some(root(2))))),
                &here,
                "pii.email",
                "jane@example.com",
            ),
        ];
        let body = |token: &str| token.rsplit(':').next().unwrap().to_owned();
        for other in others {
            assert_ne!(body(&token), body(&other), "{other}");
        }
    }
}

#[test]
fn parts_of_a_scope_do_not_run_into_each_other() {
    let a = one_way(&ring(), &scope("eu", "a", 1), "bc", "x");
    let b = one_way(&ring(), &scope("eu", "ab", 1), "c", "x");
    assert_ne!(a.rsplit(':').next(), b.rsplit(':').next());
}

#[test]
fn a_one_way_token_has_the_shape_that_is_documented() {
    let token = one_way(&ring(), &scope("eu", "", 7), "pii.email", "jane@example.com");
    // Of HKDF and HMAC as any other library computes them: a change of this line breaks every join.
    assert_eq!(token, "pn:pii.email:7:llq746y65r5nzesqiawueqjedx");
    let read = Token::parse(&token).unwrap();
    assert_eq!((read.class, read.epoch, read.is_reversible), ("pii.email", 7, false));
}

#[test]
fn a_reversible_token_goes_back_with_its_key_alone() {
    let here = scope("eu", "incident", 7);
    for value in ["jane@example.com", "", "x", "exactly sixteen!", "Jürgen Müller", "ends with\0"] {
        let token = reversible(&ring(), &here, "pii.email", value);
        let read = Token::parse(&token).unwrap();
        assert!(read.is_reversible, "{token}");
        assert_eq!(ring().open(read, &here).unwrap().open(), value);
        assert!(ring().open(read, &scope("us", "incident", 7)).is_none());
        assert!(ring().open(read, &scope("eu", "other", 7)).is_none());
        assert!(ring().open(Token { class: "pii.name", ..read }, &here).is_none());
        assert!(ring().open(Token { epoch: 8, ..read }, &here).is_none());
    }
}

#[test]
fn a_reversible_token_says_little_of_the_length() {
    let here = scope("eu", "incident", 7);
    let lengths = ["a", "jane", "exactly fifteen"].map(|value| reversible(&ring(), &here, "c", value).len());
    assert_eq!(lengths, [lengths[0]; 3]);
}

#[test]
fn a_long_value_gets_a_token_that_can_be_read() {
    let here = scope("eu", "", 0);
    let token = reversible(&ring(), &here, "c", &"x".repeat(257));
    assert_eq!(token, one_way(&ring(), &here, "c", &"x".repeat(257)));
}

#[test]
fn what_is_no_token_is_not_read_as_one() {
    let body = "a".repeat(26);
    for text in [
        "",
        "pn",
        "pn:",
        "pn:c:1:",
        "pn:c:1:short",
        &format!("pn::1:{body}"),
        &format!("pn:c:x:{body}"),
        &format!("pn:c:01:{body}"),
        &format!("pn:c:1:{body}a"),
        &format!("px:c:1:{body}"),
        &format!("PN:c:1:{body}"),
        &format!("pn:c:1:{}", "A".repeat(26)),
        &format!("pn:c:1:{}", "1".repeat(26)),
    ] {
        assert_eq!(Token::parse(text), None, "{text}");
    }
}

#[test]
fn a_token_that_was_changed_is_not_opened() {
    let here = scope("eu", "incident", 7);
    let token = reversible(&ring(), &here, "pii.email", "jane@example.com");
    let at = token.rfind(':').unwrap() + 1;
    for place in at..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'a' { b'b' } else { b'a' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(ring().open(Token::parse(&changed).unwrap(), &here).is_none(), "{place}");
    }
}

#[test]
fn keys_do_not_print() {
    let shown = format!("{:?} {:?} {:?}", root(1), ring(), ring().keys(&scope("eu", "", 1)));
    assert!(shown.contains("RootKey(..)") && !shown.contains("7, 14"), "{shown}");
}

#[test]
fn a_root_is_long_and_encoded() {
    let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    assert!(RootKey::parse(&format!(" {hex}\n")).is_ok());
    assert!(RootKey::parse("ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=").is_ok());
    assert!(RootKey::parse("ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8").is_ok());
    let refused = |text: &str| RootKey::parse(text).unwrap_err();
    assert_eq!(refused("not a key!"), RootKeyError::NotEncoded);
    assert_eq!(refused("c2hvcnQ="), RootKeyError::Length(5));
    assert_eq!(refused(&"00".repeat(32)), RootKeyError::Constant);
    assert_eq!(refused(&"ab".repeat(2000)), RootKeyError::Length(2000));
}

#[test]
fn a_region_with_a_key_of_its_own_uses_it() {
    let own = [(RegionName::parse("eu").unwrap(), root(2))].into();
    let ring = KeyRing::new(Arc::new(HeldKeys::new(own, None)));
    assert!(ring.has(&RegionName::parse("eu").unwrap()) && !ring.has(&RegionName::parse("us").unwrap()));
    assert!(!KeyRing::none().has(&RegionName::parse("eu").unwrap()));
}
