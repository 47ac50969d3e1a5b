//! Notices to somebody outside: a text put into a bounded queue on the way of a request, and sent by a task of its own,
//! again and again for a while. Knows no grant and no region.

use std::time::Duration;

use http::header;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::BuildError;
use super::tempo::notice_client;
use crate::task::Group;

/// Notices that wait. Each is about one grant, of which a gateway sees a few a day.
const QUEUE_MAX: usize = 256;

/// Bytes of a notice; a justification has 2000 characters.
const NOTICE_BYTES_MAX: usize = 64 << 10;

/// A notice is tried so often, with a pause that doubles in between: some five minutes in all.
const ATTEMPTS_MAX: u32 = 9;
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Sends notices for as long as it lives.
#[derive(Debug, Clone)]
pub struct Notifier {
    queue: mpsc::Sender<Notice>,
    _tasks: Group,
}

#[derive(Debug)]
struct Notice {
    url: String,
    body: String,
}

/// Why a notice was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("{QUEUE_MAX} notices wait already")]
    Full,
    #[error("a notice has up to {NOTICE_BYTES_MAX} bytes")]
    Long,
}

impl Notifier {
    pub fn start() -> Result<Self, BuildError> {
        let client = notice_client()?;
        let (queue, mut notices) = mpsc::channel::<Notice>(QUEUE_MAX);
        let tasks = Group::new();
        tasks.spawn(async move {
            while let Some(notice) = notices.recv().await {
                deliver(&client, &notice).await;
            }
        });
        Ok(Self { queue, _tasks: tasks })
    }

    /// Takes a notice in JSON and comes back at once.
    pub fn send(&self, url: &str, body: String) -> Result<(), NotTaken> {
        if body.len() > NOTICE_BYTES_MAX {
            return Err(NotTaken::Long);
        }
        self.queue.try_send(Notice { url: url.to_owned(), body }).map_err(|_| NotTaken::Full)
    }
}

async fn deliver(client: &reqwest::Client, notice: &Notice) {
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS_MAX {
        let request = client.post(&notice.url).header(header::CONTENT_TYPE, "application/json");
        let sent = timeout(ATTEMPT_MAX, request.body(notice.body.clone()).send()).await;
        if matches!(&sent, Ok(Ok(response)) if response.status().is_success()) {
            return;
        }
        // Neither the address, which may hold a secret, nor the notice stands in the log.
        tracing::warn!(attempt, "a notice could not be delivered");
        if attempt < ATTEMPTS_MAX {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
    tracing::error!("a notice was not delivered and is given up");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Takes one request, answers with a status, and tells its body.
    async fn take(listener: &TcpListener, status: &str) -> String {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let mut part = [0; 4096];
        while !String::from_utf8_lossy(&read).contains("\"end\"}") {
            let count = socket.read(&mut part).await.unwrap();
            assert!(count > 0, "the request ended early");
            read.extend_from_slice(&part[..count]);
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(read).unwrap()
    }

    #[tokio::test]
    async fn a_notice_is_sent_again_until_it_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let notifier = Notifier::start().unwrap();
        notifier.send(&url, "{\"event\": \"end\"}".to_owned()).unwrap();
        take(&listener, "500 Internal Server Error").await;
        let again = take(&listener, "204 No Content").await;
        assert!(
            again.starts_with("POST /hook HTTP/1.1\r\n") && again.ends_with("{\"event\": \"end\"}"),
            "{again}"
        );
    }

    #[tokio::test]
    async fn a_queue_that_is_full_says_so_and_never_waits() {
        let notifier = Notifier::start().unwrap();
        // Nothing runs between these, so that the task takes none.
        for _ in 0..QUEUE_MAX {
            assert_eq!(notifier.send("http://127.0.0.1:1/", String::new()), Ok(()));
        }
        assert_eq!(notifier.send("http://127.0.0.1:1/", String::new()), Err(NotTaken::Full));
        assert_eq!(
            notifier.send("http://127.0.0.1:1/", "x".repeat(NOTICE_BYTES_MAX + 1)),
            Err(NotTaken::Long)
        );
    }
}
