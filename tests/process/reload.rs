//! A new configuration in a running process: taken up whole or not at all, and nothing in flight dropped.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::running::Running;
use super::{FakeRegion, ID, SLOW, V2, is_asked, region};

/// A folder with a configuration of one region.
struct Estate {
    _folder: TempDir,
    path: PathBuf,
}

impl Estate {
    fn of(name: &str, region: &FakeRegion) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("regions.toml");
        std::fs::write(&path, config(name, region)).unwrap();
        Self { _folder: folder, path }
    }
}

fn config(name: &str, region: &FakeRegion) -> String {
    format!(
        "[gateway]\nregion = \"{name}\"\npacks = []\nlisten = \"127.0.0.1:0\"\n\n\
         [[region]]\nname = \"{name}\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{}\"\n",
        region.url()
    )
}

/// As an editor saves it: whole, under another name, then moved into place.
fn save(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

const GOOD: &str = "tutti_config_last_reload_successful 1";
const BAD: &str = "tutti_config_last_reload_successful 0";

#[tokio::test]
async fn a_changed_file_is_taken_up_and_requests_in_flight_end_with_what_they_began_with() {
    let (old, new) = (region(1, SLOW).await, region(2, Duration::ZERO).await);
    let estate = Estate::of("us-old", &old);
    let running = Running::serve(&estate.path).await;
    let meanwhile = async {
        is_asked(&old).await;
        save(&estate.path, &config("us-new", &new));
        running.get_until("/status", "us-new").await;
        running.get(V2).await.unwrap()
    };
    let (in_flight, after) = tokio::join!(running.get(V2), meanwhile);
    let in_flight = in_flight.unwrap();
    assert!(in_flight.contains("tutti-regions: us-old;status=ok"), "{in_flight}");
    assert!(in_flight.contains("step 1") && !in_flight.contains("step 2"), "{in_flight}");
    assert!(after.contains("tutti-regions: us-new;status=ok") && after.contains("step 2"), "{after}");
    running.get_until("/metrics", GOOD).await;
}

#[tokio::test]
async fn a_hangup_loads_the_file_again() {
    let (old, new) = (region(1, Duration::ZERO).await, region(2, Duration::ZERO).await);
    let estate = Estate::of("us-old", &old);
    let running = Running::serve(&estate.path).await;
    let before = reloads(&running).await;
    // Nothing has changed: that is good, too.
    running.signal("HUP");
    running.get_until("/metrics", &format!("{RELOADS} {}", before + 1)).await;
    assert!(running.get(V2).await.unwrap().contains("step 1"));
    save(&estate.path, &config("us-new", &new));
    running.signal("HUP");
    running.get_until("/status", "us-new").await;
    assert!(running.get(V2).await.unwrap().contains("step 2"));
}

const RELOADS: &str = "tutti_config_reloads_total{result=\"applied\"}";

async fn reloads(running: &Running) -> u64 {
    let metrics = running.get("/metrics").await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(RELOADS)).expect("a count of reloads");
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn a_faulty_file_leaves_the_last_good_one_in_force_until_it_is_mended() {
    let (old, new) = (region(1, Duration::ZERO).await, region(2, Duration::ZERO).await);
    let estate = Estate::of("us-old", &old);
    let running = Running::serve(&estate.path).await;
    running.get_until("/metrics", GOOD).await;
    let faulty = config("us-new", &new).replace("jurisdiction", "jurisdicton");
    for fault in [faulty.as_str(), "[[region\n", ""] {
        save(&estate.path, fault);
        running.signal("HUP");
        running.get_until("/metrics", BAD).await;
        let answer = running.get(V2).await.unwrap();
        assert!(answer.contains("tutti-regions: us-old;status=ok") && answer.contains("step 1"), "{answer}");
        assert!(running.get("/ready").await.unwrap().starts_with("HTTP/1.1 200 "));
        assert!(running.said().contains("the last good one stays"), "{}", running.said());
        save(&estate.path, &config("us-old", &old));
        running.get_until("/metrics", GOOD).await;
    }
    assert!(running.said().contains("jurisdicton"), "the log names the fault: {}", running.said());
    std::fs::remove_file(&estate.path).unwrap();
    running.signal("HUP");
    running.get_until("/metrics", BAD).await;
    save(&estate.path, &config("us-new", &new));
    running.get_until("/status", "us-new").await;
    running.get_until("/metrics", GOOD).await;
}

/// Policies that do not do what a case expects, or are none, are not taken; the log names file and place.
#[tokio::test]
async fn faulty_policies_leave_the_last_good_ones_in_force_until_they_are_mended() {
    let region = region(1, Duration::ZERO).await;
    let estate = Estate::of("us-east", &region);
    let folder = estate.path.parent().unwrap().join("policies");
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    let cedar = folder.join("all.cedar");
    let good = "@id(\"all\")\npermit (principal, action, resource);\n";
    let case = "[[case]]\nname = \"all\"\nclasses = [\"a.b\"]\nstored = \"US\"\ndelivered = \"US\"\nrung = \"raw\"\n";
    let classes = "[[class]]\nname = \"a.b\"\ntitle = \"B\"\ngroup = \"a\"\n";
    for (name, text) in [("all.cedar", good), ("classes.toml", classes), ("tests/all.toml", case)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let with_policies = config("us-east", &region).replace("packs = []", "policies = \"policies\"");
    std::fs::write(&estate.path, with_policies).unwrap();
    let running = Running::serve(&estate.path).await;
    running.get_until("/metrics", GOOD).await;
    for (fault, said) in [
        ("@id(\"all\")\npermit (principal, action, resource) when { context.juridiction };", "all.cedar:2:"),
        (
            "@id(\"all\")\nforbid (principal, action, resource);",
            "all.toml:1:1: case[0]: case `all`, a.b: it is dropped",
        ),
    ] {
        std::fs::write(&cedar, fault).unwrap();
        running.signal("HUP");
        running.get_until("/metrics", BAD).await;
        assert!(running.get(V2).await.unwrap().contains("tutti-regions: us-east;status=ok"));
        // What it says comes through a pipe, which may be later than the answer.
        for _ in 0..100 {
            if running.said().contains(said) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(running.said().contains(said), "{}", running.said());
        // Noticed by the watch: the folder's own files are followed, and those below it.
        std::fs::write(&cedar, good).unwrap();
        running.get_until("/metrics", GOOD).await;
    }
}

/// What was asked under one set of policies is answered under it, however the set changes meanwhile.
#[tokio::test]
async fn policies_that_change_in_mid_question_hold_for_the_next_one() {
    let region = region(1, SLOW).await;
    let estate = Estate::of("us-east", &region);
    let folder = estate.path.parent().unwrap().join("policies");
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    let strict = "@id(\"all\")\npermit (principal, action, resource in Class::\"a.b\");\n";
    let open = "@id(\"all\")\npermit (principal, action, resource);\n";
    let case = "[[case]]\nname = \"all\"\nclasses = [\"a.b\"]\nstored = \"US\"\ndelivered = \"US\"\nrung = \"raw\"\n";
    let classes = "[[class]]\nname = \"a.b\"\ntitle = \"B\"\ngroup = \"a\"\n";
    for (name, text) in [("all.cedar", strict), ("classes.toml", classes), ("tests/all.toml", case)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let with_policies = config("us-east", &region).replace("packs = []", "policies = \"policies\"");
    std::fs::write(&estate.path, with_policies).unwrap();
    let running = Running::serve(&estate.path).await;
    let before = reloads(&running).await;
    let meanwhile = async {
        is_asked(&region).await;
        std::fs::write(folder.join("all.cedar"), open).unwrap();
        running.get_until("/metrics", &format!("{RELOADS} {}", before + 1)).await;
        running.get(V2).await.unwrap()
    };
    let (in_flight, after) = tokio::join!(running.get(V2), meanwhile);
    let in_flight = in_flight.unwrap();
    assert!(in_flight.contains("tutti-regions: us-east;status=ok"), "{in_flight}");
    assert!(in_flight.contains("tutti.redacted"), "{in_flight}");
    assert!(after.contains("step 1") && !after.contains("tutti.redacted"), "{after}");
}

/// A gateway over embedded regions, each given by its name and what more is said of it.
fn embedded(regions: &[(&str, &str)]) -> String {
    let regions = regions.iter().map(|(name, more)| {
        format!("[[region]]\nname = \"{name}\"\njurisdiction = \"US\"\nkind = \"memory\"\n{more}\n")
    });
    let regions: String = regions.collect();
    format!("[gateway]\nregion = \"us-east\"\npacks = []\nlisten = \"127.0.0.1:0\"\n\n{regions}")
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn send(address: SocketAddr, span: u64) -> std::io::Result<String> {
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{ID}","spanId":"{span:016x}","name":"step {span}","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000001000000"}}]}}]}}]}}"#
    );
    let mut stream = TcpStream::connect(address).await?;
    let head =
        "POST /v1/traces HTTP/1.1\r\nHost: region\r\nConnection: close\r\nContent-Type: application/json";
    stream.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn embedded_regions_come_and_go_with_their_addresses_and_keep_their_spans() {
    let (one, two, taken) = (free(), free(), TcpListener::bind("127.0.0.1:0").unwrap());
    let otlp = |address: SocketAddr| format!("otlp = \"{address}\"");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.toml");
    std::fs::write(&path, embedded(&[("us-east", &otlp(one))])).unwrap();
    let running = Running::serve(&path).await;
    assert!(send(one, 1).await.unwrap().starts_with("HTTP/1.1 200 "));

    // Another region comes, and the one that stays is changed.
    let deadline = format!("{}\ndeadline = \"3s\"\nbytes_max = \"64MB\"", otlp(one));
    save(&path, &embedded(&[("us-east", &deadline), ("us-west", &otlp(two))]));
    running.get_until("/status", "us-west").await;
    assert!(send(two, 2).await.unwrap().starts_with("HTTP/1.1 200 "));
    let answer = running.get(V2).await.unwrap();
    assert!(answer.contains("step 1") && answer.contains("step 2"), "{answer}");
    let said = "region.us-west added; only after a restart: region.us-east.bytes_max";
    assert!(running.said().contains(said), "{}", running.said());
    running.get_until("/metrics", "tutti_region_circuit{region=\"us-west\"} 0").await;

    // One that cannot stand leaves everything as it was.
    let elsewhere = otlp(taken.local_addr().unwrap());
    save(&path, &embedded(&[("us-east", &otlp(one)), ("us-south", &elsewhere)]));
    running.get_until("/metrics", BAD).await;
    assert!(running.get("/status").await.unwrap().contains("us-west"));
    assert!(send(two, 3).await.unwrap().starts_with("HTTP/1.1 200 "));
    assert!(running.get(V2).await.unwrap().contains("step 3"));

    // An address goes from one region to another, and one that nobody has any more closes.
    save(&path, &embedded(&[("us-east", ""), ("us-south", &otlp(one))]));
    running.get_until("/status", "us-south").await;
    running.get_until("/metrics", GOOD).await;
    assert!(send(one, 4).await.unwrap().starts_with("HTTP/1.1 200 "));
    let answer = running.get(V2).await.unwrap();
    assert!(answer.contains("step 1") && answer.contains("step 4"), "{answer}");
    assert!(!answer.contains("step 2"), "{answer}");
    assert!(send(two, 5).await.is_err(), "its region is gone");
    let metrics = running.get("/metrics").await.unwrap();
    assert!(!metrics.contains("circuit{region=\"us-west\"}"), "{metrics}");
}

/// Self-signed, and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// The gateway's word over TLS to one who believes this certificate alone; none where it shows another.
async fn echo_believing(running: &Running, certificate: &str) -> Option<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut stream = tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    let ask = b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    Some(answer)
}

#[tokio::test]
async fn a_certificate_is_served_and_a_new_one_is_taken_up_when_its_files_change() {
    let region = region(1, Duration::ZERO).await;
    let estate = Estate::of("us-east", &region);
    let folder = estate.path.parent().unwrap().to_owned();
    let put = |(certificate, key): &(String, String)| {
        save(&folder.join("tutti.key"), key);
        save(&folder.join("tutti.crt"), certificate);
    };
    let (before, after) = (certificate(), certificate());
    put(&before);
    let tls = "listen = \"127.0.0.1:0\"\ntls = { cert_file = \"tutti.crt\", key_file = \"tutti.key\" }";
    let secure = config("us-east", &region).replace("listen = \"127.0.0.1:0\"", tls);
    std::fs::write(&estate.path, secure).unwrap();
    let running = Running::serve(&estate.path).await;
    assert!(echo_believing(&running, &before.0).await.unwrap().ends_with("echo\n"));
    assert!(echo_believing(&running, &after.0).await.is_none());
    put(&after);
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while echo_believing(&running, &after.0).await.is_none() {
        assert!(tokio::time::Instant::now() < end, "in vain: {}", running.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(echo_believing(&running, &before.0).await.is_none());
}
