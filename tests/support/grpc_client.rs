//! A client of Tempo's streaming API over a real connection: messages as bytes, and the status after them.

#![allow(dead_code, reason = "each test uses its part")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tonic::Status;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tutti::wire::grpc::RawCodec;

const SERVICE: &str = "/tempopb.StreamingQuerier/";

/// What was sent, and the status after it; none is well.
#[derive(Debug, Clone)]
pub struct Called {
    pub messages: Vec<Bytes>,
    pub status: Option<Status>,
}

impl Called {
    pub fn read<M: Message + Default>(&self) -> Vec<M> {
        self.messages.iter().map(|message| M::decode(message.clone()).unwrap()).collect()
    }
}

/// In the open, by prior knowledge.
pub async fn client(address: SocketAddr) -> Grpc<Channel> {
    Grpc::new(Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap())
}

pub async fn call(client: Grpc<Channel>, method: &str, message: impl Message) -> Called {
    call_with(client, method, message.encode_to_vec().into(), MetadataMap::new()).await
}

pub async fn call_with(
    mut client: Grpc<Channel>,
    method: &str,
    message: Bytes,
    metadata: MetadataMap,
) -> Called {
    client.ready().await.unwrap();
    let path = match method.starts_with('/') {
        true => PathAndQuery::try_from(method).unwrap(),
        false => PathAndQuery::try_from(format!("{SERVICE}{method}")).unwrap(),
    };
    let mut request = tonic::Request::new(message);
    *request.metadata_mut() = metadata;
    let mut stream = match client.server_streaming(request, path, RawCodec).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Called { messages: Vec::new(), status: Some(status) },
    };
    let mut messages = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return Called { messages, status: None },
            Err(status) => return Called { messages, status: Some(status) },
        }
    }
}
