//! Metrics queries, over a range and of one instant, asked of a real Tempo and of an embedded region.

use crate::QueryTest;
use crate::judge::{Judge, Verdict};
use crate::question::Question;
use crate::random_queries;
use crate::search::corpus;

pub const TESTS: &[QueryTest] = &[
    ("every_metrics_query_of_our_corpus_gives_the_same_series", fixed),
    ("random_metrics_queries_give_the_same_series", random),
];

const RANDOM: usize = 1_500;

fn fixed(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    let is_metrics =
        |question: &&Question| matches!(question, Question::Range { .. } | Question::Instant { .. });
    for question in corpus().iter().filter(is_metrics) {
        judge.ask_somewhere(&mut verdict, &mut dice, question);
        judge.ask_somewhere(&mut verdict, &mut dice, question);
    }
    verdict.end("metrics queries of the corpus");
}

fn random(judge: &Judge) {
    let mut verdict = Verdict::default();
    let mut dice = judge.dice();
    for _ in 0..Judge::count(RANDOM) {
        let question = random_queries::metrics(&mut dice);
        judge.ask_somewhere(&mut verdict, &mut dice, &question);
    }
    verdict.end("random metrics queries");
}
