//! Three real Tempos behind the gateway, the spans of each trace spread over them by chance and some of them in
//! two; and a fourth that holds all. The gateway has to answer searches and questions for tags as the fourth.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;
use tutti::backend::settings::{Auth, Streaming, TempoSettings, TlsSettings};
use tutti::backend::{Backend, TempoBackend};

use crate::answer::Answer;
use crate::dice::Dice;
use crate::estate::seed;
use crate::http::Reply;
use crate::judge::{Judge, Verdict};
use crate::query_tempo::{Held, QueryTempo};
use crate::question::Question;
use crate::random_traces::{Oddities, estate};
use crate::sketch::Trace;
use crate::{gateway, region};
use crate::{random_queries, search};

/// A question to the three and the one, by name.
type Check = (&'static str, fn(&Several));

pub const TESTS: &[Check] = &[
    ("three_tempos_find_what_the_one_that_holds_all_finds", fixed),
    ("three_tempos_are_searched_at_random_as_the_one_that_holds_all", random),
    ("three_tempos_name_the_attributes_of_the_one_that_holds_all", tags),
];

const ESTATES: usize = 12;
const TRACES: usize = 5;
const REGIONS: [&str; 3] = ["us-east", "eu-central", "ap-south"];
const RANDOM: usize = 1_000;
const RANDOM_TAGS: usize = 150;
/// A Tempo may fail at a condition that is none of ours to mend.
const LABELLED_MAX: usize = 10;
const BODY_BYTES_MAX: u64 = 16 << 20;

pub struct Several {
    union: QueryTempo,
    estates: Vec<Spread>,
    runtime: Runtime,
    /// Answers that say that something is missing.
    labelled: Mutex<Vec<String>>,
    /// Answers where the one Tempo fails.
    not_looked_at: AtomicUsize,
    _regions: Vec<QueryTempo>,
}

struct Spread {
    tenant: String,
    traces: Vec<Trace>,
    ours: gateway::Estate,
}

impl Several {
    pub fn start(tempo: &Path) -> Result<Self, String> {
        let now = tutti::task::clock::wall_nanos();
        let union = QueryTempo::start(tempo, now)?;
        let regions: Result<Vec<QueryTempo>, String> =
            REGIONS.iter().map(|_| QueryTempo::start(tempo, now)).collect();
        let regions = regions?;
        let mut dice = Dice(seed() ^ 0x3);
        let oddities = Oddities { equal_resources: false, negative_durations: false };
        let all: Vec<Vec<Trace>> = (0..ESTATES).map(|_| estate(&mut dice, TRACES, oddities)).collect();
        let parts: Vec<Vec<Vec<Trace>>> = all.iter().map(|traces| spread(&mut dice, traces)).collect();
        let tenant = |number: usize| format!("estate-{number}");
        let whole: Vec<Vec<Trace>> =
            all.iter().zip(&parts).map(|(all, parts)| combined(all, parts)).collect();
        fill(&union, whole.iter().map(Vec::as_slice), &tenant)?;
        for (rank, region) in regions.iter().enumerate() {
            fill(region, parts.iter().map(|parts| parts[rank].as_slice()), &tenant)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let estates = {
            let _inside = runtime.enter();
            let make = |(number, traces)| {
                let backends = REGIONS.iter().zip(&regions).enumerate().map(|(rank, (name, region))| {
                    // One of them by its streaming API: which way a region is asked makes no difference.
                    let streaming = if rank == 0 { Streaming::Always } else { Streaming::Never };
                    let region = asked_by(region.address(), &tenant(number), streaming);
                    (*name, Arc::new(region) as Arc<dyn Backend>)
                });
                Spread { tenant: tenant(number), traces, ours: region::bare(backends.collect()) }
            };
            all.into_iter().enumerate().map(make).collect()
        };
        Ok(Self {
            union,
            estates,
            runtime,
            labelled: Mutex::default(),
            not_looked_at: AtomicUsize::new(0),
            _regions: regions,
        })
    }

    fn end(&self, verdict: Verdict, what: &str) {
        let labelled = self.labelled.lock().unwrap().drain(..).collect::<Vec<String>>();
        eprintln!("{what}: {} labelled", labelled.len());
        labelled.iter().for_each(|line| eprintln!("  {line}"));
        let not_looked_at = self.not_looked_at.swap(0, Ordering::Relaxed);
        eprintln!("  {not_looked_at} answered where the one Tempo fails at a span that cannot matter");
        verdict.end(what);
        assert!(labelled.len() < LABELLED_MAX, "a region of three that are well fails seldom");
    }

    fn dice(&self) -> Dice {
        Dice(seed() ^ 0x5eed5)
    }

    fn ask(&self, verdict: &mut Verdict, estate: &Spread, question: &Question) {
        let answered = self.answered(estate, question);
        if answered.status.is_success() && answered.header("tutti-exactness") != "exact" {
            // Not silently: a region failed, and its name and why are in the answer. Few may be so.
            let line = format!("{question}: {}", answered.header("tutti-regions"));
            self.labelled.lock().unwrap().push(line);
            return;
        }
        let ours = self.read(question, answered);
        let theirs = self.theirs(estate, question);
        if matches!((&ours, &theirs), (Answer::Lines(_), Answer::Failed(_))) {
            // It fails at a span of a trace that meets no condition and need not be looked at.
            self.not_looked_at.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let leaks = relates_groups(question.query()) && ungrouped(&ours).is(&ungrouped(&theirs));
        // What relates spans after they were grouped says in Tempo what group it last looked at, which depends
        // on how its block is read: the spans are compared, and not the name of the group.
        let (ours, theirs) = if leaks { (ungrouped(&ours), ungrouped(&theirs)) } else { (ours, theirs) };
        let ask =
            |other: &Question| [self.read(other, self.answered(estate, other)), self.theirs(estate, other)];
        verdict.note((&estate.tenant, &estate.traces), question, [&ours, &theirs], &ask);
    }

    fn answered(&self, estate: &Spread, question: &Question) -> gateway::Answered {
        self.runtime.block_on(estate.ours.get(&question.target(self.union.beginning)))
    }

    fn read(&self, question: &Question, answered: gateway::Answered) -> Answer {
        let reply =
            Reply { status: answered.status.as_u16(), headers: Vec::new(), body: answered.body.to_vec() };
        Answer::of(question, &reply, self.union.beginning)
    }

    fn theirs(&self, estate: &Spread, question: &Question) -> Answer {
        let reply = self.union.ask(&estate.tenant, &question.target(self.union.beginning));
        Answer::of(question, &reply, self.union.beginning)
    }
}

/// Whether a query relates spans after it grouped them.
fn relates_groups(query: &str) -> bool {
    let relations = ["} > {", "} >> {", "} < {", "} << {", "} ~ {"];
    query.split_once("| by(").is_some_and(|(_, rest)| relations.iter().any(|sign| rest.contains(sign)))
}

/// The rows of an answer with their spans, without the sets these are in.
fn ungrouped(answer: &Answer) -> Answer {
    let Answer::Lines(lines) = answer else { return answer.clone() };
    // Sets whose groups are called the same are one, so that names decide how many there are.
    let shown = |row: &String| {
        let mut spans: Vec<&str> = row.lines().filter(|line| !line.starts_with("  set ")).collect();
        spans.sort_unstable();
        spans.join("\n")
    };
    Answer::Lines(lines.iter().map(shown).collect())
}

/// A Tempo as a region of the gateway.
pub fn asked_by(address: SocketAddr, tenant: &str, streaming: Streaming) -> TempoBackend {
    let settings = TempoSettings {
        url: format!("http://{address}").parse().unwrap(),
        tenant: Some(tenant.to_owned()),
        auth: Auth::None,
        headers: Vec::new(),
        tls: TlsSettings::default(),
        connect_timeout: Duration::from_secs(2),
        idle_connections_max: 8,
        streaming,
    };
    TempoBackend::new(&settings, BODY_BYTES_MAX).unwrap()
}

fn fill<'a>(
    tempo: &QueryTempo,
    traces: impl Iterator<Item = &'a [Trace]>,
    tenant: &dyn Fn(usize) -> String,
) -> Result<(), String> {
    let held: Vec<Held<'_>> = traces
        .enumerate()
        .map(|(number, traces)| Held { tenant: tenant(number), traces, again: &[] })
        .collect();
    tempo.fill(&held)
}

/// Each span in one region, and one of ten in the next too.
fn spread(dice: &mut Dice, traces: &[Trace]) -> Vec<Vec<Trace>> {
    let mut parts = vec![Vec::new(); REGIONS.len()];
    for trace in traces {
        let homes: Vec<(usize, bool)> =
            trace.spans().map(|_| (dice.below(REGIONS.len() as u64) as usize, dice.percent(10))).collect();
        for (rank, part) in parts.iter_mut().enumerate() {
            let is_held = |(home, twice): &(usize, bool)| {
                *home == rank || (*twice && (home + 1) % REGIONS.len() == rank)
            };
            let mut left = homes.iter().map(is_held);
            let mut kept = trace.clone();
            for scope in kept.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
                scope.spans.retain(|_| left.next().unwrap());
            }
            for batch in &mut kept.batches {
                batch.scope_spans.retain(|scope| !scope.spans.is_empty());
            }
            kept.batches.retain(|batch| !batch.scope_spans.is_empty());
            if !kept.batches.is_empty() {
                part.push(kept.canonical());
            }
        }
    }
    parts
}

/// What a block is that is combined of the parts: their groups one after the other, and each span once. In which
/// order spans lie that come together in one resource only then is part of what is stored.
fn combined(all: &[Trace], parts: &[Vec<Trace>]) -> Vec<Trace> {
    all.iter()
        .map(|whole| {
            let of_trace = parts.iter().flatten().filter(|part| part.id == whole.id);
            let batches = of_trace.flat_map(|part| part.batches.clone()).collect();
            let mut trace = Trace { id: whole.id, batches };
            let mut seen = HashSet::new();
            for scope in trace.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
                scope.spans.retain(|span| seen.insert((span.span_id.clone(), span.kind)));
            }
            for batch in &mut trace.batches {
                batch.scope_spans.retain(|scope| !scope.spans.is_empty());
            }
            trace.batches.retain(|batch| !batch.scope_spans.is_empty());
            trace.canonical()
        })
        .collect()
}

