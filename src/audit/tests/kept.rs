//! Records that are no longer kept, and what a process that was killed has left behind.

use std::fs;
use std::time::{Duration, SystemTime};

use super::*;
use crate::audit::disk::{Disk, Folder};
use crate::audit::keep;
use crate::audit::read::{Saved, parse_checkpoint};
use crate::audit::search::{Wanted, backwards};
use crate::audit::verify::verify;

#[tokio::test]
async fn what_is_no_longer_kept_is_said_by_the_log_and_everything_else_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    append_all(&log, 0..600).await;
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let text = String::from_utf8(folder.read("checkpoint").unwrap()).unwrap();
    let (note, checkpoint) = parse_checkpoint("before", &text).unwrap();
    let saved = [Saved { name: "before".to_owned(), note, checkpoint }];
    let now = SystemTime::now();
    let (later, sooner) = (now + Duration::from_secs(3600), now - Duration::from_secs(3600));
    assert_eq!(keep::old(&folder, 0, 600, sooner).unwrap(), 0, "nothing is that old");
    assert_eq!(keep::old(&folder, 0, 600, later).unwrap(), 512, "of the last bundle more is to come");
    let first = folder.read("tile/entries/000").unwrap();
    folder.remove("tile/entries/000").unwrap();
    let bad = verify(&folder, log.key(), &[], &[]).unwrap_err();
    assert_eq!((bad.index, bad.file.as_str()), (Some(0), "tile/entries/000"), "nobody said that: {bad}");
    folder.write("tile/entries/000", &first).unwrap();
    log.append(&keep::record(512)).await.unwrap();
    log.close().await;
    let freed = keep::take_away(&folder, 0, 512).unwrap();
    assert!(freed > 512 * 100 && !keep::is_any_there(&folder, 0, 512));
    let verified = verify(&folder, log.key(), &[], &saved).unwrap();
    assert_eq!((verified.kept_from, verified.checkpoint.size), (Some(512), 601));
    assert_eq!(verified.saved, ["before"], "it goes on from what was there before");
    // One of the two that is there again, as in an archive, is looked at like any other.
    folder.write("tile/entries/000", &first).unwrap();
    assert_eq!(verify(&folder, log.key(), &[], &[]).unwrap().kept_from, Some(512));
    folder.remove("tile/entries/000").unwrap();
    append_all(&log, 0..300).await;
    log.close().await;
    let found = backwards(&folder, 901, &Wanted::default(), u64::MAX, 1000).unwrap();
    assert_eq!((found.records.len(), found.gone, found.next), (901 - 512, Some(512), None));
    // No record speaks of this one.
    folder.remove("tile/entries/002").unwrap();
    let bad = verify(&folder, log.key(), &[], &[]).unwrap_err();
    assert_eq!((bad.index, bad.file.as_str()), (Some(512), "tile/entries/002"), "{bad}");
    let state = log.state();
    log.is_lighter(freed);
    log.append(&record(1)).await.unwrap();
    assert!(log.state().bytes + freed / 2 < state.bytes, "what is gone counts no longer");
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    append_all(&log, 0..300).await;
    log.close().await;
    let key = log.key().clone();
    leave(log, &settings).await;
    let left = [
        "tile/0/000.p/7",
        "tile/entries/000.p/9",
        "tile/0/000.p/8.new",
        "tile/0/001.p/3.new",
        "checkpoint.new",
        "witness/0.new",
    ];
    for name in left {
        let path = settings.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"left").unwrap();
    }
    let log = Log::open(&settings, &region()).unwrap();
    let is_there = |name: &str| settings.dir.join(name).exists();
    for name in left {
        assert!(!is_there(name), "{name}");
    }
    assert!(!is_there("tile/0/000.p") && is_there("tile/0/001.p/44") && is_there("tile/entries/001.p/44"));
    append_all(&log, 0..10).await;
    log.close().await;
    verify(&Folder::at(&settings.dir), &key, &[], &[]).unwrap();
}
