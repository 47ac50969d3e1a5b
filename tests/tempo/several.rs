//! Three real Tempos behind the gateway, the spans of each trace spread over them by chance; and a fourth that
//! holds all. The gateway has to answer searches, questions for tags, and differences of traces as the fourth,
//! wherever the spans lie: each in one region, or some in a second one too, marked as copies or not.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::runtime::Runtime;
use tutti::backend::settings::{Auth, Streaming, TempoSettings, TlsSettings};
use tutti::backend::{Backend, TempoBackend};
use tutti::traceql::lenient::condition_groups;

use crate::answer::Answer;
use crate::dice::Dice;
use crate::estate::seed;
use crate::http::Reply;
use crate::judge::{Judge, Verdict};
use crate::query_tempo::{Held, QueryTempo};
use crate::question::Question;
use crate::random_traces::{Oddities, estate};
use crate::region::Region;
use crate::sketch::Trace;
use crate::{behind, diff, gateway, region};
use crate::{random_queries, search};

/// A question to the three and the one, by name.
pub type Check = (&'static str, fn(&Several));

pub const TESTS: &[Check] = &[
    ("three_tempos_find_what_the_one_that_holds_all_finds", fixed),
    ("three_tempos_are_searched_at_random_as_the_one_that_holds_all", random),
    ("three_tempos_name_the_attributes_of_the_one_that_holds_all", tags),
    ("three_tempos_tell_traces_apart_as_the_one_that_holds_all", differences),
];

/// Of each way in which spans may lie.
const ESTATES: usize = 6;
const TRACES: usize = 5;
const REGIONS: [&str; 3] = ["us-east", "eu-central", "ap-south"];
/// Of each way.
const RANDOM: usize = 400;
const RANDOM_TAGS: usize = 70;
/// A Tempo may fail at a condition that is none of ours to mend.
const LABELLED_MAX: usize = 10;
const BODY_BYTES_MAX: u64 = 16 << 20;
const MARK: &str = "tutti.replica";

/// How spans lie in regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    None,
    Marked,
    Unmarked,
}

pub const WAYS: [Copies; 3] = [Copies::None, Copies::Marked, Copies::Unmarked];

pub struct Several {
    union: QueryTempo,
    estates: Vec<Spread>,
    runtime: Runtime,
    _regions: Vec<QueryTempo>,
}

pub struct Spread {
    copies: Copies,
    tenant: String,
    traces: Vec<Trace>,
    /// Each trace in a region of its own, for where the one Tempo fails.
    alone: Vec<Region>,
    pub ours: gateway::Estate,
}

/// What came of asking many questions.
#[derive(Default)]
pub struct Tally {
    verdict: Verdict,
    /// Answers that say that something is missing.
    labelled: Vec<String>,
    /// Answers where the one Tempo fails, judged by our own evaluation of each trace.
    judged_alone: usize,
}

