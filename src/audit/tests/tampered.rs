//! Whatever is done to a log is found, and the first place where it shows is named.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::audit::disk::Folder;
use crate::audit::entry;
use crate::audit::note::{Checkpoint, Kind, NamedKey};
use crate::audit::read::{Reader, Saved, checkpoint, parse_checkpoint};
use crate::audit::tile::{self, put_entry};
use crate::audit::tree::{consistency, leaf};
use crate::audit::verify::{Bad, verify};
use crate::audit::witness::{Refused, Signed, Witness, question};
use crate::proof::SigningKey;

const BUNDLE: &str = "tile/entries/000";
const LAST: &str = "tile/entries/001.p/44";

/// A log of 300 records, closed.
async fn three_hundred(dir: &Path) -> (PathBuf, NamedKey) {
    let settings = settings(dir);
    let log = Log::open(&settings, &region()).unwrap();
    // One after the other, so that each has its number.
    for nth in 0..300 {
        log.append(&record(nth)).await.unwrap();
    }
    log.close().await;
    (settings.dir, log.key().clone())
}

/// Rewrites the records of a bundle.
fn rewrite(dir: &Path, file: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let bytes = fs::read(dir.join(file)).unwrap();
    let mut records: Vec<Vec<u8>> =
        tile::entries(&bytes).0.into_iter().map(|(_, entry)| entry.to_vec()).collect();
    change(&mut records);
    let mut out = Vec::new();
    records.iter().for_each(|record| assert!(put_entry(&mut out, record)));
    fs::write(dir.join(file), out).unwrap();
}

fn replaced(record: &[u8], of: &str, by: &str) -> Vec<u8> {
    String::from_utf8(record.to_vec()).unwrap().replacen(of, by, 1).into_bytes()
}

type Change = (&'static str, fn(&Path), Option<u64>, &'static str, &'static str);

const CHANGES: [Change; 13] = [
    (
        "a flipped byte",
        |dir| {
            rewrite(dir, BUNDLE, |all| all[100][30] ^= 1);
        },
        Some(100),
        BUNDLE,
        "its bytes were changed",
    ),
    (
        "a changed record",
        |dir| {
            rewrite(dir, BUNDLE, |all| all[7] = replaced(&all[7], "\"nth\":7", "\"nth\":8"));
        },
        Some(7),
        BUNDLE,
        "its bytes were changed",
    ),
    (
        "a removed record",
        |dir| {
            rewrite(dir, BUNDLE, |all| drop(all.remove(42)));
        },
        Some(42),
        BUNDLE,
        "it was removed",
    ),
    (
        "two that changed places",
        |dir| rewrite(dir, LAST, |all| all.swap(3, 4)),
        Some(259),
        LAST,
        "record 260 stands here",
    ),
    (
        "one that moved far",
        |dir| {
            rewrite(dir, BUNDLE, |all| {
                let moved = all.remove(10);
                all.insert(200, moved);
            });
        },
        Some(10),
        BUNDLE,
        "it was removed",
    ),
    (
        "an inserted record",
        |dir| {
            rewrite(dir, BUNDLE, |all| {
                let copy = replaced(&all[50], "\"nth\":50", "\"nth\":51");
                all.insert(50, copy);
            });
        },
        Some(50),
        BUNDLE,
        "another record was put in before it",
    ),
    (
        "a record behind the last",
        |dir| {
            rewrite(dir, LAST, |all| all.push(all[0].clone()));
        },
        Some(300),
        LAST,
        "it was put in",
    ),
    (
        "a truncated tail",
        |dir| {
            rewrite(dir, LAST, |all| all.truncate(40));
        },
        Some(296),
        LAST,
        "it is missing",
    ),
    (
        "a file that was cut off",
        |dir| {
            let bytes = fs::read(dir.join(LAST)).unwrap();
            fs::write(dir.join(LAST), &bytes[..bytes.len() - 5]).unwrap();
        },
        Some(299),
        LAST,
        "it is missing",
    ),
    (
        "a file that is gone",
        |dir| fs::remove_file(dir.join(BUNDLE)).unwrap(),
        Some(0),
        BUNDLE,
        "cannot be read",
    ),
    (
        "a changed hash",
        |dir| {
            let mut hashes = fs::read(dir.join("tile/0/000")).unwrap();
            hashes[32 * 9] ^= 1;
            fs::write(dir.join("tile/0/000"), hashes).unwrap();
        },
        Some(9),
        BUNDLE,
        "its hash in tile/0/000 was changed",
    ),
    (
        "a changed hash above",
        |dir| {
            let mut hashes = fs::read(dir.join("tile/1/000.p/1")).unwrap();
            hashes[3] ^= 1;
            fs::write(dir.join("tile/1/000.p/1"), hashes).unwrap();
        },
        None,
        "tile/1/000.p/1",
        "another hash of tile/0/000",
    ),
    (
        "a changed checkpoint",
        |dir| {
            let text = fs::read_to_string(dir.join("checkpoint")).unwrap();
            fs::write(dir.join("checkpoint"), text.replacen("\n300\n", "\n299\n", 1)).unwrap();
        },
        None,
        "checkpoint",
        "signature",
    ),
];

#[tokio::test]
async fn the_first_bad_record_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (log, key) = three_hundred(dir.path()).await;
    verify(&Folder::at(&log), &key, &[], &[]).expect("it is whole");
    for (name, change, index, file, what) in CHANGES {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&log, copy.path());
        change(copy.path());
        let bad = verify(&Folder::at(copy.path()), &key, &[], &[]).expect_err(name);
        assert_eq!((bad.index, bad.file.as_str()), (index, file), "{name}: {bad}");
        assert!(bad.what.contains(what), "{name}: {bad}");
        assert_eq!(bad.offset.is_some(), index.is_some() && name != "a file that is gone", "{name}: {bad}");
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_byte_flipped_anywhere_in_the_records_is_found_at_its_record() {
    let dir = tempfile::tempdir().unwrap();
    let (log, key) = three_hundred(dir.path()).await;
    let whole = fs::read(log.join(LAST)).unwrap();
    let places =
        tile::entries(&whole).0.into_iter().map(|(at, entry)| (at as usize, entry.len())).collect::<Vec<_>>();
    for at in (0..whole.len()).step_by(211) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(log.join(LAST), &bytes).unwrap();
        let bad: Bad = verify(&Folder::at(&log), &key, &[], &[]).expect_err("a flipped byte");
        let nth =
            places.iter().position(|(begin, length)| (*begin..begin + 2 + length).contains(&at)).unwrap();
        assert_eq!(bad.index, Some(256 + nth as u64), "byte {at}: {bad}");
    }
}

