//! Searches, asked of a real Tempo and of an embedded region that hold the same spans.

use crate::QueryTest;
use crate::judge::{Judge, Verdict};
use crate::question::{self, Question};
use crate::random_queries;

pub const TESTS: &[QueryTest] =
    &[("every_search_of_our_corpus_finds_the_same", fixed), ("random_searches_find_the_same", random)];

const RANDOM: usize = 3_000;

/// The questions of the corpus in `tests/traceql`, here of random traces.
pub fn corpus() -> Vec<Question> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traceql/cases");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut questions: Vec<Question> = files
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().filter_map(question::read).collect::<Vec<_>>()
        })
        .collect();
    questions.sort_by_key(ToString::to_string);
    questions.dedup();
    questions
}

fn fixed(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    for question in corpus().iter().filter(|question| matches!(question, Question::Search { .. })) {
        judge.ask_somewhere(&mut verdict, &mut dice, question);
        judge.ask_somewhere(&mut verdict, &mut dice, question);
    }
    verdict.end("searches of the corpus");
}

fn random(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    for _ in 0..Judge::count(RANDOM) {
        let question = Question::search(random_queries::search(&mut dice));
        judge.ask_somewhere(&mut verdict, &mut dice, &question);
    }
    verdict.end("random searches");
}
