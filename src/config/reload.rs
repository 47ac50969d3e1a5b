//! Tells when a configuration is no longer what was loaded. Loads nothing itself: whoever listens
//! loads, checks and swaps, and says what to follow from then on.
//!
//! The operating system's notices only say when to look; what counts is whether the contents differ. So
//! editors that replace files, ConfigMaps that swap symlinks and unrelated files in the folder need no
//! rule of their own, and where no notices come (network file systems, exhausted watches) the regular
//! look suffices.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::world::Sources;
use crate::task::{Group, blocking};

/// Without a notice the sources are read this often: a few small files.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// An editor or `kubectl` writes several files in a row; this long nothing must happen.
const QUIET: Duration = Duration::from_millis(250);
/// Something that never falls quiet is looked at nevertheless.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(2);

/// Changes of a configuration's sources, coalesced: at most one waits to be taken.
#[derive(Debug)]
pub struct Watch {
    ticks: mpsc::Receiver<()>,
    followed: watch::Sender<Sources>,
}

impl Watch {
    /// Follows the sources of a loaded configuration until the group ends or this is dropped.
    pub fn start(sources: Sources, group: &Group) -> Self {
        let (tick, ticks) = mpsc::channel(1);
        let (followed, follow) = watch::channel(sources);
        group.spawn(async move { Follower::new(follow, tick).run().await });
        Self { ticks, followed }
    }

    /// Waits until the sources differ from what was last loaded or noticed. `None` when the group has
    /// ended. Nothing is lost when this future is dropped.
    pub async fn changed(&mut self) -> Option<()> {
        self.ticks.recv().await
    }

    /// From now on, follows what the last load has read, be it a good one or a refused one.
    pub fn follow(&self, sources: Sources) {
        self.followed.send_replace(sources);
    }
}

/// The task behind a `Watch`.
struct Follower {
    follow: watch::Receiver<Sources>,
    tick: mpsc::Sender<()>,
    /// As last loaded or noticed.
    seen: Sources,
    notices: mpsc::Receiver<()>,
    /// None where the system gives no notices.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
}

impl Follower {
    fn new(follow: watch::Receiver<Sources>, tick: mpsc::Sender<()>) -> Self {
        // One waiting notice says as much as a hundred.
        let (notice, notices) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_of_interest(event.kind)) {
                // Full means that a notice waits already.
                let _ = notice.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "no notices of changed files; looking every 10s"))
            .ok();
        let seen = follow.borrow().clone();
        Self { follow, tick, seen, notices, watcher, folders: BTreeSet::new() }
    }

    async fn run(mut self) {
        self.watch_folders();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                Some(()) = self.notices.recv() => self.fall_quiet().await,
                followed = self.follow.changed() => {
                    if followed.is_err() {
                        return;
                    }
                    self.seen = self.follow.borrow_and_update().clone();
                    self.watch_folders();
                }
                () = self.tick.closed() => return,
            }
            self.look().await;
        }
    }

    /// Waits until nothing has happened for a while.
    async fn fall_quiet(&mut self) {
        let until = Instant::now() + QUIET_WAIT_MAX;
        while Instant::now() < until {
            match tokio::time::timeout(QUIET, self.notices.recv()).await {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Compares contents, and says so when they differ.
    async fn look(&mut self) {
        let seen = self.seen.clone();
        let Ok(now) = blocking(move || seen.looked_at_again()).await else { return };
        if now != self.seen {
            self.seen = now;
            // A folder that was replaced has lost its watch.
            self.watch_folders();
            // Full means that a change waits already, and it will be loaded as it is then.
            let _ = self.tick.try_send(());
        }
    }

    /// Folders and not files: a file that is replaced takes its watch with it.
    fn watch_folders(&mut self) {
        let wanted = folders_of(&self.seen);
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.folders.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        for folder in &wanted {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "no notices of this folder; looking every 10s");
            }
        }
        self.folders = wanted;
    }
}

/// Reading is no change; without this, our own look would call for the next one.
fn is_of_interest(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Each source's folder, and each source that is one.
fn folders_of(sources: &Sources) -> BTreeSet<PathBuf> {
    let parent = |file: &Path| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders: BTreeSet<PathBuf> = sources.files().map(parent).collect();
    folders.extend(sources.folders().map(Path::to_owned));
    folders.retain(|folder| folder.is_dir());
    folders
}
