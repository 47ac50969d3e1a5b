//! The log as a whole: written, lost, found again, tampered with.

mod failing;
mod kept;
mod tampered;
mod written;

use std::path::Path;
use std::time::Duration;

use super::json::Json;
use super::record::{Event, Record};
use super::settings::AuditSettings;
use super::{Log, Receipt};
use crate::model::RegionName;

fn region() -> RegionName {
    RegionName::parse("eu-central").unwrap()
}

fn settings(dir: &Path) -> AuditSettings {
    // A disk that others keep busy is not what is tested.
    AuditSettings { wait_max: Duration::from_mins(1), ..AuditSettings::at(dir.join("audit")) }
}

/// A record that is told from others.
fn record(nth: u64) -> Record {
    Record { details: Json::map([("nth", Json::Whole(nth))]), ..Record::of(Event::QUERY) }
}

async fn append_all(log: &Log, numbers: std::ops::Range<u64>) -> Vec<Receipt> {
    let appended = numbers.map(|nth| {
        let log = log.clone();
        async move { log.append(&record(nth)).await.unwrap() }
    });
    futures::future::join_all(appended).await
}

/// Lets go of a log, and waits until it has written what it was writing.
async fn leave(log: Log, settings: &AuditSettings) {
    drop(log);
    for _ in 0..1000 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let folder = super::disk::Folder::at(&settings.dir);
        if folder.lock("lock").is_ok() {
            return;
        }
    }
    panic!("its writer never ends");
}
