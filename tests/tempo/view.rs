//! Exact on the view: what a caller is answered is what one real Tempo answers that holds what this caller may see.
//!
//! Three real Tempos hold spans with personal data; the shipped policies stand before them, for several callers; and
//! a fourth Tempo holds, for each of them, the view. Whatever is asked, about keys that are protected, about values
//! somebody knows and tokens somebody has seen, has the same answer, or is refused or labelled by name.

mod estates;
mod people;

use std::collections::BTreeMap;

use self::estates::Seen;
pub use self::estates::Views;
use self::people::{LISTED, asking_of_people, exchanged, holding_bytes, texts, without_a_value};
use crate::answer::Answer;
use crate::canonical::{assert_same, json_spans, protobuf_spans, v2_json_parts, v2_parts};
use crate::dice::Dice;
use crate::estate::seed;
use crate::gateway::Answered;
use crate::http::Reply;
use crate::judge::{Judge, Verdict};
use crate::question::Question;
use crate::random_queries;
use crate::several::{relates_groups, trace_by_trace, ungrouped, without_what_parts_tell};

type Check = (&'static str, fn(&Views));

pub const TESTS: &[Check] = &[
    ("every_trace_is_shown_as_by_a_tempo_that_holds_the_view", by_id),
    ("searches_are_answered_as_by_a_tempo_that_holds_the_view", searches),
    ("names_and_values_are_those_of_a_tempo_that_holds_the_view", tags),
    ("a_single_region_is_counted_as_by_a_tempo_that_holds_the_view", metrics),
];

/// Of each caller.
const SEARCHES: usize = 300;
const FILTERS: usize = 20;
const SERIES: usize = 80;

/// What came of asking, by what was refused.
#[derive(Default)]
struct Tally {
    verdict: Verdict,
    exact: usize,
    /// By who asked and why no exact answer was given.
    others: BTreeMap<String, usize>,
}

impl Tally {
    fn other(&mut self, seen: &Seen, what: &str) {
        let way = if seen.is_behind { " through peers" } else { "" };
        *self.others.entry(format!("{}{way}: {what}", seen.caller)).or_default() += 1;
    }

    fn end(self, what: &str) {
        eprintln!("{what}: {} compared", self.exact);
        self.others.iter().for_each(|(why, count)| eprintln!("  {count} {why}"));
        self.verdict.end(what);
        assert!(self.exact * 3 > self.others.values().sum::<usize>(), "what is refused judges nothing");
    }
}

impl Views {
    fn dice(&self, of: u64) -> Dice {
        Dice(seed() ^ of)
    }

    fn ask(&self, tally: &mut Tally, seen: &Seen, question: &Question) {
        let answered = self.answered(seen, question);
        match answered.status.as_u16() {
            403 => {
                assert!(answered.text().contains("you lack the right"), "{}", answered.text());
                return tally.other(seen, "refused for a right");
            }
            422 | 501 => {
                let line = answered.text();
                return tally.other(seen, &format!("refused: {}", line.trim()));
            }
            200 if answered.header("tutti-exactness") != "exact" => {
                let statuses = answered.statuses();
                let mut why: Vec<&str> =
                    statuses.iter().map(|(_, status)| &**status).filter(|status| *status != "ok").collect();
                why.dedup();
                return tally
                    .other(seen, &format!("labelled {}: {why:?}", answered.header("tutti-exactness")));
            }
            _ => {}
        }
        let ours = self.read(question, &answered);
        let mut theirs = self.theirs(seen, question);
        if matches!((&ours, &theirs), (Answer::Lines(_), Answer::Failed(_))) {
            // It fails at a span that meets no condition and need not be looked at.
            if matches!(question, Question::Range { .. } | Question::Instant { .. }) {
                return tally.other(seen, "answered where the one Tempo fails, and not judged");
            }
            theirs = trace_by_trace(&seen.each, question);
        }
        if question.query().contains("compare(") {
            theirs = self.without_what_may_not_be_grouped_by(seen, question, &answered, &ours, theirs);
        }
        let leaks = relates_groups(question.query()) && ungrouped(&ours).is(&ungrouped(&theirs));
        let (ours, theirs) = if leaks { (ungrouped(&ours), ungrouped(&theirs)) } else { (ours, theirs) };
        let (ours, theirs) = without_what_parts_tell(&seen.traces, question, ours, theirs);
        let (ours, theirs) = match question {
            Question::Names { .. } => without_what_a_region_cannot_tell(seen, ours, theirs),
            _ => (ours, theirs),
        };
        let ask =
            |other: &Question| [self.read(other, &self.answered(seen, other)), self.theirs(seen, other)];
        tally.exact += 1;
        tally.verdict.note((&seen.tenant, &seen.traces), question, [&ours, &theirs], &ask);
    }

    /// Of a comparison, attributes are left out that the caller may not group by, and then the answer says so.
    fn without_what_may_not_be_grouped_by(
        &self,
        seen: &Seen,
        question: &Question,
        answered: &Answered,
        ours: &Answer,
        theirs: Answer,
    ) -> Answer {
        let (Answer::Lines(ours), Answer::Lines(theirs)) = (ours, &theirs) else { return theirs };
        let is_there = |name: &String| ours.iter().any(|line| compared(line).as_ref() == Some(name));
        let mut refused: BTreeMap<String, bool> = BTreeMap::new();
        let mut may_not = |name: String| {
            if is_there(&name) {
                return false;
            }
            let by = question.with_query(&format!("{{ }} | rate() by ({name})"));
            *refused.entry(name).or_insert_with(|| self.answered(seen, &by).status == 403)
        };
        let lines = theirs.iter().filter(|line| !compared(line).is_some_and(&mut may_not)).cloned().collect();
        if refused.values().any(|is_refused| *is_refused) {
            assert!(answered.text().contains("left out that you may not group by"), "{question}");
        }
        Answer::Lines(lines)
    }

    fn answered(&self, seen: &Seen, question: &Question) -> Answered {
        self.runtime.block_on(seen.ours.get(&question.target(self.one.beginning)))
    }

    fn read(&self, question: &Question, answered: &Answered) -> Answer {
        let reply =
            Reply { status: answered.status.as_u16(), headers: Vec::new(), body: answered.body.to_vec() };
        Answer::of(question, &reply, self.one.beginning)
    }

    fn theirs(&self, seen: &Seen, question: &Question) -> Answer {
        let reply = self.one.ask(&seen.tenant, &question.target(self.one.beginning));
        Answer::of(question, &reply, self.one.beginning)
    }
}

/// A region tells the names of its attributes, and not what they hold: bytes are taken away where a text would stay,
/// and an attribute without a value stays where one would be taken away.
fn without_what_a_region_cannot_tell(seen: &Seen, ours: Answer, theirs: Answer) -> (Answer, Answer) {
    let (Answer::Lines(mut of_ours), Answer::Lines(mut of_theirs)) = (ours.clone(), theirs.clone()) else {
        return (ours, theirs);
    };
    let (bytes, empty) = (holding_bytes(&seen.stored), without_a_value(&seen.traces));
    of_ours.retain(|line| of_theirs.contains(line) || !bytes.contains(line));
    of_theirs.retain(|line| of_ours.contains(line) || !empty.contains(line));
    (Answer::Lines(of_ours), Answer::Lines(of_theirs))
}

/// Of a series of a comparison, which attribute it is about: `{__meta_type="baseline", span.x="a"} 1.0`.
fn compared(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(", ")?;
    Some(rest.split_once('=')?.0.to_owned())
}

/// What somebody could write: what is stored, and what they have seen.
fn known(seen: &Seen) -> Vec<String> {
    // Twice as often what they have seen.
    [texts(&seen.stored), texts(&seen.traces), texts(&seen.traces)].concat()
}

fn by_id(views: &Views) {
    let mut compared = 0;
    for seen in &views.seen {
        for trace in &seen.traces {
            // Of an id that occurs three times a Tempo numbers by the order in its block.
            let ids: Vec<&[u8]> = trace.spans().map(|span| &*span.span_id).collect();
            if ids.iter().any(|id| ids.iter().filter(|other| *other == id).count() > 2) {
                continue;
            }
            let what = format!("{} of {}", trace.id_hex(), seen.tenant);
            for version in ["", "v2/"] {
                let target = format!("/api/{version}traces/{}", trace.id_hex());
                let ask = |accept: &str| {
                    let answered = views.runtime.block_on(seen.ours.ask(&target, &[("accept", accept)]));
                    let theirs = views.one.ask_as(&seen.tenant, &target, accept);
                    assert_eq!(
                        (answered.status.as_u16(), theirs.status),
                        (200, 200),
                        "{what}: {}",
                        answered.text()
                    );
                    [answered.body.to_vec(), theirs.body]
                };
                let [ours, theirs] = ask("application/json");
                let [proto, their_proto] = ask("application/protobuf");
                let [ours, theirs] = [ours, theirs].map(|body| match version {
                    "" => json_spans(&crate::canonical::Node::parse(&body)),
                    _ => json_spans(&v2_json_parts(&body).0),
                });
                assert_same(&format!("{version} {what}"), &ours.lines, &theirs.lines);
                let [ours, theirs] = [proto, their_proto].map(|body| match version {
                    "" => protobuf_spans(&body),
                    _ => protobuf_spans(&v2_parts(&body).0),
                });
                assert_same(&format!("{version} {what}, protobuf"), &ours.lines, &theirs.lines);
                compared += 2;
            }
        }
    }
    eprintln!("traces by id on views: {compared} compared");
    assert!(compared > 300, "enough to say something");
}

fn searches(views: &Views) {
    let (mut dice, mut tally) = (views.dice(0x5ea), Tally::default());
    for seen in &views.seen {
        let known = known(seen);
        for _ in 0..Judge::count(SEARCHES) * 6 / views.seen.len().max(1) {
            let question = Question::search(random_queries::search(&mut dice));
            views.ask(&mut tally, seen, &asking_of_people(&mut dice, &question, &known));
        }
    }
    tally.end("searches on views");
}

fn tags(views: &Views) {
    let (mut dice, mut tally) = (views.dice(0x7a95), Tally::default());
    for seen in &views.seen {
        let known = known(seen);
        for name in LISTED {
            views.ask(&mut tally, seen, &Question::Values { name: name.to_owned(), query: None });
        }
        for scope in [None, Some("resource"), Some("span"), Some("event")] {
            let scope = scope.map(str::to_owned);
            views.ask(&mut tally, seen, &Question::Names { scope, query: None });
        }
        for _ in 0..Judge::count(FILTERS) {
            let filter = random_queries::filter(&mut dice);
            let filter = exchanged(&mut dice, &filter, &known);
            let name = (*dice.of(&LISTED)).to_owned();
            views.ask(&mut tally, seen, &Question::Values { name, query: Some(filter.clone()) });
            views.ask(&mut tally, seen, &Question::Names { scope: None, query: Some(filter) });
        }
    }
    tally.end("names and values on views");
}

fn metrics(views: &Views) {
    let (mut dice, mut tally) = (views.dice(0x3e7), Tally::default());
    // A peer counts as an embedded region does: several are counted together.
    for seen in views.seen.iter().filter(|seen| seen.is_alone || seen.is_behind) {
        let known = known(seen);
        for _ in 0..Judge::count(SERIES) {
            let question = random_queries::metrics(&mut dice);
            let question = asking_of_people(&mut dice, &question, &known);
            if crate::known::may_end_tempo(&question, &seen.traces) {
                continue;
            }
            views.ask(&mut tally, seen, &question);
        }
    }
    tally.end("metrics on views");
}
