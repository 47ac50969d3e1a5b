//! What is kept is found by its plan and shape alone, for its time, within its room, and until it is forgotten.

use super::*;
use crate::model::coverage::Owing;
use crate::model::{Answer, Coverage, Jurisdiction, Mode, RegionName, RegionReport, RegionStatus};

const ID: &str = "0af7651916cd43dd8448eb211c80319c";
const JSON: Form = Form { endpoint: FormEndpoint::V2, is_json: true, is_gzip: false };

fn key(plan: &str) -> HotKey {
    let query = TraceQuery::of(TraceId::parse(ID).unwrap());
    HotKey { query, plan_digest: plan.to_owned(), shape: Shape::Trace { adjusts_skew: false } }
}

fn whole(value: u32) -> Complete<u32> {
    let region = RegionName::parse("eu-central").unwrap();
    let report = RegionReport::new(region, Jurisdiction::parse("EU").unwrap(), RegionStatus::Ok);
    let coverage = Coverage {
        mode: Mode::BestEffort,
        regions: vec![report],
        owed: Owing::default(),
        is_size_limited: false,
        budget: None,
        plan_digest: String::new(),
    };
    Answer { value, coverage }.complete().unwrap()
}

fn memory(settings: HotSettings) -> HotTraces<u32> {
    HotTraces::new(settings, CacheFamilies::default())
}

fn keep(hot: &HotTraces<u32>, plan: &str, value: u32, bytes: u64, ended_ago: Duration) {
    let kept_for = hot.settings().kept_for(ended_ago);
    hot.remember(key(plan), whole(value), Size { held: bytes, shown: bytes }, kept_for, hot.epoch());
}

fn of(hot: &HotTraces<u32>, plan: &str) -> Option<u32> {
    hot.get(&key(plan)).map(|hit| hit.value().answer().value)
}

const SMALL: Size = Size { held: 100, shown: 100 };
const LONG_AGO: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn a_trace_that_may_grow_is_kept_for_seconds_and_an_old_one_for_minutes() {
    let hot = memory(HotSettings::GATEWAY);
    keep(&hot, "young", 1, 100, Duration::from_secs(5));
    keep(&hot, "old", 2, 100, LONG_AGO);
    assert_eq!((of(&hot, "young"), of(&hot, "old")), (Some(1), Some(2)));
    tokio::time::advance(HotSettings::GATEWAY.young).await;
    assert_eq!((of(&hot, "young"), of(&hot, "old")), (None, Some(2)));
    tokio::time::advance(HotSettings::GATEWAY.old).await;
    assert_eq!(of(&hot, "old"), None);
}