/// The journal as verification sees it before its records are in tiles.
#[tokio::test(start_paused = true)]
async fn what_is_changed_in_the_journal_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    for nth in 0..4 {
        log.append(&record(nth)).await.unwrap();
    }
    let (key, folder) = (log.key().clone(), Folder::at(&settings.dir));
    let size = checkpoint(&folder).unwrap().1.size;
    leave(log, &settings).await;
    let journal = settings.dir.join("journal");
    let whole = fs::read(&journal).unwrap();
    let at = memchr::memmem::find(&whole, b"\"nth\":1").unwrap();
    let mut changed = whole.clone();
    changed[at + 6] = b'9';
    fs::write(&journal, changed).unwrap();
    let bad = verify(&folder, &key, &[], &[]).unwrap_err();
    assert_eq!((bad.file.as_str(), bad.index), ("journal", Some(size.max(1))), "{bad}");
    assert!(Log::open(&settings, &region()).unwrap_err().to_string().contains("damaged"));
}

/// Whoever has the key can write everything anew; whoever kept a checkpoint finds it.
#[tokio::test]
async fn a_history_that_was_written_anew_is_found_by_who_kept_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    append_all(&log, 0..20).await;
    log.close().await;
    let (key, folder) = (log.key().clone(), Folder::at(&settings.dir));
    let saved = |name: &str| {
        let text = fs::read_to_string(settings.dir.join("checkpoint")).unwrap();
        let (note, checkpoint) = parse_checkpoint(name, &text).unwrap();
        Saved { name: name.to_owned(), note, checkpoint }
    };
    let (twenty, kept) = (saved("at-20"), tempfile::tempdir().unwrap());
    copy_all(&settings.dir, kept.path());
    append_all(&log, 20..30).await;
    log.close().await;
    let thirty = saved("at-30");
    leave(log, &settings).await;
    let both = [twenty.clone(), thirty.clone()];
    assert_eq!(verify(&folder, &key, &[], &both).unwrap().saved, ["at-20", "at-30"]);
    // Cut off: everything is as it was at 20.
    let cut_off = verify(&Folder::at(kept.path()), &key, &[], &both).unwrap_err();
    assert_eq!((cut_off.index, cut_off.file.as_str()), (Some(20), "at-30"));
    assert!(cut_off.what.contains("cut off"), "{cut_off}");
    // And then written on otherwise, by the gateway itself.
    let other =
        Log::open(&AuditSettings { dir: kept.path().to_owned(), ..settings.clone() }, &region()).unwrap();
    append_all(&other, 50..75).await;
    other.close().await;
    let anew = verify(&Folder::at(kept.path()), &key, &[], &both).unwrap_err();
    assert!(anew.file == "at-30" && anew.what.contains("written anew"), "{anew}");
    assert_eq!(verify(&Folder::at(kept.path()), &key, &[], &[twenty]).unwrap().checkpoint.size, 45);
}

