//! How long records are kept: now and then, those that are older are taken away, after a record that says so is under a
//! checkpoint.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::audit::disk::Folder;
use crate::audit::{Log, keep};
use crate::task::clock::wall_nanos;
use crate::task::{self, Group};

/// How often it is looked what is too old. What is kept is kept for days.
const EVERY: Duration = Duration::from_hours(1);

/// Looks until the group ends.
pub(super) fn start(log: &Log, dir: &Path, kept_for: Duration, tasks: &Group) {
    let keeping = Keeping { log: log.clone(), folder: Arc::new(Folder::at(dir)), kept_for };
    tasks.spawn(async move { keeping.run().await });
}

struct Keeping {
    log: Log,
    folder: Arc<Folder>,
    kept_for: Duration,
}

impl Keeping {
    async fn run(&self) {
        let mut from = 0;
        loop {
            // Without an end where each step finds something, and so without a pause.
            while let Some(next) = self.step(from).await.filter(|next| *next > from) {
                from = next;
            }
            sleep(EVERY).await;
        }
    }

    /// Up to where records are gone now; none where nothing could be done.
    async fn step(&self, from: u64) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(wall_nanos());
        let (than, size) = (now.checked_sub(self.kept_for)?, self.log.state().published.size);
        let before = self.with_folder(move |folder| keep::old(folder, from, size, than)).await?;
        let before = before.map_err(|why| {
            tracing::warn!(%why, "records that are too old are kept: the audit log cannot be read");
        });
        let before = before.ok().filter(|before| *before > from)?;
        // Those that are gone already, as after a restart, need no record of it.
        let is_there = move |folder: &Folder| keep::is_any_there(folder, from, before);
        if !self.with_folder(is_there).await? {
            return Some(before);
        }
        let receipt = self.log.append(&keep::record(before)).await.ok()?;
        self.log.published().wait_for(|published| published.size > receipt.index).await.ok()?;
        match self.with_folder(move |folder| keep::take_away(folder, from, before)).await? {
            Ok(bytes) => {
                self.log.is_lighter(bytes);
                tracing::info!(before, bytes, "records are no longer kept");
                Some(before)
            }
            Err(why) => {
                tracing::warn!(%why, before, "records that are too old could not be taken away");
                None
            }
        }
    }

    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> T + Send + 'static,
    ) -> Option<T> {
        let folder = self.folder.clone();
        task::blocking(move || work(&folder)).await.ok()
    }
}
