//! `tutti demo --send`: the demo's shop over regions that are somewhere else. It writes, and serves nothing.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::DemoArgs;
use super::vulture::{Sender, VultureError};
use crate::app::until_told;
use crate::demo::Estate;

/// How often the trace worth showing is sent again, so that it is among the young ones.
const HERO_EVERY: Duration = Duration::from_secs(60);

/// How often it is said how many exports were taken.
const SAID_EVERY: Duration = Duration::from_secs(60);

pub(super) fn run(args: &DemoArgs, estate: &Estate) -> ExitCode {
    super::block_on(send(args, estate))
}

async fn send(args: &DemoArgs, estate: &Estate) -> Result<(), VultureError> {
    let sender = Sender::new(&args.send, HeaderMap::new())?;
    let told = until_told()?;
    tokio::select! {
        done = shop(args, estate, &sender) => done,
        // At once, and not when a region that hangs has taken what is on its way.
        () = told => Ok(()),
    }
}

async fn shop(args: &DemoArgs, estate: &Estate, sender: &Sender) -> Result<(), VultureError> {
    let mut pace = interval(Duration::from_secs(1) / args.rate.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut hero_sent, mut said) = (None::<Instant>, Instant::now());
    let (mut taken, mut failed) = (0u64, 0u64);
    tracing::info!(hero = %estate.hero(), "the shop is open");
    for number in 0u64.. {
        pace.tick().await;
        let mut exports = estate.written(number);
        if hero_sent.is_none_or(|at| at.elapsed() >= HERO_EVERY) {
            exports.extend(estate.hero_written());
            hero_sent = Some(Instant::now());
        }
        // A region that nobody named gets nothing: that its spans are missing may be what is to be seen.
        exports.retain(|(region, _)| args.send.iter().any(|target| target.region == *region));
        for (region, export) in exports {
            match sender.send(&region, export).await {
                Ok(()) => taken += 1,
                Err(why) => {
                    failed += 1;
                    tracing::warn!(%region, why, "spans were not taken");
                }
            }
        }
        if said.elapsed() >= SAID_EVERY {
            tracing::info!(taken, failed, "exports so far");
            said = Instant::now();
        }
    }
    Ok(())
}
