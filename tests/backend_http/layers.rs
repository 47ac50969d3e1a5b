//! The layers around a real connection: what the failures of one region cost those who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use tutti::backend::settings::{BreakerSettings, KindSettings, LayerSettings, RegionSettings};
use tutti::backend::{BuildError, CircuitState, Region};
use tutti::model::{Jurisdiction, RegionName};
use tutti::task::{Group, Ledger};

use super::fake_region::*;
use super::*;

fn region(fake: &FakeRegion, layers: LayerSettings) -> Arc<Region> {
    let settings = RegionSettings {
        name: RegionName::parse("eu-central").unwrap(),
        jurisdiction: Jurisdiction::parse("EU").unwrap(),
        kind: KindSettings::Tempo(settings(&fake.url())),
        layers,
        replicas: Vec::new(),
        is_raw_egress: false,
    };
    Arc::new(Region::build(&settings).unwrap())
}

fn layers() -> LayerSettings {
    let breaker = BreakerSettings {
        failures_max: 2,
        pause: Duration::from_millis(100),
        pause_max: Duration::from_secs(1),
    };
    LayerSettings { deadline: Duration::from_millis(500), breaker, ..LayerSettings::default() }
}

async fn ask(region: &Region) -> Result<RegionTrace, Fault> {
    let deadline = Deadline::starting_now(PATIENCE);
    region.trace_by_id(TraceCall { query: query(), deadline }).await
}

/// P1: slow treated otherwise than down.
#[tokio::test]
async fn a_slow_region_and_a_dead_one_cost_the_same_and_no_more_than_their_deadline() {
    let mut faults = Vec::new();
    for reply in [black_hole(), dripping(&envelope(100), Duration::from_millis(50))] {
        let fake = FakeRegion::start(move |_| reply.clone()).await;
        let region = region(&fake, layers());
        let began = Instant::now();
        faults.push(ask(&region).await.unwrap_err());
        assert!(began.elapsed() >= Duration::from_millis(500));
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(fake.asked().len(), 1, "a timeout is not tried again");
    }
    assert_eq!(faults[0].status, RegionStatus::Timeout);
    assert_eq!(faults[0], faults[1]);
}

/// P5: a rejected question masked as an unavailable region.
#[tokio::test]
async fn a_region_that_rejects_the_question_is_neither_asked_again_nor_closed_off() {
    let fake = FakeRegion::start(|_| text(400, "invalid start")).await;
    let region = region(&fake, layers());
    for _ in 0..5 {
        let fault = ask(&region).await.unwrap_err();
        assert_eq!((fault.status, fault.http_status), (RegionStatus::Rejected, Some(400)));
    }
    assert_eq!(fake.asked().len(), 5);
    assert_eq!(region.circuit(), CircuitState::Closed);
}

/// P9: waiting for connections stacks up.
#[tokio::test]
async fn a_dead_region_costs_a_few_their_deadline_and_all_others_nothing() {
    let fake = FakeRegion::start(|_| black_hole()).await;
    let region = region(&fake, layers());
    for _ in 0..2 {
        assert_eq!(ask(&region).await.unwrap_err().status, RegionStatus::Timeout);
    }
    let began = Instant::now();
    for _ in 0..1000 {
        assert_eq!(ask(&region).await.unwrap_err().status, RegionStatus::CircuitOpen);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(fake.asked().len(), 2);
}

/// P9: connections are made off the request path.
#[tokio::test]
async fn the_first_question_finds_a_connection_open() {
    let fake = FakeRegion::start(|asked| match asked.path.as_str() {
        BUILD_INFO => text(200, r#"{"version":"2.8.0"}"#),
        _ => protobuf(&envelope(10)),
    })
    .await;
    let region = region(&fake, layers());
    let group = Group::new();
    let watched = region.clone();
    group.spawn(async move { watched.watch().await });
    eventually(|| region.info().version.is_some()).await;
    ask(&region).await.unwrap();
    assert_eq!((fake.paths(), fake.connections()), (vec![BUILD_INFO.to_owned(), V2.to_owned()], 1));
}

#[tokio::test]
async fn a_region_that_comes_back_is_asked_again_by_itself() {
    let ill = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = ill.clone();
    let fake = FakeRegion::start(move |asked| match asked.path.as_str() {
        _ if state.load(Ordering::SeqCst) => text(503, "starting"),
        BUILD_INFO => text(200, r#"{"version":"2.8.0"}"#),
        _ => protobuf(&envelope(10)),
    })
    .await;
    let region = region(&fake, layers());
    let group = Group::new();
    let watched = region.clone();
    group.spawn(async move { watched.watch().await });
    eventually(|| matches!(region.circuit(), CircuitState::Open { .. })).await;
    assert_eq!(ask(&region).await.unwrap_err().status, RegionStatus::CircuitOpen);
    ill.store(false, Ordering::SeqCst);
    eventually(|| matches!(region.circuit(), CircuitState::HalfOpen { .. })).await;
    ask(&region).await.unwrap();
    assert_eq!(region.circuit(), CircuitState::Closed);
}

#[tokio::test]
async fn a_connection_that_breaks_at_once_is_tried_once_more() {
    let count = Arc::new(AtomicUsize::new(0));
    let fake = FakeRegion::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => hang_up(),
        _ => protobuf(&envelope(10)),
    })
    .await;
    let region = region(&fake, layers());
    assert_eq!(ask(&region).await.unwrap().attempts, 2);
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_region_that_asks_for_less_is_not_asked_more() {
    let fake = FakeRegion::start(|_| text(429, "slow down")).await;
    let region = region(&fake, layers());
    let fault = ask(&region).await.unwrap_err();
    assert_eq!((fault.status, fault.attempts, fake.asked().len()), (RegionStatus::Overloaded, 1, 1));
}

/// A place whose connections are never taken: its line of those that want one is full.
async fn full_line() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        held.push(stream);
        assert!(held.len() < 64, "a line of one is full soon");
    }
    (listener, held)
}

