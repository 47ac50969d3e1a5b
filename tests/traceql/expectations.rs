//! Where the expectations come from: a real Tempo that holds the estates, asked every question of every case.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::answer::Answer;
use crate::evaluated::{cases, files, traces};
use crate::language::{accepted, refused};
use crate::query_tempo::{Held, QueryTempo};
use crate::question::{self, Question};
use crate::sketch::Trace;

fn tempo() -> QueryTempo {
    let program = std::env::var_os("TEMPO_BIN").expect("TEMPO_BIN names the executable of a Grafana Tempo");
    QueryTempo::start(&PathBuf::from(program), tutti::task::clock::wall_nanos()).unwrap()
}

#[test]
#[ignore = "writes what a real Tempo answers into the files of cases; needs TEMPO_BIN"]
fn expectations_are_what_a_real_tempo_answers() {
    let tempo = tempo();
    let estates: Vec<(String, Vec<Trace>)> = files("estates")
        .iter()
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let traces = traces(&name).iter().map(Trace::canonical).collect();
            (name, traces)
        })
        .collect();
    let held: Vec<Held<'_>> =
        estates.iter().map(|(name, traces)| Held { tenant: name.clone(), traces, again: &[] }).collect();
    tempo.fill(&held).unwrap();
    for file in files("cases") {
        let estate = cases(&file)[0].estate.clone();
        let mut written = String::new();
        for line in std::fs::read_to_string(&file).unwrap().lines().filter(|line| !line.starts_with('>')) {
            let _ = writeln!(written, "{line}");
            if let Some(question) = question::read(line) {
                let reply = tempo.ask(&estate, &question.target(tempo.beginning));
                let _ = write!(written, "{}", Answer::of(&question, &reply, tempo.beginning));
            }
        }
        std::fs::write(&file, written).unwrap();
    }
}

#[test]
#[ignore = "asks a real Tempo whether it accepts and refuses the same; needs TEMPO_BIN"]
fn expectations_of_acceptance_are_a_real_tempos() {
    let tempo = tempo();
    // A Tempo without any trace refuses what is no query all the same.
    let is_refused = |query: &str| {
        let is_metrics = tutti::traceql::parse(query)
            .is_ok_and(|query| matches!(query.root, tutti::traceql::ast::Root::Metrics(_)));
        let question = match is_metrics {
            true => Question::Range { query: query.to_owned(), start: 0, end: 10, step: 2 },
            false => Question::search(query),
        };
        let reply = tempo.ask("nobody", &question.target(tempo.beginning));
        assert!([200, 400].contains(&reply.status), "{query}: {} {}", reply.status, reply.text());
        (reply.status == 400, reply.text())
    };
    let mut faults = String::new();
    for query in accepted() {
        if let (true, why) = is_refused(&query) {
            let _ = writeln!(faults, "refused: {query}\n    {why}");
        }
    }
    for case in refused() {
        if let (false, _) = is_refused(&case.query) {
            let _ = writeln!(faults, "accepted: {}", case.query);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
