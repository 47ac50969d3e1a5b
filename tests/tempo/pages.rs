//! Searches page by page over three real Tempos: whatever a page holds, all of them together are what the one
//! that holds all finds, each trace once and in one order.

use serde_json::{Value, json};

use crate::gateway::Answered;
use crate::judge::Judge;
use crate::question::Question;
use crate::random_queries;
use crate::several::{Check, Several, Spread, Tally, WAYS};

pub const TESTS: &[Check] =
    &[("pages_over_three_tempos_are_together_what_the_one_that_holds_all_finds", pages)];

/// Of each way in which spans may lie.
const RANDOM: usize = 100;

/// More than an estate has traces.
const ROWS_MAX: u64 = 6;
const PAGES_MAX: usize = 20;

fn pages(several: &Several) {
    let mut dice = several.dice();
    for copies in WAYS {
        let (mut tally, estates, mut turned) = (Tally::default(), several.of(copies), 0);
        for _ in 0..Judge::count(RANDOM) {
            let question = Question::search(random_queries::search(&mut dice));
            let estate = *dice.of(&estates);
            let sizes: Vec<u64> = (0..PAGES_MAX).map(|_| 1 + dice.below(ROWS_MAX)).collect();
            several.compare(&mut tally, estate, &question, &|question| {
                all_of(several, estate, question, &sizes).0
            });
            turned += all_of(several, estate, &question, &sizes).1;
        }
        eprintln!("{turned} pages were turned");
        assert!(turned > RANDOM / 10 || Judge::count(RANDOM) < RANDOM, "enough to say something");
        tally.end("searches page by page", copies);
    }
}

/// The rows of all pages in one answer, which is otherwise that of the last, and how many pages were turned.
fn all_of(several: &Several, estate: &Spread, question: &Question, sizes: &[u64]) -> (Answered, usize) {
    let target = question.target(several.beginning()).replace("/api/search?", "/api/tutti/v1/search?");
    let (before, _) = target.split_once("&limit=").unwrap();
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for (turned, size) in sizes.iter().enumerate() {
        let mut answered = several.get(estate, &format!("{before}&limit={size}{cursor}"));
        if !answered.status.is_success() {
            return (answered, turned);
        }
        let mut page: Value = serde_json::from_slice(&answered.body).unwrap();
        let traces = page["traces"].as_array().cloned().unwrap_or_default();
        assert!(traces.len() as u64 <= *size, "{question}: {} rows of {size}", traces.len());
        rows.extend(traces);
        let next = answered.header("tutti-next").to_owned();
        if next.is_empty() {
            assert_in_order(&rows, question);
            page["traces"] = json!(rows);
            answered.body = serde_json::to_vec(&page).unwrap().into();
            return (answered, turned);
        }
        cursor = format!("&cursor={next}");
    }
    panic!("{question}: pages without end");
}

/// The newest first, and each once.
fn assert_in_order(rows: &[Value], question: &Question) {
    let of = |row: &Value| {
        let start: u64 = row["startTimeUnixNano"].as_str().unwrap_or("0").parse().unwrap();
        (std::cmp::Reverse(start), format!("{:0>32}", row["traceID"].as_str().unwrap()))
    };
    let order: Vec<_> = rows.iter().map(of).collect();
    assert!(order.is_sorted_by(|one, other| one < other), "{question}: {order:?}");
}
