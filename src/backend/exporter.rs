//! Sends the gateway's own spans on, by OTLP over HTTP in protobuf: in batches, within bounds, off the way of requests.
//!
//! What it asks belongs to no request, so that it leaves no span of its own. A batch that is not taken is tried once
//! more, and then lost and counted: spans of a while ago are worth less than those of now.

mod message;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::BuildError;
use super::tempo::plain_client;
use crate::telemetry::metrics::SpanCounts;
use crate::telemetry::spans::Span;

/// Spans of one message: some 200 kB.
const BATCH_MAX: usize = 512;

/// How long a batch may take to be taken.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// The pause before a batch is tried once more.
const PAUSE: Duration = Duration::from_secs(1);

/// Where own spans go.
#[derive(Debug, Clone)]
pub struct ExportSettings {
    /// Whole, with its path.
    pub endpoint: Uri,
    pub headers: Vec<(HeaderName, SecretString)>,
    pub ca_pem: Option<Vec<u8>>,
    /// The share of traces beginning here that is kept.
    pub sample_ratio: f64,
    /// How long a span waits for others.
    pub interval: Duration,
}

impl PartialEq for ExportSettings {
    fn eq(&self, other: &Self) -> bool {
        let shown = |of: &Self| -> Vec<(HeaderName, String)> {
            of.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
        };
        self.endpoint == other.endpoint
            && self.ca_pem == other.ca_pem
            && self.sample_ratio == other.sample_ratio
            && self.interval == other.interval
            && shown(self) == shown(other)
    }
}

/// Takes spans from a queue and sends them on until the queue ends.
#[derive(Debug)]
pub struct Exporter {
    client: reqwest::Client,
    endpoint: String,
    headers: HeaderMap,
    interval: Duration,
    /// What is said of the sender.
    resource: Vec<(&'static str, String)>,
    counts: SpanCounts,
}

impl Exporter {
    /// `region` is where the gateway runs, and `name` what it calls itself.
    pub fn new(
        settings: &ExportSettings,
        (name, region): (&str, &str),
        counts: SpanCounts,
    ) -> Result<Self, BuildError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        for (header, value) in &settings.headers {
            let fault = || BuildError::Header(header.to_string());
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| fault())?;
            value.set_sensitive(true);
            headers.insert(header.clone(), value);
        }
        let resource = vec![
            ("service.name", "tutti".to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", uuid::Uuid::new_v4().to_string()),
            ("tutti.gateway", name.to_owned()),
            ("tutti.region", region.to_owned()),
        ];
        Ok(Self {
            client: plain_client(&settings.endpoint, settings.ca_pem.as_deref())?,
            endpoint: settings.endpoint.to_string(),
            headers,
            interval: settings.interval,
            resource,
            counts,
        })
    }

    /// Ends when no more spans can come and the last were sent.
    pub async fn run(self, mut spans: mpsc::Receiver<Span>) {
        let mut was_taken = true;
        while let Some(first) = spans.recv().await {
            let batch = gather(&mut spans, first, self.interval).await;
            let count = batch.len() as u64;
            let sent = self.send(&batch).await;
            match &sent {
                Ok(()) => self.counts.sent(count),
                Err(why) => {
                    self.counts.dropped(count);
                    // Once, and not for each batch of a store that is away.
                    if was_taken {
                        tracing::warn!(
                            why,
                            spans = count,
                            "own spans were not taken, and are lost until they are"
                        );
                    }
                }
            }
            if sent.is_ok() && !was_taken {
                tracing::info!("own spans are taken again");
            }
            was_taken = sent.is_ok();
        }
    }

    async fn send(&self, batch: &[Span]) -> Result<(), String> {
        let body = bytes::Bytes::from(message::of(&self.resource, batch));
        match self.attempt(body.clone()).await {
            Err(Failed { is_passing: true, .. }) => {
                sleep(PAUSE).await;
                self.attempt(body).await.map_err(|failed| failed.why)
            }
            other => other.map_err(|failed| failed.why),
        }
    }

    async fn attempt(&self, body: bytes::Bytes) -> Result<(), Failed> {
        let request = self.client.post(&self.endpoint).headers(self.headers.clone()).body(body);
        // What it answers is not read: neither the address nor its words belong into the log.
        match timeout(ATTEMPT_MAX, request.send()).await {
            Err(_) => Err(Failed { why: "there was no answer in time".to_owned(), is_passing: true }),
            Ok(Err(_)) => Err(Failed { why: "no connection could be made".to_owned(), is_passing: true }),
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                let is_passing = matches!(status, 429 | 502..=504);
                Err(Failed { why: format!("it answered with status {status}"), is_passing })
            }
        }
    }
}

struct Failed {
    why: String,
    /// Whether it may go better soon.
    is_passing: bool,
}

/// The first span and those that come within the interval, up to a batch.
async fn gather(spans: &mut mpsc::Receiver<Span>, first: Span, interval: Duration) -> Vec<Span> {
    let mut batch = vec![first];
    let end = Instant::now() + interval;
    while batch.len() < BATCH_MAX {
        match timeout_at(end, spans.recv()).await {
            Ok(Some(span)) => batch.push(span),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}
