//! Two gateways and a memory between them: a real Redis where there is one on this machine, and servers that are
//! anything but. Whatever that memory does, answers are those of the regions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may fail by panicking, and so may what it is made of; this one takes real time"
)]

#[allow(dead_code, reason = "each test uses its part")]
#[path = "support/estate.rs"]
mod estate;
#[path = "support/fakes.rs"]
mod fakes;
#[path = "support/spans.rs"]
mod spans;

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tutti::api::InForce;
use tutti::backend::{Backend, Distance, Simulated};
use tutti::cache::{HotSettings, Shared, SharedSettings};
use tutti::federation::{Federation, FederationSettings};
use tutti::policy::Plan;
use tutti::redaction::Vault;
use tutti::redaction::ring::RootKey;

use crate::estate::{Answered, Estate, Setup};
use crate::fakes::{Counted, holding};
use crate::spans::{CLIENT, ID, MS, SERVER, at, batch, span, text, trace};

/// Long before any clock that this runs by.
const THEN: u64 = 1_700_000_000_000_000_000;
const SECRET: &str = "jane@example.com";

/// A Redis of its own, gone with the test.
struct Redis {
    child: Child,
    port: u16,
    password: Option<String>,
    _dir: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Redis {
    /// None where there is no Redis and no Valkey on this machine, which is said.
    fn start() -> Option<Self> {
        Self::start_with(&[], None)
    }

    fn start_with(more: &[&str], password: Option<&str>) -> Option<Self> {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let program = ["redis-server", "valkey-server"].into_iter().find(|program| {
            let tried = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        });
        let Some(program) = program else {
            eprintln!("SKIPPED: neither redis-server nor valkey-server is on this machine");
            return None;
        };
        let child = Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .args(more)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { child, port, password: password.map(str::to_owned), _dir: dir };
        let begun = Instant::now();
        while redis::Client::open(redis.url()).unwrap().get_connection().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{program} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(redis)
    }

    fn url(&self) -> String {
        let who = self.password.as_ref().map_or(String::new(), |password| format!(":{password}@"));
        format!("redis://{who}127.0.0.1:{}", self.port)
    }

    /// As whoever runs it sees it.
    fn look(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn all(&self) -> Vec<(String, Vec<u8>)> {
        let mut look = self.look();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut look).unwrap();
        keys.into_iter()
            .map(|key| {
                let value: Vec<u8> = redis::cmd("GET").arg(&key).query(&mut look).unwrap();
                (key, value)
            })
            .collect()
    }

    fn traces(&self) -> Vec<(String, Vec<u8>)> {
        self.all().into_iter().filter(|(key, _)| key.contains(":t:")).collect()
    }

    fn set(&self, key: &str, value: &[u8]) {
        redis::cmd("SET").arg(key).arg(value).exec(&mut self.look()).unwrap();
    }
}

fn settings(port: u16) -> SharedSettings {
    let root: Vec<u8> = (0..32).collect();
    SharedSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        user: None,
        password: None,
        db: 0,
        prefix: "tutti".to_owned(),
        // For a machine that is busy with other tests.
        deadline: Duration::from_millis(500),
        bytes_max: 1 << 20,
        connections_max: 4,
        vault: Arc::new(Vault::new(RootKey::of_bytes(&root).unwrap())),
        estate: "one".to_owned(),
    }
}

/// A gateway before three regions, which count what they are asked.
struct Gateway {
    estate: Estate,
    regions: Vec<Arc<Counted>>,
}

fn exports() -> [Bytes; 3] {
    [("shop", 1, None), ("stock", 2, Some(1)), ("billing", 3, Some(2))].map(|(service, first, parent)| {
        let spans = (0..20).map(|nth| {
            let kind = if parent.is_some() { SERVER } else { CLIENT };
            let mut span =
                at(span(first + nth * 1_000_000, parent, kind), THEN + first * MS, THEN + (50 + nth) * MS);
            span.attributes.push(text("user.email", SECRET));
            span
        });
        trace(vec![batch(service, spans.collect())])
    })
}

