//! A disk that is full, and one that does not answer: nobody waits long, nobody is told what is not so, and all is well
//! again once the disk is.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::audit::AppendError;
use crate::audit::disk::{Disk, Folder};
use crate::audit::read::Reader;
use crate::audit::verify::verify;

/// A disk that can be taken away.
struct Weak {
    folder: Folder,
    is_full: AtomicBool,
    /// Appends that it takes until it is full.
    appends_left: AtomicU64,
    /// While it is shut, a write does not come back.
    gate: (Mutex<bool>, Condvar),
}

impl fmt::Debug for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weak")
    }
}

impl Weak {
    fn check(&self) -> io::Result<()> {
        let mut is_shut = self.gate.0.lock().unwrap();
        while *is_shut {
            is_shut = self.gate.1.wait(is_shut).unwrap();
        }
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn shut(&self, is_shut: bool) {
        *self.gate.0.lock().unwrap() = is_shut;
        self.gate.1.notify_all();
    }
}

impl Disk for Weak {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.folder.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.folder.write(name, bytes)
    }

    /// A disk that is full takes a part.
    fn append(&self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let left = self.appends_left.load(Ordering::SeqCst);
        let full = || Err(io::ErrorKind::StorageFull.into());
        let checked = self.check().and_then(|()| if left == 0 { full() } else { Ok(()) });
        self.appends_left.store(left.saturating_sub(u64::from(checked.is_ok())), Ordering::SeqCst);
        if checked.is_err() {
            self.folder.append(name, at, &bytes[..bytes.len() / 2])?;
        }
        checked?;
        self.folder.append(name, at, bytes)
    }

    fn truncate(&self, name: &str, to: u64) -> io::Result<()> {
        self.check()?;
        self.folder.truncate(name, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }
}

fn weak(settings: &AuditSettings) -> (Log, Arc<Weak>) {
    let mut kept = None;
    let log = Log::open_on(settings, &region(), |folder| {
        let gate = (Mutex::new(false), Condvar::new());
        let weak =
            Arc::new(Weak { folder, is_full: AtomicBool::new(false), appends_left: u64::MAX.into(), gate });
        kept = Some(weak.clone());
        weak
    });
    (log.unwrap(), kept.unwrap())
}

/// Waits, some seconds at most, for a log to be written again.
async fn is_well(log: &Log) {
    for _ in 0..1000 {
        if !log.is_failing() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is never written again: {:?}", log.state());
}

#[tokio::test]
async fn a_full_disk_is_said_at_once_and_nothing_is_lost_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let (log, disk) = weak(&settings);
    append_all(&log, 0..5).await;
    disk.is_full.store(true, Ordering::SeqCst);
    assert_eq!(log.append(&record(5)).await, Err(AppendError::NotWritten));
    assert!(log.is_failing() && log.state().failing.is_some());
    assert_eq!(log.append(&record(6)).await, Err(AppendError::NotWritten));
    assert_eq!(log.state().unrecorded, 2);
    disk.is_full.store(false, Ordering::SeqCst);
    is_well(&log).await;
    let receipt = log.append(&record(7)).await.unwrap();
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let said: Vec<serde_json::Value> = (0..size)
        .map(|index| serde_json::from_slice(&reader.record(index).unwrap().unwrap().bytes).unwrap())
        .collect();
    let nth: Vec<_> = said.iter().filter_map(|value| value["details"]["nth"].as_u64()).collect();
    assert_eq!(nth, [0, 1, 2, 3, 4, 7], "what was refused is not there, and what was acknowledged is");
    assert_eq!(said[receipt.index as usize]["details"]["nth"], 7);
    let gap = said.iter().find(|value| value["event"] == "log.resumed").expect("the gap is said");
    assert_eq!(gap["details"]["unrecorded"], 2);
}

/// It can be written, and before anything says for how long it could not, it cannot again.
#[tokio::test]
async fn the_length_of_a_gap_outlives_a_second_failure() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let (log, disk) = weak(&settings);
    append_all(&log, 0..3).await;
    disk.appends_left.store(0, Ordering::SeqCst);
    assert_eq!(log.append(&record(3)).await, Err(AppendError::NotWritten));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    disk.appends_left.store(1, Ordering::SeqCst);
    for _ in 0..1000 {
        if disk.appends_left.load(Ordering::SeqCst) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(log.is_failing(), "the record of the gap was not written");
    assert_eq!(log.append(&record(4)).await, Err(AppendError::NotWritten));
    disk.appends_left.store(u64::MAX, Ordering::SeqCst);
    is_well(&log).await;
    log.append(&record(5)).await.unwrap();
    log.close().await;
    let folder = Folder::at(&settings.dir);
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let said = (0..size).map(|index| reader.record(index).unwrap().unwrap());
    let said: Vec<serde_json::Value> =
        said.map(|record| serde_json::from_slice(&record.bytes).unwrap()).collect();
    let of = |event: &str| said.iter().filter(|value| value["event"] == event).collect::<Vec<_>>();
    assert_eq!((of("log.tried").len(), of("log.resumed").len()), (2, 1));
    // The first lasted more than a second, and the second more than a half; each was tried again after a second.
    let gap = &of("log.resumed")[0]["details"];
    assert_eq!(gap["unrecorded"], 2);
    assert!(gap["seconds"].as_u64().unwrap() >= 2, "{gap}");
}

/// On the clock of the machine: the disk is waited for by a thread, which no paused clock moves.
#[tokio::test]
async fn a_disk_that_does_not_answer_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let settings = AuditSettings { wait_max: Duration::from_millis(50), ..settings(dir.path()) };
    let (log, disk) = weak(&settings);
    log.append(&record(0)).await.unwrap();
    disk.shut(true);
    assert_eq!(log.append(&record(1)).await, Err(AppendError::Late));
    assert!(log.is_failing());
    let begun = tokio::time::Instant::now();
    assert_eq!(log.append(&record(2)).await, Err(AppendError::NotWritten));
    assert!(begun.elapsed() < Duration::from_millis(50), "who comes later does not wait at all");
    disk.shut(false);
    is_well(&log).await;
    log.append(&record(3)).await.unwrap();
    log.close().await;
    verify(&Folder::at(&settings.dir), log.key(), &[], &[]).unwrap();
}
