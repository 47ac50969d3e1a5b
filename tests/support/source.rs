//! The repository as text, for the tests that hold its rules: files, and of Rust files the code alone,
//! with comments and the contents of literals blanked so that a word in a sentence is never an import.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a repository that cannot be read is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// One file, by its path from the root of the repository.
pub struct Source {
    pub path: String,
    pub text: String,
    /// The same lines with nothing but code in them.
    pub code: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file below a folder, in the order of their paths.
pub fn rust(folder: &str) -> Vec<Source> {
    let is_rust = |path: &&String| path.ends_with(".rs");
    files(folder).iter().filter(is_rust).map(|path| source(path)).collect()
}

fn source(path: &str) -> Source {
    let text = read(path);
    Source { path: path.to_owned(), code: code_of(&text), text }
}

/// Every file below a folder but hidden ones and what is built.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_ours =
                !name.starts_with('.') && name != "target" && name != "corpus" && name != "artifacts";
            match (path.is_dir(), is_ours || name == ".ci") {
                (true, true) => folders.push(path),
                (false, true) => found.push(relative(&path)),
                (_, false) => {}
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    let parts: PathBuf = path.strip_prefix(root()).unwrap().components().collect();
    parts.to_string_lossy().replace('\\', "/")
}

/// Blanks comments and the contents of texts and characters; line breaks stay where they are.
pub fn code_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (keep, length) = token(rest, first, out.chars().next_back());
        let (taken, after) = rest.split_at(length);
        match keep {
            true => out.push_str(taken),
            false => out.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = after;
    }
    out
}

/// Whether the next token is code, and its length in bytes.
fn token(rest: &str, first: char, before: Option<char>) -> (bool, usize) {
    let starts_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = rest.trim_start_matches(['b', 'c']);
    if rest.starts_with("//") {
        (false, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (false, block_comment(rest))
    } else if starts_word && rest.len() - raw.len() <= 1 && is_raw(raw) {
        let hashes = raw[1..].len() - raw[1..].trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = rest.len() - raw.len() + 2 + hashes;
        (false, rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len()))
    } else if first == '"' {
        (false, quoted(rest, '"'))
    } else if first == '\'' && is_character(rest) {
        (false, quoted(rest, '\''))
    } else {
        (true, first.len_utf8())
    }
}

fn is_raw(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
}

/// A character, and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    matches!((chars.next(), chars.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

fn quoted(text: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if !is_escaped && character == end {
            return at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The index after the bracket that closes the first one opened at or after `from`.
pub fn closing(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (at, character) in code[from..].char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth == 0 {
                    return from + at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The code without what only tests see: `#[cfg(test)]` items are blanked.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(at) = out.find("#[cfg(test)]") {
        let body = out[at + 12..].find(['{', ';']).map_or(out.len(), |offset| at + 12 + offset);
        let end = if out[body..].starts_with('{') { closing(&out, body) } else { (body + 1).min(out.len()) };
        let blank: String = out[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &blank);
    }
    out
}

/// Line of a byte offset, counted from 1.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
