//! Embedded regions behind the gateway: spans go in as an exporter's do, questions as Grafana's.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tokio::runtime::Runtime;
use tutti::backend::Backend;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::federation::{Additions, FederationSettings};

use crate::answer::Answer;
use crate::dice::Dice;
use crate::gateway;
use crate::http::Reply;
use crate::question::Question;
use crate::sketch::{BEGINNING, Trace, export};

pub struct Region {
    estate: gateway::Estate,
    runtime: Runtime,
}

const THREE: [&str; 3] = ["us-east", "eu-central", "ap-south"];

fn holding<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> MemoryBackend {
    let memory = MemoryBackend::new(MemorySettings::default());
    for trace in traces {
        let export = Bytes::from(export([trace]).encode_to_vec());
        let spans = trace.spans().count() as u64;
        assert_eq!(memory.ingest(export).expect("an export that is taken").spans, spans);
    }
    memory
}

/// An estate that adds nothing of its own, as it is compared with a Tempo.
pub fn bare(regions: Vec<(&str, Arc<dyn Backend>)>) -> gateway::Estate {
    let federation = FederationSettings { additions: Additions::NONE, ..FederationSettings::default() };
    gateway::Setup { federation, ..gateway::Setup::default() }.over(regions)
}

impl Region {
    pub fn of<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Self {
        let memory = holding(traces);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let estate = {
            let _inside = runtime.enter();
            bare(vec![("us-east", Arc::new(memory))])
        };
        Self { estate, runtime }
    }

    /// Three regions, each of which has some of the resources of every trace.
    pub fn three(dice: &mut Dice, traces: &[Trace]) -> Self {
        let mut parts: Vec<Vec<Trace>> = vec![Vec::new(); THREE.len()];
        for trace in traces {
            let homes: Vec<usize> = trace.batches.iter().map(|_| dice.below(3) as usize).collect();
            for (rank, part) in parts.iter_mut().enumerate() {
                let here = trace.batches.iter().zip(&homes).filter(|(_, home)| **home == rank);
                let batches: Vec<_> = here.map(|(batch, _)| batch.clone()).collect();
                if !batches.is_empty() {
                    part.push(Trace { id: trace.id, batches });
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let estate = {
            let _inside = runtime.enter();
            let stores = parts.iter().map(|part| Arc::new(holding(part)) as Arc<dyn Backend>);
            bare(THREE.into_iter().zip(stores).collect())
        };
        Self { estate, runtime }
    }

    pub fn answer(&self, question: &Question) -> Answer {
        let answered = self.runtime.block_on(self.estate.get(&question.target(BEGINNING)));
        let reply =
            Reply { status: answered.status.as_u16(), headers: Vec::new(), body: answered.body.to_vec() };
        Answer::of(question, &reply, BEGINNING)
    }
}
