//! Two gateways over real sockets on loopback, and a wire between them that is read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tutti::api::router;
use tutti::api::serve::{ServeSettings, serve};
use tutti::backend::Region;
use tutti::backend::settings::{KindSettings, LayerSettings, RegionSettings};
use tutti::model::RegionName;
use tutti::policy::{Cell, Rung};
use tutti::task::Group;

use crate::gates::{Gate, Made, place, region, who};
use crate::spans::{ID, span, text};
use crate::trouble::holding;
use crate::world::Rules;

const CANARY: &str = "jane.of.the.canaries@example.com";

/// Passes bytes on, both ways, and keeps them.
async fn tap(to: SocketAddr, heard: Arc<Mutex<Vec<u8>>>, tasks: &Group) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let inner = tasks.clone();
    tasks.spawn(async move {
        // As many as one test opens.
        for _ in 0..64 {
            let Ok((client, _)) = listener.accept().await else { return };
            let server = TcpStream::connect(to).await.unwrap();
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            inner.spawn(pass(from_client, to_server, heard.clone()));
            inner.spawn(pass(from_server, to_client, heard.clone()));
        }
    });
    address
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, heard: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer).await
        && count > 0
    {
        heard.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

struct OverSockets {
    outer: Gate,
    heard: Arc<Mutex<Vec<u8>>>,
    region: Arc<Region>,
    _tasks: Group,
}

async fn over_sockets(cell: Cell) -> OverSockets {
    let (outer_is, inner_is) = (who("us-east", "US"), who("eu-central", "EU"));
    let mut secret = span(2, Some(1), 2);
    secret.attributes.push(text("user.email", CANARY));
    let own = region("eu-central", "EU", holding(vec![secret]));
    let rules = Rules::of(&["eu-central"], cell);
    let inner = Made::new(&inner_is, vec![own]).ruled(rules.plan()).trusting(&outer_is).gate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Group::new();
    let serving =
        serve(listener, router(inner.estate.state.clone()), ServeSettings::default(), std::future::pending());
    tasks.spawn(async move { serving.await.unwrap() });
    let heard = Arc::default();
    let tapped = tap(address, Arc::clone(&heard), &tasks).await;
    let settings = RegionSettings {
        name: RegionName::parse("eu-central").unwrap(),
        jurisdiction: place("EU"),
        kind: KindSettings::Tutti(outer_is.asks("eu-central", &format!("http://{tapped}"))),
        replicas: Vec::new(),
        layers: LayerSettings { deadline: Duration::from_secs(20), ..LayerSettings::default() },
        is_raw_egress: false,
    };
    let there = Arc::new(Region::build(&settings).unwrap());
    let near = region("us-east", "US", holding(vec![span(1, None, 3)]));
    let outer = Made::new(&outer_is, vec![near, there.clone()]).gate();
    OverSockets { outer, heard, region: there, _tasks: tasks }
}

const PATHS: [&str; 5] = [
    "/api/search?q=%7B%20%7D%20%7C%20select(.user.email)",
    "/api/v2/search/tags",
    "/api/v2/search/tag/.user.email/values",
    "/api/v2/search/tag/span.%22a%2Fb%22/values",
    "/api/metrics/query_range?q=%7B%7D%7Crate()by(name)&start=1794999940&end=1795000060&step=10",
];

#[tokio::test]
async fn over_sockets_the_answer_is_whole_and_nothing_protected_is_on_the_wire() {
    let masked = Cell { rung: Rung::Masked, may_list: false, ..Cell::OPEN };
    let over = over_sockets(masked).await;
    let answer = over.outer.get(&format!("/api/v2/traces/{ID}")).await;
    assert_eq!(answer.outcome(), "complete", "{:?} {}", answer.headers, answer.text());
    assert!(answer.text().contains("tutti.redacted"), "{}", answer.text());
    for path in PATHS {
        let answer = over.outer.get(path).await;
        let expected = if path.contains("user.email/values") { "partial" } else { "complete" };
        assert_eq!(answer.outcome(), expected, "{path} {:?} {}", answer.headers, answer.text());
    }
    let heard = String::from_utf8_lossy(&over.heard.lock().unwrap()).into_owned();
    assert!(heard.contains("tutti-account") && heard.contains("tutti-statement"));
    assert!(!heard.contains(CANARY));
}

/// What the test above does not find could also be something it cannot find.
#[tokio::test]
async fn over_sockets_what_may_be_seen_is_on_the_wire() {
    let over = over_sockets(Cell::OPEN).await;
    assert_eq!(over.outer.get(&format!("/api/v2/traces/{ID}")).await.outcome(), "complete");
    assert!(String::from_utf8_lossy(&over.heard.lock().unwrap()).contains(CANARY));
}

/// Off the path of requests, a peer is asked for what it speaks.
#[tokio::test]
async fn a_probe_finds_a_gateway_and_nothing_else() {
    let over = over_sockets(Cell::OPEN).await;
    let watching = over.region.clone();
    let tasks = Group::new();
    tasks.spawn(async move { watching.watch().await });
    for _ in 0..200 {
        if !over.heard.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let heard = String::from_utf8_lossy(&over.heard.lock().unwrap()).into_owned();
    assert!(heard.contains("/api/status/buildinfo") && !heard.contains("tutti-statement"), "{heard}");
}
