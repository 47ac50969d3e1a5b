//! Why a query is refused: what is wrong, where, and what would be right.
//!
//! One line for logs and answers ([`Error`]'s `Display`), several with a caret for a terminal
//! ([`Error::caret`]). Knows nothing of status codes.

use super::place::Place;
use std::fmt::Write as _;

/// Characters of a query line shown above the caret; longer lines are cut around the place.
const CARET_LINE_MAX: usize = 100;

/// Which gate refused the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The text is no TraceQL.
    Syntax,
    /// The text is TraceQL, but its types or values make no sense.
    Meaning,
    /// The text is TraceQL that Tempo parses but does not run.
    Unsupported,
}

/// A refusal of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub class: Class,
    pub place: Place,
    pub line: usize,
    pub column: usize,
    /// What is wrong; for the classes after syntax it begins with Tempo's own words.
    pub what: String,
    /// What would be right, when that can be said.
    pub remedy: Option<String>,
}

impl Error {
    pub fn new(class: Class, text: &str, place: Place, what: impl Into<String>) -> Self {
        let (line, column) = place.line_and_column(text);
        Self { class, place, line, column, what: what.into(), remedy: None }
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The error under the line of the query it is about, for a terminal.
    pub fn caret(&self, text: &str) -> String {
        let line: Vec<char> = text.lines().nth(self.line - 1).unwrap_or("").chars().collect();
        let at = (self.column - 1).min(line.len());
        let width = text
            .get(self.place.start as usize..self.place.end as usize)
            .map_or(1, |marked| marked.lines().next().unwrap_or("").chars().count())
            .clamp(1, (line.len() - at).max(1));
        let from = at.saturating_sub(CARET_LINE_MAX / 2);
        let shown: String = line.iter().skip(from).take(CARET_LINE_MAX).map(|c| visible(*c)).collect();
        let mut out = String::new();
        let _ = writeln!(out, "{}", self.what);
        let _ = writeln!(out, "  --> line {}, column {}", self.line, self.column);
        let _ = writeln!(out, "  | {shown}");
        let marks = "^".repeat(width.min(CARET_LINE_MAX - (at - from).min(CARET_LINE_MAX - 1)));
        let _ = write!(out, "  | {}{marks}", " ".repeat(at - from));
        if let Some(remedy) = &self.remedy {
            let _ = write!(out, "\n  = {remedy}");
        }
        out
    }
}

/// Tabs and other control characters would shift the caret, or act on the terminal.
fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

impl std::fmt::Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.class {
            Class::Syntax => {
                write!(out, "parse error at line {}, col {}: {}", self.line, self.column, self.what)?;
            }
            Class::Meaning | Class::Unsupported => {
                write!(out, "{} (line {}, col {})", self.what, self.line, self.column)?;
            }
        }
        match &self.remedy {
            Some(remedy) => write!(out, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