impl Gateway {
    fn new(shared: Option<SharedSettings>, plan: Plan) -> Self {
        let region = |export| {
            let simulated = Simulated::new(holding(export), Distance::default(), 0);
            Counted::new(Arc::new(simulated))
        };
        let regions: Vec<Arc<Counted>> = exports().iter().map(region).collect();
        let named = ["us-east", "us-west", "eu-central"];
        let backends =
            named.into_iter().zip(regions.iter().cloned().map(|region| region as Arc<dyn Backend>));
        let federation = FederationSettings { hot: HotSettings::GATEWAY, ..FederationSettings::default() };
        let estate = Setup { federation, plan, ..Setup::default() }.over(backends.collect());
        let counts = estate.state.metrics.cache().clone();
        let shared = shared.map(|settings| Shared::start(settings, counts).unwrap());
        let federation: Federation = (*estate.state.federation()).clone().with_shared(shared);
        estate.state.swap(InForce::of(federation));
        Self { estate, regions }
    }

    fn beside(redis: &Redis) -> Self {
        Self::new(Some(settings(redis.port)), Plan::allow_all())
    }

    async fn look(&self, query: &str) -> Answered {
        let answer = self.estate.get(&format!("/api/v2/traces/{ID}{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "complete"), "{}", answer.text());
        answer
    }

    fn asked(&self) -> usize {
        self.regions.iter().map(|region| region.questions()).sum()
    }

    async fn shared(&self, operation: &str, outcome: &str) -> f64 {
        let labels = format!("{{operation=\"{operation}\",outcome=\"{outcome}\"}}");
        self.estate.metric(&format!("tutti_cache_shared_requests_total{labels}")).await
    }

    /// Looks for a trace that nobody has looked for yet until it has been connected, so that what follows is asked.
    async fn connected(&self) {
        let begun = Instant::now();
        for nth in 1.. {
            self.estate.get(&format!("/api/v2/traces/{nth:032x}")).await;
            if self.shared("get", "miss").await > 0.0 {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "never connected");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Looks, and waits until what was found is written.
    async fn look_and_share(&self, query: &str) -> Answered {
        self.connected().await;
        let before = self.shared("put", "done").await;
        let answer = self.look(query).await;
        let begun = Instant::now();
        while self.shared("put", "done").await <= before {
            assert!(begun.elapsed() < Duration::from_secs(20), "never written");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answer
    }

    /// Waits until it has looked so many more times what others had forgotten.
    async fn heeded(&self, more: f64) {
        let (begun, before) = (Instant::now(), self.shared("heed", "done").await);
        while self.shared("heed", "done").await < before + more {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not look");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn forget(&self, id: Option<&str>) -> tutti::federation::Forgotten {
        let id = id.map(|id| tutti::model::TraceId::parse(id).unwrap());
        self.estate.state.federation().forget(id).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_gateway_found_another_answers_with_byte_by_byte() {
    let Some(redis) = Redis::start() else { return };
    let one = Gateway::beside(&redis);
    let first = one.look_and_share("").await;
    let other = Gateway::beside(&redis);
    other.connected().await;
    let before = other.asked();
    let second = other.look("").await;
    assert_eq!((second.header("tutti-cache"), &second.body), ("hit", &first.body));
    assert_eq!(second.header("tutti-regions"), first.header("tutti-regions"));
    let paths = [
        (format!("/api/v2/traces/{ID}"), "application/protobuf"),
        (format!("/api/traces/{ID}"), "application/protobuf"),
        (format!("/api/traces/{ID}"), "application/json"),
        (format!("/api/v2/traces/{ID}"), "application/vnd.grafana.llm"),
        (format!("/api/v2/traces/{ID}?q=%7Bresource.service.name%3D%22stock%22%7D"), "application/json"),
        (format!("/api/v2/traces/{ID}?q=%7Bkind%3Dserver%7D&keep_hierarchy=true"), "application/protobuf"),
    ];
    for (path, accept) in paths {
        let [a, b] = [
            one.estate.ask(&path, &[("accept", accept)]).await,
            other.estate.ask(&path, &[("accept", accept)]).await,
        ];
        assert_eq!((a.status, a.body), (b.status, b.body), "{path} {accept}");
    }
    assert_eq!(other.asked(), before, "no region was asked for any of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_runs_the_memory_reads_nothing_in_it() {
    let Some(redis) = Redis::start() else { return };
    let one = Gateway::beside(&redis);
    assert!(one.look_and_share("").await.text().contains(SECRET));
    let lies = redis.all();
    assert!(lies.iter().any(|(key, _)| key.contains(":t:")));
    let is_in = |part: &[u8], all: &[u8]| all.windows(part.len()).any(|window| window == part);
    for (key, value) in &lies {
        for word in [SECRET, ID, "shop", "eu-central", "user.email", "a trace of tutti"] {
            assert!(
                !is_in(word.as_bytes(), key.as_bytes()) && !is_in(word.as_bytes(), value),
                "{word} in {key}"
            );
        }
    }
    let mut look = redis.look();
    for (key, _) in redis.traces() {
        let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut look).unwrap();
        assert!(left > 0 && left <= 600_000, "it goes by itself: {left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_cut_moved_or_of_another_form_is_not_there() {
    let Some(redis) = Redis::start() else { return };
    let one = Gateway::beside(&redis);
    let good = one.look_and_share("").await;
    let of_one: Vec<String> = redis.traces().into_iter().map(|(key, _)| key).collect();
    one.look_and_share("?start=1").await;
    let lies = redis.traces();
    assert_eq!((of_one.len(), lies.len()), (1, 2));
    let (key, value) = lies.iter().find(|(key, _)| *key == of_one[0]).unwrap();
    let (_, moved) = lies.iter().find(|(key, _)| *key != of_one[0]).unwrap();
    let (mut flipped, mut other_form) = (value.clone(), value.clone());
    *flipped.last_mut().unwrap() ^= 1;
    other_form[0] += 1;
    let cut = &value[..value.len() / 2];
    for (nth, forged) in
        [&flipped, &other_form, cut, moved, b"", b"garbage", &vec![0; 100_000]].iter().enumerate()
    {
        redis.set(key, forged);
        let other = Gateway::beside(&redis);
        other.connected().await;
        // Until it is written anew, so that this is not the next one's.
        let answer = other.look_and_share("").await;
        assert_eq!((answer.header("tutti-cache"), &answer.body), ("miss", &good.body), "{nth}");
        assert_eq!(other.shared("get", "unopened").await, 1.0, "{nth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_another_key_and_another_configuration_share_nothing() {
    let Some(redis) = Redis::start() else { return };
    Gateway::beside(&redis).look_and_share("").await;
    let stricter = || {
        let rules = tutti::policy::KeyRules::new([("user.email".to_owned(), tutti::policy::Treatment::Drop)]);
        let region = tutti::model::RegionName::parse("us-east").unwrap();
        Plan::new([(region, tutti::policy::RegionPlan::Keys(rules))].into())
    };
    let vault = Arc::new(Vault::new(RootKey::of_bytes(&(1..33).collect::<Vec<u8>>()).unwrap()));
    let same = settings(redis.port);
    let others = [
        (same.clone(), stricter()),
        (SharedSettings { vault, ..same.clone() }, Plan::allow_all()),
        (SharedSettings { estate: "two".to_owned(), ..same.clone() }, Plan::allow_all()),
        (SharedSettings { prefix: "other".to_owned(), ..same }, Plan::allow_all()),
    ];
    for (nth, (settings, plan)) in others.into_iter().enumerate() {
        let other = Gateway::new(Some(settings), plan);
        other.connected().await;
        assert_eq!(other.look("").await.header("tutti-cache"), "miss", "{nth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_forgotten_for_all_and_cannot_be_put_back() {
    let Some(redis) = Redis::start() else { return };
    for id in [Some(ID), None] {
        let one = Gateway::beside(&redis);
        one.connected().await;
        one.look("").await;
        let begun = Instant::now();
        while redis.traces().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let lies = redis.traces();
        assert_eq!(one.forget(id).await, tutti::federation::Forgotten::HereAndShared);
        for (key, value) in &lies {
            redis.set(key, value);
        }
        let other = Gateway::beside(&redis);
        other.connected().await;
        assert_eq!(other.look("").await.header("tutti-cache"), "miss");
        redis::cmd("FLUSHALL").exec(&mut redis.look()).unwrap();
        // Stamps that are gone are made anew, and what was sealed under those before is not believed.
        for (key, value) in &lies {
            redis.set(key, value);
        }
        let third = Gateway::beside(&redis);
        third.connected().await;
        assert_eq!(third.look("").await.header("tutti-cache"), "miss");
        redis::cmd("FLUSHALL").exec(&mut redis.look()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_that_dies_costs_no_answer_and_is_left_alone() {
    let Some(mut redis) = Redis::start() else { return };
    let one = Gateway::beside(&redis);
    let good = one.look_and_share("").await;
    redis.child.kill().unwrap();
    redis.child.wait().unwrap();
    for nth in 1..12 {
        let begun = Instant::now();
        assert_eq!(one.look(&format!("?start={nth}")).await.body, good.body);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    assert_eq!(one.forget(None).await, tutti::federation::Forgotten::HereAlone);
    assert_eq!(one.look("").await.header("tutti-cache"), "miss");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_gateway_has_forgotten_another_forgets_in_its_own_memory() {
    let Some(redis) = Redis::start() else { return };
    let (one, other) = (Gateway::beside(&redis), Gateway::beside(&redis));
    one.connected().await;
    other.connected().await;
    other.heeded(1.0).await;
    for id in [Some(ID), None] {
        other.look("").await;
        assert_eq!(other.look("").await.header("tutti-cache"), "hit");
        let before = other.asked();
        assert_eq!(one.forget(id).await, tutti::federation::Forgotten::HereAndShared);
        let begun = Instant::now();
        while other.look("").await.header("tutti-cache") == "hit" {
            assert!(begun.elapsed() < Duration::from_secs(20), "it still shows what was forgotten: {id:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(other.asked() > before, "the regions say what is there now");
    }
    // Of another trace nothing is forgotten with it, but by one chance in 256: this one has another stamp.
    one.forget(Some("00000000000000000000000000000001")).await;
    other.heeded(3.0).await;
    let before = other.asked();
    assert_eq!((other.look("").await.header("tutti-cache"), other.asked()), ("hit", before));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_memory_could_not_be_told_nothing_is_believed_that_a_wrong_clock_may_have_sealed_before() {
    let Some(redis) = Redis::start_with(&["--rename-command", "MSET", ""], None) else { return };
    let (one, other) = (Gateway::beside(&redis), Gateway::beside(&redis));
    other.connected().await;
    assert_eq!(other.forget(None).await, tutti::federation::Forgotten::HereAlone);
    // After that by this clock; by another it may have been before.
    one.look_and_share("").await;
    let before = other.asked();
    assert_eq!(other.look("").await.header("tutti-cache"), "miss");
    assert!(other.asked() > before);
}

/// What a server does that is no memory.
#[derive(Debug, Clone, Copy)]
enum Mad {
    BlackHole,
    Drips,
    Garbage,
    Page,
    Oversize,
    Endless,
    Nested,
    WrongKind,
    Refuses,
    HangsUp,
}

async fn mad(how: Mad) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            tokio::spawn(async move {
                let mut into = vec![0; 64 << 10];
                while stream.read(&mut into).await.is_ok_and(|read| read > 0) {
                    if rave(how, &mut stream).await.is_none() {
                        return;
                    }
                }
            });
        }
    });
    port
}

async fn rave(how: Mad, stream: &mut tokio::net::TcpStream) -> Option<()> {
    let stamp = b"*2\r\n$16\r\n0123456789abcdef\r\n".to_vec();
    match how {
        Mad::BlackHole => {}
        Mad::Drips => loop {
            stream.write_all(b"*").await.ok()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        },
        Mad::Garbage => stream.write_all(&[0xff; 512]).await.ok()?,
        Mad::Page => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>").await.ok()?,
        Mad::Oversize => {
            stream.write_all(&[&stamp[..], b"$1073741824\r\n"].concat()).await.ok()?;
            loop {
                stream.write_all(&[0; 64 << 10]).await.ok()?;
            }
        }
        Mad::Endless => loop {
            stream.write_all(b"+OK\r\n").await.ok()?;
        },
        Mad::Nested => stream.write_all(&b"*1\r\n".repeat(1000)).await.ok()?,
        Mad::WrongKind => stream.write_all(b":42\r\n").await.ok()?,
        Mad::Refuses => stream.write_all(b"-NOAUTH Authentication required.\r\n").await.ok()?,
        Mad::HangsUp => return None,
    }
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_memory_does_answers_are_those_of_the_regions_and_in_time() {
    let alone = Gateway::new(None, Plan::allow_all());
    let good = alone.look("").await;
    let all = [
        Mad::BlackHole,
        Mad::Drips,
        Mad::Garbage,
        Mad::Page,
        Mad::Oversize,
        Mad::Endless,
        Mad::Nested,
        Mad::WrongKind,
        Mad::Refuses,
        Mad::HangsUp,
    ];
    for how in all {
        let deadline = Duration::from_millis(50);
        let settings = SharedSettings { deadline, ..settings(mad(how).await) };
        let one = Gateway::new(Some(settings), Plan::allow_all());
        // Time to connect, so that it has its chance to do harm.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        for nth in 1..=20 {
            let answer = one.look(&format!("?start={nth}")).await;
            assert_eq!((answer.header("tutti-cache"), &answer.body), ("miss", &good.body), "{how:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(one.asked(), 60, "{how:?}");
        let got = one.shared("get", "late").await + one.shared("get", "failed").await;
        let spared = one.shared("get", "paused").await + one.shared("get", "unconnected").await;
        assert!(got + spared == 20.0, "{how:?}: {got} tried, {spared} spared");
        // Whether others had something forgotten is looked at beside them, and may find out first what it is.
        let tried = got + one.shared("heed", "late").await + one.shared("heed", "failed").await;
        assert!(tried >= 1.0, "{how:?}");
        // Three that failed and a trial or two, as long as this takes: the others did not wait.
        assert!(tried <= 5.0 || begun.elapsed() > Duration::from_secs(3), "{how:?}: {tried} tried");
        assert_eq!(one.shared("put", "done").await, 0.0, "{how:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_nobody_waits() {
    let one = Gateway::new(Some(settings(free_port())), Plan::allow_all());
    for nth in 1..=5 {
        assert_eq!(one.look(&format!("?start={nth}")).await.header("tutti-cache"), "miss");
    }
    let spared = one.shared("get", "unconnected").await + one.shared("get", "paused").await;
    assert_eq!(spared, 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_ask_for_a_password_have_several_databases_and_speak_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (cert, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let (tls, cert_path, key_path) = (port.to_string(), cert.to_str().unwrap(), key.to_str().unwrap());
    let more = [
        ["--requirepass", "open sesame"],
        ["--tls-port", &tls],
        ["--tls-cert-file", cert_path],
        ["--tls-key-file", key_path],
        ["--tls-auth-clients", "no"],
        ["--tls-ca-cert-file", cert_path],
    ];
    let Some(redis) = Redis::start_with(&more.concat(), Some("open%20sesame")) else { return };
    let secure = SharedSettings {
        host: "localhost".to_owned(),
        tls: Some(tutti::cache::shared::SharedTls { ca_pem: Some(made.cert.pem().into_bytes()) }),
        password: Some("open sesame".to_owned().into()),
        db: 3,
        ..settings(port)
    };
    let plain =
        SharedSettings { host: "127.0.0.1".to_owned(), port: redis.port, tls: None, ..secure.clone() };
    let good = Gateway::new(Some(secure.clone()), Plan::allow_all()).look_and_share("").await;
    assert!(redis.traces().is_empty(), "another database");
    let other = Gateway::new(Some(plain.clone()), Plan::allow_all());
    other.connected().await;
    let answer = other.look("").await;
    assert_eq!((answer.header("tutti-cache"), &answer.body), ("hit", &good.body));
    let strangers = [
        SharedSettings { password: Some("open".to_owned().into()), ..plain.clone() },
        SharedSettings { password: None, ..plain },
        SharedSettings { tls: Some(Default::default()), ..secure },
    ];
    for settings in strangers {
        let stranger = Gateway::new(Some(settings), Plan::allow_all());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(stranger.look("").await.header("tutti-cache"), "miss");
    }
}
