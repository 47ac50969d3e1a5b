//! The gateway as it is shipped, in a process of its own, and what the kernel says of a process. Linux only, since it
//! reads `/proc`. Knows nothing of what is asked.

#![allow(dead_code, reason = "each bench uses its part")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Ticks of the kernel's clock for processes in a second: USER_HZ, 100 on every Linux that is met.
const TICKS: f64 = 100.0;

/// `tutti serve`; killed when it is let go.
pub struct Gateway {
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Serves this configuration. `TUTTI_BENCH_EXECUTABLE` names another program than the one that was built with
    /// the bench, for one that was kept. What it logs from then on is handed on, a line at a time.
    pub fn start(config: &str, policies: Option<&str>, hear: impl Fn(&str) + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(rules) = policies {
            std::fs::create_dir(folder.path().join("policies")).unwrap();
            std::fs::write(folder.path().join("policies/keys.toml"), rules).unwrap();
        }
        let file = folder.path().join("regions.toml");
        std::fs::write(&file, config).unwrap();
        let program = std::env::var_os("TUTTI_BENCH_EXECUTABLE")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_tutti")), PathBuf::from);
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .env("RUST_LOG", "warn,tutti=info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next() else { panic!("the gateway ended:\n{said}") };
            let after = line.split("listen=").nth(1);
            if let Some(address) = after.and_then(|rest| rest.split_whitespace().next()) {
                break address.parse().unwrap();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // Somebody has to read on, or the child waits for its log.
        std::thread::spawn(move || lines.for_each(|line| hear(&line)));
        Self { child, address, folder }
    }

    /// Another text in the place of a file of its folder, as an editor saves it: whole, then moved into place.
    pub fn rewrite(&self, file: &str, text: &str) {
        let file = self.folder.path().join(file);
        let beside = self.folder.path().join("being-written");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, file).unwrap();
    }

    pub fn processor_seconds(&self) -> f64 {
        processor_seconds(self.child.id())
    }

    pub fn memory_kb(&self) -> MemoryKb {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        MemoryKb { resident: of("VmRSS:"), peak: of("VmHWM:") }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident now, and at most since it began.
#[derive(Debug, Clone, Copy)]
pub struct MemoryKb {
    pub resident: u64,
    pub peak: u64,
}

/// Processor time of a process and its threads so far.
pub fn processor_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Behind the name, which may hold anything: the state is field 3, utime and stime are 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}
