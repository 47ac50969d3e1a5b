//! How much the process may come to hold: as written, or as much as most of the machine or of its container has. And
//! what of it is left for what is in flight, once everything is taken away that is held besides.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::fault::Findings;
use super::file::GivenLimits;
use super::given::{At, Given};
use crate::backend::settings::{KindSettings, RegionSettings};
use crate::cache::LocalitySettings;

/// Of the machine, or of the container, in percent: the rest is for the system, and for what nobody counts.
const SHARE_PERCENT: u64 = 80;

/// What the program itself takes before anything is asked: its code, its policies, its threads and connections.
const BASE_BYTES: u64 = 80 << 20;

/// A byte in flight costs so much more, in percent: the index of its spans, what is written anew where a value is
/// treated, buffers of connections, and what the allocator keeps. Measured with many large traces and slow readers: some
/// 115 (`tests/process/memory.rs` holds it).
const OVERHEAD_PERCENT: u64 = 150;

/// With less in flight than this no large trace could be answered.
const IN_FLIGHT_BYTES_MIN: u64 = 16 << 20;

/// What is supposed of a machine that does not say how much it has.
const MACHINE_BYTES: u64 = 2 << 30;

/// Files of the system that hold one number or a few lines.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Groups around this process that are looked at; deeper ones nobody makes.
const GROUPS_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Of the whole process.
    pub max: u64,
    /// Of what is in flight, and of what is cached of it.
    pub in_flight: u64,
    is_written: bool,
}

/// What embedded regions may hold is taken away: they hold it from the first day on. So is what is remembered of where
/// traces are.
pub(super) fn resolve(
    given: &GivenLimits,
    regions: &[RegionSettings],
    locality: &LocalitySettings,
    out: &mut Findings,
) -> Memory {
    let stores = regions.iter().map(|region| match &region.kind {
        KindSettings::Memory(memory) => memory.bytes_max,
        KindSettings::Tempo(_) | KindSettings::Tutti(_) => 0,
    });
    let stores: u64 = stores.fold(locality.bytes_max(regions.len()), u64::saturating_add);
    let of_machine = || machine_bytes().unwrap_or(MACHINE_BYTES) / 100 * SHARE_PERCENT;
    let max = given.memory_max.value().unwrap_or_else(of_machine);
    let left = max.saturating_sub(BASE_BYTES).saturating_sub(stores);
    let in_flight = left / (100 + OVERHEAD_PERCENT) * 100;
    if in_flight < IN_FLIGHT_BYTES_MIN
        && let Some(At { place, .. }) = given.memory_max.is()
    {
        let needed = BASE_BYTES + IN_FLIGHT_BYTES_MIN / 100 * (100 + OVERHEAD_PERCENT) + (1 << 20);
        let needed = in_mib(needed.saturating_add(stores));
        let what = "this leaves too little for answers: the program, the embedded regions and [locality] take their part of it";
        out.fault(
            place,
            what,
            format!("write \"{needed}\" at least, or lower `bytes_max` of embedded regions or `locality.traces_max`"),
        );
    }
    let is_written = given.memory_max.is().is_some();
    Memory { max, in_flight: in_flight.max(IN_FLIGHT_BYTES_MIN), is_written }
}

impl Memory {
    /// What may be cached: by default half of what may be in flight where that is less than usual. What is cached is
    /// part of it, and must leave as much for questions.
    pub(super) fn cache(&self, given: &Given<u64>, usual: u64, out: &mut Findings) -> u64 {
        let most = self.in_flight / 2;
        if let Some(at) = given.is()
            && at.value > most
        {
            let what = "what is cached would leave less than half of `limits.memory_max` for questions";
            let remedy = format!("write \"{}\" at most, or raise `limits.memory_max`", in_mib(most));
            if self.is_written {
                out.fault(&at.place, what, remedy);
            } else {
                out.warn(&at.place, what, remedy);
            }
        }
        given.value().unwrap_or_else(|| usual.min(most))
    }
}

fn in_mib(bytes: u64) -> String {
    format!("{}MiB", bytes >> 20)
}

/// The least of what the machine has and of what the groups allow that this process is in.
fn machine_bytes() -> Option<u64> {
    let of_machine = read("/proc/meminfo").and_then(|text| total_of(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let of_groups = limits_of(&groups).into_iter().filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    of_groups.chain(of_machine).min()
}

/// In kB, as the kernel writes it.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// Where the limits of these groups stand: of the second version, its group and all around it; of the first, its own.
/// In a container the root is the container's.
fn limits_of(groups: &str) -> Vec<String> {
    const ROOT: &str = "/sys/fs/cgroup";
    let mut files = vec![format!("{ROOT}/memory.max"), format!("{ROOT}/memory/memory.limit_in_bytes")];
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if controllers.is_empty() {
            let around = Path::new(path).ancestors().take(GROUPS_MAX);
            files.extend(around.map(|group| format!("{ROOT}{}/memory.max", group.display())));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            files.push(format!("{ROOT}/memory{path}/memory.limit_in_bytes"));
        }
    }
    files
}

fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_there_is() {
        assert_eq!(total_of("MemFree: 5 kB\nMemTotal:       16384256 kB\n"), Some(16_384_256 * 1024));
        assert_eq!(total_of("MemTotal: much"), None);
        let machine = machine_bytes().unwrap();
        assert!(machine > 64 << 20, "{machine}");
    }

    #[test]
    fn every_group_around_a_process_may_bound_it() {
        let second = limits_of("0::/kubepods/pod7\n");
        for path in ["/sys/fs/cgroup/kubepods/pod7/memory.max", "/sys/fs/cgroup/kubepods/memory.max"] {
            assert!(second.iter().any(|file| file == path), "{second:?}");
        }
        let first = limits_of("9:cpu,cpuacct:/a\n5:memory:/docker/x\n");
        assert!(first.iter().any(|file| file == "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes"));
        assert!(!first.iter().any(|file| file.contains("/a/")));
    }
}
