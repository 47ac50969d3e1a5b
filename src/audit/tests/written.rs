//! What is acknowledged is there: after a checkpoint, before one, and after an end without one.

use std::sync::Arc;

use super::*;
use crate::audit::disk::{Disk, Folder};
use crate::audit::read::{Reader, checkpoint, tail};
use crate::audit::settings::AuditSettings;
use crate::audit::tree::{inclusion, is_included, leaf, root};
use crate::audit::verify::verify;
use crate::audit::{OpenError, tile};
use crate::proof::SigningKey;

#[tokio::test]
async fn every_receipt_leads_to_its_record_and_the_record_to_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    let receipts = append_all(&log, 0..600).await;
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let (_, checkpoint) = checkpoint(&folder).unwrap();
    assert_eq!(checkpoint.size, 600);
    let reader = Reader::new(&folder, 600);
    for (receipt, nth) in receipts.iter().zip(0u64..) {
        let record = reader.record(receipt.index).unwrap().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
        assert_eq!(
            (value["details"]["nth"].as_u64(), value["region"].as_str()),
            (Some(nth), Some("eu-central"))
        );
        let proof = inclusion(&reader, receipt.index, 600).unwrap();
        assert!(is_included(&proof, leaf(&record.bytes), receipt.index, 600, checkpoint.root), "{receipt}");
    }
    let verified = verify(&folder, log.key(), &[], &[]).unwrap();
    assert_eq!((verified.checkpoint.size, verified.tail, verified.torn), (600, 0, 0));
    // Of what is full now, nothing is left of before.
    for full in ["tile/entries/000.p", "tile/entries/001.p", "tile/0/000.p", "tile/0/001.p"] {
        let left = std::fs::read_dir(settings.dir.join(full)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{full}");
    }
    assert!(std::fs::read_dir(settings.dir.join("tile/entries/002.p")).unwrap().count() >= 1);
}

/// Who reads a log that is written has a checkpoint of before, and the files of after.
#[tokio::test]
async fn a_log_that_grows_while_it_is_read_is_whole_under_the_checkpoint_that_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let mut read = Vec::new();
    for numbers in [0..100, 100..200, 200..300, 300..900] {
        let log = Log::open(&settings, &region()).unwrap();
        append_all(&log, numbers).await;
        log.close().await;
        let folder = Folder::at(&settings.dir);
        read.push(checkpoint(&folder).unwrap().1);
        for checkpoint in &read {
            let reader = Reader::new(&folder, checkpoint.size);
            assert_eq!(root(&reader, checkpoint.size).unwrap(), checkpoint.root);
            for index in [0, checkpoint.size - 1] {
                assert_eq!(reader.record(index).unwrap().unwrap().index, index);
            }
        }
        leave(log, &settings).await;
    }
    let left = |of: &str| std::fs::read_dir(settings.dir.join(of)).map_or(0, Iterator::count);
    assert_eq!((left("tile/entries/000.p"), left("tile/0/000.p"), left("tile/entries/001.p")), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_ended_without_a_word_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    for round in 0..5u64 {
        let log = Log::open(&settings, &region()).unwrap();
        let receipts = append_all(&log, 0..70).await;
        let mut indexes: Vec<u64> = receipts.iter().map(|receipt| receipt.index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, (round * 70..(round + 1) * 70).collect::<Vec<_>>());
        let folder = Folder::at(&settings.dir);
        let (_, checkpoint) = checkpoint(&folder).unwrap();
        // Dropped, and never closed: what is not in tiles is in the journal.
        let tail = tail(&folder, checkpoint.size).unwrap();
        assert_eq!(checkpoint.size + tail.records.len() as u64, (round + 1) * 70);
        verify(&folder, log.key(), &[], &[]).unwrap();
        leave(log, &settings).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_cut_off_takes_nothing_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    append_all(&log, 0..10).await;
    let key = log.key().clone();
    leave(log, &settings).await;
    let journal = settings.dir.join("journal");
    let whole = std::fs::read(&journal).unwrap();
    let torn = [whole.as_slice(), &whole[..40]].concat();
    std::fs::write(&journal, torn).unwrap();
    let folder = Folder::at(&settings.dir);
    let verified = verify(&folder, &key, &[], &[]).unwrap();
    assert_eq!((verified.checkpoint.size + verified.tail, verified.torn), (10, 40));
    let log = Log::open(&settings, &region()).unwrap();
    assert_eq!(log.append(&record(10)).await.unwrap().index, 10);
    log.close().await;
    assert_eq!(verify(&folder, &key, &[], &[]).unwrap().checkpoint.size, 11);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_has_all_its_bytes_and_not_its_sum_is_kept_for_whoever_looks() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    log.append(&record(0)).await.unwrap();
    let key = log.key().clone();
    leave(log, &settings).await;
    let journal = settings.dir.join("journal");
    let mut changed = std::fs::read(&journal).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&journal, &changed).unwrap();
    let folder = Folder::at(&settings.dir);
    let bad = verify(&folder, &key, &[], &[]).unwrap_err();
    assert!(bad.index == Some(0) && bad.what.contains("not as its sums say"), "{bad}");
    let log = Log::open(&settings, &region()).unwrap();
    assert_eq!(std::fs::read(settings.dir.join("journal.wrong.0")).unwrap(), changed);
    log.append(&record(1)).await.unwrap();
    log.close().await;
    assert_eq!(verify(&folder, &key, &[], &[]).unwrap().checkpoint.size, 1);
}

