//! Load for minutes while regions fail in every way: no wrong answer, no needless error, flat memory, nothing left over.
//!
//! `cargo bench --bench soak` starts the gateway (`tutti serve`) as a child over four regions on loopback, whose faults
//! switch under a load at a fixed rate: lookups by id in all forms, searches, values of tags, in all modes, from clients
//! of whom some leave and some read slowly, while the policy changes and traces grow. The same faults come in three
//! rounds, so that memory of the last can be held against that of the one before. Each answer is held against what the
//! regions hold and when they were not well. What is found stands on a line each, and then the run ends in failure.
//!
//! `TUTTI_SOAK_SECONDS=180`, `TUTTI_SOAK_PER_SECOND=60`, `TUTTI_SOAK_SEED=1`, `TUTTI_SOAK_RELOAD_MS=2700` (between two
//! policies; each change empties the memory of traces, so seldom ones try that memory more). Linux only, since it reads
//! `/proc`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a load tool may stop at the first surprise, and measures real time"
)]

#[path = "soak/asking.rs"]
mod asking;
#[allow(dead_code, reason = "only its answers are of use here")]
#[path = "../tests/support/estate.rs"]
mod estate;
#[path = "soak/judge.rs"]
mod judge;
#[path = "support/process.rs"]
mod process;
#[path = "soak/region.rs"]
mod region;
#[path = "../tests/support/seen.rs"]
mod seen;
#[path = "support/serving.rs"]
mod serving;
mod support;
#[path = "soak/tally.rs"]
mod tally;
#[path = "soak/world.rs"]
mod world;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use judge::{Kind, Outcome, Timeline};
use process::Gateway;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use region::Fault;
use serving::{PROTOBUF, is_bench, number};
use tally::Tally;
use tokio::time::sleep;
use world::{REGIONS, SECRET, World};

/// As the gateway is told.
const COMPLETE: Duration = Duration::from_secs(4);
const REGION_DEADLINE: Duration = Duration::from_secs(2);
const YOUNG_FOR: Duration = Duration::from_secs(1);
const MEMORY_MAX_KB: u64 = 384 << 10;
const IDLE_MAX: f64 = 16.0;

/// Each fault comes once in each of them.
const ROUNDS: usize = 3;
/// So many times the usual rate.
const BURST: usize = 4;

/// What happens to the regions for a while.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Nothing,
    One(Fault),
    /// One is dead and back, many times.
    Flapping,
    Two,
    All,
    /// Each something else, many times.
    Anything,
    /// One is slow, and many ask.
    Burst,
}

const PHASES: [(&str, Trouble); 15] = [
    ("all well", Trouble::Nothing),
    ("one slow", Trouble::One(Fault::Slow)),
    ("one refuses", Trouble::One(Fault::Dead)),
    ("one black-holed", Trouble::One(Fault::BlackHole)),
    ("one dripping", Trouble::One(Fault::Dripping)),
    ("one cut in mid-body", Trouble::One(Fault::Cut)),
    ("one with 5xx", Trouble::One(Fault::ServerError)),
    ("one with 429", Trouble::One(Fault::Throttled)),
    ("one with garbage", Trouble::One(Fault::Garbage)),
    ("one says PARTIAL", Trouble::One(Fault::SaysPartial)),
    ("one flapping", Trouble::Flapping),
    ("one refuses, one black-holed", Trouble::Two),
    ("all refuse", Trouble::All),
    ("all of it at once", Trouble::Anything),
    ("one slow, load fourfold", Trouble::Burst),
];

/// One soak, shared by everything that goes on in it.
struct Run {
    world: World,
    timeline: Timeline,
    gateway: Gateway,
    tally: Tally,
    phase: AtomicUsize,
    /// Times the usual rate.
    pace: AtomicUsize,
    end: Instant,
}

