//! Four real Tempos and three gateways, all on loopback with files of their own. Three Tempos are the
//! regions; the fourth, the union, holds every span of all of them.
//!
//! Nothing of it outlives the estate: every process is killed when it is dropped, and its files go too.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use prost::Message;
use tempfile::TempDir;

use crate::http::{Reply, Request};
pub use crate::server::Server;
use crate::server::{eventually, free_port, is_taken, tempo_doors};
use crate::traces::{self, Kept, REGIONS};

/// Bytes over which the union calls a trace too large. Every random trace is far below.
pub const TRACE_BYTES_MAX: u64 = 60_000;

/// What a random choice starts from; set `TEMPO_SEED` for another.
const SEED: u64 = 20_260_821;

pub struct Estate {
    pub regions: Vec<Server>,
    pub union: Server,
    /// Adds nothing.
    pub plain: Server,
    /// Adds everything it can.
    pub adding: Server,
    /// Adds nothing, and has the union's limit of a trace.
    pub limited: Server,
    pub kept: Kept,
    _files: TempDir,
}

/// What only these tests ask of a server.
impl Server {
    pub fn get(&self, target: &str) -> Reply {
        self.send(&Request::get(target))
    }

    pub fn get_as(&self, target: &str, accept: &str) -> Reply {
        self.send(&Request::get(target).with(&[("Accept", accept)]))
    }

    /// Exports spans to a Tempo, and what it says to that.
    pub fn export(&self, body: &[u8]) -> Reply {
        let to = self.otlp.expect("only a Tempo takes spans");
        let headers = [("Content-Type", "application/x-protobuf")];
        let request = Request { method: "POST", target: "/v1/traces", headers: &headers, body };
        request.send(to).unwrap_or_else(|error| panic!("{} takes no spans: {error}", self.name))
    }
}

impl Estate {
    pub fn start(tempo: &Path) -> Result<Self, String> {
        let files = TempDir::new().map_err(|error| error.to_string())?;
        let at = |name: &str| files.path().join(name);
        // Begun together, since each takes its second to stand.
        let mut names: Vec<String> = REGIONS.iter().map(|name| (*name).to_owned()).collect();
        names.push("union".to_owned());
        let begun: Result<Vec<_>, String> =
            names.iter().map(|name| begin_tempo(tempo, name, &at(name))).collect();
        let mut begun = begun?;
        for server in &mut begun {
            let log = at(&server.name).join("log");
            if let Err(first) = server.wait_until_ready(&log) {
                // Another process may have taken a port between the choice and the start.
                *server = begin_tempo(tempo, &server.name, &at(&format!("{}-again", server.name)))?;
                let log = at(&format!("{}-again", server.name)).join("log");
                server.wait_until_ready(&log).map_err(|second| format!("{first}\nand again: {second}"))?;
            }
        }
        let union = begun.pop().ok_or("four Tempos were begun")?;
        let plain = begin_tutti("plain", &at("plain"), &begun, NO_ADDITIONS)?;
        let adding = begin_tutti("adding", &at("adding"), &begun, "")?;
        let limits = format!("{NO_ADDITIONS}\n[limits]\ntrace_bytes_max = {TRACE_BYTES_MAX}\n");
        let limited = begin_tutti("limited", &at("limited"), &begun, &limits)?;
        let kept = traces::all(seed());
        let estate = Self { regions: begun, union, plain, adding, limited, kept, _files: files };
        estate.fill()?;
        Ok(estate)
    }

    pub fn tempos(&self) -> impl Iterator<Item = &Server> {
        self.regions.iter().chain([&self.union])
    }

    /// Sends every span where it belongs and waits until all of them are stored: what a Tempo answers
    /// changes while spans wait in memory, lie in its log, and become a block.
    fn fill(&self) -> Result<(), String> {
        for (server, exports) in self.regions.iter().zip(&self.kept.by_region) {
            fill_one(server, exports)?;
        }
        fill_one(&self.union, &self.kept.union)?;
        // Last, so that all before it is at least as old.
        for server in self.tempos() {
            fill_one(server, &[traces::marker()])?;
        }
        let target = format!("/api/traces/{}?mode=blocks", traces::MARKER_ID);
        let is_stored = |server: &Server| server.get(&target).status == 200;
        if !eventually(|| self.tempos().all(is_stored)) {
            return Err("spans that were sent do not come to lie in blocks".to_owned());
        }
        self.limit_union()
    }

