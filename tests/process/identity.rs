//! Identity in a whole process: a token that `tutti token` made, keys that are asked for over HTTP, and a gateway that
//! lets nobody else in.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fake_region::{FakeRegion, answer};
use super::running::{Running, tutti};
use super::{V2, region};

fn minted(folder: &Path, more: &[&str]) -> String {
    let (claims, key) = (folder.join("alice.json"), folder.join("dev.pem"));
    let args = [&["token", "--as", claims.to_str().unwrap(), "--key", key.to_str().unwrap()], more].concat();
    let made = tutti(&args).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = String::from_utf8(made.stdout).unwrap();
    assert_eq!(token.lines().count(), 1, "{token}");
    token.trim_end().to_owned()
}

async fn status(running: &Running, token: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request =
        format!("GET {V2} HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_gateway_lets_those_in_whose_tokens_are_signed_by_a_key_that_it_fetched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alice.json"), r#"{"sub": "alice", "roles": ["sre"]}"#).unwrap();
    let token = minted(folder.path(), &[]);
    let published = std::fs::read(folder.path().join("dev.jwks.json")).unwrap();
    let issuer = FakeRegion::start(move |_| answer(200, "application/json", &published)).await;
    let tempo = region(1, std::time::Duration::ZERO).await;
    let config = folder.path().join("regions.toml");
    let text = format!(
        "[gateway]\nregion = \"us\"\n\n[identity]\nmode = \"required\"\n\n[[identity.issuer]]\n\
         issuer = \"tutti-development\"\naudience = \"tutti\"\njwks_url = \"{}/keys\"\n\n\
         [[region]]\nname = \"us\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{}\"\n",
        issuer.url(),
        tempo.url()
    );
    std::fs::write(&config, text).unwrap();
    let running = Running::serve(&config).await;
    let nobody = running.get(V2).await.unwrap();
    assert!(nobody.starts_with("HTTP/1.1 401") && nobody.contains("nothing shows who asks"), "{nobody}");
    assert_eq!(status(&running, &token).await, "HTTP/1.1 200 OK", "{}", running.said());
    let other = minted(folder.path(), &["--audience", "another"]);
    assert_eq!(status(&running, &other).await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(status(&running, "nonsense").await, "HTTP/1.1 401 Unauthorized");
    assert_eq!(issuer.paths().first().map(String::as_str), Some("/keys"));
    assert!(!running.said().contains(&token), "no token is in the log");
}