fn main() -> ExitCode {
    if !is_bench() {
        return ExitCode::SUCCESS;
    }
    let seconds = number("TUTTI_SOAK_SECONDS", 180, 7_200).max(45);
    let rate = number("TUTTI_SOAK_PER_SECOND", 60, 2_000).max(1);
    let seed = number("TUTTI_SOAK_SEED", 1, u64::MAX);
    println!("{seconds} s of {rate} requests a second over {REGIONS} regions, seed {seed}");
    let is_good = serving::runtime().block_on(soak(seconds, rate, seed));
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn soak(seconds: u64, rate: u64, seed: u64) -> bool {
    let world = World::start().await;
    let tally = Tally::new(PHASES.map(|(name, _)| name));
    let heard = tally.clone();
    let gateway = Gateway::start(&configured(&world), Some(&policy(false)), move |line| {
        if line.contains("panicked") || line.contains("ERROR") {
            heard.find(format!("the log says: {line}"));
        }
    });
    let end = Instant::now() + Duration::from_secs(seconds);
    let (phase, pace) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let run = Arc::new(Run { world, timeline: Timeline::default(), gateway, tally, phase, pace, end });
    let before = tally::figures(run.gateway.address).await;
    let each = Duration::from_secs(seconds) / (ROUNDS * PHASES.len()) as u32;
    tokio::join!(
        trouble(&run, each, StdRng::seed_from_u64(seed)),
        asking::ask_all(&run, rate, StdRng::seed_from_u64(seed + 1)),
        change_policies(&run),
        grow(&run, StdRng::seed_from_u64(seed + 2)),
        watch_memory(&run),
        watch_lag(&run),
    );
    calm(&run).await;
    let after = tally::figures(run.gateway.address).await;
    left_over(&run, &before, &after);
    run.tally.report(run.gateway.memory_kb().peak, MEMORY_MAX_KB)
}

fn configured(world: &World) -> String {
    let mut text = format!(
        "[gateway]\nregion = \"region-0\"\npolicies = \"policies\"\npacks = []\n\
         [deadlines]\ncomplete = \"{}s\"\nreserve = \"200ms\"\nfast = \"150ms\"\nfast_max = \"300ms\"\n\
         [limits]\nmemory_max = \"{MEMORY_MAX_KB}KiB\"\nrequests_concurrent_max = 96\n\
         [cache]\nbytes_max = \"8MiB\"\nyoung_for = \"{}s\"\nold_for = \"30s\"\n\
         [locality]\nkept_for = \"30s\"\n",
        COMPLETE.as_secs(),
        YOUNG_FOR.as_secs()
    );
    for region in &world.regions {
        write!(
            text,
            "[[region]]\nname = \"{}\"\njurisdiction = \"EU\"\nkind = \"tempo\"\nurl = \"http://{}\"\n\
             deadline = \"{}s\"\nstreaming = \"never\"\nidle_connections_max = {IDLE_MAX}\nprobe_interval = \"1s\"\n\
             breaker = {{ failures_max = 5, pause = \"250ms\", pause_max = \"1s\" }}\n",
            region.name,
            region.address,
            REGION_DEADLINE.as_secs()
        )
        .unwrap();
    }
    text
}

fn policy(hides: bool) -> String {
    let key = if hides { SECRET } else { "soak.nothing" };
    format!("[[rule]]\nregions = \"*\"\nkeys = [\"{key}\"]\ntreatment = \"mask\"\n")
}

/// Every trouble in turn, each time for another region, and the same in each round.
async fn trouble(run: &Run, each: Duration, mut rng: StdRng) {
    for turn in 0..ROUNDS * PHASES.len() {
        let phase = turn % PHASES.len();
        run.phase.store(phase, Ordering::Relaxed);
        let until = (run.end - each * (ROUNDS * PHASES.len() - turn - 1) as u32).min(run.end);
        let trouble = PHASES[phase].1;
        let regions = &run.world.regions;
        let one = &regions[phase % REGIONS];
        match trouble {
            Trouble::Nothing => {}
            Trouble::One(fault) => one.fail(fault),
            Trouble::Two => {
                one.fail(Fault::Dead);
                regions[(phase + 1) % REGIONS].fail(Fault::BlackHole);
            }
            Trouble::All => regions.iter().for_each(|region| region.fail(Fault::Dead)),
            Trouble::Burst => {
                one.fail(Fault::Slow);
                run.pace.store(BURST, Ordering::Relaxed);
            }
            Trouble::Flapping | Trouble::Anything => {}
        }
        let pause = if matches!(trouble, Trouble::Flapping) { 150 } else { 500 };
        for turn in 0u64.. {
            match trouble {
                Trouble::Flapping if turn % 2 == 0 => one.fail(Fault::Dead),
                Trouble::Flapping => one.fail(Fault::None),
                Trouble::Anything => {
                    let any = |rng: &mut StdRng| Fault::ALL[rng.random_range(0..Fault::ALL.len())];
                    regions.iter().for_each(|region| region.fail(any(&mut rng)));
                }
                _ => {}
            }
            sleep(Duration::from_millis(pause).min(until.saturating_duration_since(Instant::now()))).await;
            if Instant::now() >= until {
                break;
            }
        }
        run.pace.store(1, Ordering::Relaxed);
        regions.iter().for_each(|region| region.fail(Fault::None));
    }
}

/// Hides a key and shows it again, and waits each time until the gateway says that it has it.
async fn change_policies(run: &Run) {
    let client = asking::asker();
    let pause = Duration::from_millis(number("TUTTI_SOAK_RELOAD_MS", 2_700, 600_000).max(100));
    for turn in 0u64.. {
        sleep(pause).await;
        if Instant::now() >= run.end {
            return;
        }
        let hides = turn % 2 == 0;
        let begin = Instant::now();
        run.timeline.policies.lock().unwrap().push((begin, begin + Duration::from_hours(1), hides));
        run.gateway.rewrite("policies/keys.toml", &policy(hides));
        let reload = client.post(format!("http://{}/-/reload", run.gateway.address)).send().await;
        run.timeline.policies.lock().unwrap().last_mut().unwrap().1 = Instant::now();
        match reload {
            Ok(answer) if answer.status() == 200 => run.tally.reloaded(),
            Ok(answer) => run.tally.find(format!("a reload is answered {}", answer.status())),
            Err(error) => run.tally.find(format!("a reload is not answered: {error}")),
        }
    }
}

async fn grow(run: &Run, mut rng: StdRng) {
    while Instant::now() < run.end {
        sleep(Duration::from_millis(1_000)).await;
        run.world.grow(&mut rng);
    }
}

async fn watch_memory(run: &Run) {
    let begin = Instant::now();
    let third = (run.end - begin) / ROUNDS as u32;
    while Instant::now() < run.end {
        let round = begin.elapsed().as_nanos() / third.as_nanos();
        run.tally.held((round as usize).min(ROUNDS - 1), run.gateway.memory_kb().resident);
        sleep(Duration::from_millis(250)).await;
    }
}

/// What is late here may be late in a region, too, since they are in this process.
async fn watch_lag(run: &Run) {
    while Instant::now() < run.end + COMPLETE {
        let before = Instant::now();
        sleep(Duration::from_millis(20)).await;
        run.timeline.lagged(before, Instant::now());
    }
}

/// Once nothing is wrong any more, nothing is: every trace is whole, for everyone who takes no less.
async fn calm(run: &Arc<Run>) {
    sleep(judge::FELT_FOR).await;
    let client = asking::asker();
    for trace in 0..run.world.traces.len() {
        let plan =
            asking::Plan { kind: Kind::V2Protobuf, mode: "strict", trace: Some(trace), group: 0, unknown: 0 };
        match asking::ask(run, &client, &plan, Instant::now()).await {
            Ok((Outcome::Whole, _)) => {}
            Ok((outcome, _)) => run.tally.find(format!("in the calm after: {outcome:?}")),
            Err(finding) => run.tally.find(format!("in the calm after: {finding}")),
        }
    }
    // Idle connections of that client are closed with it, and of requests nothing is left but what is leaked.
    drop(client);
    sleep(Duration::from_secs(1)).await;
}

fn left_over(run: &Run, before: &tally::Figures, after: &tally::Figures) {
    for name in [
        "tutti_requests_in_flight",
        "tutti_requests_waiting",
        "tutti_places_taken",
        "tutti_region_requests_in_flight",
        "tutti_region_waiting",
    ] {
        let left = after.sum(name);
        if left != 0.0 {
            run.tally.find(format!("{left} of {name} are left over"));
        }
    }
    // The one that asked for this, and those that are kept to the regions.
    let (begun, ended) = (before.sum("process_open_fds"), after.sum("process_open_fds"));
    if ended > begun + IDLE_MAX * REGIONS as f64 {
        run.tally.find(format!("{ended} files are open, {begun} before"));
    }
    let shed = after.sum("tutti_requests_shed_total");
    let seen = run.tally.count_of(Outcome::Shed) as f64;
    if seen > shed {
        run.tally.find(format!("{seen} were turned away, and {shed} are counted"));
    }
    println!(
        "\nLeft over: 0 requests, {ended} open files ({begun} before), {} threads ({} before), {:.0} MiB held.",
        after.sum("process_threads"),
        before.sum("process_threads"),
        after.sum("tutti_held_bytes") / 1_048_576.0
    );
}
