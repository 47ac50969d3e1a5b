//! The stranger's hour, run as it is written.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use crate::manifests::{tempo, tool};
use crate::source::root;

/// Ports that the script takes above its first: three Tempos with four each, on tens.
const SPAN: u16 = 34;

/// Where all of them are free at this moment.
fn base() -> u16 {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let process = (std::process::id() % 400) as u16;
    (0..400u16)
        .map(|step| 11_000 + (process + step) % 400 * 40)
        .find(|base| (0..SPAN).all(|more| is_free(base + more)))
        .expect("ports that are free")
}

#[test]
fn a_stranger_gets_through_their_first_hour() {
    for needed in ["bash", "curl"] {
        if tool(needed, &["--version"]).is_none() {
            return;
        }
    }
    let mut command = Command::new("bash");
    let tempo = tempo();
    command.arg("deploy/hour.sh").current_dir(root()).stdin(Stdio::null());
    command.env("TUTTI", env!("CARGO_BIN_EXE_tutti")).env("PORT_BASE", base().to_string());
    let output = command.output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("demo: good") && said.contains("data source: good"), "{said}");
    assert_eq!(said.contains("three Tempos: good"), tempo.is_some(), "{said}");
    assert_eq!(said.contains("alert rules: good"), !said.contains("promtool is not on the path"), "{said}");
}
