//! A scripted region on loopback: says over a real connection exactly what a test wants said, byte by
//! byte, and remembers what it was asked. Knows no Tempo; the script does.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tutti::task::Group;

/// No request of ours is near this.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What the region does next on the connection.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Keeps the connection open and says nothing more.
    Hang,
    Close,
    /// Ends the connection without a farewell, as a machine that lost its memory of it.
    Reset,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

pub type Reply = Vec<Step>;

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub struct FakeRegion {
    address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    _group: Group,
}

impl FakeRegion {
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(Arc::new(script), None).await
    }

    pub async fn start_secure(
        tls: TlsAcceptor,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Arc::new(script), Some(tls)).await
    }

    async fn serve(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let group = Group::new();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (log, count) = (asked.clone(), connections.clone());
        group.spawn(async move {
            let mut open = FuturesUnordered::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        count.fetch_add(1, Ordering::SeqCst);
                        open.push(connection(stream, tls.clone(), script.clone(), log.clone()));
                    }
                    Some(()) = open.next() => {}
                }
            }
        });
        Self { address, scheme, asked, connections, _group: group }
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn connection(
    mut stream: TcpStream,
    tls: Option<TlsAcceptor>,
    script: Script,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    match tls {
        None => {
            if talk(&mut stream, script, log).await == End::Reset {
                stream.set_zero_linger().unwrap();
            }
        }
        Some(tls) => {
            if let Ok(mut stream) = tls.accept(stream).await {
                talk(&mut stream, script, log).await;
            }
        }
    }
}

async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    script: Script,
    log: Arc<Mutex<Vec<Asked>>>,
) -> End {
    while let Some(asked) = read_request(stream).await {
        log.lock().unwrap().push(asked.clone());
        for step in script(&asked) {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                        return End::Closed;
                    }
                }
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Hang => std::future::pending().await,
                Step::Close => {
                    let _ = stream.shutdown().await;
                    return End::Closed;
                }
                Step::Reset => return End::Reset,
            }
        }
    }
    End::Closed
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        assert!(head.len() < HEAD_BYTES_MAX, "a request without an end");
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Asked { path: path.to_owned(), query: query.to_owned(), headers })
}

/// A whole answer with its length.
pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Reply {
    vec![Step::Send(head(status, &[content_type_header(content_type), length(body.len())])), send(body)]
}

pub fn protobuf(body: &[u8]) -> Reply {
    answer(200, "application/protobuf", body)
}

pub fn text(status: u16, body: &str) -> Reply {
    answer(status, "text/plain; charset=utf-8", body.as_bytes())
}

/// It is overloaded, and says how many seconds it wants to be left alone.
pub fn resting(status: u16, seconds: u64) -> Reply {
    vec![Step::Send(head(status, &[format!("Retry-After: {seconds}"), length(0)]))]
}

/// A status and nothing else, as Tempo answers a trace it does not hold.
pub fn silent(status: u16) -> Reply {
    vec![Step::Send(head(status, &[length(0)]))]
}

pub fn redirect(to: &str) -> Reply {
    vec![Step::Send(head(302, &[format!("Location: {to}"), length(0)]))]
}

/// Takes the request and never answers.
pub fn black_hole() -> Reply {
    vec![Step::Hang]
}

pub fn after(wait: Duration, mut reply: Reply) -> Reply {
    reply.insert(0, Step::Wait(wait));
    reply
}

/// Headers and the first bytes at once, then a byte now and then.
pub fn dripping(body: &[u8], pause: Duration) -> Reply {
    let mut reply = vec![Step::Send(head(200, &[content_type_header(PROTOBUF), length(body.len())]))];
    for byte in body {
        reply.extend([send(&[*byte]), Step::Wait(pause)]);
    }
    reply
}

/// Announces the whole body and ends before it.
pub fn cut_short(body: &[u8]) -> Reply {
    let announced = head(200, &[content_type_header(PROTOBUF), length(body.len())]);
    vec![Step::Send(announced), send(&body[..body.len() / 2]), Step::Close]
}

/// Announces the whole body and breaks off within it.
pub fn reset_within(body: &[u8]) -> Reply {
    let mut reply = cut_short(body);
    reply.pop();
    // Time for the first half to arrive: a reset overtakes what was sent before it.
    reply.extend([Step::Wait(Duration::from_millis(50)), Step::Reset]);
    reply
}

/// Ends in the middle of a chunk.
pub fn cut_mid_chunk(body: &[u8]) -> Reply {
    let mut reply = chunked(body, &[]);
    reply.truncate(1);
    reply.extend([send(format!("{:x}\r\n", body.len()).as_bytes()), send(&body[..body.len() / 2])]);
    reply.push(Step::Close);
    reply
}

/// A body of unknown length, in pieces.
pub fn chunked(body: &[u8], headers: &[String]) -> Reply {
    let mut all = vec![content_type_header(PROTOBUF), "Transfer-Encoding: chunked".to_owned()];
    all.extend_from_slice(headers);
    let mut reply = vec![Step::Send(head(200, &all))];
    for piece in body.chunks(16 << 10) {
        reply.extend([send(format!("{:x}\r\n", piece.len()).as_bytes()), send(piece), send(b"\r\n")]);
    }
    reply.push(send(b"0\r\n\r\n"));
    reply
}

pub fn gzipped(body: &[u8]) -> Reply {
    chunked(&gzip(body), &["Content-Encoding: gzip".to_owned()])
}

/// Well-formed chunks of a compressed body that lacks its end.
pub fn gzip_cut_short(body: &[u8]) -> Reply {
    let packed = gzip(body);
    chunked(&packed[..packed.len() / 2], &["Content-Encoding: gzip".to_owned()])
}

/// A compressed body whose connection ends within it.
pub fn gzip_hung_up(body: &[u8]) -> Reply {
    let mut reply = gzip_cut_short(body);
    reply.pop();
    reply.push(Step::Close);
    reply
}

/// Says it is compressed, and is not.
pub fn gzip_in_name_only(body: &[u8]) -> Reply {
    chunked(body, &["Content-Encoding: gzip".to_owned()])
}

/// Headers that announce `length` bytes, none of which come.
pub fn announcing(bytes: usize) -> Reply {
    announcing_as(200, PROTOBUF, bytes)
}

pub fn announcing_as(status: u16, content_type: &str, bytes: usize) -> Reply {
    vec![Step::Send(head(status, &[content_type_header(content_type), length(bytes)])), Step::Hang]
}

/// Closes as soon as it was asked.
pub fn hang_up() -> Reply {
    vec![Step::Close]
}

pub fn say(bytes: &[u8]) -> Reply {
    vec![send(bytes), Step::Close]
}

const PROTOBUF: &str = "application/protobuf";

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn head(status: u16, headers: &[String]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn content_type_header(value: &str) -> String {
    format!("Content-Type: {value}")
}

fn length(bytes: usize) -> String {
    format!("Content-Length: {bytes}")
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(bytes.to_vec())
}
