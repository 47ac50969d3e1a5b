//! The listener's end: what is in flight finishes, what still comes is answered, and then the port closes.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tutti::api::serve::{ServeSettings, serve};
use tutti::task::Group;

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(400)).await;
    "slow"
}

async fn ask(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn while_requests_finish_new_ones_are_still_answered_once_each() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new()
        .route("/slow", axum::routing::get(slow))
        .route("/ready", axum::routing::get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let (stop, stopped) = oneshot::channel::<()>();
    let (served, has_served) = oneshot::channel();
    let tasks = Group::new();
    tasks.spawn(async move {
        let stopped = async { drop(stopped.await) };
        served.send(serve(listener, routes, ServeSettings::default(), stopped).await.is_ok()).unwrap();
    });
    // Open, idle, and never to be used: it must not hold up the end.
    let idle = TcpStream::connect(address).await.unwrap();
    let in_flight = async { ask(address, "/slow").await.unwrap() };
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Read to its end without asking for it: the gateway keeps no connection open now.
        ask(address, "/ready").await.unwrap()
    };
    let (in_flight, ready) = tokio::join!(in_flight, meanwhile);
    assert!(in_flight.ends_with("\r\n\r\nslow"), "{in_flight}");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(has_served.await.unwrap());
    assert!(ask(address, "/ready").await.is_err(), "the port is closed");
    drop(idle);
}
