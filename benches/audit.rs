//! How many records a second the audit log takes, on one thread that makes, hashes and waits for all of them, beside the
//! one that writes: group commit over a real folder, each record acknowledged once it is on the disk.
//!
//! `cargo bench --bench audit`. `TMPDIR` says on which disk. Writes by the clock of the machine, and by the processor's
//! time of the process, which other work on the machine distorts less.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made has nothing to say")]

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;
use tutti::audit::json::Json;
use tutti::audit::{AuditSettings, Event, Log, Record};
use tutti::model::{Caller, Proven, RegionName};

/// Questions that wait for their record at one time.
const WAITING: u64 = 512;

/// How long it goes on.
const TIME: Duration = Duration::from_secs(5);

/// The processor's time of all threads of this process.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// A record as a search over three regions leaves it.
fn record(nth: u64) -> Record {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let caller = Caller {
        subject: "alice@example.com".to_owned(),
        roles: set(&["oncall", "engineer"]),
        groups: set(&["payments"]),
        purpose: Some("incident".to_owned()),
        ..Caller::anonymous()
    };
    let region = |name: &str| {
        let treated = [
            ("class", Json::text("pii.email")),
            ("treatment", Json::text("masked")),
            ("count", Json::Whole(17)),
        ];
        Json::map([
            ("name", Json::text(name)),
            ("jurisdiction", Json::text("EU")),
            ("status", Json::text("ok")),
            ("spans", Json::Whole(120)),
            ("bytes", Json::Whole(48_000)),
            ("treated", Json::List(vec![Json::map(treated)])),
        ])
    };
    let asked = [
        ("route", Json::text("/api/search")),
        ("transport", Json::text("http")),
        ("mode", Json::text("best_effort")),
        ("query", Json::text("{ (.user.email = `t:abcdefghijklmnop`) && (status = error) }")),
        ("limit", Json::Whole(nth % 100)),
    ];
    let plan = [("digest", Json::text("0123456789abcdef")), ("policies", Json::text("fedcba9876543210"))];
    let answer =
        [("status", Json::text("200")), ("outcome", Json::text("complete")), ("took_us", Json::Whole(nth))];
    Record {
        who: Some((caller, Proven::default())),
        source: Some("192.0.2.0/24".to_owned()),
        asked: Json::map(asked),
        plan: Json::map(plan),
        regions: ["us-east", "us-west", "eu-central"].map(region).to_vec(),
        answer: Json::map(answer),
        ..Record::of(Event::QUERY)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let settings = AuditSettings::at(dir.path().join("audit"));
    let log = Log::open(&settings, &RegionName::parse("us-east").unwrap()).unwrap();
    let (mut waiting, mut waits) = (FuturesUnordered::new(), Vec::new());
    let one = |nth: u64| {
        let log = log.clone();
        async move {
            let begun = Instant::now();
            log.append(&record(nth)).await.unwrap();
            begun.elapsed()
        }
    };
    let (begun, busy) = (Instant::now(), processor());
    (0..WAITING).for_each(|nth| waiting.push(one(nth)));
    while let Some(took) = waiting.next().await {
        waits.push(took);
        if begun.elapsed() < TIME {
            waiting.push(one(waits.len() as u64));
        }
    }
    let (took, busy) = (begun.elapsed(), processor() - busy);
    log.close().await;
    waits.sort_unstable();
    let count = waits.len() as f64;
    let at = |share: f64| waits.get((count * share) as usize).copied().unwrap_or_default();
    println!(
        "{count} records of {} B in {took:.2?}: {:.0} a second by the clock",
        log.state().bytes as f64 / count,
        count / took.as_secs_f64()
    );
    println!(
        "{busy:.2?} of one processor: {:.0} a second of it, {:.1} µs each",
        count / busy.as_secs_f64(),
        busy.as_secs_f64() * 1e6 / count
    );
    println!("waited for: half {:.2?}, 99 of 100 {:.2?}", at(0.5), at(0.99));
}