    /// Only now, since a Tempo that takes spans in applies the same limit to them; and with these overrides
    /// it takes none in at all, as they name no other limit.
    fn limit_union(&self) -> Result<(), String> {
        let text = format!(
            "overrides:\n  single-tenant:\n    global:\n      max_bytes_per_trace: {TRACE_BYTES_MAX}\n"
        );
        std::fs::write(self.overrides(), text).map_err(|error| error.to_string())?;
        let target = format!("/api/traces/{}", self.kept.large_in_one.id_hex());
        if eventually(|| self.union.get(&target).status == 422) {
            Ok(())
        } else {
            let reply = self.union.get(&target);
            Err(format!("the union does not take its limit up: it answers {}", reply.status))
        }
    }

    fn overrides(&self) -> PathBuf {
        overrides_of(self._files.path(), &self.union.name)
    }
}

fn overrides_of(files: &Path, name: &str) -> PathBuf {
    // Beside the instance's own folder, which may be a second try's.
    files.join(format!("{name}-overrides.yaml"))
}

fn fill_one(server: &Server, exports: &[traces::Export]) -> Result<(), String> {
    for export in exports {
        let reply = server.export(&export.encode_to_vec());
        if !is_taken(&reply) {
            return Err(format!("{} refuses spans: {} {}", server.name, reply.status, reply.text()));
        }
    }
    Ok(())
}

pub fn seed() -> u64 {
    std::env::var("TEMPO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED)
}

fn begin_tempo(program: &Path, name: &str, dir: &Path) -> Result<Server, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let [http, grpc, otlp, gossip] = [free_port()?, free_port()?, free_port()?, free_port()?];
    let overrides = overrides_of(dir.parent().unwrap_or(dir), name);
    std::fs::write(&overrides, "overrides: {}\n").map_err(|error| error.to_string())?;
    let text = tempo_config(dir, &overrides, [http, grpc, otlp, gossip]);
    let file = dir.join("tempo.yaml");
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let args = [format!("-config.file={}", file.display())];
    let mut server = Server::begin(name, program, &args, dir, http)?;
    server.otlp = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, otlp)));
    Ok(server)
}

/// Every path and port is the instance's own: Tempos on one machine share folders by default, and would
/// see each other's spans. Times are short, so that spans become blocks within seconds.
fn tempo_config(dir: &Path, overrides: &Path, ports: [u16; 4]) -> String {
    let (dir, overrides, doors) = (dir.display(), overrides.display(), tempo_doors(ports));
    format!(
        "
target: all
stream_over_http_enabled: true
{doors}live_store:
  max_trace_live: 2s
  max_trace_idle: 500ms
  flush_check_period: 500ms
  max_block_duration: 2s
  shutdown_marker_dir: {dir}/live/shutdown-marker
  wal: {{path: {dir}/live/traces}}
block_builder:
  wal: {{path: {dir}/block-builder}}
backend_scheduler:
  local_work_path: {dir}/scheduler
storage:
  trace:
    backend: local
    wal: {{path: {dir}/wal}}
    local: {{path: {dir}/blocks}}
    blocklist_poll: 1s
metrics_generator:
  storage: {{path: {dir}/generator}}
query_frontend:
  query_end_cutoff: 0s
  trace_by_id: {{query_shards: 2}}
overrides:
  per_tenant_override_config: {overrides}
  per_tenant_override_period: 1s
usage_report: {{reporting_enabled: false}}
"
    )
}

const NO_ADDITIONS: &str = "
[additions]
region = false
crossings = false
missing_region_spans = false
placeholder_parents = false
cycles = false
";

fn begin_tutti(name: &str, dir: &Path, regions: &[Server], tables: &str) -> Result<Server, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let mut text = format!("[gateway]\nregion = \"{}\"\npacks = []\n{tables}\n", REGIONS[0]);
    for region in regions {
        text.push_str(&format!(
            "[[region]]\nname = \"{}\"\njurisdiction = \"US\"\nkind = \"tempo\"\nurl = \"http://{}\"\n",
            region.name, region.http
        ));
    }
    let file = dir.join("regions.toml");
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let http = free_port()?;
    let args =
        ["serve".to_owned(), format!("--config={}", file.display()), format!("--listen=127.0.0.1:{http}")];
    let program = Path::new(env!("CARGO_BIN_EXE_tutti"));
    let mut server = Server::begin(name, program, &args, dir, http)?;
    server.wait_until_ready(&dir.join("log"))?;
    Ok(server)
}
