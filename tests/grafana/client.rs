//! Grafana's side of a connection: the plugin's own requests with the headers its HTTP client adds, over
//! HTTP/1.1 or over HTTP/2 with prior knowledge.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tutti::task::Group;

use super::TraceByIdResponse;

/// The plugin's own patience.
pub const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Unpacked, as Go's transport hands it on.
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn trace(&self) -> TraceByIdResponse {
        assert_eq!(self.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/protobuf");
        TraceByIdResponse::decode(self.body.as_slice()).unwrap()
    }
}

/// The plugin asks for a trace, on v2: always protobuf, the id as it was typed.
pub async fn trace(address: SocketAddr, protocol: Protocol, id: &str) -> Reply {
    get(address, protocol, &format!("/api/v2/traces/{id}"), &[("accept", "application/protobuf")]).await
}

/// The plugin asks again where v2 said 404; and so did every plugin before there was a v2.
pub async fn trace_v1(address: SocketAddr, protocol: Protocol, id: &str) -> Reply {
    get(address, protocol, &format!("/api/traces/{id}"), &[("accept", "application/protobuf")]).await
}

pub async fn get(address: SocketAddr, protocol: Protocol, target: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(format!("http://{address}{target}"))
        .header("user-agent", "Grafana/12.3.0")
        .header("accept-encoding", "gzip");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let asking = send(address, protocol, request.body(Empty::new()).unwrap());
    tokio::time::timeout(TIMEOUT, asking).await.expect("an answer before Grafana gives up")
}

async fn send(address: SocketAddr, protocol: Protocol, mut request: Request<Empty<Bytes>>) -> Reply {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    // Drives the connection, and ends with it.
    let driving = Group::new();
    let response = match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            driving.spawn(async move { drop(connection.await) });
            request.headers_mut().insert("host", address.to_string().parse().unwrap());
            *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
            sender.send_request(request).await.unwrap()
        }
        Protocol::Http2 => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            driving.spawn(async move { drop(connection.await) });
            sender.send_request(request).await.unwrap()
        }
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = match parts.headers.get("content-encoding") {
        None => body.to_vec(),
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut unpacked).unwrap();
            unpacked
        }
    };
    Reply { status: parts.status, headers: parts.headers, body }
}