#[tokio::test]
async fn the_deadline_of_a_region_holds_for_connecting_too() {
    let (listener, _held) = full_line().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Longer than the region is given, so that it is not what ends the wait.
    let settings = TempoSettings { connect_timeout: Duration::from_secs(60), ..settings(&url) };
    let backend = Arc::new(TempoBackend::new(&settings, CAP).unwrap());
    let deadline = Duration::from_millis(400);
    let name = RegionName::parse("eu-central").unwrap();
    let jurisdiction = Jurisdiction::parse("EU").unwrap();
    let region = Region::new(name, jurisdiction, backend, LayerSettings { deadline, ..layers() });
    let began = Instant::now();
    let fault = ask(&region).await.unwrap_err();
    assert_eq!(fault.status, RegionStatus::Timeout, "as of one that is slow: {fault:?}");
    assert!(
        began.elapsed() >= deadline && began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_region_that_says_how_long_it_wants_to_rest_is_left_alone_so_long() {
    for code in [429, 503] {
        let fake = FakeRegion::start(move |_| resting(code, 1)).await;
        let region = region(&fake, layers());
        let fault = ask(&region).await.unwrap_err();
        assert_eq!((fault.status, fault.http_status), (RegionStatus::Overloaded, Some(code)));
        let fault = ask(&region).await.unwrap_err();
        assert_eq!((fault.status, fault.attempts, fake.asked().len()), (RegionStatus::Overloaded, 0, 1));
        tokio::time::sleep(Duration::from_millis(1100)).await;
        ask(&region).await.unwrap_err();
        assert_eq!(fake.asked().len(), 2);
    }
}

#[tokio::test]
async fn what_regions_send_stays_within_the_ledger() {
    let fake = FakeRegion::start(|_| protobuf(&envelope(300 << 10))).await;
    let ledger = Ledger::new(1 << 20);
    let backend = TempoBackend::new(&settings(&fake.url()), CAP).unwrap().within(ledger.clone());
    let answers = futures::future::join_all((0..12).map(|_| super::ask(&backend))).await;
    let held = answers.iter().filter(|answer| answer.is_ok()).count();
    let left_out: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    // Three fit, and stay in the ledger for as long as somebody has them.
    assert_eq!((held, left_out.len()), (3, 9));
    assert!(left_out.iter().all(|fault| fault.status == RegionStatus::Limited && fault.is_blameless));
    let numbers = ledger.numbers();
    assert!(numbers.peak <= 1 << 20 && numbers.held >= 3 * (300 << 10), "{numbers:?}");
    drop(answers);
    assert_eq!(ledger.numbers().held, 0);
    assert!(super::ask(&backend).await.is_ok());
}

#[tokio::test]
async fn an_embedded_region_is_not_built_from_a_url() {
    let settings = RegionSettings {
        name: RegionName::parse("eu-central").unwrap(),
        jurisdiction: Jurisdiction::parse("EU").unwrap(),
        kind: KindSettings::Memory(Default::default()),
        layers: layers(),
        replicas: Vec::new(),
        is_raw_egress: false,
    };
    assert_eq!(Region::build(&settings).unwrap_err(), BuildError::Embedded);
}

/// Waits for what another task brings about.
async fn eventually(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
