//! The rules of the house, as tests. `ARCHITECTURE.md` gives the reasons; a rule that is said twice in a
//! review belongs here or in `clippy.toml`.
//!
//! Tests keep the floors too: no exception was ever needed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a rule that cannot be read is a broken rule"
)]

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;

use source::{Source, closing, files, line, read, root, rust, without_tests};

/// Imports only point down. Rooms on one floor do not know each other.
const FLOORS: [&[&str]; 10] = [
    &["model"],
    &["wire", "traceql", "policy", "classify", "proof", "task", "telemetry"],
    &["trace", "audit"],
    &["redaction", "evaluate"],
    &["backend", "cache", "identity"],
    &["federation"],
    &["api", "ui"],
    &["config"],
    &["app", "demo"],
    &["cli", "main"],
];

/// Rooms that compute: same input, same output, no I/O, no clock, no waiting.
const PURE: [&str; 8] = ["model", "wire", "traceql", "policy", "classify", "trace", "redaction", "evaluate"];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions that are longer all the same: `(path, function, reason)`.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];

/// A word of code that belongs to some rooms, and who may use it besides: `(word, rooms, reason)`.
const OWNED: [(&str, &[&str], &str); 14] = [
    ("tokio::spawn", &["task"], "tasks die with their parent: use task::Group"),
    ("spawn_blocking", &["task"], "long work is bounded: use task::blocking"),
    ("thread::spawn", &["task"], "threads have no parent: use task::Group or task::blocking"),
    ("JoinSet", &["task"], "tasks die with their parent: use task::Group"),
    ("toml::", &["config"], "only config reads what a person wrote"),
    (
        "env::var",
        &["config", "cli"],
        "settings come from the configuration; cli reads what concerns a terminal",
    ),
    ("cedar_policy::", &["policy"], "only policy knows what decisions are written in"),
    (
        "fs::",
        &["config", "audit", "telemetry"],
        "only config reads files; audit has a log that must be on the disk, telemetry reads how the process is",
    ),
    ("prometheus_client", &["telemetry"], "every metric family is in one struct"),
    ("axum::", &["api", "ui"], "only the edge knows how it is served"),
    ("reqwest::", &["backend", "cli"], "regions are asked in backend; `tutti trace` asks a gateway"),
    ("prost::", &["wire", "demo"], "only wire knows protobuf; the demo's shop makes spans of it"),
    ("clap::", &["cli"], "nothing below the terminal knows that there is one"),
    ("moka::", &["cache"], "what is remembered, and for how long, stands in one room"),
];

/// Who may name an HTTP status. Only `api` answers with one; these read those of others.
const STATUS_READERS: [(&str, &str); 8] = [
    ("src/backend/tempo/mod.rs", "reads a region's answer"),
    ("src/backend/tempo/query.rs", "what a region says to a query"),
    ("src/backend/tempo/streaming.rs", "what it says to a call, as if over HTTP"),
    ("src/backend/peer/mod.rs", "reads a peer gateway's answer"),
    ("src/backend/peer/reading.rs", "what a peer says where it does not answer"),
    ("src/backend/fault.rs", "turns a region's status into a fault"),
    ("src/backend/simulated.rs", "fails as a region does"),
    ("src/cli/trace/client.rs", "reads a gateway's answer"),
];

/// The variables that `cli` may read: they say how a terminal is written to, and nothing of regions.
const TERMINAL_VARIABLES: [&str; 2] = ["COLUMNS", "TUTTI_LOG_FORMAT"];

fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether only tests see a file: by its name, or by how its parent declares it.
fn is_of_tests(path: &str, all: &[Source]) -> bool {
    let is_declared = all.iter().any(|parent| {
        let folder = match parent.path.strip_suffix("/mod.rs") {
            Some(folder) => folder.to_owned(),
            None => parent.path.trim_end_matches(".rs").to_owned(),
        };
        let Some(inside) = path.strip_prefix(&format!("{folder}/")) else { return false };
        let name = inside.split('/').next().unwrap().trim_end_matches(".rs");
        let mut items = parent.code.split("#[cfg(test)]").skip(1);
        items.any(|item| {
            item.split(';').next().is_some_and(|head| head.trim().ends_with(&format!("mod {name}")))
        })
    });
    is_declared || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The production code of `src`: files and parts that only tests see are left out.
fn production() -> Vec<(String, String)> {
    let all = rust("src");
    let of_tests = |file: &&Source| !is_of_tests(&file.path, &all);
    all.iter().filter(of_tests).map(|file| (file.path.clone(), without_tests(&file.code))).collect()
}

/// Where a word stands in code as a whole word at its beginning.
fn places(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !code[..*at].chars().next_back().is_some_and(is_part))
        .collect()
}

fn fail_if_any(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}

/// The rooms that a path after `crate::` leads to, also in groups.
fn rooms_named(after: &str) -> BTreeSet<String> {
    let first = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let after = after.trim_start();
    if !after.starts_with('{') {
        return BTreeSet::from([first(after)]);
    }
    let (mut depth, mut begin, mut found) = (0, 1, BTreeSet::new());
    for (at, character) in after[..closing(after, 0)].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (character == ',' && depth == 1) || depth == 0 {
            found.insert(first(after[begin..at].trim()));
            begin = at + 1;
        }
    }
    found.remove("");
    found
}

