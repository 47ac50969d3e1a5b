//! One embedded region behind the gateway: spans go in as an exporter's do, questions as Grafana's.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tokio::runtime::Runtime;
use tutti::backend::Backend;
use tutti::backend::memory::MemoryBackend;
use tutti::backend::settings::MemorySettings;
use tutti::federation::{Additions, FederationSettings};

use crate::answer::Answer;
use crate::gateway;
use crate::http::Reply;
use crate::question::Question;
use crate::sketch::{BEGINNING, Trace, export};

pub struct Region {
    estate: gateway::Estate,
    runtime: Runtime,
}

/// An estate that adds nothing of its own, as it is compared with a Tempo.
pub fn bare(regions: Vec<(&str, Arc<dyn Backend>)>) -> gateway::Estate {
    let federation = FederationSettings { additions: Additions::NONE, ..FederationSettings::default() };
    gateway::Setup { federation, ..gateway::Setup::default() }.over(regions)
}

impl Region {
    pub fn of<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Self {
        let memory = MemoryBackend::new(MemorySettings::default());
        for trace in traces {
            let export = Bytes::from(export([trace]).encode_to_vec());
            let spans = trace.spans().count() as u64;
            assert_eq!(memory.ingest(export).expect("an export that is taken").spans, spans);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let estate = {
            let _inside = runtime.enter();
            bare(vec![("us-east", Arc::new(memory))])
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