fn fixed(several: &Several) {
    let mut verdict = Verdict::default();
    let mut dice = several.dice();
    for question in search::corpus().iter().filter(|question| matches!(question, Question::Search { .. })) {
        several.ask(&mut verdict, dice.of(&several.estates), question);
    }
    several.end(verdict, "searches of the corpus over three regions");
}

fn random(several: &Several) {
    let mut verdict = Verdict::default();
    let mut dice = several.dice();
    for _ in 0..Judge::count(RANDOM) {
        let question = Question::search(random_queries::search(&mut dice));
        several.ask(&mut verdict, dice.of(&several.estates), &question);
    }
    several.end(verdict, "random searches over three regions");
}

fn tags(several: &Several) {
    let mut verdict = Verdict::default();
    let mut dice = several.dice();
    for estate in &several.estates {
        for name in [".x", "span.s", "resource.service.name", "name", "status", "event.k", ".arr"] {
            let question = Question::Values { name: name.to_owned(), query: None };
            several.ask(&mut verdict, estate, &question);
        }
        several.ask(&mut verdict, estate, &Question::Names { scope: None, query: None });
    }
    for _ in 0..Judge::count(RANDOM_TAGS) {
        let filter = random_queries::filter(&mut dice);
        let estate = dice.of(&several.estates);
        let question = Question::Values { name: "span.x".to_owned(), query: Some(filter.clone()) };
        several.ask(&mut verdict, estate, &question);
        several.ask(&mut verdict, estate, &Question::Names { scope: None, query: Some(filter) });
    }
    several.end(verdict, "tags over three regions");
}
