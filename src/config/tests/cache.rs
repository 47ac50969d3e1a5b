//! The memories of whole traces, as they are configured.

use super::*;
use crate::config::Changes;

const KEY_TEXT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SHARED: &str =
    "[cache.shared]\nurl = \"redis://cache.example:7000/2\"\nkey = { env = \"CACHE_KEY\" }\n";

fn with(lines: &str) -> Estate {
    Estate::of(&format!("{QUIET}\n{lines}\n"))
        .with_variable("CACHE_KEY", KEY_TEXT)
        .with_variable("OTHER_KEY", "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        .with_variable("SHORT", "0001")
        .with_variable("PASSWORD", "open sesame")
}

fn whats(lines: &str) -> Vec<String> {
    let found = with(lines).findings();
    found.into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn a_shared_memory_is_read_with_its_defaults() {
    assert!(with("").settings().cache_shared.is_none());
    let shared = with(SHARED).settings().cache_shared.unwrap();
    assert_eq!((shared.host.as_str(), shared.port, shared.db), ("cache.example", 7000, 2));
    assert_eq!((shared.prefix.as_str(), shared.bytes_max, shared.connections_max), ("tutti", 1 << 20, 8));
    assert_eq!(shared.deadline, std::time::Duration::from_millis(20));
    assert!(shared.tls.is_none() && !shared.estate.is_empty());
    let more = "user = \"u\"\npassword = { env = \"PASSWORD\" }\ndeadline = \"5ms\"\nprefix = \"a:b\"\n";
    let secure = with(&format!("{SHARED}{more}").replace("redis://", "rediss://")).settings();
    let secure = secure.cache_shared.unwrap();
    assert!(secure.tls.is_some() && secure.password.is_some());
    assert_eq!((secure.user.as_deref(), secure.prefix.as_str()), (Some("u"), "a:b"));
}

#[test]
fn whatever_an_answer_depends_on_makes_another_estate_and_nothing_else_does() {
    let of = |lines: &str, change: fn(&str) -> String| {
        let text = change(&format!("{QUIET}\n{SHARED}{lines}\n"));
        let estate = Estate::of(&text).with_variable("CACHE_KEY", KEY_TEXT).with_variable("PASSWORD", "x");
        estate.settings().cache_shared.unwrap().estate
    };
    let same = of("", str::to_owned);
    assert_eq!(of("", str::to_owned), same);
    assert_eq!(of("deadline = \"5ms\"", str::to_owned), same, "how it is asked is nobody else's matter");
    let others: [fn(&str) -> String; 5] = [
        |text| text.replace("http://127.0.0.1:3202", "http://127.0.0.1:3203"),
        |text| text.replace("name = \"us-west\"", "name = \"us-north\""),
        |text| text.replace("[cache.shared]", "[additions]\nregion = false\n[cache.shared]"),
        |text| text.replace(":3202\"", ":3202\"\ntenant = \"a\""),
        |text| text.replace(":3202\"", ":3202\"\nauth = { bearer = { env = \"PASSWORD\" } }"),
    ];
    for (nth, other) in others.into_iter().enumerate() {
        assert_ne!(of("", other), same, "{nth}");
    }
}

#[test]
fn what_cannot_be_a_shared_memory_is_a_fault() {
    assert_eq!(whats("[cache.shared]"), ["`url` is missing", "`key` is missing"]);
    let told = |from: &str, to: &str| whats(&SHARED.replace(from, to));
    assert!(told("redis://", "http://")[0].contains("is no URL that begins with redis://"));
    let user = told("redis://", "redis://me:secret@");
    assert_eq!(user, ["user and password do not belong in a URL"]);
    assert!(told("CACHE_KEY", "SHORT")[0].contains("2 bytes"));
    assert!(told("{ env = \"CACHE_KEY\" }", "\"inline\"")[0].contains("a secret stands in the file"));
    for line in ["deadline = \"2s\"", "bytes_max = \"1GiB\"", "ca_file = \"x.pem\""] {
        assert!(!whats(&format!("{SHARED}{line}")).is_empty(), "{line}");
    }
    assert!(!whats(&format!("[cache]\nbytes_max = 0\n{SHARED}")).is_empty());
}

#[test]
fn changes_of_each_memory_are_told_by_its_table_and_never_the_key() {
    // Each estate lies in a folder of its own, and its policies with it.
    let changed = |a: &str, b: &str| {
        let taken = Changes::between(&with(a).settings(), &with(b).settings()).taken;
        taken.into_iter().filter(|key| key != "gateway.policies").collect::<Vec<_>>()
    };
    assert_eq!(changed("", SHARED), ["cache.shared"]);
    assert_eq!(changed(SHARED, SHARED), [""; 0]);
    let other_key = changed(SHARED, &SHARED.replace("CACHE_KEY", "OTHER_KEY"));
    assert_eq!(other_key, ["cache.shared"]);
    assert_eq!(changed("", "[cache]\nyoung_for = \"1s\""), ["cache"]);
    assert_eq!(changed("", "[prewarm]\nper_minute_max = 0"), ["prewarm"]);
    let shown = format!("{:?}", with(SHARED).settings().cache_shared);
    assert!(!shown.contains(KEY_TEXT) && !shown.contains("000102"), "{shown}");
}
