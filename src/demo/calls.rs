//! How the shop's services talk: HTTP, databases and queues, with the attributes of OpenTelemetry's
//! semantic conventions. Every call costs what its distance says.

use std::ops::Range;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::journey::{Draft, Journey, Scope, SpanId, SpanRef, attribute};
use super::shop::Service;

/// An HTTP request.
#[derive(Debug, Clone)]
pub(super) struct Http {
    pub(super) method: &'static str,
    /// The template that names the span.
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) query: Option<String>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) at: Duration,
    pub(super) status: u16,
}

/// A statement to a database.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) system: &'static str,
    pub(super) operation: &'static str,
    pub(super) collection: &'static str,
    pub(super) text: String,
    pub(super) rows: u64,
    /// Microseconds.
    pub(super) takes: Range<u64>,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) parent: SpanId,
    pub(super) by: &'static Service,
    pub(super) topic: &'static str,
    pub(super) key: String,
    pub(super) number: u64,
    pub(super) at: Duration,
}

impl Http {
    pub(super) fn get(route: &'static str, path: impl Into<String>) -> Self {
        Self { method: "GET", route, path: path.into(), query: None }
    }

    pub(super) fn post(route: &'static str, path: impl Into<String>) -> Self {
        Self { method: "POST", route, path: path.into(), query: None }
    }

    pub(super) fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }
}

impl Journey {
    /// A request of the customer's browser arrives at the edge: the root of most journeys.
    pub(super) fn receive(&mut self, service: &'static Service, http: &Http) -> Draft {
        let mut span = self.serve(service, None, http, Duration::ZERO);
        let agent = self.one_of(&[
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
            "ShopApp/6.2 (iPhone; iOS 18.1)",
        ]);
        span.set("client.address", self.person.address)
            .set("user_agent.original", agent)
            .set("network.protocol.version", "2")
            .set("session.id", format!("s-{:016x}", self.number(0..u64::MAX)));
        span
    }

    /// The answer to the browser.
    pub(super) fn respond(&mut self, mut span: Draft, at: Duration) -> SpanRef {
        let reference = SpanRef { trace: self.trace, span: span.id };
        settle(&mut span);
        self.close(span, at);
        reference
    }

    /// Calls another service, wherever it is. `handle` is what it does from the request's arrival to
    /// its answer.
    pub(super) fn call(
        &mut self,
        caller: &Draft,
        to: &'static Service,
        http: &Http,
        at: Duration,
        handle: impl FnOnce(&mut Self, &mut Draft, Duration) -> Duration,
    ) -> Reply {
        let mut client = self.open(caller.service, Some(caller.id), SpanKind::Client, http.method, at);
        client.scope = Scope::Http;
        let url = match &http.query {
            Some(query) => format!("http://{}:{}{}?{query}", to.host(), to.port, http.path),
            None => format!("http://{}:{}{}", to.host(), to.port, http.path),
        };
        client
            .set("http.request.method", http.method)
            .set("server.address", to.host())
            .set("server.port", to.port)
            .set("url.full", url);
        let arrives = at + self.latency(caller.service.site, to.site);
        let mut server = self.serve(to, Some(client.id), http, arrives);
        let answered = handle(self, &mut server, arrives);
        let status = server.http_status;
        settle(&mut server);
        self.close(server, answered);
        let back = answered + self.latency(to.site, caller.service.site);
        client.set("http.response.status_code", status);
        if status >= 400 {
            client.set("error.type", status.to_string());
            client.error = Some(String::new());
        }
        self.close(client, back);
        Reply { at: back, status }
    }

    fn serve(
        &mut self,
        service: &'static Service,
        parent: Option<SpanId>,
        http: &Http,
        at: Duration,
    ) -> Draft {
        let name = format!("{} {}", http.method, http.route);
        let mut span = self.open(service, parent, SpanKind::Server, name, at);
        span.scope = Scope::Http;
        span.set("http.request.method", http.method)
            .set("http.route", http.route)
            .set("url.path", http.path.as_str())
            .set("url.scheme", "http")
            .set("server.address", service.host())
            .set("server.port", service.port);
        if let Some(query) = &http.query {
            span.set("url.query", query.as_str());
        }
        span
    }

