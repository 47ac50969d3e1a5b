//! What a peer gateway puts on record of a question that another one asks for somebody.

use std::sync::Arc;

use serde_json::Value;
use tutti::api::audit::Auditor;
use tutti::api::router;
use tutti::audit::disk::Folder;
use tutti::audit::read::Reader;
use tutti::audit::verify::verify;
use tutti::audit::{AuditSettings, Log};
use tutti::model::RegionName;
use tutti::proof::statement::check;

use crate::gates::{Made, Wire, peer, region, who};
use crate::spans::{ID, span};
use crate::trouble::holding;

/// The plan there is not the one here: both stand in the record here, so that it leads to the one there.
#[tokio::test(start_paused = true)]
async fn the_record_of_a_peer_holds_the_plan_of_the_gateway_that_asks() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(&AuditSettings::at(dir.path()), &RegionName::parse("eu-central").unwrap()).unwrap();
    let (outer_is, inner_is) = (who("us-east", "US"), who("eu-central", "EU"));
    let own = region("eu-central", "EU", holding(vec![span(1, None, 1)]));
    let mut inner = Made::new(&inner_is, vec![own]).trusting(&outer_is).gate();
    let auditor = Arc::new(Auditor::new(log.clone(), None));
    inner.estate.state = inner.estate.state.clone().with_audit(auditor);
    inner.estate.router = router(inner.estate.state.clone());
    inner.wire = Wire::to(inner.estate.router.clone());
    let there = peer(&outer_is, "eu-central", &inner_is, &inner);
    let outer = Made::new(&outer_is, vec![there]).gate();
    let answer = outer.get(&format!("/api/v2/traces/{ID}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = {
        let requests = inner.wire.requests.lock().unwrap();
        requests.last().unwrap().headers()["tutti-statement"].to_str().unwrap().to_owned()
    };
    let now = std::time::Duration::from_nanos(tutti::task::clock::wall_nanos());
    let stated = check(&token, outer_is.key.public(), "eu-central", now).unwrap();
    log.close().await;
    let folder = Folder::at(dir.path());
    let size = verify(&folder, log.key(), &[], &[]).unwrap().checkpoint.size;
    let reader = Reader::new(&folder, size);
    let records: Vec<Value> = (0..size)
        .map(|index| serde_json::from_slice(&reader.record(index).unwrap().unwrap().bytes).unwrap())
        .collect();
    let record = records.iter().find(|record| record["who"]["by"] == "peer").unwrap();
    assert_eq!(record["plan"]["outer"], stated.asker.plan_digest, "{record}");
    assert_ne!(record["plan"]["digest"], Value::Null, "{record}");
}
