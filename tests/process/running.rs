//! The executable as a child process: its address from what it says, its end, its signals.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// What a test waits for anything, on a machine that is busy with other builds: nothing takes a second by itself.
const PATIENCE: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(20);

/// Waits until it is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        sleep(GLANCE).await;
    }
}

/// The executable without what the shell that runs the tests has set.
pub fn tutti(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tutti"));
    for name in ["TUTTI_SERVER", "TUTTI_LOG_FORMAT", "RUST_LOG", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).args(args);
    command
}

/// A child that is killed when the test ends, however it ends.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    _readers: Vec<JoinHandle<()>>,
    pub address: SocketAddr,
}

impl Running {
    /// `tutti serve` on any free port.
    pub async fn serve(config: &Path) -> Self {
        let config = config.to_str().unwrap();
        Self::start(&["serve", "--config", config, "--listen", "127.0.0.1:0"], "listen=").await
    }

    /// The same where the log is written as JSON.
    pub async fn serve_json(config: &Path) -> Self {
        let config = config.to_str().unwrap();
        Self::start(&["serve", "--config", config, "--listen", "127.0.0.1:0"], "\"listen\":\"").await
    }

    /// `tutti demo` on any free port.
    pub async fn demo(args: &[&str]) -> Self {
        Self::start(&[&["demo", "--listen", "127.0.0.1:0"], args].concat(), "one gateway on http://").await
    }

    /// Starts the executable and waits until it says its address behind `before`.
    async fn start(args: &[&str], before: &str) -> Self {
        let mut child = tutti(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said: Arc<Mutex<String>> = Arc::default();
        let readers = vec![
            overhear(child.stdout.take().unwrap(), said.clone()),
            overhear(child.stderr.take().unwrap(), said.clone()),
        ];
        let unknown = "127.0.0.1:0".parse().unwrap();
        let mut running = Self { child, said, _readers: readers, address: unknown };
        until("it says its address", || address(&running.said(), before).is_some()).await;
        running.address = address(&running.said(), before).unwrap();
        running
    }

    /// Everything it has said so far, on both streams.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        // A shell has this built in wherever there is one.
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end; it said:\n{}", self.said());
            sleep(GLANCE).await;
        }
    }

    /// A whole answer, or why there is none.
    pub async fn get(&self, path: &str) -> std::io::Result<String> {
        get(self.address, path).await
    }

    /// Asks again and again until the answer says it.
    pub async fn get_until(&self, path: &str, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await.unwrap();
            if answer.contains(wanted) {
                return answer;
            }
            assert!(Instant::now() < end, "no `{wanted}` in\n{answer}\nit said:\n{}", self.said());
            sleep(GLANCE).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(PATIENCE, talk).await.expect("an answer in time")
}

fn overhear(stream: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    })
}

fn address(said: &str, before: &str) -> Option<SocketAddr> {
    let (_, behind) = said.split_once(before)?;
    let end = behind.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(behind.len());
    behind[..end].parse().ok()
}
