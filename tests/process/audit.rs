//! What is acknowledged is on record, also of a process that was killed in the middle of it.

use std::path::Path;
use std::time::Duration;

use tutti::audit::disk::Folder;
use tutti::audit::note::NamedKey;
use tutti::audit::read::{Reader, checkpoint, tail};
use tutti::audit::verify::verify;

use super::running::{Running, get, tutti};
use super::{V2, region};

fn configuration(dir: &Path, url: &str) -> std::path::PathBuf {
    let file = dir.join("regions.toml");
    let text = format!(
        "[gateway]\nregion = \"us-east\"\n[audit]\ndir = \"audit\"\nwait_max = \"4s\"\n\
         [[region]]\nname = \"us-east\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"{url}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn receipt(answer: &str) -> Option<u64> {
    let (_, rest) = answer.split_once("tutti-audit: ")?;
    // An answer that was cut off in its head was not received.
    let (receipt, _) = rest.split_once("\r\n")?;
    Some(receipt.rsplit_once('/').unwrap_or_else(|| panic!("{answer}")).1.parse().unwrap())
}

/// The records of a folder that nobody writes, each as it stands there.
fn all(folder: &Folder) -> Vec<Vec<u8>> {
    let (_, checkpoint) = checkpoint(folder).unwrap();
    let reader = Reader::new(folder, checkpoint.size);
    let published = (0..checkpoint.size).map(|index| reader.record(index).unwrap().unwrap().bytes);
    let tail = tail(folder, checkpoint.size).unwrap().records.into_iter().map(|record| record.bytes);
    published.chain(tail).collect()
}

#[tokio::test]
async fn no_acknowledged_record_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let us = region(1, Duration::ZERO).await;
    let config = configuration(dir.path(), &us.url());
    let folder = Folder::at(dir.path().join("audit"));
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..3u64 {
        let mut gateway = Running::serve(&config).await;
        let address = gateway.address;
        let asking = (0..8).map(|_| async move {
            let mut got = Vec::new();
            // Until the process is gone, or for ever so long.
            while got.len() < 2000 {
                let Ok(answer) = get(address, V2).await else { break };
                let Some(index) = receipt(&answer) else { break };
                got.push(index);
            }
            got
        });
        let killing = async {
            tokio::time::sleep(Duration::from_millis(700 + 400 * round)).await;
            gateway.signal("KILL");
            gateway.ended().await;
        };
        let (asked, ()) = tokio::join!(futures::future::join_all(asking), killing);
        let before = acknowledged.len();
        acknowledged.extend(asked.into_iter().flatten());
        assert!(acknowledged.len() > before, "nobody was answered; it said:\n{}", gateway.said());
        let key = std::fs::read_to_string(dir.path().join("audit/log.vkey")).unwrap();
        verify(&folder, &NamedKey::parse(&key).unwrap(), &[], &[]).unwrap();
        let records = all(&folder);
        for index in &acknowledged {
            let record: serde_json::Value = serde_json::from_slice(&records[*index as usize]).unwrap();
            assert_eq!((&record["event"], &record["asked"]["trace"]), (&"query".into(), &super::ID.into()));
        }
    }
    let mut each = acknowledged.clone();
    each.sort_unstable();
    each.dedup();
    assert_eq!(each.len(), acknowledged.len(), "no two answers have one record");
    // Opened once more and ended in peace, all of it is under the checkpoint.
    let mut gateway = Running::serve(&config).await;
    gateway.signal("TERM");
    assert!(gateway.ended().await.success(), "{}", gateway.said());
    let dir = dir.path().join("audit");
    let ended = tutti(&["audit", "verify", dir.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(
        ended.status.success()
            && said.starts_with("good: tutti/us-east/")
            && !said.contains("no checkpoint yet"),
        "{said}"
    );
    let last = acknowledged.last().unwrap().to_string();
    let shown = tutti(&["audit", "show", &last, "--dir", dir.to_str().unwrap()]).output().unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stdout));
    let records = all(&Folder::at(&dir));
    let stop: serde_json::Value = serde_json::from_slice(records.last().unwrap()).unwrap();
    assert_eq!(stop["event"], "stop");
}

#[tokio::test]
async fn a_log_has_one_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let us = region(1, Duration::ZERO).await;
    let config = configuration(dir.path(), &us.url());
    let _gateway = Running::serve(&config).await;
    let second =
        tutti(&["serve", "--config", config.to_str().unwrap(), "--listen", "127.0.0.1:0"]).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("another process writes the log in"), "{said}");
}

#[tokio::test]
async fn an_auditor_verifies_the_log_of_a_running_gateway_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let us = region(1, Duration::ZERO).await;
    let config = configuration(dir.path(), &us.url());
    std::fs::write(dir.path().join("eve.json"), r#"{"sub": "eve", "roles": ["auditor"]}"#).unwrap();
    std::fs::write(dir.path().join("token"), "token-of-eve").unwrap();
    std::fs::write(dir.path().join("headers"), "Authorization: Bearer token-of-eve\n").unwrap();
    let more =
        "readers = [\"auditor\"]\n[[identity.token]]\ntoken = { file = \"token\" }\nclaims = \"eve.json\"\n";
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[[region]]", &format!("{more}[[region]]"))).unwrap();
    let gateway = Running::serve(&config).await;
    for _ in 0..300 {
        get(gateway.address, V2).await.unwrap();
    }
    let (key, url) = (dir.path().join("audit/log.vkey"), format!("http://{}", gateway.address));
    let (key, headers) = (std::fs::read_to_string(key).unwrap(), dir.path().join("headers"));
    let verifying = |key: String, headers: std::path::PathBuf| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let (key, headers) = (key.trim_end(), headers.to_str().unwrap());
            let args = ["audit", "verify", "--url", &url, "--key", key, "--header-file", headers];
            let ended = tutti(&args).output().unwrap();
            (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
        })
    };
    let (code, said) = verifying(key.clone(), headers.clone()).await.unwrap();
    assert!(code == Some(0) && said.starts_with("good: tutti/us-east/"), "{said}\n{}", gateway.said());
    let nobody = dir.path().join("nobody");
    std::fs::write(&nobody, "").unwrap();
    let (code, said) = verifying(key.clone(), nobody).await.unwrap();
    assert!(code == Some(2) && said.contains("the audit log is for its readers"), "{said}");
    // A record that is changed on the machine is found from afar.
    let tile = dir.path().join("audit/tile/entries/000");
    super::running::until("the full bundle is in its place", || tile.exists()).await;
    let mut bytes = std::fs::read(&tile).unwrap();
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    let (code, said) = verifying(key, headers).await.unwrap();
    assert!(code == Some(1) && said.contains("record 255: its bytes were changed"), "{said}");
}
