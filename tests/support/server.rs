//! A process that answers HTTP on loopback, and is killed when it is let go.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::http::{Reply, Request};

const PAUSE: Duration = Duration::from_millis(100);
/// Pauses that a process may take until it is ready, and spans until they are stored: 30 s.
const PAUSES_MAX: u32 = 300;

pub struct Server {
    pub name: String,
    pub http: SocketAddr,
    pub otlp: Option<SocketAddr>,
    child: Child,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a program whose words go to a file `log` in its folder.
    pub fn begin(name: &str, program: &Path, args: &[String], dir: &Path, http: u16) -> Result<Self, String> {
        let path = dir.join("log");
        let log = File::create(&path).map_err(|error| error.to_string())?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, http));
        Ok(Self { name: name.to_owned(), http, otlp: None, child, log: path })
    }

    pub fn send(&self, request: &Request<'_>) -> Reply {
        request.send(self.http).unwrap_or_else(|error| {
            panic!("{} does not answer: {error}\n{}", self.name, why_it_ended(&self.log))
        })
    }

    pub fn wait_until_ready(&mut self, log: &Path) -> Result<(), String> {
        for _ in 0..PAUSES_MAX {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Err(format!("{} ended with {status}: {}", self.name, last_lines(log)));
            }
            if Request::get("/ready").send(self.http).is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            sleep(PAUSE);
        }
        Err(format!("{} is not ready after {:?}: {}", self.name, PAUSE * PAUSES_MAX, last_lines(log)))
    }
}

/// A Go program that ends by itself says why, and then what each of its threads did.
fn why_it_ended(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let begins = |line: &&str| !["panic:", "fatal error:"].iter().any(|word| line.starts_with(word));
    text.lines().skip_while(begins).take(30).collect::<Vec<_>>().join("\n")
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

pub fn eventually(mut is_true: impl FnMut() -> bool) -> bool {
    for _ in 0..PAUSES_MAX {
        if is_true() {
            return true;
        }
        sleep(PAUSE);
    }
    false
}

pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// Of a Tempo's configuration, the ports of HTTP, gRPC, OTLP and gossip, all on loopback.
pub fn tempo_doors([http, grpc, otlp, gossip]: [u16; 4]) -> String {
    format!(
        "server:
  http_listen_address: 127.0.0.1
  http_listen_port: {http}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
  log_level: warn
distributor:
  receivers:
    otlp:
      protocols:
        http:
          endpoint: 127.0.0.1:{otlp}
memberlist:
  bind_addr: [127.0.0.1]
  bind_port: {gossip}
  advertise_addr: 127.0.0.1
  abort_if_cluster_join_fails: false
"
    )
}

/// Whether an export was taken whole: an empty `partial_success` says so too.
pub fn is_taken(reply: &Reply) -> bool {
    reply.status == 200 && [&[][..], &[0x0a, 0]].contains(&reply.body.as_slice())
}
