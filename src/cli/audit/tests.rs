//! The commands over a log that was written for them.

use super::*;
use crate::audit::json::Json;
use crate::audit::{AuditSettings, Event, Log, Record};
use crate::cli::{Cli, Command};
use crate::model::{Caller, Proven, RegionName};
use clap::Parser;

const ID: &str = "0af7651916cd43dd8448eb211c80319c";

async fn written(dir: &Path) -> Log {
    let log = Log::open(&AuditSettings::at(dir), &RegionName::parse("eu").unwrap()).unwrap();
    for (subject, purpose, event) in
        [("alice", "fraud", Event::QUERY), ("bob", "debug", Event::QUERY), ("alice", "debug", Event::DENIED)]
    {
        let caller =
            Caller { subject: subject.to_owned(), purpose: Some(purpose.to_owned()), ..Caller::anonymous() };
        let asked = Json::map([("trace", Json::text(ID)), ("route", Json::text("/api/traces/{id}"))]);
        let record = Record { who: Some((caller, Proven::default())), asked, ..Record::of(event) };
        log.append(&record).await.unwrap();
    }
    log.close().await;
    log
}

/// What a command says, and how it ends.
fn said(args: &[&str]) -> (String, u8) {
    let line = [&["tutti", "audit"], args].concat();
    let Command::Audit(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not audit") };
    let mut out = Vec::new();
    let verdict = run(&args.command, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), verdict.exit_code())
}

#[tokio::test]
async fn a_receipt_leads_to_its_record_and_its_proof() {
    let dir = tempfile::tempdir().unwrap();
    let (path, log) = (dir.path().to_str().unwrap(), written(dir.path()).await);
    let receipt = format!("{}/1", log.origin());
    let (text, code) = said(&["show", &receipt, "--dir", path, "--key", &log.key().to_string()]);
    assert_eq!(code, 0, "{text}");
    for word in [
        "\"subject\": \"bob\"",
        "record  1 in tile/entries/000.p/3",
        "\nproof   ",
        "good: the record is in the log",
    ] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
    assert_eq!(text.matches("\nproof ").count(), 2);
    assert_eq!(said(&["show", "3", "--dir", path]).1, 1);
    let (text, code) = said(&["show", "tutti/us/1/1", "--dir", path]);
    assert!(code == 2 && text.contains("the receipt is of the log `tutti/us/1`"), "{text}");
}

/// What is in the journal alone nobody signed.
#[tokio::test(start_paused = true)]
async fn a_record_under_no_checkpoint_is_there_and_not_proven() {
    let dir = tempfile::tempdir().unwrap();
    let (path, journal) = (dir.path().to_str().unwrap(), dir.path().join("journal"));
    let log = Log::open(&AuditSettings::at(dir.path()), &RegionName::parse("eu").unwrap()).unwrap();
    log.append(&Record::of(Event::QUERY)).await.unwrap();
    let whole = std::fs::read(&journal).unwrap();
    assert!(!whole.is_empty());
    let (text, code) = said(&["show", "0", "--dir", path]);
    assert!(code == 1 && text.contains("not proven: it follows"), "{text}");
    assert_eq!(said(&["verify", path]).1, 0);
    // The beginning of another log stands where the record says what it follows.
    log.append(&Record::of(Event::QUERY)).await.unwrap();
    let both = std::fs::read(&journal).unwrap();
    let second = both.get(whole.len()..).unwrap();
    std::fs::write(&journal, second).unwrap();
    let (text, code) = said(&["show", "1", "--dir", path]);
    assert!(code == 1 && text.contains("BAD: no checkpoint speaks of it, and"), "{text}");
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&journal, changed).unwrap();
    let (text, code) = said(&["verify", path]);
    assert!(code == 1 && text.contains("not as its sums say"), "{text}");
}

#[tokio::test]
async fn records_are_found_by_who_what_for_which_trace_and_when() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    written(dir.path()).await;
    let count = |args: &[&str]| {
        let (text, code) = said(&[&["search", path], args].concat());
        (text.lines().count(), code)
    };
    assert_eq!(count(&[]), (3, 0));
    assert_eq!(count(&["--subject", "alice"]), (2, 0));
    assert_eq!(count(&["--subject", "alice", "--purpose", "debug"]), (1, 0));
    assert_eq!(count(&["--event", "denied"]), (1, 0));
    assert_eq!(count(&["--trace", ID]), (3, 0));
    assert_eq!(count(&["--trace", "1"]), (0, 1));
    assert_eq!(count(&["--since", "2020-01-01T00:00:00Z"]), (3, 0));
    assert_eq!(count(&["--since", "2999-01-01"]), (0, 1));
    let (text, _) = said(&["search", path, "--subject", "bob", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((value["index"].as_u64(), value["record"]["who"]["subject"].as_str()), (Some(1), Some("bob")));
}

#[tokio::test]
async fn verification_says_good_or_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let (path, log) = (dir.path().to_str().unwrap(), written(dir.path()).await);
    let key = log.key().to_string();
    let (text, code) = said(&["verify", path]);
    assert!(code == 0 && text.contains("has 3 records") && text.contains(&key), "{text}");
    let checkpoint = dir.path().join("checkpoint");
    let kept = dir.path().join("kept");
    std::fs::copy(&checkpoint, &kept).unwrap();
    let kept = kept.to_str().unwrap();
    let (text, code) = said(&["verify", path, "--key", &key, "--checkpoint", kept]);
    assert!(code == 0 && text.contains("it goes on from") && !text.contains("folder's own"), "{text}");
    let witness = crate::proof::SigningKey::generate().unwrap();
    let witness = NamedKey::new("us/1", crate::audit::note::Kind::Witness, witness.public().clone()).unwrap();
    let (text, code) = said(&["verify", path, "--witness", &witness.to_string()]);
    assert!(code == 1 && text.contains("us/1 did not sign"), "{text}");
    let entries = dir.path().join("tile/entries/000.p/3");
    let mut bytes = std::fs::read(&entries).unwrap();
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(&entries, bytes).unwrap();
    let (text, code) = said(&["verify", path]);
    assert!(
        code == 1
            && text.starts_with("BAD ")
            && text.contains("record 2: its bytes were changed (tile/entries/000.p/3, byte "),
        "{text}"
    );
    assert_eq!(said(&["verify", "nowhere"]).1, 2);
    assert_eq!(said(&["verify", "nowhere", "--key", &key]).1, 2);
    let line = ["tutti", "audit", "verify", path, "--witness", &key];
    let error = Cli::try_parse_from(line).map(drop).unwrap_err().to_string();
    assert!(error.contains("the key of a log, and not of a witness"), "{error}");
    assert_eq!(said(&["verify", path, "--checkpoint", "nowhere"]).1, 2);
}
