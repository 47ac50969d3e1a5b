//! The end of a process, and a beginning that fails.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use super::running::{Running, get, tutti};
use super::{SLOW, V2, is_asked, region};

fn config(url: &str) -> String {
    format!(
        "[gateway]\nregion = \"us-east\"\npacks = []\nlisten = \"127.0.0.1:0\"\n\n\
         [[region]]\nname = \"us-east\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{url}\"\n\n\
         [[region]]\nname = \"us-west\"\njurisdiction = \"US\"\nkind = \"memory\"\n"
    )
}

#[tokio::test]
async fn told_to_end_it_finishes_what_is_in_flight_and_says_that_it_stops() {
    let region = region(1, SLOW).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config(&region.url())).unwrap();
    let mut running = Running::serve(&path).await;
    assert!(running.get("/ready").await.unwrap().starts_with("HTTP/1.1 200 "));
    let meanwhile = async {
        is_asked(&region).await;
        running.signal("TERM");
        running.get_until("/ready", "503 Service Unavailable").await
    };
    let (in_flight, ready) = tokio::join!(running.get(V2), meanwhile);
    assert!(ready.ends_with("\r\n\r\nApplication is stopping\n"), "{ready}");
    let in_flight = in_flight.unwrap();
    assert!(in_flight.starts_with("HTTP/1.1 200 ") && in_flight.contains("step 1"), "{in_flight}");
    assert!(in_flight.contains("tutti-outcome: complete"), "{in_flight}");
    let (_, id) = in_flight.split_once("x-request-id: ").unwrap();
    let id = id.lines().next().unwrap();
    super::running::until("the log names the answer's id", || running.said().contains(id)).await;
    let status = running.ended().await;
    assert_eq!(status.code(), Some(0), "{}", running.said());
    assert!(running.get("/ready").await.is_err(), "the port is closed");
}

#[tokio::test]
async fn with_nothing_in_flight_it_ends_at_once() {
    let region = region(1, SLOW).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config(&region.url())).unwrap();
    for signal in ["TERM", "INT"] {
        let mut running = Running::serve(&path).await;
        // Open and idle: nobody waits for it.
        let _idle = tokio::net::TcpStream::connect(running.address).await.unwrap();
        running.get("/ready").await.unwrap();
        running.signal(signal);
        assert_eq!(running.ended().await.code(), Some(0), "{signal}: {}", running.said());
    }
}

#[test]
fn a_port_that_is_taken_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config("http://127.0.0.1:9")).unwrap();
    let config = path.to_str().unwrap();
    for args in [&["serve", "--config", config, "--listen", &address][..], &["demo", "--listen", &address]] {
        let output = tutti(args).env("RUST_LOG", "off").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        let expected = format!("error: cannot listen on {address}: ");
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains("choose a free port with --listen"), "{said}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    }
}

/// The file is good, so sending a person to `tutti check` would be no help.
#[test]
fn an_address_that_others_could_reach_is_refused_by_serve_and_by_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, config("http://127.0.0.1:9")).unwrap();
    let config = path.to_str().unwrap();
    for args in
        [&["serve", "--config", config, "--listen", "0.0.0.0:0"][..], &["demo", "--listen", "0.0.0.0:0"]]
    {
        let output = tutti(args).env("RUST_LOG", "off").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("can be reached from other machines") && said.contains("127.0.0.1"), "{said}");
        assert!(!said.contains("tutti check"), "{said}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    }
}

/// Runs the demo until the line with its address, of which only the beginning of each stream is read.
async fn demo_unheard(stdout: bool) -> (std::process::Child, Option<SocketAddr>) {
    let mut child = tutti(&["demo", "--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "info")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let out = child.stdout.take().unwrap();
    if !stdout {
        return (child, None);
    }
    let first = BufReader::new(out).lines().next().unwrap().unwrap();
    let (_, address) = first.split_once("http://").unwrap();
    (child, Some(address.trim().parse().unwrap()))
}

#[tokio::test]
async fn it_goes_on_when_nobody_listens_to_what_it_says() {
    let (mut child, address) = demo_unheard(true).await;
    // Each request is logged, to nobody.
    for _ in 0..2 {
        let answer = get(address.unwrap(), V2).await.unwrap();
        assert!(answer.contains("tutti-outcome: complete"), "{answer}");
    }
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    // A reader that leaves before the first line is no reason to panic, either.
    let (mut child, _) = demo_unheard(false).await;
    tokio::time::sleep(SLOW).await;
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_does_not_hold_up_the_end() {
    let region = region(1, SLOW).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    let token = folder.path().join("token");
    std::fs::write(&token, "secret").unwrap();
    let url = region.url();
    let auth = format!("url = \"{url}\"\nauth = {{ bearer = {{ file = \"token\" }} }}");
    std::fs::write(&path, config(&url).replace(&format!("url = \"{url}\""), &auth)).unwrap();
    let mut running = Running::serve(&path).await;
    // A pipe that nobody writes to, where the secret was.
    std::fs::remove_file(&token).unwrap();
    assert!(Command::new("mkfifo").arg(&token).status().unwrap().success());
    running.signal("HUP");
    tokio::time::sleep(SLOW).await;
    running.get("/ready").await.unwrap();
    running.signal("TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.said());
}

#[test]
fn a_log_has_colours_only_where_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    // One warning, then an address that cannot be had.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write(&path, config("http://127.0.0.1:9")).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let args = ["serve", "--config", path.to_str().unwrap(), "--listen", &address];
    let said = |variables: &[(&str, &str)]| {
        let output = tutti(&args).envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&[]).contains("WARN") && !said(&[]).contains('\u{1b}'));
    assert!(said(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(!said(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));
}