impl Tally {
    pub fn end(self, what: &str, copies: Copies) {
        let what = format!("{what} over three regions, copies: {copies:?}");
        eprintln!("{what}: {} labelled", self.labelled.len());
        self.labelled.iter().for_each(|line| eprintln!("  {line}"));
        eprintln!("  {} judged trace by trace, where the one Tempo fails", self.judged_alone);
        self.verdict.end(&what);
        assert!(self.labelled.len() < LABELLED_MAX, "a region of three that are well fails seldom");
    }
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
        let ways: Vec<Copies> = (0..ESTATES).flat_map(|_| WAYS).collect();
        let all: Vec<Vec<Trace>> = ways.iter().map(|_| estate(&mut dice, TRACES, oddities)).collect();
        let parts: Vec<Vec<Vec<Trace>>> =
            all.iter().zip(&ways).map(|(traces, copies)| spread(&mut dice, traces, *copies)).collect();
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
            let make = |(number, traces): (usize, Vec<Trace>)| {
                let backends = REGIONS.iter().zip(&regions).enumerate().map(|(rank, (name, region))| {
                    // One of them by its streaming API: which way a region is asked makes no difference.
                    let streaming = if rank == 0 { Streaming::Always } else { Streaming::Never };
                    let region = asked_by(region.address(), &tenant(number), streaming);
                    let region = Arc::new(region) as Arc<dyn Backend>;
                    // The same with a gateway before each region, where that is asked for.
                    let has_peers = std::env::var_os("TUTTI_BEHIND_PEERS").is_some();
                    (*name, if has_peers { behind::a_peer(name, region) } else { region })
                });
                Spread {
                    copies: ways[number],
                    tenant: tenant(number),
                    alone: whole[number].iter().map(|trace| Region::of([trace])).collect(),
                    traces,
                    ours: region::bare(backends.collect()),
                }
            };
            all.into_iter().enumerate().map(make).collect()
        };
        Ok(Self { union, estates, runtime, _regions: regions })
    }

    pub fn dice(&self) -> Dice {
        Dice(seed() ^ 0x5eed5)
    }

    /// Estates whose spans lie so.
    pub fn of(&self, copies: Copies) -> Vec<&Spread> {
        self.estates.iter().filter(|estate| estate.copies == copies).collect()
    }

    fn ask(&self, tally: &mut Tally, estate: &Spread, question: &Question) {
        self.compare(tally, estate, question, &|question| self.answered(estate, question));
    }

    /// Compares what the gateway answers with what the one Tempo does.
    pub fn compare(
        &self,
        tally: &mut Tally,
        estate: &Spread,
        question: &Question,
        ours: &dyn Fn(&Question) -> gateway::Answered,
    ) {
        let answer = ours;
        let answered = answer(question);
        if answered.status.is_success() && answered.header("tutti-exactness") != "exact" {
            // Not silently: a region failed, and its name and why are in the answer. Few may be so.
            let line = format!("{question}: {}", answered.header("tutti-regions"));
            tally.labelled.push(line);
            return;
        }
        let ours = self.read(question, answered);
        let mut theirs = self.theirs(estate, question);
        if matches!((&ours, &theirs), (Answer::Lines(_), Answer::Failed(_))) {
            // It fails at a span of a trace that meets no condition and need not be looked at.
            theirs = trace_by_trace(&estate.alone, question);
            tally.judged_alone += 1;
        }
        let leaks = relates_groups(question.query()) && ungrouped(&ours).is(&ungrouped(&theirs));
        // What relates spans after they were grouped says in Tempo what group it last looked at, which depends
        // on how its block is read: the spans are compared, and not the name of the group.
        let (ours, theirs) = if leaks { (ungrouped(&ours), ungrouped(&theirs)) } else { (ours, theirs) };
        let (ours, theirs) = without_what_parts_tell(&estate.traces, question, ours, theirs);
        let ask = |other: &Question| [self.read(other, answer(other)), self.theirs(estate, other)];
        tally.verdict.note((&estate.tenant, &estate.traces), question, [&ours, &theirs], &ask);
    }

    fn answered(&self, estate: &Spread, question: &Question) -> gateway::Answered {
        self.get(estate, &question.target(self.union.beginning))
    }

    pub fn get(&self, estate: &Spread, target: &str) -> gateway::Answered {
        self.runtime.block_on(estate.ours.get(target))
    }

    pub fn beginning(&self) -> u64 {
        self.union.beginning
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

/// What we find in each trace by itself, together: a trace at which the query fails has nothing to be found.
pub fn trace_by_trace(each: &[Region], question: &Question) -> Answer {
    let mut lines = BTreeSet::new();
    for region in each {
        if let Answer::Lines(found) = region.answer(question) {
            lines.extend(found);
        }
    }
    Answer::Lines(lines.into_iter().collect())
}

/// Of the names of roots, regions tell those of their own parts: one of several roots of a trace, and nothing of a
/// trace without a root, which to a region is like a part that lacks it.
pub fn without_what_parts_tell(
    traces: &[Trace],
    question: &Question,
    ours: Answer,
    theirs: Answer,
) -> (Answer, Answer) {
    let is_of_root = matches!(question, Question::Values { name, .. } if name.starts_with("root"));
    let is_filtered = condition_groups(question.query()).is_ok_and(|groups| !groups.is_empty());
    let (true, false, Answer::Lines(mut of_parts), Answer::Lines(mut of_whole)) =
        (is_of_root, is_filtered, ours.clone(), theirs.clone())
    else {
        return (ours, theirs);
    };
    let is_of_several = |line: &String| {
        traces.iter().any(|trace| {
            let roots: Vec<&Span> = trace.spans().filter(|span| span.parent_span_id.is_empty()).collect();
            let services = trace.batches.iter().flat_map(|batch| batch.resource.iter());
            let mut names = roots.iter().map(|root| format!("string {:?}", root.name));
            let is_name = names.any(|name| name == *line);
            let mut services =
                services.flat_map(|resource| &resource.attributes).filter_map(|pair| {
                    match pair.value.as_ref()?.value.as_ref()? {
                        Value::StringValue(text) if pair.key == "service.name" => {
                            Some(format!("string {text:?}"))
                        }
                        _ => None,
                    }
                });
            roots.len() > 1 && (is_name || services.any(|service| service == *line))
        })
    };
    of_parts.retain(|line| of_whole.contains(line) || !is_of_several(line));
    of_whole.retain(|line| line != "string null");
    (Answer::Lines(of_parts), Answer::Lines(of_whole))
}

/// Whether a query relates spans after it grouped them.
pub fn relates_groups(query: &str) -> bool {
    let relations = ["} > {", "} >> {", "} < {", "} << {", "} ~ {"];
    query.split_once("| by(").is_some_and(|(_, rest)| relations.iter().any(|sign| rest.contains(sign)))
}

/// The rows of an answer with their spans, without the sets these are in.
pub fn ungrouped(answer: &Answer) -> Answer {
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

/// Each span in one region, and some in the next too.
fn spread(dice: &mut Dice, traces: &[Trace], copies: Copies) -> Vec<Vec<Trace>> {
    let percent = match copies {
        Copies::None => 0,
        Copies::Marked => 40,
        Copies::Unmarked => 10,
    };
    let mut parts = vec![Vec::new(); REGIONS.len()];
    for trace in traces {
        let homes: Vec<(usize, bool)> = trace
            .spans()
            .map(|_| (dice.below(REGIONS.len() as u64) as usize, dice.percent(percent)))
            .collect();
        for (rank, part) in parts.iter_mut().enumerate() {
            let is_home = |(home, _): &(usize, bool)| *home == rank;
            let is_copied = |(home, twice): &(usize, bool)| *twice && (home + 1) % REGIONS.len() == rank;
            let batches = if copies == Copies::Marked {
                let mut copied = only(trace, homes.iter().map(is_copied));
                copied.batches.iter_mut().for_each(|batch| {
                    let value = Some(AnyValue { value: Some(Value::BoolValue(true)) });
                    let mark = KeyValue { key: MARK.to_owned(), value, ..KeyValue::default() };
                    batch.resource.get_or_insert_default().attributes.push(mark);
                });
                [only(trace, homes.iter().map(is_home)).batches, copied.batches].concat()
            } else {
                only(trace, homes.iter().map(|home| is_home(home) || is_copied(home))).batches
            };
            if !batches.is_empty() {
                part.push(Trace { id: trace.id, batches }.canonical());
            }
        }
    }
    parts
}

/// A trace with only some of its spans.
pub fn only(trace: &Trace, mut is_kept: impl Iterator<Item = bool>) -> Trace {
    let mut kept = trace.clone();
    for scope in kept.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
        scope.spans.retain(|_| is_kept.next().unwrap());
    }
    without_empty_groups(kept)
}

pub fn without_empty_groups(mut trace: Trace) -> Trace {
    for batch in &mut trace.batches {
        batch.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    trace.batches.retain(|batch| !batch.scope_spans.is_empty());
    trace
}

/// What a block is that is combined of the parts: their groups one after the other, and each span once. In which
/// order spans lie that come together in one resource only then is part of what is stored.
fn combined(all: &[Trace], parts: &[Vec<Trace>]) -> Vec<Trace> {
    all.iter()
        .map(|whole| {
            let of_trace = parts.iter().flatten().filter(|part| part.id == whole.id);
            // Of a span that is there in the original, no copy counts.
            let is_copy = |batch: &ResourceSpans| {
                batch.resource.iter().flat_map(|r| &r.attributes).any(|pair| pair.key == MARK)
            };
            let batches =
                of_trace.flat_map(|part| part.batches.clone()).filter(|batch| !is_copy(batch)).collect();
            let mut trace = Trace { id: whole.id, batches };
            let mut seen = HashSet::new();
            for scope in trace.batches.iter_mut().flat_map(|batch| &mut batch.scope_spans) {
                scope.spans.retain(|span| seen.insert((span.span_id.clone(), span.kind)));
            }
            without_empty_groups(trace).canonical()
        })
        .collect()
}

fn fixed(several: &Several) {
    let mut dice = several.dice();
    let corpus = search::corpus();
    for copies in WAYS {
        let (mut tally, estates) = (Tally::default(), several.of(copies));
        for question in corpus.iter().filter(|question| matches!(question, Question::Search { .. })) {
            let estate = *dice.of(&estates);
            several.ask(&mut tally, estate, question);
        }
        for estate in estates {
            for query in FAILING {
                several.ask(&mut tally, estate, &Question::search(query));
            }
        }
        tally.end("searches of the corpus", copies);
    }
}

fn random(several: &Several) {
    let mut dice = several.dice();
    for copies in WAYS {
        let (mut tally, estates) = (Tally::default(), several.of(copies));
        for _ in 0..Judge::count(RANDOM) {
            let question = Question::search(random_queries::search(&mut dice));
            let estate = *dice.of(&estates);
            several.ask(&mut tally, estate, &question);
        }
        tally.end("random searches", copies);
    }
}

/// What a region fails at as the one does, or lists no traces of: it must not be taken for a region that is
/// missing.
const FAILING: [&str; 7] = [
    "{ !span.b }",
    "{ !.b || name = \"A\" }",
    "{ span.arr = span.arr }",
    "{ 1 / 0 = 1 }",
    "{ } | by(-span.s)",
    "{ } | by(trace:id)",
    "{ name = \"A\" } | by(trace:id) | count() > 0",
];

/// What is asked without a filter, in every estate.
const NAMES: [&str; 13] = [
    ".x",
    "span.s",
    "resource.service.name",
    "name",
    "status",
    "event.k",
    ".arr",
    "rootName",
    "rootServiceName",
    "span:childCount",
    "trace:duration",
    "resource.tutti.replica",
    // Under a filter a Tempo tells one value without a type.
    "nestedSetLeft",
];

fn tags(several: &Several) {
    let mut dice = several.dice();
    for copies in WAYS {
        let (mut tally, estates) = (Tally::default(), several.of(copies));
        for estate in &estates {
            for name in NAMES {
                let question = Question::Values { name: name.to_owned(), query: None };
                several.ask(&mut tally, estate, &question);
            }
            several.ask(&mut tally, estate, &Question::Names { scope: None, query: None });
        }
        for _ in 0..Judge::count(RANDOM_TAGS) {
            let filter = random_queries::filter(&mut dice);
            let estate = dice.of(&estates);
            for name in ["span.x", *dice.of(&NAMES[..NAMES.len() - 1])] {
                let question = Question::Values { name: name.to_owned(), query: Some(filter.clone()) };
                several.ask(&mut tally, estate, &question);
            }
            several.ask(&mut tally, estate, &Question::Names { scope: None, query: Some(filter) });
        }
        tally.end("tags", copies);
    }
}

/// Each trace of an estate against the next one.
fn differences(several: &Several) {
    let headers = |tenant| [("Content-Type", "application/json"), ("X-Scope-OrgID", tenant)];
    for copies in WAYS {
        let (mut differing, mut compared) = (Vec::new(), 0);
        for estate in several.of(copies) {
            for (two, format) in estate.traces.windows(2).zip(diff::FORMATS.iter().cycle()) {
                let body = diff::body([&two[0].id_hex(), &two[1].id_hex()], format);
                let mut asked = http::Request::post(diff::TARGET);
                for (name, value) in headers(&estate.tenant) {
                    asked = asked.header(name, value);
                }
                let asked = asked.body(Body::from(body.clone())).unwrap();
                let ours = several.runtime.block_on(estate.ours.send(asked));
                let theirs = several.union.post(&estate.tenant, diff::TARGET, &body);
                assert_eq!((ours.status.as_u16(), theirs.status), (200, 200), "{}", theirs.text());
                let [ours, theirs] = [ours.body.to_vec(), theirs.body].map(|body| diff::read(&body));
                compared += 1;
                if ours != theirs {
                    differing.push(format!("{body}\n    Tutti: {ours}\n    Tempo: {theirs}"));
                }
            }
        }
        eprintln!("differences over three regions, copies: {copies:?}: {compared} compared");
        assert!(differing.is_empty(), "{} differ\n{}", differing.len(), differing.join("\n"));
        assert!(compared > ESTATES, "enough to say something");
    }
}
