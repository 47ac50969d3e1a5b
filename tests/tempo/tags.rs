//! Names of attributes and their values, asked of a real Tempo and of an embedded region.

use crate::QueryTest;
use crate::dice::Dice;
use crate::judge::{Judge, Verdict};
use crate::question::Question;
use crate::random_queries;

pub const TESTS: &[QueryTest] =
    &[("names_of_attributes_are_the_same", names), ("values_of_attributes_are_the_same", values)];

const RANDOM: usize = 300;

const SCOPES: [&str; 7] = ["resource", "span", "event", "link", "instrumentation", "intrinsic", "none"];

const NAMES: [&str; 38] = [
    ".x",
    ".y",
    ".s",
    ".b",
    ".arr",
    ".z",
    "span.x",
    "span.y",
    "span.s",
    "span.b",
    "span.arr",
    "span.odd",
    "span.http.status_code",
    "span.\"a b\"",
    "resource.s",
    "resource.x",
    "resource.arr",
    "resource.service.name",
    "resource.k8s.pod.name",
    ".service.name",
    "event.k",
    "event.m",
    "link.rel",
    "link.x",
    "instrumentation.lang",
    "instrumentation.x",
    "name",
    "status",
    "kind",
    "rootName",
    "rootServiceName",
    "statusMessage",
    "event:name",
    "instrumentation:name",
    "instrumentation:version",
    "span:childCount",
    "duration",
    ".nope",
];

fn names(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    for scope in std::iter::once(None).chain(SCOPES.map(Some)) {
        judge.ask_everywhere(&mut verdict, &Question::Names { scope: scope.map(str::to_owned), query: None });
    }
    for _ in 0..Judge::count(RANDOM) {
        let scope = if dice.percent(50) { None } else { Some((*dice.of(&SCOPES)).to_owned()) };
        let question = Question::Names { scope, query: Some(filter(&mut dice)) };
        judge.ask_somewhere(&mut verdict, &mut dice, &question);
    }
    verdict.end("names");
}

fn values(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    for name in NAMES {
        judge.ask_everywhere(&mut verdict, &Question::Values { name: name.to_owned(), query: None });
    }
    for _ in 0..Judge::count(RANDOM) {
        let name = (*dice.of(&NAMES)).to_owned();
        let question = Question::Values { name, query: Some(filter(&mut dice)) };
        judge.ask_somewhere(&mut verdict, &mut dice, &question);
    }
    verdict.end("values");
}

/// Mostly one filter, since others filter nothing.
fn filter(dice: &mut Dice) -> String {
    if dice.percent(85) { random_queries::filter(dice) } else { random_queries::search(dice) }
}
