//! A gateway in this process, on loopback, over simulated regions; and a client that speaks to it byte by
//! byte. Knows nothing of what an answer should say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tutti::api::serve::{ServeSettings, serve};
use tutti::api::{ApiSettings, ApiState, router};
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::{BreakerSettings, LayerSettings, MemorySettings};
use tutti::backend::{Backend, Behaviour, Distance, Region, Simulated};
use tutti::federation::{Federation, FederationSettings};
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::Plan;
use tutti::task::Group;
use tutti::telemetry::Metrics;
use tutti::wire::export::protobuf_of_json;

/// No answer of these tests is near this.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// What a test waits for an answer on loopback, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The deadline of each region: short, so that a silent one is not waited for.
pub const REGION_DEADLINE: Duration = Duration::from_millis(400);

/// One simulated region of an estate.
pub struct Place {
    pub name: &'static str,
    pub jurisdiction: &'static str,
    pub memory: Arc<MemoryBackend>,
    pub simulated: Arc<Simulated>,
}

impl Place {
    pub fn new(name: &'static str, jurisdiction: &'static str) -> Self {
        let memory = Arc::new(MemoryBackend::new(MemorySettings::default()));
        let simulated = Arc::new(Simulated::new(memory.clone(), Distance::default(), 1));
        Self { name, jurisdiction, memory, simulated }
    }

    pub fn behaving(self, behaviour: Behaviour) -> Self {
        self.simulated.behave(behaviour);
        self
    }

    /// Takes OTLP/JSON.
    pub fn holding(self, export: &str) -> Self {
        let export = protobuf_of_json(export.as_bytes()).unwrap();
        let taken = self.memory.ingest(Bytes::from(export)).unwrap();
        assert_eq!(taken.rejected.total(), 0);
        self
    }

    pub fn region(&self) -> Arc<Region> {
        self.region_over(self.simulated.clone())
    }

    /// The same region with something between it and the gateway.
    pub fn region_over(&self, backend: Arc<dyn Backend>) -> Arc<Region> {
        // Every question is asked, however often the one before failed.
        let breaker = BreakerSettings { failures_max: u32::MAX, ..BreakerSettings::default() };
        let layers = LayerSettings { deadline: REGION_DEADLINE, breaker, ..LayerSettings::default() };
        let (name, jurisdiction) =
            (RegionName::parse(self.name).unwrap(), Jurisdiction::parse(self.jurisdiction).unwrap());
        Arc::new(Region::new(name, jurisdiction, backend, layers))
    }
}

pub struct Gateway {
    pub address: SocketAddr,
    pub state: ApiState,
    _tasks: Group,
}

impl Gateway {
    pub async fn over(places: &[Place]) -> Self {
        let regions = places.iter().map(Place::region).collect();
        Self::start(regions, FederationSettings::default(), ApiSettings::default()).await
    }

    pub async fn start(regions: Vec<Arc<Region>>, federation: FederationSettings, api: ApiSettings) -> Self {
        let federation = Federation::new(regions, federation, Arc::new(Plan::allow_all()));
        let state = ApiState::new(federation, Metrics::default(), api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Group::new();
        let serving =
            serve(listener, router(state.clone()), ServeSettings::default(), std::future::pending());
        tasks.spawn(async move { serving.await.unwrap() });
        Self { address, state, _tasks: tasks }
    }

    /// Asks on a connection of its own, exactly as written, and reads until the gateway closes it.
    pub async fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        Answer::parse(&exchange(self.address, request.as_bytes()).await)
    }

    pub async fn get(&self, target: &str, headers: &[&str]) -> Answer {
        self.ask(&format!("GET {target}"), headers).await
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("an answer in time")
}

/// An answer over HTTP/1.1 as it came.
#[derive(Debug)]
pub struct Answer {
    /// Status code and reason.
    pub status: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// Put together again where it came in chunks.
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(&answer.body);
        }
        answer
    }

    pub fn code(&self) -> u16 {
        self.status[..3].parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("the length of a chunk");
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
}
