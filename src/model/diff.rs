//! What a caller asks of two traces: how the second differs from the first.

use super::TraceQuery;

/// Two traces and the form of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffQuery {
    pub base: DiffSide,
    pub compare: DiffSide,
    pub format: DiffFormat,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffSide {
    pub query: TraceQuery,
    /// The id as the caller wrote it, which is how an error names the trace.
    pub written: String,
}

/// Tempo's formats of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DiffFormat {
    /// Every span that was added, removed or changed, and how.
    #[default]
    Patch,
    /// Directions, counts and services, whatever the size of the traces.
    Summary,
    /// The summary, and with it the patch where that is small.
    Composed,
}

impl DiffFormat {
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Patch, Self::Summary, Self::Composed].into_iter().find(|format| format.as_str() == text)
    }

    /// Its name in a request and the version its document bears.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Patch => "trace-patch-v0",
            Self::Summary => "trace-summary-v0-native",
            Self::Composed => "trace-summary-v0-composed",
        }
    }
}
