//! The load: what is asked, at a fixed rate whether or not earlier questions are answered, and by whom. Most clients
//! wait, some leave, some read slowly. Knows nothing of what is true.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::time::{sleep, sleep_until, timeout};

use crate::estate::Answered;
use crate::judge::{Asked, Judge, Kind, Outcome};
use crate::world::{GROUPS, World, group_name};
use crate::{PROTOBUF, Run};

/// Requests under way at one time, at most: an open loop that is never caught up with must still end.
const UNDER_WAY_MAX: u32 = 2_000;
/// What a client waits for an answer: longer than any is allowed to take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A slow reader takes so much at a time, and then waits.
const SIP: usize = 32 << 10;
const SIP_PAUSE: Duration = Duration::from_millis(25);

/// What is to be asked.
#[derive(Debug, Clone)]
pub struct Plan {
    pub kind: Kind,
    pub mode: &'static str,
    pub trace: Option<usize>,
    pub group: usize,
    pub unknown: u64,
}

enum Reader {
    Waits,
    Leaves(Duration),
    Slow,
}

impl Plan {
    fn any(world: &World, rng: &mut StdRng) -> Self {
        let kind = match rng.random_range(0..20) {
            0 => Kind::Search,
            1 => Kind::Structural,
            2 => Kind::Values,
            3..=7 => Kind::V1Json,
            8..=11 => Kind::V1Protobuf,
            12..=15 => Kind::V2Json,
            _ => Kind::V2Protobuf,
        };
        let mode = ["best_effort", "best_effort", "strict", "fast"][rng.random_range(0..4)];
        let by_id = !matches!(kind, Kind::Search | Kind::Structural | Kind::Values);
        let trace = by_id.then(|| world.any(rng)).flatten();
        Self { kind, mode, trace, group: rng.random_range(0..GROUPS), unknown: rng.random_range(0..50) }
    }

    fn path(&self, world: &World) -> String {
        let id = self.trace.map_or_else(|| World::unknown(self.unknown), |trace| world.traces[trace].id);
        let (begin, end) = world.window;
        let group = group_name(self.group);
        let search = |query: String| {
            let query = query.replace(' ', "%20").replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
            format!("/api/search?q={}&limit=100&start={begin}&end={end}", query.replace('>', "%3E"))
        };
        match self.kind {
            Kind::V1Json | Kind::V1Protobuf => format!("/api/traces/{id}"),
            Kind::V2Json | Kind::V2Protobuf => format!("/api/v2/traces/{id}"),
            Kind::Search => search(format!("{{ span.soak.group = \"{group}\" }}")),
            Kind::Structural => {
                search(format!("{{ span.soak.group = \"{group}\" }} > {{ span.soak.kin = \"{group}\" }}"))
            }
            Kind::Values => format!("/api/v2/search/tag/span.soak.group/values?start={begin}&end={end}"),
        }
    }

    fn accepts(&self) -> &'static str {
        let is_packed = matches!(self.kind, Kind::V1Protobuf | Kind::V2Protobuf);
        if is_packed { PROTOBUF } else { "application/json" }
    }
}

/// Keeps no connection so long that the gateway may be closing it just as it is used again: it gives one up that has
/// been idle for 10 s, and who loses that race has to ask again, as Go's clients do and this one does not.
pub fn asker() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().no_gzip().tls_certs_only([]);
    client.pool_idle_timeout(Duration::from_secs(5)).build().unwrap()
}

/// At a fixed rate until the end, and then until each has its answer.
pub async fn ask_all(run: &Arc<Run>, rate: u64, mut rng: StdRng) {
    let client = asker();
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX as usize));
    let mut due = Instant::now();
    while due < run.end {
        sleep_until(due.into()).await;
        let permit = places.clone().acquire_owned().await.unwrap();
        let plan = Plan::any(&run.world, &mut rng);
        let reader = match rng.random_range(0..50) {
            0..3 => Reader::Leaves(Duration::from_millis(rng.random_range(0..300))),
            3 => Reader::Slow,
            _ => Reader::Waits,
        };
        let (asker, client) = (run.clone(), client.clone());
        tokio::spawn(async move {
            one(&asker, &client, &plan, reader, due).await;
            drop(permit);
        });
        due += Duration::from_secs(1) / (rate as u32 * run.pace.load(Ordering::Relaxed) as u32);
    }
    let _ = places.acquire_many(UNDER_WAY_MAX).await;
}

