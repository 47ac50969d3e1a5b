//! The executable: which allocator, which command, which exit code. Everything else is the library's.

use std::process::ExitCode;

use tutti::cli::{self, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Some machines give every program huge pages, of which one small allocation keeps 2 MiB in memory: a ceiling that was
/// measured without them would not hold (`limits.memory_max`). Where the kernel refuses, nothing is lost but that.
#[cfg(target_os = "linux")]
fn keep_to_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_os = "linux"))]
fn keep_to_small_pages() {}

fn main() -> ExitCode {
    keep_to_small_pages();
    let command = match cli::command() {
        Ok(command) => command,
        Err(code) => return code,
    };
    match command {
        Command::Serve(args) => cli::serve::run(&args),
        Command::Check(args) => cli::check::main(&args),
        Command::Demo(args) => cli::demo::run(&args),
        Command::Trace(args) => cli::trace::run(&args),
        Command::Cache(args) => cli::cache::run(&args),
        Command::Policy(args) => cli::policy::main(&args),
        Command::Audit(args) => cli::audit::main(&args),
        Command::Redact(args) => cli::redact::main(&args),
        Command::Grant(args) => cli::grant::main(&args),
        Command::Lint(args) => cli::lint::main(&args),
        Command::Query(args) => cli::query::run(&args),
        Command::Token(args) => cli::token::main(&args),
        Command::Ready(args) => cli::ready::run(&args),
        Command::Vulture(args) => cli::vulture::run(&args),
    }
}