#[test]
fn imports_only_point_down() {
    let mut faults = Vec::new();
    for file in rust("src") {
        let own = room(&file.path);
        // The root of the library only lists the rooms.
        if own == "lib" {
            continue;
        }
        let own_floor = floor(own).unwrap_or_else(|| panic!("{}: `{own}` has no floor", file.path));
        let starts = ["crate::", "tutti::"]
            .into_iter()
            .flat_map(|start| places(&file.code, start).into_iter().map(move |at| (at, at + start.len())));
        for (at, after) in starts {
            for named in rooms_named(&file.code[after..]) {
                let is_below = named == own || floor(&named).is_some_and(|floor| floor < own_floor);
                if !is_below && own != "main" {
                    faults.push(format!("{}:{}: {own} imports {named}", file.path, line(&file.code, at)));
                }
            }
        }
    }
    fail_if_any(
        faults,
        "imports go up or sideways; a shared word belongs in `model`, or the talk one floor up",
    );
}

#[test]
fn no_import_leaves_its_room_by_super() {
    let mut faults = Vec::new();
    for file in rust("src") {
        let depth = file.path.trim_end_matches("/mod.rs").matches('/').count();
        let code = without_tests(&file.code);
        for at in places(&code, &"super::".repeat(depth)) {
            faults.push(format!("{}:{}", file.path, line(&code, at)));
        }
    }
    fail_if_any(faults, "another room is named by `crate::`, so that the way is seen");
}

#[test]
fn every_file_says_first_what_it_holds() {
    let all = ["src", "tests", "benches", "fuzz"].into_iter().flat_map(rust);
    let silent = all.filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    fail_if_any(silent.collect(), "files begin with `//!`");
}

#[test]
fn files_are_read_in_one_sitting() {
    let long = rust("src").into_iter().filter(|file| file.text.lines().count() > FILE_LINES_MAX);
    fail_if_any(long.map(|file| file.path).collect(), "files have at most 600 lines");
}

#[test]
fn functions_fit_a_screen() {
    let mut faults = Vec::new();
    for file in rust("src") {
        for at in places(&file.code, "fn ") {
            let name = rooms_named(&file.code[at + 3..]).pop_first().unwrap_or_default();
            let Some(lines) = function_lines(&file.code, at).filter(|lines| *lines > FUNCTION_LINES_MAX)
            else {
                continue;
            };
            if !LONG_FUNCTIONS.iter().any(|(path, function, _)| (*path, *function) == (&*file.path, &*name)) {
                faults.push(format!("{}:{}: {name} has {lines}", file.path, line(&file.code, at)));
            }
        }
    }
    fail_if_any(faults, "functions have at most 70 lines");
}

/// Lines of the function that begins at `at`, or none where it has no body or is a type.
fn function_lines(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, character) in code[at..].char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' | ',' if depth == 0 => return None,
            '{' if depth == 0 => {
                return Some(line(code, closing(code, at + offset) - 1) - line(code, at) + 1);
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

#[test]
fn each_room_keeps_what_is_its_own() {
    let mut faults = Vec::new();
    for (path, code) in production() {
        for (word, rooms, reason) in OWNED.iter().filter(|(_, rooms, _)| !rooms.contains(&room(&path))) {
            let _ = rooms;
            faults.extend(
                places(&code, word)
                    .into_iter()
                    .map(|at| format!("{path}:{}: `{word}`: {reason}", line(&code, at))),
            );
        }
    }
    fail_if_any(faults, "a word stands outside of its room");
}

#[test]
fn only_the_edge_answers_with_a_status() {
    let names_http = |line: &str| line.contains("StatusCode") && !line.contains("opentelemetry_proto");
    let mut faults = Vec::new();
    for (path, code) in production() {
        let is_allowed = room(&path) == "api" || STATUS_READERS.iter().any(|(reader, _)| *reader == path);
        if !is_allowed && code.lines().any(|line| line.trim_start().starts_with("use ") && names_http(line)) {
            faults.push(path);
        }
    }
    fail_if_any(faults, "only `api` names HTTP status codes");
}

#[test]
fn the_terminal_reads_no_settings_from_the_environment() {
    let mut faults = Vec::new();
    for file in rust("src/cli") {
        for at in places(&file.code, "env::var") {
            let call = &file.text[at..file.text[at..].find(')').map_or(file.text.len(), |end| at + end)];
            if !TERMINAL_VARIABLES.iter().any(|name| call.contains(&format!("\"{name}\""))) {
                faults.push(format!("{}: {call})", file.path));
            }
        }
    }
    fail_if_any(faults, "only `config` reads the environment, but for what concerns the terminal");
}

#[test]
fn rooms_that_compute_never_wait() {
    let mut faults = Vec::new();
    for (path, code) in production().into_iter().filter(|(path, _)| PURE.contains(&room(path))) {
        for word in [".await", "async ", "tokio::", "std::net", "Instant", "SystemTime", "tracing::"] {
            let found =
                code.match_indices(word).map(|(at, _)| format!("{path}:{}: `{word}`", line(&code, at)));
            faults.extend(found);
        }
    }
    fail_if_any(faults, "these rooms know no I/O, no clock and no log");
}

#[test]
fn words_of_the_domain_have_no_format() {
    let code = rust("src/model");
    let named = code.iter().flat_map(|file| {
        let words = ["serde", "prost", "bytes::", "http::"].into_iter();
        words.filter(|word| !places(&file.code, word).is_empty()).map(|word| format!("{}: {word}", file.path))
    });
    fail_if_any(named.collect(), "`model` is neither serialized nor sent");
}

#[test]
fn nothing_is_left_for_later_and_nothing_names_a_machine() {
    // Put together, so that this file does not find itself.
    let left = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["db", "g!("]].map(|parts| parts.concat());
    let places =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], ["/Use", "rs/"]].map(|parts| parts.concat());
    let mut faults = Vec::new();
    for path in files("").into_iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let found = left.iter().chain(&places).filter(|word| line.contains(word.as_str()));
            faults.extend(found.map(|word| format!("{path}:{}: `{word}`", number + 1)));
        }
    }
    fail_if_any(faults, "do it now or open an issue; paths are relative");
}

