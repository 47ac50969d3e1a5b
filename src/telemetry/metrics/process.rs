//! The process as the system sees it, under the names that every Prometheus client gives them: memory, open files,
//! time of the processor. Read when somebody asks; what the system does not tell stays at 0.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::time::{ClockId, clock_gettime};

/// Bytes of the text that the system tells of a process.
const TOLD_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Clone, Default)]
pub(super) struct ProcessFamilies {
    resident: Gauge,
    open_files: Gauge,
    open_files_max: Gauge,
    cpu: Counter<f64, AtomicU64>,
    threads: Gauge,
}

impl ProcessFamilies {
    /// Into a registry without a prefix.
    pub fn register(&self, r: &mut Registry) {
        r.register("process_resident_memory_bytes", "Memory that is held", self.resident.clone());
        r.register("process_open_fds", "Open files and sockets", self.open_files.clone());
        r.register("process_max_fds", "Files and sockets that may be open", self.open_files_max.clone());
        r.register("process_cpu_seconds", "Time of the processor, of all threads", self.cpu.clone());
        r.register("process_threads", "Threads", self.threads.clone());
    }

    /// Reads how it is now.
    pub fn look(&self) {
        let status = told("/proc/self/status");
        let number = |key: &str| number_after(&status, key);
        self.resident.set(number("VmRSS:").saturating_mul(1024));
        self.threads.set(number("Threads:"));
        self.open_files_max.set(number_after(&told("/proc/self/limits"), "Max open files"));
        // Its own handle on the folder is among them.
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, |open| open.count().saturating_sub(1));
        self.open_files.set(i64::try_from(open).unwrap_or(i64::MAX));
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        let spent = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
        // A counter is added to; the clock never goes back.
        let more = spent - self.cpu.get();
        if more > 0.0 {
            self.cpu.inc_by(more);
        }
    }
}

/// A file of the system about this process, as far as it is one.
fn told(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.len() > TOLD_BYTES_MAX { String::new() } else { text }
}

/// The first number in the line that begins with this.
fn number_after(text: &str, key: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_system_writes_them() {
        let status = "Name:\ttutti\nVmRSS:\t   20480 kB\nThreads:\t7\n";
        assert_eq!((number_after(status, "VmRSS:"), number_after(status, "Threads:")), (20480, 7));
        let limits = "Max open files            1024                 524288               files     \n";
        assert_eq!(number_after(limits, "Max open files"), 1024);
        assert_eq!(number_after("", "VmRSS:"), 0);
    }

    #[test]
    fn this_process_has_memory_and_threads_and_spends_time() {
        let process = ProcessFamilies::default();
        process.look();
        if cfg!(target_os = "linux") {
            assert!(process.resident.get() > 0 && process.threads.get() > 0 && process.open_files.get() > 0);
        }
        let before = process.cpu.get();
        process.look();
        assert!(before > 0.0 && process.cpu.get() >= before);
    }
}
