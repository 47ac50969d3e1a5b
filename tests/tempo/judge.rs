//! The same random estates in one real Tempo and in one embedded region, and whether both answer a question
//! alike.
//!
//! `TEMPO_SEED` chooses other estates and questions, `TEMPO_QUESTIONS` asks so many times as many, and
//! `TEMPO_DIFFERENCES` names a file for all that differs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::answer::Answer;
use crate::dice::Dice;
use crate::estate::seed;
use crate::known;
use crate::query_tempo::{Held, QueryTempo};
use crate::question::Question;
use crate::random_traces::{Oddities, estate, replicas, scattered};
use crate::region::Region;
use crate::sketch::Trace;

const ESTATES: usize = 24;
const TRACES: usize = 5;
/// Of every so many estates, one gets some of its spans a second time, in a push of its own. What it is then
/// combined of is sorted again, so that no two of its resources may be one.
const AGAIN_EACH: usize = 4;
/// Of every so many estates, one holds spans that end before they start.
const NEGATIVE_EACH: usize = 6;
/// Differences that are shown whole.
const SHOWN: usize = 12;

pub struct Judge {
    tempo: QueryTempo,
    estates: Vec<Estate>,
    seed: u64,
}

struct Estate {
    tenant: String,
    traces: Vec<Trace>,
    ours: Region,
}

/// What came of asking many questions.
#[derive(Default)]
pub struct Verdict {
    asked: usize,
    /// Answers that hold something, so that agreement says something.
    fruitful: usize,
    refused: usize,
    /// By what explains them.
    known: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
    constructs: BTreeMap<String, usize>,
}

impl Judge {
    pub fn start(tempo: &Path) -> Result<Self, String> {
        let tempo = QueryTempo::start(tempo, tutti::task::clock::wall_nanos())?;
        let mut dice = Dice(seed());
        let mut again = Vec::new();
        let estates: Vec<Estate> = (0..ESTATES)
            .map(|number| {
                let is_again = number % AGAIN_EACH == 0;
                let oddities =
                    Oddities { equal_resources: !is_again, negative_durations: number % NEGATIVE_EACH == 5 };
                let traces = estate(&mut dice, TRACES, oddities);
                let sent: Vec<Trace> = traces.iter().map(|trace| scattered(&mut dice, trace)).collect();
                again.push(match is_again {
                    true => traces.iter().map(|trace| replicas(&mut dice, trace)).collect(),
                    false => Vec::new(),
                });
                Estate { tenant: format!("estate-{number}"), ours: Region::of(&sent), traces }
            })
            .collect();
        let held: Vec<Held<'_>> = estates
            .iter()
            .zip(&again)
            .map(|(estate, again)| Held { tenant: estate.tenant.clone(), traces: &estate.traces, again })
            .collect();
        tempo.fill(&held)?;
        Ok(Self { tempo, estates, seed: seed() })
    }

    /// A tenant of which nothing was sent twice, what it holds, and where its `@0s` lies.
    pub fn one(&self) -> (&str, &[Trace], u64) {
        let estate = &self.estates[1];
        (&estate.tenant, &estate.traces, self.tempo.beginning)
    }

    pub fn address(&self) -> SocketAddr {
        self.tempo.address()
    }

    pub fn dice(&self) -> Dice {
        Dice(self.seed ^ 0x5eed)
    }

    /// What the Tempo holds for tenants of whose traces no two resources say the same, so that their resources may
    /// lie apart.
    pub fn of_unlike_resources(&self) -> impl Iterator<Item = (&str, &[Trace])> {
        let estates = self.estates.iter().step_by(AGAIN_EACH);
        estates.map(|estate| (estate.tenant.as_str(), estate.traces.as_slice()))
    }

    /// What the Tempo answers.
    pub fn told(&self, tenant: &str, question: &Question) -> Answer {
        let reply = self.tempo.ask(tenant, &question.target(self.tempo.beginning));
        Answer::of(question, &reply, self.tempo.beginning)
    }

    /// How many random questions to ask where usually it is so many.
    pub fn count(usual: usize) -> usize {
        let times = std::env::var("TEMPO_QUESTIONS").ok().and_then(|text| text.parse().ok());
        usual * times.unwrap_or(1)
    }

    /// Asks a question of every estate.
    pub fn ask_everywhere(&self, verdict: &mut Verdict, question: &Question) {
        for estate in &self.estates {
            self.judge(verdict, estate, question);
        }
    }

    pub fn ask_somewhere(&self, verdict: &mut Verdict, dice: &mut Dice, question: &Question) {
        self.judge(verdict, dice.of(&self.estates), question);
    }

