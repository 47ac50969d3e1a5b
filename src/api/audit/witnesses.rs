//! The own log before its witnesses: a task for each, which puts the last checkpoint to it now and then (C2SP
//! tlog-witness), keeps what it signed, and says where it is silent or has seen another history. No answer waits for
//! any of it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::audit::Log;
use crate::audit::cosigned::{Asked, Cosigned, CosignedError};
use crate::audit::note::NamedKey;
use crate::backend::BuildError;
use crate::backend::post::{PostTo, Posted, Poster};
use crate::task::{self, Group};
use crate::telemetry::metrics::WitnessNumbers;

/// How often a witness is asked where nothing else is said. Each time it signs something new, both logs grow by one
/// record of that at most.
pub const EVERY: Duration = Duration::from_secs(60);

/// A witness that cannot be reached is asked again after pauses that double up to this, or to the usual one.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long one question may take, with its connection.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Questions of one attempt: what is known of the witness, and what it says that it knows, once more in case that it
/// signs for somebody else meanwhile.
const QUESTIONS_MAX: usize = 3;

/// Bytes of an answer: a signature has a hundred.
const ANSWER_BYTES_MAX: u64 = 16 << 10;

/// A witness of the own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    /// What it is called in logs and metrics.
    pub name: String,
    pub key: NamedKey,
    /// Its submission prefix.
    pub at: PostTo,
}

/// How a witness is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not asked yet.
    New,
    /// It signed the last checkpoint that it was asked to sign.
    Well,
    /// It does not answer.
    Silent,
    /// It answers with this status, and signs nothing.
    Refusing(u16),
    /// What it answers is no signature by its key.
    Unsigned,
    /// It saw, or says that it saw, records that are not those of this log.
    OtherHistory,
    /// Nothing can be put to it, since the own folder cannot be read or written.
    Unread,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Well => "well",
            Self::Silent => "silent",
            Self::Refusing(_) => "refusing",
            Self::Unsigned => "unsigned",
            Self::OtherHistory => "other_history",
            Self::Unread => "unread",
        }
    }

    /// What an operator should do about it.
    fn remedy(self) -> &'static str {
        match self {
            Self::New | Self::Well => "nothing",
            Self::Silent => "see whether it runs and can be reached; it is asked again",
            Self::Refusing(403 | 404) => "name this log's `log.vkey` in `witnessed` of [audit] there",
            Self::Refusing(_) => "see its own log; it is asked again",
            Self::Unsigned => "see whether `key` is its `witness.vkey`",
            Self::OtherHistory => {
                "the log was put back or written anew, or the witness lies: keep both folders and run `tutti audit verify`"
            }
            Self::Unread => "see the folder of the log",
        }
    }
}

/// What is known of a witness.
#[derive(Debug, Clone, Copy)]
struct Known {
    standing: Standing,
    /// Records of the checkpoint that it signed last.
    size: u64,
    /// When that one was asked for; until then, when asking began.
    at: Instant,
}

/// A witness, and how it is.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    log: Log,
    cosigned: Arc<Cosigned>,
    poster: Poster,
    every: Duration,
    known: Mutex<Known>,
}

/// Begins to ask, for as long as the group lives. Reads the folder of the log and the certificates of the system.
pub(super) async fn start(
    log: &Log,
    dir: &Path,
    witnesses: &[WitnessSettings],
    every: Duration,
    tasks: &Group,
) -> Result<Vec<Arc<Watched>>, BuildError> {
    let mut started = Vec::with_capacity(witnesses.len());
    for of in witnesses {
        let to = of.at.clone();
        let built = task::blocking(move || Poster::new(&to)).await;
        let poster = built.map_err(|lost| BuildError::Client(lost.to_string()))??;
        let cosigned = Arc::new(Cosigned::new(dir, log.key().clone(), of.key.clone()));
        let known = Mutex::new(Known { standing: Standing::New, size: 0, at: Instant::now() });
        let watched = Watched { name: of.name.clone(), log: log.clone(), cosigned, poster, every, known };
        let watched = Arc::new(watched);
        let asking = watched.clone();
        tasks.spawn(async move { asking.run().await });
        started.push(watched);
    }
    Ok(started)
}

