//! The promise "as if local", held against a real Tempo: random traces lie spread over three Tempos
//! behind the gateway and all together in a fourth, and the gateway has to answer as the fourth does.
//!
//! `TEMPO_BIN` names Tempo's executable. Without it nothing here can be known, and every test is
//! reported as ignored. `TEMPO_SEED` chooses other traces. `TUTTI_BEHIND_PEERS=1` puts a gateway before each of the
//! three regions that are asked together. What is on purpose not the same, and why, is
//! listed in `docs/exactness.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    dead_code,
    reason = "a test may fail by panicking, and so may what it is made of; its supports serve other binaries"
)]

#[path = "../support/answer.rs"]
mod answer;
#[path = "../support/behind.rs"]
mod behind;
#[path = "../support/dice.rs"]
mod dice;
#[path = "../support/embedded.rs"]
mod embedded;
#[path = "../support/estate.rs"]
mod gateway;
#[path = "../support/grpc_client.rs"]
mod grpc_client;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/query_tempo.rs"]
mod query_tempo;
#[path = "../support/question.rs"]
mod question;
#[path = "../support/random_queries.rs"]
mod random_queries;
#[path = "../support/random_traces.rs"]
mod random_traces;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/sketch.rs"]
mod sketch;
#[path = "../support/tempopb.rs"]
mod tempopb;

mod apart;
mod by_id;
mod canonical;
mod corpus;
mod diff;
mod edge;
mod errors;
mod estate;
mod filter;
mod judge;
mod known;
mod limits;
mod metrics;
mod pages;
mod region;
mod reliance;
mod search;
mod several;
mod streaming;
mod tags;
mod traces;
mod view;
mod written;
mod wrong_questions;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::estate::Estate;
use crate::judge::Judge;
use crate::several::Several;
use crate::view::Views;

/// A test: its name and what it does with the estate.
type Test = (&'static str, fn(&Estate));

/// A test that asks questions of a real Tempo and of ours.
type QueryTest = (&'static str, fn(&Judge));

/// A test of answers that lie beside their questions.
type CorpusTest = (&'static str, fn(&Path));

const NO_TEMPO: &str = "TEMPO_BIN is not set: set it to the executable of a Grafana Tempo to run this";

fn main() {
    let arguments = Arguments::from_args();
    let tempo = std::env::var_os("TEMPO_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let estate: Arc<Lazy<Estate>> = Arc::default();
    let judge: Arc<Lazy<Judge>> = Arc::default();
    let by_id = [
        by_id::TESTS,
        diff::TESTS,
        edge::TESTS,
        errors::TESTS,
        filter::TESTS,
        limits::TESTS,
        wrong_questions::TESTS,
        written::TESTS,
        reliance::TESTS,
    ]
    .concat();
    let judged = [search::TESTS, metrics::TESTS, tags::TESTS, streaming::TESTS, apart::TESTS].concat();
    let mut trials: Vec<Trial> = Vec::new();
    for (name, run) in by_id {
        let estate = estate.clone();
        trials.push(trial(&arguments, name, tempo.clone(), move |tempo| {
            run(estate.get(tempo, Estate::start)?);
            Ok(())
        }));
    }
    for (name, run) in judged {
        let judge = judge.clone();
        trials.push(trial(&arguments, name, tempo.clone(), move |tempo| {
            run(judge.get(tempo, Judge::start)?);
            Ok(())
        }));
    }
    trials.extend(of_corpus(&arguments));
    let several: Arc<Lazy<Several>> = Arc::default();
    for (name, run) in [several::TESTS, pages::TESTS].concat() {
        let several = several.clone();
        trials.push(trial(&arguments, name, tempo.clone(), move |tempo| {
            run(several.get(tempo, Several::start)?);
            Ok(())
        }));
    }
    let views: Arc<Lazy<Views>> = Arc::default();
    for (name, run) in view::TESTS {
        let views = views.clone();
        trials.push(trial(&arguments, name, tempo.clone(), move |tempo| {
            run(views.get(tempo, Views::start)?);
            Ok(())
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Exiting runs no destructors, and the processes must not outlive the run.
    drop((estate, judge, several, views));
    conclusion.exit();
}

/// A trial that is ignored where there is no Tempo, which is said aloud.
fn trial(
    arguments: &Arguments,
    name: &str,
    tempo: Option<PathBuf>,
    run: impl FnOnce(&Path) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    if tempo.is_none() {
        say_skipped(arguments, name, NO_TEMPO);
    }
    let is_ignored = tempo.is_none();
    let runner = move || run(&tempo.ok_or_else(|| Failed::from(NO_TEMPO))?);
    Trial::test(name, runner).with_ignored_flag(is_ignored)
}

fn say_skipped(arguments: &Arguments, name: &str, why: &str) {
    let is_asked = arguments.filter.as_deref().is_none_or(|filter| name.contains(filter));
    let is_run_anyway = arguments.ignored || arguments.include_ignored;
    if is_asked && !is_run_anyway && !arguments.list {
        // To the error stream, which no harness holds back.
        eprintln!("SKIPPED: {name}: {why}");
    }
}

/// Trials that need a corpus, and no Tempo.
fn of_corpus(arguments: &Arguments) -> Vec<Trial> {
    let tests: [CorpusTest; 2] = [
        ("every_search_of_a_foreign_corpus_is_answered_as_the_union", corpus::searches),
        ("every_metrics_query_of_a_foreign_corpus_is_answered_as_the_union", corpus::metrics),
    ];
    let folder = corpus::folder();
    let made = tests.into_iter().map(|(name, run)| {
        if folder.is_none() {
            say_skipped(arguments, name, corpus::NO_CORPUS);
        }
        let folder = folder.clone();
        let is_ignored = folder.is_none();
        let runner = move || {
            run(&folder.ok_or_else(|| Failed::from(corpus::NO_CORPUS))?);
            Ok(())
        };
        Trial::test(name, runner).with_ignored_flag(is_ignored)
    });
    made.collect()
}

/// What is started by the first test that needs it, and let go at the end of the run.
struct Lazy<T>(OnceLock<Result<T, String>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Lazy<T> {
    fn get(&self, tempo: &Path, start: impl FnOnce(&Path) -> Result<T, String>) -> Result<&T, Failed> {
        self.0.get_or_init(|| start(tempo)).as_ref().map_err(|error| Failed::from(error.clone()))
    }
}
