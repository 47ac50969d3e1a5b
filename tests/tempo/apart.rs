//! Three embedded regions, each with some of the resources of every trace, asked what one real Tempo is that holds
//! all: what is read of regions to be counted has to be enough for what the one counts.

use crate::QueryTest;
use crate::judge::{Judge, Verdict};
use crate::known;
use crate::question::Question;
use crate::random_queries;
use crate::region::Region;
use crate::sketch::Trace;

pub const TESTS: &[QueryTest] = &[
    ("three_embedded_regions_answer_as_the_one_tempo_that_holds_all", fixed),
    ("three_embedded_regions_are_asked_at_random_as_the_one_tempo_that_holds_all", random),
];

const RANDOM: usize = 300;

/// What every span has, asked so that storage tests something else than the text says, or nothing.
const COUNTED: [&str; 22] = [
    "{ span:id = \"zz\" }",
    "{ span:id = \"A10000000000A100\" }",
    "{ span:id = \"a10000000000a100\" }",
    "{ span:id = \"a100\" }",
    "{ span:id != \"zz\" }",
    "{ span:parentID = \"\" }",
    "{ span:parentID = \"a10000000000a100\" }",
    "{ link:traceID = \"xyz\" }",
    "{ link:traceID = \"f1\" }",
    "{ link:spanID = \"zz\" }",
    "{ link:traceID = \"xyz\" && name = \"A\" }",
    "{ trace:id = \"C0FFEE00\" }",
    "{ trace:id = \"c0ffee00\" }",
    "{ trace:id = \"xyz\" }",
    "{ duration = 1.5 }",
    "{ duration = 1.5 && name = \"A\" }",
    "{ duration > 1.5 }",
    "{ 1500ms < duration }",
    "{ duration = traceDuration }",
    "{ name = rootName }",
    "{ nestedSetParent < 0 }",
    "{ rootName = \"A\" && name = \"B\" }",
];

const FUNCTIONS: [&str; 4] = [
    "count_over_time()",
    "rate() by (name)",
    "max_over_time(duration)",
    "histogram_over_time(duration) by (resource.service.name)",
];

const OTHERS: [&str; 8] = [
    "{ !span.b }",
    "{ !.b || name = \"A\" }",
    "{ span.arr = span.arr }",
    "{ } | by(-span.s)",
    "{ } | by(trace:id)",
    "{ } | by(trace:id) | count() > 2",
    "{ span:parentID = \"\" }",
    "{ 1 / 0 = 1 }",
];

struct Apart<'j> {
    judge: &'j Judge,
    estates: Vec<(&'j str, &'j [Trace], Region)>,
}

impl<'j> Apart<'j> {
    fn of(judge: &'j Judge) -> Self {
        let mut dice = judge.dice();
        let estates = judge.of_unlike_resources();
        let estates = estates.map(|(tenant, traces)| (tenant, traces, Region::three(&mut dice, traces)));
        Self { judge, estates: estates.collect() }
    }

    fn ask(&self, verdict: &mut Verdict, number: usize, question: &Question) {
        let (tenant, traces, ours) = &self.estates[number % self.estates.len()];
        if known::may_end_tempo(question, traces) {
            return;
        }
        let both = |question: &Question| [ours.answer(question), self.judge.told(tenant, question)];
        let [ours, theirs] = both(question);
        verdict.note((tenant, traces), question, [&ours, &theirs], &both);
    }
}

fn fixed(judge: &Judge) {
    let (apart, mut verdict) = (Apart::of(judge), Verdict::default());
    for (number, filter) in COUNTED.iter().enumerate() {
        for function in FUNCTIONS {
            let query = format!("{filter} | {function} with(exemplars=false)");
            apart.ask(&mut verdict, number, &Question::Instant { query: query.clone(), start: -2, end: 15 });
            apart.ask(&mut verdict, number + 1, &Question::Range { query, start: -2, end: 15, step: 3 });
        }
    }
    for number in 0..apart.estates.len() {
        for query in OTHERS {
            apart.ask(&mut verdict, number, &Question::search(query));
        }
        let question = Question::Values { name: "trace:duration".to_owned(), query: None };
        apart.ask(&mut verdict, number, &question);
    }
    verdict.end("questions to three embedded regions");
}

fn random(judge: &Judge) {
    let (apart, mut verdict) = (Apart::of(judge), Verdict::default());
    let mut dice = judge.dice();
    for number in 0..Judge::count(RANDOM) {
        let question = match dice.below(4) {
            0 => Question::search(random_queries::search(&mut dice)),
            _ => random_queries::metrics(&mut dice),
        };
        apart.ask(&mut verdict, number, &question);
    }
    verdict.end("random questions to three embedded regions");
}