impl Watched {
    async fn run(&self) {
        let mut published = self.log.published();
        let kept = self.with_folder(|cosigned| {
            let kept = cosigned.last();
            let is_ours = kept.as_ref().is_none_or(|kept| cosigned.is_ours(kept).unwrap_or(true));
            (kept.map_or(0, |kept| kept.size), is_ours)
        });
        let (mut from, is_ours) = kept.await.unwrap_or((0, true));
        self.update(|known| known.size = from);
        if !is_ours {
            self.fares(Standing::OtherHistory);
        }
        let mut pause = self.every;
        // A log without a record says nothing.
        if published.wait_for(|published| published.size > 0).await.is_err() {
            return;
        }
        loop {
            let begun = Instant::now();
            let standing = match self.ask(&mut from).await {
                Ok(()) => {
                    self.update(|known| (known.size, known.at) = (from, begun));
                    Standing::Well
                }
                Err(standing) => standing,
            };
            self.fares(standing);
            let is_well = standing == Standing::Well;
            pause = if is_well { self.every } else { (pause * 2).min(PAUSE_MAX.max(self.every)) };
            sleep(pause).await;
            // A log that does not grow needs no new signature.
            if is_well && published.wait_for(|published| published.size > from).await.is_err() {
                return;
            }
        }
    }

    /// Has the last checkpoint signed. `from` is what the witness signed last, as far as is known.
    async fn ask(&self, from: &mut u64) -> Result<(), Standing> {
        for _ in 0..QUESTIONS_MAX {
            let old = *from;
            let asked = self.with_folder(move |cosigned| cosigned.question(old)).await;
            let asked = asked.ok_or(Standing::Unread)?.map_err(|why| {
                tracing::warn!(witness = %self.name, %why, "no checkpoint can be put to a witness");
                Standing::Unread
            })?;
            if old > asked.checkpoint.size {
                return Err(Standing::OtherHistory);
            }
            let posting = self.poster.post("/add-checkpoint", asked.text.clone(), ANSWER_BYTES_MAX);
            let Ok(Ok(Posted { status, text })) = timeout(ATTEMPT_MAX, posting).await else {
                return Err(Standing::Silent);
            };
            match status {
                200 => return self.keep(asked, text, from).await,
                // It knows another size; where that is the one it was asked from, its records are others.
                409 => match size_of(&text) {
                    Some(size) if size != old && size <= asked.checkpoint.size => *from = size,
                    _ => return Err(Standing::OtherHistory),
                },
                422 => return Err(Standing::OtherHistory),
                status => return Err(Standing::Refusing(status)),
            }
        }
        Err(Standing::Refusing(409))
    }

    async fn keep(&self, asked: Asked, text: String, from: &mut u64) -> Result<(), Standing> {
        let size = asked.checkpoint.size;
        match self.with_folder(move |cosigned| cosigned.keep(&asked, &text)).await {
            Some(Ok(_)) => {
                *from = size;
                Ok(())
            }
            Some(Err(CosignedError::NotSigned)) => Err(Standing::Unsigned),
            Some(Err(why)) => {
                tracing::warn!(witness = %self.name, %why, "what a witness signed is not kept");
                Err(Standing::Unread)
            }
            None => Err(Standing::Unread),
        }
    }

    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cosigned) -> T + Send + 'static,
    ) -> Option<T> {
        let cosigned = self.cosigned.clone();
        task::blocking(move || work(&cosigned)).await.ok()
    }

    fn update(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Says once what has changed.
    fn fares(&self, standing: Standing) {
        let before = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut known.standing, standing)
        };
        if before == standing {
            return;
        }
        let (witness, remedy) = (&self.name, standing.remedy());
        let status = if let Standing::Refusing(status) = standing { Some(status) } else { None };
        match standing {
            Standing::New => {}
            Standing::Well => tracing::info!(%witness, "a witness signs the audit log"),
            Standing::OtherHistory => {
                tracing::error!(%witness, %remedy, "a witness has seen another history of the audit log");
            }
            _ => {
                let state = standing.as_str();
                tracing::warn!(%witness, state, status, %remedy, "a witness does not sign the audit log");
            }
        }
    }

    pub fn numbers(&self) -> WitnessNumbers {
        let Known { standing, size, at } = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let has_all = size >= self.log.state().published.size && standing == Standing::Well;
        let lag = if has_all { Duration::ZERO } else { at.elapsed() };
        WitnessNumbers {
            name: self.name.clone(),
            standing: standing.as_str(),
            is_alarm: standing == Standing::OtherHistory,
            size,
            lag,
        }
    }
}

/// What the protocol calls a size: a number on a line, in one spelling.
fn size_of(text: &str) -> Option<u64> {
    let line = text.strip_suffix('\n')?;
    let size: u64 = line.parse().ok()?;
    (size.to_string() == line).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::size_of;

    #[test]
    fn a_size_is_a_number_on_a_line_of_its_own() {
        assert_eq!([size_of("0\n"), size_of("4711\n")], [Some(0), Some(4711)]);
        for other in ["", "7", "07\n", "+7\n", "7\n7\n", "-1\n", "18446744073709551616\n", " 7\n"] {
            assert_eq!(size_of(other), None, "{other:?}");
        }
    }
}
