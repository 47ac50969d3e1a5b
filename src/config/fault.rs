//! What is wrong or unwise in a configuration, with its place and its remedy. Knows nothing of what the
//! keys mean; only a person reads these, so a finding is text and nothing branches on which one it is.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::world::Sources;

/// One file that a person wrote, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the caller wrote it.
    pub name: String,
    pub text: String,
}

/// A part of a file: the bytes, and the key path that leads there (`region[2].auth.bearer.env`,
/// counted from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
    pub key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The configuration is refused.
    Fault,
    /// Legal but unwise.
    Warning,
    /// Worth knowing, and nothing to do.
    Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub place: Place,
    /// What is wrong. Never holds a secret.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Bytes of the source that may hold a secret: no excerpt shows them, whatever it is of.
    pub hidden: Option<Range<usize>>,
}

/// Every fault of a configuration at once, and what was unwise in it besides.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Ordered by file and place.
    pub findings: Vec<Finding>,
    /// What was read, so that a watch can follow what would have to change.
    pub sources: Sources,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("`{}` cannot be read: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{0}")]
    Faulty(Faults),
}

/// Findings as they are made.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Line and column of a byte, both from 1; the column counts characters. A place behind the last
    /// line break belongs to the last line, so that a line always exists in an editor.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..self.floor(offset)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The largest place at or before `offset` that is a character of a line.
    fn floor(&self, offset: usize) -> usize {
        let ended = self.text.ends_with('\n');
        let last = if ended { self.text.len() - 1 } else { self.text.len() };
        (0..=offset.min(last)).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

impl Place {
    pub(super) fn whole(source: &Arc<Source>) -> Self {
        Self { source: source.clone(), span: 0..0, key: String::new() }
    }

    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.span.start)
    }
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// `file:line:column`, then the key path where there is one.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, ": {}", self.key) }
    }
}

/// One line, as a log takes it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.remedy)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.faults().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl Faults {
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == Level::Fault)
    }
}

impl Findings {
    pub(super) fn fault(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Fault, place, what.into(), remedy.into());
    }

    /// A fault at a place whose text must not be shown.
    pub(super) fn secret_fault(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.fault(place, what, remedy);
        self.hide(place.span.clone());
    }

    pub(super) fn warn(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Warning, place, what.into(), remedy.into());
    }

    pub(super) fn secret_warning(
        &mut self,
        place: &Place,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.warn(place, what, remedy);
        self.hide(place.span.clone());
    }

    pub(super) fn note(&mut self, place: &Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Note, place, what.into(), remedy.into());
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn has_faults(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Fault)
    }

    /// Faults first, then what is unwise, then notes; within each by file and place.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        let mut files: Vec<String> = Vec::new();
        for finding in &self.0 {
            if !files.contains(&finding.place.source.name) {
                files.push(finding.place.source.name.clone());
            }
        }
        // The file that was read first stays first.
        let file = |finding: &Finding| files.iter().position(|name| *name == finding.place.source.name);
        self.0.sort_by_key(|finding| (finding.level, file(finding), finding.place.span.start));
        self.0
    }

    fn push(&mut self, level: Level, place: &Place, what: String, remedy: String) {
        self.0.push(Finding { level, place: place.clone(), what, remedy, hidden: None });
    }

    /// Hides a part of the source that the last finding is about.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        if let Some(finding) = self.0.last_mut() {
            finding.hidden = Some(span);
        }
    }
}

/// Characters of a person's text that are repeated in a message.
const QUOTED_CHARS_MAX: usize = 60;

/// A person's text in backticks, short and without control characters, safe for a terminal and a log.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    // `escape_debug` also escapes quotes, which need none here.
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}