#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let names = |table: &str| manifest[table].as_table().unwrap().keys().cloned().collect::<Vec<_>>();
    let (src, others) =
        (rust("src"), ["tests", "benches"].map(rust).into_iter().flatten().collect::<Vec<_>>());
    let is_used = |name: &str, mut files: Box<dyn Iterator<Item = &Source> + '_>| {
        let path = format!("{}::", name.replace('-', "_"));
        files.any(|file| !places(&file.code, &path).is_empty())
    };
    let unused = names("dependencies").into_iter().filter(|name| !is_used(name, Box::new(src.iter())));
    let dev = names("dev-dependencies").into_iter();
    let dev = dev.filter(|name| !is_used(name, Box::new(src.iter().chain(&others))));
    fail_if_any(unused.chain(dev).collect(), "dependencies that nothing uses");
}

#[test]
fn the_check_before_a_merge_runs_what_the_readme_says() {
    let readme = read("README.md");
    let tests: Vec<&str> =
        readme.lines().map(str::trim).filter(|line| line.starts_with("cargo test")).collect();
    let [command] = tests.as_slice() else { panic!("README.md gives one command for the tests: {tests:?}") };
    let ci = read(".ci/run");
    assert!(ci.lines().any(|line| line.trim() == *command), "`.ci/run` does not run `{command}`");
}

#[test]
fn the_changelog_is_one() {
    const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    let text = read("CHANGELOG.md");
    assert!(text.starts_with("# Changelog\n"), "it begins with its title");
    let versions: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(versions.first(), Some(&"[Unreleased]"), "what is not released stands first");
    for version in versions.iter().skip(1) {
        let is_dated =
            version.starts_with('[') && version.split("] - ").nth(1).is_some_and(|d| d.len() == 10);
        assert!(is_dated, "`{version}` is not `[1.2.3] - 2026-01-31`");
    }
    for kind in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(KINDS.contains(&kind), "`{kind}` is none of {KINDS:?}");
    }
}

/// The reader itself: a rule over code that is not read as code would hold nothing.
#[test]
fn comments_and_texts_are_no_code() {
    let text = "use a; // crate::x\n/* crate::y /* z */ */ let s = \"crate::\\\"q\"; let c = '\"'; r#\"crate::\"w\"#; b'{'; f::<'a>(x)";
    let code = source::code_of(text);
    assert!(!code.contains("crate"), "{code}");
    assert!(code.starts_with("use a;") && code.contains("f::<'a>(x)"), "{code}");
    assert_eq!(code.chars().count(), text.chars().count());
    assert_eq!(rooms_named("{a::{b, c}, d, e::f as g};").into_iter().collect::<Vec<_>>(), ["a", "d", "e"]);
}

/// Nobody fuzzes with a lock file that does not fit any more, and only a toolchain of its own would say so.
#[test]
fn the_lock_file_of_the_fuzzers_knows_every_crate_of_the_library() {
    let (manifest, lock) = (read("Cargo.toml"), read("fuzz/Cargo.lock"));
    let part = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = part.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let names: Vec<&str> = names.filter_map(|line| line.split(" =").next()).collect();
    assert!(names.len() > 50, "{names:?}");
    let own = lock.split("[[package]]\n").find(|package| package.starts_with("name = \"tutti\"\n")).unwrap();
    // With its version behind it where there are several.
    let knows = |name: &&&str| own.contains(&format!(" \"{name}\"")) || own.contains(&format!(" \"{name} "));
    let unknown: Vec<_> = names.iter().filter(|name| !knows(name)).collect();
    assert!(unknown.is_empty(), "fuzz/Cargo.lock lacks {unknown:?}: run `cargo check` in fuzz/");
}
