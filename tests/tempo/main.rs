//! The promise "as if local", held against a real Tempo: random traces lie spread over three Tempos
//! behind the gateway and all together in a fourth, and the gateway has to answer as the fourth does.
//!
//! `TEMPO_BIN` names Tempo's executable. Without it nothing here can be known, and every test is
//! reported as ignored. `TEMPO_SEED` chooses other traces. What is on purpose not the same, and why, is
//! listed in `docs/exactness.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by panicking, and so may what it is made of"
)]

mod by_id;
mod canonical;
mod edge;
mod errors;
mod estate;
mod filter;
mod http;
mod limits;
mod reliance;
mod traces;
mod wrong_questions;

use std::path::PathBuf;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::estate::{Estate, Lazy};

/// A test: its name and what it does with the estate.
type Test = (&'static str, fn(&Estate));

const NO_TEMPO: &str = "TEMPO_BIN is not set: set it to the executable of a Grafana Tempo to run this";

fn main() {
    let arguments = Arguments::from_args();
    let tempo = std::env::var_os("TEMPO_BIN").filter(|path| !path.is_empty()).map(PathBuf::from);
    let estate = Arc::new(Lazy::default());
    let tests = [
        by_id::TESTS,
        edge::TESTS,
        errors::TESTS,
        filter::TESTS,
        limits::TESTS,
        wrong_questions::TESTS,
        reliance::TESTS,
    ]
    .concat();
    let why = tempo.is_none().then_some(NO_TEMPO);
    let trials: Vec<Trial> =
        tests.iter().map(|test| trial(&arguments, *test, why, tempo.clone(), &estate)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Exiting runs no destructors, and the processes must not outlive the run.
    drop(estate);
    conclusion.exit();
}

/// A trial that is ignored where there is a reason why it cannot be run, which is said aloud.
fn trial(
    arguments: &Arguments,
    (name, run): Test,
    why_not: Option<&str>,
    tempo: Option<PathBuf>,
    estate: &Arc<Lazy>,
) -> Trial {
    let is_asked = arguments.filter.as_deref().is_none_or(|filter| name.contains(filter));
    let is_run_anyway = arguments.ignored || arguments.include_ignored;
    if let Some(why) = why_not.filter(|_| is_asked && !is_run_anyway && !arguments.list) {
        // To the error stream, which no harness holds back.
        eprintln!("SKIPPED: {name}: {why}");
    }
    let estate = estate.clone();
    let runner = move || {
        let tempo = tempo.ok_or_else(|| Failed::from(NO_TEMPO))?;
        run(estate.get(&tempo)?);
        Ok(())
    };
    Trial::test(name, runner).with_ignored_flag(why_not.is_some())
}
