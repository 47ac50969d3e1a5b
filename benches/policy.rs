//! What a decision costs: a plan that is made for the first time with all its cells, and one that is remembered.
//!
//! `cargo bench --bench policy`. Three regions, 50 policies, 50 classes. Budgets: 10 ms cold, 1 µs warm, a cell of a
//! warm plan a few nanoseconds.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may stop at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tutti::model::{Caller, Jurisdiction, RegionName};
use tutti::policy::{
    ClassFacts, Classes, Facts, JurisdictionFacts, KeyLists, KeyRules, Policies, PolicyRegion, PolicyText,
    PurposeFacts, RegionPlan, Rulebook, Rung,
};

const CLASSES: usize = 50;
const POLICIES: usize = 50;

fn place(name: &str) -> Jurisdiction {
    Jurisdiction::parse(name).unwrap()
}

fn facts() -> Facts {
    let class = |nth: usize| ClassFacts {
        name: format!("group{}.class{nth}", nth % 8),
        group: format!("group{}.all", nth % 8),
        ladder: vec![Rung::Generalised, Rung::Pseudonymised, Rung::Masked],
        ..ClassFacts::default()
    };
    let adequate = ["CH", "GB", "JP", "NZ"].map(place).to_vec();
    let purpose = PurposeFacts {
        name: "incident".to_owned(),
        title: String::new(),
        basis: String::new(),
        concerns: vec!["group1".to_owned(), "group2".to_owned()],
    };
    Facts {
        classes: Arc::new(Classes::new((0..CLASSES).map(class).collect(), KeyLists::default()).unwrap()),
        purposes: vec![purpose],
        jurisdictions: vec![JurisdictionFacts { name: place("EU"), title: String::new(), adequate }],
        care: Vec::new(),
        epoch: 0,
    }
}

/// A fifth is about every class, as policies on purpose and border are; the others about one group.
fn policies() -> String {
    let policy = |nth: usize| {
        let (effect, act) =
            if nth.is_multiple_of(3) { ("forbid", "readRaw") } else { ("permit", "readMasked") };
        let resource = match nth % 5 {
            0 => "resource".to_owned(),
            _ => format!("resource in Class::\"group{}\"", nth % 8),
        };
        format!(
            "@id(\"p{nth}\") {effect} (principal, action in [Action::\"{act}\", Action::\"ask\"], {resource}) when {{ \
             context.delivered.same || principal.roles.contains(\"role{nth}\") || \
             (context.delivered.adequate && resource in context.purpose.concerns) }};\n"
        )
    };
    (0..POLICIES).map(policy).collect()
}

fn set() -> Policies {
    let text = policies();
    let book = Rulebook::build(&[PolicyText { name: "bench.cedar", text: &text }], facts(), None).unwrap();
    let regions = [("us-east", "US"), ("eu-central", "EU"), ("jp-east", "JP")];
    let region = |(name, jurisdiction)| PolicyRegion {
        name: RegionName::parse(name).unwrap(),
        jurisdiction: place(jurisdiction),
        keys: KeyRules::default(),
    };
    Policies::of_rules(Arc::new(book), place("US"), regions.map(region).to_vec())
}

fn caller(nth: usize) -> Caller {
    Caller {
        subject: "jane".to_owned(),
        roles: ["sre".to_owned(), format!("role{nth}")].into(),
        groups: ["payments".to_owned(), "on-call".to_owned()].into(),
        purpose: Some("incident".to_owned()),
        ..Caller::anonymous()
    }
}

/// Every cell of every region, as a query over everything would need it.
fn all_cells(policies: &Policies, caller: &Caller) -> usize {
    let plan = policies.plan(caller);
    let mut shown = 0;
    for name in ["us-east", "eu-central", "jp-east"] {
        let RegionPlan::Ruled(ruled) = plan.region(&RegionName::parse(name).unwrap()) else { continue };
        shown += ruled.classes().iter().filter(|(class, _)| ruled.cell(*class).rung != Rung::Dropped).count();
    }
    shown
}

fn bench(criterion: &mut Criterion) {
    let policies = set();
    let mut nth = 0;
    criterion.bench_function("plan/cold, every cell of three regions", |bencher| {
        bencher.iter_batched(
            || {
                nth += 1;
                caller(1000 + nth)
            },
            |caller| black_box(all_cells(&policies, &caller)),
            BatchSize::SmallInput,
        );
    });
    let known = caller(1);
    let plan = policies.plan(&known);
    criterion.bench_function("plan/warm", |bencher| {
        bencher.iter(|| black_box(policies.plan(black_box(&known))));
    });
    let RegionPlan::Ruled(ruled) = plan.region(&RegionName::parse("eu-central").unwrap()) else { return };
    let class = policies.classes().by_name("group1.class1").unwrap();
    black_box(ruled.cell(class));
    criterion
        .bench_function("plan/one cell", |bencher| bencher.iter(|| black_box(ruled.cell(black_box(class)))));
}

criterion_group!(benches, bench);
criterion_main!(benches);