    fn judge(&self, verdict: &mut Verdict, estate: &Estate, question: &Question) {
        if known::may_end_tempo(question, &estate.traces) {
            *verdict.known.entry("not asked, since an average by a list may end a Tempo").or_default() += 1;
            return;
        }
        let ours = estate.ours.answer(question);
        let theirs = self.theirs(estate, question);
        let ask = |other: &Question| [estate.ours.answer(other), self.theirs(estate, other)];
        verdict.note((&estate.tenant, &estate.traces), question, [&ours, &theirs], &ask);
    }

    fn theirs(&self, estate: &Estate, question: &Question) -> Answer {
        self.told(&estate.tenant, question)
    }
}

/// How many steps two doubles may be apart. A difference of two sums has all the error of the sums, and few of
/// their digits.
fn steps_apart(question: &Question) -> u64 {
    let query = question.query();
    let is_math = [") + ", ") - "].iter().any(|sign| query.contains(sign)) && query.starts_with('(');
    if is_math { 1 << 16 } else { 4 }
}

/// What only one of two answers says, and the traces it is about.
pub fn difference(ours: &Answer, theirs: &Answer, traces: &[Trace]) -> String {
    let mut out = String::new();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    match (ours, theirs) {
        (Answer::Lines(ours), Answer::Lines(theirs)) => {
            left.extend(ours.iter().filter(|line| !theirs.contains(line)));
            right.extend(theirs.iter().filter(|line| !ours.contains(line)));
        }
        _ => {
            let _ = writeln!(out, "-- ours\n{ours:?}\n-- theirs\n{theirs:?}");
        }
    }
    for (who, lines) in [("ours", &left), ("theirs", &right)] {
        let _ = writeln!(out, "-- {who}");
        lines.iter().for_each(|line| writeln!(out, "{line}").unwrap());
    }
    let is_about = |trace: &&Trace| {
        let begins = format!("trace {} ", trace.id_hex().trim_start_matches('0'));
        left.iter().chain(&right).any(|line| line.starts_with(&begins) || !line.starts_with("trace "))
    };
    traces.iter().filter(is_about).for_each(|trace| {
        let _ = writeln!(out, "-- of\n{trace}");
    });
    out
}

/// What a query is made of, roughly, to see what differences have in common.
fn constructs(query: &str) -> Vec<String> {
    let words = query.split(|c: char| c.is_whitespace() || "(){},".contains(c));
    let is_construct = |word: &&str| !word.is_empty() && !word.starts_with(['"', '0', '1', '2', '5']);
    let mut words: Vec<String> = words.filter(is_construct).map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

impl Verdict {
    /// Takes what both say to a question about an estate of this name.
    pub fn note(
        &mut self,
        (tenant, traces): (&str, &[Trace]),
        question: &Question,
        [ours, theirs]: [&Answer; 2],
        ask: known::Ask<'_>,
    ) {
        self.asked += 1;
        self.fruitful += usize::from(matches!(theirs, Answer::Lines(lines) if !lines.is_empty()));
        self.refused += usize::from(!matches!(theirs, Answer::Lines(_)));
        if ours.is_within(theirs, steps_apart(question)) {
            return;
        }
        if let Some(why) = known::reason(question, traces, [ours, theirs], ask) {
            *self.known.entry(why).or_default() += 1;
            return;
        }
        for construct in constructs(question.query()) {
            *self.constructs.entry(construct).or_default() += 1;
        }
        let difference = difference(ours, theirs, traces);
        self.differences.push(format!("{question}\n({tenant})\n{difference}"));
    }

    /// Says what came of it, and fails where something differs that is not known to.
    pub fn end(self, what: &str) {
        eprintln!(
            "{what}: {} asked, {} with an answer that holds something, {} without one, {} differ",
            self.asked,
            self.fruitful,
            self.refused,
            self.differences.len()
        );
        for (why, count) in &self.known {
            eprintln!("  {count} differ as is known: {why}");
        }
        assert!(self.fruitful * 4 > self.asked, "questions that find nothing judge nothing");
        if self.differences.is_empty() {
            return;
        }
        let mut constructs: Vec<(String, usize)> = self.constructs.into_iter().collect();
        constructs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let common: Vec<String> =
            constructs.iter().take(30).map(|(word, count)| format!("{word}: {count}")).collect();
        if let Some(path) = std::env::var_os("TEMPO_DIFFERENCES") {
            std::fs::write(path, self.differences.join("\n======\n")).unwrap();
        }
        let mut shortest = self.differences.clone();
        shortest.sort_by_key(String::len);
        shortest.truncate(SHOWN);
        panic!(
            "{} of {} answers differ\nin common: {}\n\n{}",
            self.differences.len(),
            self.asked,
            common.join("  "),
            shortest.join("\n======\n")
        );
    }
}
