//! What a peer sends is decided by where it goes: the shipped baseline stands before the region, and nothing that may
//! not cross the border is on the line, whatever the region's own callers see.

use std::sync::Arc;

use tutti::config::policies::shipped;
use tutti::config::redactor_of;
use tutti::identity::Callers;
use tutti::model::{Caller, RegionName};
use tutti::redaction::KeyRing;

use crate::gates::{Gate, Made, Who, peer, place, region, who};
use crate::spans::{ID, span, text};
use crate::trouble::holding;

const JANE: &str = "jane.roe@example.com";

/// A gateway in this place, whose callers sit in `home` if anywhere, before one in the EU, whose region has the
/// address of a person.
fn pair(of: &'static str, home: Option<&str>) -> (Gate, Gate) {
    let (near_is, far_is) = (who("near", of), who("far", "EU"));
    let far = far(&near_is, &far_is);
    let here = region("here", of, holding(vec![span(1, None, 3)]));
    let mut near = Made::new(&near_is, vec![here, peer(&near_is, "europe", &far_is, &far)]);
    near.callers = Callers::everyone(Caller { home: home.map(place), ..Caller::anonymous() });
    (near.gate(), far)
}

fn far(near_is: &Who, far_is: &Who) -> Gate {
    let mut held = span(2, Some(1), 2);
    held.attributes.push(text("user.email", JANE));
    let regions = [(RegionName::parse("eu").unwrap(), place("EU"))];
    let policies = Arc::new(shipped(&regions, place("EU")).unwrap());
    let mut far = Made::new(far_is, vec![region("eu", "EU", holding(vec![held]))]).trusting(near_is);
    far.redactor = Arc::new(redactor_of(&policies, KeyRing::default()).unwrap());
    far.policies = policies;
    far.gate()
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_at_home_is_on_no_line_that_leads_away() {
    for (of, is_sent) in [("EU", true), ("US", false), ("SG", false)] {
        let (near, far) = pair(of, None);
        let path = format!("/api/v2/traces/{ID}");
        assert!(far.get(&path).await.text().contains(JANE), "at home it is shown");
        for path in [
            path,
            "/api/search?q=%7B%20.user.email%20!=%20nil%20%7D%20%7C%20select(.user.email)".to_owned(),
            "/api/v2/search/tag/span.user.email/values".to_owned(),
        ] {
            let answer = near.get(&path).await.text();
            if !is_sent {
                assert!(!answer.contains(JANE), "{of} {path}: {answer}");
            }
        }
        assert_eq!(far.wire.carried(JANE), is_sent, "to {of}");
    }
}

/// Where a caller says that they sit can only take away.
#[tokio::test(start_paused = true)]
async fn the_home_of_a_caller_takes_away_at_the_peer_too() {
    let (near, far) = pair("EU", Some("US"));
    let seen = near.get(&format!("/api/v2/traces/{ID}")).await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text().contains(JANE), "{}", seen.text());
    assert!(!far.wire.carried(JANE));
}

/// Where the only region there is does not permit the question, that is the answer, and no failure of the gateway.
#[tokio::test(start_paused = true)]
async fn what_the_only_peer_does_not_permit_is_refused_for_the_right_that_is_lacking() {
    let (near_is, far_is) = (who("near", "US"), who("far", "EU"));
    let far = far(&near_is, &far_is);
    let near = Made::new(&near_is, vec![peer(&near_is, "europe", &far_is, &far)]).gate();
    for path in [
        "/api/search?q=%7B%20.user.email%20!=%20nil%20%7D",
        "/api/metrics/query_range?q=%7B.user.email!=nil%7D%7Crate()&start=1794999940&end=1795000060&step=60",
        "/api/metrics/query?q=%7B%7D%7Crate()by(.user.email)&start=1794999940&end=1795000060",
    ] {
        let refused = near.get(path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.outcome()),
            (403, "refused"),
            "{path}: {}",
            refused.text()
        );
        assert!(refused.text().contains("you lack the right"), "{path}: {}", refused.text());
    }
}