/// Without the key, all hashes can be made to fit but for the signature.
#[tokio::test]
async fn a_tree_that_was_computed_anew_lacks_its_signature() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    append_all(&log, 0..3).await;
    log.close().await;
    let folder = Folder::at(&settings.dir);
    rewrite(&settings.dir, "tile/entries/000.p/3", |all| {
        all[1] = replaced(&all[1], "\"nth\":", "\"nth\":1");
        let (next, _) = (leaf(&all[1]), ());
        let (old, _) = entry::look(&all[2]).unwrap();
        all[2] = replaced(&all[2], &old.to_base64(), &next.to_base64());
    });
    let bytes = fs::read(settings.dir.join("tile/entries/000.p/3")).unwrap();
    let hashes: Vec<_> = tile::entries(&bytes).0.into_iter().map(|(_, entry)| leaf(entry)).collect();
    fs::write(settings.dir.join("tile/0/000.p/3"), tile::to_bytes(&hashes)).unwrap();
    let bad = verify(&folder, log.key(), &[], &[]).unwrap_err();
    assert!(bad.file == "checkpoint" && bad.what.contains("root that was signed"), "{bad}");
}

#[tokio::test]
async fn a_witness_signs_one_history_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let log = Log::open(&settings, &region()).unwrap();
    let ours =
        AuditSettings { witnessed: vec![log.key().clone()], ..AuditSettings::at(dir.path().join("witness")) };
    let witness = || Witness::new(&ours, "us/1", SigningKey::from_pem(PEM).unwrap());
    append_all(&log, 0..10).await;
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let (first, ten) = checkpoint(&folder).unwrap();
    let Signed { checkpoint: seen, signature, .. } =
        witness().sign(&question(0, &[], &first), 1_700_000_000).unwrap();
    assert_eq!(seen, ten);
    let mut cosigned = first.clone();
    cosigned.signatures.push(signature);
    let named = witness().named_key().unwrap();
    assert_eq!((named.kind, named.signed(&cosigned)), (Kind::Witness, Some(1_700_000_000)));
    append_all(&log, 10..25).await;
    log.close().await;
    let (second, _) = checkpoint(&folder).unwrap();
    let proof = consistency(&Reader::new(&folder, 25), 10, 25).unwrap();
    // Another witness over the same folder: what was signed is remembered on the disk.
    assert_eq!(witness().sign(&question(0, &[], &second), 1), Err(Refused::From(10)));
    assert_eq!(witness().sign(&question(10, &proof[1..], &second), 1), Err(Refused::Forked));
    assert!(witness().sign(&question(10, &proof, &second), 1).is_ok());
    // The same again is signed again, and nothing is written for it.
    let kept = fs::read_dir(ours.dir.join("witness")).unwrap().next().unwrap().unwrap().path();
    let written = fs::metadata(&kept).unwrap().ino();
    let again = witness().sign(&question(25, &[], &second), 1).unwrap();
    assert!(!again.is_new && fs::metadata(&kept).unwrap().ino() == written);
    assert_eq!(witness().sign(&question(26, &[], &second), 1), Err(Refused::NoQuestion), "more than it has");
    let own = SigningKey::from_pem(&fs::read_to_string(settings.dir.join("key.pem")).unwrap()).unwrap();
    let fork = Checkpoint { size: 25, root: leaf(b"other"), ..ten.clone() }.sign(&own).unwrap();
    assert_eq!(witness().sign(&question(25, &[], &fork), 1), Err(Refused::Forked));
    let stranger = Checkpoint { origin: "tutti/x/1".to_owned(), ..ten.clone() };
    let by = SigningKey::generate().unwrap();
    let unknown = Refused::UnknownLog("tutti/x/1".to_owned());
    assert_eq!(witness().sign(&question(0, &[], &stranger.sign(&by).unwrap()), 1), Err(unknown));
    assert_eq!(witness().sign(&question(10, &[], &ten.sign(&by).unwrap()), 1), Err(Refused::NotSigned));
    for text in ["", "old x\n\nnote", "old 1\n"] {
        assert_eq!(witness().sign(text, 1), Err(Refused::NoQuestion));
    }
}

const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