    /// Asks a database at the caller's site; the time of its answer.
    pub(super) fn ask(&mut self, caller: &Draft, statement: Statement, at: Duration) -> Duration {
        let name = format!("{} {}", statement.operation, statement.collection);
        let mut span = self.open(caller.service, Some(caller.id), SpanKind::Client, name, at);
        span.scope = Scope::Database;
        let port: u16 = match statement.system {
            "redis" => 6379,
            "opensearch" => 9200,
            _ => 5432,
        };
        let host = format!(
            "{}-{}.{}.shop.internal",
            caller.service.name,
            statement.system,
            caller.service.site.name()
        );
        span.set("db.system.name", statement.system)
            .set("db.namespace", caller.service.name)
            .set("db.collection.name", statement.collection)
            .set("db.operation.name", statement.operation)
            .set("db.query.text", statement.text)
            .set("db.response.returned_rows", statement.rows)
            .set("server.address", host)
            .set("server.port", port);
        let answered = at + self.some(statement.takes);
        self.close(span, answered);
        answered
    }

    /// Puts a message on a topic; it is there when the broker has confirmed it.
    pub(super) fn publish(
        &mut self,
        by: &Draft,
        topic: &'static str,
        key: impl Into<String>,
        at: Duration,
    ) -> Sent {
        let key = key.into();
        let mut span = self.open(by.service, Some(by.id), SpanKind::Producer, format!("send {topic}"), at);
        let number = self.number(1..900_000);
        messaging(&mut span, "send", topic, &key, number);
        let confirmed = at + self.some(900..4_000);
        let sent = Sent { parent: span.id, by: by.service, topic, key, number, at: confirmed };
        self.close(span, confirmed);
        sent
    }

    /// Takes a message from a topic, after it crossed the distance and waited its turn.
    pub(super) fn consume(
        &mut self,
        sent: &Sent,
        by: &'static Service,
        waits: Range<u64>,
        handle: impl FnOnce(&mut Self, &mut Draft, Duration) -> Duration,
    ) -> Duration {
        let arrives = sent.at + self.latency(sent.by.site, by.site) + self.some(waits);
        let name = format!("process {}", sent.topic);
        let mut span = self.open(by, Some(sent.parent), SpanKind::Consumer, name, arrives);
        messaging(&mut span, "process", sent.topic, &sent.key, sent.number);
        span.set("messaging.consumer.group.name", by.name);
        let done = handle(self, &mut span, arrives);
        self.close(span, done);
        done
    }

    /// Work inside a service that has a span of its own.
    pub(super) fn step(
        &mut self,
        within: &Draft,
        name: &str,
        at: Duration,
        takes: Range<u64>,
        describe: impl FnOnce(&mut Draft),
    ) -> Duration {
        let mut span = self.open(within.service, Some(within.id), SpanKind::Internal, name, at);
        describe(&mut span);
        let done = at + self.some(takes);
        self.close(span, done);
        done
    }
}

/// The attributes that are known when an HTTP server answers. A 4xx is the client's fault and no error
/// of the server's.
fn settle(server: &mut Draft) {
    let status = server.http_status;
    server.set("http.response.status_code", status);
    if status >= 500 && server.error.is_none() {
        server.set("error.type", status.to_string());
        server.error = Some(String::new());
    }
}

fn messaging(span: &mut Draft, operation: &str, topic: &str, key: &str, number: u64) {
    span.scope = Scope::Messaging;
    span.attributes.extend([
        attribute("messaging.system", "kafka"),
        attribute("messaging.operation.name", operation),
        attribute("messaging.operation.type", operation),
        attribute("messaging.destination.name", topic),
        attribute("messaging.destination.partition.id", (number % 12).to_string()),
        attribute("messaging.kafka.message.key", key),
        attribute("messaging.kafka.offset", number),
    ]);
}
