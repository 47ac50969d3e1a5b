//! Queries by chance: what one list of them would not think of.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::estate::*;
use super::tests::{said, searching, with_others};
use super::*;
use crate::model::SearchAnswer;
use crate::policy::{Plan, Treatment};

/// Queries of one run.
const QUERIES: usize = 200;

/// A query by chance over what the traces hold.
pub(super) fn query(chance: &mut StdRng) -> String {
    let filter = |chance: &mut StdRng| filter(chance, 2);
    let one = filter(chance);
    let other = filter(chance);
    let relation = [
        ">>", ">", "<<", "<", "~", "!>>", "!>", "!<<", "!<", "!~", "&>>", "&>", "&<<", "&<", "&~", "&&", "||",
    ];
    let relation = relation[chance.random_range(0..relation.len())];
    let stages = [
        "| count() > 1",
        "| avg(duration) > 1s",
        "| max(.n) >= 2",
        "| by(.s)",
        "| by(resource.service.name) | count() = 2",
        "| select(.b, event:name)",
        "| { .n = 1 }",
    ];
    let stage = stages[chance.random_range(0..stages.len())];
    match chance.random_range(0..6) {
        0 => one,
        1 => format!("{one} {relation} {other}"),
        2 => format!("{one} {stage}"),
        3 => format!("({one} {relation} {other}) {relation} {}", filter(chance)),
        4 => format!("{one} {relation} {other} {stage}"),
        _ => format!("{one} | {other} {stage}"),
    }
}

fn filter(chance: &mut StdRng, depth: u32) -> String {
    format!("{{ {} }}", field(chance, depth))
}

fn field(chance: &mut StdRng, depth: u32) -> String {
    if depth > 0 && chance.random_range(0..3) == 0 {
        let operator = ["&&", "||"][chance.random_range(0..2)];
        let not = ["", "!"][usize::from(chance.random_range(0..5) == 0)];
        return format!("{not}({} {operator} {})", field(chance, depth - 1), field(chance, depth - 1));
    }
    const FIELDS: &[&str] = &[
        ".n = 1",
        ".n != 2",
        "span.n > 1",
        ".f >= 0.5",
        ".f * 2 = 1",
        ".s = \"a\"",
        "span.s != \"b\"",
        ".s =~ \"a|c\"",
        ".s !~ \"a\"",
        ".b = true",
        ".b",
        ".n = nil",
        ".s != nil",
        ".user.email =~ \"j.*\"",
        ".user.email = \"<redacted>\"",
        "resource.service.name = \"pay\"",
        ".zone != \"shop-1\"",
        "name = \"get\"",
        "status = error",
        "kind != server",
        "duration > 1s",
        "traceDuration < 3s",
        "rootName = \"put\"",
        "rootServiceName != \"mail\"",
        "span:childCount = 0",
        "nestedSetParent < 0",
        "event:name = \"failed\"",
        "event.k != 1",
        "link.l = nil",
        "true",
        "false",
    ];
    FIELDS[chance.random_range(0..FIELDS.len())].to_owned()
}

/// Whatever is asked: candidates and assembly find what the one region finds that holds all.
#[tokio::test]
async fn no_query_tells_where_the_spans_lie() {
    let seed = std::env::var("TUTTI_QUERY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(50u64);
    let mut chance = StdRng::seed_from_u64(seed);
    let spans = traces(seed, 12);
    let one = federation(&[spans.concat()], Plan::allow_all());
    let three = federation(&spread(&spans, seed), Plan::allow_all());
    let mut found = 0;
    for _ in 0..QUERIES {
        let text = query(&mut chance);
        let of_one = one.search(searching(&text, 100, None)).await;
        let of_three = three.search(searching(&text, 100, None)).await;
        let traces = |answer: Answered<SearchAnswer>| said(answer.map(|a| format!("{:#?}", a.value.traces)));
        let (of_one, of_three) = (traces(of_one), traces(of_three));
        found += usize::from(of_one.len() > 2);
        assert_eq!(of_one, of_three, "TUTTI_QUERY_SEED={seed}: {text}");
    }
    assert!(found > QUERIES / 4, "{found} of {QUERIES} find something");
}

/// Whatever is asked, two estates that differ in what is withheld alone answer the same.
#[tokio::test]
async fn no_query_tells_what_is_withheld() {
    let seed = 60;
    let plan = || {
        treating(&[
            ("eu", "user.email", Treatment::Mask),
            ("us", "user.email", Treatment::Drop),
            ("ap", "user.email", Treatment::Drop),
        ])
    };
    let mut chance = StdRng::seed_from_u64(seed);
    let spans = traces(seed, 10);
    let original = federation(&spread(&spans, seed), plan());
    let others = federation(&spread(&with_others(&spans), seed), plan());
    for _ in 0..QUERIES / 2 {
        let text = query(&mut chance);
        let one = original.search(searching(&text, 100, None)).await;
        let other = others.search(searching(&text, 100, None)).await;
        let whole = |answer: Answered<SearchAnswer>| said(answer.map(|a| format!("{:?}", a.value)));
        assert_eq!(whole(one), whole(other), "{text}");
    }
}
