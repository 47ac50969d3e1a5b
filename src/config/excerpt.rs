//! Findings as a person reads them in a terminal: what, where, the line with a mark under it, the
//! remedy. Readable without colour; a secret in the line is never shown.

use std::io::{self, Write};
use std::ops::Range;

use anstyle::{AnsiColor, Style};

use super::fault::{Finding, Level, Source};

/// Characters of a line that are shown; a longer one is cut around the mark.
const EXCERPT_CHARS_MAX: usize = 120;
/// Characters kept before the mark when a line is cut.
const LEAD_CHARS: usize = 40;
/// What is named like this is probably a secret.
const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "secret", "token", "bearer", "api-key", "apikey", "credential"];
/// What stands in a line of these may be a secret too, as long as the file cannot be parsed.
const SECRET_TABLES: [&str; 3] = ["auth", "header", "basic"];

/// Writes findings with ANSI styles; the writer is one that takes them away where they do not belong
/// (`anstream`).
pub fn write_findings(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        write_finding(out, finding, findings)?;
    }
    Ok(())
}

/// The same as a text without styles.
pub fn findings_text(findings: &[Finding]) -> String {
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = write_findings(&mut out, findings);
    anstream::adapter::strip_str(&String::from_utf8_lossy(&out)).to_string()
}

/// Whether a key or header by this name probably holds a secret.
pub(super) fn smells_of_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word)) || name == "authorization" || name == "cookie"
}

fn write_finding(out: &mut dyn Write, finding: &Finding, all: &[Finding]) -> io::Result<()> {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let level = level_style(finding.level);
    let (line, column) = finding.place.line_column();
    let margin = " ".repeat(line.to_string().len());
    let key = if finding.place.key.is_empty() { String::new() } else { format!("  {}", finding.place.key) };
    let name = &finding.place.source.name;
    writeln!(out, "{level}{}{level:#}{bold}: {}{bold:#}", finding.level.as_str(), finding.what)?;
    writeln!(out, "{margin}{dim}-->{dim:#} {name}:{line}:{column}{key}")?;
    if !finding.place.source.text.is_empty() {
        let (text, mark) = excerpt(finding, all);
        writeln!(out, "{margin} {dim}|{dim:#}")?;
        writeln!(out, "{dim}{line} |{dim:#} {text}")?;
        writeln!(out, "{margin} {dim}|{dim:#} {level}{mark}{level:#}")?;
    }
    writeln!(out, "{margin} {dim}={dim:#} remedy: {}", finding.remedy)?;
    writeln!(out)
}

fn level_style(level: Level) -> Style {
    let colour = match level {
        Level::Fault => AnsiColor::Red,
        Level::Warning => AnsiColor::Yellow,
        Level::Note => AnsiColor::Cyan,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

/// The line of a finding and the marks under it, both as shown.
fn excerpt(finding: &Finding, all: &[Finding]) -> (String, String) {
    let source = &*finding.place.source;
    let (number, column) = finding.place.line_column();
    let (line_start, line) = line_at(source, number);
    let hidden = hidden_ranges(source, line_start, line, all);
    let marked = finding.place.span.len();
    let span_end = finding.place.span.start.saturating_add(marked).min(line_start + line.len());
    let width = source.text.get(finding.place.span.start..span_end).map_or(0, |text| text.chars().count());
    let skipped =
        if line.chars().count() > EXCERPT_CHARS_MAX { column.saturating_sub(LEAD_CHARS) } else { 0 };
    let shown = line
        .char_indices()
        .map(|(at, c)| (hidden.iter().any(|range| range.contains(&(line_start + at))), c))
        .map(|(is_hidden, c)| if is_hidden { '*' } else { printable(c) })
        .skip(skipped)
        .take(EXCERPT_CHARS_MAX);
    let indent = (column - 1).saturating_sub(skipped);
    let carets = width.clamp(1, EXCERPT_CHARS_MAX.saturating_sub(indent).max(1));
    let text: String = shown.collect();
    (text.trim_end().to_owned(), format!("{}{}", " ".repeat(indent), "^".repeat(carets)))
}

/// Where a line begins, and its text.
fn line_at(source: &Source, number: usize) -> (usize, &str) {
    let mut start = 0;
    for (nth, line) in source.text.split_inclusive('\n').enumerate() {
        if nth + 1 == number {
            return (start, line.trim_end_matches(['\n', '\r']));
        }
        start += line.len();
    }
    (source.text.len(), "")
}

/// What of this line no excerpt may show: the places of inline secrets, whoever reports them, and the
/// value of a line that names a secret. The second also covers a line that could not be parsed.
fn hidden_ranges(source: &Source, line_start: usize, line: &str, all: &[Finding]) -> Vec<Range<usize>> {
    let mut hidden: Vec<Range<usize>> = all
        .iter()
        .filter(|finding| *finding.place.source == *source)
        .filter_map(|finding| finding.hidden.clone())
        .collect();
    let is_broken = all.iter().any(|finding| {
        finding.level == Level::Fault && finding.place.key.is_empty() && *finding.place.source == *source
    });
    let may_be_secret = smells_of_a_secret(line) || SECRET_TABLES.iter().any(|word| line.contains(word));
    if is_broken
        && may_be_secret
        && let Some(equals) = line.find('=')
    {
        hidden.push(line_start + equals + 1..line_start + line.len());
    }
    hidden
}

/// One character in the place of one, so that the marks stay under what they mark.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
