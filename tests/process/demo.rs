//! The demo as a newcomer runs it, and what it says of a region that is slow or down.

use std::process::Output;

use super::running::{Running, tutti};

/// The trace id and the rest of the command line that the demo tells a person to try.
fn told(running: &Running) -> (String, String) {
    let said = running.said();
    // As the demo was called: a copy of the line works where `tutti` is not on the PATH.
    let command = format!("{} trace ", env!("CARGO_BIN_EXE_tutti"));
    let line = said.lines().find_map(|line| line.trim().strip_prefix(&command)).expect("a line to try");
    let (id, server) = line.split_once(" --server ").expect("the server, where it is not the usual one");
    (id.to_owned(), server.to_owned())
}

async fn trace(running: &Running, args: &[&str]) -> Output {
    // The line comes with the address, or just behind it.
    super::running::until("it tells what to try", || running.said().contains("Ctrl-C ends the demo")).await;
    let (id, server) = told(running);
    assert_eq!(server, running.url());
    let (mut command, args) = (tutti(&["trace", &id, "--server", &server]), args.to_vec());
    command.args(args);
    tutti::task::blocking(move || command.output().unwrap()).await.unwrap()
}

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {} {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn statuses(document: &serde_json::Value) -> Vec<(String, String)> {
    let regions = document["report"]["regions"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    regions.iter().map(|region| (text(&region["name"]), text(&region["status"]))).collect()
}

fn expected(statuses: [&str; 3]) -> Vec<(String, String)> {
    let names = ["us-east", "us-west", "eu-central"];
    names.iter().zip(statuses).map(|(name, status)| ((*name).to_owned(), status.to_owned())).collect()
}

#[tokio::test]
async fn it_shows_a_trace_of_all_three_regions() {
    let mut running = Running::demo(&[]).await;
    let output = trace(&running, &["--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document = document(&output);
    assert_eq!(document["report"]["outcome"], "complete");
    assert_eq!(statuses(&document), expected(["ok", "ok", "ok"]));
    assert_eq!(document["report"]["owed"]["missingParents"], 0);
    for region in document["report"]["regions"].as_array().unwrap() {
        assert!(region["spans"].as_u64().unwrap() > 0, "each holds a part of it: {region}");
    }
    let (id, _) = told(&running);
    let answer = running.get(&format!("/api/v2/traces/{id}")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("tutti-outcome: complete"), "{answer}");
    let request = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
    let logged = format!("request_id={request}");
    super::running::until("the log has the answer by its id", || running.said().contains(&logged)).await;
    // What is drawn for a person names what is in it.
    let drawn = trace(&running, &[]).await;
    assert_eq!(drawn.status.code(), Some(0));
    let drawn = String::from_utf8(drawn.stdout).unwrap();
    for word in ["us-east", "us-west", "eu-central", "checkout"] {
        assert!(drawn.contains(word), "{word}:\n{drawn}");
    }
    running.signal("INT");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.said());
}

#[tokio::test]
async fn a_region_that_is_down_is_named_and_the_rest_is_shown() {
    let running = Running::demo(&["--down", "us-west"]).await;
    assert!(running.said().contains("us-west"), "{}", running.said());
    let output = trace(&running, &["--json"]).await;
    assert_eq!(output.status.code(), Some(3));
    let document = document(&output);
    assert_eq!(document["report"]["outcome"], "partial");
    // After a few probes the circuit is open, and it is not asked at all.
    let found = statuses(&document);
    assert!(
        found == expected(["ok", "unreachable", "ok"]) || found == expected(["ok", "circuit_open", "ok"]),
        "{found:?}"
    );
    let drawn = trace(&running, &[]).await;
    assert_eq!(drawn.status.code(), Some(3));
    let drawn = String::from_utf8(drawn.stdout).unwrap();
    assert!(drawn.contains("MISSING") && drawn.contains("us-west"), "{drawn}");
}

#[tokio::test]
async fn a_region_that_is_too_slow_is_waited_for_no_longer_than_its_deadline() {
    let running = Running::demo(&["--slow", "eu-central=1h"]).await;
    let begun = tokio::time::Instant::now();
    let output = trace(&running, &["--json"]).await;
    let took = begun.elapsed();
    assert_eq!(output.status.code(), Some(3));
    let document = document(&output);
    assert_eq!(document["report"]["outcome"], "partial");
    let found = statuses(&document);
    assert!(
        found == expected(["ok", "ok", "timeout"]) || found == expected(["ok", "ok", "circuit_open"]),
        "{found:?}"
    );
    assert!(took < std::time::Duration::from_secs(15), "{took:?}");
    let trace = document["trace"].to_string();
    assert!(
        trace.contains("region eu-central did not answer in time") || trace.contains("eu-central was not")
    );
}

#[tokio::test]
async fn a_region_that_is_only_a_little_slow_is_waited_for() {
    let running = Running::demo(&["--slow", "eu-central=700ms"]).await;
    let output = trace(&running, &["--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(statuses(&document(&output)), expected(["ok", "ok", "ok"]));
}

#[test]
fn a_region_the_demo_does_not_have_is_refused_with_those_it_has() {
    let output = tutti(&["demo", "--down", "mars"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`mars`") && said.contains("us-east, us-west, eu-central"), "{said}");
}
