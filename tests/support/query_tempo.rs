//! One real Tempo for queries, with an estate of traces for each tenant.
//!
//! What a Tempo answers depends on how spans were flushed into blocks. So each trace is sent whole, in the
//! order one block would store it, and everything asked lies in blocks that are complete: the one layout that
//! has a defined answer. A second push of some spans becomes a fragment of its own in the same block, which
//! Tempo combines when it completes the block.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use prost::Message;
use tempfile::TempDir;

use crate::http::{Reply, Request};
use crate::server::{Server, eventually, free_port, is_taken, tempo_doors};
use crate::sketch::{BEGINNING, Trace, export};

/// Longer than a live trace waits for more spans, and with the second push before a block is cut.
const UNTIL_FLUSHED: Duration = Duration::from_millis(3_500);
/// Traces lie so long in the past that no answer waits for late spans, and inside what is asked of the store
/// that has them.
const AGE_SECONDS: u64 = 3_600;
/// The beginning is a multiple of this, as every step divides it.
const GRID_SECONDS: u64 = 300;

pub struct QueryTempo {
    server: Server,
    /// Where `@0s` of a sketch lies for this Tempo, in nanoseconds of the epoch.
    pub beginning: u64,
    files: TempDir,
}

/// What one tenant holds: traces, and spans that are sent a second time.
pub struct Held<'a> {
    pub tenant: String,
    pub traces: &'a [Trace],
    pub again: &'a [Trace],
}

impl QueryTempo {
    /// From a clock that says nanoseconds of the epoch.
    pub fn start(program: &Path, now: u64) -> Result<Self, String> {
        // Another process may have taken a port between the choice and the start.
        Self::try_start(program, now).or_else(|first| {
            Self::try_start(program, now).map_err(|again| format!("{first}\nand again: {again}"))
        })
    }

    fn try_start(program: &Path, now: u64) -> Result<Self, String> {
        let files = TempDir::new().map_err(|error| error.to_string())?;
        let dir = files.path();
        let [http, grpc, otlp, gossip] = [free_port()?, free_port()?, free_port()?, free_port()?];
        let file = dir.join("tempo.yaml");
        std::fs::write(&file, config(dir, [http, grpc, otlp, gossip])).map_err(|error| error.to_string())?;
        let args = [format!("-config.file={}", file.display())];
        let mut server = Server::begin("tempo", program, &args, dir, http)?;
        server.otlp = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, otlp)));
        server.wait_until_ready(&dir.join("log"))?;
        let seconds = now / 1_000_000_000 - AGE_SECONDS;
        let beginning = (seconds - seconds % GRID_SECONDS) * 1_000_000_000;
        Ok(Self { server, beginning, files })
    }

    /// Stores what tenants hold and waits until it lies in complete blocks, one for each tenant.
    pub fn fill(&self, held: &[Held<'_>]) -> Result<(), String> {
        for one in held {
            self.push(&one.tenant, one.traces)?;
        }
        if held.iter().any(|one| !one.again.is_empty()) {
            sleep(UNTIL_FLUSHED);
        }
        for one in held.iter().filter(|one| !one.again.is_empty()) {
            self.push(&one.tenant, one.again)?;
        }
        let tenants: Vec<&str> = held.iter().map(|one| one.tenant.as_str()).collect();
        if !eventually(|| tenants.iter().all(|tenant| self.blocks(tenant) > 0)) {
            return Err("spans that were sent do not come to lie in blocks".to_owned());
        }
        // The block on disk is put in the place of the log's a moment after it is written.
        sleep(Duration::from_secs(1));
        match tenants.iter().find(|tenant| self.blocks(tenant) != 1) {
            Some(tenant) => Err(format!("what `{tenant}` holds came to lie in several blocks")),
            None => Ok(()),
        }
    }

    fn push(&self, tenant: &str, traces: &[Trace]) -> Result<(), String> {
        let shifted: Vec<Trace> =
            traces.iter().map(|trace| trace.shifted(self.beginning.wrapping_sub(BEGINNING))).collect();
        let headers = [("Content-Type", "application/x-protobuf"), ("X-Scope-OrgID", tenant)];
        let body = export(&shifted).encode_to_vec();
        let request = Request { method: "POST", target: "/v1/traces", headers: &headers, body: &body };
        let to = self.server.otlp.ok_or("a Tempo takes spans")?;
        let reply = request.send(to).map_err(|error| error.to_string())?;
        if is_taken(&reply) {
            Ok(())
        } else {
            Err(format!("refused spans: {} {}", reply.status, reply.text()))
        }
    }

    /// Complete blocks of a tenant.
    fn blocks(&self, tenant: &str) -> usize {
        let folder: PathBuf = self.files.path().join("live/traces/blocks").join(tenant);
        let blocks = std::fs::read_dir(folder).into_iter().flatten().flatten();
        blocks.filter(|block| block.path().join("meta.json").exists()).count()
    }

    /// Of HTTP, and of gRPC over it.
    pub fn address(&self) -> SocketAddr {
        self.server.http
    }

    pub fn ask_as(&self, tenant: &str, target: &str, accept: &str) -> Reply {
        self.server.send(&Request::get(target).with(&[("X-Scope-OrgID", tenant), ("Accept", accept)]))
    }

    pub fn post(&self, tenant: &str, target: &str, body: &str) -> Reply {
        let headers = [("Content-Type", "application/json"), ("X-Scope-OrgID", tenant)];
        self.server.send(&Request { method: "POST", target, headers: &headers, body: body.as_bytes() })
    }

    pub fn ask(&self, tenant: &str, target: &str) -> Reply {
        self.ask_as(tenant, target, "application/json")
    }
}

/// Only the live store is asked, and it keeps what it has: in the backend, the same spans could lie in other
/// blocks.
fn config(dir: &Path, ports: [u16; 4]) -> String {
    let (dir, doors) = (dir.display(), tempo_doors(ports));
    format!(
        "
target: all
multitenancy_enabled: true
stream_over_http_enabled: true
{doors}live_store:
  max_trace_live: 1h
  max_trace_idle: 2s
  flush_check_period: 500ms
  max_block_duration: 12s
  complete_block_timeout: 2h
  shutdown_marker_dir: {dir}/live/shutdown-marker
  wal: {{path: {dir}/live/traces, ingestion_time_range_slack: 4h}}
backend_scheduler:
  local_work_path: {dir}/scheduler
storage:
  trace:
    backend: local
    wal: {{path: {dir}/wal, ingestion_time_range_slack: 4h}}
    local: {{path: {dir}/blocks}}
metrics_generator:
  storage: {{path: {dir}/generator}}
query_frontend:
  search: {{query_backend_after: 3h, ingester_shards: 1}}
  metrics: {{query_backend_after: 3h}}
usage_report: {{reporting_enabled: false}}
"
    )
}