async fn one(run: &Arc<Run>, client: &reqwest::Client, plan: &Plan, reader: Reader, due: Instant) {
    let phase = run.phase.load(Ordering::Relaxed);
    let asked = match reader {
        Reader::Waits => ask(run, client, plan, due).await,
        Reader::Slow => sip(run, plan, due).await,
        Reader::Leaves(after) => match timeout(after, ask(run, client, plan, due)).await {
            Ok(asked) => asked,
            Err(_) => return run.tally.left(phase),
        },
    };
    match asked {
        Ok((outcome, took)) => run.tally.count(phase, plan.mode, outcome, took),
        Err(finding) => run.tally.find(format!("{:?} {}: {finding}", plan.kind, plan.mode)),
    }
}

/// What became of it, and how long it took from when it was due; or what is wrong.
pub async fn ask(
    run: &Run,
    client: &reqwest::Client,
    plan: &Plan,
    due: Instant,
) -> Result<(Outcome, Duration), String> {
    let began = Instant::now();
    let asking = async {
        let url = format!("http://{}{}", run.gateway.address, plan.path(&run.world));
        let request = client.get(url).header(header::ACCEPT, plan.accepts()).header("tutti-mode", plan.mode);
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, response.bytes().await?))
    };
    let answered: Result<_, reqwest::Error> =
        timeout(PATIENCE, asking).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    let (status, headers, body) = answered.map_err(|error| format!("no answer: {error:?}"))?;
    judged(run, plan, began, due, (status, headers, body))
}

fn judged(
    run: &Run,
    plan: &Plan,
    began: Instant,
    due: Instant,
    (status, headers, body): (StatusCode, HeaderMap, Bytes),
) -> Result<(Outcome, Duration), String> {
    let ended = Instant::now();
    let answer = Answered { status, headers, body, took: ended - began };
    let trace = plan.trace.map(|trace| &run.world.traces[trace]);
    let asked = Asked { kind: plan.kind, mode: plan.mode, trace, group: plan.group, began };
    let judge = Judge { world: &run.world, timeline: &run.timeline };
    let outcome = judge.of(&asked, &answer, ended).map_err(|finding| {
        let (regions, why) = (answer.header("tutti-regions"), answer.header("tutti-exactness"));
        format!("{finding}; {} {why} {}, {regions}", answer.status, answer.outcome())
    })?;
    Ok((outcome, ended - due))
}

/// By hand, on a connection whose buffers are small, and a sip at a time.
async fn sip(run: &Run, plan: &Plan, due: Instant) -> Result<(Outcome, Duration), String> {
    let began = Instant::now();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nAccept: {}\r\nTutti-Mode: {}\r\n\r\n",
        plan.path(&run.world),
        plan.accepts(),
        plan.mode
    );
    let sipping = async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SIP as u32)?;
        let mut stream = socket.connect(run.gateway.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut taken = Vec::new();
        let mut sip = vec![0; SIP];
        loop {
            let bytes = stream.read(&mut sip).await?;
            taken.extend_from_slice(&sip[..bytes]);
            if bytes == 0 {
                return Ok(taken);
            }
            sleep(SIP_PAUSE).await;
        }
    };
    let taken: std::io::Result<Vec<u8>> =
        timeout(PATIENCE, sipping).await.map_err(|_| format!("no end within {PATIENCE:?}"))?;
    let taken = taken.map_err(|error| format!("cut off from a slow reader: {error}"))?;
    let answered = unpacked(&taken).ok_or_else(|| format!("{} bytes that are no answer", taken.len()))?;
    // How long it took is this reader's own doing.
    let slack = began.elapsed();
    judged(run, plan, began, due, answered).map(|(outcome, _)| (outcome, slack))
}

/// An answer over HTTP/1.1, put together again where it came in chunks.
fn unpacked(taken: &[u8]) -> Option<(StatusCode, HeaderMap, Bytes)> {
    let end = memchr::memmem::find(taken, b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&taken[..end]).ok()?.split("\r\n");
    let status = StatusCode::from_bytes(lines.next()?.split(' ').nth(1)?.as_bytes()).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    let mut rest = &taken[end + 4..];
    if !headers.contains_key(header::TRANSFER_ENCODING) {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        return (length.unwrap_or(rest.len()) == rest.len())
            .then(|| (status, headers, Bytes::copy_from_slice(rest)));
    }
    let mut body = Vec::new();
    loop {
        let line = memchr::memmem::find(rest, b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        if length == 0 {
            return Some((status, headers, body.into()));
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + length)?);
        rest = rest.get(line + 4 + length..)?;
    }
}
