//! What is proposed, as lines for a `classes.toml`, to be read by a person before they are kept. What is only likely
//! is a comment.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::seen::Judged;
use crate::classify::keys::ENTRY_BYTES_MAX;
use crate::classify::propose::{Confidence, Proposed};
use crate::cli::text::misleads;
use crate::redaction::Redactor;

/// The lines, or nothing where there is nothing to write.
pub(super) fn snippet(judged: &Judged<'_>, redactor: &Redactor) -> String {
    let (mut classes, mut safe, mut scan, mut open): (BTreeMap<&str, Vec<Entry<'_>>>, _, _, _) =
        (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
    for (key, proposal) in judged.by_key() {
        let entry = Entry { key, is_sure: proposal.confidence > Confidence::Low && can_be_listed(key) };
        match proposal.proposed {
            Proposed::Class(class) => {
                classes.entry(&redactor.classes().get(class).name).or_default().push(entry);
            }
            Proposed::Safe => safe.push(entry),
            Proposed::Scan => scan.push(entry),
            Proposed::Undecided => open.push(entry),
        }
    }
    let mut out = String::new();
    for (class, entries) in classes {
        table(&mut out, &format!("[[class]]\nname = {}", quoted(class)), &entries);
    }
    table(&mut out, "[safe]", &safe);
    table(&mut out, "[scan]", &scan);
    if !open.is_empty() {
        out.push_str("# To be decided: [safe], [scan], or a class.\n");
        for entry in &open {
            let _ = writeln!(out, "#   {}", quoted(entry.key));
        }
    }
    out
}

struct Entry<'k> {
    key: &'k str,
    is_sure: bool,
}

/// A table of which every line is likely only is a comment as a whole: an empty one would be a fault.
fn table(out: &mut String, head: &str, entries: &[Entry<'_>]) {
    if entries.is_empty() {
        return;
    }
    let before = if entries.iter().any(|entry| entry.is_sure) { "" } else { "# " };
    for line in head.lines() {
        let _ = writeln!(out, "{before}{line}");
    }
    let _ = writeln!(out, "{before}keys = [");
    for entry in entries {
        let comment = if entry.is_sure { "  " } else { "# " };
        let _ = writeln!(out, "{comment}{},", quoted(entry.key));
    }
    let _ = writeln!(out, "{before}]\n");
}

/// What the dictionary would refuse.
fn can_be_listed(key: &str) -> bool {
    key.len() <= ENTRY_BYTES_MAX && !key.contains('*') && key.bytes().any(|b| b.is_ascii_alphanumeric())
}

/// A basic string of TOML. What would mislead in a terminal or an editor is written as an escape.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || misleads(c) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