#[tokio::test(start_paused = true)]
async fn a_view_is_found_by_its_own_plan_and_shape_alone() {
    let hot = memory(HotSettings::GATEWAY);
    keep(&hot, "alice", 1, 100, LONG_AGO);
    assert_eq!((of(&hot, "alice"), of(&hot, "bob")), (Some(1), None));
    for shape in [
        Shape::Trace { adjusts_skew: true },
        Shape::Parts { names_origin: false },
        Shape::Parts { names_origin: true },
    ] {
        assert!(hot.get(&HotKey { shape, ..key("alice") }).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_for_it_is_not_kept_and_without_room_nothing_is() {
    let hot = memory(HotSettings { bytes_max: 1000, ..HotSettings::GATEWAY });
    keep(&hot, "large", 1, 501, LONG_AGO);
    keep(&hot, "small", 2, 500, LONG_AGO);
    assert_eq!((of(&hot, "large"), of(&hot, "small")), (None, Some(2)));
    let none = memory(HotSettings::NONE);
    keep(&none, "any", 1, 1, LONG_AGO);
    assert_eq!(of(&none, "any"), None);
}

#[tokio::test(start_paused = true)]
async fn one_trace_is_forgotten_for_every_plan_and_others_stay() {
    let hot = memory(HotSettings::GATEWAY);
    keep(&hot, "alice", 1, 100, LONG_AGO);
    keep(&hot, "bob", 2, 100, LONG_AGO);
    let other = HotKey { query: TraceQuery::of(TraceId::from_bytes([9; 16])), ..key("alice") };
    hot.remember(other.clone(), whole(3), SMALL, LONG_AGO, hot.epoch());
    hot.forget_where(|of| *of == TraceId::parse(ID).unwrap());
    assert_eq!((of(&hot, "alice"), of(&hot, "bob")), (None, None));
    assert!(hot.get(&other).is_some());
    keep(&hot, "alice", 4, 100, LONG_AGO);
    assert_eq!(of(&hot, "alice"), Some(4), "what comes later is kept again");
    hot.forget_all();
    assert!(of(&hot, "alice").is_none() && hot.get(&other).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_it_was_forgotten_is_not_kept_after() {
    let hot = memory(HotSettings::GATEWAY);
    let epoch = hot.epoch();
    hot.forget_where(|of| *of == TraceId::from_bytes([9; 16]));
    hot.remember(key("alice"), whole(1), SMALL, LONG_AGO, epoch);
    assert_eq!(of(&hot, "alice"), None);
}

#[tokio::test(start_paused = true)]
async fn whether_a_trace_and_its_body_are_kept_does_not_depend_on_what_is_withheld() {
    for withheld in [0, 400, 600, 5000, u64::from(u32::MAX) * 2] {
        let hot = memory(HotSettings { bytes_max: 1000, ..HotSettings::GATEWAY });
        let remember = |plan: &str, shown: u64| {
            let size = Size { held: shown + withheld, shown };
            hot.remember(key(plan), whole(1), size, LONG_AGO, hot.epoch());
        };
        remember("large", 501);
        assert_eq!(of(&hot, "large"), None, "{withheld}");
        remember("small", 490);
        let hit = hot.get(&key("small")).unwrap();
        hit.keep_body(JSON, written(b"0123456789"));
        let again = hot.get(&key("small")).unwrap();
        assert!(again.body(JSON).is_some(), "{withheld}");
        again.keep_body(Form { is_json: false, ..JSON }, written(b"0"));
        assert!(again.body(Form { is_json: false, ..JSON }).is_none(), "{withheld}");
    }
}

fn written(bytes: &'static [u8]) -> Written {
    Written { bytes: Bytes::from_static(bytes), length: bytes.len() as u64 }
}

#[tokio::test(start_paused = true)]
async fn a_body_lies_with_its_trace_counts_and_goes_with_it() {
    let hot = memory(HotSettings::GATEWAY);
    keep(&hot, "alice", 1, 100, LONG_AGO);
    let hit = hot.get(&key("alice")).unwrap();
    hit.keep_body(JSON, written(b"0123456789"));
    hit.keep_body(JSON, written(b"another"));
    let again = hot.get(&key("alice")).unwrap();
    assert_eq!(again.body(JSON).unwrap().bytes, "0123456789");
    for other in [
        Form { is_json: false, ..JSON },
        Form { is_gzip: true, ..JSON },
        Form { endpoint: FormEndpoint::V1, ..JSON },
    ] {
        assert!(again.body(other).is_none(), "{other:?}");
    }
    assert_eq!(hot.held(), (1, 110));
    hot.forget_all();
    again.keep_body(Form { is_json: false, ..JSON }, written(b"0123456789"));
    assert!(hot.get(&key("alice")).is_none(), "a body does not bring back what was forgotten");
    assert_eq!(hot.held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_while_a_body_is_kept_is_not_brought_back_by_it() {
    let hot = memory(HotSettings::GATEWAY);
    let id = TraceId::parse(ID).unwrap();
    let forgets: [&dyn Fn(); 2] = [&|| hot.forget_where(move |of| *of == id), &|| hot.forget_all()];
    for forget in forgets {
        keep(&hot, "alice", 1, 100, LONG_AGO);
        let hit = hot.get(&key("alice")).unwrap();
        // Between the look at what is kept and the body that is put there.
        hit.weigh_anew(forget);
        assert_eq!(of(&hot, "alice"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_would_take_more_than_its_share_is_not_kept() {
    let hot = memory(HotSettings { bytes_max: 1000, ..HotSettings::GATEWAY });
    keep(&hot, "alice", 1, 495, LONG_AGO);
    let hit = hot.get(&key("alice")).unwrap();
    hit.keep_body(JSON, written(b"0123456789"));
    assert!(hit.body(JSON).is_none());
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_near_its_end_is_told_once() {
    let hot = memory(HotSettings::GATEWAY);
    keep(&hot, "alice", 1, 100, LONG_AGO);
    tokio::time::advance(HotSettings::GATEWAY.old / 2).await;
    assert!(!hot.get(&key("alice")).unwrap().is_to_be_renewed());
    tokio::time::advance(HotSettings::GATEWAY.old / 5 * 2).await;
    assert!(hot.get(&key("alice")).unwrap().is_to_be_renewed());
    assert!(!hot.get(&key("alice")).unwrap().is_to_be_renewed());
}
