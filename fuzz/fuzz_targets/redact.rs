//! Any bytes as a region's trace, by class: the engine ends, shows the same each time, and what it shows is a trace
//! that can be read.
#![no_main]

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tutti::config::policies::shipped;
use tutti::config::redactor_of;
use tutti::model::{Jurisdiction, RegionName};
use tutti::policy::{Care, Cell, RegionPlan, Ruled, Rung};
use tutti::redaction::{KeyRing, Marks, Raw, Redactor, RegionRules, rewrite};
use tutti::trace::scan;

fuzz_target!(|input: (u64, Vec<u8>)| {
    let (dice, bytes) = input;
    let redactor = redactor();
    let region = RegionName::parse("eu").unwrap();
    let ruled = Ruled::fixed(redactor.classes().clone(), region.clone(), |class| {
        let nth = (dice >> (class.index() % 60)) as usize % Rung::ALL.len();
        let care = if dice & 1 == 0 { Care::Balanced } else { Care::Paranoid };
        Cell { rung: Rung::ALL[nth], care, ..Cell::SHUT }
    });
    let plan = RegionPlan::Ruled(Arc::new(ruled));
    let rules = RegionRules { region: &region, plan: &plan, redactor, marks: Marks::Every };
    let view = || rewrite::trace(Raw::seal(Bytes::from(bytes.clone())), None, rules).map(|view| view.to_protobuf());
    let first = view();
    assert_eq!(first, view());
    if let Ok(shown) = first {
        scan(Bytes::from(shown), None).expect("what is shown is a trace");
    }
});

fn redactor() -> &'static Redactor {
    static REDACTOR: OnceLock<Redactor> = OnceLock::new();
    REDACTOR.get_or_init(|| {
        let eu = Jurisdiction::parse("EU").unwrap();
        let policies = shipped(&[], eu).expect("the baseline is good");
        redactor_of(&policies, KeyRing::of_this_run()).unwrap()
    })
}