#[tokio::test]
async fn a_log_has_one_writer_one_name_and_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    assert!(log.origin().starts_with("tutti/eu-central/"), "{}", log.origin());
    assert!(matches!(Log::open(&settings, &region()), Err(OpenError::Locked(_))));
    let origin = log.origin().to_owned();
    leave(log, &settings).await;
    let renamed = AuditSettings { origin: Some("another".to_owned()), ..settings.clone() };
    let error = Log::open(&renamed, &region()).unwrap_err().to_string();
    assert!(error.contains(&origin) && error.contains("`another`"), "{error}");
    let rekeyed = AuditSettings { key: Some(SigningKey::generate().unwrap()), ..settings.clone() };
    assert!(matches!(Log::open(&rekeyed, &region()), Err(OpenError::OtherKey(_))));
    assert_eq!(Log::open(&settings, &region()).unwrap().origin(), origin);
}

#[cfg(unix)]
#[tokio::test]
async fn keys_are_for_their_owner_alone_and_are_used_again() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let name = async || {
        let log = Log::open(&settings, &region()).unwrap();
        let name = log.tokens().name().to_owned();
        log.append(&record(0)).await.unwrap();
        log.close().await;
        leave(log, &settings).await;
        name
    };
    let tokens = name().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["", "tile", "tile/0", "tile/entries"] {
        assert_eq!(mode(&settings.dir.join(folder)), 0o700, "{folder}");
    }
    for file in ["checkpoint", "journal", "lock", "log.vkey", "tile/entries/000.p/1", "tile/0/000.p/1"] {
        assert_eq!(mode(&settings.dir.join(file)), 0o600, "{file}");
    }
    for key in ["key.pem", "tokens.key"] {
        let mode = std::fs::metadata(settings.dir.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert_eq!(name().await, tokens);
    // Served its time: another takes its place, and the old one stays under its name.
    let file = settings.dir.join("tokens.key");
    let old = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, old.split(' ').next().unwrap().to_owned() + " 1\n").unwrap();
    assert_ne!(name().await, tokens);
    assert!(settings.dir.join(format!("tokens.{tokens}.key")).exists());
}

#[tokio::test]
async fn a_record_that_is_too_long_loses_its_lists_and_not_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    let long = Json::text("x".repeat(700));
    let region = Json::map([("name", Json::text("eu")), ("treated", Json::List(vec![long; 100]))]);
    let asked = Json::map([("route", Json::text("/api/search"))]);
    let record = Record { regions: vec![region], asked, ..record(1) };
    let receipt = log.append(&record).await.unwrap();
    let huge = Record { asked: Json::text("y".repeat(tile::ENTRY_BYTES_MAX)), ..record };
    log.append(&huge).await.unwrap();
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let reader = Reader::new(&folder, 2);
    let value = |index| {
        serde_json::from_slice::<serde_json::Value>(&reader.record(index).unwrap().unwrap().bytes).unwrap()
    };
    let first = value(receipt.index);
    assert_eq!(
        (&first["cut"], &first["asked"]["route"], &first["regions"][0]["name"]),
        (&true.into(), &"/api/search".into(), &"eu".into())
    );
    assert!(first["regions"][0].get("treated").is_none());
    assert!(value(1).get("asked").is_none());
}

#[tokio::test]
async fn a_folder_that_is_full_takes_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let settings = AuditSettings { bytes_max: 4096, ..settings(dir.path()) };
    let log = Log::open(&settings, &region()).unwrap();
    let mut taken = 0;
    while log.append(&record(taken)).await.is_ok() {
        taken += 1;
        assert!(taken < 100, "it has a limit");
    }
    assert!(taken > 1);
    let state = log.state();
    assert!(state.failing.unwrap().why.contains("bytes_max"));
}

/// The disk as the log sees it, over the same folder.
#[test]
fn a_file_that_grows_ends_where_the_last_write_ended() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Folder::at(dir.path()));
    disk.append("j", 0, b"one").unwrap();
    disk.append("j", 3, b"two and more").unwrap();
    disk.append("j", 3, b"two").unwrap();
    assert_eq!(disk.read("j").unwrap(), b"onetwo");
    disk.truncate("j", 0).unwrap();
    disk.append("j", 0, b"x").unwrap();
    assert_eq!(disk.read("j").unwrap(), b"x");
    disk.write("a/b/c", b"whole").unwrap();
    assert_eq!(disk.read("a/b/c").unwrap(), b"whole");
    disk.remove("a/b/c").unwrap();
    disk.remove("a/b/c").unwrap();
}
