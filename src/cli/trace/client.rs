//! Asks a gateway for one trace, as a stream of events.
//!
//! Knows the path and the events; what the documents say is for others. Everything that is read has a limit.

use std::collections::VecDeque;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};

use super::document::{Begin, Refused, RegionReport};
use super::sse::{SseEvent, SseParser, TooLong};
use crate::cli::gateway::{ANSWER_BYTES_MAX, Gateway, GatewayError, broken, first_line};
use crate::cli::text::clean;
use crate::model::{Mode, TraceId};

/// The largest answer, the same once more as its regions send it, and the events before it.
const STREAM_BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX + (16 << 20);

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    pub id: TraceId,
    pub mode: Option<Mode>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub adjust_skew: bool,
}

/// What a gateway says on the way to its answer. The last three hold its JSON as it came.
#[derive(Debug)]
pub enum Event {
    Begin(Begin),
    /// With its JSON, which may hold the spans of the region.
    Region(Box<RegionReport>, String),
    Answer(String),
    Refused(String, Refused),
}

/// Sends the request; the answer is a stream of events or an error of its own.
pub async fn open(gateway: &Gateway, ask: &Ask) -> Result<Events, GatewayError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(mode) = ask.mode {
        headers.insert("Tutti-Mode", HeaderValue::from_static(mode.as_str()));
    }
    let mut query: Vec<(&str, String)> = Vec::new();
    query.extend(ask.start.map(|start| ("start", start.to_string())));
    query.extend(ask.end.map(|end| ("end", end.to_string())));
    query.extend(ask.adjust_skew.then(|| ("adjust", "skew".to_owned())));
    let path = format!("/api/tutti/v1/traces/{}/stream", ask.id);
    checked(gateway, gateway.ask(&path, headers, &query).await?).await
}

async fn checked(gateway: &Gateway, mut response: Response) -> Result<Events, GatewayError> {
    let server = gateway.shown.clone();
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if status == StatusCode::NOT_FOUND || status.is_redirection() || status.is_informational() {
        return Err(GatewayError::NotTutti { server, what: format!("HTTP {}", status.as_u16()) });
    }
    if status.is_success() && !kind.starts_with("text/event-stream") {
        let what = if kind.is_empty() { "no content type".to_owned() } else { clean(kind) };
        return Err(GatewayError::NotTutti { server, what });
    }
    if !status.is_success() {
        let text = first_line(&mut response).await;
        return Err(GatewayError::Status { server, status: status.as_u16(), text });
    }
    Ok(Events {
        response,
        server,
        parser: SseParser::new(ANSWER_BYTES_MAX),
        parsed: Vec::new(),
        waiting: VecDeque::new(),
        bytes: 0,
    })
}

/// The events of one answer.
#[derive(Debug)]
pub struct Events {
    response: Response,
    server: String,
    parser: SseParser,
    parsed: Vec<SseEvent>,
    waiting: VecDeque<SseEvent>,
    bytes: usize,
}

impl Events {
    /// The next event that means something. May be dropped and called again: nothing is lost. A stream
    /// that ends before an answer is a fault.
    pub async fn next(&mut self) -> Result<Event, GatewayError> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(event) = self.read(event)? {
                    return Ok(event);
                }
            }
            let Some(piece) = self.response.chunk().await.map_err(|error| broken(&self.server, &error))?
            else {
                let cause = "the connection was closed".to_owned();
                return Err(GatewayError::CutOff { server: self.server.clone(), cause });
            };
            self.bytes += piece.len();
            let fed = self.parser.push(&piece, &mut self.parsed);
            if self.bytes > STREAM_BYTES_MAX || matches!(fed, Err(TooLong(_))) {
                return Err(GatewayError::TooLarge { server: self.server.clone() });
            }
            self.waiting.extend(self.parsed.drain(..));
        }
    }

    /// An event of a name we do not know is from a newer gateway and does not matter to us.
    fn read(&self, SseEvent { name, data }: SseEvent) -> Result<Option<Event>, GatewayError> {
        let malformed = |error: serde_json::Error| self.malformed(&name, &error);
        Ok(Some(match name.as_str() {
            "begin" => Event::Begin(serde_json::from_str(&data).map_err(malformed)?),
            "region" => Event::Region(Box::new(serde_json::from_str(&data).map_err(malformed)?), data),
            "answer" => Event::Answer(data),
            "refused" => {
                let refused = serde_json::from_str(&data).map_err(malformed)?;
                Event::Refused(data, refused)
            }
            _ => return Ok(None),
        }))
    }

    pub fn malformed(&self, event: &str, error: &serde_json::Error) -> GatewayError {
        let what = format!("its `{}` event cannot be read: {}", clean(event), clean(&error.to_string()));
        GatewayError::NotTutti { server: self.server.clone(), what }
    }
}
